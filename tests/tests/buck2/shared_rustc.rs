//! `splitlink.pipelining=shared` with a real Buck2: one rustc for both actions of a library, and
//! nothing that is left when the command has ended, however it does.

use splitlink_tests::buck2::Project;
use splitlink_tests::rustc_fixture::tools::{Failure, Toolchain, names_in, succeed};
use splitlink_tests::rustc_fixture::worker::LESS_THAN_IDLE;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

type Outcome = Result<(), Failure>;

const HELLO: &str = "splitlink//examples/hello:hello";
const SHARED: [&str; 2] = ["-c", "splitlink.pipelining=shared"];

/// A project with a rustc that writes down what code of libraries it may generate, and can be held
/// up at that.
struct Watched {
    project: Project,
    /// The PATH on which the rustc is.
    path: OsString,
    /// Where there is a second daemon.
    isolation_dir: Option<&'static str>,
}

impl Watched {
    fn new(name: &str) -> Result<Option<Self>, Failure> {
        let Some(project) = Project::new(name)? else { return Ok(None) };
        let bin = project.root.join("bin");
        // `metadata-fast`, for diagnostics, is neither of the two actions.
        let script = format!(
            "#!/bin/sh\nfor word; do case $word in --emit=link=*.rlib) echo \"$*\" >>'{root}/calls'\n\
             while [ -e '{root}/hold' ]; do sleep 0.05; done ;; esac; done\nexec '{rustc}' \"$@\"\n",
            root = project.root.display(),
            rustc = Toolchain::stable().rustc.display()
        );
        fs::create_dir(&bin)?;
        fs::write(bin.join("rustc"), script)?;
        fs::set_permissions(bin.join("rustc"), fs::Permissions::from_mode(0o755))?;
        let path = std::env::join_paths([bin].into_iter().chain(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())));
        let path = path.map_err(anyhow::Error::from)?;
        Ok(Some(Self { project, path, isolation_dir: None }))
    }

    /// A Buck2 command. The first one starts the daemon, whose PATH counts.
    fn command(&self, args: &[&str]) -> Command {
        let mut command = self.project.command(args);
        command.env("PATH", &self.path);
        command
    }

    fn start(&self, args: &[&str]) -> Result<Child, Failure> {
        Ok(self.command(args).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.project.root.join(name)
    }

    /// How often rustc was run for a library since this was last asked.
    fn runs(&self) -> usize {
        let runs = self.runs_so_far();
        let _ = fs::remove_file(self.file("calls"));
        runs
    }

    fn runs_so_far(&self) -> usize {
        fs::read_to_string(self.file("calls")).unwrap_or_default().lines().count()
    }

    /// The libraries whose code the last command has compiled.
    fn libraries(&self) -> Result<usize, Failure> {
        Ok(self.project.ran()?.iter().filter(|ran| ran.action.starts_with("rustc rlib [")).count())
    }

    /// The processes of the project's splitlink, with their arguments.
    fn processes(&self) -> Vec<String> {
        let tool = self.project.tool();
        let all = fs::read_dir("/proc").into_iter().flatten().flatten().map(|entry| entry.path());
        let of_tool = all.filter(|process| fs::read_link(process.join("exe")).is_ok_and(|exe| exe == tool));
        of_tool.map(|process| fs::read_to_string(process.join("cmdline")).unwrap_or_default().replace('\0', " ")).collect()
    }

    fn has_server(&self) -> bool {
        self.processes().iter().any(|process| process.contains(" shared "))
    }

    /// Waits until the server and all that it has started has ended, and nothing is left of it.
    fn nothing_is_left(&self, after: &str) -> Outcome {
        self.wait_until(after, || self.processes().is_empty())?;
        let left: Vec<_> = names_in(&self.file("buck-out"));
        assert!(!left.iter().any(|name| name.contains("splitlink")), "{after}: files were left: {left:?}");
        Ok(())
    }

    /// Waits for less time than that in which a server ends by itself.
    fn wait_until(&self, what: &str, done: impl Fn() -> bool) -> Outcome {
        let began = Instant::now();
        while !done() {
            assert!(began.elapsed() < LESS_THAN_IDLE, "{what}: not so after {LESS_THAN_IDLE:?}: {:?}", self.processes());
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// Starts a build in which the first rustc does not go on, and which has one long enough for the
    /// server to have seen it.
    fn held(&self, args: &[&str]) -> Result<Child, Failure> {
        let before = self.runs_so_far();
        fs::write(self.file("hold"), "")?;
        let build = self.start(args)?;
        self.wait_until("rustc is held up", || self.runs_so_far() > before)?;
        std::thread::sleep(Duration::from_secs(1));
        assert!(self.has_server(), "{:?}", self.processes());
        Ok(build)
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        let _ = fs::remove_file(self.file("hold"));
        if let Some(name) = self.isolation_dir {
            let _ = self.command(&["--isolation-dir", name, "kill"]).output();
        }
    }
}

/// Ends a build as Ctrl-C does.
fn interrupt(build: &mut Child) -> Outcome {
    succeed(Command::new("kill").args(["-INT", &build.id().to_string()]))?;
    assert!(!build.wait()?.success());
    Ok(())
}

/// The arguments of a build with one rustc for both actions.
fn shared<'a>(before: &[&'a str], targets: &[&'a str]) -> Vec<&'a str> {
    [before, &["build"], &SHARED, targets].concat()
}

/// Then each library is compiled by one rustc, for both actions, and everything is the same.
#[test]
fn one_rustc_for_both_actions() -> Outcome {
    let Some(watched) = Watched::new("shared")? else { return Ok(()) };
    let project = &watched.project;
    let built = |pipelining: &str| -> Result<_, Failure> {
        let setting = format!("splitlink.pipelining={pipelining}");
        succeed(&mut watched.command(&["build", "-c", &setting, "splitlink//examples/hello/...", "splitlink//examples/proc_macro/..."]))?;
        let ran = project.ran()?;
        let libraries = |action: &str| ran.iter().filter(|ran| ran.action.starts_with(action)).count();
        let runs = watched.runs();
        let outputs = [HELLO, &format!("{HELLO}[plan]"), "splitlink//examples/hello:greeting"];
        let bytes: Vec<_> =
            outputs.iter().map(|target| Ok(fs::read(project.build_with(&["-c", &setting], target)?)?)).collect::<Result<_, Failure>>()?;
        Ok((libraries("rustc metadata ["), libraries("rustc rlib ["), runs, bytes))
    };
    let (metadata, code, runs, twice) = built("on")?;
    assert!(metadata > 1 && code > 1 && runs == metadata + code, "{metadata} for metadata, {code} for code: {runs} runs of rustc");
    let (metadata, code, runs, shared) = built("shared")?;
    assert!(metadata > 1 && runs == metadata.max(code), "{metadata} for metadata, {code} for code: {runs} runs of rustc");
    assert!(twice == shared, "the program, its plan or the library is another");
    Ok(())
}

#[test]
fn nothing_is_left_of_a_build() -> Outcome {
    let Some(watched) = Watched::new("shared_end")? else { return Ok(()) };
    let app = watched.file("app");
    fs::create_dir(&app)?;
    fs::write(app.join("good.rs"), "pub fn sorted(mut words: Vec<String>) -> String { words.sort(); format!(\"{words:?}\") }")?;
    fs::write(app.join("bad.rs"), "pub fn f() -> u64 { \"text\" }")?;
    fs::write(
        app.join("main.rs"),
        "fn main() { println!(\"{}\", good::sorted(vec![])); std::thread::sleep(std::time::Duration::from_secs(120)) }",
    )?;
    fs::write(
        app.join("BUCK"),
        r#"
load("@splitlink//rules/buck2:defs.bzl", "rust_binary", "rust_library")
rust_library(name = "good", srcs = ["good.rs"], edition = "2024")
rust_library(name = "bad", srcs = ["bad.rs"], edition = "2024")
rust_binary(name = "app", srcs = ["main.rs"], crate_root = "main.rs", edition = "2024", deps = [":good"])
"#,
    )?;
    // Interrupted, as by Ctrl-C, while rustc runs.
    let mut build = watched.held(&shared(&[], &[HELLO]))?;
    interrupt(&mut build)?;
    watched.nothing_is_left("interrupted")?;
    fs::remove_file(watched.file("hold"))?;
    watched.runs();

    // The next one begins right then.
    let mut build = watched.held(&shared(&[], &[HELLO]))?;
    fs::remove_file(watched.file("hold"))?;
    assert!(build.wait()?.success());
    assert_eq!(watched.runs(), watched.libraries()?, "each library by one rustc");
    watched.nothing_is_left("in success")?;

    // Metadata alone: a rustc stands still at the end.
    succeed(&mut watched.command(&shared(&[], &["//app:app[plan]"])))?;
    watched.nothing_is_left("without the code")?;
    assert!(!watched.command(&shared(&[], &["//app:bad"])).output()?.status.success());
    watched.nothing_is_left("in failure")?;

    // The command that runs a program becomes the program.
    fs::write(app.join("good.rs"), "pub fn sorted(mut words: Vec<String>) -> String { words.sort(); format!(\"{words:#?}\") }")?;
    let mut run = watched.held(&[&["run"], &SHARED[..], &["//app:app"]].concat())?;
    fs::remove_file(watched.file("hold"))?;
    let exe = PathBuf::from(format!("/proc/{}/exe", run.id()));
    watched.wait_until("the program runs", || fs::read_link(&exe).is_ok_and(|exe| exe.file_name().is_some_and(|name| name == "app")))?;
    watched.nothing_is_left("while the program runs")?;
    run.kill()?;
    run.wait()?;
    Ok(())
}

/// Builds with different isolation dirs are of two daemons and have one server, as they are in one
/// folder.
#[test]
fn two_builds_at_once() -> Outcome {
    let Some(mut watched) = Watched::new("shared_two")? else { return Ok(()) };
    watched.isolation_dir = Some("other");
    let targets = ["splitlink//examples/hello/...", "splitlink//examples/proc_macro/..."];
    let mut other = watched.held(&shared(&["--isolation-dir", "other"], &["-j1", targets[0], targets[1]]))?;
    let mut build = watched.held(&shared(&[], &targets))?;
    assert_eq!(watched.processes().iter().filter(|process| process.contains(" shared ")).count(), 1, "{:?}", watched.processes());
    // One is interrupted, and the other has its server all the same.
    interrupt(&mut other)?;
    std::thread::sleep(Duration::from_secs(2));
    assert!(watched.has_server(), "{:?}", watched.processes());
    fs::remove_file(watched.file("hold"))?;
    assert!(build.wait()?.success());
    assert_eq!(watched.runs(), 1 + watched.libraries()?, "each library by one rustc, and one that was interrupted");
    watched.nothing_is_left("both have ended")
}
