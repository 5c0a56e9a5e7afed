//! What a crate says in one place that matters to bodies in another.

use std::collections::BTreeSet;
use syn::visit::{self, Visit};
use syn::{Attribute, ItemMacro, ItemTrait, ItemUse, TraitItem, UseTree};

/// The crates whose macros are the standard library's.
const STANDARD: [&str; 3] = ["alloc", "core", "std"];

/// What is known of a crate.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// The names of the macros that it defines.
    pub defined: BTreeSet<String>,
    /// The names that it brings in from elsewhere than the standard library: macros may be among them.
    pub brought_in: BTreeSet<String>,
    /// The names of methods of its traits that are told where they are called.
    pub told_callers: BTreeSet<String>,
}

impl Known {
    /// What is known of the crate with these files.
    pub fn of<'a>(files: impl IntoIterator<Item = &'a syn::File>) -> Self {
        let mut known = Self::default();
        files.into_iter().for_each(|file| known.visit_file(file));
        known
    }

    /// Whether a macro called `name` may be another than the standard library's.
    pub fn may_replace(&self, name: &str) -> bool {
        self.defined.contains(name) || self.brought_in.contains(name)
    }

    fn add_leaves(&mut self, tree: &UseTree) {
        match tree {
            UseTree::Path(path) => self.add_leaves(&path.tree),
            UseTree::Name(name) => drop(self.brought_in.insert(name.ident.to_string())),
            UseTree::Rename(rename) => drop(self.brought_in.insert(rename.rename.to_string())),
            UseTree::Group(group) => group.items.iter().for_each(|tree| self.add_leaves(tree)),
            UseTree::Glob(_) => {}
        }
    }
}

/// Whether one of `attributes` has a function told where it is called. Called by a pointer or a table
/// of methods, it is told where it is defined
/// (`rustc_middle::ty::instance::Instance::resolve_for_fn_ptr`, 1.95).
pub(super) fn is_told_caller(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| attribute.path().is_ident("track_caller"))
}

impl<'ast> Visit<'ast> for Known {
    fn visit_item_macro(&mut self, item: &'ast ItemMacro) {
        self.defined.extend(item.ident.as_ref().map(ToString::to_string));
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        let is_standard = matches!(&item.tree, UseTree::Path(path) if STANDARD.iter().any(|name| path.ident == name));
        if !is_standard {
            self.add_leaves(&item.tree);
        }
    }

    fn visit_item_trait(&mut self, item: &'ast ItemTrait) {
        for function in &item.items {
            if let TraitItem::Fn(function) = function
                && is_told_caller(&function.attrs)
            {
                self.told_callers.insert(function.sig.ident.to_string());
            }
        }
        visit::visit_item_trait(self, item);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn macros_and_methods() {
        let file = syn::parse_file(
            "macro_rules! a { () => {} }\nfn f() { macro_rules! b { () => {} } use c::{d as e, f::g}; }\nuse std::println as h;\n\
             trait T { #[track_caller] fn i(); fn j(); }\nuse k::*;",
        );
        let Known { defined, brought_in, told_callers } = Known::of([&file.unwrap()]);
        assert_eq!(defined.into_iter().collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(brought_in.into_iter().collect::<Vec<_>>(), ["e", "g"]);
        assert_eq!(told_callers.into_iter().collect::<Vec<_>>(), ["i"]);
    }
}
