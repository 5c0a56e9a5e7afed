//! Makes one module of many, and reads of each only what is needed: functions that nothing kept leads to are never loaded.
//!
//! LLVM links what has `linkonce` linkage only where it is referred to. So all but the symbols that are wanted so far is given that
//! linkage before a module is linked, and a module is linked again when another turns out to want more of it.

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
        let mut symbols = Symbols { triple: module.triple(), data_layout: module.data_layout(), ..Symbols::default() };
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

/// Into so many modules units are merged at first, each by a thread of its own: what LLVM takes to link a module into another grows
/// with the other.
const GROUPS: usize = 8;

/// Which symbols are wanted of which units.
type Wanted = BTreeMap<usize, BTreeSet<String>>;

/// Merges what of `units` leads to the symbols `keep`; also says how many units took part.
///
/// # Errors
/// If a unit is of another LLVM or for another target than the rest, or two define one symbol.
pub fn merge<'c>(context: &'c Context, units: &[Unit], keep: &[String], threads: usize) -> Result<(Module<'c>, usize)> {
    let symbols = crate::partition::in_parallel(units, threads, Unit::symbols)?;
    let first = units.first().zip(symbols.first()).context("there is no module to optimise")?;
    for (unit, of) in units.iter().zip(&symbols) {
        if machine_of(&of.triple) != machine_of(&first.1.triple) {
            bail!(
                "the modules are for different targets: `{}` is for {}, and `{}` for {}\n  help: compile everything that is linked for one target",
                first.0.name,
                first.1.triple,
                unit.name,
                of.triple
            );
        }
    }
    let names = Names::new(units, &symbols);
    let mut wanted: Wanted = (0..units.len()).filter(|index| !units[*index].on_demand).map(|index| (index, BTreeSet::new())).collect();
    let mut asked: HashSet<String> = HashSet::new();
    for name in keep {
        if let Some(index) = names.definer(name)
            && asked.insert(name.clone())
        {
            wanted.entry(index).or_default().insert(name.clone());
        }
    }
    let group_of = grouped(units);
    let mut merged: BTreeSet<usize> = BTreeSet::new();
    let groups: Vec<Buffer> = std::thread::scope(|scope| -> Result<Vec<Buffer>> {
        let names = &names;
        let groups: Vec<_> = (0..GROUPS)
            .map(|_| {
                let (ask, asked) = mpsc::channel();
                let (answer, answered) = mpsc::channel();
                let group = scope.spawn(move || merge_group(units, names, &asked, &answer));
                (ask, answered, group)
            })
            .collect();
        while !wanted.is_empty() {
            merged.extend(wanted.keys());
            let mut rounds: Vec<Wanted> = vec![Wanted::new(); GROUPS];
            for (index, names) in std::mem::take(&mut wanted) {
                rounds[group_of[index]].insert(index, names);
            }
            // A thread that has ended has failed, and says so when it is joined.
            let busy: Vec<_> = groups.iter().zip(rounds).filter(|(_, round)| !round.is_empty()).collect();
            let answers: Vec<_> = busy.into_iter().map(|((ask, answered, _), round)| (ask.send(round).ok(), answered)).collect();
            for (_, answered) in answers {
                for name in answered.recv().into_iter().flatten() {
                    if let Some(index) = names.definer(&name)
                        && asked.insert(name.clone())
                    {
                        wanted.entry(index).or_default().insert(name);
                    }
                }
            }
        }
        let groups: Vec<_> = groups.into_iter().map(|(_, _, group)| group).collect();
        groups.into_iter().map(|group| group.join().map_err(|_| anyhow!("a thread has panicked"))?).collect()
    })?;
    let destination = context.empty_module("lto");
    destination.set_target(&first.1.triple, &first.1.data_layout);
    for group in &groups {
        destination.link_bitcode(group.bytes(), "lto")?;
    }
    Ok((destination, merged.len()))
}

/// What of a target's triple must agree: not the vendor, which is `pc` for clang where it is `unknown` for rustc.
fn machine_of(triple: &str) -> (&str, Option<&str>) {
    let (architecture, rest) = triple.split_once('-').unwrap_or((triple, ""));
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

/// Merges what is `asked` for of units, round by round; `answer`s what is referred to and not there. The result is bitcode.
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
            // A copy for each time that the module is linked; constants without an address of their own may have several.
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
