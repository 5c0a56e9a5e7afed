//! What must hold of every format's reader and writer, over real files and over damaged ones.
//! `dev/fuzz` looks for more of the latter.

use anyhow::{Result, ensure};
use splitlink_tests::invariants::ALL;
use splitlink_tests::invariants::corpus::{self, Sample};
use splitlink_tests::rustc_fixture::tools::{names_in, repository};
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

/// How often each file is damaged.
const DAMAGES: usize = 100;

#[test]
fn real_files_and_damaged_ones() -> Result<()> {
    let samples = corpus::real_files("invariants")?;
    // What `dev/fuzz` begins with.
    if let Some(dir) = std::env::var_os("SPLITLINK_FUZZ_CORPUS") {
        corpus::write(&samples, Path::new(&dir))?;
    }
    let mut broken = Vec::new();
    for (target, holds) in ALL {
        let of_target: Vec<_> = samples.iter().filter(|sample| sample.target == *target).collect();
        ensure!(!of_target.is_empty(), "there is no file for `{target}`");
        for sample in of_target {
            for (how, bytes) in damaged(sample) {
                if catch_unwind(AssertUnwindSafe(|| holds(&bytes))).is_err() {
                    broken.push(format!("{target}: {}, {how}", sample.name));
                }
            }
        }
    }
    ensure!(broken.is_empty(), "the messages are above:\n  {}", broken.join("\n  "));
    ensure!(samples.iter().all(|sample| ALL.iter().any(|(target, _)| sample.target == *target)), "a file is of no format that is checked");
    Ok(())
}

#[test]
fn each_has_a_fuzz_target() -> Result<()> {
    let package = repository().join("tests/fuzz");
    let manifest = fs::read_to_string(package.join("Cargo.toml"))?;
    let targets = ALL.iter().map(|(target, _)| format!("{target}.rs"));
    ensure!(targets.eq(names_in(&package.join("targets"))), "the targets are others: {:?}", names_in(&package.join("targets")));
    for (target, _) in ALL {
        ensure!(manifest.contains(&format!("[[bin]]\nname = \"{target}\"\npath = \"targets/{target}.rs\"\n")), "`{target}` is not built");
        let text = fs::read_to_string(package.join(format!("targets/{target}.rs")))?;
        ensure!(text.contains(&format!("invariants::{target}(bytes)")), "`{target}` runs something else:\n{text}");
    }
    Ok(())
}

/// The file as it is, cut short, and with a bit or a few bytes changed, at places that are spread
/// over it.
fn damaged(sample: &Sample) -> Vec<(String, Vec<u8>)> {
    let bytes = &sample.bytes;
    let mut all = vec![("whole".to_owned(), bytes.clone())];
    for number in 0..DAMAGES.min(bytes.len()) {
        let at = bytes.len() * number / DAMAGES.min(bytes.len());
        all.push((format!("cut to {at} bytes"), bytes[..at].to_vec()));
        let mut flipped = bytes.clone();
        flipped[at] ^= 1 << (number % 8);
        all.push((format!("with bit {} of byte {at} flipped", number % 8), flipped));
        let mut large = bytes.clone();
        large[at..].iter_mut().take(4).for_each(|byte| *byte = 0xff);
        all.push((format!("with 0xff at byte {at}"), large));
    }
    all
}
