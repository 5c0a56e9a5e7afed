use proc_macro::TokenStream;

#[proc_macro]
pub fn word(_: TokenStream) -> TokenStream {
    format!("{:?}", helper::WORD).parse().expect("a literal")
}
