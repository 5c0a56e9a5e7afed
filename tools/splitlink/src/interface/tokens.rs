//! The tokens of a file, and its text with some of them left out.

use super::cutter::Cutter;
use super::page::Page;
use crate::files::definitions::Line;
use proc_macro2::{TokenStream, TokenTree};
use std::collections::BTreeSet;
use std::ops::Range;

/// What stands for a body that is cut out.
const NO_BODY: &str = "{loop{}}";

/// A file's text and its tokens.
pub(super) struct Tokens<'a> {
    pub(super) text: &'a str,
    /// Where each is, in order. A comment that documents something is one.
    pub(super) ranges: Vec<Range<usize>>,
}

impl<'a> Tokens<'a> {
    pub(super) fn new(text: &'a str, tokens: TokenStream) -> Self {
        fn add(tokens: TokenStream, ranges: &mut Vec<Range<usize>>) {
            for token in tokens {
                match token {
                    TokenTree::Group(group) => {
                        ranges.push(group.span_open().byte_range());
                        add(group.stream(), ranges);
                        ranges.push(group.span_close().byte_range());
                    }
                    other => ranges.push(other.span().byte_range()),
                }
            }
        }
        let (mut all, mut ranges) = (Vec::new(), Vec::<Range<usize>>::new());
        add(tokens, &mut all);
        for range in all {
            // The tokens that a comment stands for are all where the comment is.
            if !range.is_empty() && ranges.last().is_none_or(|last| last.end <= range.start) {
                ranges.push(range);
            }
        }
        Self { text, ranges }
    }

    /// The text as `cutter` wants it, and without what is `unnamed`, with the places of what floats;
    /// none if something fixed cannot be left where it is.
    pub(super) fn without(
        &self,
        cutter: &Cutter<'_>,
        unnamed: &[Range<usize>],
        definitions: &[Range<usize>],
    ) -> Option<(String, Vec<Line>)> {
        let mut page = Page::default();
        // Up to where the page has what there is of the text, and the end of the token before.
        let (mut at, mut end) = (0, 0);
        for range in &self.ranges {
            let token = &self.text[range.clone()];
            if around(range, &cutter.dropped).is_some() || around(range, unnamed).is_some() {
            } else if let Some(body) = around(range, &cutter.cut) {
                if body.start == range.start {
                    page.float(NO_BODY, true, None);
                }
            } else if around(range, &cutter.fixed).is_some() {
                page.blank(&self.text[at..range.start]);
                page.put(token)?;
                at = range.end;
            } else {
                let of = around(range, definitions).map(|definition| definition.start);
                page.float(&in_one_line(token), end != range.start, of);
            }
            end = range.end;
        }
        Some(page.finish())
    }

    /// The words in `ranges`.
    pub(super) fn words_in(&self, ranges: &[Range<usize>]) -> BTreeSet<String> {
        let inside = self.ranges.iter().filter(|range| around(range, ranges).is_some());
        inside.map(|range| self.text[range.clone()].trim_start_matches("r#").to_owned()).collect()
    }
}

/// The one of `ranges`, which are in order, that has all of `range` in it.
pub(super) fn around<'a>(range: &Range<usize>, ranges: &'a [Range<usize>]) -> Option<&'a Range<usize>> {
    let behind = ranges.partition_point(|other| other.start <= range.start);
    ranges[..behind].last().filter(|other| range.end <= other.end)
}

/// `token`, or the attribute that a comment which documents something is short for.
fn in_one_line(token: &str) -> String {
    let (mark, text) = match token.get(..3) {
        Some("///") => ("#", &token[3..]),
        Some("//!") => ("#!", &token[3..]),
        Some("/**") => ("#", token[3..].trim_end_matches("*/")),
        Some("/*!") => ("#!", token[3..].trim_end_matches("*/")),
        _ => return token.to_owned(),
    };
    format!("{mark}[doc={text:?}]")
}
