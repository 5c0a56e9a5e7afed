//! Response files: those of a command, of a linker and of a worker's action.

use super::texts;
use splitlink::rustc::response_file;
use splitlink::worker::action::Action;

/// A response file: what was escaped comes back as it was, and what was read is the same after it
/// was written.
pub fn response_file(bytes: &[u8]) {
    let texts = texts(bytes);
    for_a_linker(&texts);
    for_a_driver(&texts);
    for_an_action(&texts);
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    response_file::linker_lines(text);
    if let Ok(lines) = response_file::lines("args", text) {
        assert!(lines.iter().all(|line| !line.contains('\n') && !line.starts_with('@')), "{lines:?}");
    }
    let lines: Vec<String> = text.lines().map(str::to_owned).collect();
    if let Ok(action) = Action::parse(&lines) {
        assert_eq!(Action::parse(&written(&action)).expect("an action that was written can be read"), action);
    }
}

/// rustc has a line for each argument, so none can be in one
/// (`rustc_codegen_ssa::back::link::Escape`, 1.95).
fn for_a_linker(args: &[String]) {
    let args: Vec<String> = args.iter().map(|arg| arg.replace('\n', "")).collect();
    let escaped = |arg: &String| arg.replace('\\', "\\\\").replace(' ', "\\ ") + "\n";
    assert_eq!(response_file::linker_lines(&args.iter().map(escaped).collect::<String>()), args);
}

/// As compiler drivers and GNU ld read theirs (libiberty's `buildargv`): white space ends an
/// argument, but not between quotes or behind a backslash.
fn for_a_driver(args: &[String]) {
    let text: String = args.iter().map(|arg| response_file::escaped(arg) + "\n").collect();
    let (mut read, mut arg, mut quote) = (Vec::new(), None::<String>, None);
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        let is_space = matches!(c, ' ' | '\t'..='\r');
        match (c, quote) {
            ('\\', _) => arg.get_or_insert_default().extend(chars.next()),
            (_, Some(open)) if c == open => quote = None,
            ('"' | '\'', None) => {
                quote = Some(c);
                arg.get_or_insert_default();
            }
            (_, None) if is_space => read.extend(arg.take()),
            _ => arg.get_or_insert_default().push(c),
        }
    }
    assert_eq!(read, args);
}

/// An action whose words are anything; options are no build system's to escape.
fn for_an_action(words: &[String]) {
    let (name, values) = words.split_first().map_or(("", words), |(first, rest)| (first.as_str(), rest));
    let action = Action {
        options: ["metadata", "--output", "out"].map(str::to_owned).to_vec(),
        env: values.iter().map(|value| (name.replace('=', ""), value.clone())).collect(),
        command: words.to_vec(),
    };
    let lines = written(&action);
    assert_eq!(Action::parse(&lines).expect("an action that was written can be read"), action);
    // And from a file.
    let text: Vec<String> = (lines.join("\n") + "\n").lines().map(str::to_owned).collect();
    assert_eq!(text, lines);
}

/// The lines of an action, as the rules for Bazel write them (`compile_action.bzl`).
fn written(action: &Action) -> Vec<String> {
    let env = action.env.iter().map(|(name, value)| format!("--env={}", escaped(&format!("{name}={value}"))));
    action.options.iter().cloned().chain(env).chain(["--".to_owned()]).chain(action.command.iter().map(|word| escaped(word))).collect()
}

fn escaped(word: &str) -> String {
    if word.is_empty() {
        return "\\e".to_owned();
    }
    let word = word.replace('\\', "\\\\").replace('\n', "\\n").replace('\r', "\\r");
    if word.starts_with('@') { format!("\\{word}") } else { word }
}
