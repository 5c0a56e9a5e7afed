//! Paths that stand in a command for others: a build system may fix a command before it is known
//! where its files will be.

use std::path::Path;

/// Which paths stand for which.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Exchange {
    /// Each old path and the new one.
    pairs: Vec<(String, String)>,
}

/// Whether a name may go on with `c`, so that a path that ends before it is another.
fn is_of_name(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '+' | '~' | '@' | '%')
}

impl Exchange {
    /// Takes a list of old and new paths, in turn, as `--exchange OLD NEW` gives them.
    pub(crate) fn of(words: &[String]) -> Self {
        Self { pairs: words.chunks_exact(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect() }
    }

    /// Takes the options `--exchange OLD NEW` out of a list of options.
    pub(crate) fn among(options: &[String]) -> Self {
        let pairs = options.windows(3).filter(|words| words[0] == "--exchange");
        Self { pairs: pairs.map(|words| (words[1].clone(), words[2].clone())).collect() }
    }

    /// Adds a pair.
    pub(crate) fn add(&mut self, old: String, new: &Path) {
        self.pairs.push((old, new.to_string_lossy().into_owned()));
    }

    /// Every old path for which `new` stands.
    pub(crate) fn olds_of(&self, new: &Path) -> Vec<String> {
        self.pairs.iter().filter(|pair| Path::new(&pair.1) == new).map(|pair| pair.0.clone()).collect()
    }

    /// `text` with every old path in it exchanged, those of files below it included.
    pub(crate) fn apply(&self, text: &str) -> String {
        let mut result = text.to_owned();
        for (old, new) in self.pairs.iter().filter(|(old, _)| !old.is_empty() && text.contains(old.as_str())) {
            let mut done = String::with_capacity(result.len());
            let mut rest = result.as_str();
            while let Some(at) = rest.find(old.as_str()) {
                let (before, behind) = (&rest[..at], &rest[at + old.len()..]);
                let is_whole = !before.ends_with(is_of_name) && !behind.starts_with(is_of_name);
                done.push_str(before);
                done.push_str(if is_whole { new } else { old });
                rest = behind;
            }
            done.push_str(rest);
            result = done;
        }
        result
    }

    /// [`Self::apply`] to each of `words`.
    pub(crate) fn apply_all(&self, words: Vec<String>) -> Vec<String> {
        if self.pairs.is_empty() { words } else { words.iter().map(|word| self.apply(word)).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_paths_only() {
        let words = ["out/p/s.env", "out/p/s.x/s.env", "out/p/s.out_dir", "out/p/s.x/s.out_dir"].map(str::to_owned);
        let exchange = Exchange::of(&words);
        for (text, expected) in [
            ("out/p/s.env", "out/p/s.x/s.env"),
            ("--env-file=out/p/s.env", "--env-file=out/p/s.x/s.env"),
            ("${pwd}/out/p/s.out_dir/a.rs", "${pwd}/out/p/s.x/s.out_dir/a.rs"),
            ("out/p/s.out_dir=out/p/s.out_dir", "out/p/s.x/s.out_dir=out/p/s.x/s.out_dir"),
            ("out/p/s.envs", "out/p/s.envs"),
            ("out/p/s.env.d out/p/s.env", "out/p/s.env.d out/p/s.x/s.env"),
            ("about/p/s.env", "about/p/s.env"),
            ("out/p/s.x/s.env", "out/p/s.x/s.env"),
            ("nothing", "nothing"),
        ] {
            assert_eq!(exchange.apply(text), expected, "{text}");
            assert_eq!(exchange.apply(expected), expected, "a second time: {text}");
        }
        assert_eq!(exchange.olds_of(Path::new("out/p/s.x/s.env")), ["out/p/s.env"]);
        let options = ["codegen", "--exchange", "a", "b", "--lto"].map(str::to_owned);
        assert_eq!(Exchange::among(&options), Exchange::of(&options[2..4]));
    }
}
