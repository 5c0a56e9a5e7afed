//! What crates are called where people read it.

use crate::formats::report::CrateFormat;
use std::collections::HashMap;

/// Crates by their names, and their versions if they are known; where two would be called the same,
/// by what tells them apart.
pub struct ShortNames<'a>(HashMap<&'a str, String>);

impl<'a> ShortNames<'a> {
    /// Those of `crates`.
    pub fn of(crates: &'a [CrateFormat]) -> Self {
        let plain = |c: &CrateFormat| {
            let name = c.crate_name();
            c.version.as_ref().map_or_else(|| name.to_owned(), |version| format!("{name} {version}"))
        };
        let mut times: HashMap<String, usize> = HashMap::new();
        for c in crates {
            *times.entry(plain(c)).or_default() += 1;
        }
        Self(crates.iter().map(|c| (c.id.as_str(), plain(c))).filter(|(_, name)| times[name] == 1).collect())
    }

    /// What the crate of the identity `id` is called.
    pub fn name<'b>(&'b self, id: &'b str) -> &'b str {
        self.0.get(id).map_or(id, String::as_str)
    }

    /// A sentence with crates in it.
    pub fn text(&self, text: &str) -> String {
        text.split(' ').map(|word| self.name(word)).collect::<Vec<_>>().join(" ")
    }
}
