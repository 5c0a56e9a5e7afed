//! A dependency.

/// What `path` ends with, for a message.
pub fn last(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}
