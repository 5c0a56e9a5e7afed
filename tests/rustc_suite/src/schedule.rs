//! Which tests are run, and several at a time.

use crate::Options;
use crate::judge::{Judge, Test, UNSTEADY};
use crate::results::{Results, TestResult, Verdict};
use anyhow::Result;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use twox_hash::XxHash3_128;

/// How often the progress is shown.
const PROGRESS: Duration = Duration::from_secs(20);

/// The tests of `tests` that are asked for, in the order in which they are run.
pub(crate) fn choose(mut tests: Vec<Test>, options: &Options) -> Vec<Test> {
    if !options.only.is_empty() {
        tests.retain(|test| options.only.iter().any(|text| test.name().contains(text)));
    }
    // In an order of chance, so that what is done after a while is a sample, too.
    tests.sort_by_cached_key(|test| place(test.name(), options.seed));
    tests.truncate(options.sample.unwrap_or(usize::MAX));
    tests
}

/// Where a test stands among all others.
fn place(name: &str, seed: u64) -> u128 {
    XxHash3_128::oneshot(format!("{seed} {name}").as_bytes())
}

/// Whether another run may come to something else.
fn is_open(verdict: &Verdict) -> bool {
    matches!(verdict, Verdict::Differs(_)) || *verdict == Verdict::Skipped(UNSTEADY.into())
}

/// Judges `tests`, those apart on which the verdict is known.
pub(crate) fn run(judge: &Judge<'_>, tests: &[Test], options: &Options) -> Result<Vec<TestResult>> {
    let results = Results::open(&judge.results)?;
    let mut all: Vec<TestResult> = Vec::new();
    let mut open: Vec<&Test> = Vec::new();
    for test in tests {
        match results.known(test.name()) {
            Some(known) if !(options.retry && is_open(&known.verdict)) => all.push(known.clone()),
            _ => open.push(test),
        }
    }
    eprintln!(
        "rustc_suite: {}: {} tests, {} of them done by earlier runs; results are in {}",
        options.mode(),
        tests.len(),
        all.len(),
        judge.results.display()
    );
    let jobs = options.jobs.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from));
    let next = AtomicUsize::new(0);
    let (began, shown) = (Instant::now(), Mutex::new(Instant::now()));
    let done = Mutex::new(Vec::new());
    let work = || -> Result<()> {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some(test) = open.get(number) else { return Ok(()) };
            let (result, story) = judge.judge(test, number)?;
            let file = story.map(|story| results.keep_story(&result.test, &story)).transpose()?;
            if let (Verdict::Differs(how), Some(file)) = (&result.verdict, file) {
                eprintln!("rustc_suite: {} differs: {how}\n  {}", result.test, file.display());
            }
            results.keep(&result)?;
            let mut done = done.lock().expect("no test panics");
            done.push(result);
            let mut shown = shown.lock().expect("no test panics");
            if shown.elapsed() > PROGRESS {
                *shown = Instant::now();
                eprintln!("rustc_suite: [{} s] {} of {} done", began.elapsed().as_secs(), done.len(), open.len());
            }
        }
    };
    std::thread::scope(|scope| -> Result<()> {
        let threads: Vec<_> = (0..jobs).map(|_| scope.spawn(work)).collect();
        threads.into_iter().try_for_each(|thread| thread.join().expect("no test panics"))
    })?;
    all.extend(done.into_inner().expect("no test panics"));
    all.sort_by(|a, b| a.test.cmp(&b.test));
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_of_one_seed_grow() {
        let sample = |seed, count| {
            let mut names: Vec<_> = (0..100).map(|number| number.to_string()).collect();
            names.sort_by_cached_key(|name| place(name, seed));
            names.truncate(count);
            names
        };
        assert_eq!(sample(1, 10), sample(1, 30)[..10]);
        assert_ne!(sample(1, 10), sample(2, 10));
    }
}
