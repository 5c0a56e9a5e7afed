//! Measuring: programs are run in turn, so that whatever else the machine does meets each alike,
//! and medians compared.

use anyhow::{Result, bail};
use std::process::Command;
use std::time::{Duration, Instant};

/// How long `command` takes.
///
/// # Errors
/// If it cannot be started or fails.
pub fn time(command: &mut Command) -> Result<Duration> {
    let start = Instant::now();
    let output = command.output()?;
    let taken = start.elapsed();
    if !output.status.success() {
        bail!("`{}` failed:\n{}", command.get_program().display(), String::from_utf8_lossy(&output.stderr));
    }
    Ok(taken)
}

/// Runs each of `contestants` once untimed and then `rounds` times in turn; returns their medians
/// in order.
///
/// # Errors
/// The first failure of a contestant.
pub fn medians_in_turn(rounds: usize, contestants: &mut [&mut dyn FnMut() -> Result<Duration>]) -> Result<Vec<Duration>> {
    let mut taken = vec![Vec::with_capacity(rounds); contestants.len()];
    for round in 0..=rounds {
        for (contestant, taken) in contestants.iter_mut().zip(&mut taken) {
            let duration = contestant()?;
            if round > 0 {
                taken.push(duration);
            }
        }
    }
    Ok(taken.into_iter().map(median).collect())
}

/// The median of what was measured: of an even number, the upper of the two in the middle.
pub fn median<T: Ord + Copy>(mut measured: Vec<T>) -> T {
    measured.sort();
    measured[measured.len() / 2]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_leave_out_the_first_round() {
        let mut durations = [9, 1, 3, 2].map(Duration::from_secs).into_iter();
        let medians = medians_in_turn(3, &mut [&mut || Ok(durations.next().unwrap())]).unwrap();
        assert_eq!(medians, [Duration::from_secs(2)]);
    }
}
