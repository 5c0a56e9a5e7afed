//! A macro that is linked with a library of its own.

use proc_macro::TokenStream;

/// Names a function: `named!(f)` is `fn f() -> &'static str { "F" }`.
#[proc_macro]
pub fn named(name: TokenStream) -> TokenStream {
    let name = name.to_string();
    format!("pub fn {name}() -> &'static str {{ {:?} }}", naming::capitals(&name)).parse().expect("a function")
}
