//! Linker scripts, as far as they say which files are linked.

/// A linker script.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Script {
    /// What it has linked, in order.
    pub(super) steps: Vec<Step>,
    /// Whether it does nothing else.
    pub(super) is_list: bool,
}

/// A step of a link.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// A file, or a library as `-lNAME`.
    File(String),
    /// What a linker would be told on its command line.
    Flag(&'static str),
}

impl Script {
    /// Reads `text` (GNU ld's manual, "Commands Dealing with Files").
    pub(super) fn parse(text: &str) -> Self {
        let words = words(text);
        let mut script = Self { steps: Vec::new(), is_list: true };
        let mut words = words.iter().map(String::as_str).peekable();
        let mut depth = 0_usize;
        while let Some(word) = words.next() {
            match word {
                "{" => depth += 1,
                "}" => depth = depth.saturating_sub(1),
                ";" => {}
                "INPUT" | "GROUP" if depth == 0 && words.next_if_eq(&"(").is_some() => script.files(word == "GROUP", &mut words),
                // These say what the files are, or where.
                "OUTPUT_FORMAT" | "OUTPUT_ARCH" | "TARGET" if depth == 0 && words.next_if_eq(&"(").is_some() => {
                    words.by_ref().find(|word| *word == ")");
                }
                _ => script.is_list = false,
            }
        }
        script.is_list &= !script.steps.is_empty();
        script
    }

    /// Reads the names of files up to the end of the parentheses.
    fn files<'t>(&mut self, is_group: bool, words: &mut impl Iterator<Item = &'t str>) {
        let group = |flag| is_group.then_some(Step::Flag(flag));
        self.steps.extend(group("--start-group"));
        let mut is_where_needed = false;
        while let Some(word) = words.next() {
            match word {
                ")" if is_where_needed => {
                    is_where_needed = false;
                    self.steps.push(Step::Flag("--pop-state"));
                }
                ")" => break,
                "AS_NEEDED" => {
                    words.next();
                    is_where_needed = true;
                    self.steps.extend([Step::Flag("--push-state"), Step::Flag("--as-needed")]);
                }
                "," => {}
                name => self.steps.push(Step::File(name.to_owned())),
            }
        }
        self.steps.extend(group("--end-group"));
    }
}

/// The words and signs of a script, without comments.
fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if first == '"' {
            let end = rest[1..].find('"').map_or(rest.len(), |end| end + 2);
            words.push(rest[1..end].trim_end_matches('"').to_owned());
            end
        } else if first.is_whitespace() {
            first.len_utf8()
        } else if "(){};,".contains(first) {
            words.push(first.to_string());
            1
        } else {
            let end = rest.find(|c: char| c.is_whitespace() || "(){};,\"".contains(c)).unwrap_or(rest.len());
            words.push(rest[..end].to_owned());
            end
        };
        rest = &rest[length..];
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts() {
        let file = |name: &str| Step::File(name.to_owned());
        let flag = Step::Flag;
        let table = [
            (
                "/* GNU ld script */\nOUTPUT_FORMAT(elf64-x86-64)\nGROUP ( /lib/libc.so.6 \"a b.a\"  AS_NEEDED ( ld.so ) )",
                true,
                vec![
                    flag("--start-group"),
                    file("/lib/libc.so.6"),
                    file("a b.a"),
                    flag("--push-state"),
                    flag("--as-needed"),
                    file("ld.so"),
                    flag("--pop-state"),
                    flag("--end-group"),
                ],
            ),
            ("INPUT(a.o, -lb);INPUT(c.a)", true, vec![file("a.o"), file("-lb"), file("c.a")]),
            ("SECTIONS { .text : { *(.text) } INPUT (x) } INPUT(a.o)", false, vec![file("a.o")]),
            ("{ global: a; local: *; };", false, vec![]),
            ("INPUT(a.o", true, vec![file("a.o")]),
            ("INPUT(\"a.o", true, vec![file("a.o")]),
            ("GROUP", false, vec![]),
            ("", false, vec![]),
        ];
        for (text, is_list, steps) in table {
            assert_eq!(Script::parse(text), Script { steps, is_list }, "{text}");
        }
    }
}
