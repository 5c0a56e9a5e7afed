//! `splitlink worker`, through the protocol that build systems speak: the same bytes as without it
//! from half of the rustc runs, whatever happens to any of the processes.

use anyhow::{Context, Result, ensure};
use prost::Message;
use splitlink::worker::protocol::{Framing, WorkRequest, WorkResponse};
use splitlink_tests::rustc_fixture::project::{Project, good, words};
use splitlink_tests::rustc_fixture::tools::{names_in, run};
use splitlink_tests::rustc_fixture::worker::{Action, Client};
use std::collections::BTreeMap;
use std::io::Write;
use std::process::{Command, Stdio};

type Outcome = Result<()>;

fn project(name: &str) -> Result<Project> {
    let project = Project::new(name)?;
    project.write_scripts()?;
    Ok(project)
}

fn kill(signal: &str, id: u32) -> Result<()> {
    good(&run(Command::new("kill").arg(signal).arg(id.to_string()))?)
}

/// The actions of two libraries and a program, in an order in which they can be run.
fn actions_of_a_program(project: &Project, flags: &[String]) -> Vec<Action> {
    let program = [project.linked("app", "bin"), flags.to_vec()].concat();
    let no_link = "no-link --plan out/plan.json --modules out/modules --metadata out/libdep-1.rmeta";
    vec![
        project.metadata_action("dep", flags),
        project.metadata_action("library", flags),
        project.action(no_link, &program, "app.rs out/libdep-1.rmeta"),
        project.codegen_action("library", flags),
        project.codegen_action("dep", flags),
    ]
}

/// The bytes of all files in `out`, by path.
fn bytes(project: &Project) -> Result<BTreeMap<String, Vec<u8>>> {
    let (mut files, mut folders) = (BTreeMap::new(), vec!["out".to_owned()]);
    while let Some(folder) = folders.pop() {
        for name in names_in(&project.dir.join(&folder)) {
            let path = format!("{folder}/{name}");
            if project.dir.join(&path).is_dir() {
                folders.push(path);
            } else {
                files.insert(path.clone(), project.read(&path)?);
            }
        }
    }
    Ok(files)
}

fn empty_out(project: &Project) -> Result<()> {
    std::fs::remove_dir_all(project.dir.join("out"))?;
    std::fs::create_dir_all(project.dir.join("out"))?;
    Ok(())
}

#[test]
fn the_same_bytes_from_one_rustc_a_crate() -> Outcome {
    let project = project("same_bytes")?;
    project.write("dep.rs", "pub fn value<T: Into<u64>>(x: T) -> u64 { x.into() + env!(\"SPLITLINK_TEST\").len() as u64 }\npub fn plain() -> u64 { value(2u8) }\n")?;
    for flags in ["", "-g -Copt-level=2", "-Clinker-plugin-lto -Copt-level=1"] {
        let actions = actions_of_a_program(&project, &words(flags));
        empty_out(&project)?;
        let before = project.calls();
        for action in &actions {
            good(&project.run_plain(action)?)?;
        }
        ensure!(project.calls() - before == 5, "without a worker {} runs of rustc, `{flags}`", project.calls() - before);
        let plain = bytes(&project)?;

        empty_out(&project)?;
        let before = project.calls();
        let mut worker = Client::start(&project, &[])?;
        for (id, action) in (1..).zip(&actions) {
            worker.perform(id, action)?.silent()?;
            let expected = [1, 2, 2, 1, 0][usize::try_from(id - 1).unwrap_or(0)];
            // The answer may be here a moment before the process stands still.
            project.wait_until(&format!("{expected} stand still after {id}"), || project.suspended().len() == expected)?;
        }
        ensure!(project.calls() - before == 3, "with a worker {} runs of rustc, `{flags}`", project.calls() - before);
        worker.close()?;
        ensure!(project.processes(0).is_empty(), "{:?}", project.processes(0));
        let served = bytes(&project)?;
        ensure!(plain.len() > 6 && plain.keys().eq(served.keys()), "{:?}\n{:?}", plain.keys(), served.keys());
        let different: Vec<_> = plain.iter().filter(|(path, bytes)| served[*path] != **bytes).map(|(path, _)| path).collect();
        ensure!(different.is_empty(), "with and without a worker these differ, `{flags}`: {different:?}");
    }
    Ok(())
}

#[test]
fn protocol_buffers_and_a_worker_that_is_told_no_names() -> Outcome {
    let project = project("protocol_buffers")?;
    let actions = [project.metadata_action("dep", &[]), project.codegen_action("dep", &[])];
    // One request at a time, of name 0: which worker is asked for the code is then unknown, so
    // nothing is suspended.
    for (id, calls) in [(1, 1), (0, 2)] {
        let mut worker = project.splitlink(&words("worker --persistent_worker")).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let (mut input, mut output) = (worker.stdin.take().expect("piped"), std::io::BufReader::new(worker.stdout.take().expect("piped")));
        let before = project.calls();
        for action in &actions {
            let request = WorkRequest { arguments: action.lines.clone(), request_id: id, ..WorkRequest::default() };
            input.write_all(&request.encode_length_delimited_to_vec())?;
            let length = prost::decode_length_delimiter(std::io::BufRead::fill_buf(&mut output)?)?;
            let mut message = vec![0; length + prost::length_delimiter_len(length)];
            std::io::Read::read_exact(&mut output, &mut message)?;
            let response = WorkResponse::decode_length_delimited(message.as_slice())?;
            ensure_good(&response, id)?;
        }
        drop(input);
        ensure!(
            worker.wait()?.success() && project.calls() - before == calls,
            "{} calls of rustc for the name {id}",
            project.calls() - before
        );
    }
    ensure!(Framing::detect(&b"{}"[..])?.0 == Framing::Json, "JSON is not recognised");
    Ok(())
}

fn ensure_good(response: &WorkResponse, id: i32) -> Result<()> {
    ensure!(response.exit_code == 0 && response.output.is_empty() && response.request_id == id, "{response:?}");
    Ok(())
}

#[test]
fn two_hundred_crates_with_two_suspended() -> Outcome {
    let project = project("many")?;
    let names: Vec<_> = (0..200).map(|number| format!("c{number}")).collect();
    let mut worker = Client::start(&project, &["--max-suspended=2"])?;
    worker.perform(1000, &project.metadata_action("dep", &[]))?.silent()?;
    for (id, name) in (1..).zip(&names) {
        project.write(&format!("{name}.rs"), "#![no_std]\npub fn f() -> u32 { 1 }\n")?;
        worker.send(id, &project.metadata_action(name, &[]))?;
        // Two at a time.
        if id > 1 {
            worker.answer(id - 1)?.silent()?;
        }
        ensure!(project.suspended().len() <= 4, "{:?}", project.suspended());
    }
    worker.answer(200)?.silent()?;
    // By what started them: a rustc that had but this to compile may have ended before it could be
    // stopped.
    let left = || project.processes(worker.id()).iter().filter(|process| process.name == "splitlink").count();
    project.wait_until("two are left", || left() == 2)?;
    let before = project.calls();
    for (id, name) in (201..).zip(&names) {
        worker.send(id, &project.codegen_action(name, &[]))?;
        if id > 201 {
            worker.answer(id - 1)?.silent()?;
        }
    }
    worker.answer(400)?.silent()?;
    let again = project.calls() - before;
    ensure!((198..=200).contains(&again), "{again} of 200 were run again");
    ensure!(names.iter().all(|name| project.has(&format!("out/lib{name}-1.rlib"))), "a library is missing");
    worker.close()?;
    ensure!(project.processes(0).is_empty(), "{:?}", project.processes(0));
    Ok(())
}

#[test]
fn no_memory_to_suspend_anything() -> Outcome {
    for (name, option, calls) in
        [("none", "--max-suspended=0", 2), ("no_memory", "--max-suspended-memory=0", 2), ("one_megabyte", "--max-suspended-memory=1", 2)]
    {
        let project = project(name)?;
        let mut worker = Client::start(&project, &[option])?;
        worker.perform(1, &project.metadata_action("dep", &[]))?.silent().context("1")?;
        ensure!(project.suspended().is_empty(), "{option}: {:?}", project.suspended());
        worker.perform(2, &project.codegen_action("dep", &[]))?.silent().context("2")?;
        ensure!(project.calls() == calls, "{option}: {} calls of rustc", project.calls());
    }
    Ok(())
}

#[test]
fn a_worker_that_is_killed_takes_everything_with_it() -> Outcome {
    let project = project("worker_killed")?;
    let mut worker = Client::start(&project, &[])?;
    worker.perform(1, &project.metadata_action("dep", &[]))?.silent().context("1")?;
    // One that stands still, and one that runs.
    project.write("before_rustc", "echo >started; sleep 1000")?;
    worker.send(2, &project.metadata_action("library", &[]))?;
    project.wait_until("rustc runs", || project.has("started"))?;
    worker.kill()?;
    project.wait_until("all have ended", || project.processes(0).is_empty())?;
    std::fs::remove_file(project.dir.join("before_rustc"))?;

    let mut worker = Client::start(&project, &[])?;
    let actions = [project.metadata_action("library", &[]), project.codegen_action("library", &[]), project.codegen_action("dep", &[])];
    for (id, action) in (1..).zip(&actions) {
        worker.perform(id, action)?.silent()?;
    }
    worker.close()?;
    let left = names_in(&project.dir.join("out"));
    ensure!(left == ["libdep-1.rlib", "libdep-1.rmeta", "liblibrary-1.rlib", "liblibrary-1.rmeta"], "{left:?}");
    Ok(())
}

#[test]
fn a_rustc_that_is_killed() -> Outcome {
    let project = project("rustc_killed")?;
    let mut worker = Client::start(&project, &[])?;
    // While it stands still: nobody is the worse for it.
    worker.perform(1, &project.metadata_action("dep", &[]))?.silent().context("1")?;
    project.wait_until("it stands still", || !project.suspended().is_empty())?;
    for process in project.suspended() {
        kill("-KILL", process.id)?;
    }
    project.wait_until("it has ended", || project.suspended().is_empty())?;
    worker.perform(2, &project.codegen_action("dep", &[]))?.silent().context("2")?;
    ensure!(project.calls() == 2, "{} calls of rustc", project.calls());
    // And splitlink that waits for it.
    worker.perform(3, &project.metadata_action("dep", &[]))?.silent().context("3")?;
    for process in project.processes(worker.id()) {
        if process.name == "splitlink" {
            kill("-KILL", process.id)?;
        }
    }
    worker.perform(4, &project.codegen_action("dep", &[]))?.silent().context("4")?;
    ensure!(project.calls() == 4, "{} calls of rustc", project.calls());
    // While it runs: the action fails, as it would without a worker, and the next one is right.
    project.write("before_rustc", "kill -KILL $$")?;
    for (id, action) in (5..).zip([project.metadata_action("library", &[]), project.codegen_action("dep", &[])]) {
        let answer = worker.perform(id, &action)?;
        ensure!(answer.code == 137 && !answer.cancelled, "{answer:?}");
    }
    std::fs::remove_file(project.dir.join("before_rustc"))?;
    worker.perform(7, &project.metadata_action("library", &[]))?.silent().context("7")?;
    worker.perform(8, &project.codegen_action("library", &[]))?.silent().context("8")?;
    Ok(())
}

#[test]
fn a_source_that_changes_in_between() -> Outcome {
    let project = project("changed")?;
    let mut worker = Client::start(&project, &[])?;
    worker.perform(1, &project.metadata_action("dep", &[]))?.silent().context("1")?;
    project.write("dep.rs", "pub fn plain() -> u64 { 1 }\n")?;
    let codegen = project.codegen_action("dep", &[]);
    let answer = worker.perform(2, &codegen)?;
    let plain = project.run_plain(&codegen)?;
    ensure!(answer.code == 1 && answer.output == String::from_utf8_lossy(&plain.stderr), "{answer:?}\n{plain:?}");
    ensure!(answer.output.contains("came out different"), "{answer:?}");
    ensure!(!project.has("out/libdep-1.rlib") && project.suspended().is_empty(), "something was left");
    // The next build is right.
    worker.perform(3, &project.metadata_action("dep", &[]))?.silent().context("3")?;
    worker.perform(4, &codegen)?.silent().context("4")?;
    // Once it has failed, the plain run asks rustc for its version.
    ensure!(project.calls() == 4 + 1, "{} calls of rustc", project.calls());
    let served = project.read("out/libdep-1.rlib")?;
    good(&project.run_plain(&codegen)?)?;
    ensure!(project.read("out/libdep-1.rlib")? == served, "the library is of the old source");
    Ok(())
}

#[test]
fn two_configurations_and_a_command_that_is_another() -> Outcome {
    let project = project("configurations")?;
    project.write("dep.rs", "pub fn plain() -> u64 { if cfg!(one) { 1 } else { 2 } }\n")?;
    let other = |action: Action| {
        let lines = action.lines.iter().map(|line| line.replace("out/lib", "out/other/lib")).chain(["--cfg=one".to_owned()]).collect();
        Action { lines, inputs: action.inputs.iter().map(|input| input.replace("out/lib", "out/other/lib")).collect() }
    };
    std::fs::create_dir_all(project.dir.join("out/other"))?;
    let mut worker = Client::start(&project, &[])?;
    let (metadata, codegen) = (project.metadata_action("dep", &[]), project.codegen_action("dep", &[]));
    for (id, action) in (1..).zip([metadata.clone(), other(metadata.clone()), codegen.clone(), other(codegen.clone())]) {
        worker.perform(id, &action)?.silent()?;
    }
    ensure!(project.calls() == 2, "{} calls of rustc", project.calls());
    let served = [project.read("out/libdep-1.rlib")?, project.read("out/other/libdep-1.rlib")?];
    ensure!(served[0] != served[1], "two configurations gave one library");
    for action in [&codegen, &other(codegen.clone())] {
        good(&project.run_plain(action)?)?;
    }
    ensure!(
        [project.read("out/libdep-1.rlib")?, project.read("out/other/libdep-1.rlib")?] == served,
        "a library is of the other configuration"
    );

    // The same output, another command: what stands still is of no use.
    let before = project.calls();
    worker.perform(10, &metadata)?.silent()?;
    let mut optimised = codegen;
    optimised.lines.push("-Copt-level=1".to_owned());
    let answer = worker.perform(11, &optimised)?;
    ensure!(answer.code == 1 && answer.output.contains("came out different") && project.calls() - before == 2, "{answer:?}");
    Ok(())
}

#[test]
fn a_request_that_is_cancelled() -> Outcome {
    let project = project("cancelled")?;
    let mut worker = Client::start(&project, &[])?;
    worker.perform(1, &project.metadata_action("dep", &[]))?.silent().context("1")?;
    project.write("before_rustc", "echo >started; sleep 1000")?;
    worker.send(2, &project.metadata_action("library", &[]))?;
    project.wait_until("rustc runs", || project.has("started"))?;
    worker.cancel(2)?;
    let answer = worker.answer(2)?;
    ensure!(answer.cancelled, "{answer:?}");
    project.wait_until("only one stands still", || project.processes(worker.id()).iter().all(|process| process.name != "sleep"))?;
    std::fs::remove_file(project.dir.join("before_rustc"))?;
    // One that is answered, and one that never was: of no effect.
    worker.cancel(1)?;
    worker.cancel(77)?;
    worker.perform(3, &project.codegen_action("dep", &[]))?.silent().context("3")?;
    ensure!(project.calls() == 2 && !project.has("out/liblibrary-1.rmeta"), "{} calls of rustc", project.calls());
    Ok(())
}

#[test]
fn messages_come_once() -> Outcome {
    let project = project("messages")?;
    let mut worker = Client::start(&project, &[])?;
    worker.perform(1, &project.metadata_action("dep", &[]))?.silent().context("1")?;
    // What rustc finds out when it makes the library.
    let late = "fn unused() {}\n#[link(name = \"absent\", kind = \"static\")]\nunsafe extern \"C\" {}\npub fn f() {}\n";
    let sources = [("warned", "fn unused() {}\npub fn f() {}\n", 0), ("late", late, 1), ("early", "pub fn f() -> u8 { \"\" }\n", 1)];
    for (at, (name, source, code)) in (0..).zip(sources) {
        project.write(&format!("{name}.rs"), source)?;
        for format in ["", "--error-format=json", "--error-format=json --json=diagnostic-rendered-ansi"] {
            let flags = words(format);
            let actions = [project.metadata_action(name, &flags), project.codegen_action(name, &flags)];
            for (phase, action) in (0..).zip(&actions) {
                let plain = project.run_plain(action)?;
                let early = name == "early" && phase == 1;
                let id = 100 + at * 20 + phase * 10 + i64::try_from(format.len() % 7).unwrap_or(0);
                if early {
                    continue;
                }
                // The plain run above has written the metadata as well, so a worker's process for
                // it may stand still.
                let before = project.calls();
                let answer = worker.perform(id, action)?;
                let said = String::from_utf8_lossy(&plain.stderr).into_owned();
                let expected = i64::from(plain.status.code().unwrap_or(-1));
                ensure!(answer.code == expected && answer.output == said, "{name} {phase} `{format}`: {answer:?}\nand plain:\n{said}");
                ensure!(project.calls() - before == usize::from(phase == 0), "{name} {phase} `{format}`: rustc was run anew");
                ensure!(phase == 0 || answer.code == code, "{answer:?}");
            }
        }
    }
    Ok(())
}

/// What each rustc finds of a job server: how many tokens, or `none`.
const NOTE_TOKENS: &str = r#"
count=none
if [ -n "$CARGO_MAKEFLAGS" ]; then
  ends=${CARGO_MAKEFLAGS##*=}
  count=$(dd if=/proc/self/fd/${ends%,*} iflag=nonblock bs=64 count=1 2>/dev/null | wc -c)
  head -c $count /dev/zero >/proc/self/fd/${ends#*,}
fi
echo $count${SPLITLINK_JOB_SERVER:+ and the variable} >>tokens
"#;

#[test]
fn rustc_has_no_more_threads_than_there_are_processors() -> Outcome {
    let project = project("threads")?;
    project.write("before_rustc", NOTE_TOKENS)?;
    let own = (std::thread::available_parallelism()?.get().min(32) - 1).to_string();
    let tokens = || -> Result<String> {
        let noted = project.read("tokens")?;
        std::fs::remove_file(project.dir.join("tokens"))?;
        Ok(String::from_utf8(noted)?.split_ascii_whitespace().collect::<Vec<_>>().join(" "))
    };
    let actions = [project.metadata_action("dep", &[]), project.codegen_action("dep", &[])];
    let expected = format!("{own} {own}");
    for action in &actions {
        good(&project.run_plain(action)?)?;
    }
    ensure!(tokens()? == expected, "without a worker another number than {expected}");
    let mut worker = Client::start(&project, &["--max-suspended=0"])?;
    for (id, action) in (1..).zip(&actions) {
        worker.perform(id, action)?.silent()?;
    }
    worker.close()?;
    ensure!(tokens()? == expected, "with a worker another number than {expected}");
    // A job server of the caller's goes before ours; this one is no pipe at all, and that is
    // rustc's business.
    let mut command = project.splitlink(&words("metadata --output out/libdep-1.rmeta -- counted/rustc"));
    good(&run(command.args(project.library("dep")).env("MAKEFLAGS", "-s"))?)?;
    ensure!(tokens()? == "none", "the caller's job server is not used");
    Ok(())
}

#[test]
fn nobody_asks_for_the_code() -> Outcome {
    let project = project("idle")?;
    // Long enough to be seen before it is ended.
    let mut worker = Client::start(&project, &["--max-idle=4"])?;
    worker.perform(1, &project.metadata_action("dep", &[]))?.silent().context("1")?;
    project.wait_until("it stands still", || project.suspended().len() == 1)?;
    project.wait_until("it is ended", || project.processes(worker.id()).is_empty())?;
    worker.perform(2, &project.codegen_action("dep", &[]))?.silent().context("2")?;
    ensure!(project.calls() == 2, "{} calls of rustc", project.calls());
    // The worker's input ends while something stands still.
    worker.perform(3, &project.metadata_action("dep", &[]))?.silent().context("3")?;
    worker.close()?;
    ensure!(project.processes(0).is_empty(), "{:?}", project.processes(0));
    Ok(())
}

/// Makes the folder `name`, in which the actions of `dep` can be run.
fn write_sandbox(project: &Project, name: &str) -> Result<()> {
    for file in ["dep.rs", "wrap", "counted/rustc"] {
        project.write(&format!("{name}/{file}"), project.read(file)?)?;
        std::fs::set_permissions(project.dir.join(name).join(file), std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
    }
    std::fs::create_dir_all(project.dir.join(name).join("out"))?;
    Ok(())
}

#[test]
fn sandboxes_that_are_taken_away() -> Outcome {
    let project = project("sandboxes")?;
    write_sandbox(&project, "s/1")?;
    write_sandbox(&project, "s/2")?;
    let mut worker = Client::start(&project, &[])?;
    worker.send_in(1, &project.metadata_action("dep", &[]), "s/1")?;
    worker.answer(1)?.silent()?;
    let rmeta = project.read("s/1/out/libdep-1.rmeta")?;
    project.write("s/2/out/libdep-1.rmeta", &rmeta)?;
    std::fs::remove_dir_all(project.dir.join("s/1"))?;
    worker.send_in(2, &project.codegen_action("dep", &[]), "s/2")?;
    worker.answer(2)?.silent()?;
    ensure!(project.has("s/2/out/libdep-1.rlib") && !project.has("s/2/calls"), "rustc was run again");
    Ok(())
}

/// Split debug information goes where the second action wants it, whatever became of the first's
/// sandbox, and is the same as without a worker.
#[test]
fn split_debug_information() -> Outcome {
    let project = project("split_debug_info")?;
    let with_dwo = |mut action: Action, dir: &str| {
        action.lines.splice(1..1, ["--dwo-dir".to_owned(), dir.to_owned()]);
        action
    };
    let dir = project.dir.display();
    let remap = ["", "/s/1", "/s/2"].map(|sandbox| format!("--remap-path-prefix={dir}{sandbox}=."));
    let flags = [words("-Cdebuginfo=2"), remap.to_vec()].concat();
    let metadata = with_dwo(project.metadata_action("dep", &flags), "out/dep.dwo");
    let codegen = with_dwo(project.codegen_action("dep", &flags), "out/dep.dwo");
    good(&project.run_plain(&metadata)?)?;
    good(&project.run_plain(&codegen)?)?;
    let made = |dir: &str| -> Result<Vec<(String, Vec<u8>)>> {
        let mut files = vec![("the rlib".to_owned(), project.read(&format!("{dir}out/libdep-1.rlib"))?)];
        for name in names_in(&project.dir.join(dir).join("out/dep.dwo")) {
            let bytes = project.read(&format!("{dir}out/dep.dwo/{name}"))?;
            files.push((name, bytes));
        }
        Ok(files)
    };
    let expected = made("")?;
    ensure!(expected.len() > 1, "no `.dwo` file was written");
    std::fs::remove_dir_all(project.dir.join("out"))?;
    let mut worker = Client::start(&project, &[])?;
    worker.perform(1, &metadata)?.silent()?;
    ensure!(!project.has("out/dep.dwo"), "`metadata` has written debug information");
    let calls = project.calls();
    worker.perform(2, &codegen)?.silent()?;
    ensure!(project.calls() == calls, "rustc was called for the code");
    ensure!(made("")? == expected, "the debug information differs from that without a worker");
    for sandbox in ["s/1", "s/2"] {
        write_sandbox(&project, sandbox)?;
    }
    worker.send_in(3, &metadata, "s/1")?;
    worker.answer(3)?.silent()?;
    std::fs::create_dir_all(project.dir.join("s/2/out"))?;
    std::fs::copy(project.dir.join("s/1/out/libdep-1.rmeta"), project.dir.join("s/2/out/libdep-1.rmeta"))?;
    std::fs::remove_dir_all(project.dir.join("s/1"))?;
    worker.send_in(4, &codegen, "s/2")?;
    worker.answer(4)?.silent()?;
    ensure!(made("s/2/")? == expected, "the debug information differs in a sandbox");
    worker.close()
}

/// rustc reads native libraries last, when nothing is left of the sandbox that it started in.
#[test]
fn native_libraries_outlive_their_sandbox() -> Outcome {
    let project = project("native_sandboxes")?;
    project.write("dep.rs", "#[link(name = \"one\", kind = \"static\")]\nunsafe extern \"C\" {}\npub fn f() -> u8 { 1 }\n")?;
    let library = format!("!<arch>\n{:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\nthe one's own\n", "one.o/", 0, 0, 0, 644, 14);
    // Links to files that stay, as Bazel's sandboxes have them, and files of the sandbox's own.
    let sandboxes = [("s/1", true), ("s/2", true), ("s/3", false), ("s/4", false)];
    for (sandbox, linked) in sandboxes {
        write_sandbox(&project, sandbox)?;
        let real = format!("{sandbox}/native/libone.a");
        if linked {
            project.write("stays/libone.a", &library)?;
            std::fs::create_dir_all(project.dir.join(sandbox).join("native"))?;
            std::os::unix::fs::symlink(project.dir.join("stays/libone.a"), project.dir.join(real))?;
        } else {
            project.write(&real, &library)?;
        }
    }
    let flags = words("-Lnative=native");
    let codegen = project.codegen_action("dep", &flags);
    let mut worker = Client::start(&project, &[])?;
    for (id, (first, second)) in [(10, ("s/1", "s/2")), (20, ("s/3", "s/4"))] {
        worker.send_in(id, &project.metadata_action("dep", &flags), first)?;
        worker.answer(id)?.silent()?;
        project.write(&format!("{second}/out/libdep-1.rmeta"), project.read(&format!("{first}/out/libdep-1.rmeta"))?)?;
        ensure!(project.read(&format!("{first}/calls"))? == b"call\n", "rustc was not run in {first}");
        std::fs::remove_dir_all(project.dir.join(first))?;
        worker.send_in(id + 1, &codegen, second)?;
        worker.answer(id + 1)?.silent()?;
        ensure!(project.has(&format!("{second}/out/libdep-1.rlib")) && !project.has(&format!("{second}/calls")), "rustc was run again");
        let served = project.read(&format!("{second}/out/libdep-1.rlib"))?;
        ensure!(served.windows(12).any(|part| part == b"the one's ow"), "the native library is not inside");
    }
    Ok(())
}

#[test]
fn what_a_worker_refuses() -> Outcome {
    let project = project("refused")?;
    let mut worker = Client::start(&project, &[])?;
    for (id, (lines, text)) in (1..).zip([
        ("metadata --output o", "no command"),
        ("metadata --output o -- ./absent -- rustc", "cannot start"),
        ("nothing -- rustc", "nothing"),
    ]) {
        let answer = worker.perform(id, &Action { lines: words(lines), inputs: Vec::new() })?;
        ensure!(answer.code != 0 && answer.output.contains(text), "{lines}: {answer:?}");
    }
    worker.close()?;
    let said = run(&mut project.splitlink(&words("worker absent.params")))?;
    ensure!(String::from_utf8_lossy(&said.stderr).contains("write `@absent.params`"), "{said:?}");
    Ok(())
}
