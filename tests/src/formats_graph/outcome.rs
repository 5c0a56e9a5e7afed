//! What a link took of each crate, or why it was refused, in words that rustc and splitlink share.

use anyhow::{Context, Result, ensure};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// In which form a link took a crate. What it took from inside another's dylib, and what it did not
/// take, is not on its line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Taken {
    /// As an rlib.
    Rlib,
    /// As a dylib.
    Dylib,
}

/// The crates of a link in the linker's order, by identity.
pub type Line = Vec<(String, Taken)>;

/// The crates on a linker's command line.
pub fn line_of(args: &[String]) -> Line {
    let crate_file = |arg: &String| {
        let name = arg.rsplit('/').next()?.strip_prefix("lib")?;
        let (id, taken) = match (name.strip_suffix(".rlib"), name.strip_suffix(".so")) {
            (Some(id), _) => (id, Taken::Rlib),
            (_, Some(id)) => (id, Taken::Dylib),
            _ => return None,
        };
        (!arg.starts_with('-')).then(|| (id.to_owned(), taken))
    };
    let mut args = args.iter();
    let mut line = Line::new();
    while let Some(arg) = args.next() {
        if arg == "-o" {
            args.next();
        } else {
            line.extend(crate_file(arg));
        }
    }
    line
}

/// Why a link was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A crate would be there twice.
    Twice,
    /// A crate is needed as an rlib, and there is only a dylib.
    NoRlib,
    /// A crate's dylib is needed, and there is none.
    NoDylib,
    /// The panic runtime is of another strategy than the crate.
    PanicStrategy,
    /// There would be two panic runtimes.
    TwoPanicRuntimes,
    /// Two crates define the global allocator.
    TwoAllocators,
    /// A crate with a global allocator would share a dylib that allocates in another way.
    SecondAllocator,
    /// No crate defines the global allocator.
    NoAllocator,
    /// No crate defines the panic handler, or what unwinding needs.
    NoPanicHandler,
}

/// A refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The crate that could not be linked.
    pub at: String,
    /// Why, and the crates that the messages name, without what tells builds apart.
    pub reasons: BTreeMap<Kind, BTreeSet<String>>,
}

/// What came of a case: each crate that was linked with its line, and the refusal that ended it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outcome {
    /// By crate name: the inner dylibs and the linked crate.
    pub lines: BTreeMap<String, Line>,
    /// What went wrong, if something did.
    pub refusal: Option<Refusal>,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, line) in &self.lines {
            let crates: Vec<String> = line.iter().map(|(id, taken)| format!("{id} {taken:?}")).collect();
            writeln!(f, "    {name}: {}", crates.join(", "))?;
        }
        match &self.refusal {
            Some(refusal) => writeln!(f, "    {} is refused: {:?}", refusal.at, refusal.reasons),
            None => Ok(()),
        }
    }
}

/// How rustc and splitlink say each kind: what precedes the crate's name in the message.
struct Message {
    kind: Kind,
    before: &'static str,
    after: &'static str,
}

const fn message(kind: Kind, before: &'static str, after: &'static str) -> Message {
    Message { kind, before, after }
}

const OF_RUSTC: &[Message] = &[
    message(Kind::Twice, "cannot satisfy dependencies so `", "` only shows up once"),
    message(Kind::NoRlib, "crate `", "` required to be available in rlib format"),
    message(Kind::NoDylib, "crate `", "` required to be available in dylib format"),
    message(Kind::PanicStrategy, "the linked panic runtime `", "` is not compiled with this crate's panic strategy"),
    message(Kind::PanicStrategy, "the crate `", "` requires panic strategy"),
    message(Kind::TwoPanicRuntimes, "cannot link together two panic runtimes: ", " and"),
    message(Kind::TwoAllocators, "the `#[global_allocator]` in ", " conflicts with"),
    message(Kind::NoAllocator, "no global memory allocator found", ""),
    message(Kind::NoPanicHandler, "`#[panic_handler]` function required", ""),
    message(Kind::NoPanicHandler, "unwinding panics are not supported without std", ""),
];

const OF_SPLITLINK: &[Message] = &[
    message(Kind::Twice, "the crate `", "` would be in "),
    message(Kind::NoRlib, "can only be linked from rlibs, and there is none of: ", "\n"),
    message(Kind::NoRlib, "needs the crate `", "`, and neither an rlib nor a dylib of it was given"),
    message(Kind::NoDylib, "needs the dylib of `", "`, and none was given"),
    message(Kind::PanicStrategy, "the panic runtime `", "`"),
    message(Kind::TwoPanicRuntimes, "would have two panic runtimes: `", "`"),
    message(Kind::SecondAllocator, "would share the dylib of `", "`, which allocates"),
];

/// The refusal of the crate `at` that rustc's messages tell of.
///
/// # Errors
/// If they tell of something else.
pub fn refusal_by_rustc(at: &str, messages: &str) -> Result<Refusal> {
    refusal(at, messages, OF_RUSTC)
}

/// The refusal of the crate `at` that splitlink's message tells of; what rustc said through
/// splitlink counts as splitlink's.
///
/// # Errors
/// If it tells of something else.
pub fn refusal_by_splitlink(at: &str, messages: &str) -> Result<Refusal> {
    refusal(at, messages, OF_SPLITLINK).or_else(|_| refusal(at, messages, OF_RUSTC))
}

fn refusal(at: &str, messages: &str, known: &[Message]) -> Result<Refusal> {
    let mut reasons: BTreeMap<Kind, BTreeSet<String>> = BTreeMap::new();
    for text in messages.split("error: ").skip(1).filter(|text| !text.starts_with("aborting due to")) {
        let (kind, names) = known
            .iter()
            .find_map(|message| {
                let rest = text.split_once(message.before)?.1;
                let names = if message.after.is_empty() { "" } else { rest.split_once(message.after)?.0 };
                (!names.contains('\n')).then_some((message.kind, names))
            })
            .with_context(|| format!("{at} is refused with a message that this test does not know:\n{text}"))?;
        let crates = names.split(", ").filter(|name| !name.is_empty()).map(|name| name.split('-').next().unwrap_or(name).to_owned());
        reasons.entry(kind).or_default().extend(crates);
    }
    ensure!(!reasons.is_empty(), "{at} is refused without an error message:\n{messages}");
    Ok(Refusal { at: at.to_owned(), reasons })
}

/// In what `ours` differs from `rustcs`; nothing if it does not. rustc goes on after the first
/// crate that it cannot place and splitlink does not, so whatever splitlink says must be among what
/// rustc says.
pub fn difference(rustcs: &Outcome, ours: &Outcome) -> Option<&'static str> {
    if rustcs.lines != ours.lines {
        return Some("the crates are taken in other forms");
    }
    let (theirs, ours) = match (&rustcs.refusal, &ours.refusal) {
        (None, None) => return None,
        (Some(_), None) => return Some("only rustc refuses"),
        (None, Some(_)) => return Some("only splitlink refuses"),
        (Some(theirs), Some(ours)) => (theirs, ours),
    };
    if theirs.at != ours.at {
        return Some("they refuse other crates");
    }
    for (kind, crates) in &ours.reasons {
        let Some(theirs) = theirs.reasons.get(kind) else { return Some("they refuse for other reasons") };
        if !crates.is_subset(theirs) {
            return Some("splitlink blames a crate that rustc does not");
        }
        if crates.is_empty() != theirs.is_empty() {
            return Some("only one of them names a crate");
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_of_both() {
        let rustcs = "error: cannot satisfy dependencies so `std` only shows up once\n  = help: x\n\nerror: cannot satisfy dependencies so \
                      `core` only shows up once\n\nerror: aborting due to 2 previous errors\n";
        let theirs = refusal_by_rustc("top", rustcs).unwrap();
        assert_eq!(theirs.reasons[&Kind::Twice].len(), 2);
        let ours = "error: cannot link the bin `top`\n  because the crate `std-12` would be in `top` twice: a, and b\n";
        let ours = refusal_by_splitlink("top", ours).unwrap();
        assert_eq!(ours.reasons[&Kind::Twice], BTreeSet::from(["std".to_owned()]));
        let [theirs, ours] = [theirs, ours].map(|refusal| Outcome { refusal: Some(refusal), ..Outcome::default() });
        assert_eq!(difference(&theirs, &ours), None);
        assert_eq!(difference(&ours, &theirs), Some("splitlink blames a crate that rustc does not"));
        assert_eq!(difference(&theirs, &Outcome::default()), Some("only rustc refuses"));
        assert!(refusal_by_rustc("top", "error: linking with `cc` failed\n").is_err());
    }

    #[test]
    fn lines() {
        let args = ["x.o", "/d/liba-1.so", "-Lx/liby.so", "d/libb-1.rlib", "-o", "d/libtop.so"].map(str::to_owned);
        assert_eq!(line_of(&args), [("a-1".to_owned(), Taken::Dylib), ("b-1".to_owned(), Taken::Rlib)]);
    }
}
