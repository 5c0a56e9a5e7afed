use std::collections::HashMap;

/// How often the most frequent word is in `text`.
pub fn most_frequent(text: &str) -> usize {
    let mut counts: HashMap<&str, usize> = HashMap::new();
    for word in text.split_whitespace() {
        *counts.entry(word).or_default() += 1;
    }
    counts.into_values().max().unwrap_or(0)
}
