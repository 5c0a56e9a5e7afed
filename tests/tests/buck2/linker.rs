//! With a real Buck2: another linker links, and nothing is compiled for it.

use splitlink_tests::buck2::Project;
use splitlink_tests::rustc_fixture::tools::{Failure, skip, succeed};
use std::process::Command;

const PROGRAM: &str = "splitlink//examples/dynamic_dev:dynamic_dev";

#[test]
fn another_linker_compiles_nothing() -> Result<(), Failure> {
    let Some(project) = Project::new("linker_setting")? else { return Ok(()) };
    project.build(PROGRAM)?;
    let mut tried = vec!["lld"];
    if Command::new("mold").arg("--version").output().is_ok() {
        tried.push("mold");
    } else {
        skip("no mold on the PATH: install it to have Buck2 link with it");
    }
    for linker in tried {
        let program = project.build_with(&["-c", &format!("splitlink.linker={linker}")], PROGRAM)?;
        let ran = project
            .ran()?
            .into_iter()
            .map(|ran| ran.action)
            .filter(|action| action.starts_with("rustc") || action.starts_with("splitlink_"));
        assert_eq!(ran.collect::<Vec<_>>(), ["splitlink_link_only bin"], "{linker}");
        succeed(&mut Command::new(program))?;
    }
    Ok(())
}
