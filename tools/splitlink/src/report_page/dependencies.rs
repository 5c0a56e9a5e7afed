//! Why a crate is linked: which crates ask for it, and the shortest way to it.

use crate::files::crates;
use crate::formats::Linkage;
use crate::formats::edges::Edge;
use crate::formats::report::CrateFormat;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

/// The linked crate itself, where the number of a crate is expected.
const ROOT: i64 = -1;

/// Why the crates of an artifact are there. A crate is a number: its place in the link report, or -1
/// for the linked crate.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Why {
    /// For each crate the one before it on the shortest way from the linked crate, absent where no
    /// way is known.
    via: Vec<Option<i64>>,
    /// For each crate those that name it among their own dependencies, sorted.
    asked_by: Vec<Vec<i64>>,
    /// Crates of one name that are linked beside each other, by that name.
    twice: BTreeMap<String, Vec<usize>>,
    /// What is given and not linked, with those that could do without it.
    unused: Vec<Unused>,
    /// Crates of the edges that are not in the report, by identity.
    unknown: BTreeSet<String>,
}

/// A dependency that nothing uses.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Unused {
    /// The crate.
    #[serde(rename = "crate")]
    number: usize,
    /// Who names it among their dependencies.
    by: i64,
    /// The command that removes it there; absent where that is of another repository, or where a
    /// label is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    command: Option<String>,
}

impl Why {
    pub(super) fn of(found: &[CrateFormat], edges: &[Edge], label: Option<&str>) -> Self {
        let numbers: HashMap<&str, usize> = found.iter().enumerate().map(|(number, found)| (found.id.as_str(), number)).collect();
        let mut asked_by = vec![BTreeSet::new(); found.len()];
        let mut asks: BTreeMap<i64, BTreeSet<usize>> = BTreeMap::new();
        let mut unknown = BTreeSet::new();
        for Edge { from, to } in edges {
            let number = |id: &str| numbers.get(id).copied();
            let from_number = from.as_ref().map_or(Some(ROOT), |id| number(id).map(signed));
            match (from_number, number(to)) {
                // The dylib of a library has that library inside.
                (Some(from), Some(to)) if from != signed(to) => {
                    asked_by[to].insert(from);
                    asks.entry(from).or_default().insert(to);
                }
                (Some(_), Some(_)) => {}
                (from_number, to_number) => {
                    unknown.extend(from.iter().filter(|_| from_number.is_none()).cloned());
                    unknown.extend(to_number.is_none().then(|| to.clone()));
                }
            }
        }
        let via = shortest(found, &asks);
        let mut twice: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (number, linked) in found.iter().enumerate().filter(|(_, found)| found.linkage != Linkage::NotLinked) {
            twice.entry(crates::name(&linked.id).to_owned()).or_default().push(number);
        }
        twice.retain(|_, numbers| numbers.len() > 1);
        let unused = unused(found, &asked_by, label);
        let asked_by = asked_by.into_iter().map(|by| by.into_iter().collect()).collect();
        Self { via, asked_by, twice, unused, unknown }
    }
}

fn signed(number: usize) -> i64 {
    i64::try_from(number).expect("a report has fewer crates")
}

/// The one before each crate on a shortest way; among several, of the name that comes first.
fn shortest(found: &[CrateFormat], asks: &BTreeMap<i64, BTreeSet<usize>>) -> Vec<Option<i64>> {
    let mut via = vec![None; found.len()];
    let mut open = VecDeque::from([ROOT]);
    while let Some(from) = open.pop_front() {
        let mut next: Vec<usize> = asks.get(&from).into_iter().flatten().copied().collect();
        next.sort_by_key(|number| &found[*number].id);
        for to in next {
            if via[to].is_none() {
                via[to] = Some(from);
                open.push_back(signed(to));
            }
        }
    }
    via
}

/// What is not linked, though one asks for it that is. What only another unused crate asks for goes
/// with that.
fn unused(found: &[CrateFormat], asked_by: &[BTreeSet<i64>], label: Option<&str>) -> Vec<Unused> {
    let is_linked = |number: i64| usize::try_from(number).map_or(true, |number| found[number].linkage != Linkage::NotLinked);
    let label_of = |number: i64| usize::try_from(number).map_or(label, |number| found[number].label.as_deref());
    let mut unused = Vec::new();
    for (number, given) in found.iter().enumerate() {
        if given.linkage != Linkage::NotLinked || given.sysroot {
            continue;
        }
        for &by in asked_by[number].iter().filter(|by| is_linked(**by)) {
            let command = given.label.as_deref().zip(label_of(by)).and_then(|(dependency, target)| removal(dependency, target, label));
            unused.push(Unused { number, by, command });
        }
    }
    unused
}

/// The command that removes `dependency` from the deps of `target`, if that is in the repository of
/// the linked target, `label`.
fn removal(dependency: &str, target: &str, label: Option<&str>) -> Option<String> {
    let repository = label?.split_once("//")?.0;
    let target = target.strip_prefix(repository).filter(|rest| rest.starts_with("//"))?;
    // Targets of the own repository are named without it.
    let dependency = dependency.strip_prefix(repository).filter(|rest| rest.starts_with("//")).unwrap_or(dependency);
    Some(format!("buildozer {} {}", quoted(&format!("remove deps {dependency}")), quoted_if_needed(target)))
}

/// `text` for a shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// `text` for a shell, as it is where the shell takes it so.
fn quoted_if_needed(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/:._-+@=,".contains(c);
    if text.chars().all(is_plain) { text.to_owned() } else { quoted(text) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(id: &str, linkage: Linkage, label: &str) -> CrateFormat {
        CrateFormat {
            id: id.into(),
            label: (!label.is_empty()).then(|| label.to_owned()),
            version: None,
            purl: None,
            bytes: None,
            linkage,
            from: None,
            sysroot: id.starts_with("std-"),
            reason: "as told".into(),
        }
    }

    fn edges(texts: &[&str]) -> Vec<Edge> {
        let of = |text: &&str| {
            let (from, to) = text.split_once('=').unwrap();
            let file = |id: &str| if id.is_empty() { String::new() } else { format!("out/lib{id}.rlib") };
            Edge::parse(&format!("{}={}", file(from), file(to))).unwrap()
        };
        texts.iter().map(of).collect()
    }

    #[test]
    fn the_shortest_way() {
        use Linkage::{IncludedFromDylib, Static};
        let crates = [("c-1", Static), ("b-1", Static), ("a-1", Static), ("d-1", IncludedFromDylib), ("std-1", Static), ("e-1", Static)]
            .map(|(id, linkage)| found(id, linkage, ""));
        // To `c` both `a` and `b` lead; `d` hangs on `c`, and by a longer way on `e`, to which nothing
        // leads.
        let edges = edges(&["=b-1", "=a-1", "b-1=c-1", "a-1=c-1", "c-1=d-1", "e-1=d-1", "c-1=macros-7", "gone-1=a-1", "d-1=d-1"]);
        let why = Why::of(&crates, &edges, None);
        assert_eq!(why.via, [Some(2), Some(-1), Some(-1), Some(0), None, None]);
        assert_eq!(why.asked_by, [vec![1, 2], vec![-1], vec![-1], vec![0, 5], vec![], vec![]]);
        assert_eq!(why.unknown.iter().collect::<Vec<_>>(), ["gone-1", "macros-7"]);
        assert!(why.twice.is_empty() && why.unused.is_empty(), "{why:?}");
        let mut backwards = edges.clone();
        backwards.reverse();
        assert_eq!(Why::of(&crates, &backwards, None), why);
    }

    #[test]
    fn twice_and_unused() {
        use Linkage::{NotLinked, Static};
        let crates = [
            found("hash-1", Static, "@@crates//:hash-0.14"),
            found("hash-2", Static, "@@crates//:hash-0.15"),
            found("lib-1", Static, "//lib:lib"),
            found("other-1", Static, "@@crates//:other"),
            found("idle-1", NotLinked, "//idle:it's"),
            found("hash-3", NotLinked, "@@crates//:hash-0.16"),
            found("std-1", NotLinked, ""),
        ];
        let edges = edges(&["=lib-1", "=idle-1", "lib-1=idle-1", "other-1=idle-1", "idle-1=hash-3", "=hash-1", "lib-1=hash-2", "=other-1"]);
        let why = Why::of(&crates, &edges, Some("//app:app"));
        assert_eq!(why.twice, BTreeMap::from([("hash".to_owned(), vec![0, 1])]));
        let commands: Vec<_> = why.unused.iter().map(|unused| (unused.number, unused.by, unused.command.as_deref())).collect();
        // What only `idle` asks for goes with it; in another repository nobody removes anything.
        let remove = r"buildozer 'remove deps //idle:it'\''s' ";
        let of = |target: &str| format!("{remove}{target}");
        assert_eq!(commands, [(4, -1, Some(&*of("//app:app"))), (4, 2, Some(&*of("//lib:lib"))), (4, 3, None)]);
        assert!(Why::of(&crates, &edges, None).unused.iter().all(|unused| unused.command.is_none()));
    }

    #[test]
    fn labels_of_a_cell() {
        assert_eq!(removal("root//a:b", "root//app:app", Some("root//app:app")).unwrap(), "buildozer 'remove deps //a:b' //app:app");
        assert_eq!(
            removal("other//a:b", "root//app:x y", Some("root//app:app")).unwrap(),
            "buildozer 'remove deps other//a:b' '//app:x y'"
        );
        assert_eq!(removal("root//a:b", "other//app:app", Some("root//app:app")), None);
        assert_eq!(removal("root//a:b", "root//app:app", Some("app")), None);
    }
}
