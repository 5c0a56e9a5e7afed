//! Where linkers differ in silence, each of those that are at hand. docs/linkers.md is the page.

use anyhow::{Context, Result, ensure};
use splitlink_tests::rustc_fixture::elf;
use splitlink_tests::rustc_fixture::project::{Project, good, refused, words};
use splitlink_tests::rustc_fixture::tools::{exit_code, succeed};
use std::fs;
use std::process::Command;

type Outcome = Result<()>;

/// A linker's name behind `-fuse-ld=`, and its program.
const LINKERS: [(&str, &str); 4] = [("bfd", "ld.bfd"), ("gold", "ld.gold"), ("lld", "ld.lld"), ("mold", "mold")];

/// The flags of each linker that is at hand. rustc's own lld always is; for another that is not, the
/// test says so.
fn at_hand() -> Vec<(&'static str, String)> {
    let mut found = vec![("rustc's own lld", String::new())];
    for (name, program) in LINKERS {
        if Command::new(program).arg("--version").output().is_ok() {
            found.push((name, format!("-Clink-arg=-fuse-ld={name}")));
        } else {
            eprintln!("skipped: `{program}` is not on the PATH; install it to test with it");
        }
    }
    found
}

/// A cdylib with two functions, and a version script of the user's.
fn library(name: &str, script: &str) -> Result<Project> {
    let project = Project::new(name)?;
    fs::create_dir_all(project.dir.join("out"))?;
    project.write("two.rs", "#[unsafe(no_mangle)]\npub extern \"C\" fn a() {}\n#[unsafe(no_mangle)]\npub extern \"C\" fn b() {}\n")?;
    project.write("users.map", script)?;
    project.write("c.c", "int c_value(void) { return 7; }\n")?;
    succeed(Command::new("gcc").current_dir(&project.dir).args(["-c", "-fPIC", "c.c", "-o", "c.o"]))?;
    Ok(project)
}

const SCRIPT: &str = "-Clink-arg=c.o -Clink-arg=-Wl,--version-script=users.map,-z,now";

fn plan(project: &Project, flags: &str) -> Result<()> {
    let args = words(&format!("--crate-name=two two.rs --crate-type=cdylib --edition=2024 --out-dir=out {flags}"));
    good(&project.compile("no-link --plan out/plan.json --modules out/modules", &args)?)
}

/// The functions that an artifact exports, of those that the tests write.
fn exported(project: &Project) -> Result<Vec<String>> {
    let facts = elf::describe(&project.dir.join("out/artifact"))?;
    let names = facts.iter().filter_map(|fact| fact.strip_prefix("exports ")?.split(' ').next());
    Ok(names.filter(|name| ["a", "b", "c_value", "hidden"].contains(name)).map(str::to_owned).collect())
}

#[test]
fn a_users_version_script() -> Outcome {
    for (number, (script, expected)) in [
        ("{ global: c_value; local: *; };", ["a", "b", "c_value"].as_slice()),
        ("{ global: c_value; local: b; };", &["a", "c_value"]),
        ("V1 { global: a; b; c_value; local: *; };", &["a", "b", "c_value"]),
        ("/* of its own */\nV1 { global: a; };\nV2 { global: c_*; local: b; } V1;", &["a", "c_value"]),
    ]
    .into_iter()
    .enumerate()
    {
        let project = library(&format!("version_script_{number}"), script)?;
        for (linker, flags) in at_hand() {
            for spelling in [
                SCRIPT.to_owned(),
                SCRIPT.replace("script=", "script,"),
                SCRIPT.replace("-Wl,--", "-Xlinker -Clink-arg=--").replace(",-z,now", ""),
            ] {
                plan(&project, &format!("{spelling} {flags}"))?;
                good(&project.link_only_with("--output out/artifact")?).with_context(|| format!("{linker}: {script}"))?;
                let found = exported(&project)?;
                ensure!(found == expected, "{linker} with {script} exports {found:?} and not {expected:?}");
                fs::remove_file(project.dir.join("out/artifact"))?;
            }
        }
    }
    Ok(())
}

#[test]
fn a_version_script_that_does_not_fit() -> Outcome {
    for (number, (script, says)) in [
        ("V1 { global: a; local: *; };", "the second has versions, and none for `b`, which the crate exports"),
        ("{ global: extern \"C++\" { x; }; };", "its form is one that splitlink does not know"),
    ]
    .into_iter()
    .enumerate()
    {
        let project = library(&format!("unfit_script_{number}"), script)?;
        plan(&project, SCRIPT)?;
        let output = project.link_only_with("--output out/artifact")?;
        refused(&output, &["a version script for the cdylib `two`, and the command another one, `users.map`", says])?;
        project.nothing_left(&["out/artifact"])?;
    }
    Ok(())
}

/// Objects of GCC's LTO have no symbols for any other program.
#[test]
fn slim_objects() -> Outcome {
    let project = library("slim_objects", "")?;
    project.write("app.rs", "unsafe extern \"C\" { safe fn c_value() -> i32; }\nfn main() { println!(\"{}\", c_value()); }\n")?;
    for (flags, archive) in [("-flto", "libslim.a"), ("-flto -ffat-lto-objects", "libfat.a")] {
        succeed(Command::new("gcc").current_dir(&project.dir).arg("-c").args(words(flags)).args(["c.c", "-o", "lto.o"]))?;
        succeed(Command::new("ar").current_dir(&project.dir).args(["crsD", archive, "lto.o"]))?;
    }
    for (library, is_slim) in [("slim", true), ("fat", false)] {
        let args = words(&format!("--crate-name=app app.rs --edition=2024 --out-dir=out -L. -lstatic={library}"));
        good(&project.compile("no-link --plan out/plan.json --modules out/modules", &args)?)?;
        let output = project.link_only_with("--output out/artifact")?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success() != is_slim, "{library}: {said}");
        let note = "`./libslim.a` has objects of GCC's LTO without machine code";
        ensure!(said.contains(note) == is_slim && said.contains("-ffat-lto-objects") == is_slim, "{library}: {said}");
    }
    Ok(())
}

/// rustc packs a thin archive as a file, and its objects stay behind.
#[test]
fn a_thin_archive_inside_an_rlib() -> Outcome {
    let project = library("thin_inside", "")?;
    succeed(Command::new("ar").current_dir(&project.dir).args(["crsDT", "libthin.a", "c.o"]))?;
    let dep = [project.library("dep"), words("-L. -lstatic:+whole-archive=thin")].concat();
    good(&project.compile("metadata --output out/libdep-1.rmeta", &dep)?)?;
    good(&project.compile("codegen --output out/libdep-1.rlib --published-metadata out/libdep-1.rmeta", &dep)?)?;
    for (source, crate_type) in [("app", "bin"), ("library", "staticlib")] {
        good(&project.no_link(&project.linked(source, crate_type))?)?;
        let output = project.link_only()?;
        refused(&output, &["the native library `libthin.a` inside the crate `dep-1` is a thin archive", "only names its objects"])?;
        ensure!(exit_code(&output) == 1 && !project.has("out/artifact"), "{crate_type}");
    }
    Ok(())
}
