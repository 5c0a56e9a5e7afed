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

use super::bodies::{is_generic, is_inert, is_inert_path, is_macro_of_std, is_visible};
use super::definitions::definitions;
use super::hidden::{Hidden, Names, words_of};
use super::known::{Known, is_told_caller};
use super::page::Page;
use crate::files::definitions::Line;
use proc_macro2::{TokenStream, TokenTree};
use std::collections::BTreeSet;
use std::ops::Range;
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{AttrStyle, Attribute, Block, Expr, ImplItem, Item, ItemImpl, ItemTrait, Meta, Signature, Token, TraitItem, UseTree, Visibility};

/// What stands for a body that is cut out.
const NO_BODY: &str = "{loop{}}";

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
        let mut cutter = Cutter { known, fixed: Vec::new(), cut: Vec::new(), dropped: Vec::new(), hidden: Vec::new(), macros: Vec::new() };
        cutter.items(&file.items);
        Self { tokens: Tokens::new(text, tokens), cutter, definitions: definitions(file) }
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

/// Says what becomes of each part of a file; what is in no list floats. All lists are in order.
struct Cutter<'a> {
    known: &'a Known,
    fixed: Vec<Range<usize>>,
    /// Bodies that are cut out.
    cut: Vec<Range<usize>>,
    /// What is not there at all.
    dropped: Vec<Range<usize>>,
    /// What is not there if nothing names it.
    hidden: Vec<Hidden>,
    /// Definitions of macros, which are fixed.
    macros: Vec<Range<usize>>,
}

impl Cutter<'_> {
    fn items(&mut self, items: &[Item]) {
        // A function hides what is brought in under its name, also from those who may not call it.
        let has_globs = items.iter().any(is_glob);
        for item in items {
            let range = item.span().byte_range();
            match item {
                _ if is_for_tests(attributes(item)) => self.dropped.push(range),
                Item::Fn(function) => {
                    if !has_globs {
                        self.hide(&function.vis, &function.attrs, &function.sig, &function.block, &range);
                    }
                    self.function(&function.attrs, &function.sig, &function.block, range, is_told_caller(&function.attrs));
                }
                Item::Impl(block) => self.implementation(block),
                Item::Trait(item) => self.definition(item),
                // What an attribute makes of a module, it may make of the bodies in it.
                Item::Mod(module) if module.content.is_some() && !module.attrs.iter().all(is_inert_for_module) => self.fixed.push(range),
                Item::Mod(module) => {
                    if let Some((_, items)) = &module.content {
                        self.items(items);
                    }
                }
                Item::Struct(item) => self.fix(range, !item.attrs.iter().all(is_inert_for_type)),
                Item::Enum(item) => self.fix(range, !item.attrs.iter().all(is_inert_for_type)),
                Item::Union(item) => self.fix(range, !item.attrs.iter().all(is_inert_for_type)),
                Item::Const(item) => self.fix(range, !item.attrs.iter().all(is_inert) || !is_simple(&item.expr)),
                Item::Static(item) => self.fix(range, !item.attrs.iter().all(is_inert) || !is_simple(&item.expr)),
                Item::ExternCrate(_) | Item::TraitAlias(_) | Item::Type(_) | Item::Use(_) => {}
                // A macro may be anything.
                Item::Macro(item) => {
                    self.macros.extend(item.ident.is_some().then(|| range.clone()));
                    self.fixed.push(range);
                }
                _ => self.fixed.push(range),
            }
        }
    }

    fn fix(&mut self, range: Range<usize>, has_code: bool) {
        if has_code {
            self.fixed.push(range);
        }
    }

    fn function(&mut self, attrs: &[Attribute], signature: &Signature, block: &Block, range: Range<usize>, shows_place: bool) {
        if is_visible(attrs, signature, block, self.known) {
            return self.fixed.push(range);
        }
        let body = block.brace_token.span.join().byte_range();
        if shows_place {
            let before = attrs.iter().filter(|attribute| matches!(attribute.style, AttrStyle::Outer));
            let start = before.map(|attribute| attribute.span().byte_range().end).max().unwrap_or(range.start);
            self.fixed.push(start..body.start);
        }
        self.cut.push(body);
    }

    fn hide(&mut self, visibility: &Visibility, attrs: &[Attribute], signature: &Signature, block: &Block, range: &Range<usize>) {
        self.hidden.extend(Hidden::function(visibility, attrs, signature, block, range.clone(), self.known));
    }

    fn implementation(&mut self, block: &ItemImpl) {
        if !block.attrs.iter().all(is_inert) {
            return self.fixed.push(block.span().byte_range());
        }
        for item in &block.items {
            let range = item.span().byte_range();
            if let ImplItem::Fn(function) = item
                && block.trait_.is_none()
            {
                self.hide(&function.vis, &function.attrs, &function.sig, &function.block, &range);
            }
            match item {
                ImplItem::Fn(function) if !is_generic(&block.generics) => {
                    let is_told = is_told_caller(&function.attrs)
                        || block.trait_.is_some() && self.known.told_callers.contains(&function.sig.ident.to_string());
                    self.function(&function.attrs, &function.sig, &function.block, range, is_told);
                }
                ImplItem::Const(item) => self.fix(range, !item.attrs.iter().all(is_inert) || !is_simple(&item.expr)),
                ImplItem::Type(_) => {}
                _ => self.fixed.push(range),
            }
        }
    }

    fn definition(&mut self, item: &ItemTrait) {
        if !item.attrs.iter().all(is_inert) {
            return self.fixed.push(item.span().byte_range());
        }
        for item in &item.items {
            match item {
                TraitItem::Fn(function)
                    if function.default.is_none() && function.attrs.iter().all(is_inert) && !is_told_caller(&function.attrs) => {}
                TraitItem::Type(_) => {}
                _ => self.fixed.push(item.span().byte_range()),
            }
        }
    }
}

/// Whether `item` brings in names that nobody can tell here: `pub use a::*` for others, and `use a::*`
/// of another crate for its macros, which may name what no word here does.
fn is_glob(item: &Item) -> bool {
    const NO_OTHERS: [&str; 6] = ["alloc", "core", "crate", "self", "std", "super"];
    fn has_glob(tree: &UseTree) -> bool {
        match tree {
            UseTree::Path(path) => has_glob(&path.tree),
            UseTree::Glob(_) => true,
            UseTree::Group(group) => group.items.iter().any(has_glob),
            UseTree::Name(_) | UseTree::Rename(_) => false,
        }
    }
    let Item::Use(item) = item else { return false };
    let is_of_others = match &item.tree {
        UseTree::Path(path) => NO_OTHERS.iter().all(|name| path.ident != name),
        _ => true,
    };
    has_glob(&item.tree) && (is_of_others || matches!(item.vis, Visibility::Public(_)))
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

/// Whether one of `attributes` is `#[cfg(test)]`: a crate with an interface is no test.
pub(super) fn is_for_tests(attributes: &[Attribute]) -> bool {
    let is_test = |attribute: &Attribute| {
        attribute.path().is_ident("cfg") && attribute.meta.require_list().is_ok_and(|list| list.tokens.to_string() == "test")
    };
    attributes.iter().any(is_test)
}

/// Whether an attribute leaves the module that it is on as it is.
fn is_inert_for_module(attribute: &Attribute) -> bool {
    let is_known = |path: &syn::Path| ["cfg", "macro_use", "path"].iter().any(|name| path.is_ident(name));
    if attribute.path().is_ident("cfg_attr") {
        let parts = attribute.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated);
        return parts.is_ok_and(|parts| parts.iter().skip(1).all(|part| is_known(part.path()) || is_inert_path(part.path())));
    }
    is_inert(attribute) || is_known(attribute.path())
}

/// Whether an attribute makes no code of the type that it is on.
fn is_inert_for_type(attribute: &Attribute) -> bool {
    is_inert(attribute) || ["non_exhaustive", "repr"].iter().any(|name| attribute.path().is_ident(name))
}

/// Whether a value is one without calls and macros, so that no place in it ever shows.
fn is_simple(value: &Expr) -> bool {
    struct Finder(bool);
    impl<'ast> Visit<'ast> for Finder {
        fn visit_expr(&mut self, found: &'ast Expr) {
            let is_simple = matches!(
                found,
                Expr::Array(_)
                    | Expr::Group(_)
                    | Expr::Lit(_)
                    | Expr::Paren(_)
                    | Expr::Path(_)
                    | Expr::Reference(_)
                    | Expr::Struct(_)
                    | Expr::Tuple(_)
            );
            self.0 &= is_simple;
            visit::visit_expr(self, found);
        }
    }
    let mut finder = Finder(true);
    finder.visit_expr(value);
    finder.0
}

/// A file's text and its tokens.
struct Tokens<'a> {
    text: &'a str,
    /// Where each is, in order. A comment that documents something is one.
    ranges: Vec<Range<usize>>,
}

impl<'a> Tokens<'a> {
    fn new(text: &'a str, tokens: TokenStream) -> Self {
        fn add(tokens: TokenStream, ranges: &mut Vec<Range<usize>>) {
            for token in tokens {
                match token {
                    TokenTree::Group(group) => {
                        ranges.push(group.span_open().byte_range());
                        add(group.stream(), ranges);
                        ranges.push(group.span_close().byte_range());
                    }
                    other => ranges.push(other.span().byte_range()),
                }
            }
        }
        let (mut all, mut ranges) = (Vec::new(), Vec::<Range<usize>>::new());
        add(tokens, &mut all);
        for range in all {
            // The tokens that a comment stands for are all where the comment is.
            if !range.is_empty() && ranges.last().is_none_or(|last| last.end <= range.start) {
                ranges.push(range);
            }
        }
        Self { text, ranges }
    }

    /// The text as `cutter` wants it, and without what is `unnamed`, with the places of what floats;
    /// none if something fixed cannot be left where it is.
    fn without(&self, cutter: &Cutter<'_>, unnamed: &[Range<usize>], definitions: &[Range<usize>]) -> Option<(String, Vec<Line>)> {
        let mut page = Page::default();
        // Up to where the page has what there is of the text, and the end of the token before.
        let (mut at, mut end) = (0, 0);
        for range in &self.ranges {
            let token = &self.text[range.clone()];
            if around(range, &cutter.dropped).is_some() || around(range, unnamed).is_some() {
            } else if let Some(body) = around(range, &cutter.cut) {
                if body.start == range.start {
                    page.float(NO_BODY, true, None);
                }
            } else if around(range, &cutter.fixed).is_some() {
                page.blank(&self.text[at..range.start]);
                page.put(token)?;
                at = range.end;
            } else {
                let of = around(range, definitions).map(|definition| definition.start);
                page.float(&in_one_line(token), end != range.start, of);
            }
            end = range.end;
        }
        Some(page.finish())
    }

    /// The words in `ranges`.
    fn words_in(&self, ranges: &[Range<usize>]) -> BTreeSet<String> {
        let inside = self.ranges.iter().filter(|range| around(range, ranges).is_some());
        inside.map(|range| self.text[range.clone()].trim_start_matches("r#").to_owned()).collect()
    }
}

/// The one of `ranges`, which are in order, that has all of `range` in it.
fn around<'a>(range: &Range<usize>, ranges: &'a [Range<usize>]) -> Option<&'a Range<usize>> {
    let behind = ranges.partition_point(|other| other.start <= range.start);
    ranges[..behind].last().filter(|other| range.end <= other.end)
}

/// `token`, or the attribute that a comment which documents something is short for.
fn in_one_line(token: &str) -> String {
    let (mark, text) = match token.get(..3) {
        Some("///") => ("#", &token[3..]),
        Some("//!") => ("#!", &token[3..]),
        Some("/**") => ("#", token[3..].trim_end_matches("*/")),
        Some("/*!") => ("#!", token[3..].trim_end_matches("*/")),
        _ => return token.to_owned(),
    };
    format!("{mark}[doc={text:?}]")
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
