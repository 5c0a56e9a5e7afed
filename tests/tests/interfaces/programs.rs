//! Published programs, built with interfaces and without, do the same for many command lines; and how
//! many of their objects are not the same where rustc shares no instances of generic functions. It is
//! part of the whole run only.

use crate::{is_whole_or_skipped, say};
use anyhow::{Result, ensure};
use splitlink_tests::interface_proofs::build::{COMPARABLE, Place, Sources, Way, compare_code, compare_files};
use splitlink_tests::interface_proofs::recorded::{Developed, GIX, RIPGREP_ALONE, Recorded};
use splitlink_tests::real_programs::{COMMAND_LINES, CommandLine, write_tree};
use splitlink_tests::rustc_fixture::project::words;
use splitlink_tests::rustc_fixture::tools::{empty_folder, succeed};
use std::fs;
use std::path::Path;
use std::process::Command;

/// What gitoxide's program is asked in a repository that [`write_repository`] makes.
const OF_GIX: &[&[&str]] = &[
    &["--version"],
    &["--help"],
    &["log"],
    &["status"],
    &["tree", "entries"],
    &["tree", "info"],
    &["revision", "list", "HEAD"],
    &["revision", "resolve", "HEAD~1"],
    &["revision", "explain", "HEAD^{tree}"],
    &["revision", "describe"],
    &["commit", "describe", "HEAD"],
    &["index", "entries"],
    &["cat", "HEAD:notes.md"],
    &["odb", "info"],
    &["odb", "entries"],
    &["odb", "stats"],
    &["config"],
    &["branch", "list"],
    &["tag", "list"],
    &["remote", "refs"],
    &["attributes", "query", "notes.md"],
    &["exclude", "query", "ignored/inner.rs"],
    &["mailmap", "entries"],
    &["verify"],
    &["fsck"],
    &["is-clean"],
    &["diff", "tree", "HEAD~1", "HEAD"],
    &["merge-base", "HEAD", "HEAD~1"],
    &["no-such-command"],
    &["cat", "no-such-revision"],
];

/// Makes a repository with two commits, of which no byte depends on when or where.
fn write_repository(folder: &Path) -> Result<()> {
    write_tree(folder)?;
    fs::remove_dir_all(folder.join(".git"))?;
    let git = |args: &[&str]| {
        let mut git = Command::new("git");
        git.args(["-c", "user.name=A", "-c", "user.email=a@b", "-c", "init.defaultBranch=main", "-c", "gc.auto=0"]).args(args);
        git.current_dir(folder).env("GIT_AUTHOR_DATE", "2026-01-02T03:04:05Z").env("GIT_COMMITTER_DATE", "2026-01-02T03:04:05Z");
        succeed(git.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_SYSTEM", "/dev/null")).map(drop)
    };
    git(&["init", "--quiet"])?;
    git(&["add", "."])?;
    git(&["commit", "--quiet", "-m", "one"])?;
    git(&["tag", "-a", "v1", "-m", "first"])?;
    fs::write(folder.join("notes.md"), "another\n")?;
    git(&["commit", "--quiet", "-a", "-m", "two\n\nwith a body"])?;
    fs::write(folder.join("new.txt"), "not added\n")?;
    Ok(())
}

fn built(developed: &Developed, name: &str) -> Result<()> {
    let recorded = Recorded::new(developed)?;
    let dir = empty_folder(&format!("programs-{name}"))?;
    let sources = Sources::copy(&recorded, &dir.join("sources"))?;
    let all: Vec<usize> = (0..recorded.libraries().len()).collect();
    let place = |with_interfaces: bool, out: &str, flags: &str| {
        Place::new(&recorded, &sources, &dir.join(out), Way { with_interfaces, flags: words(flags) })
    };
    for debug_info in ["0", "1", "2"] {
        let flags = format!("{COMPARABLE} -Cdebuginfo={debug_info}");
        let (with, without) = (place(true, "with", &flags)?, place(false, "without", &flags)?);
        let programs = [with.build()?, without.build()?];
        let differences = compare_code(&with, &without, &all)?;
        // Not all are the same: docs/interfaces.md says why, as far as that is known.
        let is_same = compare_files(&programs[0], &programs[1])?.is_none();
        say(&format!("{name}, debuginfo={debug_info}: {} objects differ; the program is the same: {is_same}", differences.len()));
        let same_metadata = recorded
            .libraries()
            .iter()
            .filter(|unit| fs::read(with.file(unit, "rmeta")).ok() == fs::read(without.file(unit, "rmeta")).ok());
        let same_metadata = same_metadata.count();
        ensure!(same_metadata * 4 < all.len(), "{same_metadata} of {} libraries have no interface but themselves", all.len());
        for place in [with, without] {
            fs::remove_dir_all(place.out)?;
        }
    }
    // Symbols are called alike on both sides only because a panic may be shown.
    let flags = "-Csymbol-mangling-version=v0 -Cdebuginfo=0";
    let programs = [place(true, "with", flags)?.build()?, place(false, "without", flags)?.build()?];
    let tree = dir.join("tree");
    fs::create_dir_all(&tree)?;
    write_repository(&tree)?;
    let of_gix = OF_GIX.iter().map(|args| CommandLine { bin: "gix", args, stdin: None, code: 0, timed: true });
    let lines: Vec<CommandLine> = COMMAND_LINES.iter().copied().chain(of_gix).filter(|line| line.bin == developed.program.bin).collect();
    let mut succeeded = 0;
    for line in &lines {
        let outcomes = [line.run(&programs[0], &tree)?, line.run(&programs[1], &tree)?];
        ensure!(outcomes[0] == outcomes[1], "{name} {:?}: {:#?}", line.args, outcomes);
        succeeded += usize::from(outcomes[0].code == Some(0));
    }
    ensure!(succeeded * 2 > lines.len(), "{name}: of {} command lines {succeeded} succeed", lines.len());
    say(&format!("{name}: {} command lines do the same with interfaces and without, of which {succeeded} succeed", lines.len()));
    fs::remove_dir_all(dir)?;
    Ok(())
}

#[test]
fn ripgrep_is_the_same() -> Result<()> {
    if is_whole_or_skipped("ripgrep with interfaces and without") { built(&RIPGREP_ALONE, "ripgrep") } else { Ok(()) }
}

#[test]
fn gitoxide_is_the_same() -> Result<()> {
    if is_whole_or_skipped("gitoxide with interfaces and without") { built(&GIX, "gitoxide") } else { Ok(()) }
}
