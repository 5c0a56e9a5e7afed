//! With Bazel and workers: SIGKILL at random moments, of the worker and of all that it starts. No
//! build that succeeds has a wrong output, and each that fails does so because of a kill.
//! `worker/kills.rs` does the same without Bazel.

use anyhow::{Context, Result, ensure};
use splitlink_tests::kills::{Attempts, Plan, Victim, kind_of, while_killing, with_descendants};
use splitlink_tests::watched::{Files, WORKER, Watched, same};
use std::fs;

/// Libraries that are compiled at the same time, one that all use, and a program.
const BUILD: &str = r#"load("//rules/bazel:defs.bzl", "rust_binary", "rust_library")

rust_library(
    name = "base",
    srcs = ["base.rs"],
    edition = "2024",
)

[rust_library(
    name = name,
    srcs = ["user.rs"],
    crate_root = "user.rs",
    edition = "2024",
    deps = [":base"],
) for name in ["one", "two"]]

rust_binary(
    name = "program",
    srcs = ["program.rs"],
    edition = "2024",
    deps = [
        ":one",
        ":two",
    ],
)
"#;

const TARGETS: &[&str] = &["//tests/kills:program"];

/// Makes everything another in every second round.
fn write_source(watched: &Watched, variant: usize) -> Result<()> {
    // With some code to generate, so that rustc does not end before it can be stopped.
    let text = format!(
        "pub fn value<T: Into<u64>>(x: T) -> u64 {{\n    x.into() + {variant}\n}}\n\n\
         pub fn sorted(mut words: Vec<String>) -> String {{\n    words.sort();\n    words.join(\" \")\n}}\n"
    );
    Ok(fs::write(watched.clone.root.join("tests/kills/base.rs"), text)?)
}

/// None while no worker has anything to do, which is most of the time that Bazel takes.
fn victims(watched: &Watched) -> Vec<Victim> {
    let workers = watched.processes("--persistent_worker");
    let idle = workers.len();
    let all = with_descendants(workers);
    if all.len() == idle {
        return Vec::new();
    }
    all.into_iter().map(|id| (id.clone(), kind_of(&id))).collect()
}

#[test]
fn of_the_worker_and_what_it_starts() -> Result<()> {
    let watched = Watched::make()?;
    let folder = watched.clone.root.join("tests/kills");
    fs::create_dir_all(&folder)?;
    fs::write(folder.join("BUILD.bazel"), BUILD)?;
    fs::write(folder.join("user.rs"), "pub fn value() -> u64 {\n    base::value(2u8)\n}\n")?;
    fs::write(folder.join("program.rs"), "fn main() {\n    println!(\"{}\", one::value() + two::value())\n}\n")?;
    watched.begin_anew()?;
    let mut plain: [Files; 2] = Default::default();
    for (variant, files) in plain.iter_mut().enumerate() {
        write_source(&watched, variant)?;
        *files = watched.clone.build(&["--//rules/bazel:worker=false"], TARGETS)?;
    }
    ensure!(plain[0].contains_key("tests/kills/program") && plain[0] != plain[1], "nothing is tested: {:?}", plain[0].keys());

    let round = |round: usize, attempts: &mut Attempts<'_>| {
        write_source(&watched, round % 2)?;
        loop {
            attempts.begin();
            let build = watched.wait(watched.start(&[WORKER], TARGETS)?)?;
            if build.status.success() {
                return same(&plain[round % 2], &watched.clone.written(&[WORKER])?, "after a build that succeeded");
            }
            attempts.failed(&String::from_utf8_lossy(&build.stderr))?;
        }
    };
    let how = Plan { what: "Bazel's worker", seed: 3, count: 40, pause: 25 };
    while_killing(how, &["worker", "attached", "rustc"], || victims(&watched), round)?;
    watched.shut_down().context("after the kills")
}
