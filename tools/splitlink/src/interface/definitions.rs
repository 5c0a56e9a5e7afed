//! What in a file a message of rustc's may be about where another crate is compiled: definitions,
//! without attributes and bodies.

use std::ops::Range;
use syn::spanned::Spanned;
use syn::{AttrStyle, Attribute, Fields, ForeignItem, ImplItem, Item, TraitItem};

/// Where the definitions of `file` are, in order: signatures, heads of blocks, fields, variants.
pub(super) fn definitions(file: &syn::File) -> Vec<Range<usize>> {
    let mut found = Finder(Vec::new());
    found.items(&file.items);
    found.0
}

struct Finder(Vec<Range<usize>>);

impl Finder {
    /// Adds what is between `attributes` of `whole` and `end`.
    fn add(&mut self, attributes: &[Attribute], whole: &impl Spanned, end: usize) {
        let before = attributes.iter().filter(|attribute| matches!(attribute.style, AttrStyle::Outer));
        let start = before.map(|attribute| attribute.span().byte_range().end).max().unwrap_or(whole.span().byte_range().start);
        if start < end {
            self.0.push(start..end);
        }
    }

    fn items(&mut self, items: &[Item]) {
        for item in items {
            match item {
                Item::Fn(function) => self.add(&function.attrs, function, end(&function.sig)),
                Item::Struct(item) => {
                    let end = item.semi_token.as_ref().map_or_else(|| end(item), start);
                    self.fields(&item.attrs, item, &item.fields, end);
                }
                Item::Union(item) => {
                    self.add(&item.attrs, item, start(&item.fields.brace_token.span.open()));
                    self.each(&item.fields.named);
                }
                Item::Enum(item) => {
                    self.add(&item.attrs, item, start(&item.brace_token.span.open()));
                    for variant in &item.variants {
                        let end = variant.discriminant.as_ref().map_or_else(|| end(variant), |(equals, _)| start(equals));
                        self.fields(&variant.attrs, variant, &variant.fields, end);
                    }
                }
                Item::Trait(item) => {
                    self.add(&item.attrs, item, start(&item.brace_token.span.open()));
                    item.items.iter().for_each(|item| self.of_trait(item));
                }
                Item::Impl(item) => {
                    self.add(&item.attrs, item, start(&item.brace_token.span.open()));
                    item.items.iter().for_each(|item| self.of_impl(item));
                }
                Item::Mod(module) => {
                    self.add(&module.attrs, module, end(&module.ident));
                    if let Some((_, items)) = &module.content {
                        self.items(items);
                    }
                }
                Item::Const(item) => self.add(&item.attrs, item, end(&item.ty)),
                Item::Static(item) => self.add(&item.attrs, item, end(&item.ty)),
                Item::Type(item) => self.add(&item.attrs, item, start(&item.semi_token)),
                Item::TraitAlias(item) => self.add(&item.attrs, item, start(&item.semi_token)),
                Item::Use(item) => self.add(&item.attrs, item, start(&item.semi_token)),
                Item::ExternCrate(item) => self.add(&item.attrs, item, start(&item.semi_token)),
                Item::ForeignMod(block) => {
                    for item in &block.items {
                        if let ForeignItem::Fn(function) = item {
                            self.add(&function.attrs, function, end(&function.sig));
                        }
                    }
                }
                // A macro stays where it is.
                _ => {}
            }
        }
    }

    /// Adds what has `fields`: with those, or before them if they have names, and then each.
    fn fields(&mut self, attributes: &[Attribute], whole: &impl Spanned, fields: &Fields, end: usize) {
        match fields {
            Fields::Named(named) => {
                self.add(attributes, whole, start(&named.brace_token.span.open()));
                self.each(&named.named);
            }
            Fields::Unnamed(_) | Fields::Unit => self.add(attributes, whole, end),
        }
    }

    fn each<'a>(&mut self, fields: impl IntoIterator<Item = &'a syn::Field>) {
        for field in fields {
            self.add(&field.attrs, field, end(&field.ty));
        }
    }

    fn of_trait(&mut self, item: &TraitItem) {
        match item {
            TraitItem::Fn(function) => self.add(&function.attrs, function, end(&function.sig)),
            TraitItem::Type(item) => self.add(&item.attrs, item, start(&item.semi_token)),
            TraitItem::Const(item) => self.add(&item.attrs, item, end(&item.ty)),
            _ => {}
        }
    }

    fn of_impl(&mut self, item: &ImplItem) {
        match item {
            ImplItem::Fn(function) => self.add(&function.attrs, function, end(&function.sig)),
            ImplItem::Type(item) => self.add(&item.attrs, item, start(&item.semi_token)),
            ImplItem::Const(item) => self.add(&item.attrs, item, end(&item.ty)),
            _ => {}
        }
    }
}

fn start(part: &impl Spanned) -> usize {
    part.span().byte_range().start
}

fn end(part: &impl Spanned) -> usize {
    part.span().byte_range().end
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_there_is() {
        let table: &[(&str, &[&str])] = &[
            (
                "#[a] /// Doc.\npub(crate) unsafe fn f<'a>(a: &'a u8) -> u8 where u8: B { 1 }",
                &["pub(crate) unsafe fn f<'a>(a: &'a u8) -> u8 where u8: B"],
            ),
            ("pub struct A<T> where T: B { #[c] pub d: Vec<T>, e: u8 }", &["pub struct A<T> where T: B", "pub d: Vec<T>", "e: u8"]),
            ("/** Doc. */ struct A(pub u8, u16); struct B; struct C {}", &["struct A(pub u8, u16)", "struct B", "struct C"]),
            ("enum A { B = 1, /// Doc.\nC(u8), D { e: u8 }, F }", &["enum A", "B", "C(u8)", "D", "e: u8", "F"]),
            ("pub union A { b: u8 }", &["pub union A", "b: u8"]),
            (
                "pub unsafe trait A: B { #![c] type C: D; const E: u8 = 1; /// Doc.\nfn f(&self); fn g() { 1 } }",
                &["pub unsafe trait A: B", "type C: D", "const E: u8", "fn f(&self)", "fn g()"],
            ),
            (
                "#[a] impl<'a> A for B<'a> { type C = D; const E: u8 = 1; pub fn f(self) -> u8 { 1 } }",
                &["impl<'a> A for B<'a>", "type C = D", "const E: u8", "pub fn f(self) -> u8"],
            ),
            (
                "pub mod a { #![b] use c::{d, e}; mod f; } extern crate g as h;",
                &["pub mod a", "use c::{d, e}", "mod f", "extern crate g as h"],
            ),
            (
                "pub const A: [u8; 1] = [1]; static mut B: u8 = 1; type C<T> = D<T>;",
                &["pub const A: [u8; 1]", "static mut B: u8", "type C<T> = D<T>"],
            ),
            ("extern \"C\" { fn a(b: u8); } macro_rules! c { () => {} }", &["fn a(b: u8)"]),
        ];
        for (source, expected) in table {
            let found = definitions(&syn::parse_file(source).unwrap());
            assert_eq!(found.iter().map(|range| source[range.clone()].trim()).collect::<Vec<_>>(), *expected, "{source}");
        }
    }
}
