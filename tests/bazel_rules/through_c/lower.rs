//! A counter for C and for Rust.

use std::sync::atomic::{AtomicI32, Ordering};

static COUNT: AtomicI32 = AtomicI32::new(0);

/// Counts, and says how often it was called.
#[unsafe(no_mangle)]
pub extern "C" fn lower_count() -> i32 {
    COUNT.fetch_add(1, Ordering::Relaxed) + 1
}
