//! musl: the same programs and libraries linked by rustc and through splitlink, byte for byte. A
//! program is static unless `-crt-static` is asked for, and its start-up objects and C library come
//! with the toolchain.

use anyhow::{Context, Result, ensure};
use splitlink_tests::rustc_fixture::project::words;
use splitlink_tests::rustc_fixture::tools::{Failure, Toolchain, empty_folder, names_in, run, skip, splitlink, succeed};
use std::fs;
use std::path::PathBuf;
use std::process::Command;

const TARGET: &str = "x86_64-unknown-linux-musl";

/// Source, crate type, flags. What is not static needs a compiler driver for musl.
const ARTIFACTS: &[(&str, &str, &str)] = &[
    ("app", "bin", ""),
    ("app", "bin", "-Crelocation-model=static"),
    ("app", "bin", "-Clink-self-contained=no -Crelocation-model=static -Clinker=musl-gcc -Lnative=gcc"),
    ("app", "bin", "-Cpanic=abort"),
    ("app", "bin", "-Ctarget-feature=-crt-static -Clinker=musl-gcc -Lnative=gcc"),
    ("library", "staticlib", ""),
    ("library", "cdylib", "-Ctarget-feature=-crt-static -Clinker=musl-gcc -Lnative=gcc"),
    ("library", "dylib", "-Ctarget-feature=-crt-static -Clinker=musl-gcc -Lnative=gcc"),
];

struct Build<'a> {
    toolchain: &'a Toolchain,
    dir: PathBuf,
}

impl Build<'_> {
    fn rustc(&self, args: &str) -> Result<()> {
        succeed(self.toolchain.command(&self.dir).args(words(args))).map(drop)
    }

    fn compile(&self, options: &str, rustc: &str) -> Result<()> {
        let mut command = Command::new(splitlink());
        command.args(words(options)).current_dir(&self.dir).arg("--").arg(&self.toolchain.rustc);
        succeed(command.args(words(rustc))).map(drop)
    }

    fn link(&self, options: &str, lto: Option<&str>) -> Result<()> {
        let mut command = Command::new(splitlink());
        command.args(words(&format!("link-only {options}"))).current_dir(&self.dir).arg("--sysroot").arg(&self.toolchain.sysroot);
        succeed(command.args(lto.into_iter().flat_map(|mode| self.toolchain.lto_options(mode)))).map(drop)
    }

    fn prints(&self, program: &str) -> Result<()> {
        let output = succeed(&mut Command::new(self.dir.join(program)))?;
        ensure!(output.stdout == b"42 true\n", "`{program}` prints {:?}", String::from_utf8_lossy(&output.stdout));
        Ok(())
    }

    fn same(&self, name: &str) -> Result<()> {
        let [reference, split] = ["reference", "split"].map(|folder| fs::read(self.dir.join(folder).join(name)));
        ensure!(reference? == split?, "rustc's `{name}` and splitlink's differ");
        Ok(())
    }

    fn libdir(&self) -> PathBuf {
        self.toolchain.sysroot.join("lib/rustlib").join(TARGET).join("lib")
    }

    fn write_sources(&self) -> Result<()> {
        let write = |name: &str, text: &str| fs::write(self.dir.join(name), text);
        write("dep.rs", "pub fn value<T: Into<u64>>(x: T) -> u64 { x.into() + 40 }\npub fn plain() -> u64 { value(2u8) }\n")?;
        let print = "println!(\"{} {:?}\", two!(dep::plain()), caught)";
        // Under panic=abort nothing is caught.
        let caught = "cfg!(panic = \"abort\") || std::panic::catch_unwind(|| panic!(\"caught\")).is_err()";
        write("app.rs", &format!("use macros::two;\nfn main() {{ let caught = {caught}; {print}; }}\n"))?;
        write("library.rs", "#[no_mangle]\npub extern \"C\" fn answer() -> u64 { dep::plain() }\n")?;
        let two = "use proc_macro::TokenStream;\n#[proc_macro]\npub fn two(x: TokenStream) -> TokenStream { x }\n";
        write("macros.rs", &format!("extern crate proc_macro;\n{two}"))?;
        for folder in ["reference", "split", "lto", "gcc"] {
            fs::create_dir_all(self.dir.join(folder))?;
        }
        // What is not static needs a libgcc_s for musl, which Debian has not.
        let unwind = self.libdir().join("self-contained/libunwind.a");
        fs::copy(&unwind, self.dir.join("gcc/libunwind.a"))?;
        write("gcc/libgcc_s.so", &format!("INPUT({})\n", unwind.display()))?;
        Ok(())
    }

    /// The proc macro, which is the host's, and the library.
    fn build_dependencies(&self) -> Result<()> {
        let macros = "macros.rs --crate-type=proc-macro --edition=2021 -o reference/libmacros.so";
        self.rustc(macros)?;
        self.compile("no-link --plan split/macros.json --modules split/macros", macros)?;
        self.link("--plan split/macros.json --modules split/macros --output split/libmacros.so", None)?;
        self.same("libmacros.so")?;
        let dep = format!("dep.rs --crate-name=dep --crate-type=rlib --edition=2021 -Copt-level=2 -Cmetadata=1 --target={TARGET}");
        for (folder, lto) in [("split", ""), ("lto", "--lto")] {
            self.compile(&format!("metadata {lto} --output {folder}/libdep.rmeta"), &dep)?;
            self.compile(&format!("codegen {lto} --output {folder}/libdep.rlib --published-metadata {folder}/libdep.rmeta"), &dep)?;
        }
        self.rustc(&format!("{dep} --emit=metadata,link -Cembed-bitcode=no --error-format=json --json=artifacts --out-dir=reference"))?;
        self.same("libdep.rlib")
    }

    fn check(&self) -> Result<()> {
        self.write_sources()?;
        self.build_dependencies()?;
        let common = format!("--edition=2021 -Copt-level=2 --target={TARGET} --extern=dep=reference/libdep.rlib");
        for (number, (source, crate_type, flags)) in ARTIFACTS.iter().enumerate() {
            let name = format!("{number}.{crate_type}");
            let macros = if *source == "app" { "--extern=macros=reference/libmacros.so" } else { "" };
            let args = format!("{source}.rs --crate-type={crate_type} -Cmetadata=2 {common} {macros} {flags} -o reference/{name}");
            let check = || -> Result<()> {
                self.rustc(&args)?;
                let outputs = format!("--plan split/{name}.json --modules split/{name}.modules");
                self.compile(&format!("no-link {outputs} --metadata-dir split --proc-macro reference/libmacros.so"), &args)?;
                self.link(&format!("{outputs} --rlib split/libdep.rlib --output split/{name}"), None)?;
                self.same(&name)?;
                if *crate_type == "bin" { self.prints(&format!("split/{name}")) } else { Ok(()) }
            };
            check().with_context(|| format!("{crate_type} {flags}"))?;
        }
        self.check_lto(&common)
    }

    fn check_lto(&self, common: &str) -> Result<()> {
        let no_link =
            "no-link --lto --plan lto/plan.json --modules lto/modules --metadata lto/libdep.rmeta --proc-macro reference/libmacros.so";
        for flags in ["", "-Ctarget-feature=-crt-static -Clinker=musl-gcc -Lnative=gcc"] {
            self.compile(no_link, &format!("app.rs {common} {flags} --extern=macros=reference/libmacros.so -o lto/app"))?;
            for mode in ["thin", "fat"] {
                let check = || {
                    self.link(
                        &format!("--plan lto/plan.json --modules lto/modules --rlib lto/libdep.rlib --output lto/{mode}"),
                        Some(mode),
                    )?;
                    self.prints(&format!("lto/{mode}"))
                };
                check().with_context(|| format!("{mode} LTO {flags}"))?;
            }
        }
        Ok(())
    }
}

#[test]
fn programs_and_libraries() -> Result<(), Failure> {
    // rustup's own has one, if any.
    let mut toolchains: Vec<_> = Toolchain::installed().collect();
    if !toolchains.is_empty() {
        toolchains.push(Toolchain::stable());
    }
    for toolchain in toolchains {
        let dir = empty_folder(&format!("musl-{}", toolchain.name))?;
        let build = Build { toolchain, dir };
        if names_in(&build.libdir()).is_empty() {
            skip(&format!(
                "{} has no standard library for {TARGET}, so nothing is built for it; `rustup target add {TARGET}` installs one",
                toolchain.name
            ));
            continue;
        }
        if run(Command::new("musl-gcc").arg("--version")).is_err() {
            skip(&format!("no `musl-gcc` here, so nothing is built for {TARGET}; `dev/test targets` installs it"));
            continue;
        }
        build.check().with_context(|| format!("{TARGET} with {}", toolchain.name))?;
    }
    Ok(())
}
