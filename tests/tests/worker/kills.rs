//! SIGKILL at random moments, of a worker, of the server that calls share and of all that these
//! start: no output is ever a wrong one, each failure comes of a kill, and nothing is left behind.
//! `bazel/worker_kills.rs` does the same under Bazel.

use anyhow::{Context, Result, ensure};
use serde_json::json;
use splitlink_tests::kills::{Attempts, Plan, Victim, kind_of, while_killing};
use splitlink_tests::rustc_fixture::project::{Project, good, words};
use splitlink_tests::rustc_fixture::tools::{names_in, run};
use splitlink_tests::rustc_fixture::worker::{Action, Client};
use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::os::fd::OwnedFd;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixStream;
use std::process::{Command, Output, Stdio};

/// Contents by path.
type Files = BTreeMap<String, Vec<u8>>;

/// A project with scripts that count the runs of rustc.
fn project(name: &str) -> Result<Project> {
    let project = Project::new(name)?;
    project.write_scripts()?;
    Ok(project)
}

/// Writes `dep`, another in every second round, so that what the round before has left would show.
fn write_source(project: &Project, variant: usize) -> Result<()> {
    // With some code to generate, so that rustc does not end before it can be stopped.
    let source = format!(
        "pub fn value<T: Into<u64>>(x: T) -> u64 {{ x.into() + 4{variant} }}\npub fn plain() -> u64 {{ value(2u8) }}\n\
         pub fn sorted(mut words: Vec<String>) -> String {{ words.sort(); words.join(\" \") }}\n"
    );
    project.write("dep.rs", source)
}

fn victims(project: &Project) -> Vec<Victim> {
    project.processes(0).into_iter().map(|process| process.id.to_string()).map(|id| (id.clone(), kind_of(&id))).collect()
}

/// Checks that what there is of `outputs` is what it should be. They may be missing only where
/// something `failed`.
fn right(project: &Project, outputs: &[String], plain: &Files, failed: bool) -> Result<()> {
    for output in outputs {
        ensure!(failed || project.has(output), "`{output}` is missing, and no failure was reported");
        if project.has(output) {
            ensure!(project.read(output)? == plain[output], "`{output}` is a wrong one (failed: {failed})");
        }
    }
    Ok(())
}

/// The bytes of all files in `out`, by path; without links.
fn files(project: &Project) -> Result<Files> {
    let (mut files, mut folders) = (Files::new(), vec!["out".to_owned()]);
    while let Some(folder) = folders.pop() {
        for name in names_in(&project.dir.join(&folder)) {
            let path = format!("{folder}/{name}");
            let kind = fs::symlink_metadata(project.dir.join(&path))?;
            if kind.is_dir() {
                folders.push(path);
            } else if kind.is_file() {
                files.insert(path.clone(), project.read(&path)?);
            }
        }
    }
    Ok(files)
}

/// Removes what the actions write, and nothing of a worker's.
fn remove_outputs(project: &Project, plain: &Files) -> Result<()> {
    for path in plain.keys().filter(|path| project.has(path)) {
        fs::remove_file(project.dir.join(path))?;
    }
    Ok(())
}

/// Checks that what is in `out` at the end is all that should be there. A scratch folder is beside
/// its output until that is made again in one, and what a killed rustc leaves is rustc's own: files
/// in `--out-dir`, and the folders `rustcXXXXXX` and `.tmpXXXXXX.temp-archive` beside its output.
fn nothing_is_left(project: &Project, plain: &Files) -> Result<()> {
    ensure!(project.processes(0).is_empty(), "these are left: {:?}", project.processes(0));
    let is_rustcs = |part: &str| part == "extra" || part.ends_with(".temp-archive") || (part.len() == 11 && part.starts_with("rustc"));
    let is_ours = |path: &String| !path.contains(".scratch/") && !path.split('/').any(is_rustcs);
    let left: Vec<_> = files(project)?.into_keys().filter(|path| !plain.contains_key(path) && is_ours(path)).collect();
    ensure!(left.is_empty(), "these files are left: {left:?}");
    Ok(())
}

/// An action, and what it writes.
struct Step {
    action: Action,
    outputs: Vec<String>,
}

/// Groups of actions that can be done at the same time, one after another.
fn groups(project: &Project) -> Vec<Vec<Step>> {
    let step = |action, outputs: &str| Step { action, outputs: words(outputs) };
    let no_link = "no-link --plan out/plan.json --modules out/modules --metadata out/libdep-1.rmeta";
    vec![
        vec![step(project.metadata_action("dep", &[]), "out/libdep-1.rmeta")],
        vec![
            step(project.metadata_action("library", &[]), "out/liblibrary-1.rmeta"),
            step(project.codegen_action("dep", &[]), "out/libdep-1.rlib"),
            step(project.action(no_link, &project.linked("app", "bin"), "app.rs out/libdep-1.rmeta"), "out/plan.json"),
        ],
        vec![step(project.codegen_action("library", &[]), "out/liblibrary-1.rlib")],
    ]
}

#[test]
fn of_a_worker_and_what_it_starts() -> Result<()> {
    let project = project("kills_worker")?;
    let groups = groups(&project);
    let mut plain = Vec::new();
    for variant in 0..2 {
        write_source(&project, variant)?;
        for step in groups.iter().flatten() {
            good(&project.run_plain(&step.action)?)?;
        }
        plain.push(files(&project)?);
    }
    ensure!(plain[0].keys().eq(plain[1].keys()) && plain[0]["out/libdep-1.rlib"] != plain[1]["out/libdep-1.rlib"], "nothing is tested");

    let mut served = Served { project: &project, worker: None, number: 0 };
    let mut resumed = 0;
    let round = |round: usize, attempts: &mut Attempts<'_>| {
        let plain = &plain[round % 2];
        write_source(&project, round % 2)?;
        remove_outputs(&project, plain)?;
        let before = project.calls();
        for group in &groups {
            let mut wanted: Vec<&Step> = group.iter().collect();
            while !wanted.is_empty() {
                wanted = served.perform(&wanted, plain, attempts)?;
            }
        }
        let made = files(&project)?;
        let different: Vec<_> = plain.iter().filter(|(path, bytes)| made.get(*path) != Some(*bytes)).map(|(path, _)| path).collect();
        ensure!(different.is_empty(), "these are wrong at the end: {different:?}");
        resumed += usize::from(project.calls() - before == 3);
        Ok(())
    };
    let how = Plan { what: "a worker", seed: 1, count: 140, pause: 70 };
    while_killing(how, &["worker", "attached", "rustc"], || victims(&project), round)?;
    ensure!(resumed > 0, "in no round one rustc served both actions of a library");
    if let Some(worker) = served.worker.take() {
        worker.close()?;
    }
    nothing_is_left(&project, &plain[0])
}

/// A worker, another one each time that it was killed.
struct Served<'a> {
    project: &'a Project,
    worker: Option<Client>,
    number: i64,
}

impl Served<'_> {
    /// Does all of `steps` at a time, and returns those that failed.
    fn perform<'s>(&mut self, steps: &[&'s Step], plain: &Files, attempts: &mut Attempts<'_>) -> Result<Vec<&'s Step>> {
        attempts.begin();
        let worker = match &mut self.worker {
            Some(worker) => worker,
            none => none.insert(Client::start(self.project, &[])?),
        };
        let mut sent = Vec::new();
        for &step in steps {
            self.number += 1;
            sent.push((step, self.number, worker.send(self.number, &step.action)));
        }
        let (mut failed, mut said, mut ended) = (Vec::new(), String::new(), false);
        for (step, number, sent) in sent {
            let answer = sent.and_then(|()| worker.answer(number));
            ended |= answer.is_err();
            let went_well = matches!(&answer, Ok(answer) if answer.code == 0);
            right(self.project, &step.outputs, plain, !went_well).with_context(|| format!("{:?}: {answer:?}", step.action.lines))?;
            match answer {
                Ok(answer) if went_well => answer.silent()?,
                Ok(answer) => {
                    failed.push(step);
                    said += &format!("{}: {}\n", answer.code, answer.output);
                }
                Err(error) => {
                    failed.push(step);
                    said += &format!("{error:#}\n");
                }
            }
        }
        if ended {
            // The end of its output may show a moment after that of its input.
            self.project.wait_until("the worker has ended", || worker.has_ended())?;
            self.worker = None;
        }
        if !failed.is_empty() {
            attempts.failed(&said)?;
        }
        Ok(failed)
    }
}

/// The calls for a library: its metadata or its code.
const CALLS: [(&str, &str); 2] = [("out/metadata", "-Zno-codegen"), ("out/code", "")];

/// The call of a build for the library `name`, with which no process shares anything if there is no
/// name of a `build`.
fn call(project: &Project, build: Option<&str>, name: &str, (folder, flag): (&str, &str)) -> Command {
    let share = build.map_or("", |_| "--share-within BUILD --max-idle 2");
    let mut args = words(&format!(
        "--crate-name={name} {name}.rs --crate-type=rlib --edition=2024 -Cmetadata=1 -Cextra-filename=-1 --error-format=json -Zremap-cwd-prefix=. \
         --emit=link={folder}/lib{name}-1.rlib --out-dir={folder}/extra {flag}"
    ));
    if name != "dep" {
        args.extend(words(&format!("-Ldependency={folder}/deps --extern=dep={folder}/deps/libdep-1.rlib")));
    }
    let mut command = project.splitlink(&words(&format!("rustc --stable {share}")));
    command.args(["--", "counted/rustc"]).args(args).env("RUSTC_BOOTSTRAP", "1").envs(build.map(|build| ("BUILD", build)));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn output_of(name: &str, (folder, _): (&str, &str)) -> String {
    format!("{folder}/lib{name}-1.rlib")
}

#[test]
fn of_a_shared_server_its_calls_and_what_it_starts() -> Result<()> {
    let project = project("kills_shared")?;
    // Each call reaches the dependency through a folder of its own.
    for (folder, _) in CALLS {
        fs::create_dir_all(project.dir.join(folder).join("deps"))?;
        symlink(project.dir.join("out/metadata/libdep-1.rlib"), project.dir.join(folder).join("deps/libdep-1.rlib"))?;
    }
    let mut plain = Vec::new();
    for variant in 0..2 {
        write_source(&project, variant)?;
        for (name, kind) in ["dep", "library"].into_iter().flat_map(|name| CALLS.map(|kind| (name, kind))) {
            good(&run(&mut call(&project, None, name, kind))?)?;
        }
        plain.push(files(&project)?);
    }
    ensure!(
        plain[0].keys().eq(plain[1].keys()) && plain[0]["out/code/libdep-1.rlib"] != plain[1]["out/code/libdep-1.rlib"],
        "nothing is tested"
    );

    let mut shared = 0;
    let round = |round: usize, attempts: &mut Attempts<'_>| {
        let plain = &plain[round % 2];
        write_source(&project, round % 2)?;
        remove_outputs(&project, plain)?;
        let before = project.calls();
        for name in ["dep", "library"] {
            let mut wanted = CALLS.to_vec();
            // Whichever comes first.
            wanted.rotate_left(round / 2 % 2);
            for attempt in 0.. {
                // What has failed in a build fails for all of its calls, and is tried again in
                // another.
                let build = format!("round {round}, {name}, attempt {attempt}");
                wanted = perform(&project, &build, name, &wanted, plain, attempts)?;
                if wanted.is_empty() {
                    break;
                }
            }
        }
        shared += usize::from(project.calls() - before == 2);
        Ok(())
    };
    let how = Plan { what: "a shared server", seed: 2, count: 120, pause: 70 };
    while_killing(how, &["server", "call", "attached", "rustc"], || victims(&project), round)?;
    ensure!(shared > 0, "in no round one rustc served both calls for a library");
    project.wait_until("the server has ended", || project.processes(0).is_empty())?;
    nothing_is_left(&project, &plain[0])
}

/// Makes the calls at a time, and returns those that failed.
fn perform<'c>(
    project: &Project,
    build: &str,
    name: &str,
    calls: &[(&'c str, &'c str)],
    plain: &Files,
    attempts: &mut Attempts<'_>,
) -> Result<Vec<(&'c str, &'c str)>> {
    attempts.begin();
    let started = calls.iter().map(|&kind| Ok((kind, call(project, Some(build), name, kind).spawn()?))).collect::<Result<Vec<_>>>()?;
    let (mut failed, mut said) = (Vec::new(), String::new());
    for (kind, process) in started {
        let output: Output = process.wait_with_output()?;
        let went_well = output.status.success();
        right(project, &[output_of(name, kind)], plain, !went_well).with_context(|| format!("{name}, {kind:?}: {output:?}"))?;
        if !went_well {
            failed.push(kind);
            said += &format!("{}: {}\n", output.status, String::from_utf8_lossy(&output.stderr));
        }
    }
    if !failed.is_empty() {
        attempts.failed(&said)?;
    }
    Ok(failed)
}

/// The next worker removes the folder of one that was killed. A process that the first had started
/// must not make it anew.
#[test]
fn of_a_worker_whose_process_has_not_begun() -> Result<()> {
    let project = project("kills_begins")?;
    let scratch = project.dir.join("out/splitlink-worker-1/0");
    let start = json!({
        "options": ["metadata", "--output", "out/libdep-1.rmeta"],
        "place": scratch.parent(),
        "scratch": scratch,
        "sandboxed": false,
        "mark": null,
    });
    let (mut worker, theirs) = UnixStream::pair()?;
    let mut attached = project.splitlink(&words("attached -- counted/rustc"));
    attached.args(project.library("dep")).stdin(OwnedFd::from(theirs));
    writeln!(worker, "{start}")?;
    let output = run(&mut attached)?;
    ensure!(output.status.code() == Some(1) && output.stderr.is_empty() && project.calls() == 0, "{output:?}");
    ensure!(!project.has("out/splitlink-worker-1") && !project.has("out/libdep-1.rmeta"), "{:?}", names_in(&project.dir.join("out")));
    Ok(())
}
