//! Other processors: the same programs and libraries linked by rustc and through splitlink with a
//! cross compiler, the same byte for byte, and run by an emulator. `dev/test targets` installs what
//! this needs.

use anyhow::{Context, Result, ensure};
use splitlink_tests::rustc_fixture::project::words;
use splitlink_tests::rustc_fixture::tools::{Failure, Toolchain, empty_folder, names_in, run, skip, splitlink, succeed};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

struct Target {
    triple: &'static str,
    linker: &'static str,
    emulator: &'static str,
    /// Where the emulator finds the loader and the C library.
    root: &'static str,
}

const TARGETS: &[Target] = &[
    Target {
        triple: "aarch64-unknown-linux-gnu",
        linker: "aarch64-linux-gnu-gcc",
        emulator: "qemu-aarch64",
        root: "/usr/aarch64-linux-gnu",
    },
    Target {
        triple: "armv7-unknown-linux-gnueabihf",
        linker: "arm-linux-gnueabihf-gcc",
        emulator: "qemu-arm",
        root: "/usr/arm-linux-gnueabihf",
    },
    Target {
        triple: "riscv64gc-unknown-linux-gnu",
        linker: "riscv64-linux-gnu-gcc",
        emulator: "qemu-riscv64",
        root: "/usr/riscv64-linux-gnu",
    },
    Target { triple: "i686-unknown-linux-gnu", linker: "i686-linux-gnu-gcc", emulator: "qemu-i386", root: "/usr/i686-linux-gnu" },
];

struct Build<'a> {
    toolchain: &'a Toolchain,
    target: &'a Target,
    dir: PathBuf,
}

impl Build<'_> {
    fn flags(&self) -> String {
        format!("--edition=2021 -Copt-level=2 --target={} -Clinker={}", self.target.triple, self.target.linker)
    }

    fn rustc(&self, args: &str) -> Result<()> {
        succeed(self.toolchain.command(&self.dir).args(words(&format!("{args} {}", self.flags())))).map(drop)
    }

    fn compile(&self, options: &str, rustc: &str) -> Result<()> {
        let mut command = Command::new(splitlink());
        command.args(words(options)).current_dir(&self.dir).arg("--").arg(&self.toolchain.rustc);
        succeed(command.args(words(&format!("{rustc} {}", self.flags())))).map(drop)
    }

    fn link(&self, options: &str) -> Result<()> {
        let mut command = Command::new(splitlink());
        command.args(words(&format!("link-only {options}"))).current_dir(&self.dir).arg("--sysroot").arg(&self.toolchain.sysroot);
        succeed(&mut command).map(drop)
    }

    fn prints(&self, program: &str) -> Result<String> {
        let output = succeed(Command::new(self.target.emulator).args(["-L", self.target.root]).arg(self.dir.join(program)))?;
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Builds each crate type in both ways, and the program with LTO.
    fn check(&self) -> Result<()> {
        fs::write(
            self.dir.join("dep.rs"),
            "pub fn value<T: Into<u64>>(x: T) -> u64 { x.into() + 40 }\npub fn plain() -> u64 { value(2u8) }\n",
        )?;
        let app = "fn main() { println!(\"{} {:?}\", dep::plain(), std::panic::catch_unwind(|| panic!(\"caught\")).is_err()); }\n";
        fs::write(self.dir.join("app.rs"), app)?;
        fs::write(self.dir.join("library.rs"), "#[no_mangle]\npub extern \"C\" fn answer() -> u64 { dep::plain() }\n")?;
        for folder in ["reference", "split", "lto"] {
            fs::create_dir_all(self.dir.join(folder))?;
        }
        let dep = "dep.rs --crate-name=dep --crate-type=rlib -Cmetadata=1";
        for (folder, lto) in [("split", ""), ("lto", "--lto")] {
            self.compile(&format!("metadata {lto} --output {folder}/libdep.rmeta"), dep)?;
            self.compile(&format!("codegen {lto} --output {folder}/libdep.rlib --published-metadata {folder}/libdep.rmeta"), dep)?;
        }
        self.rustc(&format!("{dep} --emit=metadata,link -Cembed-bitcode=no --error-format=json --json=artifacts --out-dir=reference"))?;
        self.same("libdep.rlib")?;
        for (source, crate_type, name) in [
            ("app", "bin", "app"),
            ("library", "cdylib", "liblibrary.so"),
            ("library", "staticlib", "liblibrary.a"),
            ("library", "dylib", "libdylib.so"),
        ] {
            let args = format!("{source}.rs --crate-type={crate_type} -Cmetadata=2");
            self.rustc(&format!("{args} --extern=dep=reference/libdep.rlib -o reference/{name}"))?;
            let outputs = format!("--plan split/{name}.json --modules split/{name}.modules");
            self.compile(
                &format!("no-link {outputs} --metadata-dir split"),
                &format!("{args} --extern=dep=reference/libdep.rlib -o reference/{name}"),
            )?;
            self.link(&format!("{outputs} --rlib-dir split --output split/{name}"))?;
            self.same(name)?;
        }
        ensure!(self.prints("split/app")? == "42 true\n", "the program prints something else");
        self.compile("no-link --lto --plan lto/plan.json --modules lto/modules --metadata-dir lto", "app.rs --extern dep -o lto/app")?;
        for mode in ["thin", "fat"] {
            let mut command = Command::new(splitlink());
            command.args(words(&format!("link-only --plan lto/plan.json --modules lto/modules --rlib-dir lto --output lto/{mode}")));
            succeed(command.current_dir(&self.dir).arg("--sysroot").arg(&self.toolchain.sysroot).args(self.toolchain.lto_options(mode)))
                .with_context(|| format!("{mode} LTO"))?;
            ensure!(self.prints(&format!("lto/{mode}"))? == "42 true\n", "with {mode} LTO the program prints something else");
        }
        Ok(())
    }

    fn same(&self, name: &str) -> Result<()> {
        let [reference, split] = ["reference", "split"].map(|folder| fs::read(self.dir.join(folder).join(name)));
        ensure!(reference? == split?, "rustc's `{name}` and splitlink's differ");
        Ok(())
    }
}

fn check(target: &Target) -> Result<(), Failure> {
    for toolchain in Toolchain::installed() {
        let libdir = toolchain.sysroot.join("lib/rustlib").join(target.triple).join("lib");
        if names_in(&libdir).is_empty() {
            skip(&format!("{} has no standard library for {}; `dev/test targets` installs one", toolchain.name, target.triple));
            continue;
        }
        let programs = [target.linker, target.emulator];
        if let Some(missing) = programs.iter().find(|program| run(Command::new(program).arg("--version")).is_err()) {
            skip(&format!("no `{missing}` here, so nothing is built for {}; `dev/test targets` installs it", target.triple));
            continue;
        }
        ensure_root(target)?;
        let dir = empty_folder(&format!("cross-{}-{}", target.triple, toolchain.name))?;
        Build { toolchain, target, dir }.check().with_context(|| format!("{} with {}", target.triple, toolchain.name))?;
    }
    Ok(())
}

fn ensure_root(target: &Target) -> Result<()> {
    ensure!(Path::new(target.root).is_dir(), "`{}` is installed without the C library in `{}`", target.linker, target.root);
    Ok(())
}

#[test]
fn aarch64() -> Result<(), Failure> {
    check(&TARGETS[0])
}

#[test]
fn armv7() -> Result<(), Failure> {
    check(&TARGETS[1])
}

#[test]
fn riscv64() -> Result<(), Failure> {
    check(&TARGETS[2])
}

#[test]
fn i686() -> Result<(), Failure> {
    check(&TARGETS[3])
}
