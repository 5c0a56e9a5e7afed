//! A user's version script beside rustc's.
//!
//! Linkers differ there: GNU ld refuses two where one has no name, lld ignores the second, mold
//! takes both, wild forgets the first. So the linker is given one script that says what both say.

use super::line::Line;
use super::linking::Linking;
use crate::files::paths::as_argument;
use crate::files::scratch;
use crate::plan::Item;
use crate::plan::linker_flavor::{LinkerFlavor, linker_args};
use anyhow::{Context, Result, bail};
use std::fs;
use std::path::Path;

/// The linker's option, without its dashes.
const OPTION: &str = "version-script";

/// A node of a version script.
#[derive(Debug, Default, PartialEq, Eq)]
struct Node {
    /// Its name; empty for the only node of a script without versions.
    name: String,
    global: Vec<String>,
    local: Vec<String>,
    /// The name of the node that it builds on; empty for none.
    parent: String,
}

impl Linking<'_> {
    /// The linker's arguments `args` for `line` with one version script of rustc's and the user's, if
    /// there are both.
    ///
    /// # Errors
    /// If they cannot be made one, or a file cannot be read or written.
    pub(crate) fn with_one_version_script(&self, line: &Line<'_>, args: Vec<String>) -> Result<Vec<String>> {
        let rustcs = line.files().find_map(|(item, file)| match item {
            Item::VersionScript { arg, .. } if arg.contains(OPTION) => Some(file),
            _ => None,
        });
        let Some(rustcs) = rustcs else { return Ok(args) };
        let own = as_argument(rustcs);
        let (mut args, users) = without_scripts(args, &own);
        if users.is_empty() {
            return Ok(args);
        }
        let read = |path: &Path| fs::read_to_string(path).with_context(|| format!("cannot read the version script `{}`", path.display()));
        let mut script = read(rustcs)?;
        for path in &users {
            script = merged(&script, &read(Path::new(path))?).with_context(|| {
                format!(
                    "rustc gives the linker a version script for the {} `{}`, and the command another one, `{path}`: linkers do not take both as they are",
                    self.link.crate_type, self.plan.crate_name
                )
            })?;
        }
        let one = self.scratch.subdir("merged")?.join("list");
        fs::write(&one, script).with_context(|| scratch::cannot_write(&one))?;
        for arg in &mut args {
            *arg = arg.replace(&own, &as_argument(&one));
        }
        Ok(args)
    }
}

/// `args` without version scripts other than `own`, and the paths of those.
fn without_scripts(args: Vec<String>, own: &str) -> (Vec<String>, Vec<String>) {
    let (mut others, mut left) = (Vec::new(), Vec::with_capacity(args.len()));
    let mut is_next = false;
    for arg in args {
        let (mut kept, mut found) = (Vec::new(), false);
        for word in linker_args(&arg) {
            let name = word.strip_prefix("--").or(word.strip_prefix('-')).and_then(|word| word.strip_prefix(OPTION));
            let value = if is_next && word != "-Xlinker" { Some(word) } else { name.and_then(|value| value.strip_prefix('=')) };
            match value.filter(|value| *value != own) {
                Some(value) => {
                    others.push(value.to_owned());
                    (is_next, found) = (false, true);
                }
                None if name == Some("") => (is_next, found) = (true, true),
                None => kept.push(word),
            }
        }
        match found {
            false => left.push(arg),
            true if !kept.is_empty() => left.push(LinkerFlavor::Driver.flag(&kept.join(","))),
            // What hands it on has nothing to hand on any more.
            true if left.last().is_some_and(|last| last == "-Xlinker") => drop(left.pop()),
            true => {}
        }
    }
    (left, others)
}

/// One script of `rustcs`, which has one node without a name, and `users`.
fn merged(rustcs: &str, users: &str) -> Result<String> {
    let rustcs = nodes(rustcs)?;
    let [own] = rustcs.as_slice() else { bail!("rustc's has versions\n  help: a newer splitlink may know it") };
    let mut nodes = nodes(users)?;
    let says =
        |list: fn(&Node) -> &Vec<String>, symbol: &str, nodes: &[Node]| nodes.iter().any(|node| list(node).iter().any(|one| one == symbol));
    // What the user's says of a symbol by name counts; and of any other, what rustc's says.
    let is_said = |symbol: &str| says(|node| &node.global, symbol, &nodes) || says(|node| &node.local, symbol, &nodes);
    let left: Vec<String> = own.global.iter().filter(|symbol| !is_said(symbol)).cloned().collect();
    if let [only] = nodes.as_mut_slice()
        && only.name.is_empty()
    {
        only.global.extend(left);
    } else if let Some(symbol) =
        left.iter().find(|symbol| !nodes.iter().any(|node| node.global.iter().any(|pattern| matches(pattern, symbol))))
    {
        bail!(
            "the second has versions, and none for `{symbol}`, which the crate exports\n  \
             help: name it there, below `global:` of a version or below `local:`; or take the script away"
        );
    }
    if !says(|node| &node.local, "*", &nodes)
        && !says(|node| &node.global, "*", &nodes)
        && let Some(first) = nodes.first_mut()
    {
        first.local.push("*".to_owned());
    }
    Ok(nodes.iter().map(Node::to_text).collect())
}

/// Whether the symbol is one that `pattern` means, of which only the wildcard `*` is known.
fn matches(pattern: &str, symbol: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|start| symbol.strip_prefix(start)) else { return false };
    let mut parts: Vec<&str> = parts.collect();
    let Some(end) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(end)
}

/// Takes a version script apart.
fn nodes(script: &str) -> Result<Vec<Node>> {
    let strange = || {
        "its form is one that splitlink does not know\n  help: versions with lists of symbols, as in `V1 { global: a; local: *; };`, are known".to_owned()
    };
    let mut nodes = Vec::new();
    let text = without_comments(script);
    let mut rest = text.trim();
    while !rest.is_empty() {
        let (name, behind) = rest.split_once('{').with_context(strange)?;
        let (body, behind) = behind.split_once('}').with_context(strange)?;
        let (parent, behind) = behind.split_once(';').with_context(strange)?;
        let mut node = Node { name: name.trim().to_owned(), parent: parent.trim().to_owned(), ..Node::default() };
        if [&node.name, &node.parent].iter().any(|name| name.contains(char::is_whitespace)) || body.contains(['{', '[', '?', '\\']) {
            bail!("{}", strange());
        }
        let mut is_local = false;
        for entry in body.split(';') {
            let mut entry = entry.trim();
            while let Some((scope, symbol)) = entry.split_once(':') {
                is_local = match scope.trim() {
                    "global" => false,
                    "local" => true,
                    _ => bail!("{}", strange()),
                };
                entry = symbol.trim();
            }
            let symbol = entry.trim_matches('"').to_owned();
            if symbol.contains(char::is_whitespace) {
                bail!("{}", strange());
            }
            if !symbol.is_empty() {
                if is_local { node.local.push(symbol) } else { node.global.push(symbol) }
            }
        }
        nodes.push(node);
        rest = behind.trim();
    }
    if nodes.is_empty() {
        bail!("{}", strange());
    }
    Ok(nodes)
}

fn without_comments(script: &str) -> String {
    let mut text = String::with_capacity(script.len());
    let mut rest = script;
    while let Some((before, comment)) = rest.split_once("/*") {
        text.push_str(before);
        text.push(' ');
        rest = comment.split_once("*/").map_or("", |(_, behind)| behind);
    }
    text.push_str(rest);
    text.lines().map(|line| line.split('#').next().unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

impl Node {
    fn to_text(&self) -> String {
        let list = |scope: &str, symbols: &[String]| match symbols {
            [] => String::new(),
            symbols => format!("  {scope}:\n{}", symbols.iter().map(|symbol| format!("    {symbol};\n")).collect::<String>()),
        };
        let space =
            |name: &str, before: &str, behind: &str| if name.is_empty() { String::new() } else { format!("{before}{name}{behind}") };
        format!(
            "{}{{\n{}{}}}{};\n",
            space(&self.name, "", " "),
            list("global", &self.global),
            list("local", &self.local),
            space(&self.parent, " ", "")
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RUSTCS: &str = "{\n  global:\n    a;\n    b;\n\n  local:\n    *;\n};\n";

    #[test]
    fn what_both_say() {
        let table = [
            ("{ global: c; local: *; };", "{\n  global:\n    c;\n    a;\n    b;\n  local:\n    *;\n};\n"),
            ("{ local: b; };", "{\n  global:\n    a;\n  local:\n    b;\n    *;\n};\n"),
            ("/* x */ V1 { a; b; }; # y", "V1 {\n  global:\n    a;\n    b;\n  local:\n    *;\n};\n"),
            (
                "V1 { global: a; local: *; };\nV2 { global: \"b\"; } V1;",
                "V1 {\n  global:\n    a;\n  local:\n    *;\n};\nV2 {\n  global:\n    b;\n} V1;\n",
            ),
            ("V1 { global: *; };", "V1 {\n  global:\n    *;\n};\n"),
        ];
        for (users, expected) in table {
            assert_eq!(merged(RUSTCS, users).unwrap(), expected, "{users}");
        }
        for (users, says) in [
            ("V1 { global: a; local: *; };", "none for `b`"),
            ("{ global: extern \"C++\" { x; }; };", "does not know"),
            ("{ global: a;", "does not know"),
            ("", "does not know"),
        ] {
            assert!(merged(RUSTCS, users).unwrap_err().to_string().contains(says), "{users}");
        }
        assert!(nodes(RUSTCS).unwrap() == nodes("{ global: a; b; local: *; };").unwrap());
    }

    #[test]
    fn scripts_among_arguments() {
        let table: &[(&[&str], &[&str], &[&str])] = &[
            (&["-Wl,--version-script=own", "a.o"], &["-Wl,--version-script=own", "a.o"], &[]),
            (&["-Wl,--version-script=own", "-Wl,-z,now,--version-script=u,-O1"], &["-Wl,--version-script=own", "-Wl,-z,now,-O1"], &["u"]),
            (&["-Wl,--version-script", "-Wl,u", "a.o"], &["a.o"], &["u"]),
            (&["-Wl,-version-script,u"], &[], &["u"]),
            (&["-Xlinker", "--version-script=u", "-Xlinker", "-O1"], &["-Xlinker", "-O1"], &["u"]),
            (&["-Xlinker", "--version-script", "-Xlinker", "u", "a.o"], &["a.o"], &["u"]),
            (&["--version-script=own", "--version-script=u", "--version-script", "v"], &["--version-script=own"], &["u", "v"]),
        ];
        for (args, left, others) in table {
            let found = without_scripts(args.iter().map(|&arg| arg.to_owned()).collect(), "own");
            assert_eq!(found, (left.iter().map(|&s| s.to_owned()).collect(), others.iter().map(|&s| s.to_owned()).collect()), "{args:?}");
        }
    }

    #[test]
    fn patterns() {
        for (pattern, symbol, expected) in [
            ("a", "a", true),
            ("a", "ab", false),
            ("a*", "ab", true),
            ("*b", "ab", true),
            ("a*c*e", "abcde", true),
            ("a*x*e", "abcde", false),
        ] {
            assert_eq!(matches(pattern, symbol), expected, "{pattern} and {symbol}");
        }
    }
}
