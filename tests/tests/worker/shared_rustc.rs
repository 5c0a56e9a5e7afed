//! `splitlink rustc --share-within`: both calls for a library from one rustc, in whatever order
//! they come and whatever happens to any process.

use anyhow::{Result, ensure};
use splitlink_tests::rustc_fixture::project::{Project, good, words};
use splitlink_tests::rustc_fixture::tools::{names_in, run, skip};
use splitlink_tests::rustc_fixture::worker::LESS_THAN_IDLE;
use std::collections::BTreeMap;
use std::os::unix::fs::symlink;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

type Outcome = Result<()>;

/// What a build system wants of a library.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Want {
    Metadata,
    Code,
}
use Want::{Code, Metadata};

/// A build of the libraries `dep` and `library` in a project of its own.
struct Build {
    project: Project,
    /// Options of `splitlink rustc`.
    options: &'static str,
    /// The build's name.
    name: &'static str,
}

impl Build {
    fn new(name: &'static str, options: &'static str) -> Result<Self> {
        let project = Project::new(name)?;
        project.write_scripts()?;
        project.write(
            "dep.rs",
            // With some code to generate, so that rustc does not end before it can be stopped.
            "pub fn value<T: Into<u64>>(x: T) -> u64 { let unused = 1; x.into() + 40 }\npub fn plain() -> u64 { value(2u8) }\n\
             pub fn sorted(mut words: Vec<String>) -> String { words.sort(); format!(\"{words:?}\") }\n",
        )?;
        // Each call reaches the dependency through a folder of its own.
        for want in [Metadata, Code] {
            let folder = project.dir.join(folder(want));
            std::fs::create_dir_all(folder.join("deps"))?;
            symlink(project.dir.join("out/metadata/libdep-1.rlib"), folder.join("deps/libdep-1.rlib"))?;
        }
        Ok(Self { project, options, name })
    }

    /// The call for a library, which may be followed by more of rustc's arguments.
    fn call(&self, library: &str, want: Want, more: &str) -> Command {
        let folder = folder(want);
        let mut args = words(&format!(
            "--crate-name={library} {library}.rs --crate-type=rlib --edition=2024 -Cmetadata=1 -Cextra-filename=-1 --error-format=json -Zremap-cwd-prefix=. \
             --emit=link={folder}/lib{library}-1.rlib --out-dir={folder}/extra {more}"
        ));
        if library != "dep" {
            args.extend([format!("-Ldependency={folder}/deps"), format!("--extern=dep={folder}/deps/libdep-1.rlib")]);
        }
        let mut command = self.project.splitlink(&words(&format!("rustc --stable {}", self.options)));
        command.args(["--", "counted/rustc"]).args(args).env("BUILD", self.name);
        if want == Metadata {
            command.arg("-Zno-codegen").env("RUSTC_BOOTSTRAP", "1");
        }
        command
    }

    fn run(&self, library: &str, want: Want) -> Result<Output> {
        run(&mut self.call(library, want, ""))
    }

    fn start(&self, library: &str, want: Want) -> Result<Child> {
        Ok(self.call(library, want, "").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?)
    }

    /// Runs all calls by themselves. What they say and write is what they always have to.
    fn plain(&self) -> Result<Results> {
        let plain = Self { project: self.project.clone(), options: "", name: self.name };
        let mut said = BTreeMap::new();
        for library in ["dep", "library"] {
            for want in [Metadata, Code] {
                said.insert((library, want == Code), plain.run(library, want)?);
            }
        }
        self.results(said)
    }

    fn results(&self, said: BTreeMap<(&'static str, bool), Output>) -> Result<Results> {
        let mut results = Results::new();
        for ((library, code), output) in said {
            good(&output)?;
            let path = format!("{}/lib{library}-1.rlib", folder(if code { Code } else { Metadata }));
            let bytes = self.project.read(&path)?;
            std::fs::remove_file(self.project.dir.join(&path))?;
            if library == "dep" && !code {
                // The other library still needs it.
                self.project.write(&path, &bytes)?;
            }
            results.insert(path, (bytes, String::from_utf8_lossy(&output.stderr).into_owned()));
        }
        Ok(results)
    }

    /// How often rustc is run by `what`.
    fn rustc_runs(&self, what: impl FnOnce() -> Outcome) -> Result<usize> {
        let before = self.project.calls();
        what()?;
        Ok(self.project.calls() - before)
    }

    fn stands_still(&self) -> Outcome {
        self.project.wait_until("one rustc stands still", || self.project.suspended().len() == 1)
    }

    /// Kills whatever still runs, and waits until it holds nothing: a server that is about to end
    /// still takes calls, and answers none.
    fn kill_all(&self) -> Outcome {
        let processes = self.project.processes(0);
        for process in &processes {
            let _ = kill(process.id);
        }
        self.project.wait_until("what was killed holds nothing", || processes.iter().all(|process| holds_nothing(process.id)))
    }

    fn all_has_ended(&self) -> Outcome {
        self.project.wait_until("all has ended", || self.project.processes(0).is_empty())
    }
}

/// Bytes and messages by path.
type Results = BTreeMap<String, (Vec<u8>, String)>;

fn folder(want: Want) -> &'static str {
    match want {
        Metadata => "out/metadata",
        Code => "out/code",
    }
}

/// Ends a build's server, as a test leaves nothing behind.
impl Drop for Build {
    fn drop(&mut self) {
        let _ = self.kill_all();
    }
}

/// Whether a process is gone, or is only waited for by its parent. Its first thread may be in that
/// state while others still have its files open.
fn holds_nothing(id: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
    let is_zombie = stat.rsplit_once(") ").is_none_or(|(_, rest)| rest.starts_with('Z'));
    is_zombie && names_in(format!("/proc/{id}/task").as_ref()).len() <= 1
}

fn kill(id: u32) -> Outcome {
    good(&run(Command::new("kill").args(["-KILL", &id.to_string()]))?)
}

/// A process that has a build's file open until it ends, as a build system's client has its log.
struct Client(Child);

impl Client {
    fn of(build: &Build, name: &str) -> Result<Self> {
        Self::of_user(build, name, None)
    }

    fn of_user(build: &Build, name: &str, user: Option<u32>) -> Result<Self> {
        let log = std::fs::File::create(build.project.dir.join(log(name)))?;
        let mut command = Command::new("cat");
        command.stdin(Stdio::piped()).stdout(log);
        if let Some(user) = user {
            command.uid(user);
        }
        Ok(Self(command.spawn()?))
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn log(name: &str) -> String {
    format!("log-{name}.txt")
}

/// The name of a build that no other test has, in whatever process.
fn unique(name: &str) -> &'static str {
    format!("{name}-{}", std::process::id()).leak()
}

const SHARED: &str = "--share-within BUILD";
const SHARED_WHILE_OPEN: &str = "--share-within BUILD --share-while-open log-{}.";

#[test]
fn the_same_from_one_rustc_in_any_order() -> Outcome {
    let mut build = Build::new("order", SHARED)?;
    let plain = build.plain()?;
    ensure!(plain.values().any(|(_, said)| said.contains("unused variable")) && plain.len() == 4, "{:?}", plain.keys());
    for (name, order) in [("metadata first", [Metadata, Code]), ("code first", [Code, Metadata])] {
        build.name = name;
        let mut said = BTreeMap::new();
        let runs = build.rustc_runs(|| {
            for library in ["dep", "library"] {
                for want in order {
                    said.insert((library, want == Code), build.run(library, want)?);
                }
            }
            Ok(())
        })?;
        ensure!(runs == 2, "{name}: {runs} runs of rustc for two libraries");
        ensure!(build.project.suspended().is_empty(), "{name}: {:?}", build.project.suspended());
        ensure!(build.results(said)? == plain, "{name}: not what comes without sharing");
    }

    // Both at once, with a rustc that takes its time to start.
    build.name = "at once";
    build.project.write("before_rustc", "sleep 0.3")?;
    let mut said = BTreeMap::new();
    let runs = build.rustc_runs(|| {
        for library in ["dep", "library"] {
            let (metadata, code) = (build.start(library, Metadata)?, build.start(library, Code)?);
            said.insert((library, false), metadata.wait_with_output()?);
            said.insert((library, true), code.wait_with_output()?);
        }
        Ok(())
    })?;
    ensure!(runs == 2, "at once: {runs} runs of rustc for two libraries");
    ensure!(build.results(said)? == plain, "at once: not what comes without sharing");
    Ok(())
}

#[test]
fn what_is_not_shared() -> Outcome {
    let build = Build::new("not_shared", SHARED)?;
    let calls = |code: Command| {
        build.rustc_runs(|| {
            good(&build.run("dep", Metadata)?)?;
            build.stands_still()?;
            let mut code = code;
            good(&run(&mut code)?)
        })
    };
    let mut of_another_build = build.call("dep", Code, "");
    of_another_build.env("BUILD", "another");
    let mut of_none = build.call("dep", Code, "");
    of_none.env_remove("BUILD");
    for (what, code) in [("build", of_another_build), ("command", build.call("dep", Code, "--cfg=more")), ("no build", of_none)] {
        // The metadata's rustc of the round before may still stand there.
        build.kill_all()?;
        build.all_has_ended()?;
        let runs = calls(code)?;
        ensure!(runs == 2, "another {what}: {runs} runs of rustc");
    }
    Ok(())
}

#[test]
fn a_crate_with_an_error() -> Outcome {
    let build = Build::new("error", SHARED)?;
    build.project.write("dep.rs", "pub fn f() -> u64 { \"text\" }")?;
    let runs = build.rustc_runs(|| {
        for want in [Metadata, Code] {
            let output = build.run("dep", want)?;
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            ensure!(output.status.code() == Some(1) && said.contains("mismatched types"), "{want:?}: {}\n{said}", output.status);
            ensure!(!build.project.has(&format!("{}/libdep-1.rlib", folder(want))), "{want:?}: something was written");
        }
        Ok(())
    })?;
    ensure!(runs == 1, "{runs} runs of rustc");
    Ok(())
}

#[test]
fn processes_that_are_killed() -> Outcome {
    let mut build = Build::new("killed", SHARED)?;
    let plain = build.plain()?;
    let code = |build: &Build, what: &str| -> Outcome {
        good(&build.run("dep", Code)?)?;
        ensure!(build.project.read("out/code/libdep-1.rlib")? == plain["out/code/libdep-1.rlib"].0, "{what}: other code");
        Ok(())
    };

    build.name = "rustc is killed";
    let runs = build.rustc_runs(|| {
        good(&build.run("dep", Metadata)?)?;
        build.stands_still()?;
        kill(build.project.suspended()[0].id)?;
        code(&build, "a killed rustc")
    })?;
    ensure!(runs == 2, "a killed rustc: {runs} runs");

    build.name = "the server is killed";
    good(&build.run("dep", Metadata)?)?;
    build.stands_still()?;
    let servers: Vec<_> = build.project.processes(0).into_iter().filter(|process| process.name == "splitlink").collect();
    ensure!(servers.len() == 2, "the server, and what it has started: {servers:?}");
    kill(servers.iter().map(|process| process.id).min().unwrap_or(0))?;
    build.all_has_ended()?;
    code(&build, "a killed server")?;

    // A call is killed while rustc runs for it: rustc ends, and the other call is not the worse for
    // it.
    build.name = "a call is killed";
    build.project.write("before_rustc", "touch reached; while [ ! -e go_on ]; do sleep 0.05; done")?;
    let mut metadata = build.start("dep", Metadata)?;
    build.project.wait_until("rustc has started", || build.project.has("reached"))?;
    metadata.kill()?;
    metadata.wait()?;
    build.project.wait_until("rustc has ended", || !build.project.processes(0).iter().any(|process| process.name != "splitlink"))?;
    build.project.write("go_on", "")?;
    code(&build, "a killed call")
}

#[test]
fn limits() -> Outcome {
    let build = Build::new("none_suspended", "--share-within BUILD --max-suspended 0")?;
    let runs = build.rustc_runs(|| {
        good(&build.run("dep", Metadata)?)?;
        ensure!(build.project.suspended().is_empty(), "{:?}", build.project.suspended());
        good(&build.run("dep", Code)?)
    })?;
    ensure!(runs == 2, "with no room {runs} runs of rustc");

    // A build that is interrupted leaves nothing: neither processes nor files.
    let build = Build::new("shared_idle", "--share-within BUILD --max-idle 2")?;
    good(&build.run("dep", Metadata)?)?;
    build.stands_still()?;
    build.all_has_ended()?;
    ensure!(!names_in(&build.project.dir.join("out")).iter().any(|name| name.contains("splitlink")), "files were left in `out`");
    Ok(())
}

#[test]
fn everything_ends_with_the_build() -> Outcome {
    let mut build = Build::new("end_of_one", SHARED_WHILE_OPEN)?;
    build.name = unique("one");
    let leaves_nothing = |what: &str| -> Outcome {
        let began = Instant::now();
        build.all_has_ended()?;
        ensure!(began.elapsed() < LESS_THAN_IDLE, "{what}: it took {:?}", began.elapsed());
        let left: Vec<_> = names_in(&build.project.dir.join("out")).into_iter().filter(|name| name.contains("splitlink")).collect();
        ensure!(left.is_empty(), "{what}: files were left: {left:?}");
        Ok(())
    };
    let client = Client::of(&build, build.name)?;
    good(&build.run("dep", Metadata)?)?;
    build.stands_still()?;
    // It stays as long as the build.
    std::thread::sleep(Duration::from_secs(2));
    ensure!(build.project.suspended().len() == 1, "{:?}", build.project.processes(0));
    let runs = build.rustc_runs(|| good(&build.run("dep", Code)?))?;
    ensure!(runs == 0, "the code by {runs} more runs of rustc");
    drop(client);
    leaves_nothing("all is done")?;

    let client = Client::of(&build, build.name)?;
    good(&build.run("dep", Metadata)?)?;
    build.stands_still()?;
    drop(client);
    leaves_nothing("a rustc stands still")?;

    // The build is cancelled: its client ends, and the build system kills what runs for it.
    build.project.write("before_rustc", "touch reached; while [ ! -e go_on ]; do sleep 0.05; done")?;
    let client = Client::of(&build, build.name)?;
    let mut calls = [build.start("dep", Metadata)?, build.start("dep", Code)?];
    build.project.wait_until("rustc has started", || build.project.has("reached"))?;
    drop(client);
    for call in &mut calls {
        call.kill()?;
        call.wait()?;
    }
    leaves_nothing("cancelled")
}

/// Calls of the next build may come at any moment while the server ends.
#[test]
fn a_build_that_begins_when_another_ends() -> Outcome {
    let mut build = Build::new("end_and_begin", SHARED_WHILE_OPEN)?;
    let mut first = None;
    for round in 0..24 {
        build.name = unique(&format!("round-{round}"));
        let client = Client::of(&build, build.name)?;
        let runs = build.rustc_runs(|| {
            good(&build.run("dep", Metadata)?)?;
            good(&build.run("dep", Code)?)
        })?;
        ensure!(runs == 1, "round {round}: {runs} runs of rustc");
        let code = build.project.read("out/code/libdep-1.rlib")?;
        ensure!(*first.get_or_insert_with(|| code.clone()) == code, "round {round}: other code");
        drop(client);
        // The server looks twice a second.
        std::thread::sleep(Duration::from_millis(round * 30));
    }
    build.all_has_ended()
}

/// Two builds in one folder have one server.
#[test]
fn what_is_left_of_one_build_ends_before_the_other() -> Outcome {
    let mut build = Build::new("end_of_two", SHARED_WHILE_OPEN)?;
    let mut clients = Vec::new();
    for name in ["first", "second"] {
        build.name = unique(name);
        clients.push(Client::of(&build, build.name)?);
        good(&build.run("dep", Metadata)?)?;
    }
    build.project.wait_until("two stand still", || build.project.suspended().len() == 2)?;
    drop(clients.remove(0));
    build.stands_still()?;
    let runs = build.rustc_runs(|| good(&build.run("dep", Code)?))?;
    ensure!(runs == 0, "the second build's rustc was ended: {runs} more runs");
    drop(clients);
    build.all_has_ended()
}

/// Where the file is another user's process's, or nobody has it open, the idle time counts.
#[test]
fn a_build_whose_end_does_not_show() -> Outcome {
    let mut build = Build::new("end_unseen", "--share-within BUILD --share-while-open log-{}. --max-idle 3")?;
    build.name = unique("unseen");
    build.project.write(&log(build.name), "left by an older build")?;
    // Only root can start it, and could look into it.
    let others = Client::of_user(&build, build.name, Some(12345));
    if others.is_err() {
        skip("a file that another user's process has open; run the tests as root for it");
    }
    let began = Instant::now();
    good(&build.run("dep", Metadata)?)?;
    build.stands_still()?;
    drop(others);
    build.all_has_ended()?;
    ensure!(began.elapsed() >= Duration::from_secs(3), "it ended after {:?}", began.elapsed());

    for (options, why) in
        [("--share-while-open log-{}.", "--share-within"), ("--share-within BUILD --share-while-open log", "`{}` must stand")]
    {
        build.options = options;
        let said = build.run("dep", Metadata)?;
        ensure!(!said.status.success() && String::from_utf8_lossy(&said.stderr).contains(why), "{options}: {said:?}");
    }
    Ok(())
}
