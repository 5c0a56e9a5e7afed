//! What LTO costs and brings, against rustc's own: `dev/bench lto [ROUNDS [PROGRAM [distributed]]]`;
//! with the last word only distributed thin LTO, against one action.
//!
//! Cargo compiles a published program's dependencies as for `lto = "fat"` and `codegen-units = 1`,
//! and its rustc call for the program itself is recorded. That call is then repeated, with
//! `-Clto=fat` and `-Clto=thin`, in turn with splitlink's no-link and link-only for the same crate
//! and the same dependencies: compiling the program's own crate counts on both sides. The relink is
//! link-only alone, from a cache of thin LTO that was filled before one line of the crate `itoa`
//! changed. Then the same is linked by distributed thin LTO, in processor seconds, for others may use the
//! machine as well; `simulate_schedules.py lto` computes how long that takes with many of them.

mod distributed;

use crate::measure::median;
use anyhow::{Context, Result, bail, ensure};
use distributed::Cost;
use splitlink_tests::real_programs::{HYPERFINE, Program, RIPGREP, XH, cache, sources};
use splitlink_tests::rustc_fixture::tools::repository;
use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// A crate that all programs depend on, and that depends on none.
const LEAF: &str = "itoa";

/// How its functions begin that make text of integers: in version 1.0.18, and in 1.0.15.
const HEADS: [&str; 2] =
    ["fn fmt(self, buf: &mut Self::Buffer) -> usize {\n", "fn write(self, buf: &mut [MaybeUninit<u8>; $max_len]) -> &str {\n"];

/// What Cargo sets that is no part of what the crate is compiled from.
const OF_CARGO_ITSELF: [&str; 3] = ["LD_LIBRARY_PATH", "MFLAGS", "RUSTC_WRAPPER"];

pub const USAGE: &str = "usage: dev/bench lto [ROUNDS [rg|hyperfine|xh [distributed]]]";

pub fn bench(args: &[String]) -> Result<()> {
    let mut args = args.iter().cloned();
    let rounds: usize = args.next().map_or(Ok(3), |n| n.parse()).context(USAGE)?;
    ensure!(rounds > 0, "one round at least; {USAGE}");
    let bin = args.next().unwrap_or_else(|| "rg".to_owned());
    let programs = [RIPGREP, HYPERFINE, XH];
    let program = programs.into_iter().find(|program| program.bin == bin).with_context(|| format!("no program `{bin}`; {USAGE}"))?;
    let only_distributed = match args.next().as_deref() {
        None => false,
        Some("distributed") => true,
        Some(other) => bail!("no part `{other}`; {USAGE}"),
    };
    let bench = Bench::new(Program { features: &[], ..program })?;
    let call = bench.record()?;
    if only_distributed {
        println!("{} {}", program.package, program.version);
        bench.no_link(&call)?;
        let before = bench.in_parts_before(&call)?;
        bench.change_a_leaf()?;
        let call = bench.record()?;
        bench.no_link(&call)?;
        return bench.in_parts_after(&call, &before);
    }

    println!("{} {}, {rounds} rounds in turn, medians", program.package, program.version);
    for mode in ["fat", "thin"] {
        let [mut rustc, mut ours, mut link] = [const { Vec::new() }; 3];
        let mut peaks = [0; 2];
        for round in 0..rounds {
            eprintln!("{mode}, round {} of {rounds} …", round + 1);
            let (taken, peak) = bench.rustc(&call, mode)?;
            rustc.push(taken);
            peaks[0] = peaks[0].max(peak);
            let (compiled, of_compiling) = bench.no_link(&call)?;
            let (linked, of_linking) = bench.link_only(&call, mode, None)?;
            ours.push(compiled + linked);
            link.push(linked);
            peaks[1] = peaks[1].max(of_compiling).max(of_linking);
        }
        let [rustc, ours, link] = [rustc, ours, link].map(median).map(|taken| taken.as_secs_f64());
        let programs = [bench.out("rustc"), bench.out("splitlink")];
        println!("  {mode}: rustc {rustc:.1} s, splitlink {ours:.1} s (link-only {link:.1} s), ratio {:.2}", ours / rustc);
        #[expect(clippy::cast_precision_loss, reason = "for people")]
        {
            for (what, sections) in [("text", TEXT), ("data", DATA)] {
                let [reference, split] = [size_of(&programs[0], sections)?, size_of(&programs[1], sections)?];
                println!("    {what} {reference} and {split} bytes, ratio {:.3}", split as f64 / reference as f64);
            }
            println!("    peak memory {} and {} MiB, ratio {:.2}", peaks[0] >> 10, peaks[1] >> 10, peaks[1] as f64 / peaks[0] as f64);
        }
    }

    eprintln!("relinking after a change …");
    let cached = bench.dir.join("lto-cache");
    let _ = fs::remove_dir_all(&cached);
    bench.no_link(&call)?;
    bench.link_only(&call, "thin", Some(&cached))?;
    let before = bench.in_parts_before(&call)?;
    bench.change_a_leaf()?;
    let call = bench.record()?;
    let [mut rustc, mut ours] = [const { Vec::new() }; 2];
    bench.no_link(&call)?;
    for round in 0..rounds {
        rustc.push(bench.rustc(&call, "thin")?.0);
        // Each round finds what the first link left, and nothing of the rounds before.
        let copy = bench.dir.join(format!("lto-cache-{round}"));
        let _ = fs::remove_dir_all(&copy);
        ensure!(Command::new("cp").arg("-a").arg(&cached).arg(&copy).status()?.success(), "cannot copy the cache");
        ours.push(bench.link_only(&call, "thin", Some(&copy))?.0);
        fs::remove_dir_all(&copy)?;
    }
    let [rustc, ours] = [rustc, ours].map(median).map(|taken| taken.as_secs_f64());
    println!("  after a change in `{LEAF}`: rustc {rustc:.1} s, link-only from the cache {ours:.1} s, ratio {:.2}", ours / rustc);
    bench.in_parts_after(&call, &before)
}

/// A recorded call of rustc.
struct Call {
    args: Vec<OsString>,
    env: Vec<(OsString, OsString)>,
}

struct Bench {
    program: Program,
    dir: PathBuf,
    splitlink: PathBuf,
    sysroot: String,
    triple: String,
}

impl Bench {
    fn new(program: Program) -> Result<Self> {
        let root = repository();
        let build = ["build", "--release", "--locked", "-p", "splitlink", "-p", "splitlink-lto"];
        ensure!(Command::new("cargo").args(build).current_dir(root).status()?.success(), "splitlink does not build");
        let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
        let printed = |args: &[&str]| -> Result<String> {
            let output = Command::new("rustc").args(args).output()?;
            Ok(String::from_utf8(output.stdout)?.trim().to_owned())
        };
        let dir = cache()?.join("bench_lto").join(program.package);
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir_all(&dir)?;
        sources::download(&dir.join("sources"), &dir, &[program])?;
        let triple = printed(&["--print", "host-tuple"])?;
        Ok(Self { program, dir, splitlink: target.join("release/splitlink"), sysroot: printed(&["--print", "sysroot"])?, triple })
    }

    fn out(&self, who: &str) -> PathBuf {
        self.dir.join(format!("{}-{who}", self.program.bin))
    }

    fn deps(&self) -> PathBuf {
        self.dir.join("target").join(&self.triple).join("release/deps")
    }

    /// Has Cargo build the program, and returns its call of rustc for the program's own crate.
    fn record(&self) -> Result<Call> {
        eprintln!("Cargo compiles {} and its dependencies …", self.program.package);
        let wrapper = self.dir.join("record");
        let recorded = self.dir.join("recorded");
        let script = format!(
            "#!/bin/sh\ncase \" $* \" in *\" --crate-name {} \"*\" --crate-type bin \"*)\nfor arg; do printf '%s\\0' \"$arg\"; done > '{1}.args'; env -0 > '{1}.env';;\nesac\nexec \"$@\"\n",
            self.program.bin,
            recorded.display()
        );
        fs::write(&wrapper, script)?;
        fs::set_permissions(&wrapper, fs::Permissions::from_mode(0o755))?;
        let mut cargo = Command::new("cargo");
        cargo.current_dir(self.dir.join(self.program.package)).args(["build", "--quiet", "--release", "--bin", self.program.bin]);
        cargo.args(["--offline", "--config", &format!("patch.crates-io.itoa.path='{}'", self.leaf()?.display())]);
        cargo.args(["--target", &self.triple, "--target-dir"]).arg(self.dir.join("target")).env("RUSTC_WRAPPER", &wrapper);
        for (key, value) in [("CODEGEN_UNITS", "1"), ("DEBUG", "0"), ("LTO", "fat"), ("PANIC", "unwind"), ("STRIP", "none")] {
            cargo.env(format!("CARGO_PROFILE_RELEASE_{key}"), value);
        }
        cargo.env("GIT_DIR", "none").env_remove("RUSTFLAGS").env_remove("CARGO_TARGET_DIR");
        ensure!(cargo.status()?.success(), "Cargo cannot build {}", self.program.package);
        let read = |name: &str| -> Result<Vec<OsString>> {
            let bytes = fs::read(recorded.with_extension(name)).context("Cargo's call of rustc was not recorded")?;
            Ok(bytes.split(|byte| *byte == 0).filter(|part| !part.is_empty()).map(|part| OsString::from_vec(part.to_vec())).collect())
        };
        let mut args = Vec::new();
        let mut all = read("args")?.into_iter();
        while let Some(arg) = all.next() {
            let text = arg.to_string_lossy().into_owned();
            match text.as_str() {
                "-C" => {
                    let value = all.next().context("`-C` lacks its value")?;
                    let key = value.to_string_lossy().split('=').next().unwrap_or_default().to_owned();
                    if !["lto", "embed-bitcode", "linker-plugin-lto", "extra-filename"].contains(&&*key) {
                        args.extend([arg, value]);
                    }
                }
                "--out-dir" => drop(all.next()),
                _ if text.starts_with("--json") || text.starts_with("--error-format") || text.starts_with("--emit") => {}
                _ => args.push(arg),
            }
        }
        let pairs = read("env")?.into_iter().filter_map(|pair| {
            let pair = pair.to_string_lossy().into_owned();
            let (key, value) = pair.split_once('=')?;
            // Cargo's own, and what a build script asks for.
            let is_given = key.starts_with("CARGO") || (std::env::var_os(key).is_none() && !OF_CARGO_ITSELF.contains(&key));
            (is_given && !key.contains("MAKEFLAGS")).then(|| (key.into(), value.into()))
        });
        Ok(Call { args, env: pairs.collect() })
    }

    /// Where the sources of [`LEAF`] are.
    fn leaf(&self) -> Result<PathBuf> {
        let copy = self.dir.join(LEAF);
        if copy.exists() {
            return Ok(copy);
        }
        let vendored = self.dir.join("vendor");
        let vendor = Command::new("cargo")
            .args(["vendor", "--quiet", "--locked", "--versioned-dirs"])
            .arg(&vendored)
            .current_dir(self.dir.join(self.program.package))
            .output()?;
        ensure!(vendor.status.success(), "Cargo cannot download the dependencies:\n{}", String::from_utf8_lossy(&vendor.stderr));
        let lock = fs::read_to_string(self.dir.join(self.program.package).join("Cargo.lock"))?;
        let version = lock.split(&format!("name = \"{LEAF}\"\nversion = \"")).nth(1).and_then(|rest| rest.split('"').next());
        let version = version.with_context(|| format!("it has no `{LEAF}`"))?;
        let status = Command::new("cp").arg("-a").arg(vendored.join(format!("{LEAF}-{version}"))).arg(&copy).status()?;
        ensure!(status.success(), "there is no {LEAF} {version} among the sources");
        Ok(copy)
    }

    /// Changes the bodies of the functions by which integers become text: others import them.
    fn change_a_leaf(&self) -> Result<()> {
        let source = self.leaf()?.join("src/lib.rs");
        let text = fs::read_to_string(&source)?;
        let head = HEADS.into_iter().find(|head| text.contains(head)).with_context(|| format!("`{LEAF}` has none of {HEADS:?}"))?;
        fs::write(source, text.replace(head, &format!("{head}let _ = core::hint::black_box(1_u8);\n")))?;
        Ok(())
    }

    fn rustc(&self, call: &Call, mode: &str) -> Result<(Duration, u64)> {
        self.rustc_cost(call, mode).map(in_short)
    }

    fn rustc_cost(&self, call: &Call, mode: &str) -> Result<Cost> {
        let mut args = call.args.clone();
        args.extend([format!("-Clto={mode}").into(), "-o".into(), self.out("rustc").into()]);
        self.cost(&args, call)
    }

    fn no_link(&self, call: &Call) -> Result<(Duration, u64)> {
        let mut args: Vec<OsString> = vec![self.splitlink.clone().into(), "no-link".into(), "--lto".into()];
        args.extend(["--plan".into(), self.dir.join("plan.json").into(), "--modules".into(), self.dir.join("modules").into()]);
        let _ = fs::remove_dir_all(self.dir.join("modules"));
        for rlib in with_extension(&self.deps(), "rlib")? {
            args.extend(["--metadata".into(), rlib.into()]);
        }
        for library in with_extension(&self.dir.join("target/release/deps"), "so")? {
            args.extend(["--proc-macro".into(), library.into()]);
        }
        args.push("--".into());
        args.extend(call.args.iter().cloned());
        self.cost(&args, call).map(in_short)
    }

    fn link_only(&self, call: &Call, mode: &str, cache: Option<&Path>) -> Result<(Duration, u64)> {
        let mut args: Vec<OsString> = vec![self.splitlink.clone().into(), "link-only".into(), "--lto".into(), mode.into()];
        args.extend(["--plan".into(), self.dir.join("plan.json").into(), "--modules".into(), self.dir.join("modules").into()]);
        args.extend(["--sysroot".into(), (&self.sysroot).into(), "--output".into(), self.out("splitlink").into()]);
        if let Some(cache) = cache {
            args.extend(["--lto-cache".into(), cache.into()]);
        }
        for rlib in with_extension(&self.deps(), "rlib")? {
            args.extend(["--rlib".into(), rlib.into()]);
        }
        self.cost(&args, call).map(in_short)
    }

    /// What the call takes; its memory is the most that it or a process of it has at a time.
    fn cost(&self, args: &[OsString], call: &Call) -> Result<Cost> {
        let mut command = Command::new("/usr/bin/time");
        command.args(["-q", "-f", "%M %U %S"]).args(args).envs(call.env.iter().cloned()).current_dir(self.dir.join(self.program.package));
        let began = Instant::now();
        let output = command.output().context("/usr/bin/time measures memory: install the package `time`")?;
        let wall = began.elapsed().as_secs_f64();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        if !output.status.success() {
            bail!("{:?} failed:\n{said}", args.first());
        }
        let numbers: Vec<f64> = said.lines().last().into_iter().flat_map(str::split_whitespace).filter_map(|n| n.parse().ok()).collect();
        let [peak, user, system] = numbers[..] else { bail!("`time` does not say what it took: {said}") };
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`time` counts whole ones")]
        Ok(Cost { wall, seconds: user + system, peak: peak as u64 })
    }
}

/// How long it takes, and the most memory in KiB.
fn in_short(cost: Cost) -> (Duration, u64) {
    (Duration::from_secs_f64(cost.wall), cost.peak)
}

fn with_extension(dir: &Path, extension: &str) -> Result<Vec<PathBuf>> {
    let mut paths: Vec<PathBuf> = fs::read_dir(dir)?.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    paths.retain(|path| path.extension().is_some_and(|e| e == extension));
    paths.sort();
    Ok(paths)
}

/// How the names of sections with machine code begin.
const TEXT: &[&str] = &[".text"];

/// How the names of sections with data begin.
const DATA: &[&str] = &[".rodata", ".data", ".bss", ".tdata", ".tbss"];

/// The bytes in a program's `sections`.
fn size_of(program: &Path, sections: &[&str]) -> Result<u64> {
    use object::{Object, ObjectSection};
    let bytes = fs::read(program)?;
    let file = object::File::parse(&*bytes)?;
    let is_one = |name: &str| sections.iter().any(|section| name.starts_with(section));
    Ok(file.sections().filter(|section| section.name().is_ok_and(is_one)).map(|section| section.size()).sum())
}
