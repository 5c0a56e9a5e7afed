//! Builds published programs through splitlink's Buck2 rules and through Cargo, and compares what
//! they print.

use std::collections::BTreeSet;
use std::path::PathBuf;

use anyhow::ensure;
use splitlink_tests::buck2::Project;
use splitlink_tests::real_programs::{
    COMMAND_LINES, PROGRAMS, buck2_files,
    cargo_build::{self, Profile, SharedTarget},
    write_tree,
};
use splitlink_tests::rustc_fixture::tools::{Failure, empty_folder};

#[test]
fn real_programs_behave_as_cargo_builds_them() -> Result<(), Failure> {
    let Some(project) = Project::new("real_programs")? else { return Ok(()) };
    let [scratch, tree] = ["sources", "tree"].map(empty_folder);
    let tree = tree?;
    buck2_files::generate(&scratch?, &project.root, PROGRAMS)?;
    write_tree(&tree)?;

    let shared = SharedTarget::open()?;
    let mut crates = BTreeSet::new();
    let mut different = Vec::new();
    for program in PROGRAMS {
        crates.extend(cargo_build::crates(&project.root, program)?);
        let target = format!("root//{}:{}", program.package, program.bin);
        let by_buck2: PathBuf = project.build(&target)?;
        let linked = project.ran()?.into_iter().filter(|ran| ran.target == target && ran.action == "splitlink_link_only bin").count();
        assert_eq!(linked, 1, "splitlink links {target}");
        let by_cargo = cargo_build::build(&project.root, program, Profile::Dev, &shared.dir)?;
        for line in COMMAND_LINES.iter().filter(|line| line.bin == program.bin) {
            let [ours, cargos] = [&by_buck2, &by_cargo].map(|executable| line.run(executable, &tree));
            let (ours, cargos) = (ours?, cargos?);
            if ours != cargos {
                different.push(format!("{line:?}\n  through Buck2: {ours:?}\n  through Cargo: {cargos:?}"));
            } else if ours.code != Some(line.code) {
                different.push(format!("{line:?}\n  both: {ours:?}"));
            }
        }
    }
    check(&crates, &different)?;
    Ok(())
}

fn check(crates: &BTreeSet<String>, different: &[String]) -> anyhow::Result<()> {
    ensure!(crates.len() > 80, "only {} crates: too little to call real input", crates.len());
    ensure!(different.is_empty(), "{} of {} command lines went wrong:\n{}", different.len(), COMMAND_LINES.len(), different.join("\n"));
    Ok(())
}
