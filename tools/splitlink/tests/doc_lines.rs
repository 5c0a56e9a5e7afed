//! Documents have lines of at most 100 characters, so that they can be read side by side and as text.

use std::path::Path;
use std::process::Command;

const LONGEST: usize = 100;

/// The numbers of the lines of `document` that are too long. Tables, pictures, what is shown as a
/// program prints it and commands to be pasted cannot be broken.
fn too_long(document: &str) -> Vec<usize> {
    let mut is_code = false;
    let mut found = Vec::new();
    for (number, line) in (1..).zip(document.lines()) {
        if line.trim_start().starts_with("```") {
            is_code = !is_code;
        }
        let is_whole = is_code || line.starts_with("    ") || line.starts_with('|') || line.starts_with("![");
        if !is_whole && line.chars().count() > LONGEST {
            found.push(number);
        }
    }
    found
}

#[test]
fn documents_have_short_lines() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let listed = Command::new("git").current_dir(&root).args(["ls-files", "*.md"]).output().unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    assert!(listed.lines().count() > 10, "git lists no documents: {listed}");
    let mut found = Vec::new();
    for name in listed.lines() {
        let document = std::fs::read_to_string(root.join(name)).unwrap();
        found.extend(too_long(&document).into_iter().map(|line| format!("{name}:{line}")));
    }
    assert!(found.is_empty(), "lines of over {LONGEST} characters: {}", found.join(", "));
}

#[test]
fn what_is_too_long() {
    let (short, long) = ("é".repeat(LONGEST), "x".repeat(LONGEST + 1));
    let document = format!("{short}\n{long}\n| {long} |\n![{long}](x)\n    {long}\n```text\n{long}\n```\n- {long}\n");
    assert_eq!(too_long(&document), [2, 9]);
}
