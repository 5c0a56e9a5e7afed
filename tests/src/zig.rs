//! zig, which is a C compiler and a linker for many targets.

use crate::real_programs::cache;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

/// Of PyPI's package `ziglang`.
const VERSION: &str = "0.13.0";

/// Installs zig in the cache, and says which folder `ziglang/zig` is in.
///
/// # Errors
/// Why it cannot be had.
pub fn install() -> Result<PathBuf, String> {
    let folder = cache().map_err(|error| error.to_string())?.join(format!("ziglang-{VERSION}"));
    if folder.join("ziglang/zig").exists() {
        return Ok(folder);
    }
    let package = format!("ziglang=={VERSION}");
    // Moved into place when it is whole.
    let part = folder.with_file_name(format!("ziglang-{VERSION}.{}", std::process::id()));
    let target = part.to_string_lossy().into_owned();
    let output = Command::new("python3")
        .args(["-m", "pip", "install", "--quiet", "--no-deps", "--only-binary=:all:", "--target", &target, &package])
        .output()
        .map_err(|error| format!("python3 cannot be started: {error}"))?;
    if !output.status.success() {
        return Err(format!("pip cannot install {package}: {}", String::from_utf8_lossy(&output.stderr).trim()));
    }
    // Another run may have been first.
    if fs::rename(&part, &folder).is_err() {
        fs::remove_dir_all(&part).map_err(|error| format!("{} cannot be removed: {error}", part.display()))?;
    }
    Ok(folder)
}
