//! What the symbols of Rust code say: whose they are, and what they are called.

use super::v0::{self, CrateRoot};

/// A symbol of Rust code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RustName {
    /// The crate whose source it is in. Of a legacy symbol there may be two that it can be: a
    /// method's type and its trait are of crates of their own, and one of these has the `impl`.
    pub(super) crates: Vec<CrateRoot>,
    /// The crate that it was instantiated in, where the symbol says so.
    pub(super) instantiated_by: Option<CrateRoot>,
    /// Its modules, and then the function or static.
    pub(super) path: Vec<String>,
}

impl RustName {
    /// Reads `symbol`; None if it is no Rust symbol.
    pub(super) fn of(symbol: &str) -> Option<Self> {
        let plain = without_suffix(symbol);
        let is_legacy = is_legacy(plain);
        if !is_legacy && !plain.starts_with("_R") {
            return None;
        }
        let text = format!("{:#}", rustc_demangle::try_demangle(symbol).ok()?);
        let mut path = components(&text);
        if path.is_empty() {
            return None;
        }
        let is_method = path[0].starts_with('<');
        if let Some(place) = v0::parse(plain) {
            if is_method {
                path.splice(0..0, place.modules);
            } else {
                path.remove(0);
            }
            return Some(Self { crates: vec![place.root], instantiated_by: place.instantiated_by, path });
        }
        let root = |name: &str| CrateRoot { name: name.to_owned(), id: None };
        if !is_method {
            let name = path.remove(0);
            return Some(Self { crates: vec![root(&name)], instantiated_by: None, path });
        }
        // rustc names the `impl` by its type and trait where it is in the module of one of them
        // (`rustc_middle::ty::print::PrettyPrinter::default_print_impl_path`, 1.95).
        let (self_type, of_trait) = type_and_trait(&path[0]);
        let mut crates = Vec::new();
        let both: Vec<_> = [Some(self_type), of_trait].into_iter().flatten().map(type_path).collect();
        for names in both {
            if names.len() > 1 && !crates.contains(&root(&names[0])) {
                if crates.is_empty() {
                    path.splice(0..0, names[1..names.len() - 1].iter().cloned());
                }
                crates.push(root(&names[0]));
            }
        }
        Some(Self { crates, instantiated_by: None, path })
    }
}

/// `symbol` without what LLVM has put behind it.
pub(super) fn without_suffix(symbol: &str) -> &str {
    match symbol.find('.') {
        Some(at) if symbol.starts_with("_R") => &symbol[..at],
        Some(_) => symbol.rfind("17h").and_then(|hash| Some(&symbol[..hash + symbol[hash..].find('.')?])).unwrap_or(symbol),
        None => symbol,
    }
}

/// Whether `symbol` is one of rustc's legacy mangling, which ends with a hash; those of C++ begin
/// in the same way.
fn is_legacy(symbol: &str) -> bool {
    let hash = symbol.strip_prefix("_ZN").and_then(|rest| rest.strip_suffix('E')).and_then(|rest| rest.get(rest.len().checked_sub(19)?..));
    hash.and_then(|hash| hash.strip_prefix("17h")).is_some_and(|hash| hash.bytes().all(|digit| digit.is_ascii_hexdigit()))
}

/// The parts of a demangled path; generic arguments stay with what they are given to.
fn components(text: &str) -> Vec<String> {
    let bytes = text.as_bytes();
    let mut parts: Vec<String> = Vec::new();
    let (mut depth, mut start, mut at) = (0usize, 0, 0);
    let mut add = |part: &str| match parts.last_mut() {
        Some(last) if part.starts_with('<') && !part.starts_with("<impl ") => {
            last.push_str("::");
            last.push_str(part);
        }
        _ => parts.push(part.to_owned()),
    };
    while at < bytes.len() {
        match bytes[at] {
            b'-' if bytes.get(at + 1) == Some(&b'>') => at += 1,
            b'<' | b'(' | b'[' | b'{' => depth += 1,
            b'>' | b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            b':' if depth == 0 && bytes.get(at + 1) == Some(&b':') => {
                add(&text[start..at]);
                at += 1;
                start = at + 1;
            }
            _ => {}
        }
        at += 1;
    }
    add(&text[start..]);
    parts.retain(|part| !part.is_empty());
    parts
}

/// The type, and the trait if there is one, of `<Type as Trait>`.
fn type_and_trait(text: &str) -> (&str, Option<&str>) {
    let inside = text.strip_prefix('<').and_then(|text| text.strip_suffix('>')).unwrap_or(text);
    let mut depth = 0usize;
    for (at, c) in inside.char_indices() {
        match c {
            '>' if inside[..at].ends_with('-') => {}
            '<' | '(' | '[' => depth += 1,
            '>' | ')' | ']' => depth = depth.saturating_sub(1),
            ' ' if depth == 0 && inside[at..].starts_with(" as ") => return (&inside[..at], Some(&inside[at + 4..])),
            _ => {}
        }
    }
    (inside, None)
}

/// The names of the path that the type `text` begins with; one alone for a primitive type.
fn type_path(text: &str) -> Vec<String> {
    let mut rest = text;
    while let Some(inner) = ["&", "mut ", "*const ", "*mut ", "dyn ", "[", "(", "<"].iter().find_map(|sign| rest.strip_prefix(sign)) {
        rest = inner;
    }
    let end = rest.find(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | ':'))).unwrap_or(rest.len());
    rest[..end].split("::").filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for (symbol, crates, path) in [
            ("_ZN3app5outer5inner17h0123456789abcdefE", "app", "outer/inner"),
            ("_ZN3app5outer5inner17h0123456789abcdefE.llvm.1234", "app", "outer/inner"),
            ("_ZN3app4main28_$u7b$$u7b$closure$u7d$$u7d$17h0123456789abcdefE", "app", "main/{{closure}}"),
            (
                "_ZN4core3ptr42drop_in_place$LT$alloc..string..String$GT$17h0123456789abcdefE",
                "core",
                "ptr/drop_in_place<alloc::string::String>",
            ),
            (
                "_ZN60_$LT$alloc..string..String$u20$as$u20$core..fmt..Display$GT$3fmt17h0123456789abcdefE",
                "alloc core",
                "string/<alloc::string::String as core::fmt::Display>/fmt",
            ),
            ("_ZN44_$LT$$RF$T$u20$as$u20$core..fmt..Display$GT$3fmt17h0123456789abcdefE", "core", "fmt/<&T as core::fmt::Display>/fmt"),
            (
                "_ZN4core3fmt3num52_$LT$impl$u20$core..fmt..Display$u20$for$u20$i32$GT$3fmt17h0123456789abcdefE",
                "core",
                "fmt/num/<impl core::fmt::Display for i32>/fmt",
            ),
            ("_RNvNtCsgEmfK2I1SDS_4core3str5lower", "core", "str/lower"),
            ("_RNvXs_NtCs1_3app4partNtCs2_3dep5PointNtNtCs3_4core3fmt5Debug3fmt", "app", "part/<dep::Point as core::fmt::Debug>/fmt"),
            ("_RINvNtCs3_4core3ptr13drop_in_placeNtCs2_3dep5PointECs1_3app", "core", "ptr/drop_in_place::<dep::Point>"),
        ] {
            let name = RustName::of(symbol).unwrap_or_else(|| panic!("{symbol}"));
            let found: Vec<_> = name.crates.iter().map(|root| root.name.as_str()).collect();
            assert_eq!((found.join(" "), name.path.join("/")), (crates.to_owned(), path.to_owned()), "{symbol}");
        }
        for symbol in ["main", "_ZN3foo3barEv", "_ZN3fooE", "memcpy", "_R", "_ZN17h0123456789abcdefE", ""] {
            assert_eq!(RustName::of(symbol), None, "{symbol}");
        }
    }
}
