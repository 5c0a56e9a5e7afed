//! What differs between toolchains.

use anyhow::Context;
use splitlink_tests::rustc_fixture::project::{refused, words};
use splitlink_tests::rustc_fixture::tools::{Failure, Toolchain, empty_folder, run, splitlink};
use std::process::Command;

#[test]
fn a_toolchain_without_the_dylib_of_std() -> Result<(), Failure> {
    for toolchain in Toolchain::installed().filter(|toolchain| !toolchain.has_std_dylib()) {
        let dir = empty_folder(&format!("no_std_dylib-{}", toolchain.name))?;
        let libdir = toolchain.libdir();
        let line = format!("std-manifest --output std.json --rustc {} --libdir {}", toolchain.rustc.display(), libdir.display());
        let output = run(Command::new(splitlink()).current_dir(&dir).args(words(&line)))?;
        refused(&output, &["there is no `libstd-*.so` in `"]).with_context(|| toolchain.name)?;
    }
    Ok(())
}

#[test]
fn a_rustc_that_is_too_old() -> Result<(), Failure> {
    for toolchain in Toolchain::all_installed().iter().filter(|toolchain| toolchain.is_too_old()) {
        let dir = empty_folder(&format!("too_old-{}", toolchain.name))?;
        std::fs::write(dir.join("a.rs"), "pub fn a() {}\n")?;
        std::fs::write(dir.join("main.rs"), "fn main() {}\n")?;
        for (options, source) in
            [("metadata --output liba.rmeta", "a.rs --crate-type=rlib"), ("no-link --plan plan.json --modules modules", "main.rs")]
        {
            let mut command = Command::new(splitlink());
            command.current_dir(&dir).args(words(options)).arg("--").arg(&toolchain.rustc).args(words(source));
            let output = run(&mut command)?;
            refused(&output, &["this is rustc 1.63, and splitlink works with rustc 1.85 and newer"]).with_context(|| options.to_owned())?;
        }
        let mut left = splitlink_tests::rustc_fixture::tools::names_in(&dir);
        left.retain(|name| !name.ends_with(".rs"));
        if !left.is_empty() {
            return Err(anyhow::anyhow!("these were left: {left:?}").into());
        }
    }
    Ok(())
}
