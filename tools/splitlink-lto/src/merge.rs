//! Makes one module of many, and reads of each only what is needed: functions that nothing kept
//! leads to are never loaded.
//!
//! LLVM links what has `linkonce` linkage only where it is referred to. So before a module is
//! linked, everything in it gets that linkage, except the symbols that are wanted so far. A module
//! is linked again when another turns out to want more of it.

use crate::llvm::{Buffer, Context, Global, Linkage, Module, Visibility};
use anyhow::{Context as _, Result, anyhow, bail};
use splitlink::lto::request::Bitcode;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::mpsc;

/// A module that may take part.
#[derive(Debug)]
pub struct Unit {
    name: String,
    bitcode: Vec<u8>,
    on_demand: bool,
}

/// What a unit defines.
#[derive(Debug, Default)]
struct Symbols {
    /// For others; whether another definition may be taken in its place.
    defined: Vec<(String, bool)>,
    local: Vec<String>,
    triple: String,
    data_layout: String,
    has_used: bool,
    has_custom_sections: bool,
}

impl Unit {
    /// Reads the bitcode of `modules`.
    ///
    /// # Errors
    /// If a file cannot be read or is too short.
    pub fn read_all(modules: &[Bitcode]) -> Result<Vec<Self>> {
        let read = |module: &Bitcode| -> Result<Self> {
            Ok(Self { name: module.name.clone(), bitcode: module.read()?, on_demand: module.on_demand })
        };
        modules.iter().map(read).collect()
    }

    fn symbols(&self) -> Result<Symbols> {
        let context = Context::new();
        let module = context.load(&self.bitcode, &self.name)?;
        let mut symbols = Symbols {
            triple: module.triple(),
            data_layout: module.data_layout(),
            has_custom_sections: module.has_custom_sections(),
            ..Symbols::default()
        };
        for global in module.globals().filter(|global| !global.is_declaration()) {
            match global.linkage() {
                Linkage::LLVMAppendingLinkage => symbols.has_used = true,
                Linkage::LLVMAvailableExternallyLinkage => {}
                _ if global.is_local() => symbols.local.push(global.name().to_owned()),
                linkage => symbols.defined.push((global.name().to_owned(), !matches!(linkage, Linkage::LLVMExternalLinkage))),
            }
        }
        let asm = module.assembly();
        symbols.defined.extend(assembled(&asm).map(|name| (name.to_owned(), false)));
        Ok(symbols)
    }
}

/// The symbols that module-level assembly makes visible.
fn assembled(asm: &str) -> impl Iterator<Item = &str> {
    let directives = asm.lines().flat_map(|line| line.split(';')).filter_map(|line| {
        let (directive, names) = line.trim().split_once(char::is_whitespace)?;
        matches!(directive, ".globl" | ".global" | ".weak").then_some(names)
    });
    directives.flat_map(|names| names.split(',').map(str::trim))
}

/// Into so many modules units are merged at first, each by a thread of its own: what LLVM takes to
/// link a module into another grows with the other.
const GROUPS: usize = 8;

/// Which symbols are wanted of which units.
type Wanted = BTreeMap<usize, BTreeSet<String>>;

/// What is to be merged, round by round: what one round merges refers to more.
struct Rounds<'n, 'u> {
    names: &'n Names<'u>,
    group_of: Vec<usize>,
    /// The symbols that were ever wanted.
    asked: HashSet<String>,
    /// Those of the next round.
    wanted: Wanted,
    /// The units that took part so far.
    merged: BTreeSet<usize>,
}

impl<'n, 'u> Rounds<'n, 'u> {
    /// Begins with all of what is not taken on demand only, and with what defines the symbols
    /// `keep`.
    fn new(units: &[Unit], symbols: &[Symbols], names: &'n Names<'u>, keep: &[String]) -> Self {
        let whole = (0..units.len()).filter(|index| !units[*index].on_demand);
        let wanted = whole.map(|index| (index, BTreeSet::new())).collect();
        let mut rounds = Self { names, group_of: grouped(units), asked: HashSet::new(), wanted, merged: BTreeSet::new() };
        keep.iter().for_each(|name| rounds.ask(name));
        // Each time that such a unit is linked its custom sections are added once more, so
        // everything is wanted of it at once.
        for (index, of) in symbols.iter().enumerate().filter(|(_, of)| of.has_custom_sections) {
            of.defined.iter().filter(|(name, _)| names.definer(name) == Some(index)).for_each(|(name, _)| rounds.ask(name));
        }
        rounds
    }

    /// Wants the symbol `name`, if a unit defines it.
    fn ask(&mut self, name: &str) {
        if let Some(index) = self.names.definer(name)
            && self.asked.insert(name.to_owned())
        {
            self.wanted.entry(index).or_default().insert(name.to_owned());
        }
    }

    /// What each group is to merge in the next round; none if nothing is wanted any more.
    fn next(&mut self) -> Option<Vec<Wanted>> {
        if self.wanted.is_empty() {
            return None;
        }
        self.merged.extend(self.wanted.keys());
        let mut round = vec![Wanted::new(); GROUPS];
        for (index, names) in std::mem::take(&mut self.wanted) {
            round[self.group_of[index]].insert(index, names);
        }
        Some(round)
    }
}

/// Merges what of `units` leads to the symbols `keep`; also says how many units took part.
///
/// # Errors
/// If a unit is of another LLVM or for another target than the rest, or two define one symbol.
pub fn merge<'c>(context: &'c Context, units: &[Unit], keep: &[String], threads: usize) -> Result<(Module<'c>, usize)> {
    let symbols = crate::partition::in_parallel(units, threads, Unit::symbols)?;
    let target = common_target(units, &symbols)?;
    let names = Names::new(units, &symbols);
    let mut rounds = Rounds::new(units, &symbols, &names, keep);
    let groups = merge_groups(units, &mut rounds)?;
    let destination = context.empty_module("lto");
    destination.set_target(&target.triple, &target.data_layout);
    for group in &groups {
        destination.link_bitcode(group.bytes(), "lto")?;
    }
    Ok((destination, rounds.merged.len()))
}

/// The symbols of the first unit, whose target all others have as well.
fn common_target<'s>(units: &[Unit], symbols: &'s [Symbols]) -> Result<&'s Symbols> {
    let (first_unit, first) = units.first().zip(symbols.first()).context("there is no module to optimise")?;
    for (unit, of) in units.iter().zip(symbols) {
        if machine_of(&of.triple) != machine_of(&first.triple) {
            bail!(
                "the modules are for different targets: `{}` is for {}, and `{}` for {}\n  help: compile everything that is linked for one target",
                first_unit.name,
                first.triple,
                unit.name,
                of.triple
            );
        }
    }
    Ok(first)
}

/// Merges the units into [`GROUPS`] modules, each by a thread of its own, until nothing more is
/// wanted.
fn merge_groups(units: &[Unit], rounds: &mut Rounds<'_, '_>) -> Result<Vec<Buffer>> {
    let names = rounds.names;
    std::thread::scope(|scope| {
        let groups: Vec<_> = (0..GROUPS)
            .map(|_| {
                let (ask, asked) = mpsc::channel();
                let (answer, answered) = mpsc::channel();
                let group = scope.spawn(move || merge_group(units, names, &asked, &answer));
                (ask, answered, group)
            })
            .collect();
        while let Some(round) = rounds.next() {
            // A thread that has ended has failed, and says so when it is joined.
            let busy: Vec<_> = groups.iter().zip(round).filter(|(_, round)| !round.is_empty()).collect();
            let answers: Vec<_> = busy.into_iter().map(|((ask, answered, _), round)| (ask.send(round).ok(), answered)).collect();
            for (_, answered) in answers {
                answered.recv().into_iter().flatten().for_each(|name| rounds.ask(&name));
            }
        }
        let groups: Vec<_> = groups.into_iter().map(|(_, _, group)| group).collect();
        groups.into_iter().map(|group| group.join().map_err(|_| anyhow!("a thread has panicked"))?).collect()
    })
}

/// What of a target's triple must agree: not the vendor, which is `pc` for clang where it is
/// `unknown` for rustc.
/// The system of WebAssembly is what is imported.
fn machine_of(triple: &str) -> (&str, Option<&str>) {
    let (architecture, rest) = triple.split_once('-').unwrap_or((triple, ""));
    if architecture.starts_with("wasm") {
        return (architecture, None);
    }
    (architecture, rest.split_once('-').map(|(_, system)| system))
}

/// The group of each unit: neighbours, so that each has about the same to read.
fn grouped(units: &[Unit]) -> Vec<usize> {
    let total: usize = units.iter().map(|unit| unit.bitcode.len()).sum();
    let mut before = 0;
    let groups = units.iter().map(|unit| {
        let group = before * GROUPS / total.max(1);
        before += unit.bitcode.len();
        group.min(GROUPS - 1)
    });
    groups.collect()
}

/// Merges what is `asked` for of units, round by round; `answer`s what is referred to and not
/// there. The result is bitcode.
fn merge_group(units: &[Unit], names: &Names<'_>, asked: &mpsc::Receiver<Wanted>, answer: &mpsc::Sender<Vec<String>>) -> Result<Buffer> {
    let context = Context::new();
    let destination = context.empty_module("lto");
    destination.set_target_as(&context.load(&units[0].bitcode, &units[0].name)?);
    let mut merged = BTreeSet::new();
    for wanted in asked {
        for (index, wanted) in wanted {
            let source = context.load(&units[index].bitcode, &units[index].name)?;
            // They agree in what matters, and LLVM would warn of the rest.
            source.set_target_as(&destination);
            let is_first = merged.insert(index);
            prepare(&source, index, names, &wanted, is_first);
            destination.link(source).with_context(|| format!("cannot merge `{}`", units[index].name))?;
        }
        let missing = destination.globals().filter(Global::is_declaration).map(|global| global.name().to_owned());
        answer.send(missing.collect()).context("nobody listens any more")?;
    }
    Ok(destination.to_bitcode())
}

/// Makes of all that is not wanted something that is linked only where it is referred to.
fn prepare(source: &Module<'_>, index: usize, names: &Names<'_>, wanted: &BTreeSet<String>, is_first: bool) {
    let mut again = Vec::new();
    for (position, global) in source.globals().filter(|global| !global.is_declaration()).enumerate() {
        match global.linkage() {
            Linkage::LLVMAppendingLinkage => {
                if !is_first {
                    again.push(global);
                }
                continue;
            }
            Linkage::LLVMAvailableExternallyLinkage => continue,
            _ => {}
        }
        if global.is_local() {
            // A copy for each time that the module is linked; constants without an address of their
            // own may have several.
            if global.is_anonymous_constant() {
                continue;
            }
            if let Some(name) = names.of_local(global.name(), index, position) {
                global.set_name(&name);
            }
            global.set_linkage(Linkage::LLVMExternalLinkage);
            global.set_visibility(Visibility::LLVMHiddenVisibility);
        }
        if !wanted.contains(global.name()) {
            global.set_linkage(Linkage::LLVMLinkOnceODRLinkage);
        }
    }
    for global in again {
        global.delete();
    }
    if !is_first {
        source.clear_assembly();
    }
}

/// Who defines what, when all local symbols have names of their own.
#[derive(Debug)]
struct Names<'u> {
    definers: HashMap<&'u str, usize>,
    renamed: HashMap<String, usize>,
    /// Local symbols whose name is another's as well.
    ambiguous: HashSet<&'u str>,
}

impl<'u> Names<'u> {
    fn new(units: &[Unit], symbols: &'u [Symbols]) -> Self {
        let mut definers: HashMap<&str, (usize, bool)> = HashMap::new();
        let mut seen: HashSet<&str> = HashSet::new();
        let mut ambiguous = HashSet::new();
        for (index, of) in symbols.iter().enumerate() {
            for (name, is_weak) in &of.defined {
                seen.insert(name);
                let found = definers.entry(name).or_insert((index, *is_weak));
                if found.1 && !is_weak && !units[index].on_demand {
                    *found = (index, false);
                }
            }
        }
        for name in symbols.iter().flat_map(|of| &of.local) {
            if name.is_empty() || !seen.insert(name) {
                ambiguous.insert(name.as_str());
            }
        }
        let mut names =
            Self { definers: definers.into_iter().map(|(name, (index, _))| (name, index)).collect(), renamed: HashMap::new(), ambiguous };
        for (index, of) in symbols.iter().enumerate() {
            for name in &of.local {
                if !names.ambiguous.contains(name.as_str()) {
                    names.definers.insert(name, index);
                } else if !name.is_empty() {
                    let renamed = renamed(name, index);
                    names.renamed.insert(renamed, index);
                }
            }
        }
        names
    }

    fn definer(&self, name: &str) -> Option<usize> {
        self.definers.get(name).or_else(|| self.renamed.get(name)).copied()
    }

    /// The name that a local symbol gets; none if it keeps its own.
    fn of_local(&self, name: &str, unit: usize, position: usize) -> Option<String> {
        if name.is_empty() {
            return Some(renamed(&format!("anonymous.{position}"), unit));
        }
        self.ambiguous.contains(name).then(|| renamed(name, unit))
    }
}

/// With a suffix that demanglers leave out.
fn renamed(name: &str, unit: usize) -> String {
    format!("{name}.llvm.{unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_that_agree() {
        assert_eq!(machine_of("x86_64-unknown-linux-gnu"), machine_of("x86_64-pc-linux-gnu"));
        for other in ["aarch64-unknown-linux-gnu", "x86_64-unknown-linux-musl", "x86_64", "x86_64-none"] {
            assert_ne!(machine_of("x86_64-unknown-linux-gnu"), machine_of(other));
        }
        assert_eq!(machine_of("wasm32-wasip1"), machine_of("wasm32-unknown-unknown"));
        assert_ne!(machine_of("wasm32"), machine_of("wasm64"));
    }

    #[test]
    fn symbols_of_assembly() {
        let asm = ".text\n  .globl a, b\n.weak c; .global d\na:\n  ret\n";
        assert_eq!(assembled(asm).collect::<Vec<_>>(), ["a", "b", "c", "d"]);
    }

    #[test]
    fn equal_names_are_told_apart() {
        let unit = |name: &str| Unit { name: name.into(), bitcode: Vec::new(), on_demand: false };
        let symbols = |defined: &[&str], local: &[&str]| Symbols {
            defined: defined.iter().map(|name| ((*name).to_owned(), false)).collect(),
            local: local.iter().map(|name| (*name).to_owned()).collect(),
            ..Symbols::default()
        };
        let symbols = [symbols(&["f"], &["x", "y"]), symbols(&["x"], &["y", "z"])];
        let names = Names::new(&[unit("a"), unit("b")], &symbols);
        assert_eq!([names.definer("x"), names.definer("z"), names.definer("f"), names.definer("none")], [Some(1), Some(1), Some(0), None]);
        assert_eq!(names.of_local("x", 0, 0).as_deref(), Some("x.llvm.0"));
        assert_eq!((names.of_local("y", 1, 0), names.definer("y.llvm.1")), (Some("y.llvm.1".to_owned()), Some(1)));
        assert_eq!((names.of_local("z", 1, 0), names.of_local("", 1, 5).as_deref()), (None, Some("anonymous.5.llvm.1")));
    }
}
