//! The command line by hand: folders of crates, what is said when a crate is missing, and the
//! README's block as it stands.

use anyhow::{Context, Result, ensure};
use splitlink_tests::rustc_fixture::project::{Project, good, refused, words};
use splitlink_tests::rustc_fixture::tools::{Failure, Toolchain, empty_folder, repository, run, splitlink};
use std::fs;
use std::process::{Command, Output};

type Outcome = Result<(), Failure>;

/// `dep` and, over it, `middle`, both in `out` with files that are nobody's.
fn project(name: &str) -> Result<Project> {
    let project = Project::new(name)?;
    project.write("middle.rs", "pub fn twice() -> u64 { 2 * dep::plain() }\n")?;
    project.write("top.rs", "fn main() { println!(\"{}\", middle::twice()); }\n")?;
    project.build_dep()?;
    project.write("out/notes.txt", "nothing")?;
    project.write("out/unnamed.rmeta", "nothing")?;
    let middle = project.library("middle");
    good(&project.compile("metadata --output out/libmiddle-1.rmeta --metadata-dir out", &middle)?)?;
    good(
        &project.compile("codegen --output out/libmiddle-1.rlib --published-metadata out/libmiddle-1.rmeta --metadata-dir out", &middle)?,
    )?;
    Ok(project)
}

fn no_link(project: &Project, options: &str, rustc: &str) -> Result<Output> {
    project.compile(&format!("no-link --plan out/plan.json --modules out/modules {options}"), &words(rustc))
}

const TOP: &str = "top.rs --edition=2024 --extern=middle=absent/libmiddle-1.rlib";

#[test]
fn crates_out_of_folders() -> Outcome {
    let project = project("folders")?;
    for top in [TOP, "top.rs --edition=2024 --extern middle"] {
        good(&no_link(&project, "--metadata-dir out", top)?)?;
        good(&project.link_only_with("--rlib-dir out --output out/artifact")?)?;
        let output = run(&mut Command::new(project.dir.join("out/artifact")))?;
        ensure_prints(&output, "84\n")?;
    }
    // What else lies there changes nothing, and the crate's own files of the last time do not either.
    let plan = project.read("out/plan.json")?;
    project.write("other.rs", "pub fn nothing() {}\n")?;
    let other = words("--crate-type=rlib --edition=2024 other.rs");
    good(&project.compile("metadata --output out/libother.rmeta --metadata-dir out", &other)?)?;
    good(&project.compile("metadata --output out/libother.rmeta --metadata-dir out", &other)?)?;
    good(&no_link(&project, "--metadata-dir out", "top.rs --edition=2024 --extern middle")?)?;
    ensure(project.read("out/plan.json")? == plan, "the plan differs with another crate in the folder")?;
    Ok(())
}

fn ensure_prints(output: &Output, expected: &str) -> Result<()> {
    let printed = String::from_utf8_lossy(&output.stdout);
    ensure!(printed == expected, "it prints {printed:?}");
    Ok(())
}

#[test]
fn two_files_of_one_crate() -> Outcome {
    let project = project("two_in_folders")?;
    for extension in ["rmeta", "rlib"] {
        project.write(&format!("more/libdep-1.{extension}"), project.read(&format!("out/libdep-1.{extension}"))?)?;
    }
    let twice = ["two files were given for the crate `dep-1`", "more/libdep-1."];
    for options in ["--metadata-dir out --metadata-dir more", "--metadata-dir out --metadata more/libdep-1.rmeta"] {
        refused(&no_link(&project, options, TOP)?, &twice).with_context(|| options.to_owned())?;
    }
    good(&no_link(&project, "--metadata-dir out --metadata ./out/libdep-1.rmeta --metadata-dir ./out", TOP)?)?;
    refused(&project.link_only_with("--rlib-dir out --rlib-dir more --output out/artifact")?, &twice)?;
    // Of what the plan does not link there may be two.
    project.write("out/libunused.rlib", "one")?;
    project.write("more/libunused.rlib", "other")?;
    fs::remove_file(project.dir.join("more/libdep-1.rlib"))?;
    good(&project.link_only_with("--rlib-dir out --rlib-dir more --output out/artifact")?)?;
    Ok(())
}

#[test]
fn a_missing_crate() -> Outcome {
    let project = project("missing_crate")?;
    let missing = |name: &str| format!("--metadata lib{name}.rmeta");
    let table = [
        ("--metadata out/libmiddle-1.rmeta", TOP, "`top`", "dep"),
        ("--metadata out/libdep-1.rmeta", "top.rs --crate-name=named --extern=middle=absent/libmiddle-1.rlib", "`named`", "middle"),
    ];
    for (options, rustc, crate_name, name) in table {
        let output = no_link(&project, options, rustc)?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        for text in ["error: rustc did not find what the crate", crate_name, &format!("`{name}`"), &missing(name), "--metadata-dir"] {
            ensure(said.contains(text), &format!("it does not say `{text}`:\n{said}"))?;
        }
        project.nothing_left(&["out/plan.json", "out/modules"])?;
    }
    let output = project
        .compile("metadata --output out/libx.rmeta", &words("--crate-type=rlib --edition=2024 middle.rs --extern=dep=libdep-1.rlib"))?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure(said.contains("what the crate `middle` depends on") && said.contains(&missing("dep")), &said)?;
    refused(&no_link(&project, "--metadata-dir absent", TOP)?, &["cannot list the folder `absent`"])?;
    good(&no_link(&project, "--metadata-dir out", TOP)?)?;
    let texts = ["neither an rlib nor a dylib of it was given", "--rlib-dir"];
    refused(&project.link_only_with("--rlib out/libmiddle-1.rlib --output out/artifact")?, &texts)?;
    Ok(())
}

fn ensure(holds: bool, why: &str) -> Result<()> {
    ensure!(holds, "{why}");
    Ok(())
}

#[test]
fn targets_of_other_formats() -> Outcome {
    let project = Project::new("other_formats")?;
    for (target, format) in [
        ("wasm32-wasip2", "WebAssembly"),
        ("wasm32-unknown-emscripten", "WebAssembly"),
        ("x86_64-pc-windows-msvc", "COFF"),
        ("aarch64-apple-ios", "Mach-O"),
        ("x86_64h-apple-darwin", "Mach-O"),
    ] {
        let output = no_link(&project, "", &format!("app.rs --edition=2024 --target={target}"))?;
        refused(&output, &["the crate `app`", &format!("`{target}`, whose objects are {format}")]).with_context(|| target.to_owned())?;
        project.nothing_left(&["out/plan.json", "out/modules"])?;
    }
    Ok(())
}

#[test]
fn the_block_of_the_readme() -> Outcome {
    let readme = fs::read_to_string(repository().join("README.md"))?;
    let section = readme.split("## Without a build system").nth(1).context("the README has no such section")?;
    let block = section.split("```sh\n").nth(1).and_then(|rest| rest.split("```").next()).context("the section has no block")?;
    let dir = empty_folder("readme")?;
    let bin = splitlink().parent().context("splitlink is in a folder")?.to_owned();
    let toolchain = Toolchain::stable().sysroot.join("bin");
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths([bin, toolchain].into_iter().chain(std::env::split_paths(&path))).context("PATH")?;
    let output = run(Command::new("bash").args(["-euc", block]).current_dir(&dir).env("PATH", path)).context("bash")?;
    good(&output)?;
    ensure_prints(&output, "Hello, WORLD!\nHello, WORLD!\nHello, WORLD!\n")?;
    let needed = splitlink_tests::rustc_fixture::elf::describe(&dir.join("out/main_dynamic"))?;
    ensure(needed.iter().any(|fact| fact.starts_with("needed libgreet.so")), "the dylib is not used")?;
    Ok(())
}
