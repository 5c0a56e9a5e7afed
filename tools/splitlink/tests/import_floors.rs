//! The rooms of `src` (its folders, and the files beside them) stand on floors, and imports run
//! downward only.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// The floors from the top down, each with its rooms.
const FLOORS: [&[&str]; 6] = [
    &["cli", "lib", "main"],
    &["no_link", "report_page"],
    &["compile", "debug_info", "link_only", "run", "sbom", "sizes"],
    &["lto", "shared"],
    &["formats", "interface", "worker"],
    &["files", "plan", "rustc"],
];

/// Rooms that may import another of their own floor, and which: rustc's crate types are the plan's.
const BESIDE: &[(&str, &str)] = &[("rustc", "plan")];

/// A word or a sign of a source, and its line.
#[derive(Debug, Clone, PartialEq)]
struct Token {
    text: String,
    line: usize,
}

/// The words and signs of a source, without comments and literals.
fn tokens(source: &str) -> Vec<Token> {
    let mut found = Vec::new();
    let (mut rest, mut line) = (source, 1);
    while let Some(first) = rest.chars().next() {
        let is_word = |c: char| c.is_alphanumeric() || c == '_';
        let word = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            block_comment(rest)
        } else if let Some(length) = raw_string(rest) {
            length
        } else if first == '"' || rest.starts_with("b\"") || rest.starts_with("c\"") {
            let open = rest.find('"').unwrap_or(0) + 1;
            open + literal(&rest[open..], '"')
        } else if first == '\'' {
            // A character; else a lifetime, which is a sign and a word.
            let of_character = rest[1..].starts_with('\\') || rest.chars().nth(2) == Some('\'');
            if of_character { 1 + literal(&rest[1..], '\'') } else { 1 }
        } else if word > 0 {
            found.push(Token { text: rest[..word].to_owned(), line });
            word
        } else {
            if !first.is_whitespace() {
                found.push(Token { text: first.to_string(), line });
            }
            first.len_utf8()
        };
        line += rest[..length].matches('\n').count();
        rest = &rest[length..];
    }
    found
}

/// The length of the nested comment that `text` begins with.
fn block_comment(text: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < text.len() {
        let rest = &text[at..];
        let step = if rest.starts_with("/*") {
            depth += 1;
            2
        } else if rest.starts_with("*/") {
            depth -= 1;
            2
        } else {
            rest.chars().next().map_or(1, char::len_utf8)
        };
        at += step;
        if depth == 0 {
            break;
        }
    }
    at
}

/// The length of the raw string that `text` begins with, if it does.
fn raw_string(text: &str) -> Option<usize> {
    let start = ["r", "br", "cr"].iter().find(|start| text.strip_prefix(**start).is_some_and(|rest| rest.starts_with(['"', '#'])))?;
    let hashes = text[start.len()..].find(|c| c != '#')?;
    let body = text[start.len() + hashes..].strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    let length = body.find(&end).map_or(body.len(), |at| at + end.len());
    Some(start.len() + hashes + 1 + length)
}

/// The length of a literal's rest up to and with the quote that ends it.
fn literal(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if c == quote => return at + c.len_utf8(),
            _ => {}
        }
    }
    text.len()
}

/// What a source imports of the crate's top-level names, and in which line, if it is the module
/// `module`.
fn imports(source: &str, module: &[&str]) -> Vec<(String, usize)> {
    let tokens = tokens(source);
    let text = |at: usize| tokens.get(at).map_or("", |token| token.text.as_str());
    let is_path = |at: usize| text(at) == ":" && text(at + 1) == ":";
    let mut found = Vec::new();
    // How many modules each open brace adds to the path: one if it is that of an inline module,
    // else none.
    let mut braces: Vec<usize> = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        match text(at) {
            "{" => braces.push(usize::from(at >= 2 && text(at - 2) == "mod")),
            "}" => drop(braces.pop()),
            "crate" | "super" if is_path(at + 1) && !(at >= 2 && is_path(at - 2)) => {
                let depth = if text(at) == "crate" { 0 } else { module.len() + braces.iter().sum::<usize>() - 1 };
                let end = names(&tokens, at + 3, depth, &mut found);
                // The braces of an import are its own.
                at = end;
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    found
}

/// Reads a path, or a group of them, from the token `at` on, in a module `depth` below the top.
/// Returns where it ends.
fn names(tokens: &[Token], mut at: usize, mut depth: usize, found: &mut Vec<(String, usize)>) -> usize {
    let text = |at: usize| tokens.get(at).map_or("", |token| token.text.as_str());
    while text(at) == "super" && text(at + 1) == ":" {
        depth -= 1;
        at += 3;
    }
    if text(at) != "{" {
        // `*` names all that is there: as bad as any of it.
        if depth == 0 && at < tokens.len() {
            found.push((tokens[at].text.clone(), tokens[at].line));
        }
        return at + 1;
    }
    at += 1;
    while at < tokens.len() && text(at) != "}" {
        at = names(tokens, at, depth, found);
        // What follows the name within the group: more of its path, another name for it, a group of
        // its own.
        let mut open = 0;
        while at < tokens.len() && !(open == 0 && matches!(text(at), "," | "}")) {
            open += usize::from(text(at) == "{");
            open -= usize::from(text(at) == "}");
            at += 1;
        }
        at += usize::from(text(at) == ",");
    }
    at + 1
}

fn floor(room: &str) -> Option<usize> {
    FLOORS.iter().position(|rooms| rooms.contains(&room))
}

/// What is wrong with an import of `name` in the file `file` of `room`; none if it runs downward.
fn fault(room: &str, file: &str, name: &str, line: usize) -> Option<String> {
    let at = format!("{file}:{line}: `{room}` imports `{name}`");
    let (Some(from), Some(to)) = (floor(room), floor(name)) else {
        return Some(format!("{at}, and one of them is on no floor: give it one in FLOORS"));
    };
    if to < from {
        Some(format!("{at}, which is on a higher floor: move what both need down"))
    } else if to == from && room != name && !BESIDE.contains(&(room, name)) {
        Some(format!("{at}, which is beside it: move what both need down, or list the two in BESIDE"))
    } else {
        None
    }
}

/// The rooms that lead back to themselves, if each leads to those that `edges` say.
fn circles(edges: &BTreeSet<(String, String)>) -> Vec<&str> {
    let next = |room: &str| edges.iter().filter(move |(from, _)| from == room).map(|(_, to)| to.as_str()).collect::<Vec<_>>();
    let reached = |start: &str| {
        let (mut seen, mut open) = (BTreeSet::new(), next(start));
        while let Some(room) = open.pop() {
            if seen.insert(room) {
                open.extend(next(room));
            }
        }
        seen
    };
    let rooms: BTreeSet<&str> = edges.iter().map(|(from, _)| from.as_str()).collect();
    rooms.into_iter().filter(|room| reached(room).contains(room)).collect()
}

/// The sources below `dir`: path from `src`, and text.
fn sources(dir: &Path, prefix: &str, found: &mut BTreeMap<String, String>) {
    for entry in fs::read_dir(dir).expect("the folder can be read") {
        let path = entry.expect("the folder can be read").path();
        let name = format!("{prefix}{}", path.file_name().expect("a file has a name").to_string_lossy());
        if path.is_dir() {
            sources(&path, &format!("{name}/"), found);
        } else if name.ends_with(".rs") {
            found.insert(name, fs::read_to_string(&path).expect("a source can be read"));
        }
    }
}

#[test]
fn imports_run_downward() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = BTreeMap::new();
    sources(&src, "", &mut files);
    let (mut faults, mut edges, mut count) = (Vec::new(), BTreeSet::new(), 0);
    for (file, text) in &files {
        let path = file.trim_end_matches(".rs").trim_end_matches("/mod");
        let module: Vec<&str> = path.split('/').collect();
        let room = module[0];
        let is_root = matches!(room, "lib" | "main");
        for (name, line) in imports(text, if is_root { &[] } else { &module }) {
            faults.extend(fault(room, &format!("src/{file}"), &name, line));
            if room != name {
                edges.insert((room.to_owned(), name));
            }
            count += 1;
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    let circles = circles(&edges);
    assert!(circles.is_empty(), "these rooms import each other in a circle: {circles:?}");
    // Checks that the files were read at all, and every room is one of them.
    assert!(count > 100, "only {count} imports were found");
    let rooms: BTreeSet<&str> = files.keys().map(|file| file.trim_end_matches(".rs").split('/').next().expect("a first part")).collect();
    assert_eq!(FLOORS.concat().into_iter().collect::<BTreeSet<_>>(), rooms);
}

#[test]
fn imports_of_every_form_are_found() {
    let module = &["lto", "cache"];
    for (source, expected) in [
        ("use crate::no_link::run;", &["no_link 1"][..]),
        ("\nuse crate::no_link;\n", &["no_link 2"]),
        ("use crate::{files::rlib::{self, Rlib}, shared as other,\n no_link};", &["files 1", "shared 1", "no_link 2"]),
        ("fn f() {\n  crate::link_only::run()\n}", &["link_only 2"]),
        ("use super::super::shared::Server;", &["shared 1"]),
        ("use super::{super::shared, kept};", &["shared 1"]),
        ("use super::kept::Kept;", &[]),
        ("mod tests {\n  use super::super::super::cli;\n  use super::super::kept;\n}", &["cli 2"]),
        ("fn f() { if x { y() } }\nmod tests { fn g() {} }\nuse super::super::cli;", &["cli 3"]),
        ("pub(crate) fn f() -> crate::plan::Item { todo!() }", &["plan 1"]),
        ("use crate::*;", &["* 1"]),
        ("macro_rules! m { () => { $crate::cli::main() } }", &["cli 1"]),
        ("/// See [`crate::cli`].\n//! crate::cli\n/* crate::cli /* */ crate::cli */ fn f() {}", &[]),
        ("const A: &str = \"crate::cli\"; const B: &str = r#\"\"crate::cli\"#; const C: char = '\"'; use crate::plan;", &["plan 1"]),
        ("fn f<'a>(x: &'a str) -> &'a str { \"\\\"crate::cli\" } use crate::rustc::args;", &["rustc 1"]),
        ("use std::fs; use outside::crate_name::x;", &[]),
    ] {
        let found: Vec<_> = imports(source, module).into_iter().map(|(name, line)| format!("{name} {line}")).collect();
        assert_eq!(found, expected, "{source}");
    }
}

#[test]
fn upward_and_sideward_imports_are_faults() {
    for (room, name, said) in [
        ("lto", "no_link", Some("src/x.rs:7: `lto` imports `no_link`, which is on a higher floor")),
        ("files", "formats", Some("which is on a higher floor")),
        ("formats", "worker", Some("which is beside it")),
        ("link_only", "compile", Some("which is beside it")),
        ("lto", "nowhere", Some("on no floor")),
        ("lto", "*", Some("on no floor")),
        ("no_link", "plan", None),
        ("compile", "shared", None),
        ("lto", "lto", None),
    ] {
        let fault = fault(room, "src/x.rs", name, 7);
        match said {
            Some(said) => assert!(fault.as_ref().is_some_and(|fault| fault.contains(said)), "{room} {name}: {fault:?}"),
            None => assert_eq!(fault, None, "{room} {name}"),
        }
    }
    let edges = |pairs: &[(&str, &str)]| pairs.iter().map(|(from, to)| ((*from).to_owned(), (*to).to_owned())).collect();
    assert_eq!(circles(&edges(&[("a", "b"), ("b", "c"), ("c", "a"), ("c", "d"), ("e", "a")])), ["a", "b", "c"]);
    assert!(circles(&edges(&[("a", "b"), ("a", "c"), ("b", "c")])).is_empty());
}
