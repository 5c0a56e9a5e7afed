//! Response files: `@file` in place of arguments that are too many for a command line.

use anyhow::{Context, Result, bail};
use std::fs;

/// Replaces every `@file` in `args` by the lines of that file, one argument a line, as build systems write them and
/// as rustc reads its own.
///
/// # Errors
/// If a file cannot be read or names another response file.
pub fn expand_lines(args: Vec<String>) -> Result<Vec<String>> {
    expand(args, |text| text.lines().map(str::to_owned).collect())
}

/// Replaces every `@file` in a linker's `args`: rustc writes these with one argument a line, spaces and backslashes
/// escaped by a backslash (`rustc_codegen_ssa::back::link::exec_linker`, 1.95).
///
/// # Errors
/// If a file cannot be read or names another response file.
pub fn expand_linker(args: Vec<String>) -> Result<Vec<String>> {
    expand(args, |text| {
        text.lines()
            .map(|line| {
                let mut arg = String::with_capacity(line.len());
                let mut chars = line.chars();
                while let Some(c) = chars.next() {
                    match c {
                        '\\' => arg.extend(chars.next()),
                        c => arg.push(c),
                    }
                }
                arg
            })
            .collect()
    })
}

fn expand(args: Vec<String>, split: impl Fn(&str) -> Vec<String>) -> Result<Vec<String>> {
    let mut expanded = Vec::with_capacity(args.len());
    for arg in args {
        let Some(path) = arg.strip_prefix('@') else {
            expanded.push(arg);
            continue;
        };
        let text = fs::read_to_string(path)
            .with_context(|| format!("cannot read the response file `{path}`\n  help: it was named by the argument `@{path}`"))?;
        for line in split(&text) {
            if line.starts_with('@') {
                bail!("the response file `{path}` names another one, `{line}`\n  help: nested response files are not supported");
            }
            expanded.push(line);
        }
    }
    Ok(expanded)
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
        assert_eq!(expand_linker(args()).unwrap(), ["first", "-a b", "c\\d e"]);
        fs::write(&file, "@other\n").unwrap();
        assert!(expand_lines(args()).unwrap_err().to_string().contains("nested"));
        fs::remove_dir_all(&dir).unwrap();
    }
}
