//! Which bodies of functions other crates can see into.
//!
//! rustc hands the body of a function to other crates if they may have to compile it
//! (`rustc_metadata::rmeta::encoder::should_encode_mir`, 1.95): if it is generic, `#[inline]`,
//! `const`, or a default of a trait. Types that it hides are seen as well (`async`, `impl Trait`),
//! and so are items inside that are for everybody, wherever they stand.

use super::known::Known;
use syn::visit::{self, Visit};
use syn::{Attribute, Block, Generics, Item, ReturnType, Signature, StmtMacro, Type};

/// Attributes of rustc's own that say nothing of a body to other crates.
const INERT: &[&str] = &[
    "allow",
    "cold",
    "deny",
    "deprecated",
    "doc",
    "expect",
    "export_name",
    "forbid",
    "link_section",
    "must_use",
    "no_mangle",
    "track_caller",
    "warn",
];

/// Those of them that say nothing of an item in a body to others either.
const OF_BODIES: &[&str] = &["allow", "cfg", "cold", "deny", "deprecated", "doc", "expect", "forbid", "must_use", "track_caller", "warn"];

/// Macros of the standard library that expand to no item.
const WITHOUT_ITEMS: &[&str] = &[
    "assert",
    "assert_eq",
    "assert_ne",
    "dbg",
    "debug_assert",
    "debug_assert_eq",
    "debug_assert_ne",
    "eprint",
    "eprintln",
    "format",
    "matches",
    "panic",
    "print",
    "println",
    "todo",
    "unimplemented",
    "unreachable",
    "vec",
    "write",
    "writeln",
];

/// Whether a macro called `name` is one of the standard library's, which name no other crate.
pub(super) fn is_macro_of_std(name: &str) -> bool {
    const MORE: [&str; 12] = [
        "column",
        "concat",
        "env",
        "file",
        "format_args",
        "include_bytes",
        "include_str",
        "line",
        "module_path",
        "option_env",
        "stringify",
        "cfg",
    ];
    WITHOUT_ITEMS.contains(&name) || MORE.contains(&name)
}

/// Whether another crate may see into the body `block` of a function of a crate of which this is
/// `known`.
pub(super) fn is_visible(attrs: &[Attribute], signature: &Signature, block: &Block, known: &Known) -> bool {
    signature.constness.is_some()
        || signature.asyncness.is_some()
        || is_generic(&signature.generics)
        || !attrs.iter().all(is_inert)
        || hides_a_type(signature)
        || leaks(block, known)
}

/// Whether code with `generics` is compiled where it is used.
pub(super) fn is_generic(generics: &Generics) -> bool {
    generics.type_params().next().is_some() || generics.const_params().next().is_some()
}

/// Whether an attribute is rustc's own and leaves what it is on as it is.
pub(super) fn is_inert(attribute: &Attribute) -> bool {
    let path = attribute.path();
    if path.is_ident("unsafe") {
        // `#[unsafe(no_mangle)]`
        return attribute.meta.require_list().is_ok_and(|list| {
            let name = list.tokens.clone().into_iter().next().map(|token| token.to_string());
            name.is_some_and(|name| INERT.contains(&name.as_str()))
        });
    }
    is_inert_path(path)
}

/// The same of the attribute called `path`.
pub(super) fn is_inert_path(path: &syn::Path) -> bool {
    INERT.iter().any(|name| path.is_ident(name))
}

fn is_of_bodies(attribute: &Attribute) -> bool {
    OF_BODIES.iter().any(|name| attribute.path().is_ident(name))
}

/// Whether a signature has `impl Trait` in it, or a macro in the place of a type.
fn hides_a_type(signature: &Signature) -> bool {
    struct Finder(bool);
    impl<'ast> Visit<'ast> for Finder {
        fn visit_type(&mut self, found: &'ast Type) {
            self.0 |= matches!(found, Type::ImplTrait(_) | Type::Macro(_) | Type::Verbatim(_));
            visit::visit_type(self, found);
        }
    }
    let mut finder = Finder(false);
    signature.inputs.iter().for_each(|input| finder.visit_fn_arg(input));
    if let ReturnType::Type(_, output) = &signature.output {
        finder.visit_type(output);
    }
    finder.0
}

/// Whether something in a body is seen outside of it.
pub(super) fn leaks(block: &Block, known: &Known) -> bool {
    struct Finder<'a> {
        known: &'a Known,
        found: bool,
    }
    impl<'ast> Visit<'ast> for Finder<'_> {
        fn visit_item(&mut self, item: &'ast Item) {
            // An attribute may export an item, or make it one that counts for the whole program.
            let is_hidden = match item {
                Item::Use(_) => true,
                Item::Const(item) => item.attrs.iter().all(is_of_bodies),
                Item::Static(item) => item.attrs.iter().all(is_of_bodies),
                Item::Fn(function) => function.attrs.iter().all(is_of_bodies),
                Item::Enum(item) => item.attrs.iter().all(is_of_bodies),
                Item::Struct(item) => item.attrs.iter().all(is_of_bodies),
                _ => false,
            };
            self.found |= !is_hidden;
            visit::visit_item(self, item);
        }

        /// A macro that stands as a statement may expand to items.
        fn visit_stmt_macro(&mut self, statement: &'ast StmtMacro) {
            let name = statement.mac.path.get_ident().map(ToString::to_string);
            self.found |= name.is_none_or(|name| !WITHOUT_ITEMS.contains(&name.as_str()) || self.known.may_replace(&name));
        }
    }
    let mut finder = Finder { known, found: false };
    finder.visit_block(block);
    finder.found
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use syn::ItemFn;

    #[test]
    fn what_others_see() {
        let cases = [
            ("fn f(x: &str) -> usize { x.len() }", false),
            ("unsafe extern \"C\" fn f<'a>(x: &'a u8) -> &'a u8 { println!(\"{x}\"); x }", false),
            ("#[unsafe(no_mangle)] pub fn f() { const A: u8 = 1; use std::fmt; fn g() {} g() }", false),
            ("#[track_caller] #[must_use] fn f() -> u8 { let x = made!(); x }", false),
            ("fn f<T>() {}", true),
            ("fn f<const N: usize>() {}", true),
            ("const fn f() {}", true),
            ("async fn f() {}", true),
            ("#[inline] fn f() {}", true),
            ("#[some::attribute] fn f() {}", true),
            ("#[cfg_attr(a, inline)] fn f() {}", true),
            ("#[unsafe(naked)] fn f() {}", true),
            ("fn f(x: impl Copy) {}", true),
            ("fn f() -> Box<impl Copy> { Box::new(1) }", true),
            ("fn f() -> of_a_macro!() { 1 }", true),
            ("fn f() { impl Clone for super::A { fn clone(&self) -> Self { loop {} } } }", true),
            ("fn f() { if true { macro_rules! m { () => {} } } }", true),
            ("fn f() { #[derive(Clone)] struct A; }", true),
            ("fn f() { mod m {} }", true),
            ("fn f() { unknown! { a } }", true),
            ("fn f() { #[no_mangle] fn g() {} }", true),
            ("fn f() { #[unsafe(no_mangle)] static A: u8 = 1; }", true),
            ("fn f() { #[used] static A: u8 = 1; }", true),
            ("fn f() { #[global_allocator] static A: System = System; }", true),
            ("fn f() { #[cfg(unix)] static A: u8 = 1; }", false),
            ("fn f() { vec![1]; }", false),
            ("fn f() { panic!(); }", true),
        ];
        let known = Known { defined: BTreeSet::from(["panic".to_owned()]), ..Known::default() };
        for (text, expected) in cases {
            let function: ItemFn = syn::parse_str(text).unwrap();
            assert_eq!(is_visible(&function.attrs, &function.sig, &function.block, &known), expected, "{text}");
        }
    }
}
