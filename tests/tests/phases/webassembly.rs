//! WebAssembly: the same programs and libraries linked by rustc and through splitlink, the same byte
//! for byte, and run by Node.js. `dev/test` installs the standard libraries.

use anyhow::{Context, Result, ensure};
use splitlink_tests::rustc_fixture::project::{refused, words};
use splitlink_tests::rustc_fixture::tools::{Failure, Toolchain, empty_folder, names_in, run, skip, splitlink, succeed};
use std::fs;
use std::path::PathBuf;
use std::process::Command;

/// Prints what the function `answer` of a module returns.
const CALL: &str = "const fs = require('fs');
WebAssembly.instantiate(fs.readFileSync(process.argv[2]), {}).then(({instance}) => console.log(String(instance.exports.answer())));
";

/// Runs a module as a program of WASI.
const RUN: &str = "const fs = require('fs');
const {WASI} = require('node:wasi');
const wasi = new WASI({version: 'preview1', args: ['app']});
WebAssembly.instantiate(fs.readFileSync(process.argv[2]), {wasi_snapshot_preview1: wasi.wasiImport}).then(({instance}) => wasi.start(instance));
";

const DEP: &str = "unsafe extern \"C\" { safe fn inside() -> i32; }
pub fn value<T: Into<u64>>(x: T) -> u64 { x.into() + 33 + inside() as u64 }
pub fn plain() -> u64 { value(2u8) }
";

struct Build {
    target: &'static str,
    dir: PathBuf,
}

impl Build {
    fn new(name: &str, target: &'static str) -> Result<Option<Self>> {
        let toolchain = Toolchain::stable();
        if names_in(&toolchain.sysroot.join("lib/rustlib").join(target).join("lib")).is_empty() {
            skip(&format!("no standard library for {target}; `rustup target add {target}` installs it"));
            return Ok(None);
        }
        if run(Command::new("node").arg("--version")).is_err() {
            skip("no `node` here to run WebAssembly; install Node.js");
            return Ok(None);
        }
        let dir = empty_folder(&format!("webassembly-{name}"))?;
        for (file, text) in [
            ("dep.rs", DEP),
            ("app.rs", "fn main() { println!(\"{}\", dep::plain()); }\n"),
            ("library.rs", "#[unsafe(no_mangle)]\npub extern \"C\" fn answer() -> u64 { dep::plain() }\n"),
            ("c.c", "int inside(void) { return 7; }\n"),
            ("call.js", CALL),
            ("run.js", RUN),
        ] {
            fs::write(dir.join(file), text)?;
        }
        for folder in ["reference", "split"] {
            fs::create_dir_all(dir.join(folder))?;
        }
        // GNU ar makes no index of such objects, and none is needed: an rlib has its own.
        succeed(Command::new("clang").current_dir(&dir).args(words("--target=wasm32 -c c.c -o c.o")))?;
        succeed(Command::new("ar").current_dir(&dir).args(["rcs", "libinside.a", "c.o"]))?;
        Ok(Some(Self { target, dir }))
    }

    fn rustc(&self, args: &str) -> Result<()> {
        let args = format!("{args} --edition=2024 -Copt-level=2 --target={}", self.target);
        succeed(Toolchain::stable().command(&self.dir).args(words(&args))).map(drop)
    }

    fn phase(&self, options: &str, rustc: &str) -> Command {
        let mut command = Command::new(splitlink());
        command.args(words(options)).current_dir(&self.dir).arg("--").arg(&Toolchain::stable().rustc);
        command.args(words(&format!("{rustc} --edition=2024 -Copt-level=2 --target={}", self.target)));
        command
    }

    /// Builds the library `dep` in both ways, with a native one inside: object by object, or as it
    /// is.
    fn dep(&self, modifiers: &str) -> Result<()> {
        let dep = format!("dep.rs --crate-name=dep --crate-type=rlib -Cmetadata=1 -Lnative=. -lstatic{modifiers}=inside");
        succeed(&mut self.phase("metadata --output split/libdep.rmeta", &dep))?;
        succeed(&mut self.phase("codegen --output split/libdep.rlib --published-metadata split/libdep.rmeta", &dep))?;
        let kinds = "--emit=metadata,link -Cembed-bitcode=no --error-format=json --json=artifacts";
        self.rustc(&format!("{dep} {kinds} --out-dir=reference"))?;
        self.same("libdep.rlib")
    }

    /// Links a crate in both ways.
    fn link(&self, source: &str, crate_type: &str, name: &str) -> Result<()> {
        let args = format!("{source}.rs --crate-type={crate_type} -Cmetadata=2 --extern=dep=reference/libdep.rlib -o reference/{name}");
        self.rustc(&args)?;
        let plan = format!("--plan split/{name}.json --modules split/{name}.modules");
        succeed(&mut self.phase(&format!("no-link {plan} --metadata-dir split"), &args))?;
        let text = fs::read_to_string(self.dir.join(format!("split/{name}.json")))?;
        ensure!(
            text.contains("\"sysroot-crate\"") && !text.contains("/rustlib/self") && !text.contains("\"/"),
            "the plan names a folder here: {text}"
        );
        let mut link_only = Command::new(splitlink());
        link_only
            .args(words(&format!("link-only {plan} --rlib-dir split --output split/{name} --sysroot")))
            .arg(&Toolchain::stable().sysroot);
        succeed(link_only.current_dir(&self.dir))?;
        self.same(name)
    }

    fn same(&self, name: &str) -> Result<()> {
        let [reference, split] = ["reference", "split"].map(|folder| fs::read(self.dir.join(folder).join(name)));
        ensure!(reference? == split?, "rustc's `{name}` and splitlink's differ");
        Ok(())
    }

    /// What Node.js prints when `script` is given what was linked.
    fn prints(&self, script: &str, name: &str) -> Result<String> {
        let output = succeed(Command::new("node").current_dir(&self.dir).args(["--no-warnings", script, &format!("split/{name}")]))?;
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// A module made of a staticlib, which shows that its index is good.
    fn of_staticlib(&self, name: &str) -> Result<()> {
        let host = Toolchain::stable().sysroot.join("lib/rustlib").join(&Toolchain::stable().host);
        let mut lld = Command::new(host.join("bin/rust-lld"));
        lld.args(words(&format!("-flavor wasm --no-entry --export=answer split/{name} -o split/{name}.wasm")));
        succeed(lld.current_dir(&self.dir)).map(drop)
    }

    fn check(&self) -> Result<()> {
        for modifiers in ["", ":+whole-archive"] {
            self.dep(modifiers)?;
            for (source, crate_type, name) in
                [("app", "bin", "app.wasm"), ("library", "cdylib", "library.wasm"), ("library", "staticlib", "liblibrary.a")]
            {
                self.link(source, crate_type, name).with_context(|| format!("the {crate_type} with `-lstatic{modifiers}`"))?;
            }
        }
        Ok(())
    }
}

#[test]
fn without_a_system() -> Result<(), Failure> {
    let Some(build) = Build::new("alone", "wasm32-unknown-unknown")? else { return Ok(()) };
    build.check()?;
    build.of_staticlib("liblibrary.a")?;
    for name in ["library.wasm", "liblibrary.a.wasm"] {
        assert_eq!(build.prints("call.js", name)?, "42\n", "{name}");
    }
    let again = build.dir.join("split/libdep.rlib");
    let whole = fs::read(&again)?;
    fs::write(&again, &whole[..whole.len() / 2])?;
    let link = "link-only --plan split/app.wasm.json --modules split/app.wasm.modules --rlib-dir split --output split/broken";
    refused(&run(Command::new(splitlink()).args(words(link)).current_dir(&build.dir))?, &["libdep.rlib", "not a whole Rust library"])?;
    Ok(())
}

#[test]
fn of_wasi() -> Result<(), Failure> {
    let Some(build) = Build::new("wasi", "wasm32-wasip1")? else { return Ok(()) };
    build.check()?;
    assert_eq!(build.prints("run.js", "app.wasm")?, "42\n");
    Ok(())
}

#[test]
fn what_is_not_done() -> Result<(), Failure> {
    let Some(build) = Build::new("refused", "wasm32-unknown-unknown")? else { return Ok(()) };
    build.dep("")?;
    // An interface would be wrapped in an ELF object: the real metadata is taken.
    let interface = build.dir.join("interface.rmeta");
    let dep = "dep.rs --crate-name=dep --crate-type=rlib -Cmetadata=1 -Copt-level=0";
    succeed(&mut build.phase("metadata --interface --output interface.rmeta", dep))?;
    let with = fs::read(&interface)?;
    succeed(&mut build.phase("metadata --output interface.rmeta", dep))?;
    assert!(with == fs::read(&interface)?, "an interface was made");
    Ok(())
}
