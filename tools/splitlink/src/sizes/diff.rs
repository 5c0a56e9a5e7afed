//! What changed between two sizes files, in Markdown: totals, crates, functions. What is the same
//! is left out.

use super::file::{Owner, Sizes};
use super::table::{Amounts, LISTED, kib};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

const IN_MEMORY: &str = "a string takes it";

/// Shows what changed from `old` to `new`, in the crates with `named` in their names or labels.
pub(super) fn markdown(old: &Sizes, new: &Sizes, named: Option<&str>, all: bool) -> String {
    let both = [old, new];
    let keys = keys(both);
    let amounts = both.map(Amounts::of);
    let mut text = format!("### Size of `{}` ({})\n\n", new.crate_name, new.crate_type);
    let totals = amounts.each_ref().map(|(_, whole)| whole);
    let totals = [
        ("file", [old.bytes, new.bytes]),
        ("text", totals.map(|whole| whole.text)),
        ("data", totals.map(|whole| whole.data)),
        ("debug", totals.map(|whole| whole.debug)),
    ];
    let crates = by_crate(both, &keys, &amounts, named);
    let functions = by_function(both, &keys, named);
    if old.items == new.items && crates.is_empty() && totals.iter().all(|(_, [old, new])| old == new) {
        text.push_str("Nothing changed.\n");
        return text;
    }
    text.push_str("| | old | new | change |\n|---|--:|--:|--:|\n");
    for (name, [old, new]) in totals.into_iter().filter(|(_, bytes)| *bytes != [0, 0]) {
        writeln!(text, "| {name} | {} | {} | {} |", kib(old), kib(new), change(old, new)).expect(IN_MEMORY);
    }
    if !crates.is_empty() {
        text.push_str("\n| crate | text | data | debug |\n|---|--:|--:|--:|\n");
        let listed = if all { crates.len() } else { LISTED };
        for Changed { name, amounts: [old, new] } in crates.iter().take(listed) {
            let cells = [(old.text, new.text), (old.data, new.data), (old.debug, new.debug)];
            let cells = cells.map(|(old, new)| if old == new { String::new() } else { change(old, new) });
            writeln!(text, "| {name} | {} |", cells.join(" | ")).expect(IN_MEMORY);
        }
        more(&mut text, crates.len(), listed, "crates");
    }
    if !functions.is_empty() {
        text.push_str("\n| function or static | old | new | change |\n|---|--:|--:|--:|\n");
        let listed = if all { functions.len() } else { LISTED };
        for (name, [old, new]) in functions.iter().take(listed) {
            let [was, is] = [old, new].map(|bytes| if *bytes == 0 { "–".to_owned() } else { bytes.to_string() });
            writeln!(text, "| {} | {was} | {is} | {} |", code(name), signed(*old, *new)).expect(IN_MEMORY);
        }
        more(&mut text, functions.len(), listed, "functions and statics");
    }
    text
}

fn more(text: &mut String, count: usize, listed: usize, what: &str) {
    if count > listed {
        writeln!(text, "\n{} more {what} changed (`--all` lists them).", count - listed).expect(IN_MEMORY);
    }
}

/// Code in a table, where `|` would end the cell.
fn code(text: &str) -> String {
    format!("`{}`", text.replace('|', "\\|"))
}

fn signed(old: u64, new: u64) -> String {
    if new >= old { format!("+{}", new - old) } else { format!("−{}", old - new) }
}

/// The change from `old` to `new` in bytes and of a hundred.
fn change(old: u64, new: u64) -> String {
    let difference = new.abs_diff(old);
    let sign = match new.cmp(&old) {
        std::cmp::Ordering::Less => "−",
        std::cmp::Ordering::Equal => return "0".to_owned(),
        std::cmp::Ordering::Greater => "+",
    };
    let bytes = if difference < 1024 { format!("{difference} B") } else { kib(difference) };
    match (old, new) {
        (0, _) => format!("{sign}{bytes} (new)"),
        (_, 0) => format!("{sign}{bytes} (gone)"),
        _ => {
            let tenths = (u128::from(difference) * 1000 + u128::from(old) / 2) / u128::from(old);
            format!("{sign}{bytes} ({sign}{}.{} %)", tenths / 10, tenths % 10)
        }
    }
}

/// What an owner is known by in both files: its kind and name, with its version, or else its
/// identity, where one of the files has several of that name.
fn keys(both: [&Sizes; 2]) -> [Vec<String>; 2] {
    let name = |owner: &Owner| (owner.kind, owner.name.clone());
    let mut several = BTreeSet::new();
    for sizes in both {
        let mut seen = BTreeSet::new();
        several.extend(sizes.owners.iter().map(name).filter(|name| !seen.insert(name.clone())));
    }
    both.map(|sizes| {
        let key = |owner: &Owner| {
            let apart = owner.version.as_ref().or(owner.id.as_ref()).filter(|_| several.contains(&name(owner)));
            apart.map_or_else(|| owner.name.clone(), |apart| format!("{} {apart}", owner.name))
        };
        let kinds = |owner: &Owner| if owner.kind == super::file::OwnerKind::Native { " (native)" } else { "" };
        sizes.owners.iter().map(|owner| key(owner) + kinds(owner)).collect()
    })
}

/// A crate that is not what it was.
struct Changed {
    /// Its name, in Markdown.
    name: String,
    amounts: [Amounts; 2],
}

fn is_asked(owner: &Owner, named: Option<&str>) -> bool {
    let names = [Some(&owner.name), owner.id.as_ref(), owner.label.as_ref()];
    named.is_none_or(|named| names.into_iter().flatten().any(|name| name.contains(named)))
}

/// The crates that changed, those first that changed most.
fn by_crate(both: [&Sizes; 2], keys: &[Vec<String>; 2], amounts: &[(Vec<Amounts>, Amounts); 2], named: Option<&str>) -> Vec<Changed> {
    let mut crates: BTreeMap<&str, ([Amounts; 2], [Option<&str>; 2])> = BTreeMap::new();
    for (side, sizes) in both.into_iter().enumerate() {
        for (number, owner) in sizes.owners.iter().enumerate().filter(|(_, owner)| is_asked(owner, named)) {
            let (amounts_of, versions) = crates.entry(&keys[side][number]).or_default();
            let Amounts { text, data, debug } = amounts[side].0[number];
            let known = &mut amounts_of[side];
            *known = Amounts { text: known.text + text, data: known.data + data, debug: known.debug + debug };
            versions[side] = owner.version.as_deref();
        }
    }
    let mut changed: Vec<Changed> = crates
        .into_iter()
        .filter(|(_, (amounts, _))| amounts[0] != amounts[1])
        .map(|(key, (amounts, versions))| {
            let versions = match versions {
                [Some(old), Some(new)] if old != new => format!(" {old} → {new}"),
                _ => String::new(),
            };
            Changed { name: code(key) + &versions, amounts }
        })
        .collect();
    changed.sort_by_key(|Changed { amounts: [old, new], .. }| {
        std::cmp::Reverse((new.text.abs_diff(old.text), new.data.abs_diff(old.data), new.debug.abs_diff(old.debug)))
    });
    changed
}

/// The functions and statics that changed, those first that changed most. Those of one name count
/// together: hashes in symbols are others in each build.
fn by_function(both: [&Sizes; 2], keys: &[Vec<String>; 2], named: Option<&str>) -> Vec<(String, [u64; 2])> {
    let mut functions: BTreeMap<(&str, &[String]), [u64; 2]> = BTreeMap::new();
    for (side, sizes) in both.into_iter().enumerate() {
        for item in sizes.items.iter().filter(|item| is_asked(&sizes.owners[item.owner], named)) {
            functions.entry((&keys[side][item.owner], &item.path)).or_default()[side] += item.bytes;
        }
    }
    let mut changed: Vec<(String, [u64; 2])> = functions
        .into_iter()
        .filter(|(_, [old, new])| old != new)
        .map(|((key, path), bytes)| (format!("{key}::{}", path.join("::")), bytes))
        .collect();
    changed.sort_by_key(|(_, [old, new])| std::cmp::Reverse(new.abs_diff(*old)));
    changed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sizes::file::tests::of_crates;

    #[test]
    fn what_changed() {
        let old =
            of_crates(&[("app", "main", 100), ("dep", "m::grows", 1000), ("dep", "m::stays", 7), ("gone", "f", 30), ("same", "f", 9)]);
        let mut new =
            of_crates(&[("app", "main", 90), ("dep", "m::grows", 3000), ("dep", "m::stays", 7), ("came", "a|b", 50), ("same", "f", 9)]);
        for sizes in [&mut new] {
            sizes.owners[2].id = Some("dep-2".into());
            for item in &mut sizes.items {
                item.symbol.push_str("another hash");
            }
        }
        let expected = "\
### Size of `app` (bin)

| | old | new | change |
|---|--:|--:|--:|
| file | 2.2 KiB | 6.2 KiB | +3.9 KiB (+175.4 %) |
| text | 1.1 KiB | 3.1 KiB | +2.0 KiB (+175.4 %) |

| crate | text | data | debug |
|---|--:|--:|--:|
| `dep` | +2.0 KiB (+198.6 %) |  |  |
| `came` | +50 B (new) |  |  |
| `gone` | −30 B (gone) |  |  |
| `app` | −10 B (−10.0 %) |  |  |

| function or static | old | new | change |
|---|--:|--:|--:|
| `dep::m::grows` | 1000 | 3000 | +2000 |
| `came::a\\|b` | – | 50 | +50 |
| `gone::f` | 30 | – | −30 |
| `app::main` | 100 | 90 | −10 |
";
        let without_debug = |mut sizes: Sizes| {
            sizes.debug.clear();
            sizes
        };
        let [old, new] = [without_debug(old), without_debug(new)];
        assert_eq!(markdown(&old, &new, None, false), expected);
        let of_one = markdown(&old, &new, Some("gone"), false);
        assert!(of_one.contains("`gone::f`") && !of_one.contains("app::"), "{of_one}");
        assert_eq!(markdown(&old, &old, None, false), "### Size of `app` (bin)\n\nNothing changed.\n");
    }

    #[test]
    fn versions_and_crates_of_one_name() {
        let mut old = of_crates(&[("a", "f", 10)]);
        let mut new = of_crates(&[("a", "f", 20)]);
        old.debug.clear();
        new.debug.clear();
        old.owners[0].version = Some("1.0".into());
        new.owners[0].version = Some("1.1".into());
        assert!(markdown(&old, &new, None, false).contains("| `a` 1.0 → 1.1 | +10 B (+100.0 %) |"));
        // Two of the name: each is compared with its own version.
        new.owners.push(old.owners[0].clone());
        new.items.push(super::super::file::Item { owner: 1, ..old.items[0].clone() });
        let shown = markdown(&old, &new, None, false);
        assert!(shown.contains("| `a 1.1` | +20 B (new) |") && !shown.contains("`a 1.0`"), "{shown}");
    }
}
