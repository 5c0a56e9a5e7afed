//! One attempt at a test, and how two of them are compared.

use crate::running::Outcome;
use serde::{Deserialize, Serialize};

/// What came of an attempt, by rustc or by the driver in its place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Attempt {
    /// Something was not compiled or linked.
    NotBuilt(Outcome),
    /// All is built; of a program that is run, how it went.
    Built(Option<Outcome>),
}

impl Attempt {
    /// The whole of it, to be shown.
    pub(crate) fn shown(&self) -> String {
        match self {
            Self::NotBuilt(outcome) => format!("not built: {}", outcome.shown()),
            Self::Built(Some(outcome)) => format!("built, and the program ended with {}", outcome.shown()),
            Self::Built(None) => "built\n".to_owned(),
        }
    }

    /// How it differs from what rustc came to, if it does, in a line.
    pub(crate) fn difference(&self, rustc: &Self) -> Option<String> {
        match (rustc, self) {
            (Self::Built(_), Self::NotBuilt(outcome)) => Some(format!("not built: {}", first_error(outcome))),
            (Self::Built(Some(expected)), Self::Built(Some(found))) => {
                let outputs = [("stdout", &expected.stdout, &found.stdout), ("stderr", &expected.stderr, &found.stderr)];
                if expected.status != found.status {
                    return Some(format!("the program ended with {}, with rustc's link {}", found.status, expected.status));
                }
                outputs.iter().find_map(|(name, expected, found)| {
                    let (expected, found) = (lasting(expected), lasting(found));
                    (expected != found).then(|| format!("another {name}: {}", first_difference(&expected, &found)))
                })
            }
            _ => None,
        }
    }
}

/// What an attempt is beside several of rustc's, of which none is the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Beside {
    /// rustc's own differ in the order of their lines, and this one in no more.
    AnotherOrder,
    /// rustc's own differ in more than that: they say nothing.
    Unsteady,
    /// It differs.
    Differs,
}

impl Attempt {
    /// What this attempt is beside `rustc`, several attempts of which none is the same as this one.
    pub(crate) fn beside(&self, rustc: &[Self]) -> Beside {
        let Some((first, others)) = rustc.split_first() else { return Beside::Differs };
        if others.iter().all(|other| other.difference(first).is_none()) {
            return Beside::Differs;
        }
        let first = first.without_order();
        if others.iter().any(|other| other.without_order().difference(&first).is_some()) {
            return Beside::Unsteady;
        }
        if self.without_order().difference(&first).is_none() { Beside::AnotherOrder } else { Beside::Differs }
    }

    /// The same with the lines of each output sorted: threads print in any order.
    fn without_order(&self) -> Self {
        let sorted = |text: &str| {
            let text = lasting(text);
            let mut lines: Vec<_> = text.lines().collect();
            lines.sort_unstable();
            lines.join("\n")
        };
        match self {
            Self::Built(Some(Outcome { status, stdout, stderr })) => {
                Self::Built(Some(Outcome { status: status.clone(), stdout: sorted(stdout), stderr: sorted(stderr) }))
            }
            other => other.clone(),
        }
    }
}

/// The line that says most of why something was not built.
pub(crate) fn first_error(outcome: &Outcome) -> String {
    let lines = || outcome.stderr.lines().map(str::trim).filter(|line| !line.is_empty());
    let says = |words: &[&str]| lines().find(|line| words.iter().any(|word| line.contains(word))).map(str::to_owned);
    let line = says(&["error", "panicked", "undefined"]).or_else(|| lines().next_back().map(str::to_owned)).unwrap_or_default();
    format!("{}: {}", outcome.status, line.chars().take(300).collect::<String>())
}

fn first_difference(expected: &str, found: &str) -> String {
    let mut lines = expected.lines().zip(found.lines()).filter(|(expected, found)| expected != found);
    match lines.next() {
        Some((expected, found)) => format!("`{found}` in place of `{expected}`").chars().take(300).collect(),
        None => format!("{} lines in place of {}", found.lines().count(), expected.lines().count()),
    }
}

/// `text` without what is another each time: the number of a thread, which a panic's message names,
/// and how long tests took.
fn lasting(text: &str) -> String {
    let lasting = |line: &str| {
        let line = match line.split_once("finished in ") {
            Some((before, after)) if after.ends_with('s') => format!("{before}finished"),
            _ => line.to_owned(),
        };
        match line.split_once("' (") {
            Some((before, after)) if before.contains("thread '") => {
                let rest = after.trim_start_matches(|c: char| c.is_ascii_digit());
                if rest.starts_with(')') && rest.len() < after.len() { format!("{before}' ({rest}") } else { line }
            }
            _ => line,
        }
    };
    text.lines().map(lasting).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ran(status: &str, stderr: &str) -> Attempt {
        Attempt::Built(Some(Outcome { status: status.into(), stdout: String::new(), stderr: stderr.into() }))
    }

    #[test]
    fn what_is_a_difference() {
        let panic = |number: u32| ran("exit status: 101", &format!("thread 'main' ({number}) panicked at a.rs:1:1:\nno"));
        assert_eq!(panic(1).difference(&panic(23)), None);
        assert_eq!(ran("exit status: 0", "ok; finished in 0.01s").difference(&ran("exit status: 0", "ok; finished in 10.2s")), None);
        assert_eq!(
            ran("exit status: 0", "a (1)").difference(&ran("exit status: 0", "a (2)")).as_deref(),
            Some("another stderr: `a (1)` in place of `a (2)`")
        );
        assert!(panic(1).difference(&ran("exit status: 0", "")).is_some_and(|how| how.contains("ended with exit status: 101")));
        let failed = Attempt::NotBuilt(Outcome { status: "exit status: 1".into(), stdout: String::new(), stderr: "x\nerror: y\n".into() });
        assert_eq!(failed.difference(&Attempt::Built(None)).as_deref(), Some("not built: exit status: 1: error: y"));
        assert_eq!(Attempt::Built(None).difference(&Attempt::Built(None)), None);
    }

    #[test]
    fn programs_that_print_in_any_order() {
        let printed = |text: &str| ran("exit status: 0", text);
        let [ab, ba, ac] = ["a\nb\n", "b\na\n", "a\nc\n"].map(printed);
        let abb = printed("a\nb\nb\n");
        for (found, rustc, expected) in [
            (&ba, &[&ab, &ab][..], Beside::Differs),
            (&printed("1\n3\n2\n"), &[&printed("1\n2\n3\n"), &printed("3\n2\n1\n")], Beside::AnotherOrder),
            (&ac, &[&ab, &ba], Beside::Differs),
            (&abb, &[&ab, &ba], Beside::Differs),
            (&ran("exit status: 1", "b\na\n"), &[&ab, &ba], Beside::Differs),
            (&ba, &[&ab, &ac], Beside::Unsteady),
            (&ba, &[], Beside::Differs),
        ] {
            let rustc: Vec<_> = rustc.iter().copied().cloned().collect();
            assert_eq!(found.beside(&rustc), expected, "{found:?} beside {rustc:?}");
        }
    }
}
