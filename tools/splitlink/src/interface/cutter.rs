//! What becomes of each part of a file on the way to its interface.

use super::bodies::{is_generic, is_inert, is_inert_path, is_visible};
use super::hidden::Hidden;
use super::known::{Known, is_told_caller};
use std::ops::Range;
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{AttrStyle, Attribute, Block, Expr, ImplItem, Item, ItemImpl, ItemTrait, Meta, Signature, Token, TraitItem, UseTree, Visibility};

/// Says what becomes of each part of a file; what is in no list floats. All lists are in order.
pub(super) struct Cutter<'a> {
    pub(super) known: &'a Known,
    pub(super) fixed: Vec<Range<usize>>,
    /// Bodies that are cut out.
    pub(super) cut: Vec<Range<usize>>,
    /// What is not there at all.
    pub(super) dropped: Vec<Range<usize>>,
    /// What is not there if nothing names it.
    pub(super) hidden: Vec<Hidden>,
    /// Definitions of macros, which are fixed.
    pub(super) macros: Vec<Range<usize>>,
}

impl<'a> Cutter<'a> {
    /// What becomes of each part of `file`, of whose crate this is `known`.
    pub(super) fn new(file: &syn::File, known: &'a Known) -> Self {
        let mut cutter = Self { known, fixed: Vec::new(), cut: Vec::new(), dropped: Vec::new(), hidden: Vec::new(), macros: Vec::new() };
        cutter.items(&file.items);
        cutter
    }

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
