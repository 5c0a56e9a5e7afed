//! The directives in a test's header: `//@ NAME: VALUE`, for all revisions or for one.

/// One directive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Directive {
    /// The revision that it is for; all where there is none.
    pub(crate) revision: Option<String>,
    /// Its name.
    pub(crate) name: String,
    /// What stands behind the colon.
    pub(crate) value: String,
}

/// All directives of a file.
#[derive(Debug, Clone, Default)]
pub(crate) struct Directives(Vec<Directive>);

impl Directives {
    /// Reads those in `text`.
    pub(crate) fn parse(text: &str) -> Self {
        Self(text.lines().filter_map(directive).collect())
    }

    /// The revisions; one without a name where the file has none.
    pub(crate) fn revisions(&self) -> Vec<Option<String>> {
        let named: Vec<_> = self.values("revisions", None).flat_map(str::split_whitespace).map(|name| Some(name.to_owned())).collect();
        if named.is_empty() { vec![None] } else { named }
    }

    /// Those that count for `revision`.
    pub(crate) fn of<'a>(&'a self, revision: Option<&'a str>) -> impl Iterator<Item = &'a Directive> {
        self.0.iter().filter(move |found| found.revision.is_none() || found.revision.as_deref() == revision)
    }

    /// The values of the directive `name` for `revision`.
    pub(crate) fn values<'a>(&'a self, name: &'a str, revision: Option<&'a str>) -> impl Iterator<Item = &'a str> {
        self.of(revision).filter(move |found| found.name == name).map(|found| found.value.trim())
    }

    /// Whether the directive `name` is there for `revision`.
    pub(crate) fn has(&self, name: &str, revision: Option<&str>) -> bool {
        self.of(revision).any(|found| found.name == name)
    }

    /// The flags of the directive `name` for `revision`.
    pub(crate) fn flags(&self, name: &str, revision: Option<&str>) -> Vec<String> {
        self.values(name, revision).flat_map(split_flags).collect()
    }

    /// Names and values of the directive `name`, which are written `KEY=VALUE`.
    pub(crate) fn pairs<'a>(&'a self, name: &'a str, revision: Option<&'a str>) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.values(name, revision).map(|value| value.split_once('=').unwrap_or((value, "")))
    }
}

fn directive(line: &str) -> Option<Directive> {
    let rest = line.trim_start().strip_prefix("//@")?.trim_start();
    let (revision, rest) = match rest.strip_prefix('[') {
        Some(rest) => rest.split_once(']').map(|(revision, rest)| (Some(revision.to_owned()), rest.trim_start()))?,
        None => (None, rest),
    };
    let name = rest.split([':', ' ']).next().unwrap_or_default();
    let value = rest[name.len()..].strip_prefix(':').unwrap_or_default();
    Some(Directive { revision, name: name.to_owned(), value: value.to_owned() })
}

/// Splits at spaces, except between single quotes.
fn split_flags(flags: &str) -> Vec<String> {
    let parts = flags.split('\'').enumerate();
    parts.flat_map(|(index, part)| if index % 2 == 1 { vec![part] } else { part.split_whitespace().collect() }).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directives_and_revisions() {
        let all = Directives::parse(
            "//@ run-pass\n//@ revisions: a b-c\n//@[a] compile-flags: -O --cfg 'x y'\n //@ exec-env:K=V=W\n//@ needs-unwind because\n// not: one\n",
        );
        assert_eq!(all.revisions(), [Some("a".to_owned()), Some("b-c".to_owned())]);
        assert!(all.has("run-pass", Some("b-c")) && all.has("needs-unwind", None));
        assert_eq!(all.flags("compile-flags", Some("a")), ["-O", "--cfg", "x y"]);
        assert_eq!(all.flags("compile-flags", Some("b-c")), Vec::<String>::new());
        assert_eq!(all.pairs("exec-env", None).collect::<Vec<_>>(), [("K", "V=W")]);
        assert_eq!(Directives::parse("").revisions(), [None]);
    }
}
