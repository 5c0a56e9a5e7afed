//! How a linker is called: by itself, or through a compiler driver.

use super::{Item, Link};

/// The prefix by which a driver takes arguments for its linker.
const TO_LINKER: &str = "-Wl,";

/// How the linker of a link is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkerFlavor {
    /// Through a compiler driver (`cc`), which takes the linker's own arguments behind `-Wl,`.
    Driver,
    /// By itself (`ld`).
    Linker,
}

/// How rustc's argument for a driver begins by which it links for macOS, and for a linker
/// (`rustc_codegen_ssa::back::link::add_apple_link_args`, 1.95).
const FOR_MACOS: &str = "-mmacosx-version-min=";
const FOR_APPLE: &str = "-platform_version";

impl Link {
    /// Whether it is a link for macOS.
    pub(crate) fn is_for_macos(&self) -> bool {
        let is_flag = |item: &Item| matches!(item, Item::TargetFlag { arg } if arg.starts_with(FOR_MACOS) || arg == FOR_APPLE);
        self.line.iter().any(is_flag)
    }

    /// How the linker is called. The line tells: rustc gives every linker flags of its own.
    pub fn linker_flavor(&self) -> LinkerFlavor {
        LinkerFlavor::of(&self.line)
    }
}

impl LinkerFlavor {
    /// The flavor that a link's `line` shows.
    pub fn of(line: &[Item]) -> Self {
        let shows = |item: &Item| matches!(item, Item::TargetFlag { arg } | Item::VersionScript { arg, .. } if shows_driver(arg));
        if line.iter().any(shows) { Self::Driver } else { Self::Linker }
    }

    /// That of the linker which rustc gives `args`, the user's own not among them.
    pub fn of_args<'a>(mut args: impl Iterator<Item = &'a str>) -> Self {
        if args.any(shows_driver) { Self::Driver } else { Self::Linker }
    }

    /// The linker's own `flag`, as this linker is given it.
    pub fn flag(self, flag: &str) -> String {
        match self {
            Self::Driver => format!("{TO_LINKER}{flag}"),
            Self::Linker => flag.to_owned(),
        }
    }
}

/// Whether rustc gives `arg` to a driver alone. For macOS it may have nothing to hand on.
fn shows_driver(arg: &str) -> bool {
    arg.starts_with(TO_LINKER) || arg.starts_with(FOR_MACOS)
}

/// The linker's own arguments that `arg` is, if a driver is to hand them on.
pub fn behind_driver(arg: &str) -> Option<impl Iterator<Item = &str>> {
    arg.strip_prefix(TO_LINKER).map(|rest| rest.split(','))
}

/// The linker's own arguments that `arg` holds: itself, or what a driver is to hand on.
pub fn linker_args(arg: &str) -> impl Iterator<Item = &str> {
    let (own, handed_on) = match behind_driver(arg) {
        Some(parts) => (None, Some(parts)),
        None => (Some(arg), None),
    };
    own.into_iter().chain(handed_on.into_iter().flatten())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drivers_and_linkers() {
        let flag = |arg: &str| Item::TargetFlag { arg: arg.to_owned() };
        assert_eq!(LinkerFlavor::of(&[flag("-m64"), flag("-Wl,-Bstatic")]), LinkerFlavor::Driver);
        assert_eq!(LinkerFlavor::of(&[flag("-arch"), flag("-mmacosx-version-min=11.0.0")]), LinkerFlavor::Driver);
        // The user's own argument says nothing.
        assert_eq!(LinkerFlavor::of(&[flag("-Bstatic"), Item::Passthrough { arg: "-Wl,-x".to_owned() }]), LinkerFlavor::Linker);
        assert_eq!(LinkerFlavor::Driver.flag("-Bstatic"), "-Wl,-Bstatic");
        assert_eq!(LinkerFlavor::Linker.flag("-Bstatic"), "-Bstatic");
        for (arg, expected) in [("-Wl,-u,main", &["-u", "main"][..]), ("-pie", &["-pie"]), ("a,b.o", &["a,b.o"])] {
            assert_eq!(linker_args(arg).collect::<Vec<_>>(), expected);
        }
    }
}
