//! `link-only --linker`: another linker than rustc's, with nothing compiled again.

use anyhow::{Context, Result, ensure};
use splitlink_tests::rustc_fixture::project::{Project, good, refused, words};
use splitlink_tests::rustc_fixture::tools::{run, skip, succeed, write_program};
use std::fs;
use std::path::PathBuf;
use std::process::Command;

const LINK: &str = "--rlib out/libdep-1.rlib --output out/artifact";

/// The choices, each with what the linker calls itself in what it makes.
const CHOICES: [(&str, &str); 3] = [("lld", "LLD"), ("mold", "mold"), ("wild", "Wild")];

/// The program of a linker: `WILD` names a wild that is not on the `PATH`.
fn program(name: &str) -> Option<PathBuf> {
    let named = std::env::var_os(name.to_uppercase()).map(PathBuf::from);
    let found = std::env::split_paths(&std::env::var_os("PATH")?).map(|dir| dir.join(name)).find(|path| path.is_file());
    named.or(found)
}

/// Checks that the artifact was linked by the linker that calls itself `maker`, and runs.
fn check(project: &Project, maker: &str) -> Result<()> {
    let artifact = project.dir.join("out/artifact");
    let bytes = fs::read(&artifact)?;
    for (_, other) in CHOICES {
        let mark: &[u8] = if other == "Wild" { b"Linker: Wild" } else { other.as_bytes() };
        let is_there = comment(&bytes)?.windows(mark.len()).any(|window| window == mark);
        ensure!(is_there == (other == maker), "linked by {maker}: is it by {other}? {is_there}");
    }
    let output = succeed(&mut Command::new(&artifact))?;
    ensure!(output.stdout == b"82\n", "{:?}", String::from_utf8_lossy(&output.stdout));
    fs::remove_file(artifact).context("it was there")
}

/// What the programs that made an ELF file say of themselves in it.
fn comment(bytes: &[u8]) -> Result<&[u8]> {
    use object::{Object as _, ObjectSection as _};
    let section = object::File::parse(bytes)?.section_by_name(".comment").context("no section `.comment`")?.file_range();
    let (start, size) = section.context("an empty section `.comment`")?;
    Ok(&bytes[usize::try_from(start)?..usize::try_from(start + size)?])
}

#[test]
fn each_linker_links_the_same_plan() -> Result<()> {
    let project = Project::planned("linker_choice")?;
    for (name, maker) in CHOICES {
        let given = match (name, program(name)) {
            ("lld", _) => String::new(),
            (_, Some(path)) => format!("--linker-program {}", path.display()),
            (_, None) => {
                skip(&format!("no linker `{name}`: put it on the PATH, or name it with {}", name.to_uppercase()));
                continue;
            }
        };
        good(&project.link_only_with(&format!("--linker {name} {given} {LINK}"))?).context(name)?;
        check(&project, maker)?;
    }
    good(&project.link_only_with(&format!("--linker default {LINK}"))?)?;
    let rustcs = if cfg!(target_arch = "x86_64") { "LLD" } else { "none" };
    check(&project, rustcs)
}

/// A program that stands for mold notes how it is called.
#[test]
fn the_program_is_looked_for_on_the_path() -> Result<()> {
    let project = Project::planned("linker_choice_path")?;
    write_program(&project.dir.join("tools/mold"), "#!/bin/sh\necho \"$0\" > noted\nexec ld.bfd \"$@\"\n")?;
    let path = std::env::var("PATH")?;
    let link = format!("link-only --plan out/plan.json --modules out/modules --linker mold {LINK} --sysroot");
    let sysroot = &splitlink_tests::rustc_fixture::tools::Toolchain::stable().sysroot;
    let tools = format!("{}:{path}", project.dir.join("tools").display());
    good(&run(project.splitlink(&words(&link)).arg(sysroot).env("PATH", tools))?)?;
    ensure!(project.has("noted"), "the linker on the PATH was not called");
    fs::remove_file(project.dir.join("noted"))?;
    good(&project.link_only_with(&format!("--linker mold --linker-program tools/mold {LINK}"))?)?;
    ensure!(project.has("noted"), "the linker that was given was not called");
    Ok(())
}

#[test]
fn a_linker_that_is_not_there() -> Result<()> {
    let project = Project::planned("linker_choice_missing")?;
    let sysroot = project.dir.join("sysroot");
    fs::create_dir_all(&sysroot)?;
    let cases = [
        ("--linker wild --linker-program absent", "there is no linker `absent` to link the bin `app` with"),
        ("--linker lld --linker-program absent", "`--linker` names no linker that it could be"),
        ("--linker-program absent", "`--linker` names no linker that it could be"),
    ];
    for (options, says) in cases {
        refused(&project.link_only_with(&format!("{options} {LINK}"))?, &[says]).context(options)?;
        project.nothing_left(&["out/artifact"])?;
    }
    let link = format!("link-only --plan out/plan.json --modules out/modules --linker mold {LINK} --sysroot");
    let sysroot = &splitlink_tests::rustc_fixture::tools::Toolchain::stable().sysroot;
    let output = run(project.splitlink(&words(&link)).arg(sysroot).env("PATH", project.dir.join("empty")))?;
    refused(&output, &["there is no linker `mold`", "--linker-program"])?;
    project.nothing_left(&["out/artifact"])
}

/// What a C++ toolchain's flags say of the linker is among the command's own: the choice goes before.
#[test]
fn a_linker_that_the_command_names_is_exchanged() -> Result<()> {
    let project = Project::planned("linker_choice_own")?;
    let mut own = project.linked("app", "bin");
    own.extend(["-Clink-arg=-fuse-ld=bfd", "-Clink-arg=-B/usr/bin"].map(str::to_owned));
    good(&project.no_link(&own)?)?;
    good(&project.link_only_with(LINK)?)?;
    check(&project, "none")?;
    good(&project.link_only_with(&format!("--linker lld {LINK}"))?)?;
    check(&project, "LLD")?;
    let Some(mold) = program("mold") else {
        skip("no linker `mold`: put it on the PATH, or name it with MOLD");
        return Ok(());
    };
    good(&project.link_only_with(&format!("--linker mold --linker-program {} {LINK}", mold.display()))?)?;
    check(&project, "mold")
}

/// A linker that is no compiler driver cannot be told to call another, and that is said.
#[test]
fn a_linker_that_is_no_driver_stays() -> Result<()> {
    let project = Project::planned("linker_choice_no_driver")?;
    let mut own = project.linked("app", "cdylib");
    own.extend(["-Clinker=ld.bfd", "-Clinker-flavor=ld"].map(str::to_owned));
    good(&project.no_link(&own)?)?;
    let output = project.link_only_with(&format!("--linker lld {LINK}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(said.contains("is linked by its own linker `ld.bfd`, and not by the one of `--linker`"), "{said}");
    Ok(())
}
