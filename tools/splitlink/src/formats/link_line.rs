//! A plan's link line under formats: dylibs stand in place of rlibs, and what is inside a dylib is
//! left out.
//!
//! rustc makes its line in the same way (`rustc_codegen_ssa::back::link::add_upstream_rust_crates`,
//! 1.95). The plan has the form of it that is static throughout.

use crate::formats::Linkage;
use crate::plan::Item;
use crate::plan::linker_flavor::linker_args;
use std::collections::HashMap;

/// A part of the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part<'a> {
    /// An item of the plan.
    Item(&'a Item),
    /// A crate's dylib in place of its rlib.
    Dylib(&'a str),
    /// Native libraries are looked for from here on as static ones alone, or as dynamic ones too.
    Hint {
        /// Whether as static ones alone.
        is_static: bool,
    },
}

/// A line under formats.
#[derive(Debug, Default)]
pub struct LineWithFormats<'a> {
    /// What the linker is given, in order.
    pub parts: Vec<Part<'a>>,
    /// What it is not given, other than crates.
    pub left_out: Vec<LeftOut<'a>>,
}

/// An item of the plan that is in a dylib already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeftOut<'a> {
    /// The item.
    pub item: &'a Item,
    /// The crate that it belongs to; none for the allocator shim, which belongs to whatever is
    /// linked.
    pub of: Option<&'a str>,
}

/// The identity of the crate that an item is, if it is one that formats are about.
pub fn crate_of(item: &Item) -> Option<&str> {
    match item {
        Item::Crate { id } => Some(id),
        Item::SysrootCrate { file_name, .. } => file_name.strip_prefix("lib")?.strip_suffix(".rlib"),
        _ => None,
    }
}

/// Whether a crate is linked statically into everything, whatever contains it as well.
/// `profiler_builtins` is such a crate too.
pub fn is_always_static(id: &str) -> bool {
    matches!(id.rsplit_once('-'), Some(("compiler_builtins" | "profiler_builtins", _)))
}

/// The line `line` with each crate as `linkage` says; a crate that it does not name is linked
/// statically.
pub fn with_formats<'a>(line: &'a [Item], linkage: &HashMap<&str, Linkage>) -> LineWithFormats<'a> {
    let any_dynamic = linkage.values().any(|l| *l == Linkage::Dynamic);
    let last_crate = line.iter().rposition(|item| crate_of(item).is_some());
    let LineWithFormats { mut parts, mut left_out } = LineWithFormats::default();
    let mut hints = Hints::default();
    // The crate that is left out and that the items which follow belong to: its native static
    // libraries stand right behind it.
    let mut without: Option<&str> = None;
    for (at, item) in line.iter().enumerate() {
        if let Some(is_static) = hint(item) {
            hints.wanted = Some(is_static);
            // rustc turns to dynamic libraries again behind its last crate.
            without = without.filter(|_| last_crate.is_some_and(|last| at < last));
            continue;
        }
        if let Some(id) = crate_of(item) {
            let linkage = linkage.get(id).copied().unwrap_or(Linkage::Static);
            without = Some(id).filter(|id| !(linkage == Linkage::Static || is_always_static(id)));
            if linkage == Linkage::Dynamic {
                parts.extend(hints.turn_to(false));
                parts.push(Part::Dylib(id));
            } else if without.is_none() {
                parts.extend(hints.turn_to_wanted());
                parts.push(Part::Item(item));
            }
            continue;
        }
        // The shim is in whatever dylib comes first (`needs_allocator_shim_for_linking`).
        if without.is_some() || (any_dynamic && matches!(item, Item::AllocatorShim { .. })) {
            left_out.push(LeftOut { item, of: without });
            continue;
        }
        parts.extend(hints.turn_to_wanted());
        parts.push(Part::Item(item));
    }
    LineWithFormats { parts, left_out }
}

/// Whether `item` is one of rustc's `-Bstatic` (true) or `-Bdynamic` (false).
fn hint(item: &Item) -> Option<bool> {
    let Item::TargetFlag { arg } = item else { return None };
    let mut args = linker_args(arg);
    match (args.next(), args.next()) {
        (Some("-Bstatic"), None) => Some(true),
        (Some("-Bdynamic"), None) => Some(false),
        _ => None,
    }
}

/// The state of `-Bstatic` and `-Bdynamic`, given only where something follows that they matter
/// for.
#[derive(Default)]
struct Hints {
    wanted: Option<bool>,
    given: Option<bool>,
}

impl Hints {
    fn turn_to<'a>(&mut self, is_static: bool) -> Option<Part<'a>> {
        // Nothing given yet means dynamic to the linker.
        let is_so = self.given == Some(is_static);
        self.given = Some(is_static);
        (!is_so).then_some(Part::Hint { is_static })
    }

    fn turn_to_wanted<'a>(&mut self) -> Option<Part<'a>> {
        self.turn_to(self.wanted?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::linker_flavor::LinkerFlavor;

    fn line(args: &[&str]) -> Vec<Item> {
        let item = |&arg: &&str| match arg.strip_prefix("lib").and_then(|rest| rest.strip_suffix(".rlib")) {
            Some(id) if id.starts_with("sys_") => Item::SysrootCrate { target: "t".into(), file_name: arg.into() },
            Some(id) => Item::Crate { id: id.into() },
            None if arg == "shim.o" => Item::AllocatorShim { file: arg.into() },
            None if arg.starts_with("-l") => Item::NativeLibrary { arg: arg.into() },
            None => Item::TargetFlag { arg: arg.into() },
        };
        args.iter().map(item).collect()
    }

    fn shown(line: &[Item], linkage: &[(&str, Linkage)]) -> String {
        let LineWithFormats { parts, left_out } = with_formats(line, &linkage.iter().copied().collect());
        let crates = line.iter().filter(|item| crate_of(item).is_some()).count();
        let of_crates = |part: &Part<'_>| match part {
            Part::Dylib(_) => true,
            Part::Item(item) => crate_of(item).is_some(),
            Part::Hint { .. } => false,
        };
        let kept = parts.iter().filter(|part| !of_crates(part) && !matches!(part, Part::Hint { .. })).count();
        let hints = line.iter().filter(|item| hint(item).is_some()).count();
        assert_eq!(kept + left_out.len(), line.len() - crates - hints, "nothing is lost unseen");
        let show = |part: &Part<'_>| match part {
            Part::Dylib(id) => format!("lib{id}.so"),
            Part::Hint { is_static } => LinkerFlavor::of(line).flag(if *is_static { "-Bstatic" } else { "-Bdynamic" }),
            Part::Item(item) => match item {
                Item::Crate { id } => format!("lib{id}.rlib"),
                Item::SysrootCrate { file_name: arg, .. } | Item::AllocatorShim { file: arg } => arg.clone(),
                Item::NativeLibrary { arg } | Item::TargetFlag { arg } => arg.clone(),
                other => format!("{other:?}"),
            },
        };
        parts.iter().map(show).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn each_linkage() {
        use Linkage::{Dynamic, IncludedFromDylib, NotLinked, Static};
        let line = line(&[
            "-m64",
            "shim.o",
            "-Wl,-Bstatic",
            "liba-1.rlib",
            "-la_native",
            "libb-1.rlib",
            "-lb_native",
            "libsys_std-1.rlib",
            "libcompiler_builtins-1.rlib",
            "-Wl,-Bdynamic",
            "-lc",
            "-pie",
        ]);
        let table: &[(&[(&str, Linkage)], &str)] = &[
            (
                &[],
                "-m64 shim.o -Wl,-Bstatic liba-1.rlib -la_native libb-1.rlib -lb_native libsys_std-1.rlib libcompiler_builtins-1.rlib -Wl,-Bdynamic -lc -pie",
            ),
            (
                &[("a-1", Static), ("b-1", Dynamic), ("sys_std-1", Dynamic), ("compiler_builtins-1", IncludedFromDylib)],
                "-m64 -Wl,-Bstatic liba-1.rlib -la_native -Wl,-Bdynamic libb-1.so libsys_std-1.so -Wl,-Bstatic libcompiler_builtins-1.rlib -Wl,-Bdynamic -lc -pie",
            ),
            (
                &[("a-1", Dynamic), ("b-1", IncludedFromDylib), ("sys_std-1", NotLinked)],
                "-m64 -Wl,-Bdynamic liba-1.so -Wl,-Bstatic libcompiler_builtins-1.rlib -Wl,-Bdynamic -lc -pie",
            ),
        ];
        for (linkage, expected) in table {
            assert_eq!(shown(&line, linkage), *expected, "{linkage:?}");
        }
    }

    #[test]
    fn a_last_crate_that_is_left_out() {
        let line = line(&["-Bstatic", "liba-1.rlib", "-la_native", "-Bdynamic", "-lc"]);
        assert_eq!(shown(&line, &[("a-1", Linkage::Dynamic)]), "-Bdynamic liba-1.so -lc");
    }
}
