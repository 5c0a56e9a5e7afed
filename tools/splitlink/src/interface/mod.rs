//! The interface of a crate: its source without what no other crate can see.
//!
//! Dependents compile against the metadata of the interface ([`crate::compile::metadata`]), and the
//! code that is linked comes from the real source ([`crate::compile::codegen`]). A change in a body
//! that nobody else can see then leaves the interface as it was, to the byte, and with it everything
//! above.
//!
//! [`bodies`] says which bodies those are, by what is [`known`] of the crate, and [`hidden`] which
//! functions are not even there.
//! [`cutter`] finds what of that is in a file, [`source`] leaves it out, of the file's [`tokens`], and
//! [`tree`] does so for a crate, unless it has features of rustc's under [`conditions`] that hold.
//! [`kept`] finds what the last build has left of that.
//!
//! [`definitions`] says what a message may be about, and [`messages`] shows it where others see it.

mod bodies;
mod conditions;
mod cutter;
mod definitions;
mod hidden;
mod kept;
mod known;
pub(crate) mod messages;
mod page;
mod source;
mod tokens;
pub(crate) mod tree;

use crate::rustc::args::RustcArgs;
use crate::rustc::target_format;
use proc_macro2::TokenStream;

pub use hidden::Names;

/// The interface of a file with the contents `text`, of a crate that defines no macros elsewhere and
/// whose other files name what is in `others`; none for a file that is kept whole.
pub fn of_file(text: &str, others: &[&Names]) -> Option<String> {
    with_parts(text, |parts| {
        let own = parts.names();
        Some(parts.interface(Some(&hidden::named(others.iter().copied().chain([&own]))))?.text)
    })?
}

/// What a file with the contents `text` names; none if that cannot be told.
pub fn names_in(text: &str) -> Option<Names> {
    with_parts(text, |parts| parts.names())
}

fn with_parts<T>(text: &str, of_parts: impl FnOnce(&source::Parts<'_>) -> T) -> Option<T> {
    let tokens: TokenStream = text.parse().ok()?;
    let file = syn::parse2(tokens.clone()).ok()?;
    Some(of_parts(&source::Parts::new(text, &file, tokens, &known::Known::of([&file]))))
}

/// Unstable options by which rustc uses bodies in other crates without an opt-level as well
/// (`rustc_mir_transform::cross_crate_inline::cross_crate_inlinable`, 1.95).
const USING_BODIES: [&str; 5] = ["cross-crate-inline-threshold", "hint-mostly-unused", "inline-mir", "mir-enable-passes", "mir-opt-level"];

/// Why a crate that is compiled with `args` has no interface other than its real metadata; none if
/// it may have one.
///
/// rustc takes facts about a function from its body into other crates where it optimises: whether
/// it is inlined there (`rustc_mir_transform::cross_crate_inline`) and what its parameters are good
/// for (`rustc_mir_transform::deduce_param_attrs`). It does neither at opt-level 0 (1.95, both).
pub(crate) fn refused(args: &RustcArgs) -> Option<&'static str> {
    if args.has("-O") || args.codegen("opt-level").is_some_and(|level| level != "0") {
        return Some("it is optimised, so rustc uses bodies in other crates");
    }
    if USING_BODIES.iter().any(|option| args.unstable(option).is_some()) {
        return Some("an unstable option has rustc use bodies in other crates");
    }
    if args.unstable("debug-info-type-line-numbers").is_some() {
        return Some("debug information has the lines of its types");
    }
    // A legacy name has a hash in it that counts what is in the body
    // (`rustc_symbol_mangling::legacy`, 1.95).
    if args.codegen("symbol-mangling-version").is_some_and(|version| version != "v0") {
        return Some("its symbols have names that depend on bodies");
    }
    if target_format::of_command(args).is_some() {
        return Some("its metadata is wrapped in an object that is not ELF");
    }
    if args.has("--test") {
        return Some("it is a test");
    }
    if args.codegen_options().any(|(key, _)| key == "instrument-coverage") {
        return Some("coverage counts every body");
    }
    None
}

/// Has rustc give symbols names that do not depend on bodies.
pub(crate) fn name_symbols(args: &mut RustcArgs) {
    args.remove_codegen("symbol-mangling-version", |_| true);
    args.push("codegen", "symbol-mangling-version=v0");
}
