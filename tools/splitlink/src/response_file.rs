//! Response files: `@file` in place of arguments that are too many for a command line.

use anyhow::{Context, Result, bail};
use std::fs;

/// Replaces every `@file` in `args` by the lines of that file, one argument a line, as build systems write them and
/// as rustc reads its own.
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
        for line in read(path)?.lines() {
            if line.starts_with('@') {
                bail!("the response file `{path}` names another one, `{line}`\n  help: nested response files are not supported");
            }
            expanded.push(line.to_owned());
        }
    }
    Ok(expanded)
}

/// Replaces the `@file` that rustc gives a linker in place of too many `args`: one argument a line, spaces and backslashes
/// escaped by a backslash (`rustc_codegen_ssa::back::link::exec_linker`, 1.95). It stands alone; any other `@file` is the
/// user's (`-Clink-arg=@file`), and the linker's to read.
///
/// # Errors
/// If the file cannot be read.
pub fn expand_linker(args: Vec<String>) -> Result<Vec<String>> {
    let [only] = args.as_slice() else { return Ok(args) };
    let Some(path) = only.strip_prefix('@') else { return Ok(args) };
    Ok(read(path)?.lines().map(unescaped).collect())
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
        fs::write(&file, "@other\n").unwrap();
        assert!(expand_lines(args()).unwrap_err().to_string().contains("nested"));
        fs::remove_dir_all(&dir).unwrap();
    }
}
