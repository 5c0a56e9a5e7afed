//! rustc's command line as a list of options that can be looked up and exchanged.

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
    ("sysroot", None),
    ("target", None),
];

/// The short options with a value that we only pass on; known so that their values are not taken for options.
const OTHER_SHORT: &[&str] = &["-A", "-W", "-D", "-F", "-Z"];

/// The long options with a value that we only pass on.
const OTHER_LONG: &[&str] = &[
    "--cfg",
    "--check-cfg",
    "--edition",
    "--print",
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
            } else if OTHER_SHORT.contains(&arg.as_str()) || OTHER_LONG.contains(&arg.as_str()) {
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

    /// The value of `-C key=value` that counts, which is the last one.
    pub fn codegen(&self, key: &str) -> Option<&str> {
        self.values("codegen").rev().find_map(|value| {
            let (k, v) = value.split_once('=').unwrap_or((value, ""));
            (k.replace('_', "-") == key).then_some(v)
        })
    }

    /// Whether the bare argument `arg` (`--test`, say) is there.
    pub fn has(&self, arg: &str) -> bool {
        self.0.iter().any(|a| matches!(a, Arg::Other(other) if other == arg))
    }

    /// The crate types asked for, in order and once each; `bin` where none is given, as with rustc.
    pub fn crate_types(&self) -> Vec<String> {
        let mut types: Vec<String> = Vec::new();
        let asked = self.values("crate-type").flat_map(|value| value.split(','));
        for crate_type in asked {
            let crate_type = if crate_type == "lib" { "rlib" } else { crate_type };
            if !types.iter().any(|t| t == crate_type) {
                types.push(crate_type.to_owned());
            }
        }
        if self.has("--test") || types.is_empty() {
            return vec!["bin".to_owned()];
        }
        types
    }

    /// The crate's name, if it is given.
    pub fn crate_name(&self) -> Option<&str> {
        self.values("crate-name").next_back()
    }

    /// Removes every option `name` whose value `unwanted` picks.
    pub fn remove(&mut self, name: &str, unwanted: impl Fn(&str) -> bool) {
        self.0.retain(|arg| !matches!(arg, Arg::Option { name: n, value } if *n == name && unwanted(value)));
    }

    /// Exchanges the first `-Copt-level`, or adds one; debug assertions stay what they were.
    pub fn set_opt_level(&mut self, level: &str) {
        let key = |value: &str| value.split_once('=').is_some_and(|(key, _)| key.replace('_', "-") == "opt-level");
        let short = self.has("-O");
        let asserts = self.codegen("opt-level").is_none_or(|level| level == "0") && !short;
        let own_asserts = self.codegen("debug-assertions").is_some();
        match self.0.iter_mut().find(|arg| matches!(arg, Arg::Option { name: "codegen", value } if key(value))) {
            Some(Arg::Option { value, .. }) => *value = format!("opt-level={level}"),
            // rustc refuses both, and the flag is somebody's own.
            _ if short => {}
            _ => self.push_front("codegen", format!("opt-level={level}")),
        }
        if !own_asserts {
            self.push("codegen", if asserts { "debug-assertions=on" } else { "debug-assertions=off" });
        }
    }

    /// Removes what names a source file.
    pub fn remove_source(&mut self) {
        self.0.retain(|arg| !matches!(arg, Arg::Other(other) if !other.starts_with('-') && other.ends_with(".rs")));
    }

    /// Removes the bare argument `arg`.
    pub fn remove_other(&mut self, arg: &str) {
        self.0.retain(|a| !matches!(a, Arg::Other(other) if other == arg));
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
    fn every_spelling_of_an_option() {
        let args = parse(
            "src/a.rs --crate-type=lib,cdylib --crate-type cdylib -C opt-level=1 -Copt-level=3 --codegen=link_arg=x -L a -Lb --cfg --emit -o out",
        );
        assert_eq!(args.crate_types(), ["rlib", "cdylib"]);
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
            ("a.rs --codegen opt_level=2 -Copt-level=3", "a.rs --codegen=opt-level=0 --codegen=opt-level=3 --codegen=debug-assertions=off"),
            ("a.rs -Copt-level=3 -Cdebug-assertions=y", "a.rs --codegen=opt-level=0 --codegen=debug-assertions=y"),
            ("+nightly a.rs", "+nightly --codegen=opt-level=0 a.rs --codegen=debug-assertions=on"),
            ("a.rs -O", "a.rs -O --codegen=debug-assertions=off"),
        ];
        for (line, expected) in table {
            let mut args = parse(line);
            args.set_opt_level("0");
            assert_eq!(args.into_args().join(" "), expected);
        }
    }

    #[test]
    fn a_test_is_a_bin() {
        assert_eq!(parse("a.rs --test --crate-type=lib").crate_types(), ["bin"]);
        assert_eq!(parse("a.rs").crate_types(), ["bin"]);
    }

    #[test]
    fn comes_out_as_it_went_in() {
        let line = "a.rs --extern=x=liba.rlib --emit=link -Lnative=d -lstatic=z --test -o out -A warnings";
        assert_eq!(parse(line).into_args().join(" "), line);
    }
}
