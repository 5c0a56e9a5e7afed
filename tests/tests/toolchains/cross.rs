//! Other processors: the same programs and libraries linked by rustc and through splitlink with a
//! cross compiler, the same byte for byte, and run by an emulator. `dev/test targets` installs what
//! this needs.

use anyhow::{Context, Result, ensure};
use splitlink_tests::rustc_fixture::tools::{Failure, Toolchain, run, skip, succeed};
use splitlink_tests::rustc_fixture::two_ways::TwoWays;
use std::fs;
use std::path::Path;
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

const SOURCES: [(&str, &str); 3] = [
    ("dep.rs", "pub fn value<T: Into<u64>>(x: T) -> u64 { x.into() + 40 }\npub fn plain() -> u64 { value(2u8) }\n"),
    ("app.rs", "fn main() { println!(\"{} {:?}\", dep::plain(), std::panic::catch_unwind(|| panic!(\"caught\")).is_err()); }\n"),
    ("library.rs", "#[no_mangle]\npub extern \"C\" fn answer() -> u64 { dep::plain() }\n"),
];

impl Target {
    /// Builds each crate type in both ways, and the program with LTO.
    fn check(&self, build: &TwoWays<'_>, toolchain: &Toolchain) -> Result<()> {
        build.write(&SOURCES)?;
        build.library("dep", "")?;
        for (source, crate_type, name) in [
            ("app", "bin", "app"),
            ("library", "cdylib", "liblibrary.so"),
            ("library", "staticlib", "liblibrary.a"),
            ("library", "dylib", "libdylib.so"),
        ] {
            build.link_the_same(source, crate_type, name)?;
        }
        ensure!(self.prints(build, "split/app")? == "42 true\n", "the program prints something else");
        fs::create_dir_all(build.dir.join("lto"))?;
        let dep = "dep.rs --crate-name=dep --crate-type=rlib -Cmetadata=1";
        succeed(&mut build.phase("metadata --lto --output lto/libdep.rmeta", dep))?;
        succeed(&mut build.phase("codegen --lto --output lto/libdep.rlib --published-metadata lto/libdep.rmeta", dep))?;
        let plan = "--plan lto/plan.json --modules lto/modules";
        succeed(&mut build.phase(&format!("no-link --lto {plan} --metadata-dir lto"), "app.rs --extern dep -o lto/app"))?;
        for mode in ["thin", "fat"] {
            let mut link = build.link_only(&format!("{plan} --rlib-dir lto --output lto/{mode}"));
            succeed(link.args(toolchain.lto_options(mode))).with_context(|| format!("{mode} LTO"))?;
            ensure!(self.prints(build, &format!("lto/{mode}"))? == "42 true\n", "with {mode} LTO the program prints something else");
        }
        Ok(())
    }

    fn prints(&self, build: &TwoWays<'_>, program: &str) -> Result<String> {
        build.run(&format!("{} -L {} {program}", self.emulator, self.root))
    }
}

fn check(target: &Target) -> Result<(), Failure> {
    for toolchain in Toolchain::installed() {
        let programs = [target.linker, target.emulator];
        if let Some(missing) = programs.iter().find(|program| run(Command::new(program).arg("--version")).is_err()) {
            skip(&format!("no `{missing}` here, so nothing is built for {}; `dev/test targets` installs it", target.triple));
            continue;
        }
        ensure_root(target)?;
        let flags = format!("--edition=2021 -Clinker={}", target.linker);
        let Some(build) = TwoWays::new(toolchain, &format!("cross-{}-{}", target.triple, toolchain.name), target.triple, &flags)? else {
            continue;
        };
        target.check(&build, toolchain).with_context(|| format!("{} with {}", target.triple, toolchain.name))?;
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
