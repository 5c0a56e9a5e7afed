//! The builds whose calls a server answers: which of them have ended, and when the server has to.

use crate::files::open_files::OpenFile;
use crate::worker::lock;
use std::collections::HashMap;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How many calls may be open at a time; one more runs rustc by itself. A build has one for each
/// action that it runs at a time.
const MOST_CALLS: usize = 256;

/// How often to look whether a file is still open.
const CLOSED: Duration = Duration::from_millis(500);

/// How long to wait before looking for a file that was not open yet, at first; then twice as long
/// each time. Looking for it costs more than looking at it.
const SOUGHT: Duration = Duration::from_millis(50);

/// How long to go on.
const SOUGHT_FOR: Duration = Duration::from_secs(10);

/// All of a server's builds.
#[derive(Debug)]
pub(super) struct Builds {
    state: Mutex<State>,
    /// There is one more.
    new: Condvar,
    /// Its file has been looked for.
    looked: Condvar,
    max_idle: Duration,
}

#[derive(Debug)]
struct State {
    by_name: HashMap<String, Build>,
    /// How many calls are open, those that have not said anything yet included.
    open: usize,
    /// When the last call that said something ended.
    last: Instant,
    /// Whether any build has ended.
    any_ended: bool,
    /// Whether the server ends.
    over: bool,
}

/// A build.
#[derive(Debug)]
struct Build {
    /// Its open calls.
    open: usize,
    /// Whether any call got its answer.
    any_answered: bool,
    /// A file that is open until it ends; none if nothing tells its end.
    file: Option<File>,
}

#[derive(Debug, Clone)]
struct File {
    /// A part of its name.
    part: String,
    seen: Seen,
}

#[derive(Debug, Clone)]
enum Seen {
    /// It was not looked for yet.
    Unknown,
    /// It is not open yet, and is looked for again at this time.
    No {
        at: Instant,
        wait: Duration,
    },
    Open(OpenFile),
    Closed,
}

/// A call, until it is dropped.
#[derive(Debug)]
pub(super) struct OpenCall {
    builds: Arc<Builds>,
    build: Option<String>,
}

impl Builds {
    /// None yet: a server for them ends when no call has come for `max_idle`.
    pub(super) fn new(max_idle: Duration) -> Arc<Self> {
        let state = State { by_name: HashMap::new(), open: 0, last: Instant::now(), any_ended: false, over: false };
        Arc::new(Self { state: Mutex::new(state), new: Condvar::new(), looked: Condvar::new(), max_idle })
    }

    /// Lets a call in; none if there are too many, or if the server is about to end.
    pub(super) fn call(self: &Arc<Self>) -> Option<OpenCall> {
        let mut state = lock(&self.state);
        if state.over || state.open == MOST_CALLS {
            return None;
        }
        state.open += 1;
        Some(OpenCall { builds: Arc::clone(self), build: None })
    }

    /// Waits for the end of all builds, or until no call has come for too long. `end` ends what is
    /// left of a build that has ended before the others. `close` has new calls go elsewhere; from
    /// then on none is let in.
    pub(super) fn await_end(&self, end: impl Fn(&str), close: impl Fn()) {
        while !self.is_over(&close) {
            for name in self.take_ended() {
                end(&name);
            }
        }
    }

    /// Whether no call is open and none is to be expected.
    fn is_over(&self, close: impl Fn()) -> bool {
        let mut state = lock(&self.state);
        let all_ended = state.any_ended && state.by_name.is_empty();
        state.over = state.open == 0 && (all_ended || state.last.elapsed() >= self.max_idle);
        if state.over {
            // A call that is not let in shall not come again.
            close();
        }
        state.over
    }

    /// Waits until it is time to look, and takes out the builds that have ended.
    fn take_ended(&self) -> Vec<String> {
        let state = lock(&self.state);
        let now = Instant::now();
        let again = state.by_name.values().filter_map(|build| match build.file.as_ref()?.seen {
            Seen::Unknown => Some(Duration::ZERO),
            Seen::No { at, .. } => Some(at.saturating_duration_since(now)),
            Seen::Open(_) | Seen::Closed => None,
        });
        let wait = again.fold(CLOSED, Duration::min);
        let waited = self.new.wait_timeout(state, wait);
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        let files: Vec<_> = state.by_name.iter().filter_map(|(name, build)| Some((name.clone(), build.file.clone()?))).collect();
        // Looking takes its time, and calls go on.
        drop(state);
        let files: Vec<_> = files.into_iter().map(|(name, file)| (name, file.look())).collect();
        let mut state = lock(&self.state);
        let mut ended = Vec::new();
        for (name, file) in files {
            let Some(build) = state.by_name.get_mut(&name) else { continue };
            let is_over = match file.as_ref().map(|file| &file.seen) {
                Some(Seen::Closed) => true,
                // All of its calls were killed, so it was cancelled before its file was looked for.
                Some(Seen::No { .. }) => !build.any_answered,
                _ => false,
            };
            build.file = file;
            // What still runs for it is about to be ended by the build system, or is wanted.
            if is_over && build.open == 0 {
                state.by_name.remove(&name);
                state.any_ended = true;
                ended.push(name);
            }
        }
        self.looked.notify_all();
        ended
    }
}

impl File {
    /// What is known of it by now; none if it cannot be seen.
    fn look(self) -> Option<Self> {
        let seen = match self.seen {
            Seen::Closed => Seen::Closed,
            Seen::Open(ref file) if file.is_open(&self.part) => self.seen,
            // It may have been handed on.
            Seen::Open(_) => OpenFile::find(&self.part).map_or(Seen::Closed, Seen::Open),
            Seen::No { at, .. } if Instant::now() < at => self.seen,
            Seen::Unknown => self.find(SOUGHT)?,
            Seen::No { wait, .. } => self.find(wait)?,
        };
        Some(Self { seen, ..self })
    }

    /// Looks for it; if it is not open, it is looked for again after `wait`, or given up.
    fn find(&self, wait: Duration) -> Option<Seen> {
        match OpenFile::find(&self.part) {
            Some(file) => Some(Seen::Open(file)),
            None => (wait < SOUGHT_FOR).then(|| Seen::No { at: Instant::now() + wait, wait: wait * 2 }),
        }
    }
}

impl OpenCall {
    /// Says that the call is of the build `build`, which lasts until no process has a file with
    /// `while_open` in its name open. If that is none, nothing tells its end.
    pub(super) fn of(&mut self, build: &str, while_open: Option<&str>) {
        let mut state = lock(&self.builds.state);
        let new = || {
            self.builds.new.notify_all();
            Build { open: 0, any_answered: false, file: while_open.map(|part| File { part: part.to_owned(), seen: Seen::Unknown }) }
        };
        state.by_name.entry(build.to_owned()).or_insert_with(new).open += 1;
        self.build = Some(build.to_owned());
    }

    /// Says that the call got its answer, and was not killed before.
    pub(super) fn answered(&self) {
        let mut state = lock(&self.builds.state);
        if let Some(build) = self.build.as_ref().and_then(|name| state.by_name.get_mut(name)) {
            build.any_answered = true;
        }
    }

    /// Waits until the file of the call's build has been looked for once. Until a call is answered,
    /// its build goes on and has the file open, however short it is.
    pub(super) fn await_look(&self) {
        let Some(name) = &self.build else { return };
        let is_unknown = |state: &mut State| {
            let file = state.by_name.get(name).and_then(|build| build.file.as_ref());
            file.is_some_and(|file| matches!(file.seen, Seen::Unknown))
        };
        drop(self.builds.looked.wait_while(lock(&self.builds.state), is_unknown));
    }
}

impl Drop for OpenCall {
    fn drop(&mut self) {
        let mut state = lock(&self.builds.state);
        state.open -= 1;
        let Some(build) = &self.build else { return };
        state.last = Instant::now();
        if let Some(build) = state.by_name.get_mut(build) {
            build.open -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;
    use std::process::{Child, Command, Stdio};
    use std::sync::mpsc::{self, Receiver};

    const LONG: Duration = Duration::from_secs(600);

    /// A call of the build `build` that has come to its end.
    fn called(builds: &Arc<Builds>, build: &str) {
        let mut call = builds.call().unwrap();
        call.of(build, Some(&of(build)));
        call.answered();
    }

    /// A part of the name of a file that no other test has open.
    fn of(build: &str) -> String {
        format!("_{build}-{}.log", std::process::id())
    }

    /// A process that has the file of a build open, which lasts as long.
    fn holder(folder: &Path, build: &str) -> Child {
        let file = std::fs::File::create(folder.join(format!("x{}", of(build)))).unwrap();
        Command::new("cat").stdin(Stdio::piped()).stdout(file).spawn().unwrap()
    }

    fn finish(mut holder: Child) {
        drop(holder.stdin.take());
        holder.wait().unwrap();
    }

    /// The names of the builds that end before the last one, and `over` at the end.
    fn ends(builds: &Arc<Builds>) -> Receiver<String> {
        let (sender, receiver) = mpsc::channel();
        let builds = Arc::clone(builds);
        std::thread::spawn(move || builds.await_end(|name| sender.send(name.to_owned()).unwrap(), || sender.send("over".into()).unwrap()));
        receiver
    }

    fn soon(ends: &Receiver<String>) -> Option<String> {
        ends.recv_timeout(Duration::from_secs(20)).ok()
    }

    fn not_yet(ends: &Receiver<String>) -> bool {
        ends.recv_timeout(CLOSED * 3).is_err()
    }

    fn folder(name: &str) -> std::path::PathBuf {
        let folder = std::env::temp_dir().join(format!("splitlink-builds-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        folder
    }

    #[test]
    fn the_last_build_ends_the_server() {
        let folder = folder("last");
        let builds = Builds::new(LONG);
        let ends = ends(&builds);
        assert!(not_yet(&ends), "before the first call");
        let (one, two) = (holder(&folder, "one"), holder(&folder, "two"));
        called(&builds, "one");
        called(&builds, "two");
        called(&builds, "one");
        assert!(not_yet(&ends), "both go on");
        finish(one);
        assert_eq!(soon(&ends).as_deref(), Some("one"));
        assert!(not_yet(&ends), "one goes on");
        // An open call holds its build, and one that has not said anything the server.
        let mut call = builds.call().unwrap();
        call.of("two", None);
        finish(two);
        assert!(not_yet(&ends), "a call is open");
        let silent = builds.call().unwrap();
        drop(call);
        assert_eq!(soon(&ends).as_deref(), Some("two"));
        assert!(not_yet(&ends), "a call has just come");
        drop(silent);
        assert_eq!(soon(&ends).as_deref(), Some("over"));
        assert!(builds.call().is_none());
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn a_file_that_is_opened_late_or_handed_on() {
        let folder = folder("late");
        let builds = Builds::new(LONG);
        let ends = ends(&builds);
        called(&builds, "late");
        std::thread::sleep(SOUGHT * 3);
        let first = holder(&folder, "late");
        assert!(not_yet(&ends), "the first process has it open");
        let second = holder(&folder, "late");
        finish(first);
        assert!(not_yet(&ends), "the second process has it open");
        finish(second);
        assert_eq!(soon(&ends).as_deref(), Some("late"));
        assert_eq!(soon(&ends).as_deref(), Some("over"));
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn a_build_whose_end_does_not_show() {
        let folder = folder("unseen");
        let builds = Builds::new(CLOSED * 4);
        let ends = ends(&builds);
        let seen = holder(&folder, "seen");
        called(&builds, "seen");
        builds.call().unwrap().of("unseen", None);
        std::thread::sleep(CLOSED);
        finish(seen);
        assert_eq!(soon(&ends).as_deref(), Some("seen"));
        assert!(builds.call().is_some(), "the other one may go on");
        assert_eq!(soon(&ends).as_deref(), Some("over"), "no call came any more");
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn a_build_that_is_cancelled_at_once() {
        let builds = Builds::new(LONG);
        let ends = ends(&builds);
        let mut calls = [builds.call().unwrap(), builds.call().unwrap()];
        for call in &mut calls {
            call.of("cancelled", Some(&of("cancelled")));
            call.await_look();
        }
        assert!(not_yet(&ends), "its calls were not killed yet");
        drop(calls);
        assert_eq!(soon(&ends).as_deref(), Some("cancelled"));
        assert_eq!(soon(&ends).as_deref(), Some("over"));
    }

    #[test]
    fn calls_that_are_too_many() {
        let builds = Builds::new(LONG);
        let mut calls: Vec<_> = (0..MOST_CALLS).map(|_| builds.call().unwrap()).collect();
        assert!(builds.call().is_none());
        calls.pop();
        assert!(builds.call().is_some());
    }
}
