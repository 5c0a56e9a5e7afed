//! The table at the end of a run.

use crate::Options;
use crate::by_design;
use crate::judge::Judge;
use crate::results::{TestResult, Verdict};
use std::collections::BTreeMap;

/// Prints what came of a run; whether nothing differs that is not to differ.
pub(crate) fn print(options: &Options, judge: &Judge<'_>, not_applying: &[(String, String)], results: &[TestResult]) -> bool {
    let mut skipped: BTreeMap<&str, usize> = BTreeMap::new();
    let (mut same, mut bootstrap, mut designed, mut ours) = (0, 0, Vec::new(), Vec::new());
    for result in results {
        match &result.verdict {
            Verdict::Same => {
                same += 1;
                bootstrap += usize::from(result.bootstrap);
            }
            Verdict::Differs(how) => match by_design::reason(&result.test, how) {
                Some(reason) => designed.push((&result.test, reason)),
                None => ours.push((&result.test, how)),
            },
            Verdict::Skipped(why) => *skipped.entry(why).or_default() += 1,
        }
    }
    let tried = same + designed.len() + ours.len();
    println!("{}, results in {}", options.mode(), judge.results.display());
    println!("  {tried:>5} tried");
    println!("  {same:>5} same ({bootstrap} of them with RUSTC_BOOTSTRAP=1, for unstable features)");
    println!("  {:>5} differ by design", designed.len());
    println!("  {:>5} differ", ours.len());
    println!("  {:>5} skipped when tried", skipped.values().sum::<usize>());
    for (why, count) in &skipped {
        println!("  {count:>12} {why}");
    }
    if options.sample.is_none() && options.only.is_empty() {
        let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
        for (_, why) in not_applying {
            *reasons.entry(why).or_default() += 1;
        }
        println!("  {:>5} skipped by what their headers say", not_applying.len());
        for (why, count) in &reasons {
            println!("  {count:>12} {why}");
        }
    }
    for (test, reason) in &designed {
        println!("by design: {test}: {reason}");
    }
    for (test, how) in &ours {
        println!("differs: {test}: {how}");
    }
    ours.is_empty()
}
