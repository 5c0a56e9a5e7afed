//! One rustc for what two configurations compile alike.
//!
//! Bazel compiles a library that the build itself needs, too, a second time: for the machine that
//! builds, into a folder of another name. Where two actions differ in nothing but the names of such
//! folders, and these cannot be in what rustc writes, the second gets a copy of what the first
//! wrote, or waits for it.

use super::lock;
use super::protocol::Input;
use super::suspended::Identity;
use crate::files::scratch::{self, Scratch};
use crate::rustc::args::RustcArgs;
use crate::rustc::command::Given;
use anyhow::{Context, Result, ensure};
use std::collections::{HashMap, VecDeque};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

/// The folder in which Bazel has one for each configuration.
const OUTPUTS: &str = "bazel-out/";

/// How many libraries are known at most.
const MOST: usize = 512;

/// How much a step may have said for others to be told it again, in bytes.
const MOST_SAID: usize = 64 << 10;

/// Options of rustc's whose value is a place that rustc writes into nothing.
const PLACES: &[&str] = &["--out-dir=", "--sysroot=", "--extern=", "-L", "--emit="];

/// `text` without the names of configurations.
fn without_configuration(text: &str) -> String {
    let mut parts = text.split(OUTPUTS);
    let mut result = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        result += OUTPUTS;
        result.push('*');
        result += part.find('/').map_or("", |end| &part[end..]);
    }
    result
}

/// By what the actions of a library are known that compile the same; none where the name of the
/// configuration may be in what rustc writes, or nobody knows.
pub fn key(identity: &Identity) -> Option<String> {
    let Identity { options, env, command, inputs } = identity;
    let is_known = |text: &String| !text.contains(OUTPUTS);
    let (wrapper, rustc) = Given::split(command).unwrap_or((&[], command));
    let (program, args) = rustc.split_first()?;
    if !env.iter().all(|(_, value)| is_known(value)) || !wrapper.iter().skip(1).all(is_known) {
        return None;
    }

    let mut level = None;
    let mut words = Vec::new();
    let mut all = options.iter();
    while let Some(option) = all.next() {
        match option.as_str() {
            // What was kept from the last build may differ; of split debug information no copy is made.
            "--exchange" | "--incremental" | "--dwo-dir" => return None,
            "--opt-level" => level = all.next(),
            _ => words.push(option.clone()),
        }
    }
    let mut args = RustcArgs::parse(args.to_vec());
    if let Some(level) = level {
        args.set_opt_level(level);
    }
    // The linker's, and no part of a crate's hash.
    args.remove("codegen", |value| value.starts_with("strip="));
    let args = args.into_args();
    let is_place = |word: &String| PLACES.iter().any(|option| word.starts_with(option));
    if args.iter().any(|word| word.starts_with('@') || (!is_known(word) && !is_place(word))) {
        return None;
    }

    let sysroot = args.iter().find_map(|arg| arg.strip_prefix("--sysroot=")).map(|sysroot| format!("{sysroot}/"));
    let is_harmless = |Input { path, digest }: &Input| {
        let of_toolchain = sysroot.as_ref().is_some_and(|sysroot| path.starts_with(sysroot));
        let is_crate = [".rmeta", ".rlib", ".so"].iter().any(|extension| path.ends_with(extension));
        let is_program = path == program || wrapper.first() == Some(path);
        !digest.is_empty() && (is_known(path) || of_toolchain || is_crate || is_program)
    };
    if !inputs.iter().all(is_harmless) {
        return None;
    }

    let mut key = String::new();
    let mut add = |text: &str| {
        key += &format!("{} {text}\n", text.len());
    };
    words.iter().chain(wrapper).chain([program]).chain(&args).for_each(|word| add(&without_configuration(word)));
    env.iter().for_each(|(name, value)| add(&format!("{name}={value}")));
    let mut read: Vec<_> = inputs.iter().map(|input| (without_configuration(&input.path), &input.digest)).collect();
    read.sort();
    read.iter().for_each(|(path, digest)| add(&format!("{path} {digest:?}")));
    Some(key)
}

/// The two actions of a library.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Its metadata.
    Metadata,
    /// Its code.
    Code,
}

/// What an action has made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    /// Where, as the action was told.
    output: String,
    /// Where that may be.
    places: Vec<PathBuf>,
    length: u64,
    modified: SystemTime,
    /// What was said.
    pub said: Vec<u8>,
    /// The digest of the metadata that code was checked against; empty for metadata.
    published: Vec<u8>,
}

impl Made {
    /// What the action that writes `output` in one of the folders `cwds` has made.
    ///
    /// # Errors
    /// If it is not there.
    pub fn of(output: &str, cwds: &[&Path], said: Vec<u8>, published: Vec<u8>) -> Result<Self> {
        ensure!(said.len() <= MOST_SAID, "it has too much to say");
        let places: Vec<_> = cwds.iter().map(|cwd| cwd.join(output)).collect();
        let found = places.iter().find_map(|place| fs::metadata(place).ok()).context("it is not there")?;
        Ok(Self { output: output.to_owned(), places, length: found.len(), modified: found.modified()?, said, published })
    }

    /// Writes a copy to `to`.
    ///
    /// # Errors
    /// If what was made is no longer there, or the copy cannot be written.
    pub fn copy(&self, to: &Path) -> Result<()> {
        let is_own = |found: &fs::Metadata| found.len() == self.length && found.modified().is_ok_and(|time| time == self.modified);
        let is_there = |place: &&PathBuf| fs::metadata(place).is_ok_and(|found| is_own(&found));
        let from = self.places.iter().find(is_there).context("it is no longer there")?;
        let scratch = Scratch::beside(to)?;
        let copy = scratch::copy_into(&scratch, from, to)?;
        ensure!(fs::metadata(&copy)?.len() == self.length && is_there(&from), "it has changed");
        scratch::publish(&copy, to)
    }
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Nobody,
    Running,
    Done(Made),
}

#[derive(Debug, Default)]
struct Twin {
    metadata: State,
    code: State,
    /// The metadata of the rustc that may stand still.
    process: Option<String>,
}

impl Twin {
    fn state(&mut self, step: Step) -> &mut State {
        match step {
            Step::Metadata => &mut self.metadata,
            Step::Code => &mut self.code,
        }
    }
}

/// The libraries that are or were compiled, by [`key`].
#[derive(Debug, Default)]
pub struct Twins {
    known: Mutex<Known>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Known {
    twins: HashMap<String, Twin>,
    /// The keys, the oldest first.
    order: VecDeque<String>,
}

/// What an action has to do.
#[derive(Debug)]
pub enum Begin<'a> {
    /// Copy this.
    Copy(Made),
    /// Do the work, and say what came of it.
    Run(Turn<'a>),
    /// Do the work, and tell nobody.
    Alone,
}

/// The right to do the work for all.
#[derive(Debug)]
pub struct Turn<'a> {
    twins: &'a Twins,
    key: &'a str,
    step: Step,
    made: Option<Made>,
}

impl Turn<'_> {
    /// Says what was made; metadata by a rustc that may stand still now.
    pub fn done(mut self, made: Made) {
        self.made = Some(made);
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if let Some(twin) = lock(&self.twins.known).twins.get_mut(self.key) {
            if let (Step::Metadata, Some(made)) = (self.step, &self.made) {
                twin.process = Some(made.output.clone());
            }
            *twin.state(self.step) = self.made.take().map_or(State::Nobody, State::Done);
        }
        self.twins.changed.notify_all();
    }
}

impl Twins {
    /// What the action with this `key` that writes `output` has to do for `step`. `published` is
    /// the digest of the metadata that code is checked against. Waits while another is at it,
    /// unless `cancelled`.
    pub fn begin<'a>(&'a self, key: &'a str, step: Step, output: &str, published: &[u8], cancelled: impl Fn() -> bool) -> Begin<'a> {
        let mut known = lock(&self.known);
        loop {
            if cancelled() {
                return Begin::Alone;
            }
            if !known.twins.contains_key(key) {
                known.order.push_back(key.to_owned());
                if known.order.len() > MOST
                    && let Some(oldest) = known.order.pop_front()
                {
                    known.twins.remove(&oldest);
                }
            }
            let twin = known.twins.entry(key.to_owned()).or_default();
            match twin.state(step) {
                State::Running => {}
                State::Done(made) if made.output != output && made.published == published => return Begin::Copy(made.clone()),
                state => {
                    *state = State::Running;
                    if step == Step::Metadata {
                        // It is built anew.
                        (twin.code, twin.process) = (State::Nobody, None);
                    }
                    return Begin::Run(Turn { twins: self, key, step, made: None });
                }
            }
            known = self.changed.wait_timeout(known, Duration::from_millis(100)).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Under which name a rustc stands still that compiles the library with this `key`.
    pub fn process(&self, key: &str) -> Option<String> {
        lock(&self.known).twins.get(key)?.process.clone()
    }

    /// Forgets a library: what was made is no longer there, or all who want it have it.
    pub fn forget(&self, key: &str) {
        let mut known = lock(&self.known);
        known.twins.remove(key);
        known.order.retain(|other| other != key);
        self.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    fn words(line: &str) -> Vec<String> {
        line.split_ascii_whitespace().map(str::to_owned).collect()
    }

    fn key_of(options: &str, env: &str, command: &str, inputs: &str) -> Option<String> {
        let inputs =
            words(inputs).into_iter().map(|path| Input { digest: path.rsplit('/').next().map(Vec::from).unwrap_or_default(), path });
        let env =
            words(env).iter().filter_map(|word| word.split_once('=')).map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        key(&Identity { options: words(options), env, command: words(command), inputs: inputs.collect() })
    }

    #[test]
    fn what_compiles_the_same() {
        let rustc = "rustc a.rs -Copt-level=0 -L bazel-out/t/bin/rust/lib --extern b=bazel-out/t/bin/p/libb.rmeta --sysroot=bazel-out/t/bin/rust --out-dir=bazel-out/t/bin/p";
        let inputs = "a.rs bazel-out/t/bin/p/libb.rmeta bazel-out/t/bin/rust/lib/x.rlib";
        let target = key_of("--metadata bazel-out/t/bin/p/libb.rmeta", "A=1", &format!("bazel-out/e/bin/wrap -- {rustc}"), inputs);
        assert!(target.is_some());
        let host = |text: &str| text.replace("/t/", "/host-e/");
        for (options, env, command, read, same) in [
            ("--metadata bazel-out/t/bin/p/libb.rmeta", "A=1", rustc.to_owned(), inputs, true),
            (
                "--metadata bazel-out/t/bin/p/libb.rmeta --opt-level 0",
                "A=1",
                rustc.replace("level=0", "level=0 -Cstrip=debuginfo"),
                inputs,
                true,
            ),
            ("--metadata bazel-out/t/bin/p/libb.rmeta --lto", "A=1", rustc.to_owned(), inputs, false),
            ("--metadata bazel-out/t/bin/p/libb.rmeta", "A=2", rustc.to_owned(), inputs, false),
            ("--metadata bazel-out/t/bin/p/libb.rmeta --opt-level 1", "A=1", rustc.to_owned(), inputs, false),
            ("--metadata bazel-out/t/bin/p/libb.rmeta", "A=1", format!("{rustc} --cfg=x"), inputs, false),
            ("--metadata bazel-out/t/bin/p/libb.rmeta", "A=1", rustc.to_owned(), "a.rs", false),
        ] {
            let command = format!("bazel-out/e/bin/wrap -- {command}");
            assert_eq!(key_of(&host(options), env, &host(&command), &host(read)) == target, same, "{options} {env} {command} {read}");
        }
    }

    #[test]
    fn where_the_configuration_may_be_in_what_rustc_writes() {
        for (options, env, command, inputs) in [
            ("", "OUT_DIR=bazel-out/t/bin/o", "rustc a.rs", "a.rs"),
            ("", "", "rustc bazel-out/t/bin/a.rs", "bazel-out/t/bin/a.rs"),
            ("", "", "rustc a.rs", "a.rs bazel-out/t/bin/generated.rs"),
            ("", "", "rustc a.rs --remap-path-prefix=bazel-out/t/=x", "a.rs"),
            ("", "", "rustc a.rs @flags", "a.rs"),
            ("", "", "wrap --env-file bazel-out/t/bin/e -- rustc a.rs", "a.rs"),
            ("--exchange bazel-out/t/bin/x bazel-out/t/bin/y", "", "rustc a.rs", "a.rs"),
            ("--incremental", "", "rustc a.rs", "a.rs"),
            ("--dwo-dir bazel-out/t/bin/d", "", "rustc a.rs", "a.rs"),
        ] {
            assert_eq!(key_of(options, env, command, inputs), None, "{options} {env} {command} {inputs}");
        }
        let unknown = Input { path: "a.rs".to_owned(), digest: Vec::new() };
        assert_eq!(key(&Identity { options: Vec::new(), env: Vec::new(), command: words("rustc a.rs"), inputs: vec![unknown] }), None);
    }

    #[test]
    fn one_works_and_the_others_wait_and_copy() {
        let dir = std::env::temp_dir().join(format!("splitlink-twins-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        let twins = Arc::new(Twins::default());
        let never = || false;
        let Begin::Run(turn) = twins.begin("k", Step::Metadata, "one", b"", never) else { panic!("the first works") };
        assert!(matches!(twins.begin("k", Step::Metadata, "two", b"", || true), Begin::Alone), "a cancelled one does not wait");
        let other = Arc::clone(&twins);
        let to = dir.join("two");
        let waiting = std::thread::spawn(move || match other.begin("k", Step::Metadata, "two", b"", || false) {
            Begin::Copy(made) => made.copy(&to).map(|()| made.said),
            begin => panic!("{begin:?}"),
        });
        fs::write(dir.join("one"), "bytes").unwrap();
        turn.done(Made::of("one", &[&dir], b"a warning".to_vec(), Vec::new()).unwrap());
        assert_eq!(waiting.join().unwrap().unwrap(), b"a warning");
        assert_eq!(fs::read_to_string(dir.join("two")).unwrap(), "bytes");
        assert_eq!(twins.process("k").as_deref(), Some("one"));

        // Code that belongs to other metadata is another.
        let Begin::Run(turn) = twins.begin("k", Step::Code, "two.rlib", b"1", never) else { panic!("nobody has the code") };
        turn.done(Made::of("one", &[&dir], Vec::new(), b"1".to_vec()).unwrap());
        assert!(matches!(twins.begin("k", Step::Code, "one.rlib", b"1", never), Begin::Copy(_)));
        let begin = twins.begin("k", Step::Code, "one.rlib", b"2", never);
        assert!(matches!(begin, Begin::Run(_)));
        // One that fails leaves the work to the next.
        drop(begin);
        assert!(matches!(twins.begin("k", Step::Code, "one.rlib", b"1", never), Begin::Run(_)));

        // What has changed is no copy of anything, and who asks again gets it built again.
        let Begin::Copy(made) = twins.begin("k", Step::Metadata, "three", b"", never) else { panic!("it is there") };
        fs::write(dir.join("one"), "others").unwrap();
        assert!(made.copy(&dir.join("three")).is_err() && !dir.join("three").exists());
        assert!(matches!(twins.begin("k", Step::Metadata, "one", b"", never), Begin::Run(_)));
        twins.forget("k");
        for number in 0..2 * MOST {
            let _ = twins.begin(&number.to_string(), Step::Metadata, "o", b"", never);
        }
        let known = lock(&twins.known);
        assert_eq!((known.twins.len(), known.order.len()), (MOST, MOST));
        fs::remove_dir_all(dir).unwrap();
    }
}
