//! Whether the condition of a `#[cfg_attr]` holds.

use std::collections::BTreeSet;
use syn::punctuated::Punctuated;
use syn::{Expr, ExprLit, Lit, Meta, Token};

/// Conditions that rustc sets by itself (`rustc_session::config::cfg::default_configuration`, 1.95),
/// beside those of the target.
const OF_RUSTC: [&str; 11] = [
    "contract_checks",
    "debug_assertions",
    "fmt_debug",
    "overflow_checks",
    "panic",
    "proc_macro",
    "relocation_model",
    "sanitize",
    "ub_checks",
    "unix",
    "windows",
];

/// Whether `condition` holds where the command sets `set` (each `name` or `key="value"`); none where
/// rustc alone can tell.
pub(super) fn holds(condition: &Meta, set: &BTreeSet<String>) -> Option<bool> {
    let name = condition.path().get_ident()?.to_string();
    let of_command = |text: String| {
        let is_set = set.contains(&text);
        (is_set || !(name.starts_with("target_") || OF_RUSTC.contains(&name.as_str()))).then_some(is_set)
    };
    match condition {
        Meta::Path(_) => of_command(name.clone()),
        Meta::NameValue(pair) => match &pair.value {
            Expr::Lit(ExprLit { lit: Lit::Str(value), .. }) => of_command(format!("{name}=\"{}\"", value.value())),
            _ => None,
        },
        Meta::List(list) => {
            let parts = list.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated).ok()?;
            let parts: Vec<_> = parts.iter().map(|part| holds(part, set)).collect();
            let are = |value: bool| parts.iter().all(|part| *part == Some(value));
            match name.as_str() {
                "all" if parts.contains(&Some(false)) => Some(false),
                "all" => are(true).then_some(true),
                "any" if parts.contains(&Some(true)) => Some(true),
                "any" => are(false).then_some(false),
                "not" if parts.len() == 1 => parts[0].map(|part| !part),
                _ => None,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_all_kinds() {
        let set = BTreeSet::from(["nightly".to_owned(), "feature=\"a\"".to_owned()]);
        for (condition, expected) in [
            ("nightly", Some(true)),
            ("docsrs", Some(false)),
            ("feature = \"a\"", Some(true)),
            ("feature = \"b\"", Some(false)),
            ("feature", Some(false)),
            ("unix", None),
            ("target_os = \"linux\"", None),
            ("panic = \"unwind\"", None),
            ("all()", Some(true)),
            ("any()", Some(false)),
            ("all(doc, feature = \"a\")", Some(false)),
            ("all(nightly, feature = \"a\")", Some(true)),
            ("all(unix, nightly)", None),
            ("all(unix, doc)", Some(false)),
            ("any(unix, nightly)", Some(true)),
            ("any(unix, doc)", None),
            ("any(doc, feature = \"b\")", Some(false)),
            ("not(doc)", Some(true)),
            ("not(any(doc, nightly))", Some(false)),
            ("not(unix)", None),
            ("not()", None),
            ("accessible(std::mem)", None),
            ("a::b", None),
        ] {
            assert_eq!(holds(&syn::parse_str(condition).unwrap(), &set), expected, "{condition}");
        }
    }
}
