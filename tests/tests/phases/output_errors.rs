//! A full disk, a read-only one and outputs where none can be: every phase fails with the file's
//! name and leaves nothing behind.

use anyhow::{Result, ensure};
use splitlink_tests::rustc_fixture::project::{Project, good, refused, words};
use splitlink_tests::rustc_fixture::small_disk::SmallDisk;
use splitlink_tests::rustc_fixture::tools::{Failure, Toolchain, names_in, run};
use std::fs;
use std::process::Output;

type Outcome = Result<(), Failure>;

/// Runs every phase with its output in `folder`, which cannot be written; none may leave anything
/// there.
fn every_phase_fails(project: &Project, folder: &str) -> Result<()> {
    let before = names_in(&project.dir.join(folder));
    let link = format!("--rlib out/libdep-1.rlib --output {folder}/artifact");
    let phases = [
        ("metadata", project.compile(&format!("metadata --output {folder}/libdep-1.rmeta"), &project.library("dep"))?),
        (
            "codegen",
            project.compile(
                &format!("codegen --output {folder}/libdep-1.rlib --published-metadata out/libdep-1.rmeta"),
                &project.library("dep"),
            )?,
        ),
        (
            "no-link, plan",
            project.compile(
                &format!("no-link --plan {folder}/plan.json --modules out/m --metadata out/libdep-1.rmeta"),
                &project.linked("app", "bin"),
            )?,
        ),
        (
            "no-link, modules",
            project.compile(
                &format!("no-link --plan out/p.json --modules {folder}/modules --metadata out/libdep-1.rmeta"),
                &project.linked("app", "bin"),
            )?,
        ),
        ("link-only", project.link_only_with(&link)?),
        (
            "link-only, report",
            project.link_only_with(&format!("--rlib out/libdep-1.rlib --output out/linked --report {folder}/report.json"))?,
        ),
        ("std-manifest", std_manifest(project, folder)?),
    ];
    for (phase, output) in phases {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        ensure!(!output.status.success(), "{phase} went well");
        ensure!(said.contains(folder) && said.contains("error"), "{phase} does not name what it cannot write:\n{said}");
    }
    let after = names_in(&project.dir.join(folder));
    ensure!(before == after, "left behind: {after:?}, before: {before:?}");
    project.nothing_left(&["out/m", "out/p.json", "out/linked"])
}

fn std_manifest(project: &Project, folder: &str) -> Result<Output> {
    let mut command = project.splitlink(&words(&format!("std-manifest --output {folder}/std.json --rustc")));
    run(command.arg(&Toolchain::stable().rustc).arg("--libdir").arg(Toolchain::stable().libdir()))
}

#[test]
fn full_disk() -> Outcome {
    let project = Project::planned("full_disk")?;
    let Some(disk) = SmallDisk::mount(project.dir.join("disk"), 16)? else { return Ok(()) };
    let filled = fs::write(disk.path().join("filler"), vec![1; 32 << 10]);
    assert!(filled.is_err(), "the disk is larger than it should be");
    every_phase_fails(&project, "disk")?;
    // A staticlib is written by ourselves, without a linker.
    good(&project.no_link(&project.linked("library", "staticlib"))?)?;
    let output = project.link_only_with("--rlib out/libdep-1.rlib --output disk/artifact")?;
    refused(&output, &["cannot write", "disk/artifact"])?;
    assert!(names_in(disk.path()) == ["filler"], "{:?}", names_in(disk.path()));
    Ok(())
}

#[test]
fn read_only_disk() -> Outcome {
    let project = Project::planned("read_only_disk")?;
    let Some(disk) = SmallDisk::mount(project.dir.join("disk"), 16)? else { return Ok(()) };
    disk.make_read_only()?;
    every_phase_fails(&project, "disk")?;
    Ok(())
}

#[test]
fn outputs_where_none_can_be() -> Outcome {
    let project = Project::planned("unwritable")?;
    // A folder that is a file, and a file that is a folder.
    project.write("out/file", "")?;
    every_phase_fails(&project, "out/file/below")?;
    for taken in ["out/taken", "out/taken.json"] {
        project.write(&format!("{taken}/inside"), "kept")?;
    }
    let output = project.link_only_with("--rlib out/libdep-1.rlib --output out/taken")?;
    refused(&output, &["cannot write `out/taken`"])?;
    let output =
        project.compile("no-link --plan out/taken.json --modules out/m --metadata out/libdep-1.rmeta", &project.linked("app", "bin"))?;
    refused(&output, &["cannot write `out/taken.json`"])?;
    assert!(project.read("out/taken/inside")? == b"kept" && project.read("out/taken.json/inside")? == b"kept");
    Ok(())
}

/// A dylib, its manifest and the report are made together or not at all.
#[test]
fn one_of_several_outputs_cannot_be_written() -> Outcome {
    let project = Project::new("one_of_several")?;
    project.build_dep()?;
    good(&project.no_link(&project.linked("library", "dylib"))?)?;
    let outputs = ["out/liba.so", "out/liba.so.manifest.json", "out/report.json"];
    let link = || project.link_only_with("--rlib out/libdep-1.rlib --output out/liba.so --report out/report.json");
    for taken in outputs {
        project.write(&format!("{taken}/inside"), "kept")?;
        refused(&link()?, &[&format!("cannot write `{taken}`")])?;
        assert!(project.read(&format!("{taken}/inside"))? == b"kept");
        fs::remove_dir_all(project.dir.join(taken))?;
        project.nothing_left(&outputs)?;
    }
    good(&link()?)?;
    assert!(outputs.iter().all(|output| project.has(output)));
    Ok(())
}
