//! Builds published programs through splitlink's Bazel rules and through Cargo, and compares what they print.

use std::collections::BTreeSet;
use std::fs;

use anyhow::{Result, ensure};
use splitlink_tests::real_programs::{
    COMMAND_LINES, PROGRAMS, Rules, Tool, Workspace, cache,
    cargo_build::{self, Profile},
    write_tree,
};

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
    // Cargo does not optimise build scripts and proc macros either.
    let built_by_bazel =
        workspace.build(PROGRAMS, Rules::Splitlink, &["--compilation_mode=fastbuild", "--host_compilation_mode=fastbuild"])?;
    eprintln!("real programs: building with Cargo");
    let target_dir = cache()?.join("real_programs/cargo-target");
    let tree = cache()?.join("real_programs/tree");
    if tree.exists() {
        fs::remove_dir_all(&tree)?;
    }
    write_tree(&tree)?;

    let mut different = Vec::new();
    for (program, by_bazel) in PROGRAMS.iter().zip(&built_by_bazel) {
        let by_cargo = cargo_build::build(&workspace, program, Profile::Dev, &target_dir)?;
        for line in COMMAND_LINES.iter().filter(|line| line.bin == program.bin) {
            let [ours, cargos] = [by_bazel, &by_cargo].map(|executable| line.run(executable, &tree));
            let (ours, cargos) = (ours?, cargos?);
            if ours != cargos {
                different.push(format!("{line:?}\n  through Bazel: {ours:?}\n  through Cargo: {cargos:?}"));
            } else if ours.code != Some(line.code) {
                different.push(format!("{line:?}\n  both: {ours:?}"));
            }
        }
    }
    ensure!(different.is_empty(), "{} of {} command lines went wrong:\n{}", different.len(), COMMAND_LINES.len(), different.join("\n"));
    eprintln!("real programs: {} command lines, the same output", COMMAND_LINES.len());
    Ok(())
}
