//! `#[derive(Describe)]`: gives a type a method that says in words what it is.

use proc_macro::{TokenStream, TokenTree};

/// Derives `fn describe() -> &'static str` from the type's name.
#[proc_macro_derive(Describe)]
pub fn describe(item: TokenStream) -> TokenStream {
    let mut names = item.into_iter().filter_map(|token| match token {
        TokenTree::Ident(ident) => Some(ident.to_string()),
        _ => None,
    });
    names.find(|name| name == "struct" || name == "enum").expect("Describe is for a struct or enum");
    let name = names.next().expect("a struct or enum has a name");
    let words = naming::words(&name);
    format!("impl {name} {{ fn describe() -> &'static str {{ {words:?} }} }}").parse().expect("this is Rust")
}
