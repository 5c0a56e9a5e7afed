//! Which functions of a crate nobody else can see at all, whatever their bodies are.
//!
//! That is a function that is not `pub` and that nothing names which others compile: generic code,
//! macros, constants, attributes. Names are compared as words, wherever they stand, in texts as well
//! (`#[serde(default = "port")]`), so a function of which that is not certain stays.

use super::bodies::leaks;
use super::known::Known;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use syn::{Attribute, Block, Signature, Visibility};

/// Attributes that neither export a function nor make something else of it.
const PLAIN: &[&str] =
    &["allow", "cfg", "cold", "deny", "deprecated", "doc", "expect", "forbid", "inline", "must_use", "track_caller", "warn"];

/// A function that nobody else can see if nothing names it.
#[derive(Debug)]
pub(super) struct Hidden {
    pub name: String,
    pub range: Range<usize>,
}

impl Hidden {
    /// The function at `range`, unless it may be seen, or something in its body. This is `known` of
    /// the crate.
    pub(super) fn function(
        visibility: &Visibility,
        attributes: &[Attribute],
        signature: &Signature,
        block: &Block,
        range: Range<usize>,
        known: &Known,
    ) -> Option<Self> {
        let is_plain = |attribute: &Attribute| PLAIN.iter().any(|name| attribute.path().is_ident(name));
        let may_be_seen = matches!(visibility, Visibility::Public(_)) || !attributes.iter().all(is_plain) || leaks(block, known);
        (!may_be_seen).then(|| Self { name: signature.ident.to_string().trim_start_matches("r#").to_owned(), range })
    }
}

/// The words of a file by which something may be named.
#[derive(Debug, Default, Clone)]
pub struct Names {
    /// Those of what others may see.
    pub(super) words: BTreeSet<String>,
    /// Those of each function that others see if something names it, with its name.
    pub(super) hidden: Vec<(String, BTreeSet<String>)>,
}

/// What is named in a crate with these files, by what others may see or by what that names.
pub(super) fn named<'a>(files: impl IntoIterator<Item = &'a Names>) -> BTreeSet<String> {
    let (mut named, mut hidden) = (BTreeSet::new(), BTreeMap::<&str, Vec<&BTreeSet<String>>>::new());
    for file in files {
        named.extend(file.words.iter().map(String::as_str));
        for (name, words) in &file.hidden {
            hidden.entry(name).or_default().push(words);
        }
    }
    let mut pending: Vec<&str> = named.iter().copied().filter(|word| hidden.contains_key(word)).collect();
    while let Some(name) = pending.pop() {
        for word in hidden.remove(name).into_iter().flatten().flatten() {
            named.insert(word);
            if hidden.contains_key(word.as_str()) {
                pending.push(word);
            }
        }
    }
    named.into_iter().map(str::to_owned).collect()
}

/// The words in a token. A comment that documents something names nothing.
pub(super) fn words_of(token: &str) -> impl Iterator<Item = String> {
    let is_comment = token.starts_with("//") || token.starts_with("/*");
    let words = token.split(|c: char| !c.is_alphanumeric() && c != '_').filter(move |word| !is_comment && !word.is_empty());
    words.map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_left_out() {
        let cases = [
            ("fn f() {}", true),
            ("pub(crate) const fn f<T: Copy>(x: impl Into<u8>) -> u8 { 1 }", true),
            ("pub(in a::b) async fn f() {}", true),
            ("#[cfg(unix)] #[inline] #[must_use] fn f() -> u8 { 1 }", true),
            ("pub fn f() {}", false),
            ("#[unsafe(no_mangle)] extern \"C\" fn f() {}", false),
            ("#[no_mangle] fn f() {}", false),
            ("#[some::attribute] fn f() {}", false),
            ("#[test] fn f() {}", false),
            ("#[cfg_attr(a, no_mangle)] fn f() {}", false),
            ("fn f() { impl Clone for super::A { fn clone(&self) -> Self { loop {} } } }", false),
        ];
        for (text, expected) in cases {
            let function: syn::ItemFn = syn::parse_str(text).unwrap();
            let hidden = Hidden::function(&function.vis, &function.attrs, &function.sig, &function.block, 0..1, &Known::default());
            assert_eq!(hidden.is_some(), expected, "{text}");
        }
    }

    #[test]
    fn what_something_named_names_is_named() {
        let set = |words: &str| words.split_whitespace().map(str::to_owned).collect::<BTreeSet<_>>();
        let file = |words: &str, hidden: &[(&str, &str)]| Names {
            words: set(words),
            hidden: hidden.iter().map(|(name, words)| ((*name).to_owned(), set(words))).collect(),
        };
        let files =
            [file("generic one", &[("one", "two"), ("apart", "three")]), file("", &[("two", "four"), ("three", "five"), ("one", "six")])];
        assert_eq!(named(&files), set("generic one two four six"));
    }

    #[test]
    fn words_are_found_in_texts() {
        for (token, expected) in [
            ("\"self::port(x)\"", vec!["self", "port", "x"]),
            ("r#type", vec!["r", "type"]),
            ("/// port", vec![]),
            ("/** port */", vec![]),
            ("'{'", vec![]),
        ] {
            assert_eq!(words_of(token).collect::<Vec<_>>(), expected, "{token}");
        }
    }
}
