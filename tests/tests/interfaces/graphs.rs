//! Random crates: graphs whose crates have random sources are compiled by splitlink against
//! interfaces, and by rustc alone; linked in several forms, both programs print the same.

use crate::{is_whole, say};
use anyhow::{Context, Result, ensure};
use splitlink_tests::formats_graph::case::{Case, Form, PREFERENCES, SHAPES};
use splitlink_tests::formats_graph::lab::Lab;
use splitlink_tests::formats_graph::random::Random;
use splitlink_tests::formats_graph::sweep::sweep;
use splitlink_tests::rustc_fixture::tools::Toolchain;
use std::fs;

/// How many crates are compiled, those that are linked apart: in all, and in the sample.
const WHOLE: usize = 1000;
const SAMPLE: usize = 40;

/// A program of each graph. Most have rlibs alone below them, some dylibs that share the standard
/// library.
fn cases(seed: u64) -> Vec<Case> {
    let mut random = Random::new(seed);
    let case = |shape| {
        let is_mixed = random.below(4) == 0;
        let forms: Vec<Form> = SHAPES.iter().map(|_| if is_mixed { Form::Both } else { Form::Rlib }).collect();
        let prefer = PREFERENCES[usize::from(is_mixed)];
        Case { shape, forms, crate_type: "bin", prefer }
    };
    let mut cases: Vec<Case> = SHAPES.iter().map(case).collect();
    cases.iter_mut().for_each(|case| case.forms.truncate(case.shape.inner.len()));
    cases
}

#[test]
fn random_crates() -> Result<()> {
    let wanted = if is_whole() { WHOLE } else { SAMPLE };
    let (mut crates, mut run, mut programs) = (0, 0, 0);
    let mut differences = Vec::new();
    for seed in 0.. {
        if crates >= wanted {
            break;
        }
        let lab = Lab::new(Toolchain::stable(), &format!("graphs-{seed}"), true)?.with_interfaces(seed);
        let cases = cases(seed);
        let summary = sweep(&lab, &cases).with_context(|| format!("seed {seed}"))?;
        crates += cases.iter().map(|case| case.forms.len()).sum::<usize>();
        programs += cases.len();
        run += summary.run;
        differences.extend(summary.differences.into_iter().map(|difference| format!("seed {seed}, {difference}")));
        fs::remove_dir_all(&lab.dir)?;
    }
    say(&format!(
        "random crates: {crates} compiled with interfaces and by rustc alone, {programs} programs linked, {run} run on both sides, {} differences",
        differences.len()
    ));
    ensure!(differences.is_empty(), "{}", differences.iter().take(10).cloned().collect::<Vec<_>>().join("\n"));
    ensure!(run == programs, "of {programs} programs {run} could be run");
    Ok(())
}
