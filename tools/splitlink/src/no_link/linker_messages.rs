//! What rustc does with what the linker says when it succeeds: its lint `linker_messages`.
//!
//! The level is that of the lint at the crate's root, which rustc has decided when it calls the
//! linker (`rustc_codegen_ssa::back::link::link_natively`, 1.95). Its lint levels are not to be had
//! from a stable rustc, so the command and the crate's root file are read for them.

use crate::plan::LinkerMessages;
use crate::rustc::args::RustcArgs;
use std::fs;

const LINT: &str = "linker_messages";

/// What a lint option or attribute says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    Allow,
    Warn,
    Deny,
    Forbid,
    ForceWarn,
}

impl Level {
    fn of(name: &str) -> Option<Self> {
        Some(match name {
            "-A" | "--allow" | "allow" | "expect" => Self::Allow,
            "-W" | "--warn" | "warn" => Self::Warn,
            "-D" | "--deny" | "deny" => Self::Deny,
            "-F" | "--forbid" | "forbid" => Self::Forbid,
            "--force-warn" => Self::ForceWarn,
            _ => return None,
        })
    }
}

/// What rustc with the arguments `args` does with the linker's messages; `module` is one of the
/// modules that it has written, which names its version.
pub(crate) fn level(args: &RustcArgs, module: Option<&[u8]>) -> LinkerMessages {
    let root = args.sources().next().and_then(|source| fs::read_to_string(source).ok()).unwrap_or_default();
    level_in(&args.clone().into_args(), &root, module.and_then(minor_version))
}

fn level_in(args: &[String], root: &str, minor_version: Option<u32>) -> LinkerMessages {
    // From 1.97 on the lint warns by default, and `-D warnings` is not for it.
    let is_new = minor_version.is_some_and(|version| version >= 97);
    let mut own = if is_new { Level::Warn } else { Level::Allow };
    let mut warnings = None;
    let mut cap = Level::Forbid;
    for (option, value) in lint_options(args) {
        let Some(level) = Level::of(option) else {
            cap = Level::of(value).unwrap_or(cap);
            continue;
        };
        match value.replace('-', "_").as_str() {
            LINT => own = if own == Level::Forbid { own } else { level },
            "warnings" => warnings = Some(level),
            _ => {}
        }
    }
    for (level, lint) in inner_attributes(root) {
        match lint.as_str() {
            LINT if own < Level::Forbid => own = level,
            "warnings" => warnings = Some(level),
            _ => {}
        }
    }
    if own == Level::ForceWarn {
        return LinkerMessages::Warn;
    }
    if own == Level::Warn
        && let Some(level) = warnings.filter(|level| !is_new || *level == Level::Allow)
    {
        own = level;
    }
    match own.min(cap) {
        Level::Allow => LinkerMessages::Allow,
        Level::Warn | Level::ForceWarn => LinkerMessages::Warn,
        Level::Deny | Level::Forbid => LinkerMessages::Deny,
    }
}

/// The options about lints in `args`, each with its value.
fn lint_options(args: &[String]) -> Vec<(&str, &str)> {
    let mut options = Vec::new();
    let mut args = args.iter().map(String::as_str);
    while let Some(arg) = args.next() {
        let is_long = |name: &str| name == "--cap-lints" || (name.starts_with("--") && Level::of(name).is_some());
        if is_long(arg) || (arg.len() == 2 && Level::of(arg).is_some()) {
            options.extend(args.next().map(|value| (arg, value)));
        } else if let Some((name, value)) = arg.split_once('=').filter(|(name, _)| is_long(name)) {
            options.push((name, value));
        } else if let Some((name, value)) = arg.split_at_checked(2).filter(|(name, _)| !name.starts_with("--") && Level::of(name).is_some())
        {
            options.push((name, value));
        }
    }
    options
}

/// The lints that the inner attributes of a crate's root name, each with its level.
fn inner_attributes(root: &str) -> Vec<(Level, String)> {
    let code: Vec<&str> = root.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
    let mut found = Vec::new();
    for attribute in code.join(" ").split("#![").skip(1) {
        let Some((attribute, _)) = attribute.split_once(']') else { continue };
        // What a condition would set is taken for set.
        let set = attribute.strip_prefix("cfg_attr(").and_then(|rest| rest.split_once(',')).map_or(attribute, |(_, set)| set.trim());
        let Some((name, lints)) = set.split_once('(') else { continue };
        let Some(level) = Level::of(name.trim()).filter(|_| !name.starts_with('-')) else { continue };
        found.extend(lints.trim_end_matches(')').split(',').map(|lint| (level, lint.trim().to_owned())));
    }
    found
}

/// The minor version of the rustc that has written `module`, in which it names itself.
fn minor_version(module: &[u8]) -> Option<u32> {
    const NAME: &[u8] = b"rustc version 1.";
    let at = module.windows(NAME.len()).position(|window| window == NAME)? + NAME.len();
    let digits: Vec<u8> = module[at..].iter().copied().take_while(u8::is_ascii_digit).collect();
    String::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use LinkerMessages::{Allow, Deny, Warn};

    #[test]
    fn levels() {
        let table = [
            ("", "", 95, Allow),
            ("", "", 97, Warn),
            ("-Wlinker-messages", "", 95, Warn),
            ("-W linker_messages", "", 95, Warn),
            ("--warn=linker-messages", "", 95, Warn),
            ("--force-warn linker-messages --cap-lints allow", "", 95, Warn),
            ("-Dlinker-messages", "", 95, Deny),
            ("-F linker-messages -Alinker-messages", "#![allow(linker_messages)]", 95, Deny),
            ("-Dlinker-messages --cap-lints warn", "", 95, Warn),
            ("-Wlinker-messages --cap-lints=allow", "", 95, Allow),
            ("-Wlinker-messages -Dwarnings", "", 95, Deny),
            ("-Dwarnings", "", 95, Allow),
            ("-Dwarnings", "", 97, Warn),
            ("-Awarnings", "", 97, Allow),
            ("-Wlinker-messages -Awarnings", "", 95, Allow),
            ("-Wlinker-messages -Alinker-messages", "", 95, Allow),
            ("-Wunused -Copt-level=3", "", 95, Allow),
            ("-Alinker-messages", "#![warn(\n    unused,\n    linker_messages\n)]", 95, Warn),
            ("", "//! #![deny(linker_messages)]\n#![cfg_attr(unix, deny(linker_messages))]", 95, Deny),
            ("", "// #![deny(linker_messages)]\nfn f() { deny(linker_messages) }", 95, Allow),
        ];
        for (args, root, version, expected) in table {
            let args: Vec<String> = args.split_ascii_whitespace().map(str::to_owned).collect();
            assert_eq!(level_in(&args, root, Some(version)), expected, "{args:?} {root} {version}");
        }
    }

    #[test]
    fn versions_in_modules() {
        assert_eq!(minor_version(b"\x7fELF..\0rustc version 1.97.0 (abc)\0"), Some(97));
        assert_eq!(minor_version(b"\x7fELF..\0rustc version x"), None);
    }
}
