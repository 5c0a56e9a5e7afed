//! The server: one for all calls of a user in a working folder, for as long as there are any.

use super::builds::Builds;
use super::socket::ServerSocket;
use super::{Answer, Call, HOLLOW, Reply};
use crate::files::scratch::{self, Scratch};
use crate::rustc::processors::Processors;
use crate::worker::action::Action;
use crate::worker::channel::{self, Resume, Start};
use crate::worker::job::{Ending, Job, Left, Outcome, Progress};
use crate::worker::lock;
use crate::worker::place::{self, Place};
use crate::worker::suspended::{self, Entry, Limits, Suspended};
use anyhow::{Context, Result};
use std::collections::HashMap;
use std::io::{self, BufReader, Read};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long a call may take to say what it wants.
const PATIENCE: Duration = Duration::from_secs(10);

/// Serves calls on the socket `name` in the folder `folder` as long as `limits`, in JSON, say.
///
/// # Errors
/// If there can be no such socket. It is no error if another server has it.
pub fn serve(folder: &Path, name: &str, limits: &str) -> Result<()> {
    let limits: Limits = serde_json::from_str(limits).context("the server is told no limits")?;
    let Some(listening) = ServerSocket::in_folder(folder, name)?.listen()? else { return Ok(()) };
    let listening = Arc::new(listening);
    let patience = PATIENCE.min(limits.max_idle()).max(Duration::from_secs(1));
    let server = Arc::new(CallServer::new(&limits)?);
    let builds = Builds::new(limits.max_idle());
    let (ending, listened, over) = (Arc::clone(&server), Arc::clone(&listening), Arc::clone(&builds));
    std::thread::spawn(move || {
        over.await_end(|build| ending.end_build(build), || listened.remove());
        ending.end();
        std::process::exit(0);
    });
    loop {
        let stream = listening.accept().context("cannot listen to calls")?;
        let Some(mut call) = builds.call() else { continue };
        let server = Arc::clone(&server);
        std::thread::spawn(move || {
            if let Some(request) = receive(&stream, patience) {
                call.of(&request.build, request.while_open.as_deref());
                let answer: Answer = server.answer(&request, &stream).unwrap_or(None);
                call.await_look();
                if channel::send(&answer, &stream).is_ok() {
                    call.answered();
                }
            }
            // A call that got no answer shall not wait for one.
            let _ = stream.shutdown(Shutdown::Both);
        });
    }
}

/// What a call asks for; none if it does not say so within `patience`.
fn receive(stream: &UnixStream, patience: Duration) -> Option<Call> {
    let mut reader = BufReader::new(Impatient { stream, until: Instant::now() + patience });
    let request = channel::receive(&mut reader).ok()??;
    stream.set_read_timeout(None).ok()?;
    Some(request)
}

struct CallServer {
    program: String,
    place: Mutex<Option<Place>>,
    calls: Mutex<HashMap<Vec<String>, Arc<Compilation>>>,
    /// Each with its build's name.
    suspended: Mutex<Suspended<String>>,
    processors: Arc<Processors>,
    count: AtomicU64,
}

/// A library that a call has asked for.
struct Compilation {
    /// The name of the process that is suspended for it.
    name: String,
    build: String,
    metadata: Mutex<Option<Metadata>>,
    changed: Condvar,
    /// How many calls have been answered.
    served: AtomicUsize,
}

#[derive(Clone)]
enum Metadata {
    /// It is in the file; the text is what rustc said up to there.
    Written(PathBuf, String),
    Failed(Reply),
    /// There is none, for an unknown reason: the call finds it out by itself.
    None,
}

/// The caller.
#[derive(Default)]
struct Client {
    /// Whether it has ended before it was answered.
    gone: bool,
    /// What runs for it.
    ending: Option<Ending>,
}

impl CallServer {
    fn new(limits: &Limits) -> Result<Self> {
        Ok(Self {
            program: std::env::current_exe().context("cannot find the splitlink program itself")?.to_string_lossy().into_owned(),
            place: Mutex::default(),
            calls: Mutex::default(),
            suspended: Mutex::new(Suspended::new(limits)),
            processors: Processors::of_this_machine(),
            count: AtomicU64::new(0),
        })
    }

    /// Ends what is suspended for the build `build` and forgets its libraries.
    fn end_build(&self, build: &str) {
        let jobs = lock(&self.suspended).take_of(|of| of == build);
        for job in jobs {
            job.end();
        }
        let mut hollow = Vec::new();
        lock(&self.calls).retain(|_, compilation| {
            let ended = compilation.build == build;
            if ended && let Some(Metadata::Written(path, _)) = &*lock(&compilation.metadata) {
                hollow.push(path.clone());
            }
            !ended
        });
        for path in hollow {
            let _ = std::fs::remove_file(path);
        }
    }

    /// Ends what is suspended and removes what it worked in.
    fn end(&self) {
        let jobs = lock(&self.suspended).take_of(|_| true);
        for job in jobs {
            job.end();
        }
        drop(lock(&self.place).take());
    }

    /// Does what a call asks for, and says what came of it.
    fn answer(&self, request: &Call, stream: &UnixStream) -> Result<Answer> {
        let (compilation, first) = self.find(request);
        let client = Arc::<Mutex<Client>>::default();
        let watched = Arc::clone(&client);
        let mut end = stream.try_clone()?;
        std::thread::spawn(move || {
            // Only the end follows. It comes early if the build system has ended the call.
            let _ = end.read(&mut [0]);
            lock(&watched).leave();
        });
        let metadata = if first {
            let metadata = self.compile(&compilation, request, &client).unwrap_or(Metadata::None);
            compilation.has(metadata.clone());
            metadata
        } else {
            compilation.await_metadata()
        };
        Ok(match metadata {
            Metadata::Written(ref hollow, messages) => {
                let reply = if request.code {
                    self.code(&compilation, request, &client, messages)?
                } else {
                    let output = request.cwd.join(&request.output);
                    scratch::publish_copy(&Scratch::beside(&output)?, hollow, &output)?;
                    Some(Reply { code: 0, messages })
                };
                self.forget_after_both(&compilation, request, hollow);
                reply
            }
            Metadata::Failed(reply) => Some(reply),
            Metadata::None => None,
        })
    }

    /// The compilation that a call belongs to, and whether that is the first call for it.
    fn find(&self, request: &Call) -> (Arc<Compilation>, bool) {
        let mut calls = lock(&self.calls);
        if let Some(found) = calls.get(&request.identity) {
            return (Arc::clone(found), false);
        }
        let name = self.count.fetch_add(1, Ordering::Relaxed).to_string();
        let build = request.build.clone();
        let new = Arc::new(Compilation { name, build, metadata: Mutex::default(), changed: Condvar::new(), served: AtomicUsize::new(0) });
        calls.insert(request.identity.clone(), Arc::clone(&new));
        (new, true)
    }

    /// Starts rustc, and waits until it has written the metadata.
    fn compile(&self, compilation: &Compilation, request: &Call, client: &Mutex<Client>) -> Result<Metadata> {
        let place = self.folder(request)?;
        let scratch = place.join(&compilation.name);
        let hollow = scratch.with_extension("hollow");
        let action = Action { options: Vec::new(), env: request.env.clone(), command: request.command.clone() };
        let start = Start {
            options: ["rustc", "--stable"].map(str::to_owned).to_vec(),
            place: Some(place),
            scratch: Some(scratch.clone()),
            sandboxed: false,
            incremental: None,
            mark: Some(format!("splitlink: rustc stands still ({} {})", std::process::id(), compilation.name)),
        };
        let left = Left::Folder(scratch.clone());
        let mut job = Job::start(&action, &self.program, &request.cwd, &start, left, self.processors.share()?)?;
        lock(client).runs(&job)?;
        let Progress::Suspended(process) = job.wait() else {
            let outcome = job.finish();
            return Ok(if outcome.code == 0 || lock(client).gone { Metadata::None } else { Metadata::Failed(outcome.into()) });
        };
        lock(client).ending = None;
        std::fs::rename(scratch.join(HOLLOW), &hollow)?;
        let messages = String::from_utf8_lossy(&job.take_output()).into_owned();
        let (ticks, memory) = suspended::cost(process.pid);
        let gone = lock(&self.suspended).add(compilation.name.clone(), Entry { identity: compilation.build.clone(), job, ticks, memory });
        for (_, job) in gone {
            job.end();
        }
        Ok(Metadata::Written(hollow, messages))
    }

    /// Has rustc go on, and waits for its end; none if the call has to do it by itself.
    fn code(&self, compilation: &Compilation, request: &Call, client: &Mutex<Client>, messages: String) -> Result<Option<Reply>> {
        let output = request.cwd.join(&request.output);
        let entry = lock(&self.suspended).take(&compilation.name);
        let Some(Entry { mut job, .. }) = entry else { return Ok(None) };
        lock(client).runs(&job)?;
        if !job.resume(&Resume { published: output.clone(), output, dwo_dir: None }) {
            job.end();
            return Ok(None);
        }
        let reply = Reply::from(job.finish());
        Ok((!lock(client).gone).then(|| Reply { messages: messages + &reply.messages, ..reply }))
    }

    /// Forgets a library that nobody will ask for any more.
    fn forget_after_both(&self, compilation: &Compilation, request: &Call, hollow: &Path) {
        if compilation.served.fetch_add(1, Ordering::SeqCst) == 1 {
            lock(&self.calls).remove(&request.identity);
            let _ = std::fs::remove_file(hollow);
        }
    }

    /// The folder in which rustc works.
    fn folder(&self, request: &Call) -> Result<PathBuf> {
        let mut place = lock(&self.place);
        if place.is_none() {
            *place = Some(Place::within(&place::parent_for(&request.cwd, &request.output))?);
        }
        Ok(place.as_ref().context("there is a place")?.path().to_owned())
    }
}

impl Compilation {
    fn has(&self, metadata: Metadata) {
        *lock(&self.metadata) = Some(metadata);
        self.changed.notify_all();
    }

    fn await_metadata(&self) -> Metadata {
        let metadata = self.changed.wait_while(lock(&self.metadata), |metadata| metadata.is_none());
        metadata.unwrap_or_else(PoisonError::into_inner).clone().unwrap_or(Metadata::None)
    }
}

impl Client {
    /// Lets `job` end with the client.
    fn runs(&mut self, job: &Job) -> Result<()> {
        let ending = job.ending()?;
        if self.gone {
            ending.end();
        }
        self.ending = Some(ending);
        Ok(())
    }

    fn leave(&mut self) {
        self.gone = true;
        if let Some(ending) = &self.ending {
            ending.end();
        }
    }
}

/// The bytes of a call, until it has taken too long.
struct Impatient<'a> {
    stream: &'a UnixStream,
    /// When that is.
    until: Instant,
}

impl Read for Impatient<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        self.stream.set_read_timeout(Some(left))?;
        self.stream.read(buffer)
    }
}

impl From<Outcome> for Reply {
    fn from(outcome: Outcome) -> Self {
        Self { code: u8::try_from(outcome.code).unwrap_or(1), messages: String::from_utf8_lossy(&outcome.output).into_owned() }
    }
}
