//! A sizes file for people: a table of the crates, or of the modules and functions of some.

use super::diff;
use super::file::{Item, Owner, OwnerKind, SectionKind, Sizes};
use anyhow::{Context, Result};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;

/// Which sizes to show.
#[derive(Debug, Clone, clap::Args)]
pub struct Shown {
    /// Show what is in an artifact, by crate; with `--crate`, by module and function. SIZES is the
    /// file that `splitlink sizes` wrote
    #[arg(long, value_name = "SIZES", conflicts_with_all = ["report", "diff", "json", "dot", "linkage"])]
    pub sizes: Option<PathBuf>,
    /// Show what grew, shrank, came and went between two sizes files, in Markdown
    #[arg(long, num_args = 2, value_names = ["OLD", "NEW"], conflicts_with_all = ["report", "json", "dot", "linkage"])]
    pub diff: Option<Vec<PathBuf>>,
}

/// As many crates, modules and functions are listed without being asked for all.
pub(super) const LISTED: usize = 20;

/// As many functions of each module.
const FUNCTIONS: usize = 5;

/// Shows the sizes that `shown` names, if it names any: of the crates with `named` in their names
/// or labels, and all or the largest. Returns whether it did.
///
/// # Errors
/// If a file cannot be read or shown.
pub fn show(shown: &Shown, named: Option<&str>, all: bool) -> Result<bool> {
    let text = match (&shown.sizes, shown.diff.as_deref()) {
        (Some(path), _) => {
            let sizes = Sizes::read(path)?;
            match named {
                Some(named) => crates(&sizes, named, all),
                None => table(&sizes, all),
            }
        }
        (None, Some([old, new])) => diff::markdown(&Sizes::read(old)?, &Sizes::read(new)?, named, all),
        _ => return Ok(false),
    };
    std::io::stdout().write_all(text.as_bytes()).context("cannot write to the standard output")?;
    Ok(true)
}

const IN_MEMORY: &str = "a string takes it";

/// Bytes as people read them.
pub(super) fn kib(bytes: u64) -> String {
    let tenths = (bytes * 10 + 512) / 1024;
    format!("{}.{} KiB", tenths / 10, tenths % 10)
}

/// What part of `whole` the `bytes` are.
fn share(bytes: u64, whole: u64) -> String {
    let tenths = (bytes * 1000 + whole / 2).checked_div(whole).unwrap_or(0);
    format!("{}.{} %", tenths / 10, tenths % 10)
}

/// How much of each kind there is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Amounts {
    pub(super) text: u64,
    pub(super) data: u64,
    pub(super) debug: u64,
}

impl Amounts {
    /// Of each owner, and of all sections.
    pub(super) fn of(sizes: &Sizes) -> (Vec<Self>, Self) {
        let mut owners = vec![Self::default(); sizes.owners.len()];
        for item in &sizes.items {
            *owners[item.owner].mutable(item.kind) += item.bytes;
        }
        for debug in &sizes.debug {
            if let Some(owner) = debug.owner {
                owners[owner].debug += debug.bytes;
            }
        }
        let mut sections = Self::default();
        for section in sizes.sections.iter().filter(|section| section.kind != SectionKind::Other) {
            *sections.mutable(section.kind) += section.bytes;
        }
        (owners, sections)
    }

    fn mutable(&mut self, kind: SectionKind) -> &mut u64 {
        match kind {
            SectionKind::Data => &mut self.data,
            SectionKind::Debug => &mut self.debug,
            SectionKind::Text | SectionKind::Other => &mut self.text,
        }
    }
}

/// What each owner is called, so that no two are called the same.
pub(super) fn names(owners: &[Owner]) -> Vec<String> {
    let with_version =
        |owner: &Owner| owner.version.as_ref().map_or_else(|| owner.name.clone(), |version| format!("{} {version}", owner.name));
    let is_native = |owner: &Owner| owner.kind == OwnerKind::Native;
    let mut times: BTreeMap<(String, bool), usize> = BTreeMap::new();
    for owner in owners {
        *times.entry((with_version(owner), is_native(owner))).or_default() += 1;
    }
    let name = |owner: &Owner| {
        let name = with_version(owner);
        let is_alone = times[&(name.clone(), is_native(owner))] == 1;
        let is_library_too = is_native(owner) && times.contains_key(&(name.clone(), false));
        let name = owner.id.clone().filter(|_| !is_alone).unwrap_or(name);
        if is_library_too { format!("{name} (native)") } else { name }
    };
    owners.iter().map(name).collect()
}

fn kind(owner: &Owner) -> &'static str {
    match owner.kind {
        OwnerKind::Crate => "crate",
        OwnerKind::Std => "std",
        OwnerKind::Native => "native",
        OwnerKind::Linker => "linker",
    }
}

fn head(text: &mut String, sizes: &Sizes, whole: &Amounts) {
    let Sizes { crate_name, crate_type, file_name, bytes, sections, .. } = sizes;
    writeln!(text, "{crate_type} `{crate_name}` ({file_name}, {})", kib(*bytes)).expect(IN_MEMORY);
    for (name, kind, bytes) in
        [("text", SectionKind::Text, whole.text), ("data", SectionKind::Data, whole.data), ("debug", SectionKind::Debug, whole.debug)]
    {
        let known = sections.iter().filter(|section| section.kind == kind).map(|section| section.attributed).sum();
        if bytes > 0 {
            writeln!(text, "  {name}: {}, of which {} are somebody's", kib(bytes), share(known, bytes)).expect(IN_MEMORY);
        }
    }
}

/// A table of all owners, the largest first.
fn table(sizes: &Sizes, all: bool) -> String {
    let (owners, whole) = Amounts::of(sizes);
    let mut text = String::new();
    head(&mut text, sizes, &whole);
    let names = names(&sizes.owners);
    let mut order: Vec<usize> = (0..owners.len()).collect();
    order.sort_by_key(|&number| std::cmp::Reverse((owners[number].text, owners[number].data, owners[number].debug)));
    let listed = if all { order.len() } else { LISTED.min(order.len()) };
    // Generic code counts for the crate that defines it, and here for the one that it was compiled
    // in.
    let mut compiled = vec![0; owners.len()];
    for item in sizes.items.iter().filter(|item| item.kind == SectionKind::Text) {
        compiled[item.instantiated_by.unwrap_or(item.owner)] += item.bytes;
    }
    let mut rows = vec![["crate", "kind", "text", "share", "compiled", "data", "debug"].map(str::to_owned)];
    let row = |name: &str, kind: &str, amounts: &Amounts, compiled: u64| {
        let Amounts { text, data, debug } = *amounts;
        [name.to_owned(), kind.to_owned(), kib(text), share(text, whole.text), kib(compiled), kib(data), kib(debug)]
    };
    rows.extend(order[..listed].iter().map(|&number| row(&names[number], kind(&sizes.owners[number]), &owners[number], compiled[number])));
    if listed < order.len() {
        let mut rest = Amounts::default();
        for &number in &order[listed..] {
            let Amounts { text, data, debug } = owners[number];
            rest = Amounts { text: rest.text + text, data: rest.data + data, debug: rest.debug + debug };
        }
        let compiled = order[listed..].iter().map(|&number| compiled[number]).sum();
        rows.push(row(&format!("{} more (--all lists them)", order.len() - listed), "", &rest, compiled));
    }
    let widths: Vec<usize> = (0..7).map(|column| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0)).collect();
    for [name, kind, code, share, compiled, data, debug] in &rows {
        writeln!(
            text,
            "  {name:<0$}  {kind:<1$}  {code:>2$}  {share:>3$}  {compiled:>4$}  {data:>5$}  {debug:>6$}",
            widths[0], widths[1], widths[2], widths[3], widths[4], widths[5], widths[6]
        )
        .expect(IN_MEMORY);
    }
    text
}

/// The modules and functions of the crates with `named` in their names or labels.
fn crates(sizes: &Sizes, named: &str, all: bool) -> String {
    let (owners, whole) = Amounts::of(sizes);
    let mut text = String::new();
    head(&mut text, sizes, &whole);
    let names = names(&sizes.owners);
    let mut is_any = false;
    for (number, owner) in sizes.owners.iter().enumerate() {
        let is_asked = |name: &String| name.contains(named);
        if !is_asked(&names[number]) && ![&owner.id, &owner.label].into_iter().flatten().any(is_asked) {
            continue;
        }
        is_any = true;
        let Amounts { text: code, data, debug } = owners[number];
        writeln!(
            text,
            "{} ({}): text {}, {}; data {}, debug {}",
            names[number],
            kind(owner),
            kib(code),
            share(code, whole.text),
            kib(data),
            kib(debug)
        )
        .expect(IN_MEMORY);
        modules(&mut text, sizes.items.iter().filter(|item| item.owner == number), code + data, &names, all);
    }
    if !is_any {
        writeln!(text, "  no crate is as asked").expect(IN_MEMORY);
    }
    text
}

/// Items that are called the same: how many, how large, and whose code they were instantiated in.
#[derive(Debug, Default)]
struct Function {
    times: usize,
    bytes: u64,
    by: Vec<usize>,
}

fn modules<'a>(text: &mut String, items: impl Iterator<Item = &'a Item>, whole: u64, names: &[String], all: bool) {
    let mut modules: BTreeMap<String, BTreeMap<String, Function>> = BTreeMap::new();
    for item in items {
        let (name, module) = module_of(&item.path);
        let function = modules.entry(module).or_default().entry(name).or_default();
        function.times += 1;
        function.bytes += item.bytes;
        if let Some(by) = item.instantiated_by
            && !function.by.contains(&by)
        {
            function.by.push(by);
        }
    }
    let mut modules: Vec<_> = modules
        .into_iter()
        .map(|(name, functions)| {
            let bytes: u64 = functions.values().map(|function| function.bytes).sum();
            let mut functions: Vec<(String, Function)> = functions.into_iter().collect();
            functions.sort_by_key(|(_, function)| std::cmp::Reverse(function.bytes));
            (name, bytes, functions)
        })
        .collect();
    modules.sort_by_key(|(_, bytes, _)| std::cmp::Reverse(*bytes));
    let count = modules.len();
    for (name, bytes, functions) in modules.iter().take(if all { count } else { LISTED }) {
        let shown = if name.is_empty() { "(the crate's root)" } else { name };
        writeln!(text, "  {:>12}  {:>6}  {shown}", kib(*bytes), share(*bytes, whole)).expect(IN_MEMORY);
        for (name, Function { times, bytes, by }) in functions.iter().take(if all { functions.len() } else { FUNCTIONS }) {
            let times = if *times > 1 { format!(" ({times} times)") } else { String::new() };
            let by = match by.as_slice() {
                [] => String::new(),
                [only] => format!(", in {}", names[*only]),
                [first, rest @ ..] => format!(", in {} and {} more", names[*first], rest.len()),
            };
            writeln!(text, "  {:>12}            {name}{times}{by}", kib(*bytes)).expect(IN_MEMORY);
        }
        if !all && functions.len() > FUNCTIONS {
            writeln!(text, "  {:>12}            {} more (--all lists them)", "", functions.len() - FUNCTIONS).expect(IN_MEMORY);
        }
    }
    if !all && count > LISTED {
        writeln!(text, "  {} more modules (--all lists them)", count - LISTED).expect(IN_MEMORY);
    }
}

/// The function of a path, with the type that it is a method of, and the modules around it.
fn module_of(path: &[String]) -> (String, String) {
    let is_type = |part: &String| part.starts_with('<') || part.starts_with('{') || part.starts_with(char::is_uppercase);
    let end = path.iter().position(is_type).unwrap_or(path.len()).min(path.len().saturating_sub(1));
    (path[end..].join("::"), path[..end].join("::"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sizes::file::tests::of_crates;

    #[test]
    fn tables() {
        let mut sizes =
            of_crates(&[("std", "io::print", 1024), ("app", "main", 3072), ("app", "part::<app::X as core::fmt::Debug>::fmt", 52)]);
        sizes.items[0].instantiated_by = Some(0);
        let expected = "\
bin `app` (app, 8.1 KiB)
  text: 4.1 KiB, of which 100.0 % are somebody's
  crate  kind      text   share  compiled     data    debug
  app    crate  3.1 KiB  75.3 %   4.1 KiB  0.0 KiB  0.0 KiB
  std    crate  1.0 KiB  24.7 %   0.0 KiB  0.0 KiB  0.0 KiB
";
        assert_eq!(table(&sizes, false), expected);
        let many: Vec<(String, String)> = (0..30).map(|number| (format!("c{number:02}"), format!("f{number}"))).collect();
        let many: Vec<_> = many.iter().map(|(name, path)| (name.as_str(), path.as_str(), 100)).collect();
        let sizes = of_crates(&many);
        let shown = table(&sizes, false);
        assert!(shown.lines().count() == 2 + 1 + LISTED + 1 && shown.contains("\n  10 more (--all lists them)"), "{shown}");
        assert_eq!(table(&sizes, true).lines().count(), 2 + 1 + 30);
    }

    #[test]
    fn of_one_crate() {
        let mut sizes = of_crates(&[
            ("std", "io::print", 1024),
            ("app", "main", 1024),
            ("std", "io::Write::put", 512),
            ("std", "fmt::num::<impl Display for i32>::fmt", 256),
            ("std", "fmt::num::<impl Display for i32>::fmt", 256),
        ]);
        for item in sizes.items.iter_mut().filter(|item| item.path[0] == "fmt") {
            item.instantiated_by = Some(0);
        }
        let expected = "
std (crate): text 2.0 KiB, 66.7 %; data 0.0 KiB, debug 0.0 KiB
       1.5 KiB  75.0 %  io
       1.0 KiB            print
       0.5 KiB            Write::put
       0.5 KiB  25.0 %  fmt::num
       0.5 KiB            <impl Display for i32>::fmt (2 times), in app
";
        let shown = crates(&sizes, "st", false);
        assert!(shown.ends_with(expected), "{shown}");
        assert!(crates(&sizes, "none", false).ends_with("  no crate is as asked\n"));
    }

    #[test]
    fn names_tell_owners_apart() {
        let owner = |name: &str, id: Option<&str>, version: Option<&str>, kind| Owner {
            name: name.into(),
            id: id.map(str::to_owned),
            label: None,
            version: version.map(str::to_owned),
            kind,
        };
        let owners = [
            owner("a", Some("a-1"), Some("0.1"), OwnerKind::Crate),
            owner("a", Some("a-2"), Some("0.2"), OwnerKind::Crate),
            owner("b", Some("b-1"), None, OwnerKind::Crate),
            owner("b", Some("b-2"), None, OwnerKind::Crate),
            owner("z", Some("z-1"), None, OwnerKind::Crate),
            owner("z", Some("z-1"), None, OwnerKind::Native),
        ];
        assert_eq!(names(&owners), ["a 0.1", "a 0.2", "b-1", "b-2", "z", "z (native)"]);
    }
}
