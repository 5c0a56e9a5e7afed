//! What two configurations compile alike is compiled once: the same bytes as by two runs of rustc,
//! in whatever order they are asked for. Where the name of a configuration may be in what rustc
//! writes, each has a run of its own.

use anyhow::{Result, ensure};
use splitlink_tests::rustc_fixture::project::{Project, good, words};
use splitlink_tests::rustc_fixture::worker::{Action, Client};

/// The folders of two configurations.
const FOLDERS: [&str; 2] = ["bazel-out/target/bin", "bazel-out/host-exec/bin"];

/// The action for each of the folders.
fn in_each(action: &Action) -> [Action; 2] {
    FOLDERS.map(|folder| {
        let moved = |words: &[String]| words.iter().map(|word| word.replace("out/lib", &format!("{folder}/lib"))).collect();
        Action { lines: moved(&action.lines), inputs: moved(&action.inputs) }
    })
}

/// The four actions of a library: metadata and code, for each of the folders.
fn actions(project: &Project, library: &str, more: &str) -> [Action; 4] {
    let [target, host] = in_each(&project.metadata_action(library, &words(more)));
    let [target_code, host_code] = in_each(&project.codegen_action(library, &words(more)));
    [target, host, target_code, host_code]
}

/// The bytes of all that the actions of a library write.
fn written(project: &Project, library: &str) -> Result<Vec<Vec<u8>>> {
    let files = ["rmeta", "rlib"].map(|extension| FOLDERS.map(|folder| format!("{folder}/lib{library}-1.{extension}")));
    files.concat().iter().map(|file| project.read(file)).collect()
}

fn empty(project: &Project) -> Result<()> {
    for folder in FOLDERS {
        let folder = project.dir.join(folder);
        if folder.exists() {
            std::fs::remove_dir_all(&folder)?;
        }
        std::fs::create_dir_all(&folder)?;
    }
    Ok(())
}

fn project(name: &str) -> Result<Project> {
    let project = Project::new(name)?;
    project.write_scripts()?;
    Ok(project)
}

#[test]
fn are_compiled_once_in_any_order() -> Result<()> {
    let project = project("twins_in_any_order")?;
    empty(&project)?;
    for library in ["dep", "library"] {
        for action in actions(&project, library, "") {
            good(&project.run_plain(&action)?)?;
        }
    }
    let plain = [written(&project, "dep")?, written(&project, "library")?];
    for order in [[0, 1, 2, 3], [0, 1, 3, 2], [0, 2, 1, 3], [1, 3, 0, 2], [1, 0, 2, 3]] {
        empty(&project)?;
        let before = project.calls();
        let mut worker = Client::start(&project, &[])?;
        let mut id = 0;
        for (library, plain) in ["dep", "library"].into_iter().zip(&plain) {
            let actions = actions(&project, library, "");
            for at in order {
                id += 1;
                worker.perform(id, &actions[at])?.silent()?;
            }
            ensure!(written(&project, library)? == *plain, "{order:?}: other bytes of {library}");
        }
        let calls = project.calls() - before;
        ensure!(calls == 2, "{order:?}: {calls} runs of rustc for two libraries");
        ensure!(project.suspended().is_empty(), "{order:?}: something stands still for nobody");
        worker.close()?;
    }
    Ok(())
}

/// Asked for at the same time, one waits for the other; after a failure each says what is wrong.
#[test]
fn at_the_same_time() -> Result<()> {
    let project = project("twins_at_the_same_time")?;
    for (source, calls) in [("pub fn plain() -> u64 { 40 }\n", 1), ("pub fn plain() -> u64 { wrong }\n", 2)] {
        project.write("dep.rs", source)?;
        empty(&project)?;
        let before = project.calls();
        let mut worker = Client::start(&project, &[])?;
        let [target, host, ..] = actions(&project, "dep", "");
        worker.send(1, &target)?;
        worker.send(2, &host)?;
        for id in [1, 2] {
            let answer = worker.answer(id)?;
            ensure!((answer.code == 0) == (calls == 1), "{answer:?}");
            ensure!(answer.output.contains("wrong") == (calls == 2), "{answer:?}");
        }
        ensure!(project.calls() - before == calls, "{} runs of rustc", project.calls() - before);
        worker.close()?;
    }
    Ok(())
}

#[test]
fn are_two_where_the_configuration_may_be_seen() -> Result<()> {
    let project = project("twins_that_are_none")?;
    project.write("bazel-out/generated.rs", "")?;
    let with = |action: &Action, option: &str, input: &str| {
        let mut action = action.clone();
        action.lines.splice(1..1, words(option));
        action.inputs.extend(words(input));
        action
    };
    for (what, option, input, flags) in [
        ("the environment", "--env=OUT_DIR=bazel-out/FOLDER", "", ["", ""]),
        ("a generated file", "", "bazel-out/generated.rs", ["", ""]),
        ("other flags", "", "", ["", "--cfg=x"]),
    ] {
        empty(&project)?;
        let before = project.calls();
        let mut worker = Client::start(&project, &[])?;
        for (id, (at, flags)) in (1..).zip(flags.iter().enumerate()) {
            let action = with(&actions(&project, "dep", flags)[at], option, input);
            worker.perform(id, &action)?.silent()?;
        }
        ensure!(project.calls() - before == 2, "{what}: {} runs of rustc", project.calls() - before);
        worker.close()?;
    }
    Ok(())
}
