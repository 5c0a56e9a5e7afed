//! What a worker does for one request.

use super::channel::{Resume, Start};
use super::incremental::{Folders, InUse, Limits};
use super::job::{Ending, Job, Left, Outcome, Progress};
use super::lock;
use super::place::{self, Place};
use super::protocol::{Input, WorkRequest};
use super::suspended::{self, Entry, Identity, Suspended};
use super::twins::{self, Begin, Made, Step, Twins};
use crate::rustc::diagnostics;
use crate::rustc::processors::Processors;
use crate::worker::action::Action;
use anyhow::Result;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Options that one of the two actions of a library has for itself.
const OWN_OPTIONS: &[&str] = &["--output", "--published-metadata"];

/// Options that say where an action writes a file.
const OUTPUT_OPTIONS: &[&str] = &["--output", "--plan", "--report"];

/// A request that is being served.
#[derive(Debug, Default)]
pub struct Running {
    state: Mutex<RunningState>,
}

#[derive(Debug, Default)]
struct RunningState {
    cancelled: bool,
    ending: Option<Ending>,
}

impl Running {
    /// Ends what runs for the request, now and later.
    fn cancel(&self) {
        let mut state = lock(&self.state);
        state.cancelled = true;
        if let Some(ending) = &state.ending {
            ending.end();
        }
    }

    fn is_cancelled(&self) -> bool {
        lock(&self.state).cancelled
    }

    /// Lets `job` be ended with the request.
    fn runs(&self, job: &Job) -> Result<()> {
        let ending = job.ending()?;
        let mut state = lock(&self.state);
        if state.cancelled {
            ending.end();
        }
        state.ending = Some(ending);
        Ok(())
    }

    /// Whether the job outlives the request; it is then no longer ended with it.
    fn outlived(&self) -> bool {
        let mut state = lock(&self.state);
        state.ending = None;
        !state.cancelled
    }
}

/// All that the requests of a worker share.
#[derive(Debug)]
pub struct RequestServer {
    program: String,
    cwd: PathBuf,
    suspended: Mutex<Suspended<Identity>>,
    running: Mutex<HashMap<i32, Arc<Running>>>,
    places: Mutex<HashMap<PathBuf, Place>>,
    processors: Arc<Processors>,
    twins: Twins,
    incremental: Arc<Mutex<Folders>>,
    count: AtomicU64,
    last: Mutex<Instant>,
}

impl RequestServer {
    /// A server that runs `program` (splitlink) in the folder `cwd`, keeps what stands still in
    /// `suspended`, and as much as `incremental` says of what rustc may use again.
    pub fn new(program: String, cwd: PathBuf, suspended: Suspended<Identity>, incremental: Limits) -> Self {
        Self {
            program,
            cwd,
            suspended: Mutex::new(suspended),
            running: Mutex::default(),
            places: Mutex::default(),
            processors: Processors::of_this_machine(),
            twins: Twins::default(),
            incremental: Arc::new(Mutex::new(Folders::new(incremental))),
            count: AtomicU64::new(0),
            last: Mutex::new(Instant::now()),
        }
    }

    /// Takes note of a request, so that it can be cancelled.
    pub fn enter(&self, id: i32) -> Arc<Running> {
        let running = Arc::<Running>::default();
        lock(&self.running).insert(id, Arc::clone(&running));
        running
    }

    /// Forgets a request, and says whether it was cancelled.
    pub fn leave(&self, id: i32, running: &Arc<Running>) -> bool {
        let mut all = lock(&self.running);
        if all.get(&id).is_some_and(|known| Arc::ptr_eq(known, running)) {
            all.remove(&id);
        }
        *lock(&self.last) = Instant::now();
        running.is_cancelled()
    }

    /// Ends what runs for the request `id`; does nothing if that has been answered.
    pub fn cancel(&self, id: i32) {
        let running = lock(&self.running).get(&id).cloned();
        if let Some(running) = running {
            running.cancel();
        }
    }

    /// Ends what runs for any request.
    pub fn end_all(&self) {
        let all: Vec<_> = lock(&self.running).values().cloned().collect();
        for running in all {
            running.cancel();
        }
    }

    /// Ends all processes that stand still.
    pub fn end_suspended(&self) {
        let jobs = lock(&self.suspended).take_of(|_| true);
        for job in jobs {
            job.end();
        }
    }

    /// Ends all that is left, and removes what it worked in.
    pub fn end(&self) {
        self.end_suspended();
        lock(&self.places).clear();
    }

    /// How long there has been no request.
    pub fn idle_for(&self) -> Duration {
        if lock(&self.running).is_empty() { lock(&self.last).elapsed() } else { Duration::ZERO }
    }

    /// Does what `request` asks for.
    pub fn perform(&self, request: WorkRequest, running: &Running) -> Outcome {
        let log = Log(request.verbosity > 0);
        self.try_perform(request, running, log).unwrap_or_else(|error| {
            let message = diagnostics::with_causes(&error);
            Outcome { code: 1, output: format!("error: {message}\n").into_bytes() }
        })
    }

    fn try_perform(&self, request: WorkRequest, running: &Running, log: Log) -> Result<Outcome> {
        let work = Work::new(request, &self.cwd)?;
        match work.action.phase() {
            "metadata" => self.library(Step::Metadata, work, running, log),
            "codegen" => self.library(Step::Code, work, running, log),
            _ => self.run_whole(&work, running, log),
        }
    }

    /// An action of a library, done once for all configurations in which it is the same.
    fn library(&self, step: Step, work: Work, running: &Running, log: Log) -> Result<Outcome> {
        let key = if work.named && lock(&self.suspended).allowed() { twins::key(&work.identity()) } else { None };
        let Some(key) = key else { return self.step(step, work, None, running, log) };
        let output = work.output().to_owned();
        let published = work.published_digest.clone();
        let cwd = work.cwd.clone();
        loop {
            match self.twins.begin(&key, step, &output, &published, || running.is_cancelled()) {
                Begin::Alone => return self.step(step, work, None, running, log),
                Begin::Copy(made) => match made.copy(&cwd.join(&output)) {
                    Ok(()) => {
                        log.say(|| format!("{output}: a copy of what another configuration has"));
                        if step == Step::Code {
                            self.twins.forget(&key);
                        }
                        return Ok(Outcome { code: 0, output: made.said });
                    }
                    Err(error) => {
                        log.say(|| format!("{output}: no copy of what another configuration has, for {error:#}"));
                        self.twins.forget(&key);
                    }
                },
                Begin::Run(turn) => {
                    let outcome = self.step(step, work, Some(&key), running, log)?;
                    if outcome.code == 0
                        && !running.is_cancelled()
                        && let Ok(made) = Made::of(&output, &[&cwd, &self.cwd], outcome.output.clone(), published)
                    {
                        turn.done(made);
                    }
                    return Ok(outcome);
                }
            }
        }
    }

    fn step(&self, step: Step, work: Work, key: Option<&str>, running: &Running, log: Log) -> Result<Outcome> {
        match step {
            Step::Metadata => self.metadata(work, running, log),
            Step::Code => self.codegen(&work, key, running, log),
        }
    }

    fn metadata(&self, work: Work, running: &Running, log: Log) -> Result<Outcome> {
        let output = work.action.option("--output").unwrap_or_default().to_owned();
        let old = lock(&self.suspended).take(&output);
        if let Some(old) = old {
            log.say(|| format!("{output}: ended, for the metadata is wanted again"));
            old.job.end();
        }
        // A worker whose requests have no names is one of several, and nobody knows which of them
        // will be asked for the code.
        if !work.named || !lock(&self.suspended).allowed() {
            return self.run_whole(&work, running, log);
        }
        let place = self.place(&work, &output)?;
        let incremental = self.incremental(&work)?;
        let scratch = match &incremental {
            Some(folder) => folder.scratch(),
            None => place.join(self.count.fetch_add(1, Ordering::Relaxed).to_string()),
        };
        let number = self.count.fetch_add(1, Ordering::Relaxed);
        let start = Start {
            options: work.action.options.clone(),
            place: Some(place),
            scratch: Some(scratch.clone()),
            sandboxed: work.sandboxed,
            incremental: incremental.as_ref().map(|folder| folder.path().to_owned()),
            mark: Some(format!("splitlink: rustc stands still ({} {number})", std::process::id())),
        };
        let mut job = self.start(&work, &start, Left::Folder(scratch), running, log)?;
        job.incremental = incremental;
        let Progress::Suspended(process) = job.wait() else { return Ok(job.finish()) };
        let metadata_output = job.take_output();
        if !running.outlived() {
            job.end();
            return Ok(Outcome { code: 1, output: Vec::new() });
        }
        let (ticks, memory) = suspended::cost(process.pid);
        log.say(|| format!("{output}: suspended with {} MB", memory >> 20));
        let identity = work.into_identity();
        let gone = lock(&self.suspended).add(output, Entry { identity, job, ticks, memory });
        for (name, job) in gone {
            log.say(|| format!("{name}: ended, for the limit is reached"));
            job.end();
        }
        Ok(Outcome { code: 0, output: metadata_output })
    }

    fn codegen(&self, work: &Work, key: Option<&str>, running: &Running, log: Log) -> Result<Outcome> {
        let published = work.action.option("--published-metadata").unwrap_or_default();
        let output = work.action.option("--output").unwrap_or_default();
        let own = lock(&self.suspended).take(published);
        let is_own = own.is_some();
        let of_twin = || lock(&self.suspended).take(&self.twins.process(key?)?);
        let Some(mut entry) = own.or_else(of_twin) else {
            log.say(|| format!("{published}: no process stands still"));
            return self.run_whole(work, running, log);
        };
        // That of another configuration has the same key.
        let difference = if is_own { entry.identity.difference(&work.identity()) } else { None };
        if let Some(difference) = difference {
            log.say(|| format!("{published}: ended, for {difference}"));
            entry.job.end();
            return self.run_whole(work, running, log);
        }
        running.runs(&entry.job)?;
        let dwo_dir = work.action.option("--dwo-dir").map(|dir| work.cwd.join(dir));
        let resume = Resume { output: work.cwd.join(output), published: work.cwd.join(published), dwo_dir };
        if !entry.job.resume(&resume) {
            log.say(|| format!("{published}: the process that stood still is no more"));
            entry.job.end();
            return self.run_whole(work, running, log);
        }
        log.say(|| format!("{published}: resumed"));
        let outcome = entry.job.finish();
        // What else rustc may read that late (a profile, say) is gone with the sandbox that it
        // started in.
        if outcome.code != 0 && work.sandboxed && !running.is_cancelled() {
            log.say(|| format!("{published}: failed in its first sandbox"));
            return self.run_whole(work, running, log);
        }
        Ok(outcome)
    }

    /// Does what would be done without a worker.
    fn run_whole(&self, work: &Work, running: &Running, log: Log) -> Result<Outcome> {
        let incremental = self.incremental(work)?;
        let start = Start {
            options: work.action.options.clone(),
            place: incremental.is_some().then(|| self.place(work, work.output())).transpose()?,
            // Where the run for both actions works as well, so that each goes on from the other.
            scratch: incremental.as_ref().filter(|_| work.action.phase() == "codegen").map(InUse::scratch),
            sandboxed: work.sandboxed,
            incremental: incremental.as_ref().map(|folder| folder.path().to_owned()),
            mark: None,
        };
        let left = Left::Beside(work.outputs().map(|output| work.cwd.join(output)).collect());
        let mut job = self.start(work, &start, left, running, log)?;
        job.incremental = incremental;
        Ok(job.finish())
    }

    fn start(&self, work: &Work, start: &Start, left: Left, running: &Running, log: Log) -> Result<Job> {
        log.say(|| format!("{}: started for {}", work.output(), work.action.phase()));
        let job = Job::start(&work.action, &self.program, &work.cwd, start, left, self.processors.share()?)?;
        running.runs(&job)?;
        Ok(job)
    }

    /// Where what rustc may use again is kept for the next build, if the action wants that and no
    /// other action is there.
    fn incremental(&self, work: &Work) -> Result<Option<InUse>> {
        if !work.action.options.iter().any(|option| option == "--incremental") {
            return Ok(None);
        }
        let output = work.output();
        Ok(InUse::take(&self.incremental, &self.place(work, output)?, output))
    }

    /// A folder of the worker's own, which neither another action nor the clearing of a sandbox
    /// takes away.
    fn place(&self, work: &Work, output: &str) -> Result<PathBuf> {
        let output = Path::new(output);
        // What a sandbox has below its own folder is taken away with it.
        let parent = if work.sandboxed && output.is_relative() { self.cwd.clone() } else { place::parent_for(&self.cwd, output) };
        let mut places = lock(&self.places);
        if !places.contains_key(&parent) {
            places.insert(parent.clone(), Place::within(&parent)?);
        }
        Ok(places[&parent].path().to_owned())
    }
}

/// A request, understood.
struct Work {
    action: Action,
    cwd: PathBuf,
    inputs: Vec<Input>,
    named: bool,
    sandboxed: bool,
    /// The digest of the published metadata, if that is read.
    published_digest: Vec<u8>,
}

impl Work {
    fn new(request: WorkRequest, cwd: &Path) -> Result<Self> {
        let action = Action::parse(&request.arguments)?;
        let output = action.option("--output").unwrap_or_default();
        let published = action.option("--published-metadata").unwrap_or_default();
        let published_digest = request.inputs.iter().find(|input| input.path == published).map(|input| input.digest.clone());
        let published_digest = published_digest.unwrap_or_default();
        let own = |path: &str| path == published || is_response_file_of(path, output);
        let mut inputs: Vec<_> = request.inputs.into_iter().filter(|input| !own(&input.path)).collect();
        inputs.sort();
        let sandboxed = !request.sandbox_dir.is_empty();
        Ok(Self { action, cwd: cwd.join(request.sandbox_dir), inputs, named: request.request_id != 0, sandboxed, published_digest })
    }

    /// What the action makes, or the first of it.
    fn output(&self) -> &str {
        ["--output", "--plan"].iter().find_map(|name| self.action.option(name)).unwrap_or_default()
    }

    /// All files that the action makes by way of scratch folders.
    fn outputs(&self) -> impl Iterator<Item = &str> {
        let options = &self.action.options;
        let named = options.windows(2).filter(|pair| OUTPUT_OPTIONS.contains(&pair[0].as_str())).map(|pair| pair[1].as_str());
        let joined = options.iter().filter_map(|option| option.split_once('=')).filter(|(name, _)| OUTPUT_OPTIONS.contains(name));
        let values = named.chain(joined.map(|(_, value)| value));
        // One of several crate types: `cdylib=FILE`.
        values.map(|value| value.split_once('=').map_or(value, |(_, file)| file)).filter(|output| !output.is_empty())
    }

    fn identity(&self) -> Identity {
        let mut options = Vec::new();
        let mut all = self.action.options.iter().skip(1);
        while let Some(option) = all.next() {
            if OWN_OPTIONS.contains(&option.as_str()) {
                all.next();
            } else {
                options.push(option.clone());
            }
        }
        Identity { options, env: self.action.env.clone(), command: self.action.command.clone(), inputs: self.inputs.clone() }
    }

    fn into_identity(self) -> Identity {
        let identity = self.identity();
        Identity { inputs: self.inputs, ..identity }
    }
}

/// Whether a build system calls the response file of the action that writes `output` so.
fn is_response_file_of(path: &str, output: &str) -> bool {
    let number = path.strip_prefix(output).and_then(|rest| rest.strip_prefix('-')?.strip_suffix(".params"));
    number.is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Writes to the worker's log, standard error, if the request wants it.
#[derive(Clone, Copy)]
struct Log(bool);

impl Log {
    fn say(self, what: impl FnOnce() -> String) {
        if self.0 {
            eprintln!("splitlink worker: {}", what());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn work(lines: &[&str], inputs: &[&str]) -> Work {
        let request = WorkRequest {
            arguments: lines.iter().map(|&line| line.to_owned()).collect(),
            inputs: inputs.iter().map(|&path| Input { path: path.to_owned(), digest: b"1".to_vec() }).collect(),
            request_id: 1,
            ..WorkRequest::default()
        };
        Work::new(request, Path::new("/w")).unwrap()
    }

    #[test]
    fn two_actions_of_a_library_have_one_identity() {
        let metadata = work(&["metadata", "--output", "o/a.rmeta", "--lto", "--", "rustc"], &["b", "o/a.rmeta-0.params", "a"]);
        let lines = ["codegen", "--output", "o/a.rlib", "--published-metadata", "o/a.rmeta", "--lto", "--", "rustc"];
        let codegen = work(&lines, &["a", "o/a.rlib-12.params", "o/a.rmeta", "b"]);
        assert_eq!(metadata.identity(), codegen.identity());
        assert_eq!(metadata.identity().options, ["--lto"]);
        let other = work(&lines, &["a", "b", "o/a.rlib-x.params"]);
        assert!(metadata.identity().difference(&other.identity()).is_some());
    }

    #[test]
    fn where_an_action_may_leave_something() {
        let table: &[(&[&str], &[&str])] = &[
            (
                &["link-only", "--plan=p", "--output", "cdylib=a=b.so", "--output=c", "--report", "r", "--", "rustc"],
                &["a=b.so", "r", "p", "c"],
            ),
            (&["metadata", "--", "rustc"], &[]),
            (&["metadata", "--output=", "--", "rustc"], &[]),
        ];
        for (lines, outputs) in table {
            assert_eq!(work(lines, &[]).outputs().collect::<Vec<_>>(), *outputs, "{lines:?}");
        }
    }
}
