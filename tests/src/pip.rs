//! Packages of PyPI's, of a version that is pinned, in the cache.

use crate::real_programs::cache;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

/// Installs what pip calls `package`, of this `version`, with what it needs if `options` do not say
/// otherwise, and says in which folder it is.
///
/// # Errors
/// Why it cannot be had.
pub fn install(package: &str, version: &str, options: &[&str]) -> Result<PathBuf, String> {
    let name = package.split('[').next().unwrap_or(package);
    let folder = cache().map_err(|error| error.to_string())?.join(format!("{name}-{version}"));
    if folder.exists() {
        return Ok(folder);
    }
    let package = format!("{package}=={version}");
    // Moved into place when it is whole.
    let part = folder.with_file_name(format!("{name}-{version}.{}", std::process::id()));
    let target = part.to_string_lossy().into_owned();
    let output = Command::new("python3")
        .args(["-m", "pip", "install", "--quiet", "--only-binary=:all:"])
        .args(options)
        .args(["--target", &target, &package])
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
