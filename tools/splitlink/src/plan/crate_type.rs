//! The kinds of artifact that rustc makes of a crate.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// A crate type, written as rustc spells it (`rustc_session::config::CrateType`, 1.95).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CrateType {
    /// A program, or a test.
    Bin,
    /// A shared library for users in any language.
    Cdylib,
    /// A shared library for Rust crates.
    Dylib,
    /// A procedural macro.
    ProcMacro,
    /// A Rust library, which is not linked.
    Rlib,
    /// An archive for users in any language.
    Staticlib,
}

/// How far an artifact's symbols reach
/// (`rustc_codegen_ssa::back::symbol_export::crate_export_threshold`, 1.95).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Threshold {
    /// Only symbols with C names (`#[no_mangle]`), for users in any language.
    C,
    /// Rust's own as well, for other Rust crates.
    Rust,
}

impl CrateType {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Bin, Self::Cdylib, Self::Dylib, Self::ProcMacro, Self::Rlib, Self::Staticlib];

    /// The name, as rustc spells it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bin => "bin",
            Self::Cdylib => "cdylib",
            Self::Dylib => "dylib",
            Self::ProcMacro => "proc-macro",
            Self::Rlib => "rlib",
            Self::Staticlib => "staticlib",
        }
    }

    /// Whether link-only makes it: everything but an rlib.
    pub fn is_linked(self) -> bool {
        self != Self::Rlib
    }

    /// Whether rustc calls the linker for it; a staticlib it writes itself.
    pub fn is_made_by_linker(self) -> bool {
        !matches!(self, Self::Rlib | Self::Staticlib)
    }

    /// Whether `-Cprefer-dynamic` counts for it
    /// (`rustc_metadata::dependency_format::calculate_type`, 1.95).
    pub fn may_prefer_dylibs(self) -> bool {
        matches!(self, Self::Bin | Self::Cdylib | Self::Dylib)
    }

    /// How far its symbols reach.
    pub fn threshold(self) -> Threshold {
        if self == Self::Dylib { Threshold::Rust } else { Threshold::C }
    }
}

impl fmt::Display for CrateType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The error of a name that is no crate type.
#[derive(Debug, PartialEq, Eq)]
pub struct UnknownCrateType(String);

impl fmt::Display for UnknownCrateType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is no crate type that splitlink knows\n  help: it knows {}", self.0, CrateType::ALL.map(CrateType::name).join(", "))
    }
}

impl std::error::Error for UnknownCrateType {}

impl FromStr for CrateType {
    type Err = UnknownCrateType;

    /// Reads a name as rustc does: `lib` is what rustc chooses for a library, an rlib.
    fn from_str(name: &str) -> Result<Self, UnknownCrateType> {
        let name = if name == "lib" { "rlib" } else { name };
        Self::ALL.into_iter().find(|known| known.name() == name).ok_or_else(|| UnknownCrateType(name.to_owned()))
    }
}

impl Threshold {
    /// For people.
    pub fn name(self) -> &'static str {
        match self {
            Self::C => "C",
            Self::Rust => "Rust",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_back() {
        for crate_type in CrateType::ALL {
            assert_eq!(crate_type.name().parse(), Ok(crate_type));
            assert_eq!(serde_json::to_value(crate_type).unwrap(), crate_type.name());
        }
        assert_eq!("lib".parse(), Ok(CrateType::Rlib));
        let unknown = "sdylib".parse::<CrateType>().unwrap_err().to_string();
        assert!(unknown.contains("`sdylib`") && unknown.contains("bin, cdylib, dylib, proc-macro, rlib, staticlib"), "{unknown}");
    }
}
