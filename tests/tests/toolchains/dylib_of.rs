//! The dylib of a library that is compiled already, used by a program through splitlink and through
//! rustc.

use anyhow::{Context, Result, ensure};
use splitlink_tests::rustc_fixture::elf;
use splitlink_tests::rustc_fixture::project::words;
use splitlink_tests::rustc_fixture::tools::{Failure, Toolchain, empty_folder, splitlink, succeed};
use std::fs;
use std::path::PathBuf;
use std::process::Command;

struct Build {
    toolchain: &'static Toolchain,
    dir: PathBuf,
}

impl Build {
    fn splitlink(&self, options: &str, rustc: &str) -> Result<()> {
        let mut command = Command::new(splitlink());
        command.args(words(options)).current_dir(&self.dir);
        if rustc.is_empty() {
            command.arg("--sysroot").arg(&self.toolchain.sysroot);
        } else {
            command.arg("--").arg(&self.toolchain.rustc).args(words(rustc));
        }
        succeed(&mut command).map(|_| ()).with_context(|| format!("{options} with {}", self.toolchain.name))
    }

    fn prints(&self, program: &str, expected: &str) -> Result<()> {
        let library_path = std::env::join_paths([self.dir.clone(), self.toolchain.libdir()])?;
        let output = succeed(Command::new(self.dir.join(program)).env("LD_LIBRARY_PATH", library_path))?;
        ensure!(String::from_utf8_lossy(&output.stdout) == expected, "`{program}` prints {output:?}");
        Ok(())
    }
}

#[test]
fn a_dylib_of_a_compiled_library() -> Result<(), Failure> {
    Ok(check()?)
}

fn check() -> Result<()> {
    for toolchain in Toolchain::installed() {
        let build = Build { toolchain, dir: empty_folder(&format!("dylib_of-{}", toolchain.name))? };
        fs::write(
            build.dir.join("dep.rs"),
            "pub fn plain() -> u64 { value(2u8) }\npub fn value<T: Into<u64>>(x: T) -> u64 { x.into() + 40 }\n",
        )?;
        fs::write(build.dir.join("app.rs"), "fn main() { println!(\"{}\", dep::plain() + dep::value(0u8)); }\n")?;
        let dep = "dep.rs --crate-name=dep --crate-type=rlib --edition=2021 -Cextra-filename=-1 -Cmetadata=1";
        let app = "app.rs --crate-name=app --edition=2021 --extern=dep=libdep-1.rlib -o absent/app";
        build.splitlink("metadata --output libdep-1.rmeta", dep)?;
        build.splitlink("codegen --output libdep-1.rlib --published-metadata libdep-1.rmeta", dep)?;
        build.splitlink("no-link --dylib-of libdep-1.rmeta --metadata libdep-1.rmeta --plan dep.json --modules dep.modules", dep)?;
        let dynamic = if toolchain.has_std_dylib() {
            let libdir = toolchain.libdir();
            let (rustc, libdir) = (toolchain.rustc.display(), libdir.display());
            succeed(
                Command::new(splitlink())
                    .current_dir(&build.dir)
                    .args(words(&format!("std-manifest --output std.json --rustc {rustc} --libdir {libdir}"))),
            )?;
            "--prefer-dynamic --std-manifest std.json"
        } else {
            "--prefer-dynamic"
        };
        build.splitlink(
            &format!("link-only --plan dep.json --modules dep.modules --rlib libdep-1.rlib {dynamic} --output libdep-1.so"),
            "",
        )?;
        build.splitlink("no-link --metadata libdep-1.rmeta --plan app.json --modules app.modules", app)?;
        build.splitlink(&format!("link-only --plan app.json --modules app.modules --dylib libdep-1.so {dynamic} --output app"), "")?;
        let facts = elf::describe(&build.dir.join("app"))?;
        ensure!(facts.iter().any(|fact| fact.starts_with("needed libdep-1.so")), "{}: {facts:#?}", toolchain.name);
        build.prints("app", "82\n").with_context(|| toolchain.name)?;
        // rustc itself reads the dylib's metadata.
        let mut rustc = toolchain.command(&build.dir);
        succeed(rustc.args(words("app.rs --crate-name=app --edition=2021 --extern=dep=libdep-1.so -Cprefer-dynamic -o by_rustc")))?;
        build.prints("by_rustc", "82\n").with_context(|| toolchain.name)?;
    }
    Ok(())
}
