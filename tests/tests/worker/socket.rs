//! Whom the server of `splitlink rustc --share-within` listens to, and what it does about calls
//! that say too much or nothing.

use anyhow::{Context, Result, ensure};
use serde_json::json;
use splitlink_tests::rustc_fixture::project::{Project, good, words};
use splitlink_tests::rustc_fixture::tools::{names_in, run, write_program};
use splitlink_tests::rustc_fixture::worker::LESS_THAN_IDLE;
use std::fs::{self, Permissions};
use std::io::{Read, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

type Outcome = Result<()>;

/// A library that is compiled for two calls, by a server with its socket in `runtime`, or in the
/// output tree if there is none.
struct Build {
    project: Project,
    runtime: Option<PathBuf>,
    /// Seconds without a call after which the server ends.
    max_idle: u64,
}

impl Build {
    fn new(name: &str, runtime: Option<PathBuf>) -> Result<Self> {
        let project = Project::new(name)?;
        project.write_scripts()?;
        let code = "pub fn sorted(mut words: Vec<String>) -> String { words.sort(); format!(\"{words:?}\") }\n";
        project.write("dep.rs", code)?;
        Ok(Self { project, runtime, max_idle: 60 })
    }

    /// Runs the call for the metadata, or that for the code, by way of `sh -c 'SETUP; exec
    /// splitlink ...'`.
    fn run_after(&self, setup: &str, code: bool) -> Result<Output> {
        let splitlink = self.project.splitlink(&[]);
        let mut command = Command::new("sh");
        command.current_dir(&self.project.dir).args(["-c", &format!("{setup}\nexec \"$@\""), "sh"]).arg(splitlink.get_program());
        command.args(words(&format!("rustc --stable --share-within BUILD --max-idle {} -- counted/rustc", self.max_idle)));
        command.args(words(
            "--crate-name=dep dep.rs --crate-type=rlib --edition=2024 -Cmetadata=1 -Cextra-filename=-1 --error-format=json \
             --out-dir=out/extra -Zremap-cwd-prefix=.",
        ));
        command.arg(format!("--emit=link=out/{}/libdep-1.rlib", if code { "code" } else { "metadata" }));
        if !code {
            command.arg("-Zno-codegen").env("RUSTC_BOOTSTRAP", "1");
        }
        fs::create_dir_all(self.project.dir.join("out/code"))?;
        fs::create_dir_all(self.project.dir.join("out/metadata"))?;
        match &self.runtime {
            Some(runtime) => command.env("XDG_RUNTIME_DIR", runtime),
            None => command.env_remove("XDG_RUNTIME_DIR"),
        };
        run(command.env("BUILD", "build"))
    }

    fn run(&self, code: bool) -> Result<Output> {
        self.run_after("", code)
    }

    /// The folder of the server's socket.
    fn folder(&self) -> Result<PathBuf> {
        match &self.runtime {
            Some(runtime) => Ok(runtime.join("splitlink")),
            None => {
                let out = self.project.dir.join("out");
                let name = names_in(&out).into_iter().find(|name| name.starts_with(".splitlink-")).context("no folder for a socket")?;
                Ok(out.join(name))
            }
        }
    }

    /// The server's socket.
    fn socket(&self) -> Result<PathBuf> {
        let folder = self.folder()?;
        let name = names_in(&folder).into_iter().find(|name| !name.ends_with(".lock")).context("no socket")?;
        Ok(folder.join(name))
    }

    /// The memory that the server has had at most, in megabytes.
    fn server_memory(&self) -> Result<u64> {
        let ids = self.project.processes(0).into_iter().filter(|process| process.name == "splitlink").map(|process| process.id);
        let status = fs::read_to_string(format!("/proc/{}/status", ids.min().context("no server")?))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("no VmHWM")?;
        Ok(line.trim().trim_end_matches(" kB").parse::<u64>()? >> 10)
    }

    fn all_has_ended(&self) -> Outcome {
        self.project.wait_until("all has ended", || self.project.processes(0).is_empty())
    }
}

/// Ends a build's server, as a test leaves nothing behind.
impl Drop for Build {
    fn drop(&mut self) {
        for process in self.project.processes(0) {
            let _ = run(Command::new("kill").args(["-KILL", &process.id.to_string()]));
        }
        if let Some(runtime) = &self.runtime {
            let _ = fs::remove_dir_all(runtime);
        }
    }
}

/// A folder that others can reach, unlike the workplace.
fn runtime_folder(name: &str) -> Result<PathBuf> {
    let folder = std::env::temp_dir().join(format!("splitlink-{name}-{}", std::process::id()));
    fs::create_dir(&folder)?;
    fs::set_permissions(&folder, Permissions::from_mode(0o700))?;
    Ok(folder)
}

#[test]
fn a_socket_that_nobody_else_can_reach() -> Outcome {
    for (name, runtime) in [("trust_tree", None), ("trust_runtime", Some(runtime_folder("runtime")?))] {
        let build = Build::new(name, runtime)?;
        good(&build.run_after("umask 0", false)?)?;
        let mode = fs::symlink_metadata(build.folder()?)?.mode();
        ensure!(mode & 0o7777 == 0o700, "{name}: {mode:o}");
        good(&build.run_after("umask 0", true)?)?;
        ensure!(build.project.calls() == 1, "{name}: {} runs of rustc", build.project.calls());
        // rustc works in a folder that others cannot enter, either.
        good(&build.run_after("umask 0", false)?)?;
        let place = names_in(&build.project.dir.join("out")).into_iter().find(|name| name.starts_with("splitlink-worker-"));
        let mode = fs::metadata(build.project.dir.join("out").join(place.context("no folder of the server's")?))?.mode();
        ensure!(mode & 0o7777 == 0o700, "{name}: {mode:o}");
    }
    Ok(())
}

#[test]
fn a_folder_that_others_may_enter() -> Outcome {
    let mut build = Build::new("trust_open_folder", None)?;
    good(&build.run(false)?)?;
    let folder = build.folder()?;
    fs::set_permissions(&folder, Permissions::from_mode(0o755))?;
    let output = build.run(true)?;
    good(&output)?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(said.contains("warning: ") && said.contains("lets others in (its mode is 755)") && said.contains("help: "), "{said}");
    ensure!(build.project.calls() == 2, "{} runs of rustc", build.project.calls());

    // A runtime folder that others may enter is no place for a socket, and the output tree is.
    let runtime = runtime_folder("open")?;
    fs::set_permissions(&runtime, Permissions::from_mode(0o755))?;
    fs::remove_dir_all(&folder)?;
    build.runtime = Some(runtime.clone());
    let output = build.run(false)?;
    ensure!(output.status.success() && output.stderr.is_empty() && names_in(&runtime).is_empty(), "{output:?}");
    Ok(())
}

#[test]
fn a_call_of_another_user() -> Outcome {
    if !is_root()? {
        eprintln!("skipped: a call of another user needs a second user; run the tests as root for it");
        return Ok(());
    }
    let runtime = runtime_folder("another")?;
    let build = Build::new("trust_another", Some(runtime.clone()))?;
    good(&build.run(false)?)?;
    let socket = build.socket()?;
    // Where the other user finds it, and the program that calls.
    let outside = runtime.with_extension("outside");
    fs::create_dir_all(&outside)?;
    fs::set_permissions(&outside, Permissions::from_mode(0o755))?;
    let program = outside.join("call_socket");
    write_program(&program, fs::read(env!("CARGO_BIN_EXE_call_socket"))?)?;
    fs::set_permissions(&program, Permissions::from_mode(0o755))?;
    let touched = outside.join("touched");
    build.project.write("touching", format!("#!/bin/sh\ntouch {}\n", touched.display()))?;
    fs::set_permissions(build.project.dir.join("touching"), Permissions::from_mode(0o755))?;
    let request = |name: &str| {
        let command = ["./touching"];
        json!({"identity": [name], "build": "build", "code": false, "output": "out/x", "cwd": build.project.dir, "env": [["PATH", "/usr/bin:/bin"]], "command": command})
            .to_string()
    };
    let call = |name: &str, user: &[&str]| -> Result<(bool, String)> {
        let mut command = Command::new("setpriv");
        command.args(user).arg(&program).arg(&socket).arg(request(name));
        let output = run(&mut command)?;
        Ok((output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned()))
    };
    let other = ["--reuid=65534", "--regid=65534", "--clear-groups"];
    let (connected, _) = call("a closed folder", &other)?;
    ensure!(!connected && !touched.exists(), "another user reaches the socket");
    // Were the folder open, the server would still not read a byte.
    for (path, mode) in [(&runtime, 0o711), (&runtime.join("splitlink"), 0o711), (&socket, 0o777)] {
        fs::set_permissions(path, Permissions::from_mode(mode))?;
    }
    let started = build.project.processes(0).len();
    let (connected, answer) = call("an open folder", &other)?;
    ensure!(connected && answer.trim() == "connected", "another user is answered: {answer}");
    ensure!(!touched.exists() && build.project.processes(0).len() == started, "something was started for another user");
    // Checks that the request is one that the server would carry out, for its own user.
    call("its own user", &[])?;
    ensure!(touched.exists(), "the user's own call did nothing, so that the test shows nothing");
    fs::remove_dir_all(&outside)?;
    Ok(())
}

fn is_root() -> Result<bool> {
    let output = run(Command::new("id").arg("-u"))?;
    Ok(String::from_utf8_lossy(&output.stdout).trim() == "0")
}

#[test]
fn a_message_without_an_end() -> Outcome {
    let build = Build::new("trust_endless", None)?;
    good(&build.run(false)?)?;
    let socket = socket_by_short_path(&build)?;
    let mut call = UnixStream::connect(&socket.0)?;
    let part = vec![b'x'; 1 << 20];
    let mut sent = 0;
    while sent < 256 && call.write_all(&part).is_ok() {
        sent += 1;
    }
    let mut answer = Vec::new();
    let _ = call.read_to_end(&mut answer);
    ensure!(answer.is_empty() && sent < 256, "{sent} MB were taken");
    let memory = build.server_memory()?;
    ensure!(memory < 256, "the server held {memory} MB");
    good(&build.run(true)?)?;
    ensure!(build.project.calls() == 1, "it serves no more: {} runs of rustc", build.project.calls());
    Ok(())
}

#[test]
fn calls_that_say_nothing() -> Outcome {
    let mut build = Build::new("trust_silent", None)?;
    build.max_idle = 2;
    good(&build.run(false)?)?;
    let socket = socket_by_short_path(&build)?;
    let call = || UnixStream::connect(&socket.0);
    let silent: Vec<_> = (0..300).map_while(|_| call().ok()).collect();
    // With as many calls open as may be, one more is not taken, and compiles by itself.
    good(&build.run(true)?)?;
    ensure!(build.project.calls() == 2, "{} runs of rustc, with {} calls open", build.project.calls(), silent.len());
    let began = Instant::now();
    let dripping = call();
    while began.elapsed() < LESS_THAN_IDLE && !build.project.processes(0).is_empty() {
        // A byte now and then is no request, either.
        let _ = dripping.as_ref().map(|mut call| call.write_all(b" "));
        std::thread::sleep(Duration::from_millis(200));
    }
    ensure!(build.project.processes(0).is_empty(), "a call that never ends keeps the server: {:?}", build.project.processes(0));
    build.all_has_ended()?;
    ensure!(!build.folder().is_ok_and(|folder| folder.exists()), "the folder of the socket was left");
    drop(silent);
    Ok(())
}

/// A path to the server's socket that fits into an address, and what it goes by.
fn socket_by_short_path(build: &Build) -> Result<(PathBuf, fs::File)> {
    let socket = build.socket()?;
    let folder = fs::File::open(socket.parent().unwrap_or(Path::new("/")))?;
    let name = socket.file_name().context("a socket has a name")?.to_string_lossy().into_owned();
    let id = std::os::fd::AsRawFd::as_raw_fd(&folder);
    Ok((PathBuf::from(format!("/proc/self/fd/{id}/{name}")), folder))
}

#[test]
fn a_server_that_cannot_be_reached_costs_nothing() -> Outcome {
    // Neither a socket nor a lock that is left by somebody else's accident keeps a build from its
    // results.
    let build = Build::new("trust_left", None)?;
    good(&build.run(false)?)?;
    let folder = build.folder()?;
    for process in build.project.processes(0) {
        run(Command::new("kill").args(["-KILL", &process.id.to_string()]).stderr(Stdio::null()))?;
    }
    build.all_has_ended()?;
    let left = names_in(&folder);
    ensure!(left.len() == 2, "a killed server leaves its socket and its lock: {left:?}");
    good(&build.run(false)?)?;
    good(&build.run(true)?)?;
    ensure!(build.project.calls() == 2, "a new server takes the place: {} runs of rustc", build.project.calls());
    Ok(())
}
