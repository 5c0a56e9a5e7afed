//! A proc macro that wants its feature.

#[cfg(not(feature = "asked"))]
compile_error!("feature missing");

/// Gives back what it is given.
#[proc_macro]
pub fn same(input: proc_macro::TokenStream) -> proc_macro::TokenStream {
    input
}
