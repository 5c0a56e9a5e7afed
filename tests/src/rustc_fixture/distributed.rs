//! Thin LTO in actions of their own: thin link, one back end for each crate, link.

use super::tools::{Toolchain, names_in, splitlink, succeed};
use anyhow::{Result, ensure};
use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

/// The options of link-only that the thin link does not take.
const OF_THE_LINK: [&str; 2] = ["--output", "--report"];

/// Runs the thin link and the back ends of a link, with `toolchain` in the folder `cwd`, which
/// link-only is given `options` for, and returns the options with which link-only takes the objects.
/// All of it is in the folder `dir` there.
///
/// # Errors
/// If one of them fails.
pub fn optimise(toolchain: &Toolchain, cwd: &Path, options: &[OsString], crate_types: &[&str], dir: &str) -> Result<Vec<String>> {
    let mut thin_link = command(cwd, "thin-link");
    let mut options = options.iter();
    while let Some(option) = options.next() {
        if OF_THE_LINK.iter().any(|left_out| option == left_out) {
            options.next();
        } else {
            thin_link.arg(option);
        }
    }
    for crate_type in crate_types {
        thin_link.args(["--crate-type", crate_type]);
    }
    succeed(thin_link.arg("--output-dir").arg(format!("{dir}/thin")))?;
    let folders = folders(cwd, dir);
    ensure!(folders.len() >= 5, "the thin link wrote {folders:?}");
    for folder in &folders {
        succeed(&mut back_end(toolchain, cwd, dir, folder))?;
    }
    Ok([format!("--thin-link={dir}/thin/link.json"), format!("--thin-objects={dir}/objects")].into())
}

/// The call of the back end for what the thin link wrote as `folder`.
pub fn back_end(toolchain: &Toolchain, cwd: &Path, dir: &str, folder: &str) -> Command {
    let mut command = command(cwd, "thin-backend");
    command.args([format!("--index={dir}/thin/{folder}"), format!("--std-bitcode={dir}/thin/std-bitcode")]);
    command.arg(format!("--output-dir={dir}/objects/{folder}")).arg("--sysroot").arg(&toolchain.sysroot);
    if let Some(engine) = &toolchain.engine {
        command.arg("--lto-engine").arg(engine);
    }
    command
}

/// The folders of crates that the thin link wrote, in order.
pub fn folders(cwd: &Path, dir: &str) -> Vec<String> {
    let inside =
        |of: &str| names_in(&cwd.join(dir).join("thin").join(of)).into_iter().map(|name| format!("{of}/{name}")).collect::<Vec<_>>();
    [inside("crates"), vec!["own".to_owned()], inside("std")].concat()
}

fn command(cwd: &Path, name: &str) -> Command {
    let mut command = Command::new(splitlink());
    command.current_dir(cwd).arg(name);
    command
}
