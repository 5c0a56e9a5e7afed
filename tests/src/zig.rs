//! zig, which is a C compiler and a linker for many targets.

use crate::pip;
use std::path::PathBuf;

/// Of PyPI's package `ziglang`.
const VERSION: &str = "0.13.0";

/// Installs zig in the cache, and says which folder `ziglang/zig` is in.
///
/// # Errors
/// Why it cannot be had.
pub fn install() -> Result<PathBuf, String> {
    pip::install("ziglang", VERSION, &["--no-deps"])
}
