//! A build system's side of the persistent worker protocol, in JSON.

use super::project::Project;
use super::tools::{Toolchain, names_in, write_program};
use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// After this long something is not slow but stuck.
const PATIENCE: Duration = Duration::from_secs(120);

/// How long a test waits for processes to start or end: long, for the machine may be busy, and less
/// than the default of `--max-idle`, after which what stands still ends by itself.
pub const LESS_THAN_IDLE: Duration = Duration::from_secs(50);

/// An action for a worker: the lines of its response file, and what it reads.
#[derive(Debug, Clone)]
pub struct Action {
    /// Options, environment, `--` and command.
    pub lines: Vec<String>,
    /// The paths of its inputs.
    pub inputs: Vec<String>,
}

/// What came of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The exit code.
    pub code: i64,
    /// What was said.
    pub output: String,
    /// Whether it was cancelled.
    pub cancelled: bool,
}

impl Answer {
    /// Checks that it went well and without a word.
    ///
    /// # Errors
    /// With what was said, if not.
    pub fn silent(&self) -> Result<()> {
        ensure!(self.code == 0 && self.output.is_empty() && !self.cancelled, "{self:?}");
        Ok(())
    }
}

/// A running `splitlink worker`; it is killed when dropped.
#[derive(Debug)]
pub struct Client {
    process: Child,
    input: Option<ChildStdin>,
    answers: Arc<Answers>,
    project: Project,
}

#[derive(Debug, Default)]
struct Answers {
    by_id: Mutex<HashMap<i64, Answer>>,
    changed: Condvar,
    /// Whether there will be no more.
    over: AtomicBool,
}

impl Client {
    /// Starts a worker with `options` in the project's folder.
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn start(project: &Project, options: &[&str]) -> Result<Self> {
        Self::start_by(&[], project, options)
    }

    /// Starts a worker with `options` in the project's folder, by way of the command `launcher`.
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn start_by(launcher: &[&str], project: &Project, options: &[&str]) -> Result<Self> {
        let args: Vec<_> = ["worker"].iter().chain(options).chain(&["--persistent_worker"]).map(|&arg| arg.to_owned()).collect();
        let mut command = project.splitlink(&args);
        if let Some((program, own)) = launcher.split_first() {
            let worker = command;
            command = Command::new(program);
            command.args(own).arg(worker.get_program()).args(worker.get_args()).current_dir(&project.dir);
        }
        let mut process =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().context("cannot start the worker")?;
        let output = process.stdout.take().context("it has an output")?;
        let answers = Arc::<Answers>::default();
        let into = Arc::clone(&answers);
        std::thread::spawn(move || {
            let (mut output, mut line) = (BufReader::new(output), String::new());
            // A worker that is killed may leave half a line.
            while output.read_line(&mut line).is_ok() && line.ends_with('\n') {
                let value: Value = serde_json::from_str(&line).unwrap_or_else(|_| panic!("`{line}` is no response"));
                line.clear();
                let answer = Answer {
                    code: value["exitCode"].as_i64().unwrap_or(-1),
                    output: value["output"].as_str().unwrap_or_default().to_owned(),
                    cancelled: value["wasCancelled"].as_bool().unwrap_or(false),
                };
                let id = value["requestId"].as_i64().unwrap_or(-1);
                let old = into.by_id.lock().unwrap_or_else(PoisonError::into_inner).insert(id, answer);
                assert!(old.is_none(), "request {id} was answered twice");
                into.changed.notify_all();
            }
            into.over.store(true, Ordering::SeqCst);
            // Not between a look at it and the wait that follows.
            drop(into.by_id.lock());
            into.changed.notify_all();
        });
        Ok(Self { input: process.stdin.take(), process, answers, project: project.clone() })
    }

    /// The worker's process.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Sends `action` under the name `id`.
    ///
    /// # Errors
    /// If an input cannot be read or the worker is gone.
    pub fn send(&mut self, id: i64, action: &Action) -> Result<()> {
        self.send_in(id, action, "")
    }

    /// Sends `action`, to be done in the folder `sandbox`.
    ///
    /// # Errors
    /// If an input cannot be read or the worker is gone.
    pub fn send_in(&mut self, id: i64, action: &Action, sandbox: &str) -> Result<()> {
        let mut inputs = Vec::new();
        for path in &action.inputs {
            let mut hasher = DefaultHasher::new();
            fs::read(self.project.dir.join(sandbox).join(path)).with_context(|| format!("the input `{path}`"))?.hash(&mut hasher);
            inputs.push(json!({"path": path, "digest": hasher.finish().to_string()}));
        }
        self.write(&json!({"arguments": action.lines, "inputs": inputs, "requestId": id, "sandboxDir": sandbox, "verbosity": 10}))
    }

    /// Cancels the request `id`.
    ///
    /// # Errors
    /// If the worker is gone.
    pub fn cancel(&mut self, id: i64) -> Result<()> {
        self.write(&json!({"requestId": id, "cancel": true}))
    }

    fn write(&mut self, request: &Value) -> Result<()> {
        let input = self.input.as_mut().context("the worker's input is closed")?;
        writeln!(input, "{request}").context("the worker is gone")
    }

    /// Waits for the answer to `id`.
    ///
    /// # Errors
    /// If there is none for a long time, or the worker has ended.
    pub fn answer(&self, id: i64) -> Result<Answer> {
        let by_id = self.answers.by_id.lock().unwrap_or_else(PoisonError::into_inner);
        let missing = |by_id: &mut HashMap<i64, Answer>| !by_id.contains_key(&id) && !self.answers.over.load(Ordering::SeqCst);
        let waited = self.answers.changed.wait_timeout_while(by_id, PATIENCE, missing);
        waited.unwrap_or_else(PoisonError::into_inner).0.remove(&id).with_context(|| format!("request {id} is not answered"))
    }

    /// Whether the worker has ended, so that nothing more will be answered.
    pub fn has_ended(&self) -> bool {
        self.answers.over.load(Ordering::SeqCst)
    }

    /// Sends `action` and waits for its answer.
    ///
    /// # Errors
    /// If it cannot be sent or is not answered.
    pub fn perform(&mut self, id: i64, action: &Action) -> Result<Answer> {
        self.send(id, action)?;
        self.answer(id)
    }

    /// Kills the worker with SIGKILL.
    ///
    /// # Errors
    /// If that is impossible.
    pub fn kill(&mut self) -> Result<()> {
        self.process.kill()?;
        self.process.wait()?;
        Ok(())
    }

    /// Closes the worker's input and waits until it has ended.
    ///
    /// # Errors
    /// If it fails.
    pub fn close(mut self) -> Result<()> {
        drop(self.input.take());
        let status = self.process.wait()?;
        ensure!(status.success(), "the worker ended with {status}");
        Ok(())
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A process that works in a project's folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// Its number.
    pub id: u32,
    /// The state that the kernel names: `T` if it is stopped.
    pub state: char,
    /// The name of its program.
    pub name: String,
}

/// What makes and watches the actions of a project in which the crates `dep`, `library`, ... are
/// compiled.
impl Project {
    /// Writes two scripts: `rustc`, which notes each call in `calls` and then runs rustc, and
    /// `wrap`, a wrapper around it.
    ///
    /// # Errors
    /// If they cannot be written.
    pub fn write_scripts(&self) -> Result<()> {
        let rustc = Toolchain::stable().rustc.display().to_string();
        write_program(
            &self.dir.join("counted/rustc"),
            format!("#!/bin/sh\necho call >>calls\n[ ! -e before_rustc ] || . ./before_rustc\nexec {rustc} \"$@\"\n"),
        )?;
        write_program(&self.dir.join("wrap"), "#!/bin/sh\nwhile [ \"$1\" != -- ]; do shift; done\nshift\nexec \"$@\"\n")?;
        fs::create_dir_all(self.dir.join("out"))?;
        Ok(())
    }

    /// How often `rustc` was called.
    pub fn calls(&self) -> usize {
        fs::read_to_string(self.dir.join("calls")).unwrap_or_default().lines().count()
    }

    /// An action: the phase and its options, rustc's arguments, and the inputs.
    pub fn action(&self, options: &str, rustc: &[String], inputs: &str) -> Action {
        let words = |text: &str| text.split_ascii_whitespace().map(str::to_owned).collect::<Vec<_>>();
        let mut lines = words(options);
        lines.extend(["--env=SPLITLINK_TEST=a\\nb".to_owned(), "--".to_owned()]);
        lines.extend(words("./wrap --flag -- counted/rustc"));
        lines.extend_from_slice(rustc);
        Action { lines, inputs: words(inputs) }
    }

    /// The metadata action of the library `name`, which uses `dep`.
    pub fn metadata_action(&self, name: &str, more: &[String]) -> Action {
        let dep = if name == "dep" { "" } else { "--metadata out/libdep-1.rmeta" };
        let input = if name == "dep" { "" } else { "out/libdep-1.rmeta" };
        self.action(
            &format!("metadata --output out/lib{name}-1.rmeta {dep}"),
            &[self.library(name), more.to_vec()].concat(),
            &format!("{name}.rs {input}"),
        )
    }

    /// The codegen action of the library `name`, which uses `dep`.
    pub fn codegen_action(&self, name: &str, more: &[String]) -> Action {
        let dep = if name == "dep" { "" } else { "--metadata out/libdep-1.rmeta" };
        let input = if name == "dep" { "" } else { "out/libdep-1.rmeta" };
        self.action(
            &format!("codegen --output out/lib{name}-1.rlib --published-metadata out/lib{name}-1.rmeta {dep}"),
            &[self.library(name), more.to_vec()].concat(),
            &format!("{name}.rs out/lib{name}-1.rmeta {input}"),
        )
    }

    /// Runs `action` without a worker, from a response file.
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn run_plain(&self, action: &Action) -> Result<std::process::Output> {
        self.write("action.params", action.lines.join("\n") + "\n")?;
        super::tools::run(&mut self.splitlink(&["worker".to_owned(), "@action.params".to_owned()]))
    }

    /// The processes that work in the project's folder, the worker `except` aside.
    pub fn processes(&self, except: u32) -> Vec<Process> {
        let mut found = Vec::new();
        for name in names_in("/proc".as_ref()) {
            let Ok(id) = name.parse() else { continue };
            let proc = std::path::Path::new("/proc").join(&name);
            if id != except && fs::read_link(proc.join("cwd")).is_ok_and(|cwd| cwd.starts_with(&self.dir)) {
                let stat = fs::read_to_string(proc.join("stat")).unwrap_or_default();
                let Some((head, rest)) = stat.rsplit_once(") ") else { continue };
                let program = head.split_once('(').map_or("", |(_, program)| program);
                found.push(Process { id, state: rest.chars().next().unwrap_or('?'), name: program.to_owned() });
            }
        }
        found
    }

    /// The rustc processes that stand still.
    pub fn suspended(&self) -> Vec<Process> {
        self.processes(0).into_iter().filter(|process| process.name == "rustc" && process.state == 'T').collect()
    }

    /// Waits until `done` says so.
    ///
    /// # Errors
    /// If it does not for a long time.
    pub fn wait_until(&self, what: &str, done: impl Fn() -> bool) -> Result<()> {
        let began = Instant::now();
        while !done() {
            if began.elapsed() > LESS_THAN_IDLE {
                bail!("{what}: not so after {} seconds; these processes are there: {:?}", LESS_THAN_IDLE.as_secs(), self.processes(0));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }
}
