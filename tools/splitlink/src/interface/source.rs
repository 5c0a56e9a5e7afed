//! The interface of one source file.
//!
//! Code that other crates compile is *fixed*: it stays where it is, to line and column, for it shows
//! in panics, in backtraces and in debug information. All else *floats*: it comes right behind what
//! is before it, so that its place follows from what is fixed alone.
//!
//! ```text
//! pub struct Point(f64);                     pub struct Point(f64); impl Point { fn norm(&self) {loop{}} }
//!
//! impl Point {
//!     fn norm(&self) { 40 lines }
//! }
//! pub fn twice<T: Add>(x: T) -> T { x + x }  pub fn twice<T: Add>(x: T) -> T { x + x }
//! ```
//!
//! Here a line more in `norm` moves `twice`, and only then is the interface another. The order stays
//! as it is, since rustc counts `impl` blocks, and the numbers are in the names of symbols.

use super::bodies::is_macro_of_std;
use super::cutter::Cutter;
use super::definitions::definitions;
use super::hidden::{Names, words_of};
use super::known::Known;
use super::tokens::{Tokens, around};
use crate::files::definitions::Line;
use proc_macro2::TokenStream;
use std::collections::BTreeSet;
use std::ops::Range;

/// The interface of a file.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Source {
    /// Its text.
    pub text: String,
    /// The words in what was left out, and in macros that may be called there, among which are the names
    /// of other crates.
    pub words: BTreeSet<String>,
    /// Where what floats is.
    pub lines: Vec<Line>,
}

impl Source {
    /// Adds `text` at the end.
    pub(super) fn add(&mut self, text: &str) {
        self.text.truncate(self.text.trim_end().len());
        self.text += &format!(" {text}\n");
    }
}

/// A file, and what becomes of each part of it.
pub(super) struct Parts<'a> {
    tokens: Tokens<'a>,
    cutter: Cutter<'a>,
    /// What messages may be about.
    definitions: Vec<Range<usize>>,
}

impl<'a> Parts<'a> {
    /// The parts of the file with the contents `text`, which is `file`. This is `known` of the crate.
    pub(super) fn new(text: &'a str, file: &syn::File, tokens: TokenStream, known: &'a Known) -> Self {
        Self { tokens: Tokens::new(text, tokens), cutter: Cutter::new(file, known), definitions: definitions(file) }
    }

    /// The interface without what is hidden and not in `named`; none if something fixed cannot be
    /// left where it is. Whoever names all keeps all.
    pub(super) fn interface(&self, named: Option<&BTreeSet<String>>) -> Option<Source> {
        let unnamed = self.cutter.hidden.iter().filter(|hidden| named.is_some_and(|named| !named.contains(&hidden.name)));
        let unnamed: Vec<_> = unnamed.map(|hidden| hidden.range.clone()).collect();
        let (text, lines) = self.tokens.without(&self.cutter, &unnamed, &self.definitions)?;
        let mut words = self.tokens.words_in(&self.cutter.cut);
        words.extend(self.tokens.words_in(&self.cutter.macros));
        words.extend(self.tokens.words_in(&unnamed));
        Some(Source { text, words, lines })
    }

    /// All that others might name, and the words by which they are named.
    pub(super) fn names(&self) -> Names {
        let Cutter { cut, dropped, hidden, .. } = &self.cutter;
        let mut names =
            Names { words: BTreeSet::new(), hidden: hidden.iter().map(|hidden| (hidden.name.clone(), BTreeSet::new())).collect() };
        let ranges: Vec<_> = hidden.iter().map(|hidden| hidden.range.clone()).collect();
        // A file that is kept whole has all of its words.
        let is_whole = self.interface(None).is_none();
        for range in &self.tokens.ranges {
            if around(range, dropped).is_some() || (!is_whole && around(range, cut).is_some()) {
                continue;
            }
            let place = ranges.iter().position(|other| other.start <= range.start && range.end <= other.end);
            let words = place.filter(|_| !is_whole).map_or(&mut names.words, |at| &mut names.hidden[at].1);
            words.extend(words_of(&self.tokens.text[range.clone()]));
        }
        names
    }

    /// Whether what may be left out calls a macro that may name any crate.
    pub(super) fn calls_macros_of_others(&self) -> bool {
        let Tokens { text, ranges } = &self.tokens;
        let Cutter { cut, hidden, macros, known, .. } = &self.cutter;
        let hidden: Vec<_> = hidden.iter().map(|hidden| hidden.range.clone()).collect();
        let is_left_out = |range: &Range<usize>| [cut, &hidden, macros].iter().any(|ranges| around(range, ranges).is_some());
        let is_call = |three: &[Range<usize>]| {
            let [name, mark, open] = [0, 1, 2].map(|at| &text[three[at].clone()]);
            let is_name =
                name.starts_with(|c: char| c.is_alphabetic() || c == '_') && !matches!(name, "if" | "in" | "match" | "return" | "while");
            mark == "!" && matches!(open, "(" | "[" | "{") && is_name && !is_macro_of_std(name) && !known.defined.contains(name)
        };
        ranges.windows(3).any(|three| is_call(three) && is_left_out(&three[0]))
    }

    /// How many modules the file declares that are files of their own, wherever it does.
    pub(super) fn declared_modules(&self) -> usize {
        let Tokens { text, ranges } = &self.tokens;
        let is_declaration = |three: &&[Range<usize>]| {
            let [first, name, last] = three else { return false };
            let is_name = text[name.clone()].starts_with(|c: char| c.is_alphabetic() || c == '_');
            &text[first.clone()] == "mod" && is_name && &text[last.clone()] == ";" && around(first, &self.cutter.dropped).is_none()
        };
        ranges.windows(3).filter(is_declaration).count()
    }

    /// Whether the file takes code from another that is no module of its own.
    pub(super) fn includes_code(&self) -> bool {
        let Tokens { text, ranges } = &self.tokens;
        ranges.windows(2).any(|two| &text[two[0].clone()] == "include" && &text[two[1].clone()] == "!")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_parts<T>(text: &str, of_parts: impl FnOnce(&Parts<'_>) -> T) -> T {
        let tokens: TokenStream = text.parse().unwrap();
        let file = syn::parse2(tokens.clone()).unwrap();
        of_parts(&Parts::new(text, &file, tokens, &Known::of([&file])))
    }

    /// With all that is hidden.
    fn interface(text: &str) -> Option<Source> {
        with_parts(text, |parts| parts.interface(None))
    }

    fn text(source: &str) -> String {
        interface(source).unwrap().text
    }

    #[test]
    fn what_stays_and_what_goes() {
        let cases = [
            ("//! A.\n//! \"B\".\n\npub fn f() -> u8 {\n    1\n}\n", "#![doc=\" A.\"] #![doc=\" \\\"B\\\".\"] pub fn f() -> u8 {loop{}}\n"),
            // A comment is nothing, also between tokens.
            ("/* a */ pub /* b */ struct A; // c\n", "pub struct A;\n"),
            // What is generic stays in its place, and what is before it takes no lines.
            ("use a::b;\nfn f() {\n}\n\nfn g<T>() {\n    f() // c\n}\n", "use a::b; fn f() {loop{}}\n\n\n\nfn g<T>() {\n    f()\n}\n"),
            // A derive makes code.
            ("struct A;\n#[derive(Clone)]\nstruct B;\n", "struct A;\n#[derive(Clone)]\nstruct B;\n"),
            ("\n\n#[repr(C)]\nstruct A(u8);\n", "#[repr(C)] struct A(u8);\n"),
            // Of an `impl` the header floats, and each function is what it is.
            (
                "impl A {\n    /// Doc.\n    fn f(&self) { a() }\n    #[inline]\n    fn g(&self) { b() }\n    const C: u8 = 1;\n}\n",
                "impl A { #[doc=\" Doc.\"] fn f(&self) {loop{}}\n\n\n    #[inline]\n    fn g(&self) { b() } const C: u8 = 1; }\n",
            ),
            ("impl<T> A<T> {\n    fn f() { a() }\n}\n", "impl<T> A<T> {\n    fn f() { a() } }\n"),
            (
                "impl<'a> B for A<'a> {\n    type C = u8;\n    fn f() { a() }\n}\n",
                "impl<'a> B for A<'a> { type C = u8; fn f() {loop{}} }\n",
            ),
            ("trait A {\n    fn f();\n    fn g() { a() }\n}\n", "trait A { fn f();\n\n    fn g() { a() } }\n"),
            (
                "const A: u8 = 1;\nconst B: u8 = b();\nstatic C: &[u8] = &[1, 2];\n",
                "const A: u8 = 1;\nconst B: u8 = b(); static C: &[u8] = &[1, 2];\n",
            ),
            // What floats may have lines of its own.
            (
                "const A: &str = \"a\nb\nc\";\n\nfn f<T>() {}\nconst B: &str =\n    \"a\n\";\n",
                "const A: &str = \"a\nb\nc\";\n\nfn f<T>() {} const B: &str = \"a\n\";\n",
            ),
            (
                "#[deprecated(note = \"a\nb\")]\nfn f() {\n}\nfn g<T>() {}\n",
                "#[deprecated(note = \"a\nb\")] fn f() {loop{}}\n\n\nfn g<T>() {}\n",
            ),
            ("mod a;\nmod b {\n    fn f() { 1 }\n    fn g<T>() {}\n}\n", "mod a; mod b { fn f() {loop{}}\n\n\n    fn g<T>() {} }\n"),
            // Where they are is told to those who call them by a pointer.
            (
                "fn f() {\n    1;\n}\n/// Doc.\n#[track_caller]\nfn g() {\n    2;\n}\n",
                "fn f() {loop{}} #[doc=\" Doc.\"] #[track_caller]\n\n\n\n\nfn g() {loop{}}\n",
            ),
            (
                "trait A {\n    #[track_caller]\n    fn a();\n}\nimpl A for B {\n    fn a() {}\n}\n",
                "trait A {\n    #[track_caller]\n    fn a(); } impl A for B {\n\n\n    fn a() {loop{}} }\n",
            ),
            ("#[b::c]\nmod a {\n    fn f() {\n    }\n}\n", "#[b::c]\nmod a {\n    fn f() {\n    }\n}\n"),
            (
                "#[cfg(unix)]\n#[cfg_attr(docsrs, doc(cfg(b)))]\nmod a {\n    fn f() {\n    }\n}\n",
                "#[cfg(unix)] #[cfg_attr(docsrs, doc(cfg(b)))] mod a { fn f() {loop{}} }\n",
            ),
            ("macro_rules! m { () => {} }\nm!();\nfn f() {}\n", "macro_rules! m { () => {} }\nm!(); fn f() {loop{}}\n"),
            (
                "fn f() {}\n#[cfg(test)]\nmod tests {\n    fn g<T>() {}\n}\n#[cfg(not(test))]\nfn h<T>() {}\n",
                "fn f() {loop{}}\n\n\n\n\n#[cfg(not(test))]\nfn h<T>() {}\n",
            ),
        ];
        for (source, expected) in cases {
            assert_eq!(text(source), expected, "{source}");
        }
    }

    #[test]
    fn what_nothing_names_goes() {
        let cases = [
            ("fn a() { b() }\nfn b() {}\npub fn c() { a() }\n", "pub fn c() {loop{}}\n"),
            // What is generic names it, and so does what that names, whatever it stands in.
            ("fn a() { c() }\nfn b<T>() {}\npub fn d<T>() { b::<T>() }\n", "\nfn b<T>() {}\npub fn d<T>() { b::<T>() }\n"),
            (
                "#[derive(A)]\npub struct B {\n    #[c(\"x::d\")]\n    e: u8,\n}\nfn d() {}\nfn e() {}\nfn f() {}\n",
                "#[derive(A)]\npub struct B {\n    #[c(\"x::d\")]\n    e: u8,\n} fn d() {loop{}} fn e() {loop{}}\n",
            ),
            ("/// Not `a`.\npub struct A;\nfn a() {}\n", "#[doc=\" Not `a`.\"] pub struct A;\n"),
            ("macro_rules! m { () => { a() } }\nfn a() {}\n", "macro_rules! m { () => { a() } } fn a() {loop{}}\n"),
            // Methods, but none of a trait.
            (
                "impl A {\n    /// Doc.\n    fn a(&self) {}\n    pub fn b() {}\n}\nimpl B for A {\n    fn c() {}\n}\n",
                "impl A { pub fn b() {loop{}} } impl B for A { fn c() {loop{}} }\n",
            ),
            (
                "impl<T> A<T> {\n    pub(crate) fn a(&self) {}\n    pub fn b() { c() }\n    pub(super) fn c() {}\n}\n",
                "impl<T> A<T> {\n\n    pub fn b() { c() }\n    pub(super) fn c() {} }\n",
            ),
            ("const A: u8 = b();\nconst fn b() -> u8 { 1 }\nconst fn c() -> u8 { 1 }\n", "const A: u8 = b();\nconst fn b() -> u8 { 1 }\n"),
            ("#[cfg(test)]\nmod tests {\n    use super::a;\n}\nfn a() {}\npub fn b() {}\n", "pub fn b() {loop{}}\n"),
            // It hides what the other crate has under its name, also for a macro of that crate.
            (
                "pub use other::{b::*, c};\nfn a() {}\nmod d {\n    use other::*;\n    fn e() {}\n}\n",
                "pub use other::{b::*, c}; fn a() {loop{}} mod d { use other::*; fn e() {loop{}} }\n",
            ),
            ("use self::b::*;\nuse std::fmt::*;\nfn a() {}\nmod b {}\n", "use self::b::*; use std::fmt::*; mod b {}\n"),
            // The file stays whole, and names all that it names.
            ("fn a() {} fn g<T>() {}\nfn b() { a() }\n", "-"),
        ];
        for (source, expected) in cases {
            let found = with_parts(source, |parts| parts.interface(Some(&super::super::hidden::named([&parts.names()]))));
            assert_eq!(found.map_or("-".to_owned(), |source| source.text), expected, "{source}");
        }
        let source = with_parts("fn f() -> other::A { third::g() }\n", |parts| parts.interface(Some(&BTreeSet::new()))).unwrap();
        assert!(source.words.contains("other") && source.words.contains("third"), "{:?}", source.words);
    }

    #[test]
    fn modules_are_counted_wherever_they_are_declared() {
        for (source, expected) in [
            ("mod a; pub mod r#b; mod c { mod d; }", 3),
            ("some! { if x { mod a; } }\nfn f() { mod b; }", 2),
            ("#[cfg(test)]\nmod a;\nmacro_rules! m { ($a:ident) => { mod $a; } }", 0),
        ] {
            assert_eq!(with_parts(source, |parts| parts.declared_modules()), expected, "{source}");
        }
        assert!(with_parts("mod a { include!(\"b.rs\"); }", |parts| parts.includes_code()));
        assert!(!with_parts("const A: &str = include_str!(\"b.rs\");", |parts| parts.includes_code()));
    }

    #[test]
    fn nothing_is_moved_that_is_fixed() {
        // In one line there is no room before what is fixed.
        for source in ["fn f() {} fn g<T>() {}\n", "fn f<T>() {} struct A; fn g<T>() {}\n", "const A: &str = \"a\nb\"; fn g<T>() {}\n"] {
            assert_eq!(interface(source), None, "{source}");
        }
        assert_eq!(text("fn f<T>() {} fn g<T>() {}\n"), "fn f<T>() {} fn g<T>() {}\n");
    }

    #[test]
    fn the_words_of_bodies_are_told() {
        let source = interface("fn f() { other::g(r#mod::h!(third)); }\nfn g<T>() { fourth::g() }\n").unwrap();
        assert!(["other", "third", "mod"].iter().all(|word| source.words.contains(*word)), "{:?}", source.words);
        assert!(!source.words.contains("fourth"), "{:?}", source.words);
    }
}
