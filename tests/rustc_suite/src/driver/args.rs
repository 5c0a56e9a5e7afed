//! rustc's command line, as far as the driver must understand it.

/// The long options with a value, which may be the next argument, and the short forms of some.
const WITH_VALUE: [(&str, &str); 30] = [
    ("codegen", "-C"),
    ("library-path", "-L"),
    ("link-lib", "-l"),
    ("output", "-o"),
    ("allow", "-A"),
    ("warn", "-W"),
    ("deny", "-D"),
    ("forbid", "-F"),
    ("unstable", "-Z"),
    ("crate-type", ""),
    ("crate-name", ""),
    ("emit", ""),
    ("extern", ""),
    ("out-dir", ""),
    ("print", ""),
    ("explain", ""),
    ("sysroot", ""),
    ("target", ""),
    ("edition", ""),
    ("cfg", ""),
    ("check-cfg", ""),
    ("cap-lints", ""),
    ("force-warn", ""),
    ("error-format", ""),
    ("json", ""),
    ("color", ""),
    ("diagnostic-width", ""),
    ("remap-path-prefix", ""),
    ("remap-path-scope", ""),
    ("env-set", ""),
];

/// One argument.
#[derive(Debug, Clone)]
enum Arg {
    /// An option: its long name, its value, and how it was written.
    Option { name: &'static str, value: String, written: Vec<String> },
    /// Anything else.
    Other(String),
}

/// rustc's arguments.
#[derive(Debug, Clone)]
pub(crate) struct Args(Vec<Arg>);

impl Args {
    /// Takes `args` apart.
    pub(crate) fn parse(args: Vec<String>) -> Self {
        let mut parsed = Vec::new();
        let mut args = args.into_iter();
        while let Some(arg) = args.next() {
            match option(&arg) {
                Some((name, Some(value))) => parsed.push(Arg::Option { name, value, written: vec![arg] }),
                Some((name, None)) => match args.next() {
                    Some(value) => parsed.push(Arg::Option { name, value: value.clone(), written: vec![arg, value] }),
                    None => parsed.push(Arg::Other(arg)),
                },
                None => parsed.push(Arg::Other(arg)),
            }
        }
        Self(parsed)
    }

    /// All of them, as they were written.
    pub(crate) fn all(&self) -> impl Iterator<Item = &str> {
        self.0
            .iter()
            .flat_map(|arg| match arg {
                Arg::Option { written, .. } => written.iter(),
                Arg::Other(other) => std::slice::from_ref(other).iter(),
            })
            .map(String::as_str)
    }

    /// The values of the option `name`.
    pub(crate) fn values<'a>(&'a self, name: &str) -> impl DoubleEndedIterator<Item = &'a str> {
        self.0.iter().filter_map(move |arg| match arg {
            Arg::Option { name: found, value, .. } if *found == name => Some(value.as_str()),
            _ => None,
        })
    }

    /// The last value of `-C KEY`; empty where it has none.
    pub(crate) fn codegen<'a>(&'a self, key: &str) -> Option<&'a str> {
        self.values("codegen").rev().find_map(|option| of_key(option, key))
    }

    /// Whether the bare argument `arg` is there.
    pub(crate) fn has(&self, arg: &str) -> bool {
        self.0.iter().any(|found| matches!(found, Arg::Other(other) if other == arg))
    }

    /// What is no option: the sources.
    pub(crate) fn sources(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|arg| match arg {
            Arg::Other(other) if other == "-" || !other.starts_with('-') => Some(other.as_str()),
            _ => None,
        })
    }

    /// Removes the options `name` whose values `unwanted` picks.
    pub(crate) fn remove(&mut self, name: &str, unwanted: impl Fn(&str) -> bool) {
        self.0.retain(|arg| !matches!(arg, Arg::Option { name: found, value, .. } if *found == name && unwanted(value)));
    }

    /// Removes every `-C KEY`.
    pub(crate) fn remove_codegen(&mut self, key: &str) {
        self.remove("codegen", |option| of_key(option, key).is_some());
    }

    /// Adds the long option `name`.
    pub(crate) fn push(&mut self, name: &'static str, value: String) {
        let written = vec![format!("--{name}={value}")];
        self.0.push(Arg::Option { name, value, written });
    }

    /// Adds `-L value`.
    pub(crate) fn push_search_path(&mut self, value: String) {
        let written = vec!["-L".to_owned(), value.clone()];
        self.0.push(Arg::Option { name: "library-path", value, written });
    }
}

/// The value of `option` if its key is `key`; rustc takes `_` for `-`.
fn of_key<'a>(option: &'a str, key: &str) -> Option<&'a str> {
    let (found, value) = option.split_once('=').unwrap_or((option, ""));
    (found.replace('_', "-") == key).then_some(value)
}

/// The long name of the option that `arg` spells, and its value if `arg` holds it.
fn option(arg: &str) -> Option<(&'static str, Option<String>)> {
    // `-O` and `-g` have no value, `-Wl` is no option of rustc's.
    WITH_VALUE.iter().find_map(|&(long, short)| {
        if let Some(rest) = arg.strip_prefix("--").and_then(|rest| rest.strip_prefix(long)) {
            return match rest.strip_prefix('=') {
                Some(value) => Some((long, Some(value.to_owned()))),
                None => rest.is_empty().then_some((long, None)),
            };
        }
        let rest = arg.strip_prefix(short).filter(|_| !short.is_empty())?;
        Some((long, (!rest.is_empty()).then(|| rest.to_owned())))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_and_sources() {
        let line = "-L a -Lnative=b --crate-type lib --emit=link -Copt_level=1 -C lto a.rs -O -o c --test -";
        let args = Args::parse(line.split(' ').map(str::to_owned).collect());
        assert_eq!(args.all().collect::<Vec<_>>().join(" "), line, "comes out as it went in");
        assert_eq!(args.values("library-path").collect::<Vec<_>>(), ["a", "native=b"]);
        assert_eq!(args.values("crate-type").collect::<Vec<_>>(), ["lib"]);
        assert_eq!((args.codegen("opt-level"), args.codegen("lto"), args.codegen("panic")), (Some("1"), Some(""), None));
        assert_eq!(args.sources().collect::<Vec<_>>(), ["a.rs", "-"]);
        assert!(args.has("--test") && args.has("-O"));
    }
}
