//! Which crate names which among its own dependencies, as the rules know it: a link does not.

use crate::files::crates;
use anyhow::{Context, Result};
use std::path::Path;

/// A crate names another among its own dependencies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edge {
    /// The identity of the one that asks; none is the linked crate itself.
    pub from: Option<String>,
    /// The identity of the one that it asks for.
    pub to: String,
}

impl Edge {
    /// Takes `[RLIB]=RLIB` apart.
    ///
    /// # Errors
    /// If `text` is of another form.
    pub fn parse(text: &str) -> Result<Self> {
        let (from, to) = text.split_once('=').context("there is no `=`\n  help: write it as libA.rlib=libB.rlib where A depends on B")?;
        let from = (!from.is_empty()).then(|| crates::identity(Path::new(from))).transpose()?;
        Ok(Self { from, to: crates::identity(Path::new(to))? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edges_of_every_form() {
        assert_eq!(Edge::parse("=x/libb-1.rlib").unwrap(), Edge { from: None, to: "b-1".into() });
        assert_eq!(Edge::parse("liba-2.rlib=libb-1.rmeta").unwrap(), Edge { from: Some("a-2".into()), to: "b-1".into() });
        for (text, why) in [("liba-1.rlib", "no `=`"), ("liba-1.rlib=", "not named"), ("a=libb.rlib", "`a` is not named")] {
            assert!(format!("{:#}", Edge::parse(text).unwrap_err()).contains(why), "{text}");
        }
    }
}
