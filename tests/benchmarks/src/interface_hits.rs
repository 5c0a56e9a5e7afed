//! How many edits of a published history leave the interface as it is: `dev/bench interface_hits
//! GIT_DIR [COMMITS]`.
//!
//! Each hunk of each of the last commits (merges aside) is an edit by itself, made in the file as it
//! was before. What the other files of its `src` folder name counts as named. Files of tests,
//! benchmarks and examples do not count, nor do files that are new or gone. New items, changed
//! signatures and documentation are edits, too, so what is typed between two builds hits more often.

use anyhow::{Context, Result, bail, ensure};
use splitlink::interface;
use std::collections::HashMap;
use std::process::Command;

pub const USAGE: &str = "usage: dev/bench interface_hits GIT_DIR [COMMITS]";

/// What hunks did, counted.
#[derive(Default)]
struct Counts {
    hunks: usize,
    /// Those that leave the interface as it is.
    hits: usize,
    /// Those of which the file is kept whole, before or after.
    whole: usize,
}

pub fn bench(args: &[String]) -> Result<()> {
    let git_dir = args.first().context(USAGE)?;
    let wanted: usize = args.get(1).map_or(Ok(300), |n| n.parse()).context(USAGE)?;
    let listed = git(git_dir, &["log", "--no-merges", "--format=%H", "--diff-filter=M", "--", "*.rs"])?;
    let (mut commits, mut counts, mut names) = (0, Counts::default(), NamesByBlob::new());
    for commit in listed.lines() {
        if commits == wanted {
            break;
        }
        let diff = git(git_dir, &["diff", "-U0", "--no-renames", "--diff-filter=M", &format!("{commit}^"), commit, "--", "*.rs"])?;
        commits += usize::from(count_commit(git_dir, commit, &diff, &mut names, &mut counts)?);
    }
    ensure!(counts.hunks > 0, "`{git_dir}` has no edits of Rust sources");
    println!(
        "{commits} commits, {} hunks, {:.1} % leave the interface as it is; of {:.1} % the file is kept whole",
        counts.hunks,
        percent(counts.hits, counts.hunks),
        percent(counts.whole, counts.hunks)
    );
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "there are no 2^52 hunks")]
fn percent(part: usize, whole: usize) -> f64 {
    100.0 * part as f64 / whole as f64
}

/// Counts the hunks of a commit, and says whether there are any.
fn count_commit(git_dir: &str, commit: &str, diff: &str, names: &mut NamesByBlob, counts: &mut Counts) -> Result<bool> {
    let before = counts.hunks;
    for file in diff.split("\ndiff --git ") {
        let Some(path) = file.lines().find_map(|line| line.strip_prefix("--- a/")) else { continue };
        let is_test = ["test", "bench", "example", "fuzz"].iter().any(|word| path.contains(word));
        if is_test {
            continue;
        }
        let old = git(git_dir, &["show", &format!("{commit}^:{path}")])?;
        let others = names_of_others(git_dir, &format!("{commit}^"), path, names)?;
        let others: Vec<_> = others.iter().filter_map(|blob| names[blob].as_ref()).collect();
        let of_old = interface::of_file(&old, &others);
        for hunk in file.split("\n@@ ").skip(1) {
            let new = applied(&old, hunk).with_context(|| format!("the change of `{path}` in {commit}"))?;
            counts.hunks += 1;
            match (&of_old, interface::of_file(&new, &others)) {
                (Some(old), Some(new)) => counts.hits += usize::from(*old == new),
                _ => counts.whole += 1,
            }
        }
    }
    Ok(counts.hunks > before)
}

/// What sources name, by the hash of their contents.
type NamesByBlob = HashMap<String, Option<interface::Names>>;

/// Adds to `names` what the other sources of the crate of `path` name, and returns their hashes.
fn names_of_others(git_dir: &str, commit: &str, path: &str, names: &mut NamesByBlob) -> Result<Vec<String>> {
    let folder = path.rfind("src/").map_or(".", |at| &path[..at + 4]);
    let listed = git(git_dir, &["ls-tree", "-r", "--format=%(objectname) %(path)", commit, "--", folder])?;
    let files = listed.lines().filter_map(|line| line.split_once(' ')).filter(|(_, file)| *file != path && file.ends_with(".rs"));
    let mut others = Vec::new();
    for (blob, _) in files {
        if !names.contains_key(blob) {
            names.insert(blob.to_owned(), interface::names_in(&git(git_dir, &["cat-file", "blob", blob])?));
        }
        others.push(blob.to_owned());
    }
    Ok(others)
}

/// `old` with one hunk applied, which is written as behind the `@@ ` of a diff without context.
fn applied(old: &str, hunk: &str) -> Result<String> {
    let (head, body) = hunk.split_once('\n').unwrap_or((hunk, ""));
    let range = head.split(' ').next().and_then(|range| range.strip_prefix('-')).context("no line numbers")?;
    let (start, count) = range.split_once(',').unwrap_or((range, "1"));
    let (start, count): (usize, usize) = (start.parse()?, count.parse()?);
    // Of a hunk that only adds, the number is that of the line before.
    let start = if count == 0 { start } else { start - 1 };
    let lines: Vec<&str> = old.split_inclusive('\n').collect();
    if start + count > lines.len() {
        bail!("it has no line {}", start + count);
    }
    let added: String = body.lines().filter_map(|line| line.strip_prefix('+')).map(|line| format!("{line}\n")).collect();
    Ok(lines[..start].concat() + &added + &lines[start + count..].concat())
}

fn git(git_dir: &str, args: &[&str]) -> Result<String> {
    let output = Command::new("git").arg("--git-dir").arg(git_dir).args(args).output().context("cannot start git")?;
    ensure!(output.status.success(), "git {args:?} failed:\n{}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_hunk_is_applied() {
        let old = "a\nb\nc\n";
        for (hunk, expected) in [
            ("-2 +2 @@\n-b\n+B", "a\nB\nc\n"),
            ("-1,0 +2,2 @@ fn a\n+x\n+y", "a\nx\ny\nb\nc\n"),
            ("-2,2 +1,0 @@\n-b\n-c", "a\n"),
            ("-0,0 +1 @@\n+x", "x\na\nb\nc\n"),
        ] {
            assert_eq!(applied(old, hunk).unwrap(), expected, "{hunk}");
        }
        assert!(applied(old, "-9 +9 @@\n-z").is_err());
    }
}
