//! rustc's command line as a list of options that can be looked up and exchanged.

use crate::plan::crate_type::{CrateType, UnknownCrateType};
use std::ops::Range;
use std::path::Path;

/// One argument of rustc's command line.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Arg {
    /// An option with a value, by its long name (`codegen` for `-C`).
    Option { name: &'static str, value: String },
    /// Anything else, as it was.
    Other(String),
}

/// The options with a value that we look at: long name, short form.
const OPTIONS: &[(&str, Option<&str>)] = &[
    ("codegen", Some("-C")),
    ("color", None),
    ("crate-name", None),
    ("crate-type", None),
    ("emit", None),
    ("error-format", None),
    ("extern", None),
    ("json", None),
    ("library-path", Some("-L")),
    ("link-lib", Some("-l")),
    ("output", Some("-o")),
    ("out-dir", None),
    ("print", None),
    ("sysroot", None),
    ("target", None),
];

/// The short options with a value that we only pass on, listed so that their values are not taken
/// for options.
const OTHER_SHORT: &[&str] = &["-A", "-W", "-D", "-F", "-Z"];

/// The long options with a value that we only pass on.
const OTHER_LONG: &[&str] = &[
    "--cfg",
    "--check-cfg",
    "--edition",
    "--explain",
    "--allow",
    "--warn",
    "--force-warn",
    "--deny",
    "--forbid",
    "--cap-lints",
    "--remap-path-prefix",
    "--remap-path-scope",
    "--env-set",
    "--diagnostic-width",
];

/// A rustc command line without the program's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RustcArgs(Vec<Arg>);

impl RustcArgs {
    /// Takes `args` apart; response files must have been expanded.
    pub fn parse(args: Vec<String>) -> Self {
        let mut parsed = Vec::with_capacity(args.len());
        let mut args = args.into_iter();
        while let Some(arg) = args.next() {
            if let Some((name, value)) = known_option(&arg) {
                match value.or_else(|| args.next()) {
                    Some(value) => parsed.push(Arg::Option { name, value }),
                    None => parsed.push(Arg::Other(arg)),
                }
            } else if takes_value(&arg) {
                let value = args.next();
                parsed.push(Arg::Other(arg));
                parsed.extend(value.map(Arg::Other));
            } else {
                parsed.push(Arg::Other(arg));
            }
        }
        Self(parsed)
    }

    /// The command line again.
    pub fn into_args(self) -> Vec<String> {
        let spell = |arg| match arg {
            Arg::Option { name: "output", value } => vec!["-o".to_owned(), value],
            Arg::Option { name: "library-path", value } => vec![format!("-L{value}")],
            Arg::Option { name: "link-lib", value } => vec![format!("-l{value}")],
            Arg::Option { name, value } => vec![format!("--{name}={value}")],
            Arg::Other(arg) => vec![arg],
        };
        self.0.into_iter().flat_map(spell).collect()
    }

    /// All values of the option `name`, in order.
    pub fn values<'a>(&'a self, name: &'a str) -> impl DoubleEndedIterator<Item = &'a str> {
        self.0.iter().filter_map(move |arg| match arg {
            Arg::Option { name: n, value } if *n == name => Some(value.as_str()),
            _ => None,
        })
    }

    /// The folders of `-L`, in order, each with its kind, which is `all` if the option says none.
    pub fn library_dirs(&self) -> impl Iterator<Item = (&str, &str)> {
        let kinds = ["native", "crate", "dependency", "framework", "all"];
        self.values("library-path").map(move |dir| dir.split_once('=').filter(|(kind, _)| kinds.contains(kind)).unwrap_or(("all", dir)))
    }

    /// All options of `-C` as keys and values, in order; the value of a `-C key` is empty.
    pub fn codegen_options(&self) -> impl Iterator<Item = (String, &str)> {
        self.values("codegen").map(codegen_option)
    }

    /// The values of all `-C key=value`, in order; empty for a `-C key`.
    pub fn codegen_values<'a>(&'a self, key: &'a str) -> impl DoubleEndedIterator<Item = &'a str> {
        self.values("codegen").filter_map(move |option| value_of(key, option))
    }

    /// The value of `-C key=value` that counts, which is the last one.
    pub fn codegen(&self, key: &str) -> Option<&str> {
        self.values("codegen").rev().find_map(|option| value_of(key, option))
    }

    /// Removes every `-C key=value` whose value `unwanted` picks.
    pub fn remove_codegen(&mut self, key: &str, unwanted: impl Fn(&str) -> bool) {
        self.remove("codegen", |option| value_of(key, option).is_some_and(&unwanted));
    }

    /// Whether the bare argument `arg` (`--test`, say) is there.
    pub fn has(&self, arg: &str) -> bool {
        self.0.iter().any(|a| matches!(a, Arg::Other(other) if other == arg))
    }

    /// The crate types asked for, in order and once each; `bin` where none is given, as with rustc.
    ///
    /// # Errors
    /// If one is not known here.
    pub fn crate_types(&self) -> Result<Vec<CrateType>, UnknownCrateType> {
        let mut types = Vec::new();
        for name in self.values("crate-type").flat_map(|value| value.split(',')) {
            let crate_type = name.parse()?;
            if !types.contains(&crate_type) {
                types.push(crate_type);
            }
        }
        Ok(if self.has("--test") || types.is_empty() { vec![CrateType::Bin] } else { types })
    }

    /// Has the command ask for `types` and no others.
    pub fn set_crate_types(&mut self, types: &[CrateType]) {
        self.remove("crate-type", |_| true);
        self.push("crate-type", types.iter().map(|crate_type| crate_type.name()).collect::<Vec<_>>().join(","));
    }

    /// The crate's name, if it is given.
    pub fn crate_name(&self) -> Option<&str> {
        self.values("crate-name").next_back()
    }

    /// Has the command compile the crate under another name, and write a library of that name.
    pub fn set_crate_name(&mut self, name: &str) {
        let old = self.crate_name().map(str::to_owned);
        self.remove("crate-name", |_| true);
        self.push("crate-name", name);
        let Some(old) = old else { return };
        let renamed = |path: &str| {
            let (dir, file) = path.rsplit_once('/').map_or(("", path), |(dir, file)| (&path[..=dir.len()], file));
            let rest = file.strip_prefix("lib")?.strip_prefix(old.as_str())?;
            rest.starts_with('.').then(|| format!("{dir}lib{name}{rest}"))
        };
        self.exchange("output", renamed);
        self.exchange("emit", |value| {
            let kinds = value.split(',').map(|kind| {
                let (kind, path) = kind.split_once('=')?;
                Some(format!("{kind}={}", renamed(path)?))
            });
            let new: Vec<_> = value.split(',').zip(kinds).map(|(old, new)| new.unwrap_or_else(|| old.to_owned())).collect();
            Some(new.join(","))
        });
    }

    /// The name of the crate for messages, as rustc comes to it (`rustc_interface::passes::get_crate_name`, 1.95): of
    /// the command, of the source's `#![crate_name]`, or of the source's file.
    pub fn shown_crate_name(&self) -> String {
        if let Some(name) = self.crate_name() {
            return name.to_owned();
        }
        let Some(source) = self.sources().next().map(Path::new) else { return "rust_out".to_owned() };
        let text = std::fs::read_to_string(source).unwrap_or_default();
        let named = text.lines().find_map(|line| line.trim_start().strip_prefix("#![crate_name")?.split('"').nth(1).map(str::to_owned));
        named.unwrap_or_else(|| match source.file_stem().and_then(|stem| stem.to_str()) {
            Some(stem) if stem != "-" => stem.replace('-', "_"),
            _ => "rust_out".to_owned(),
        })
    }

    /// Removes every option `name` whose value `unwanted` picks.
    pub fn remove(&mut self, name: &str, unwanted: impl Fn(&str) -> bool) {
        self.0.retain(|arg| !matches!(arg, Arg::Option { name: n, value } if *n == name && unwanted(value)));
    }

    /// Exchanges the first `-Copt-level`, or adds one; debug assertions stay what they were.
    pub fn set_opt_level(&mut self, level: &str) {
        let short = self.has("-O");
        let asserts = self.codegen("opt-level").is_none_or(|level| level == "0") && !short;
        let own_asserts = self.codegen("debug-assertions").is_some();
        match self.0.iter_mut().find(|arg| matches!(arg, Arg::Option { name: "codegen", value } if value_of("opt-level", value).is_some()))
        {
            Some(Arg::Option { value, .. }) => *value = format!("opt-level={level}"),
            // rustc refuses both, and the target itself set the flag.
            _ if short => {}
            _ => self.push_front("codegen", format!("opt-level={level}")),
        }
        // Unless they would be so anyway: a flag more makes another crate of it.
        let default = self.codegen("opt-level").is_none_or(|level| level == "0") && !short;
        if !own_asserts && asserts != default {
            self.push("codegen", if asserts { "debug-assertions=on" } else { "debug-assertions=off" });
        }
    }

    /// The conditions that `--cfg` sets, without spaces: `name` or `key="value"`.
    pub fn conditions(&self) -> impl Iterator<Item = String> {
        let mut is_value = false;
        self.0.iter().filter_map(move |arg| {
            let Arg::Other(other) = arg else { return None };
            let was_value = std::mem::replace(&mut is_value, other == "--cfg");
            let value = if was_value { Some(other.as_str()) } else { other.strip_prefix("--cfg=") };
            value.map(|value| value.split_whitespace().collect())
        })
    }

    /// The source file: the argument that is no option.
    pub fn sources(&self) -> impl Iterator<Item = &str> {
        let mut is_value = false;
        self.0.iter().filter_map(move |arg| {
            let Arg::Other(other) = arg else { return None };
            let was_value = std::mem::replace(&mut is_value, takes_value(other));
            (!was_value && !other.starts_with(['-', '+'])).then_some(other.as_str())
        })
    }

    /// Removes what names a source file.
    pub fn remove_source(&mut self) {
        self.0.retain(|arg| !matches!(arg, Arg::Other(other) if !other.starts_with('-') && other.ends_with(".rs")));
    }

    /// Has rustc warn of nothing that a lint finds.
    pub fn allow_lints(&mut self) {
        self.remove_other_option("--cap-lints");
        self.push_other("--cap-lints=allow");
    }

    /// Removes the bare argument `arg`.
    pub fn remove_other(&mut self, arg: &str) {
        self.0.retain(|a| !matches!(a, Arg::Other(other) if other == arg));
    }

    /// The value of the last `-Z key=value`; empty for a `-Z key`.
    pub fn unstable(&self, key: &str) -> Option<&str> {
        self.unstable_at(key).map(|(_, value)| value).last()
    }

    /// Removes every `-Z key=value`.
    pub fn remove_unstable(&mut self, key: &str) {
        while let Some((places, _)) = self.unstable_at(key).last() {
            self.0.drain(places);
        }
    }

    /// Where each `-Z key=value` is, in one argument or two, and its value.
    fn unstable_at(&self, key: &str) -> impl Iterator<Item = (Range<usize>, &str)> {
        let text = |at: usize| match self.0.get(at) {
            Some(Arg::Other(arg)) => Some(arg.as_str()),
            _ => None,
        };
        (0..self.0.len()).filter_map(move |at| {
            let rest = text(at)?.strip_prefix("-Z")?;
            let (option, end) = if rest.is_empty() { (text(at + 1)?, at + 2) } else { (rest, at + 1) };
            Some((at..end, value_of(key, option)?))
        })
    }

    /// Removes the option `name`, one with a value that is only passed on, in either spelling.
    pub fn remove_other_option(&mut self, name: &str) {
        let mut is_value = false;
        self.0.retain(|arg| {
            let Arg::Other(other) = arg else { return true };
            let was_value = std::mem::replace(&mut is_value, other == name);
            !(was_value || is_value || other.strip_prefix(name).is_some_and(|rest| rest.starts_with('=')))
        });
    }

    /// The values of the option `name`, one that is only passed on, in either spelling.
    pub fn other_values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().enumerate().filter_map(move |(at, arg)| match (arg, self.0.get(at + 1)) {
            (Arg::Other(other), Some(Arg::Other(value))) if other == name => Some(value.as_str()),
            (Arg::Other(other), _) => other.strip_prefix(name)?.strip_prefix('='),
            _ => None,
        })
    }

    /// Adds `arg` as it is.
    pub fn push_other(&mut self, arg: impl Into<String>) {
        self.0.push(Arg::Other(arg.into()));
    }

    /// Exchanges every value of the option `name` for what `exchange` makes of it.
    pub fn exchange(&mut self, name: &str, exchange: impl Fn(&str) -> Option<String>) {
        for arg in &mut self.0 {
            if let Arg::Option { name: n, value } = arg
                && *n == name
                && let Some(new) = exchange(value)
            {
                *value = new;
            }
        }
    }

    /// rustup's choice of a toolchain, `+nightly`, which must stay the first argument.
    pub fn toolchain(&self) -> Option<&str> {
        match self.0.first() {
            Some(Arg::Other(arg)) if arg.starts_with('+') => Some(arg),
            _ => None,
        }
    }

    /// Adds the option `name` before all others.
    pub fn push_front(&mut self, name: &'static str, value: impl Into<String>) {
        let at = usize::from(self.toolchain().is_some());
        self.0.insert(at, Arg::Option { name, value: value.into() });
    }

    /// Adds the option `name` at the end.
    pub fn push(&mut self, name: &'static str, value: impl Into<String>) {
        self.0.push(Arg::Option { name, value: value.into() });
    }
}

/// The key and the value of an option of `-C`; rustc takes `_` for `-` in keys.
fn codegen_option(option: &str) -> (String, &str) {
    let (key, value) = option.split_once('=').unwrap_or((option, ""));
    (key.replace('_', "-"), value)
}

/// The value of an option of `-C`, if it is the option `key`.
fn value_of<'a>(key: &str, option: &'a str) -> Option<&'a str> {
    let (found, value) = codegen_option(option);
    (found == key).then_some(value)
}

/// Whether the value of the option `arg`, one that is only passed on, is the next argument.
fn takes_value(arg: &str) -> bool {
    OTHER_SHORT.contains(&arg) || OTHER_LONG.contains(&arg)
}

/// The long name of the option that `arg` spells, and its value if that is in the same argument.
fn known_option(arg: &str) -> Option<(&'static str, Option<String>)> {
    for &(long, short) in OPTIONS {
        if let Some(rest) = arg.strip_prefix("--").and_then(|rest| rest.strip_prefix(long)) {
            match rest.strip_prefix('=') {
                Some(value) => return Some((long, Some(value.to_owned()))),
                None if rest.is_empty() => return Some((long, None)),
                None => {}
            }
        }
        if let Some(rest) = short.and_then(|short| arg.strip_prefix(short)) {
            return Some((long, (!rest.is_empty()).then(|| rest.to_owned())));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> RustcArgs {
        RustcArgs::parse(line.split(' ').map(str::to_owned).collect())
    }

    #[test]
    fn what_the_crate_is_called() {
        let table = [
            ("src/my-app.rs", "my_app"),
            ("--crate-name=x src/main.rs", "x"),
            ("--crate-name x --crate-name y a.rs", "y"),
            ("-", "rust_out"),
        ];
        for (line, expected) in table {
            assert_eq!(parse(line).shown_crate_name(), expected, "{line}");
        }
        let source = std::env::temp_dir().join(format!("splitlink-name-{}.rs", std::process::id()));
        std::fs::write(&source, "//! Documented.\n#![crate_name = \"named\"]\n").unwrap();
        assert_eq!(parse(&source.to_string_lossy()).shown_crate_name(), "named");
        std::fs::remove_file(source).unwrap();
    }

    #[test]
    fn every_spelling_of_an_option() {
        let args = parse(
            "src/a.rs --crate-type=lib,cdylib --crate-type cdylib -C opt-level=1 -Copt-level=3 --codegen=link_arg=x -L a -Lb --cfg --emit -o out",
        );
        assert_eq!(args.crate_types(), Ok(vec![CrateType::Rlib, CrateType::Cdylib]));
        assert_eq!(args.codegen_values("opt-level").collect::<Vec<_>>(), ["1", "3"]);
        assert_eq!(args.codegen("opt-level"), Some("3"));
        assert_eq!(args.codegen("link-arg"), Some("x"));
        assert_eq!(args.values("library-path").collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(args.values("emit").count(), 0, "the value of --cfg is no option");
        assert_eq!(args.values("output").collect::<Vec<_>>(), ["out"]);
    }

    #[test]
    fn another_opt_level() {
        let table = [
            ("a.rs -Copt-level=3", "a.rs --codegen=opt-level=0 --codegen=debug-assertions=off"),
            ("a.rs --codegen opt_level=2 -Copt-level=3", "a.rs --codegen=opt-level=0 --codegen=opt-level=3"),
            ("a.rs -Copt-level=0", "a.rs --codegen=opt-level=0"),
            ("a.rs -Copt-level=3 -Cdebug-assertions=y", "a.rs --codegen=opt-level=0 --codegen=debug-assertions=y"),
            ("+nightly a.rs", "+nightly --codegen=opt-level=0 a.rs"),
            ("a.rs -O", "a.rs -O"),
        ];
        for (line, expected) in table {
            let mut args = parse(line);
            args.set_opt_level("0");
            assert_eq!(args.into_args().join(" "), expected);
        }
    }

    #[test]
    fn an_option_that_is_only_passed_on() {
        let mut args = parse("--cap-lints warn a.rs --cap-lints=deny -Copt-level=1 --cap-lints allow --cap-lints-not b");
        args.remove_other_option("--cap-lints");
        assert_eq!(args.into_args().join(" "), "a.rs --codegen=opt-level=1 --cap-lints-not b");
    }

    #[test]
    fn unstable_options() {
        let mut args = parse("a.rs -Zone=1 -Z two=2 -Ztwo-more -Z one=3 -Zthree_words");
        assert_eq!([args.unstable("one"), args.unstable("two"), args.unstable("three-words")], [Some("3"), Some("2"), Some("")]);
        assert_eq!([args.unstable("more"), args.unstable("a.rs")], [None, None]);
        args.remove_unstable("one");
        assert_eq!(args.into_args().join(" "), "a.rs -Z two=2 -Ztwo-more -Zthree_words");
    }

    #[test]
    fn another_crate_name() {
        let table = [
            ("a.rs --crate-name=b", "a.rs --crate-name=c"),
            ("a.rs --crate-name b -o x/libb.so", "a.rs --output=x/libc.so --crate-name=c"),
            (
                "a.rs --crate-name=b --emit=dep-info,link=x/libb.so --emit=metadata=libb-1.rmeta",
                "a.rs --emit=dep-info,link=x/libc.so --emit=metadata=libb-1.rmeta --crate-name=c",
            ),
            ("a.rs -o libb.so", "a.rs -o libb.so --crate-name=c"),
        ];
        for (line, expected) in table {
            let mut args = parse(line);
            args.set_crate_name("c");
            assert_eq!(args.into_args().join(" ").replace(" -o x/", " --output=x/"), expected);
        }
    }

    #[test]
    fn the_source_is_no_value() {
        let args = parse("+nightly --cfg a.rs -A b.rs src/c.rs -Copt-level=1 --edition 2024 -o d.rs --test");
        assert_eq!(args.sources().collect::<Vec<_>>(), ["src/c.rs"]);
    }

    #[test]
    fn a_test_is_a_bin() {
        assert_eq!(parse("a.rs --test --crate-type=lib").crate_types(), Ok(vec![CrateType::Bin]));
        assert_eq!(parse("a.rs").crate_types(), Ok(vec![CrateType::Bin]));
        assert!(parse("a.rs --crate-type=sdylib").crate_types().is_err());
    }

    #[test]
    fn comes_out_as_it_went_in() {
        let line = "a.rs --extern=x=liba.rlib --emit=link -Lnative=d -lstatic=z --test -o out -A warnings";
        assert_eq!(parse(line).into_args().join(" "), line);
    }
}
