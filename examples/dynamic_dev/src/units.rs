//! Distances, and how often one was made.

use std::sync::atomic::{AtomicUsize, Ordering};

/// Counts in whichever library the code is: were the crate there twice, there would be two counters.
static MADE: AtomicUsize = AtomicUsize::new(0);

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Metres(pub f64);

impl Metres {
    pub fn from_kilometres(kilometres: f64) -> Self {
        MADE.fetch_add(1, Ordering::Relaxed);
        Self(kilometres * 1000.0)
    }
}

pub fn made() -> usize {
    MADE.load(Ordering::Relaxed)
}
