//! Edits of bodies: each body of a source, and what is done to it.

use proc_macro2::Span;
use std::ops::Range;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{
    Attribute, Block, Expr, ExprLit, ExprRepeat, Generics, ImplItemFn, ItemFn, ItemImpl, ItemMod, Lit, Pat, Signature, TraitItemFn, Type,
    Visibility,
};

/// What is done to a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Edit {
    /// Another value for the first constant in it.
    Constant,
    /// A line more.
    Line,
    /// A closure more, in the line of the first statement.
    Closure,
    /// A call more of a generic function, in the line of the first statement.
    GenericCall,
}

impl Edit {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Constant, Self::Line, Self::Closure, Self::GenericCall];

    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            Self::Constant => "a constant",
            Self::Line => "a line more",
            Self::Closure => "a closure more",
            Self::GenericCall => "a generic call more",
        }
    }
}

/// The body of a function.
#[derive(Debug, Clone)]
pub struct Body {
    /// The function's name.
    pub name: String,
    /// Where the body is, its braces included.
    pub range: Range<usize>,
    /// Where its first statement would be.
    start: usize,
    /// The first constant that may have another value, and that value.
    constant: Option<(Range<usize>, String)>,
    /// Whether others surely see into it, as far as the function alone tells.
    pub shows: bool,
}

/// A part of a text and what stands there in its place.
pub type Change = (Range<usize>, String);

impl Body {
    /// What `edit` changes; none where there is nothing to change.
    pub fn change(&self, edit: Edit) -> Option<Change> {
        let added = match edit {
            Edit::Constant => return self.constant.clone(),
            Edit::Line => "\n        let _ = 1u8;\n",
            Edit::Closure => " let _ = (|added: u32| added.wrapping_mul(3))(14);",
            Edit::GenericCall => " let _ = ::core::convert::identity::<[u16; 7]>([9; 7]).len();",
        };
        Some((self.start..self.start, added.to_owned()))
    }
}

/// `text` with the `changes`, of which none is in another.
pub fn changed(text: &str, changes: &[Change]) -> String {
    let mut sorted: Vec<&Change> = changes.iter().collect();
    sorted.sort_by_key(|(range, _)| (range.start, range.end));
    sorted.dedup_by_key(|(range, _)| range.clone());
    let (mut result, mut at) = (String::new(), 0);
    for (range, new) in sorted {
        if range.start >= at {
            result += &text[at..range.start];
            result += new;
            at = range.end;
        }
    }
    result + &text[at..]
}

/// The bodies in the source `text`, those of tests apart; none where it cannot be parsed.
pub fn bodies(text: &str) -> Vec<Body> {
    let Ok(file) = syn::parse_file(text) else { return Vec::new() };
    let mut finder = Finder { found: Vec::new(), is_generic: false, is_for_all: false, inside: false };
    finder.visit_file(&file);
    finder.found
}

struct Finder {
    found: Vec<Body>,
    /// Of the `impl` or the trait around.
    is_generic: bool,
    /// Whether the methods around are as public as what they are of.
    is_for_all: bool,
    /// Whether a body is around.
    inside: bool,
}

impl Finder {
    fn add(&mut self, attributes: &[Attribute], is_public: bool, signature: &Signature, block: &Block) {
        let has_types = |generics: &Generics| generics.type_params().next().is_some() || generics.const_params().next().is_some();
        let is_inline = attributes.iter().any(|attribute| attribute.path().is_ident("inline"));
        let is_special = signature.constness.is_some() || signature.asyncness.is_some() || is_inline || has_types(&signature.generics);
        let braces = block.brace_token.span;
        let constant = Constants::first(block);
        let inner_attributes = attributes.iter().filter(|attribute| matches!(attribute.style, syn::AttrStyle::Inner(_)));
        let behind = inner_attributes.map(|attribute| bytes(attribute.span()).end).max();
        self.found.push(Body {
            name: signature.ident.to_string(),
            range: bytes(braces.join()),
            start: behind.unwrap_or(bytes(braces.open()).end),
            constant,
            shows: is_public && (is_special || self.is_generic || hides_a_type(signature)) && !self.inside,
        });
    }
}

fn bytes(span: Span) -> Range<usize> {
    span.byte_range()
}

/// Whether `impl Trait` is somewhere in what a function returns.
fn hides_a_type(signature: &Signature) -> bool {
    struct Types(bool);
    impl<'ast> Visit<'ast> for Types {
        fn visit_type(&mut self, found: &'ast Type) {
            self.0 |= matches!(found, Type::ImplTrait(_));
            visit::visit_type(self, found);
        }
    }
    let mut types = Types(false);
    types.visit_return_type(&signature.output);
    types.0
}

fn is_for_tests(attributes: &[Attribute]) -> bool {
    let is_test = |attribute: &Attribute| {
        attribute.path().is_ident("test")
            || attribute.path().is_ident("cfg") && attribute.meta.require_list().is_ok_and(|list| list.tokens.to_string().contains("test"))
    };
    attributes.iter().any(is_test)
}

impl<'ast> Visit<'ast> for Finder {
    fn visit_item_mod(&mut self, module: &'ast ItemMod) {
        if !is_for_tests(&module.attrs) {
            visit::visit_item_mod(self, module);
        }
    }

    fn visit_item_fn(&mut self, function: &'ast ItemFn) {
        if !is_for_tests(&function.attrs) {
            self.add(&function.attrs, matches!(function.vis, Visibility::Public(_)), &function.sig, &function.block);
            let inside = std::mem::replace(&mut self.inside, true);
            visit::visit_item_fn(self, function);
            self.inside = inside;
        }
    }

    fn visit_item_impl(&mut self, block: &'ast ItemImpl) {
        if is_for_tests(&block.attrs) {
            return;
        }
        let outer = (self.is_generic, self.is_for_all);
        self.is_generic = block.generics.type_params().next().is_some() || block.generics.const_params().next().is_some();
        self.is_for_all = block.trait_.is_some();
        visit::visit_item_impl(self, block);
        (self.is_generic, self.is_for_all) = outer;
    }

    fn visit_impl_item_fn(&mut self, function: &'ast ImplItemFn) {
        if !is_for_tests(&function.attrs) {
            let is_public = self.is_for_all || matches!(function.vis, Visibility::Public(_));
            self.add(&function.attrs, is_public, &function.sig, &function.block);
            let inside = std::mem::replace(&mut self.inside, true);
            visit::visit_impl_item_fn(self, function);
            self.inside = inside;
        }
    }

    fn visit_trait_item_fn(&mut self, function: &'ast TraitItemFn) {
        if let Some(block) = &function.default {
            let outer = std::mem::replace(&mut self.is_generic, true);
            self.add(&function.attrs, true, &function.sig, block);
            self.is_generic = outer;
        }
        let inside = std::mem::replace(&mut self.inside, true);
        visit::visit_trait_item_fn(self, function);
        self.inside = inside;
    }
}

/// Finds constants whose values no type depends on.
struct Constants(Option<(Range<usize>, String)>);

impl Constants {
    fn first(block: &Block) -> Option<(Range<usize>, String)> {
        let mut constants = Self(None);
        constants.visit_block(block);
        constants.0
    }
}

impl<'ast> Visit<'ast> for Constants {
    fn visit_expr_lit(&mut self, found: &'ast ExprLit) {
        let range = bytes(found.span());
        let new = match &found.lit {
            Lit::Int(number) => number.base10_parse::<u128>().ok().map(|value| format!("{}{}", value ^ 1, number.suffix())),
            Lit::Bool(value) => Some((!value.value).to_string()),
            Lit::Str(text) => Some(format!("{:?}", text.value() + "x")).filter(|_| text.suffix().is_empty()),
            _ => None,
        };
        if let (None, Some(new)) = (&self.0, new) {
            self.0 = Some((range, new));
        }
    }

    fn visit_expr_repeat(&mut self, found: &'ast ExprRepeat) {
        self.visit_expr(&found.expr);
    }

    // `1..=9` among patterns, and lengths among types.
    fn visit_pat(&mut self, _: &'ast Pat) {}
    fn visit_type(&mut self, _: &'ast Type) {}
    fn visit_generic_argument(&mut self, _: &'ast syn::GenericArgument) {}
    fn visit_attribute(&mut self, _: &'ast Attribute) {}

    fn visit_item(&mut self, _: &'ast syn::Item) {}

    fn visit_expr(&mut self, found: &'ast Expr) {
        // The constant of a `const` block may be a length.
        if !matches!(found, Expr::Const(_)) {
            visit::visit_expr(self, found);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "pub fn a(x: u8) -> u8 { #![allow(unused)]\n    match x { 1 => [0; 3][2], _ => 4u8 }\n}\nimpl<T> B<T> {\n    fn b(&self) { fn c() {} }\n    pub fn d() -> &'static str { \"a\\n\" }\n}\n#[cfg(test)]\nmod tests { fn e() {} }\ntrait F { fn f(); fn g() { } }\n";

    #[test]
    fn bodies_are_found() {
        let found: Vec<_> = bodies(TEXT).into_iter().map(|body| (body.name, body.shows)).collect();
        let expected = [("a", false), ("b", false), ("c", false), ("d", true), ("g", true)].map(|(name, shows)| (name.to_owned(), shows));
        assert_eq!(found, expected);
    }

    #[test]
    fn edits_change_one_thing() {
        let bodies = bodies(TEXT);
        let edited = |at: usize, edit| changed(TEXT, &[bodies[at].change(edit).unwrap()]);
        assert_eq!(edited(0, Edit::Constant), TEXT.replace("[0; 3]", "[1; 3]"));
        assert_eq!(edited(3, Edit::Constant), TEXT.replace("\"a\\n\"", "\"a\\nx\""));
        assert!(edited(0, Edit::Line).starts_with("pub fn a(x: u8) -> u8 { #![allow(unused)]\n        let _ = 1u8;\n\n    match"));
        assert!(edited(4, Edit::Closure).contains("fn g() { let _ = (|added"));
        assert!(bodies[1].change(Edit::Constant).is_none());
        let both = [bodies[0].change(Edit::Constant).unwrap(), bodies[4].change(Edit::Line).unwrap()];
        assert_eq!(changed(TEXT, &both), changed(&edited(4, Edit::Line), &both[..1]));
        for edit in Edit::ALL {
            assert!(syn::parse_file(&edited(0, edit)).is_ok(), "{}", edit.name());
        }
    }
}
