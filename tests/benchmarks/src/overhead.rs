//! What splitlink costs on top of rustc and the linker: `dev/bench overhead`.
//!
//! no-link is measured against the same rustc call whose linker exits at once, on a crate that
//! takes more than a second and has 200 dependencies; link-only with a linker that exits at once,
//! so that all the time is its own.

use crate::measure::{medians_in_turn, time};
use anyhow::{Context, Result, bail};
use splitlink_tests::rustc_fixture::tools::repository;
use std::fmt::Write;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const DEPENDENCIES: usize = 200;

pub const USAGE: &str = "usage: dev/bench overhead [ROUNDS]";

pub fn bench(args: &[String]) -> Result<()> {
    let rounds = args.first().map_or(Ok(15), |n| n.parse()).context(USAGE)?;
    let dir = std::env::temp_dir().join(format!("splitlink-bench-overhead-{}", std::process::id()));
    fs::create_dir_all(&dir)?;
    let result = measure(&dir, rounds);
    if std::env::var_os("KEEP").is_none() {
        fs::remove_dir_all(&dir)?;
    }
    result
}

fn measure(dir: &Path, rounds: usize) -> Result<()> {
    let bench = Bench { dir, splitlink: splitlink()? };
    eprintln!("compiling {DEPENDENCIES} dependencies …");
    bench.dependencies()?;
    fs::write(dir.join("main.rs"), program())?;
    let linker = bench.linker_that_exits()?;
    // As rules and Cargo call rustc: a linker of its own name, one --extern for each direct
    // dependency.
    let rustc = |args: &[String]| -> Result<Duration> { time(Command::new("rustc").args(args).current_dir(dir)) };
    let plain = [bench.rustc_args("libs"), vec![format!("-Clinker={linker}"), "-o".into(), "plain".into()]].concat();
    let no_link =
        [bench.no_link_args(), bench.rustc_args("nowhere"), vec![format!("-Clinker={linker}"), "-o".into(), "app".into()]].concat();
    eprintln!("{rounds} rounds of rustc and no-link in turn …");
    let medians = medians_in_turn(
        rounds,
        &mut [&mut || rustc(&plain), &mut || time(Command::new(&bench.splitlink).args(&no_link).current_dir(dir))],
    )?;
    let [plain, no_link] = medians[..] else { bail!("two were measured") };
    println!("no-link, {DEPENDENCIES} dependencies");
    println!("  rustc, linker exits at once   {:8.1} ms", millis(plain));
    println!("  splitlink no-link             {:8.1} ms   ratio {:.3}", millis(no_link), no_link.as_secs_f64() / plain.as_secs_f64());

    let link_only = bench.link_only_args()?;
    let medians = medians_in_turn(
        rounds,
        &mut [&mut || time(Command::new(&linker).current_dir(dir).args(["-o", "nothing"])), &mut || {
            time(Command::new(&bench.splitlink).args(&link_only).current_dir(dir))
        }],
    )?;
    let [linker, link_only] = medians[..] else { bail!("two were measured") };
    println!("link-only, {DEPENDENCIES} dependencies, linker exits at once");
    println!("  the linker alone              {:8.1} ms", millis(linker));
    println!("  splitlink link-only           {:8.1} ms   its own {:.1} ms", millis(link_only), millis(link_only) - millis(linker));
    Ok(())
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

/// The optimised program: what is measured is what users run.
fn splitlink() -> Result<PathBuf> {
    let root = repository();
    time(Command::new("cargo").args(["build", "--release", "--locked", "-p", "splitlink"]).current_dir(root))?;
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    Ok(target.join("release/splitlink"))
}

struct Bench<'a> {
    dir: &'a Path,
    splitlink: PathBuf,
}

impl Bench<'_> {
    fn dependencies(&self) -> Result<()> {
        fs::create_dir_all(self.dir.join("libs"))?;
        for n in 0..DEPENDENCIES {
            let mut source = String::new();
            for f in 0..40 {
                writeln!(source, "#[derive(Debug, Clone, PartialEq)] pub struct S{f} {{ pub a: u32, pub b: String }}")?;
                writeln!(
                    source,
                    "/// Documentation.\npub fn f{f}<T: std::fmt::Debug>(t: &T) -> String {{ format!(\"{{t:?}} {n} {f}\") }}"
                )?;
            }
            fs::write(self.dir.join("dep.rs"), source)?;
            let args = [format!("--crate-name=dep{n}"), format!("--emit=metadata=libs/libdep{n}-1.rmeta,link=libs/libdep{n}-1.rlib")];
            time(
                Command::new("rustc")
                    .args(["--edition=2024", "--crate-type=rlib", "-Cextra-filename=-1", "-Cmetadata=-1", "dep.rs"])
                    .args(args)
                    .current_dir(self.dir),
            )?;
        }
        Ok(())
    }

    /// A linker that does nothing but make its output.
    fn linker_that_exits(&self) -> Result<String> {
        let path = self.dir.join("linker");
        fs::write(&path, "#!/bin/sh\nfor arg; do [ \"$last\" = -o ] && : > \"$arg\"; last=$arg; done\n")?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
        Ok(path.to_string_lossy().into_owned())
    }

    fn rustc_args(&self, libs: &str) -> Vec<String> {
        let mut args: Vec<String> =
            ["--edition=2024", "--crate-name=app", "--crate-type=bin", "-Copt-level=2", "main.rs"].map(Into::into).into();
        for n in 0..DEPENDENCIES {
            args.push(format!("--extern=dep{n}={libs}/libdep{n}-1.rlib"));
        }
        args
    }

    fn no_link_args(&self) -> Vec<String> {
        let mut args: Vec<String> = ["no-link", "--plan", "plan.json", "--modules", "modules"].map(Into::into).into();
        for n in 0..DEPENDENCIES {
            args.push(format!("--metadata=libs/libdep{n}-1.rmeta"));
        }
        args.extend(["--".into(), "rustc".into()]);
        args
    }

    fn link_only_args(&self) -> Result<Vec<String>> {
        let sysroot = Command::new("rustc").args(["--print", "sysroot"]).output()?;
        let sysroot = String::from_utf8(sysroot.stdout)?;
        let mut args: Vec<String> =
            ["link-only", "--plan", "plan.json", "--modules", "modules", "--output", "app", "--sysroot", sysroot.trim()]
                .map(Into::into)
                .into();
        for n in 0..DEPENDENCIES {
            args.push(format!("--rlib=libs/libdep{n}-1.rlib"));
        }
        Ok(args)
    }
}

/// A program that uses every dependency and takes rustc more than a second.
fn program() -> String {
    let mut source = String::from("fn main() {\n");
    for n in 0..DEPENDENCIES {
        writeln!(source, "    println!(\"{{}}\", dep{n}::f{}(&dep{n}::S{} {{ a: {n}, b: String::new() }}));", n % 40, n % 40)
            .expect("a string takes it");
        writeln!(source, "    println!(\"{{}}\", dep{n}::f{}(&vec![Some({n}u8), None]));", (n + 7) % 40).expect("a string takes it");
    }
    source.push_str("}\n");
    source
}
