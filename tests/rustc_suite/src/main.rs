//! rustc's own tests as the judge: `dev/rustc_suite`.
//!
//! Each test is run with plain rustc, and with a [`driver`] in its place that builds everything by
//! splitlink's phases. What comes of both is compared.

mod attempt;
mod by_design;
mod directives;
mod driver;
mod judge;
mod machine;
mod results;
mod run_make;
mod running;
mod schedule;
mod table;
mod ui;

use anyhow::{Context, Result, bail};
use clap::{Parser, ValueEnum};
use judge::Judge;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Runs rustc's own tests with splitlink in the place of rustc, and compares with plain rustc.
#[derive(Debug, Parser)]
#[command(name = "dev/rustc_suite", max_term_width = 100)]
struct Options {
    /// Which tests. [default: ui]
    #[arg(value_enum, default_value = "ui", hide_default_value = true)]
    suite: Suite,
    /// Link everything with this LTO. [default: only what a test itself asks for]
    #[arg(long, value_enum)]
    lto: Option<Lto>,
    /// Prefer dylibs, the standard library's included, as compiletest does; auxiliary crates are
    /// dylibs then. Of ui only: a run-make test says itself what it wants. [default: link
    /// statically]
    #[arg(long)]
    dynamic: bool,
    /// Compile libraries by their interfaces and their code, and what depends on them against the
    /// interfaces. Of ui: the tests with auxiliary crates. [default: by their metadata]
    #[arg(long)]
    interfaces: bool,
    /// Run only this many of the tests that apply. [default: all]
    #[arg(long, value_name = "N")]
    sample: Option<usize>,
    /// Which sample: of one seed, a smaller one is part of a larger one
    #[arg(long, value_name = "S", default_value_t = 0)]
    seed: u64,
    /// Run only tests whose names contain one of these. [default: all]
    #[arg(long, value_name = "TEXT")]
    only: Vec<String>,
    /// Run those again that an earlier run found to differ, from rustc or from run to run
    #[arg(long)]
    retry: bool,
    /// Keep the folders of tests that differ
    #[arg(long)]
    keep: bool,
    /// How many tests run at a time. [default: as many as there are processors]
    #[arg(long, value_name = "N")]
    jobs: Option<usize>,
    /// rustc's source of the toolchain's version: the folder that holds tests/
    #[arg(long, value_name = "DIR")]
    source: PathBuf,
    /// The folder for results, and for what is built
    #[arg(long, value_name = "DIR")]
    folder: PathBuf,
}

/// A suite of rustc's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Suite {
    Ui,
    RunMake,
}

/// Link-time optimisation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Lto {
    Thin,
    Fat,
}

impl Options {
    /// `off`, `thin` or `fat`.
    fn lto(&self) -> &'static str {
        match self.lto {
            None => "off",
            Some(Lto::Thin) => "thin",
            Some(Lto::Fat) => "fat",
        }
    }

    /// The name of the suite's folder in rustc's source.
    fn suite_name(&self) -> &'static str {
        match self.suite {
            Suite::Ui => "ui",
            Suite::RunMake => "run-make",
        }
    }

    /// The settings that verdicts depend on.
    fn mode(&self) -> String {
        let linkage = if self.dynamic { "dynamic" } else { "static" };
        let interfaces = if self.interfaces { "-interfaces" } else { "" };
        format!("{}-{linkage}-lto-{}{interfaces}", self.suite_name(), self.lto())
    }
}

fn main() -> ExitCode {
    let mut args = std::env::args();
    let program = args.next().unwrap_or_default();
    if Path::new(&program).file_name().is_some_and(|name| name == "rustc") {
        return driver::main(Path::new(&program), args.collect());
    }
    match run(&Options::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("rustc_suite: error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Runs the tests; whether none differs that is not to differ.
fn run(options: &Options) -> Result<bool> {
    if options.dynamic && (options.suite == Suite::RunMake || options.lto.is_some()) {
        bail!("--dynamic is for ui without LTO: a run-make test says itself what it links, and LTO takes what is linked statically");
    }
    if options.interfaces && (options.suite == Suite::RunMake || options.dynamic || options.lto.is_some()) {
        bail!("--interfaces is for ui, linked statically and without LTO: a run-make test says itself how it compiles");
    }
    let tests = options.source.join("tests").join(options.suite_name());
    if !tests.is_dir() {
        bail!("there is no `{}`\n  help: --source is rustc's source, unpacked: the folder that holds tests/", tests.display());
    }
    let judge = Judge::new(options).context("cannot prepare the run")?;
    let (tests, skipped) = judge.find(&tests)?;
    let chosen = schedule::choose(tests, options);
    let results = schedule::run(&judge, &chosen, options)?;
    Ok(table::print(options, &judge, &skipped, &results))
}
