//! The rustc processes that have published their metadata and are suspended until somebody wants
//! their code.

use super::job::Job;
use super::protocol::Input;
use rustix::process::Pid;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::fs;
use std::time::Duration;

/// How much may stand still, and for how long.
#[derive(Debug, Clone, PartialEq, Eq, Hash, clap::Args, Serialize, Deserialize)]
pub struct Limits {
    /// How many rustc processes may stand still at once; with 0 every action runs rustc from the
    /// start
    #[arg(long, value_name = "N", default_value_t = 64)]
    max_suspended: usize,
    /// How much memory the processes that stand still may hold, in megabytes. [default: a quarter
    /// of the machine's]
    #[arg(long, value_name = "MB")]
    max_suspended_memory: Option<u64>,
    /// After how many seconds without a request the processes that stand still are ended
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    max_idle: u64,
}

impl Limits {
    /// After how long without a request all that stands still is ended.
    pub fn max_idle(&self) -> Duration {
        Duration::from_secs(self.max_idle)
    }
}

/// What must be the same for code to belong to metadata.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The options that both actions have.
    pub options: Vec<String>,
    /// The environment of the command.
    pub env: Vec<(String, String)>,
    /// The command.
    pub command: Vec<String>,
    /// All that it may read, but for what is one action's own; in order.
    pub inputs: Vec<Input>,
}

impl Identity {
    /// Why code that is asked for with `other` does not belong to metadata of this identity; none
    /// if it does.
    pub fn difference(&self, other: &Self) -> Option<String> {
        if self.command != other.command || self.options != other.options || self.env != other.env {
            return Some("its command is another".to_owned());
        }
        if let Some(input) = self.inputs.iter().chain(&other.inputs).find(|input| input.digest.is_empty()) {
            return Some(format!("nothing tells whether `{}` is the same", input.path));
        }
        let changed = self.inputs.iter().find(|input| other.inputs.binary_search(input).is_err());
        let added = || other.inputs.iter().find(|input| self.inputs.binary_search(input).is_err());
        changed.or_else(added).map(|input| format!("`{}` is another", input.path))
    }
}

/// A suspended process.
#[derive(Debug)]
pub struct Entry<I> {
    /// What it compiles, as far as that has to be compared.
    pub identity: I,
    /// The process.
    pub job: Job,
    /// The processor time that it has used, in the system's ticks: what is lost if it is ended.
    pub ticks: u64,
    /// The memory that it shares with no other process, in bytes.
    pub memory: u64,
}

/// All suspended processes of a worker, by the path of their metadata.
#[derive(Debug)]
pub struct Suspended<I> {
    entries: HashMap<String, Entry<I>>,
    max_count: usize,
    max_memory: u64,
}

impl<I> Suspended<I> {
    /// An empty table, which never holds more than `limits` say.
    pub fn new(limits: &Limits) -> Self {
        let max_memory = limits.max_suspended_memory.map_or_else(default_memory, |megabytes| megabytes << 20);
        Self { entries: HashMap::new(), max_count: limits.max_suspended, max_memory }
    }

    /// Whether any may be.
    pub fn allowed(&self) -> bool {
        self.max_count > 0 && self.max_memory > 0
    }

    /// Adds one. Those that must go for it are returned: of the same crate, or, at a limit, those
    /// that have computed least.
    #[must_use]
    pub fn add(&mut self, metadata: String, entry: Entry<I>) -> Vec<(String, Job)> {
        let mut gone = Vec::new();
        gone.extend(self.entries.remove(&metadata).map(|old| (metadata.clone(), old.job)));
        self.entries.insert(metadata, entry);
        while self.entries.len() > self.max_count || self.memory() > self.max_memory {
            let Some(least) = self.entries.iter().min_by_key(|(_, entry)| entry.ticks).map(|(name, _)| name.clone()) else { break };
            gone.extend(self.entries.remove(&least).map(|entry| (least, entry.job)));
        }
        gone
    }

    /// Takes out the one that wrote `metadata`.
    pub fn take(&mut self, metadata: &str) -> Option<Entry<I>> {
        self.entries.remove(metadata)
    }

    /// Takes out those of which `wanted` is true.
    #[must_use]
    pub fn take_of(&mut self, wanted: impl Fn(&I) -> bool) -> Vec<Job> {
        self.entries.extract_if(|_, entry| wanted(&entry.identity)).map(|(_, entry)| entry.job).collect()
    }

    fn memory(&self) -> u64 {
        self.entries.values().map(|entry| entry.memory).sum()
    }
}

/// The processor time of a process (in ticks) and the memory that it shares with no other (in
/// bytes); zeros if it is gone.
pub fn cost(pid: i32) -> (u64, u64) {
    if Pid::from_raw(pid).is_none() {
        return (0, 0);
    }
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // Behind the name, which may hold anything: the 14th and 15th field of all.
    let fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_ascii_whitespace().skip(11);
    let ticks = fields.take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    (ticks, kilobytes(&status, "RssAnon:").unwrap_or(0) * 1024)
}

/// A quarter of this machine's memory, in bytes; a gigabyte where it does not say.
fn default_memory() -> u64 {
    let info = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    kilobytes(&info, "MemTotal:").map_or(1 << 30, |total| total * 1024 / 4)
}

fn kilobytes(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(inputs: &[(&str, &str)]) -> Identity {
        let mut inputs: Vec<_> =
            inputs.iter().map(|(path, digest)| Input { path: (*path).to_owned(), digest: digest.as_bytes().to_vec() }).collect();
        inputs.sort();
        Identity { options: Vec::new(), env: Vec::new(), command: vec!["rustc".to_owned()], inputs }
    }

    #[test]
    fn code_belongs_to_metadata_of_the_same_inputs() {
        let of = identity(&[("a", "1"), ("b", "2")]);
        assert_eq!(of.difference(&identity(&[("b", "2"), ("a", "1")])), None);
        for (other, named) in [
            (identity(&[("a", "1"), ("b", "3")]), "`b`"),
            (identity(&[("a", "1")]), "`b`"),
            (identity(&[("a", "1"), ("b", "2"), ("c", "")]), "`c`"),
            (identity(&[("a", "1"), ("b", "2"), ("c", "3")]), "`c`"),
        ] {
            assert!(of.difference(&other).is_some_and(|why| why.contains(named)), "{other:?}");
        }
        let other = Identity { env: vec![("A".to_owned(), "1".to_owned())], ..of.clone() };
        assert!(of.difference(&other).is_some_and(|why| why.contains("command")));
    }

    #[test]
    fn what_a_process_costs() {
        let own = i32::try_from(std::process::id()).unwrap();
        assert!(cost(own).1 > 0 && default_memory() > 1 << 28);
        assert_eq!(cost(i32::MAX), (0, 0));
    }
}
