//! Words.

use std::collections::HashMap;

named::named!(words);

/// Twice as often as the most frequent word is in `text`.
pub fn most_frequent(text: &str) -> u32 {
    let mut counts: HashMap<&str, u32> = HashMap::new();
    for word in text.split_whitespace() {
        *counts.entry(word).or_default() += 1;
    }
    numbers::twice(counts.into_values().max().unwrap_or_default())
}

/// How often that was asked.
pub fn asked() -> u32 {
    numbers::count()
}
