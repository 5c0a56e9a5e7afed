//! Paths that stand in a command for others: `splitlink run`, and `--exchange` of the phases.

use anyhow::Result;
use splitlink_tests::rustc_fixture::project::{Project, good, refused, words};
use splitlink_tests::rustc_fixture::tools::{Failure, empty_folder, names_in, run, splitlink, write_program};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A folder with programs, a response file, and a runfile.
fn folder(name: &str) -> Result<PathBuf> {
    let dir = empty_folder(name)?;
    fs::create_dir(dir.join("new"))?;
    for (name, text) in [
        ("show", "for arg; do case $arg in *@*) cat \"${arg#*@}\" ;; *) echo \"$arg\" ;; esac; done; echo \"$VARIABLE\""),
        ("call", "\"$1\" of \"$0\"; cat \"$1.runfiles/main/deep/text\"; basename \"$1\""),
        ("fail", "exit 3"),
    ] {
        write_program(&dir.join("new").join(name), format!("#!/bin/sh\n{text}\n"))?;
    }
    fs::write(dir.join("list"), "old/file=x\nold/files=y\nold/show=z\n")?;
    fs::write(dir.join("text"), "a runfile\n")?;
    Ok(dir)
}

fn splitlink_run(dir: &Path, line: &str) -> Result<Output> {
    run(Command::new(splitlink()).current_dir(dir).env("VARIABLE", "at old/file/x").arg("run").args(words(line)))
}

#[test]
fn are_exchanged_wherever_a_command_has_them() -> Result<(), Failure> {
    let dir = folder("paths_exchanged_in_a_command")?;
    let pairs = "--exchange old/file new/file --exchange old/show new/show";
    let command = "-- new/show --a=old/file old/files ${pwd}/old/file/b @list --list=@list";
    let listed = "new/file=x\nold/files=y\nnew/show=z\n";
    let output = splitlink_run(&dir, &format!("{pairs} --scratch-beside out {command}"))?;
    good(&output)?;
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(said, format!("--a=new/file\nold/files\n${{pwd}}/new/file/b\n{listed}{listed}at new/file/x\n"));

    // The program goes by its old name, where its runfiles are.
    let pairs = "--exchange old/file new/file --exchange old/known new/show";
    let program = "--program new/show --scratch-beside out --runfile main/deep/text text";
    let output = splitlink_run(&dir, &format!("{pairs} {program} -- new/call old/known"))?;
    good(&output)?;
    assert_eq!(String::from_utf8_lossy(&output.stdout), "of\nnew/call\nat new/file/x\na runfile\nknown\n");
    assert_eq!(names_in(&dir), ["list", "new", "text"], "something is left");
    Ok(())
}

#[test]
fn what_cannot_be_run() -> Result<(), Failure> {
    let dir = folder("commands_that_cannot_be_run")?;
    let pair = "--exchange old/file new/file";
    for (line, texts) in [
        ("-- ./none", &["cannot start the command as `./none`", "help: "][..]),
        (&format!("{pair} -- new/show @nowhere"), &["cannot read the response file `nowhere`"]),
        (&format!("{pair} -- new/show @list"), &["the response file `list` has paths to exchange", "help: say with --scratch-beside"]),
        (
            "--exchange old/show new/show --program new/show --scratch-beside out --runfile ../text text -- true",
            &["the runfile `../text` would be outside", "help: "],
        ),
    ] {
        refused(&splitlink_run(&dir, line)?, texts).map_err(|e| e.context(line.to_owned()))?;
        assert_eq!(names_in(&dir), ["list", "new", "text"], "{line} leaves something");
    }
    for (line, text) in [
        ("--program new/show -- true", "--scratch-beside"),
        ("--exchange old/file -- true", "2 values required"),
        ("--runfile a b -- true", "--program"),
    ] {
        let output = splitlink_run(&dir, line)?;
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(2) && said.contains(text), "{line}: {}: {said}", output.status);
        assert_eq!(names_in(&dir), ["list", "new", "text"], "{line} leaves something");
    }
    // The command has its own exit code.
    let output = splitlink_run(&dir, "-- new/fail")?;
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    Ok(())
}

#[test]
fn are_exchanged_in_the_command_of_a_phase() -> Result<(), Failure> {
    let project = Project::new("paths_exchanged_in_a_phase")?;
    let moved = |line: Vec<String>| -> Vec<String> { line.iter().map(|word| word.replace("library.rs", "moved/library.rs")).collect() };
    let options = "metadata --output out/liblibrary-1.rmeta --exchange moved/library.rs library.rs";
    project.build_dep()?;
    let output = project.compile(&format!("{options} --metadata out/libdep-1.rmeta"), &moved(project.library("library")))?;
    good(&output)?;
    Ok(())
}
