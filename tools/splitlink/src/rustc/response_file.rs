//! Response files: `@file` in place of arguments that are too many for a command line.

use anyhow::{Context, Result, bail};
use std::fs;

/// Replaces every `@file` in `args` by the lines of that file, one argument a line, as build
/// systems write them and as rustc reads its own.
///
/// # Errors
/// If a file cannot be read or names another response file.
pub fn expand_lines(args: Vec<String>) -> Result<Vec<String>> {
    let mut expanded = Vec::with_capacity(args.len());
    for arg in args {
        let Some(path) = arg.strip_prefix('@') else {
            expanded.push(arg);
            continue;
        };
        expanded.extend(lines(path, &read(path)?)?);
    }
    Ok(expanded)
}

/// The arguments in the `text` of the response file `path`, one a line.
///
/// # Errors
/// If it names another response file.
pub fn lines(path: &str, text: &str) -> Result<Vec<String>> {
    if let Some(line) = text.lines().find(|line| line.starts_with('@')) {
        bail!("the response file `{path}` names another one, `{line}`\n  help: nested response files are not supported");
    }
    Ok(text.lines().map(str::to_owned).collect())
}

/// Replaces the `@file` that rustc gives a linker in place of too many `args`: one argument a line,
/// spaces and backslashes escaped by a backslash (`rustc_codegen_ssa::back::link::exec_linker`,
/// 1.95). It stands alone; any other `@file` is the user's (`-Clink-arg=@file`), and the linker's
/// to read.
///
/// # Errors
/// If the file cannot be read.
pub fn expand_linker(args: Vec<String>) -> Result<Vec<String>> {
    let [only] = args.as_slice() else { return Ok(args) };
    let Some(path) = only.strip_prefix('@') else { return Ok(args) };
    Ok(linker_lines(&read(path)?))
}

/// The arguments in the `text` of a response file that rustc wrote for a linker.
pub fn linker_lines(text: &str) -> Vec<String> {
    // `lines` would take the end of an argument for a part of the line's.
    text.split_terminator('\n').map(unescaped).collect()
}

/// `arg` as a response file of a linker or compiler driver has it: each takes a backslash before
/// whatever would end the argument.
pub fn escaped(arg: &str) -> String {
    if arg.is_empty() {
        return "\"\"".to_owned();
    }
    let mut text = String::with_capacity(arg.len());
    for c in arg.chars() {
        if matches!(c, '\\' | '"' | '\'') || c.is_ascii_whitespace() || c == '\x0b' {
            text.push('\\');
        }
        text.push(c);
    }
    text
}

/// The arguments in the `text` of a user's response file, as compilers and linkers read it: words
/// between spaces; quotes keep what is between them together, a backslash the next character.
pub fn driver_words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => word.get_or_insert_default().extend(chars.next()),
            _ if quote == Some(c) => quote = None,
            '\'' | '"' if quote.is_none() => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            _ if quote.is_none() && (c.is_ascii_whitespace() || c == '\x0b') => words.extend(word.take()),
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

fn unescaped(line: &str) -> String {
    let mut arg = String::with_capacity(line.len());
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => arg.extend(chars.next()),
            c => arg.push(c),
        }
    }
    arg
}

fn read(path: &str) -> Result<String> {
    fs::read_to_string(path)
        .with_context(|| format!("cannot read the response file `{path}`\n  help: it was named by the argument `@{path}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_linker_escapes() {
        let dir = std::env::temp_dir().join(format!("splitlink-rsp-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        let file = dir.join("args");
        fs::write(&file, "-a b\nc\\\\d\\ e\n").unwrap();
        let args = || vec!["first".to_owned(), format!("@{}", file.display())];
        assert_eq!(expand_lines(args()).unwrap(), ["first", "-a b", "c\\\\d\\ e"]);
        let of_rustc = vec![format!("@{}", file.display())];
        assert_eq!(expand_linker(of_rustc).unwrap(), ["-a b", "c\\d e"]);
        assert_eq!(expand_linker(args()).unwrap(), args(), "it is not alone, so it is the user's");
        assert_eq!(linker_lines("a\r\n\nb\n"), ["a\r", "", "b"]);
        fs::write(&file, "@other\n").unwrap();
        assert!(expand_lines(args()).unwrap_err().to_string().contains("nested"));
        fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn arguments_of_a_linker() {
        let table = [("-o", "-o"), ("a b", "a\\ b"), ("'\"\\", "\\'\\\"\\\\"), ("a\tb\nc", "a\\\tb\\\nc"), ("a,=b", "a,=b"), ("", "\"\"")];
        for (arg, expected) in table {
            assert_eq!(escaped(arg), expected, "{arg:?}");
            assert_eq!(driver_words(expected), [arg], "{expected:?}");
        }
    }
    #[test]
    fn arguments_of_a_users_own() {
        let table: [(&str, &[&str]); 4] = [
            ("-lcc  -Ldir\n'a b'\t\"c\"d\\ e", &["-lcc", "-Ldir", "a b", "cd e"]),
            ("", &[]),
            ("''", &[""]),
            ("'not closed", &["not closed"]),
        ];
        for (text, expected) in table {
            assert_eq!(driver_words(text), expected, "{text:?}");
        }
    }
}
