//! Builds published programs through splitlink's Bazel rules and through Cargo, and compares what
//! they print.
//!
//! With `SPLITLINK_ALL_LTO` set each program is built with each kind of LTO, by Cargo as well; else
//! each with one, by Bazel only.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use splitlink_tests::real_programs::{
    COMMAND_LINES, CommandLine, PROGRAMS, Program, Rules, Tool, Workspace, cache,
    cargo_build::{self, Profile, SharedTarget},
    write_tree,
};
use splitlink_tests::rustc_fixture::elf;
use splitlink_tests::rustc_fixture::tools::skip;

const ALL_LTO: &str = "SPLITLINK_ALL_LTO";

/// Here the tool is built from source as users' workspaces build it, but for this: optimising it
/// takes longer than it runs.
const TOOL: &str = "--@splitlink//rules/bazel:tool_optimised=no";

#[test]
fn real_programs_behave_as_cargo_builds_them() -> Result<()> {
    let workspace = Workspace::generate("test", PROGRAMS, Tool::FromSource)?;

    let mut crates = BTreeSet::new();
    for program in PROGRAMS {
        crates.extend(cargo_build::crates(&workspace, program)?);
    }
    eprintln!("real programs: {} crates", crates.len());
    ensure!(crates.len() > 80, "only {} crates: too little to call real input", crates.len());

    eprintln!("real programs: building with Bazel");
    // Cargo does not optimise build scripts and proc macros either. Bazel would build the tool into
    // another folder, and so once more, where the setting `lto` is given only later.
    let flags = ["--compilation_mode=fastbuild", "--host_compilation_mode=fastbuild", "--@splitlink//rules/bazel:lto=off", TOOL];
    let built_by_bazel = workspace.build(PROGRAMS, Rules::Splitlink, &flags)?;
    eprintln!("real programs: building with Cargo");
    let shared = SharedTarget::open()?;
    let tree = cache()?.join("real_programs/tree");
    if tree.exists() {
        fs::remove_dir_all(&tree)?;
    }
    write_tree(&tree)?;

    let mut built_by_cargo = Vec::new();
    for (program, by_bazel) in PROGRAMS.iter().zip(&built_by_bazel) {
        let by_cargo = cargo_build::build(&workspace, program, Profile::Dev, &shared.dir)?;
        compare(program, by_bazel, &by_cargo, &tree)?;
        built_by_cargo.push(by_cargo);
    }
    let all = std::env::var_os(ALL_LTO).is_some();
    if !all {
        skip(&format!("{ALL_LTO} is not set: of real programs with LTO one is built thin and one fat, and none by Cargo"));
    }
    for (at, program) in PROGRAMS.iter().enumerate() {
        for (number, mode) in ["fat", "thin"].into_iter().enumerate() {
            if all {
                eprintln!("real programs: building {} with Cargo and {mode} LTO", program.bin);
                let target_dir = cache()?.join(format!("real_programs/cargo-target-{mode}"));
                let by_cargo = cargo_build::build_with_lto(&workspace, program, mode, &target_dir)?;
                with_lto(&workspace, program, mode, &by_cargo, &tree)?;
            } else if at % 2 == number {
                with_lto(&workspace, program, mode, &built_by_cargo[at], &tree)?;
            }
        }
    }
    Ok(())
}

/// Builds `program` with LTO, from the same sources, and compares it with `by_cargo`.
fn with_lto(workspace: &Workspace, program: &Program, mode: &str, by_cargo: &Path, tree: &Path) -> Result<()> {
    eprintln!("real programs: building {} with Bazel and {mode} LTO", program.bin);
    let lto = format!("--@splitlink//rules/bazel:lto={mode}");
    let flags = ["--compilation_mode=opt", "--host_compilation_mode=fastbuild", &lto, "--output_groups=+report", TOOL];
    let built = workspace.build(std::slice::from_ref(program), Rules::Splitlink, &flags)?;
    let by_bazel: &PathBuf = built.first().context("one program was built")?;
    compare(program, by_bazel, by_cargo, tree).with_context(|| format!("{} with {mode} LTO", program.bin))?;
    let exports = |path: &Path| -> Result<Vec<String>> {
        let mut exports: Vec<String> = elf::describe(path)?.into_iter().filter(|fact| fact.starts_with("exports ")).collect();
        exports.sort();
        Ok(exports)
    };
    let (ours, cargos) = (exports(by_bazel)?, exports(by_cargo)?);
    ensure!(ours == cargos, "{} with {mode} LTO exports {ours:#?} and Cargo's {cargos:#?}", program.bin);
    // It was LTO, of the standard library as well.
    let report = by_bazel.with_file_name(format!("{}.splitlink/report.json", program.bin));
    let report: serde_json::Value = serde_json::from_slice(&fs::read(&report).with_context(|| format!("no {}", report.display()))?)?;
    let group = &report["lto"][0];
    let took_part =
        |name: &str| group["crates"].as_array().into_iter().flatten().any(|id| id.as_str().is_some_and(|id| id.starts_with(name)));
    ensure!(group["mode"] == mode && took_part("std-") && took_part("libc-"), "the report tells of other LTO: {group}");
    Ok(())
}

/// Runs all command lines of `program` with both executables.
fn compare(program: &Program, by_bazel: &Path, by_cargo: &Path, tree: &Path) -> Result<()> {
    let lines: Vec<&CommandLine> = COMMAND_LINES.iter().filter(|line| line.bin == program.bin).collect();
    let mut different = Vec::new();
    for line in &lines {
        let [ours, cargos] = [by_bazel, by_cargo].map(|executable| line.run(executable, tree));
        let (ours, cargos) = (ours?, cargos?);
        if ours != cargos {
            different.push(format!("{line:?}\n  through Bazel: {ours:?}\n  through Cargo: {cargos:?}"));
        } else if ours.code != Some(line.code) {
            different.push(format!("{line:?}\n  both: {ours:?}"));
        }
    }
    ensure!(different.is_empty(), "{} of {} command lines went wrong:\n{}", different.len(), lines.len(), different.join("\n"));
    ensure!(!lines.is_empty(), "{} has no command lines", program.bin);
    eprintln!("real programs: {} command lines of {}, the same output", lines.len(), program.bin);
    Ok(())
}
