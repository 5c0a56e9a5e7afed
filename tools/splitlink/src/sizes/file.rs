//! The sizes file: what is in an artifact, by who owns it. `docs/sizes.md` describes it.

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::Path;

/// The version of the format that this program writes and reads.
pub const VERSION: u32 = 1;

/// A sizes file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sizes {
    /// The version of this format, [`VERSION`].
    pub version: u32,
    /// The name of the crate that was linked.
    pub crate_name: String,
    /// The artifact's crate type.
    pub crate_type: String,
    /// The artifact's file name.
    pub file_name: String,
    /// The size of its file, in bytes.
    pub bytes: u64,
    /// Its sections, in their order.
    pub sections: Vec<Section>,
    /// Who owns anything in it: crates by name, then the others.
    pub owners: Vec<Owner>,
    /// Functions, statics and what else has a place of its own; by owner, then by path.
    pub items: Vec<Item>,
    /// Debug information by owner, and at the end what is nobody's alone.
    pub debug: Vec<Debug>,
}

/// A section of the artifact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Section {
    /// Its name.
    pub name: String,
    /// What it holds.
    pub kind: SectionKind,
    /// Its size, in bytes: in the file, or of what has no place there (`.bss`) in memory.
    pub bytes: u64,
    /// How many of them are in `items`, or in `debug` with an owner.
    pub attributed: u64,
}

/// What a section holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SectionKind {
    /// Machine code.
    Text,
    /// What programs read and write.
    Data,
    /// Debug information.
    Debug,
    /// What linker and loader need, and tables for unwinding.
    Other,
}

/// Who owns a part of the artifact.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Owner {
    /// The name of the crate or library.
    pub name: String,
    /// The crate's identity, or that of the crate that carries the library; absent for the linked
    /// crate itself and for what is no crate of the link.
    #[serde(rename = "crate")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The label of its target, where the link report has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Its version, where the link report has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// What it is.
    pub kind: OwnerKind,
}

/// What an owner is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OwnerKind {
    /// A crate.
    Crate,
    /// A crate of the standard library.
    Std,
    /// A native library.
    Native,
    /// The linker: what it makes, and startup code.
    Linker,
}

/// A function or static.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Item {
    /// Who defines it, as an index of `owners`.
    pub owner: usize,
    /// Whose code it was instantiated in, where that is known and another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instantiated_by: Option<usize>,
    /// Its modules, without the crate, and then its own name.
    pub path: Vec<String>,
    /// Its symbol; empty for what has none.
    pub symbol: String,
    /// Which kind of section it is in: [`SectionKind::Text`] or [`SectionKind::Data`].
    pub kind: SectionKind,
    /// Its size, in bytes.
    pub bytes: u64,
}

/// Debug information.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Debug {
    /// Whose it is, as an index of `owners`; absent for what several share.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<usize>,
    /// Its size in the file, in bytes.
    pub bytes: u64,
}

impl Sizes {
    /// Reads the file at `path`.
    ///
    /// # Errors
    /// If it cannot be read, is no sizes file or one of another version.
    pub fn read(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path)
            .with_context(|| format!("cannot read the sizes file `{}`\n  help: `splitlink sizes` writes it", path.display()))?;
        Self::parse(&text).with_context(|| format!("cannot use the sizes file `{}`", path.display()))
    }

    /// Takes the text of a sizes file apart.
    ///
    /// # Errors
    /// If it is none, or one of another version.
    pub fn parse(text: &str) -> Result<Self> {
        let value: serde_json::Value = serde_json::from_str(text).context("it is not JSON\n  help: was it truncated?")?;
        let is_one = value.get("sections").is_some();
        match value.get("version").and_then(serde_json::Value::as_u64) {
            Some(version) if is_one && version == u64::from(VERSION) => {}
            Some(version) if is_one => {
                bail!("it is of version {version}, and this splitlink reads version {VERSION}\n  help: use the splitlink that wrote it")
            }
            _ => bail!("it is no sizes file\n  help: give the file that `splitlink sizes` wrote; a link report is given without `--sizes`"),
        }
        let sizes: Self = serde_json::from_value(value).context(EDITED)?;
        let bytes = sizes.sections.iter().flat_map(|section| [section.bytes, section.attributed]).chain([sizes.bytes]);
        let bytes = bytes.chain(sizes.items.iter().map(|item| item.bytes)).chain(sizes.debug.iter().map(|debug| debug.bytes));
        // So that sums and parts of a thousand are numbers, too.
        if bytes.map(u128::from).sum::<u128>() >= 1 << 54 {
            bail!(EDITED);
        }
        let of_items = sizes.items.iter().flat_map(|item| [Some(item.owner), item.instantiated_by]);
        let mut owners = of_items.chain(sizes.debug.iter().map(|debug| debug.owner)).flatten();
        if owners.any(|owner| owner >= sizes.owners.len()) || sizes.items.iter().any(|item| item.path.is_empty()) {
            bail!(EDITED);
        }
        Ok(sizes)
    }

    /// The file as text, an item a line: the same for the same sizes.
    pub fn to_text(&self) -> String {
        let Self { version, crate_name, crate_type, file_name, bytes, sections, owners, items, debug } = self;
        // Made as large as it will be, or nearly so: it is not copied while it grows.
        let of_item = |item: &Item| item.symbol.len() + item.path.iter().map(|part| part.len() + 3).sum::<usize>() + 90;
        let mut text = Vec::with_capacity(items.iter().map(of_item).sum::<usize>() + 4096);
        field(&mut text, "{\n", "version", version);
        field(&mut text, ",\n", "crate_name", crate_name);
        field(&mut text, ",\n", "crate_type", crate_type);
        field(&mut text, ",\n", "file_name", file_name);
        field(&mut text, ",\n", "bytes", bytes);
        lines(&mut text, "sections", sections);
        lines(&mut text, "owners", owners);
        lines(&mut text, "items", items);
        lines(&mut text, "debug", debug);
        text.extend_from_slice(b"\n}\n");
        String::from_utf8(text).expect("JSON is UTF-8")
    }
}

const EDITED: &str = "it does not have the form that its version promises\n  help: was it edited? run `splitlink sizes` again";

fn json(text: &mut Vec<u8>, value: &impl Serialize) {
    serde_json::to_writer(text, value).expect("sizes are plain data");
}

fn field(text: &mut Vec<u8>, before: &str, name: &str, value: &impl Serialize) {
    text.extend_from_slice(format!("{before}  \"{name}\": ").as_bytes());
    json(text, value);
}

fn lines(text: &mut Vec<u8>, name: &str, values: &[impl Serialize]) {
    text.extend_from_slice(format!(",\n  \"{name}\": [").as_bytes());
    for (number, value) in values.iter().enumerate() {
        text.extend_from_slice(if number == 0 { b"\n    " } else { b",\n    " });
        json(text, value);
    }
    text.extend_from_slice(if values.is_empty() { b"]" } else { b"\n  ]" });
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A program of 100 bytes of text for each of `crates`, each in a function of its own.
    pub(crate) fn of_crates(crates: &[(&str, &str, u64)]) -> Sizes {
        let owner =
            |name: &str| Owner { name: name.to_owned(), id: Some(format!("{name}-1")), label: None, version: None, kind: OwnerKind::Crate };
        let owners: Vec<Owner> = {
            let mut names: Vec<&str> = crates.iter().map(|(name, ..)| *name).collect();
            names.sort_unstable();
            names.dedup();
            names.into_iter().map(owner).collect()
        };
        let items: Vec<Item> = crates
            .iter()
            .map(|(name, path, bytes)| Item {
                owner: owners.iter().position(|owner| owner.name == *name).unwrap(),
                instantiated_by: None,
                path: path.split("::").map(str::to_owned).collect(),
                symbol: format!("_ZN{name}{path}"),
                kind: SectionKind::Text,
                bytes: *bytes,
            })
            .collect();
        let bytes = items.iter().map(|item| item.bytes).sum();
        Sizes {
            version: VERSION,
            crate_name: "app".into(),
            crate_type: "bin".into(),
            file_name: "app".into(),
            bytes: 2 * bytes,
            sections: vec![Section { name: ".text".into(), kind: SectionKind::Text, bytes, attributed: bytes }],
            owners,
            items,
            debug: vec![Debug { owner: Some(0), bytes: 10 }, Debug { owner: None, bytes: 5 }],
        }
    }

    #[test]
    fn written_and_read_again() {
        let sizes = of_crates(&[("b", "m::f", 10), ("a", "g", 20)]);
        assert_eq!(Sizes::parse(&sizes.to_text()).unwrap(), sizes);
        let empty = Sizes { sections: Vec::new(), owners: Vec::new(), items: Vec::new(), debug: Vec::new(), ..sizes.clone() };
        assert_eq!(Sizes::parse(&empty.to_text()).unwrap(), empty);
        let text = sizes.to_text();
        for (text, why) in [
            ("", "not JSON"),
            ("{\"version\": 4, \"artifacts\": []}", "no sizes file"),
            (&text.replace("\"version\": 1", "\"version\": 9"), "of version 9"),
            (&text.replace("\"owner\":1", "\"owner\":7"), "was it edited"),
            (&text.replace("[\"g\"]", "[]"), "was it edited"),
            (&text.replace("\"bytes\":20", "\"bytes\":18446744073709551615"), "was it edited"),
            (&text.replace("\"path\"", "\"paht\""), "was it edited"),
        ] {
            let message = format!("{:#}", Sizes::parse(text).unwrap_err());
            assert!(message.contains(why) && message.contains("help: "), "{why}: {message}");
        }
    }
}
