//! What the programs are asked to do, and the files they do it with.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

/// A command line of a program, run in a folder that [`write_tree`] filled.
#[derive(Debug, Clone, Copy)]
pub struct CommandLine {
    /// The binary target to run.
    pub bin: &'static str,
    /// Its arguments.
    pub args: &'static [&'static str],
    /// What it reads from standard input, if anything (rg searches a standard input that is a pipe,
    /// else the folder).
    pub stdin: Option<&'static str>,
    /// The exit code that it must end with, so that two programs that fail alike do not count as
    /// right.
    pub code: i32,
    /// Whether it prints times or speeds, so that only its output without numbers can be compared.
    pub timed: bool,
}

/// What a run of a [`CommandLine`] gave.
#[derive(Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Exit code; none if a signal ended the program.
    pub code: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl CommandLine {
    /// Runs the command line with `executable` in `folder`, in an environment that holds next to
    /// nothing.
    pub fn run(&self, executable: &Path, folder: &Path) -> Result<Outcome> {
        let mut child = Command::new(executable)
            .args(self.args)
            .current_dir(folder)
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("LC_ALL", "C.UTF-8")
            .stdin(if self.stdin.is_some() { Stdio::piped() } else { Stdio::null() })
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {}", executable.display()))?;
        if let (Some(mut pipe), Some(text)) = (child.stdin.take(), self.stdin) {
            // A program that does not read its input may be gone already; that is no failure.
            let _ = pipe.write_all(text.as_bytes());
        }
        let output = child.wait_with_output()?;
        let text = |bytes: &[u8]| {
            let text = bytes.escape_ascii().to_string().replace("\\n", "\n");
            if self.timed { without_numbers(&text) } else { text }
        };
        Ok(Outcome { code: output.status.code(), stdout: text(&output.stdout), stderr: text(&output.stderr) })
    }
}

/// Replaces numbers (`12`, `0.5`, `3.4e-5`) by `N` and runs of spaces, which pad them, by one.
fn without_numbers(text: &str) -> String {
    let mut result = String::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let number = length_of_number(rest);
        if number > 0 {
            result.push('N');
        } else if !(c == ' ' && result.ends_with(' ')) {
            result.push(c);
        }
        rest = &rest[number.max(c.len_utf8())..];
    }
    result
}

/// Length of the number that `text` begins with; 0 if it begins with none.
fn length_of_number(text: &str) -> usize {
    let digits = |text: &str| text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.').len();
    let mantissa = digits(text);
    let exponent = text[mantissa..].strip_prefix('e').map_or(0, |power| {
        let sign = usize::from(power.starts_with(['+', '-']));
        match digits(&power[sign..]) {
            0 => 0,
            digits => 1 + sign + digits,
        }
    });
    if mantissa == 0 { 0 } else { mantissa + exponent }
}

const fn succeeds(bin: &'static str, args: &'static [&'static str]) -> CommandLine {
    CommandLine { bin, args, stdin: None, code: 0, timed: false }
}

const fn fails(code: i32, bin: &'static str, args: &'static [&'static str]) -> CommandLine {
    CommandLine { code, ..succeeds(bin, args) }
}

const fn timed(bin: &'static str, args: &'static [&'static str]) -> CommandLine {
    CommandLine { timed: true, ..succeeds(bin, args) }
}

const fn reads(stdin: &'static str, bin: &'static str, args: &'static [&'static str]) -> CommandLine {
    CommandLine { stdin: Some(stdin), ..succeeds(bin, args) }
}

/// Every command line that the end-to-end test compares.
pub const COMMAND_LINES: &[CommandLine] = &[
    succeeds("rg", &["--version"]),
    succeeds("rg", &["--pcre2-version"]),
    succeeds("rg", &["-h"]),
    succeeds("rg", &["--generate=man"]),
    succeeds("rg", &["--generate=complete-zsh"]),
    succeeds("rg", &["--type-list"]),
    succeeds("rg", &["--sort=path", "fn"]),
    succeeds("rg", &["--sort=path", "--color=always", "--heading", "-n", "--column", "fn|error"]),
    succeeds("rg", &["--sort=path", "--colors=match:bg:0xff,0x7f,0x00", "--color=ansi", "-iw", "-C1", "ERROR"]),
    succeeds("rg", &["--sort=path", "-P", "-oN", r"(?<=fn )\w+(?=\()"]),
    succeeds("rg", &["--sort=path", "-U", "--multiline-dotall", r"fn one.*?\}"]),
    succeeds("rg", &["--sort=path", "-r", "$2 $1", r"(\w+) (\w+)", "notes.md"]),
    succeeds("rg", &["--sort=path", "-c", "--include-zero", "error"]),
    succeeds("rg", &["--sort=path", "-f", "patterns.txt", "--trim", "-M40", "--max-columns-preview"]),
    succeeds("rg", &["--sort=path", "--files", "--hidden", "--no-ignore", "-g!.git"]),
    succeeds("rg", &["--sort=path", "-l", "-trust", "-S", "fn"]),
    succeeds("rg", &["--sort=path", "-uuu", "--text", "-b", "needle"]),
    succeeds("rg", &["-E", "utf-16le", "naïve", "utf16.txt"]),
    succeeds("rg", &["needle", "binary.bin"]),
    timed("rg", &["--sort=path", "--json", "needle", "long.txt", "notes.md"]),
    timed("rg", &["--sort=path", "--stats", "-m1", "e"]),
    reads("one\ntwo\nthree\n", "rg", &["-nv", "two", "-"]),
    reads("a b\n\u{e9}t\u{e9} \u{43c}\u{438}\u{440}\n", "rg", &["-o", "--byte-offset", r"\p{Cyrillic}+|\bété\b"]),
    fails(1, "rg", &["this is nowhere"]),
    fails(2, "rg", &["(unclosed"]),
    fails(2, "rg", &["-P", "(unclosed"]),
    fails(2, "rg", &["--no-such-flag", "x"]),
    fails(2, "rg", &["--sort=path", "fn", "src", "no-such-file"]),
    succeeds("hyperfine", &["--version"]),
    succeeds("hyperfine", &["--help"]),
    // Commands that take a while: hyperfine warns of others, and how long a short one takes depends
    // on the machine's load.
    succeeds("hyperfine", &["-N", "--runs=2", "--style=none", "--output=inherit", "sh -c 'echo hello; sleep 0.1'"]),
    succeeds("hyperfine", &["--runs=1", "--style=none", "--output=inherit", "-L", "w", "a,b c", "echo {w} | tr a-z A-Z; sleep 0.3"]),
    succeeds(
        "hyperfine",
        &["-N", "--runs=1", "--style=none", "--output=inherit", "-P", "n", "1", "2", "-D", "0.5", "sh -c 'echo {n}; sleep 0.1'"],
    ),
    succeeds("hyperfine", &["-N", "--runs=1", "--style=none", "--output=inherit", "--input=notes.md", "sh -c 'cat; sleep 0.1'"]),
    succeeds("hyperfine", &["-N", "-i", "--runs=1", "--style=none", "--output=inherit", "sh -c 'echo bad; sleep 0.1; exit 3'"]),
    timed("hyperfine", &["-N", "--runs=1", "--style=color", "--time-unit=millisecond", "sleep 0.1"]),
    timed("hyperfine", &["-N", "--runs=2", "--style=none", "--export-json=-", "--export-csv=-", "sleep 0.1"]),
    timed("hyperfine", &["-N", "--runs=2", "--style=none", "--export-markdown=-", "-nnap", "--time-unit=second", "sleep 0.1"]),
    fails(1, "hyperfine", &["-N", "--runs=1", "--style=none", "false"]),
    fails(1, "hyperfine", &["-N", "--runs=1", "-P", "n", "3", "1", "echo {n}"]),
    fails(1, "hyperfine", &["-N", "--style=none", "no-such-program"]),
    fails(2, "hyperfine", &["--style=none", "--show-output", "true"]),
    fails(2, "hyperfine", &[]),
    fails(2, "hyperfine", &["--runs"]),
];

/// Fills `folder` with the files that the command lines read.
pub fn write_tree(folder: &Path) -> Result<()> {
    for sub in [".git", "src/deep/er", "ignored"] {
        fs::create_dir_all(folder.join(sub))?;
    }
    let utf16: Vec<u8> = "a naïve line\nanother\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let long = format!("{}needle{}\nshort needle\n", "x".repeat(3000), "y".repeat(200));
    let files: &[(&str, &[u8])] = &[
        (".gitignore", b"ignored/\n*.log\n"),
        (".hidden", b"a needle in a hidden file\n"),
        ("ignored/inner.rs", b"fn ignored() {} // needle\n"),
        ("build.log", b"error: needle\n"),
        ("src/lib.rs", b"pub fn one() -> u32 {\n    1\n}\n\npub fn two() { error(); }\n"),
        ("src/deep/er/mod.rs", b"    fn three(needle: &str) {}\r\n// Error\r\n"),
        ("notes.md", b"hello world\nan error here\n\nthe needle stands alone\n"),
        ("patterns.txt", b"needle\n^\\s+fn\n"),
        ("binary.bin", b"before\0\x01\xffneedle\n\xfe\n"),
        ("utf16.txt", &utf16),
        ("long.txt", long.as_bytes()),
        ("empty.txt", b""),
    ];
    for (path, content) in files {
        fs::write(folder.join(path), content)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #[test]
    fn numbers_and_their_padding_are_masked() {
        assert_eq!(super::without_numbers("  12.5 ms ±  3"), " N ms ± N");
        assert_eq!(super::without_numbers("none"), "none");
        // A standard deviation of next to nothing comes with an exponent, and only then.
        assert_eq!(super::without_numbers("[0.1, 5.2e-05,1e+7] 3 each"), "[N, N,N] N each");
    }
}
