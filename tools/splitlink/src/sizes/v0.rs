//! Which crate a symbol of rustc's v0 mangling is of, and in which modules it is (the grammar is in
//! the rustc book, "v0 Symbol Format"). For people, `rustc-demangle` says it; but it leaves out the
//! path of an `impl`, which names the crate that the function is in.

use std::borrow::Cow;

/// A crate as a symbol names it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct CrateRoot {
    /// Its name.
    pub(super) name: String,
    /// What tells it from others of that name, rustc's `StableCrateId`; legacy symbols have none.
    pub(super) id: Option<u64>,
}

/// What a symbol says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// The crate whose source the function or static is in.
    pub(super) root: CrateRoot,
    /// The modules and functions around what the symbol's path ends in; of a method, those around
    /// the `impl`.
    pub(super) modules: Vec<String>,
    /// The crate that a generic function was instantiated in.
    pub(super) instantiated_by: Option<CrateRoot>,
}

/// Reads the mangled `symbol`; None if it is none of v0, or of a later grammar.
pub(super) fn parse(symbol: &str) -> Option<Place> {
    let text = symbol.strip_prefix("_R")?.as_bytes();
    if text.first().is_none_or(u8::is_ascii_digit) {
        return None;
    }
    let mut parser = Parser { text, at: 0, depth: 0, follows: true };
    let Path { root, mut modules, is_method } = parser.path()?;
    if !is_method {
        modules.pop();
    }
    let root = root.owned();
    let modules = modules.into_iter().map(Cow::into_owned).collect();
    let instantiated_by = match text.get(parser.at) {
        Some(byte) if byte.is_ascii_uppercase() => parser.path().map(|path| path.root.owned()),
        _ => None,
    };
    Some(Place { root, modules, instantiated_by })
}

/// A path: the crate that it begins with, and the names behind it.
#[derive(Debug)]
struct Path<'s> {
    root: Root<'s>,
    modules: Vec<Cow<'s, str>>,
    /// Whether the last of its names is behind a type, so that they are the `impl`'s.
    is_method: bool,
}

/// A [`CrateRoot`] as it stands in the symbol: of most of a symbol's paths nobody looks at it.
#[derive(Debug, Default)]
struct Root<'s> {
    name: Cow<'s, str>,
    id: Option<u64>,
}

impl Root<'_> {
    fn owned(self) -> CrateRoot {
        CrateRoot { name: self.name.into_owned(), id: self.id }
    }
}

/// Paths and types are nested at most so deep: a symbol may refer to itself.
const DEEPEST: usize = 200;

struct Parser<'s> {
    text: &'s [u8],
    at: usize,
    depth: usize,
    /// Whether back references are followed: not in what is only passed over.
    follows: bool,
}

impl<'s> Parser<'s> {
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn next(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }

    fn eat(&mut self, byte: u8) -> bool {
        let is_there = self.peek() == Some(byte);
        self.at += usize::from(is_there);
        is_there
    }

    fn base_62(&mut self) -> Option<u64> {
        let mut value: u64 = 0;
        if self.eat(b'_') {
            return Some(0);
        }
        loop {
            let digit = match self.next()? {
                b'_' => return value.checked_add(1),
                c @ b'0'..=b'9' => c - b'0',
                c @ b'a'..=b'z' => c - b'a' + 10,
                c @ b'A'..=b'Z' => c - b'A' + 36,
                _ => return None,
            };
            value = value.checked_mul(62)?.checked_add(u64::from(digit))?;
        }
    }

    fn disambiguator(&mut self) -> Option<u64> {
        if self.eat(b's') { self.base_62()?.checked_add(1) } else { Some(0) }
    }

    fn undisambiguated(&mut self) -> Option<Cow<'s, str>> {
        self.eat(b'u');
        let mut length: usize = 0;
        let start = self.at;
        while let Some(digit @ b'0'..=b'9') = self.peek() {
            // A length of 0 has no digits behind it.
            if self.at > start && length == 0 {
                break;
            }
            length = length.checked_mul(10)?.checked_add(usize::from(digit - b'0'))?;
            self.at += 1;
        }
        if self.at == start {
            return None;
        }
        self.eat(b'_');
        let name = self.text.get(self.at..self.at.checked_add(length)?)?;
        self.at += length;
        Some(String::from_utf8_lossy(name))
    }

    /// Runs `read` one level deeper.
    fn deeper<T>(&mut self, read: impl FnOnce(&mut Self) -> Option<T>) -> Option<T> {
        if self.depth == DEEPEST {
            return None;
        }
        self.depth += 1;
        let found = read(self);
        self.depth -= 1;
        found
    }

    /// Runs `read`, whose outcome nobody looks at.
    fn skipping<T>(&mut self, read: impl FnOnce(&mut Self) -> Option<T>) -> Option<()> {
        let follows = std::mem::replace(&mut self.follows, false);
        let found = self.deeper(read);
        self.follows = follows;
        found.map(|_| ())
    }

    /// Reads a path, and is behind it then.
    fn path(&mut self) -> Option<Path<'s>> {
        self.deeper(|this| match this.next()? {
            b'C' => {
                let id = this.disambiguator()?;
                let name = this.undisambiguated()?;
                Some(Path { root: Root { name, id: Some(id) }, modules: Vec::new(), is_method: false })
            }
            b'N' => {
                let namespace = this.next()?;
                let mut path = this.path()?;
                let number = this.disambiguator()?;
                let name = this.undisambiguated()?;
                // Nobody looks at what is only passed over.
                if !path.is_method && this.follows {
                    path.modules.push(match namespace {
                        b'C' => format!("{{closure#{number}}}").into(),
                        b'A'..=b'Z' => format!("{{{name}#{number}}}").into(),
                        _ => name,
                    });
                }
                Some(path)
            }
            b'M' => {
                let path = this.impl_path()?;
                this.skipping(Self::ty)?;
                Some(path)
            }
            b'X' => {
                let path = this.impl_path()?;
                this.skipping(Self::ty)?;
                this.skipping(Self::path)?;
                Some(path)
            }
            // Of a trait itself.
            b'Y' => {
                this.skipping(Self::ty)?;
                let mut path = this.path()?;
                path.modules.pop();
                path.is_method = true;
                Some(path)
            }
            b'I' => {
                let path = this.path()?;
                while !this.eat(b'E') {
                    this.skipping(Self::generic_arg)?;
                }
                Some(path)
            }
            b'B' => {
                let to = usize::try_from(this.base_62()?).ok()?;
                let behind = this.at;
                if !this.follows {
                    return Some(Path { root: Root::default(), modules: Vec::new(), is_method: false });
                }
                // Only what stands before it can be meant.
                this.at = Some(to).filter(|to| *to < behind)?;
                let path = this.path();
                this.at = behind;
                path
            }
            _ => None,
        })
    }

    fn impl_path(&mut self) -> Option<Path<'s>> {
        self.disambiguator()?;
        let path = self.path()?;
        Some(Path { is_method: true, ..path })
    }

    fn generic_arg(&mut self) -> Option<()> {
        match self.peek()? {
            b'L' => {
                self.at += 1;
                self.base_62().map(|_| ())
            }
            b'K' => {
                self.at += 1;
                self.constant()
            }
            _ => self.ty(),
        }
    }

    fn until_end(&mut self, mut read: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        while !self.eat(b'E') {
            self.deeper(&mut read)?;
        }
        Some(())
    }

    fn ty(&mut self) -> Option<()> {
        self.deeper(|this| match this.peek()? {
            b'a'..=b'z' => this.next().map(|_| ()),
            b'A' => {
                this.at += 1;
                this.ty()?;
                this.constant()
            }
            b'S' | b'P' | b'O' => {
                this.at += 1;
                this.ty()
            }
            b'R' | b'Q' => {
                this.at += 1;
                if this.eat(b'L') {
                    this.base_62()?;
                }
                this.ty()
            }
            b'T' => {
                this.at += 1;
                this.until_end(Self::ty)
            }
            b'F' => {
                this.at += 1;
                this.binder()?;
                this.eat(b'U');
                if this.eat(b'K') && !this.eat(b'C') {
                    this.undisambiguated()?;
                }
                this.until_end(Self::ty)?;
                this.ty()
            }
            b'D' => {
                this.at += 1;
                this.binder()?;
                this.until_end(|this| {
                    this.path()?;
                    while this.eat(b'p') {
                        this.undisambiguated()?;
                        this.ty()?;
                    }
                    Some(())
                })?;
                if !this.eat(b'L') {
                    return None;
                }
                this.base_62().map(|_| ())
            }
            b'B' => {
                this.at += 1;
                this.base_62().map(|_| ())
            }
            _ => this.path().map(|_| ()),
        })
    }

    fn binder(&mut self) -> Option<()> {
        if self.eat(b'G') {
            self.base_62()?;
        }
        Some(())
    }

    fn hex(&mut self) -> Option<()> {
        loop {
            match self.next()? {
                b'_' => return Some(()),
                b'0'..=b'9' | b'a'..=b'f' => {}
                _ => return None,
            }
        }
    }

    fn constant(&mut self) -> Option<()> {
        self.deeper(|this| match this.next()? {
            b'p' => Some(()),
            b'B' => this.base_62().map(|_| ()),
            b'R' | b'Q' => this.constant(),
            b'A' | b'T' => this.until_end(Self::constant),
            b'V' => {
                this.path()?;
                match this.next()? {
                    b'U' => Some(()),
                    b'T' => this.until_end(Self::constant),
                    b'S' => this.until_end(|this| {
                        this.disambiguator()?;
                        this.undisambiguated()?;
                        this.constant()
                    }),
                    _ => None,
                }
            }
            b'a'..=b'z' => {
                this.eat(b'n');
                this.hex()
            }
            _ => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crates_and_modules() {
        for (symbol, root, modules, instantiated_by) in [
            ("_RNvCs1_3app4main", "app", "", None),
            ("_RNvNtCsgEmfK2I1SDS_4core3str5lower", "core", "str", None),
            ("_RNvNtNtCs_3app5outer5inner1f", "app", "outer::inner", None),
            ("_RNCNvCs_3app4main0B3_", "app", "main", Some("app")),
            // An inherent impl, a generic function in it, and where it was instantiated.
            (
                "_RINvMNtCsgEmfK2I1SDS_4core3stre12trim_matchesNvMNtNtB5_4char7methodsc13is_whitespaceECsjrHSEGnQ3l9_3std",
                "core",
                "str",
                Some("std"),
            ),
            // `<dep::Point as core::fmt::Debug>::fmt` in `app::part`.
            ("_RNvXs_NtCs1_3app4partNtCs2_3dep5PointNtNtCs3_4core3fmt5Debug3fmt", "app", "part", None),
            // `<dep::Point as core::clone::Clone>::clone_from`, of the trait itself.
            ("_RNvYNtCs2_3dep5PointNtNtCs3_4core5clone5Clone10clone_fromCs1_3app", "core", "clone", Some("app")),
            ("_RINvNtCs3_4core3ptr13drop_in_placeDNtNtB4_3any3AnyEL_ECs1_3app", "core", "ptr", Some("app")),
            ("_RINvCs1_3app1fFUKCRtQhEuAjj4_Kb1_ECs1_3app", "app", "", Some("app")),
            ("_RNvNvCs1_3app4main3CELLC", "app", "main", None),
        ] {
            let place = parse(symbol).unwrap_or_else(|| panic!("{symbol}"));
            let found = (place.root.name.as_str(), place.modules.join("::"), place.instantiated_by.map(|by| by.name));
            assert_eq!(found, (root, modules.to_owned(), instantiated_by.map(str::to_owned)), "{symbol}");
        }
        let place = parse("_RNvNtCsgEmfK2I1SDS_4core3str5lower").unwrap();
        // As the library's codegen units are called, in hexadecimal digits.
        assert_eq!(place.root.id, Some(0xc1f1_a4ba_060b_9bfa));
    }

    #[test]
    fn what_is_no_symbol() {
        let endless = format!("_R{}B_", "I".repeat(10_000));
        for symbol in ["_ZN3app4main17h0123456789abcdefE", "_R", "_R0", "_RNvB_3app", "_RNvCs1_99app", "_RB_", "_RIB_E", "main", &endless] {
            assert_eq!(parse(symbol), None, "{symbol}");
        }
    }
}
