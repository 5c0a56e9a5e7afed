//! What is in an artifact, as the page shows it: of one build, or of two beside each other.

use crate::formats::report::CrateFormat;
use crate::sizes::file::{Owner, OwnerKind, SectionKind, Sizes};
use serde::Serialize;
use std::collections::{BTreeMap, HashMap};

/// Bytes of now, and of the other build.
type Both = [u64; 2];

/// What is in an artifact, for the page's script. Numbers of the other build are 0 where there is no
/// other.
#[derive(Debug, Serialize)]
pub(super) struct Contents {
    /// Whether there is another build.
    compared: bool,
    /// Of the files.
    bytes: Both,
    sections: Vec<BothSections>,
    owners: Vec<OwnerData>,
    /// The words of which paths are made.
    names: Vec<String>,
    /// One after another, each as: owner, who instantiates it (-1 where that is the owner, too), kind
    /// (0 text, 1 data), bytes now, bytes before, how many words its path has, these words. Sorted by
    /// owner and path.
    items: Vec<i64>,
    /// Owner (-1 for what several share), bytes now, bytes before.
    debug: Vec<[i64; 3]>,
}

/// A section of both builds.
#[derive(Debug, Serialize)]
struct BothSections {
    name: String,
    kind: SectionKind,
    bytes: Both,
    attributed: Both,
}

/// An owner, of either build.
#[derive(Debug, Serialize)]
struct OwnerData {
    name: String,
    kind: OwnerKind,
    /// Its place in the link report.
    #[serde(rename = "crate", skip_serializing_if = "Option::is_none")]
    number: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    label: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<String>,
}

/// What tells an item from others, sorted as it is written.
type Key<'a> = (usize, &'a [String], i64, i64);

impl Contents {
    /// Of `now`, beside `before`; `crates` are those of the link report.
    pub(super) fn of(now: &Sizes, before: Option<&Sizes>, crates: &[CrateFormat]) -> Self {
        let (owners, numbers) = both_owners(now, before);
        let files = [Some(now), before];
        let mut sections: BTreeMap<(usize, &str), (SectionKind, Both, Both)> = BTreeMap::new();
        let mut items: BTreeMap<Key<'_>, Both> = BTreeMap::new();
        let mut debug: BTreeMap<i64, Both> = BTreeMap::new();
        for (which, file) in files.iter().enumerate() {
            let Some(file) = file else { continue };
            let owner = |number: usize| numbers[which][number];
            for section in &file.sections {
                // Of several of one name, a sum.
                let key = (section.kind as usize, section.name.as_str());
                let (_, bytes, attributed) = sections.entry(key).or_insert((section.kind, [0; 2], [0; 2]));
                bytes[which] += section.bytes;
                attributed[which] += section.attributed;
            }
            for item in &file.items {
                let by = item.instantiated_by.map(owner).filter(|by| *by != owner(item.owner));
                let key = (owner(item.owner), item.path.as_slice(), i64::from(item.kind == SectionKind::Data), by.map_or(-1, signed));
                items.entry(key).or_default()[which] += item.bytes;
            }
            for part in &file.debug {
                debug.entry(part.owner.map_or(-1, |number| signed(owner(number)))).or_default()[which] += part.bytes;
            }
        }
        let (names, items) = flat(&items);
        let by_id: HashMap<&str, usize> = crates.iter().enumerate().map(|(number, found)| (found.id.as_str(), number)).collect();
        let owner = |owner: &Owner| OwnerData {
            name: owner.name.clone(),
            kind: owner.kind,
            number: owner.id.as_ref().and_then(|id| by_id.get(id.as_str()).copied()),
            label: owner.label.clone(),
            version: owner.version.clone(),
        };
        Self {
            compared: before.is_some(),
            bytes: [now.bytes, before.map_or(0, |before| before.bytes)],
            sections: sections
                .into_iter()
                .map(|((_, name), (kind, bytes, attributed))| BothSections { name: name.into(), kind, bytes, attributed })
                .collect(),
            owners: owners.into_iter().map(owner).collect(),
            names,
            items,
            debug: debug.into_iter().map(|(owner, [now, before])| [owner, number(now), number(before)]).collect(),
        }
    }
}

fn signed(number: usize) -> i64 {
    i64::try_from(number).expect("an artifact has fewer parts")
}

fn number(bytes: u64) -> i64 {
    i64::try_from(bytes).expect("a file is smaller")
}

/// The items in one list of numbers, and the words that they speak of.
fn flat(items: &BTreeMap<Key<'_>, Both>) -> (Vec<String>, Vec<i64>) {
    let mut words: HashMap<&str, i64> = HashMap::new();
    let mut names = Vec::new();
    let mut numbers = Vec::new();
    for ((owner, path, kind, by), [now, before]) in items {
        numbers.extend([signed(*owner), *by, *kind, number(*now), number(*before), signed(path.len())]);
        for word in *path {
            numbers.push(*words.entry(word).or_insert_with(|| {
                names.push(word.clone());
                signed(names.len() - 1)
            }));
        }
    }
    (names, numbers)
}

/// The owners of `now`, then those that only `before` has; and for each file the place of its owners
/// among them.
fn both_owners<'a>(now: &'a Sizes, before: Option<&'a Sizes>) -> (Vec<&'a Owner>, [Vec<usize>; 2]) {
    let mut owners: Vec<&Owner> = now.owners.iter().collect();
    let mut taken = vec![false; owners.len()];
    let mut places = Vec::new();
    let before = before.map_or(&[][..], |before| &before.owners);
    // What says most about a crate first: another build may give it another identity.
    let likenesses: [fn(&Owner, &Owner) -> bool; 4] =
        [|a, b| a.id.is_some() && a.id == b.id, |a, b| a.label.is_some() && a.label == b.label, |a, b| a.version == b.version, |_, _| true];
    let mut found: Vec<Option<usize>> = vec![None; before.len()];
    for alike in likenesses {
        for (number, owner) in before.iter().enumerate().filter(|(number, _)| places.len() <= *number) {
            if found[number].is_none() {
                let place = (0..now.owners.len()).find(|&place| {
                    !taken[place] && owners[place].kind == owner.kind && owners[place].name == owner.name && alike(owners[place], owner)
                });
                if let Some(place) = place {
                    (taken[place], found[number]) = (true, Some(place));
                }
            }
        }
    }
    for (number, owner) in before.iter().enumerate() {
        places.push(found[number].unwrap_or_else(|| {
            owners.push(owner);
            owners.len() - 1
        }));
    }
    (owners, [(0..now.owners.len()).collect(), places])
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn file(owners: &Value, items: &Value, debug: &Value) -> Sizes {
        let value = json!({
            "version": 1, "crate_name": "app", "crate_type": "bin", "file_name": "app", "bytes": 1000,
            "sections": [{"name": ".text", "kind": "text", "bytes": 60, "attributed": 50}],
            "owners": owners, "items": items, "debug": debug,
        });
        Sizes::parse(&value.to_string()).unwrap()
    }

    fn shown(now: &Sizes, before: Option<&Sizes>) -> Value {
        serde_json::to_value(Contents::of(now, before, &[])).unwrap()
    }

    #[test]
    fn items_of_one_path_are_one() {
        let owners = json!([{"name": "app", "kind": "crate"}, {"name": "std", "kind": "std"}]);
        let item = |owner, path: &[&str], bytes| json!({"owner": owner, "path": path, "symbol": "_R", "kind": "text", "bytes": bytes});
        let mut by_app = item(1, &["vec", "push"], 7);
        by_app["instantiated_by"] = 0.into();
        let mut by_itself = item(0, &["main"], 3);
        by_itself["instantiated_by"] = 0.into();
        let items = json!([item(1, &["vec", "push"], 5), by_app, item(0, &["main"], 2), by_itself, item(1, &["vec", "push"], 1)]);
        let shown = shown(&file(&owners, &items, &json!([{"bytes": 4}, {"owner": 1, "bytes": 2}, {"owner": 1, "bytes": 3}])), None);
        assert_eq!(shown["names"], json!(["main", "vec", "push"]));
        assert_eq!(shown["items"], json!([0, -1, 0, 5, 0, 1, 0, 1, -1, 0, 6, 0, 2, 1, 2, 1, 0, 0, 7, 0, 2, 1, 2]));
        assert_eq!(shown["debug"], json!([[-1, 4, 0], [1, 5, 0]]));
        assert_eq!(shown["compared"], false);
    }

    #[test]
    fn owners_of_two_builds() {
        let owner = |name: &str, id: &str, version: &str| json!({"name": name, "crate": id, "version": version, "kind": "crate"});
        let now = json!([owner("hash", "hash-1", "0.14.0"), owner("hash", "hash-2", "0.15.0"), owner("new", "new-1", "1.0.0")]);
        // Other identities, another order, an older version, and one that is gone.
        let before = json!([owner("hash", "hash-8", "0.15.0"), owner("gone", "gone-1", "1.0.0"), owner("hash", "hash-9", "0.13.0")]);
        let item = |owner: usize, bytes: u64| json!({"owner": owner, "path": ["f"], "symbol": "f", "kind": "data", "bytes": bytes});
        let now = file(&now, &json!([item(0, 1), item(1, 2), item(2, 3)]), &json!([]));
        let before = file(&before, &json!([item(0, 20), item(1, 40), item(2, 10)]), &json!([]));
        let shown = shown(&now, Some(&before));
        let names: Vec<_> = shown["owners"].as_array().unwrap().iter().map(|owner| owner["crate"].clone()).collect();
        assert_eq!(shown["owners"].as_array().unwrap().len(), 4, "{names:?}");
        assert_eq!(shown["owners"][3]["name"], "gone");
        let rows: Vec<Vec<i64>> =
            serde_json::from_value::<Vec<i64>>(shown["items"].clone()).unwrap().chunks(7).map(<[_]>::to_vec).collect();
        assert_eq!(rows.iter().map(|row| (row[0], row[3], row[4])).collect::<Vec<_>>(), [(0, 1, 10), (1, 2, 20), (2, 3, 0), (3, 0, 40)]);
        assert_eq!(shown["sections"], json!([{"name": ".text", "kind": "text", "bytes": [60, 60], "attributed": [50, 50]}]));
    }
}
