//! What the machine is and does beside the builds that are measured.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context, Result};

/// The machine before the first build.
#[derive(Debug)]
pub struct Machine {
    processors: usize,
    /// How many processes wanted to run, on average over the last minute.
    load: f64,
}

impl Machine {
    /// The machine as it is now.
    ///
    /// # Errors
    /// If the system does not say.
    pub fn now() -> Result<Self> {
        let load = fs::read_to_string("/proc/loadavg").context("the system does not say its load")?;
        let load = load.split(' ').next().and_then(|load| load.parse().ok()).context("the system says no load")?;
        Ok(Self { processors: thread::available_parallelism()?.get(), load })
    }
}

impl std::fmt::Display for Machine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let busy = self.load > self.processors as f64 / 4.0;
        let state = if busy { "BUSY with something else" } else { "idle" };
        write!(f, "{} processors, {state} before the first build (load {:.2})", self.processors, self.load)
    }
}

/// The most memory that all processes of the machine have together, files in memory file systems
/// included, beyond what they had at the start. A Bazel server that runs already is not in it.
#[derive(Debug)]
pub struct MemoryPeak {
    ended: Arc<AtomicBool>,
    peak: Arc<AtomicU64>,
    watcher: JoinHandle<()>,
}

impl MemoryPeak {
    /// Begins to watch.
    ///
    /// # Errors
    /// If the system does not say how much memory is in use.
    pub fn watch() -> Result<Self> {
        let start = in_use()?;
        let (ended, peak) = (Arc::<AtomicBool>::default(), Arc::<AtomicU64>::default());
        let (until, into) = (Arc::clone(&ended), Arc::clone(&peak));
        let watcher = thread::spawn(move || {
            while !until.load(Ordering::Relaxed) {
                if let Ok(now) = in_use() {
                    into.fetch_max(now.saturating_sub(start), Ordering::Relaxed);
                }
                thread::sleep(Duration::from_millis(50));
            }
        });
        Ok(Self { ended, peak, watcher })
    }

    /// Ends, and gives the peak in bytes.
    pub fn end(self) -> u64 {
        self.ended.store(true, Ordering::Relaxed);
        let _ = self.watcher.join();
        self.peak.load(Ordering::Relaxed)
    }
}

fn in_use() -> Result<u64> {
    in_use_of(&fs::read_to_string("/proc/meminfo").context("the system does not say how much memory is in use")?)
}

/// The bytes in use, from what the system says of its memory.
fn in_use_of(says: &str) -> Result<u64> {
    let kilobytes = |name: &str| -> Result<u64> {
        let line = says.lines().find_map(|line| line.strip_prefix(name)).with_context(|| format!("the system says no {name}"))?;
        Ok(line.trim().trim_end_matches(" kB").parse()?)
    };
    Ok((kilobytes("MemTotal:")?.saturating_sub(kilobytes("MemAvailable:")?)) << 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_in_use() {
        assert_eq!(in_use_of("MemTotal:       300 kB\nMemFree:  5 kB\nMemAvailable:   100 kB\n").unwrap(), 200 << 10);
        assert!(in_use_of("MemTotal: 300 kB\n").is_err_and(|error| error.to_string().contains("MemAvailable")));
    }

    #[test]
    fn a_machine_says_whether_it_is_busy() {
        for (load, expected) in [(0.1, "idle"), (3.0, "BUSY")] {
            assert!(Machine { processors: 2, load }.to_string().contains(expected), "{load}");
        }
    }
}
