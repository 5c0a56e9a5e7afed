//! Which libraries are edited while a worker is there.
//!
//! A library with an interface and with incremental compilation would be compiled twice wherever
//! what is below it changes, and nothing is won by it unless its own sources are edited. So its
//! metadata and code come of one run of rustc for its source until they are: only then the interface
//! is compiled, from then on.

use super::lock;
use super::protocol::Input;
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::Path;
use std::sync::Mutex;

/// What the metadata of a library is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetadataOf {
    /// Its source, by the run of rustc that makes its code.
    Source,
    /// Its interface.
    Interface,
}

/// What is known of each library, by the path of its metadata.
#[derive(Debug, Default)]
pub struct Edits {
    libraries: Mutex<HashMap<String, Library>>,
}

#[derive(Debug)]
struct Library {
    /// A hash of the sources that it was last compiled from.
    sources: u64,
    made_of: MetadataOf,
}

impl Edits {
    /// Of what the metadata `output` is to be made, with these `inputs`.
    pub fn decide(&self, output: &str, inputs: &[Input]) -> MetadataOf {
        let mut hasher = DefaultHasher::new();
        for input in inputs.iter().filter(|input| Path::new(&input.path).extension().is_some_and(|extension| extension == "rs")) {
            (&input.path, &input.digest).hash(&mut hasher);
        }
        let sources = hasher.finish();
        let mut libraries = lock(&self.libraries);
        let library = libraries.entry(output.to_owned()).or_insert(Library { sources, made_of: MetadataOf::Source });
        if library.sources != sources {
            *library = Library { sources, made_of: MetadataOf::Interface };
        }
        library.made_of
    }

    /// Of what the metadata `output` was made; none if that was not in this worker.
    pub fn made_of(&self, output: &str) -> Option<MetadataOf> {
        lock(&self.libraries).get(output).map(|library| library.made_of)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_library_that_is_edited_stays_one() {
        let edits = Edits::default();
        let inputs = |source: &str, other: &str| {
            let input = |path: &str, digest: &str| Input { path: path.to_owned(), digest: digest.as_bytes().to_vec() };
            [input("a/lib.rs", source), input("b/libdep.rmeta", other)]
        };
        assert_eq!(edits.made_of("a.rmeta"), None);
        for (source, other, expected) in [
            ("1", "1", MetadataOf::Source),
            ("1", "2", MetadataOf::Source),
            ("2", "2", MetadataOf::Interface),
            ("2", "3", MetadataOf::Interface),
            ("1", "1", MetadataOf::Interface),
        ] {
            assert_eq!(edits.decide("a.rmeta", &inputs(source, other)), expected, "{source} {other}");
            assert_eq!(edits.made_of("a.rmeta"), Some(expected));
        }
        assert_eq!(edits.decide("b.rmeta", &inputs("1", "1")), MetadataOf::Source);
    }
}
