//! WebAssembly: the same programs and libraries linked by rustc and through splitlink, the same byte
//! for byte, and run by Node.js. `dev/test` installs the standard libraries.

use anyhow::{Context, Result};
use splitlink_tests::rustc_fixture::project::{refused, words};
use splitlink_tests::rustc_fixture::tools::{Failure, Toolchain, run, skip, splitlink, succeed};
use splitlink_tests::rustc_fixture::two_ways::TwoWays;
use std::fs;
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

struct Build(TwoWays<'static>);

impl Build {
    fn new(name: &str, target: &str) -> Result<Option<Self>> {
        if run(Command::new("node").arg("--version")).is_err() {
            skip("no `node` here to run WebAssembly; install Node.js");
            return Ok(None);
        }
        let Some(ways) = TwoWays::new(Toolchain::stable(), &format!("webassembly-{name}"), target, "--edition=2024")? else {
            return Ok(None);
        };
        ways.write(&[
            ("dep.rs", DEP),
            ("app.rs", "fn main() { println!(\"{}\", dep::plain()); }\n"),
            ("library.rs", "#[unsafe(no_mangle)]\npub extern \"C\" fn answer() -> u64 { dep::plain() }\n"),
            ("c.c", "int inside(void) { return 7; }\n"),
            ("call.js", CALL),
            ("run.js", RUN),
        ])?;
        ways.run("clang --target=wasm32 -c c.c -o c.o")?;
        // GNU ar makes no index of such objects, and none is needed: an rlib has its own.
        ways.run("ar rcs libinside.a c.o")?;
        Ok(Some(Self(ways)))
    }

    /// Builds the library `dep` in both ways, with a native one inside: object by object, or as it
    /// is.
    fn dep(&self, modifiers: &str) -> Result<()> {
        self.0.library("dep", &format!("-Lnative=. -lstatic{modifiers}=inside"))
    }

    /// What Node.js prints when `script` is given what was linked.
    fn prints(&self, script: &str, name: &str) -> Result<String> {
        self.0.run(&format!("node --no-warnings {script} split/{name}"))
    }

    /// A module made of a staticlib, which shows that its index is good.
    fn of_staticlib(&self, name: &str) -> Result<()> {
        let host = Toolchain::stable().sysroot.join("lib/rustlib").join(&Toolchain::stable().host);
        let lld = host.join("bin/rust-lld");
        let flags = format!("-flavor wasm --no-entry --export=answer split/{name} -o split/{name}.wasm");
        succeed(Command::new(lld).args(words(&flags)).current_dir(&self.0.dir)).map(drop)
    }

    fn check(&self) -> Result<()> {
        for modifiers in ["", ":+whole-archive"] {
            self.dep(modifiers)?;
            for (source, crate_type, name) in
                [("app", "bin", "app.wasm"), ("library", "cdylib", "library.wasm"), ("library", "staticlib", "liblibrary.a")]
            {
                self.0.link_the_same(source, crate_type, name).with_context(|| format!("with `-lstatic{modifiers}`"))?;
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
    let again = build.0.dir.join("split/libdep.rlib");
    let whole = fs::read(&again)?;
    fs::write(&again, &whole[..whole.len() / 2])?;
    let link = "link-only --plan split/app.wasm.json --modules split/app.wasm.modules --rlib-dir split --output split/broken";
    refused(&run(Command::new(splitlink()).args(words(link)).current_dir(&build.0.dir))?, &["libdep.rlib", "not a whole Rust library"])?;
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
    let interface = build.0.dir.join("interface.rmeta");
    let dep = "dep.rs --crate-name=dep --crate-type=rlib -Cmetadata=1 -Copt-level=0";
    succeed(&mut build.0.phase("metadata --interface --output interface.rmeta", dep))?;
    let with = fs::read(&interface)?;
    succeed(&mut build.0.phase("metadata --output interface.rmeta", dep))?;
    assert!(with == fs::read(&interface)?, "an interface was made");
    Ok(())
}
