//! Workers of several containers over one output tree: each may have the process number 1.

use anyhow::{Result, ensure};
use splitlink_tests::rustc_fixture::project::{Project, good};
use splitlink_tests::rustc_fixture::tools::{names_in, run};
use splitlink_tests::rustc_fixture::worker::Client;
use std::process::Command;

/// Starts a program as the first process of a PID namespace.
const CONTAINER: &[&str] = &["unshare", "--pid", "--fork", "--kill-child"];

#[test]
fn workers_with_one_process_number() -> Result<()> {
    let project = Project::new("worker_containers")?;
    if !run(Command::new(CONTAINER[0]).args(&CONTAINER[1..]).arg("true")).is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: no PID namespace can be made; run the tests as root, with util-linux's `unshare`");
        return Ok(());
    }
    project.write_scripts()?;
    let crates = ["dep", "library"];
    let mut plain = Vec::new();
    for name in crates {
        for action in [project.metadata_action(name, &[]), project.codegen_action(name, &[])] {
            good(&project.run_plain(&action)?)?;
        }
        plain.push(project.read(&format!("out/lib{name}-1.rlib"))?);
    }
    for round in 0..3 {
        let before = project.calls();
        let mut workers = Vec::new();
        // Each in a container of its own; the second starts while the first has a process that
        // stands still.
        for name in crates {
            std::fs::remove_file(project.dir.join(format!("out/lib{name}-1.rlib")))?;
            let mut worker = Client::start_by(CONTAINER, &project, &[])?;
            worker.perform(1, &project.metadata_action(name, &[]))?.silent()?;
            workers.push(worker);
        }
        let places: Vec<_> = names_in(&project.dir.join("out")).into_iter().filter(|name| name.starts_with("splitlink-worker-")).collect();
        ensure!(places.len() == 2, "round {round}: each worker has a folder of its own: {places:?}");
        for ((name, worker), plain) in crates.iter().zip(&mut workers).zip(&plain) {
            worker.perform(2, &project.codegen_action(name, &[]))?.silent()?;
            ensure!(&project.read(&format!("out/lib{name}-1.rlib"))? == plain, "round {round}: other code for {name}");
        }
        ensure!(project.calls() - before == 2, "round {round}: {} runs of rustc for two crates", project.calls() - before);
        for worker in workers {
            worker.close()?;
        }
        let left: Vec<_> = names_in(&project.dir.join("out")).into_iter().filter(|name| name.contains("splitlink")).collect();
        ensure!(left.is_empty(), "round {round}: {left:?}");
    }
    Ok(())
}
