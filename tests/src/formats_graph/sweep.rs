//! Many cases, on all cores, compared and counted.

use super::case::Case;
use super::lab::Lab;
use super::outcome::{Kind, Outcome, difference};
use super::{reference, split};
use crate::rustc_fixture::elf;
use crate::rustc_fixture::tools::exit_code;
use anyhow::{Context, Result, ensure};
use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Differences that are meant: how what the loader is told begins on either side, and why they
/// differ.
const KNOWN: &[(&str, &str)] = &[(
    "exports rust_metadata_",
    "the symbol at a dylib's metadata, which nobody asks for by name, ends in the crate's extra file name and not in rustc's hash",
)];

/// What a sweep found.
#[derive(Debug, Default)]
pub struct Summary {
    /// How many cases were compared. Cases that are refused at the same inner crate in the same
    /// forms are one.
    pub compared: usize,
    /// Of these, how many both sides refuse, by reason.
    pub refused: BTreeMap<Kind, usize>,
    /// By crate type, how many both sides link.
    pub linked: BTreeMap<&'static str, usize>,
    /// How many programs were run.
    pub run: usize,
    /// Known differences that are meant, by what they are ([`KNOWN`]).
    pub known: BTreeMap<&'static str, usize>,
    /// The other differences.
    pub differences: Vec<String>,
    judged: usize,
    seen: HashSet<String>,
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let refused: usize = self.refused.values().sum();
        let linked: usize = self.linked.values().sum();
        write!(
            f,
            "{} cases compared: {linked} linked by both {:?}, {refused} refused by both {:?}",
            self.compared, self.linked, self.refused
        )?;
        if self.run > 0 {
            write!(f, ", {} programs run on both sides", self.run)?;
        }
        for (what, count) in &self.known {
            write!(f, ", {count} times known: {what}")?;
        }
        write!(f, ", {} differences", self.differences.len())
    }
}

impl Summary {
    fn add_artifact(&mut self, case: &Case, told: Told) {
        for what in told.known {
            *self.known.entry(what).or_default() += 1;
        }
        self.differences.extend(told.difference.map(|difference| format!("{case}: {difference}")));
    }

    fn add(&mut self, case: &Case, rustcs: &Outcome, ours: &Outcome) {
        if let Some(refusal) = rustcs.refusal.as_ref().filter(|refusal| refusal.at != "top") {
            let below: Vec<String> = case.forms.iter().map(ToString::to_string).collect();
            let place = (0..below.len()).find(|&place| super::source::name(place) == refusal.at).unwrap_or(below.len() - 1);
            let what = format!("{} {:?} {:?} {}", case.shape.name, &below[..=place], case.prefer.inner, refusal.at);
            if !self.seen.insert(what) {
                return;
            }
        }
        self.compared += 1;
        match (difference(rustcs, ours), &rustcs.refusal) {
            (Some(what), _) => self.differences.push(format!("{case}: {what}\n  rustc:\n{rustcs}  splitlink:\n{ours}")),
            (None, Some(refusal)) => {
                for kind in refusal.reasons.keys().take(1) {
                    *self.refused.entry(*kind).or_default() += 1;
                }
            }
            (None, None) => *self.linked.entry(case.crate_type).or_default() += 1,
        }
    }
}

/// Compares `cases`; programs are run too if the lab links.
///
/// # Errors
/// If a case cannot be judged.
pub fn sweep(lab: &Lab, cases: &[Case]) -> Result<Summary> {
    let summary = Mutex::new(Summary::default());
    let next = AtomicUsize::new(0);
    let work = || -> Result<()> {
        while let Some(case) = cases.get(next.fetch_add(1, Ordering::SeqCst)) {
            let rustcs = reference::outcome(lab, case).with_context(|| format!("rustc, {case}"))?;
            let ours = split::outcome(lab, case).with_context(|| format!("splitlink, {case}"))?;
            // An interface lists fewer instances of generic functions than the code has, so a dependent
            // makes some itself that rustc's imports from a dylib.
            let is_told_alike = lab.links && lab.with_interfaces.is_none();
            if is_told_alike && rustcs.refusal.is_none() && ours.refusal.is_none() {
                let found = compare_artifacts(lab, case)?;
                summary.lock().expect("no worker panics").add_artifact(case, found);
            }
            let runs = lab.links && case.crate_type == "bin" && rustcs.refusal.is_none() && ours.refusal.is_none();
            if runs {
                run_both(lab, case).with_context(|| format!("running the {case}"))?;
            }
            let mut summary = summary.lock().expect("no worker panics");
            summary.add(case, &rustcs, &ours);
            summary.run += usize::from(runs);
            summary.judged += 1;
            if summary.judged.is_multiple_of(1000) {
                // Past libtest, which would show it only at the end.
                let _ =
                    writeln!(std::io::stderr(), "{} of {} cases, {} differences", summary.judged, cases.len(), summary.differences.len());
            }
        }
        Ok(())
    };
    std::thread::scope(|scope| {
        let workers = std::thread::available_parallelism().map_or(1, usize::from);
        let threads: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        threads.into_iter().try_for_each(|thread| thread.join().expect("no worker panics"))
    })?;
    Ok(summary.into_inner().expect("no worker panics"))
}

/// Runs the program of each side. rustc's finds its dylibs through the environment; splitlink's by
/// its own run path.
fn run_both(lab: &Lab, case: &Case) -> Result<()> {
    let program = |side: &str| lab.dir.join(side).join(reference::top_folder(case)).join("top");
    let dirs = reference::dylib_folders(case).into_iter().map(|dir| lab.dir.join(dir)).chain([lab.libdir()]);
    let mut reference = Command::new(program("reference"));
    let rustcs = reference.env("LD_LIBRARY_PATH", std::env::join_paths(dirs)?).output()?;
    let ours = Command::new(program("split")).env_remove("LD_LIBRARY_PATH").output()?;
    ensure!(rustcs.status.success(), "rustc's ends with {}: {}", exit_code(&rustcs), String::from_utf8_lossy(&rustcs.stderr));
    ensure!(ours.status.success(), "splitlink's ends with {}: {}", exit_code(&ours), String::from_utf8_lossy(&ours.stderr));
    let [rustcs, ours] = [rustcs, ours].map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    ensure!(rustcs.contains("unit_a"), "rustc's prints nothing of the crates below: {rustcs}");
    ensure!(rustcs == ours, "they print different things\nrustc's: {rustcs}\nsplitlink's: {ours}");
    Ok(())
}

/// Compares every dylib of a case, and its linked crate.
fn compare_artifacts(lab: &Lab, case: &Case) -> Result<Told> {
    let file = match case.crate_type {
        "staticlib" => None,
        "bin" => Some("top"),
        _ => Some("libtop.so"),
    };
    let mut told = Told::default();
    if let Some(file) = file {
        let [rustcs, ours] = ["reference", "split"].map(|side| lab.dir.join(side).join(reference::top_folder(case)).join(file));
        told = compare_told(&rustcs, &ours)?;
    }
    for (rustcs, ours) in reference::dylibs(case).iter().zip(split::dylibs(case)) {
        let inner = compare_told(&lab.dir.join(rustcs), &lab.dir.join(ours))?;
        told.known.extend(inner.known);
        told.difference = told.difference.or(inner.difference);
    }
    Ok(told)
}

/// What the loader is told of two artifacts.
#[derive(Debug, Default)]
pub struct Told {
    /// The meant differences, by what they are.
    pub known: Vec<&'static str>,
    /// Any other.
    pub difference: Option<String>,
}

/// Compares needed libraries, exports and imports of two artifacts.
///
/// # Errors
/// If one is no ELF file.
pub fn compare_told(rustcs: &Path, ours: &Path) -> Result<Told> {
    let facts = |path: &Path| -> Result<Vec<String>> {
        let is_told = |fact: &String| ["needed ", "exports ", "imports ", "soname "].iter().any(|kind| fact.starts_with(kind));
        Ok(elf::describe(path)?.into_iter().filter(is_told).collect())
    };
    let facts = [facts(rustcs)?, facts(ours)?];
    ensure!(!facts[0].is_empty(), "rustc's tells the loader nothing");
    let only = |one: usize| -> Vec<String> { facts[one].iter().filter(|fact| !facts[1 - one].contains(fact)).cloned().collect() };
    let [mut only_rustcs, mut only_ours] = [only(0), only(1)];
    let mut known = Vec::new();
    for (begin, why) in KNOWN {
        let of = |facts: &[String]| facts.iter().position(|fact| fact.starts_with(begin));
        if let (Some(theirs), Some(ours)) = (of(&only_rustcs), of(&only_ours)) {
            only_rustcs.remove(theirs);
            only_ours.remove(ours);
            known.push(*why);
        }
    }
    let name = ours.file_name().unwrap_or_default().display();
    let is_same = only_rustcs.is_empty() && only_ours.is_empty();
    let difference = (!is_same).then(|| {
        format!("the loader is told other things of {name}\n  only of rustc's: {only_rustcs:#?}\n  only of splitlink's: {only_ours:#?}")
    });
    Ok(Told { known, difference })
}
