//! How long it takes to build a published program again when one of its libraries changes:
//! `dev/bench incremental [ROUNDS [PROGRAM [fastbuild|opt]]]`.
//!
//! The library depends on no other and many depend on it. In it, the body of a function changes
//! that nobody calls; then it and all that depends on it are compiled, by everybody: rustc's
//! metadata differs after any change. Whose turn it is builds everything before the clock starts,
//! since the ways of building share an output folder, and then builds again after each of some
//! changes. Nobody compiles incrementally (Cargo would in its `dev` profile, but only the program
//! itself and libraries that are not published).

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::appended::Appended;
use crate::measure::time;
use crate::whole_builds::{Bench, Contestant, Taken, in_turn, unique};
use anyhow::{Context, Result, ensure};

/// How often the library changes in one turn.
const CHANGES: usize = 3;

pub const USAGE: &str = "usage: dev/bench incremental [ROUNDS [PROGRAM [fastbuild|opt]]]";

pub fn bench(args: &[String]) -> Result<()> {
    let (rounds, bench) = Bench::from_args(args, 3, USAGE)?;
    let leaf = Leaf::find(&bench)?;
    let Bench { program, .. } = &bench;
    let title = format!(
        "{} {}, {}, medians of {} builds after a change in {}",
        program.package,
        program.version,
        bench.bazel_mode(),
        rounds * CHANGES,
        leaf.name()
    );
    in_turn(&title, rounds, |contestant| builds_after_changes(&bench, &leaf, contestant))
}

fn builds_after_changes(bench: &Bench, leaf: &Leaf, contestant: &Contestant) -> Result<Vec<Taken>> {
    let Some(rules) = contestant.rules else {
        let target_dir = bench.empty_cargo_target()?;
        let cargo = || leaf.added_to(bench.cargo(&target_dir));
        time(&mut cargo())?;
        return (0..CHANGES)
            .map(|_| {
                leaf.change()?;
                let before = written_at(&target_dir, leaf)?;
                let taken = Taken { wall: time(&mut cargo())?, critical_path: None };
                ensure!(written_at(&target_dir, leaf)? != before, "Cargo has not compiled {} again", leaf.name());
                Ok(taken)
            })
            .collect();
    };
    let flags = bench.flags(contestant);
    bench.build(rules, &flags)?;
    (0..CHANGES)
        .map(|_| {
            leaf.change()?;
            let (taken, actions) = bench.build(rules, &flags)?;
            ensure!(actions > 3, "Bazel ran {actions} actions after a change in {}", leaf.name());
            Ok(taken)
        })
        .collect()
}

/// The library that changes.
struct Leaf {
    folder: PathBuf,
    source: Appended,
}

impl Leaf {
    /// `memchr`, which the searching and the parsing libraries of most programs use, or `libc`.
    fn find(bench: &Bench) -> Result<Self> {
        let vendored = bench.workspace.root.join(bench.program.package).join("vendor");
        let mut folders: Vec<_> = fs::read_dir(&vendored)?.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
        folders.sort();
        let named =
            |name: &str| folders.iter().find(|folder| folder.file_name().is_some_and(|file| file.to_string_lossy().starts_with(name)));
        let folder =
            named("memchr-").or_else(|| named("libc-")).with_context(|| format!("no library to change in `{}`", vendored.display()))?;
        Ok(Self { folder: folder.clone(), source: Appended::to(folder.join("src/lib.rs"), "incremental")? })
    }

    fn name(&self) -> String {
        self.folder.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    fn change(&self) -> Result<()> {
        self.source.write(&format!("#[allow(dead_code)]\nfn splitlink_bench() -> u128 {{\n    {}\n}}\n", unique()))
    }

    /// Has Cargo take the library from where Bazel takes it: what it downloads itself, it takes for
    /// unchangeable.
    fn added_to(&self, mut cargo: Command) -> Command {
        cargo.arg("--config").arg(format!("paths=[{:?}]", self.folder));
        cargo
    }
}

/// When Cargo has last written the library.
fn written_at(target_dir: &Path, leaf: &Leaf) -> Result<Option<std::time::SystemTime>> {
    let name = leaf.name();
    let stem = format!("lib{}-", name.split('-').next().unwrap_or_default());
    let mut newest = None;
    for profile in ["debug", "release"] {
        for entry in fs::read_dir(target_dir.join(profile).join("deps")).into_iter().flatten() {
            let entry = entry?;
            if entry.file_name().to_string_lossy().starts_with(&stem) {
                newest = newest.max(Some(entry.metadata()?.modified()?));
            }
        }
    }
    Ok(newest)
}
