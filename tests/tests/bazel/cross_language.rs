//! With Bazel: C that clang compiled to bitcode takes part in the LTO of a program, and functions
//! are inlined across the languages.

use anyhow::{Context, Result};
use splitlink_tests::rustc_fixture::disassembly::calls_of;
use splitlink_tests::rustc_fixture::tools::{Failure, repository, succeed};
use std::path::Path;
use std::process::Command;

const PACKAGE: &str = "tests/bazel_rules/lto/cross_language";

fn bazel(args: &[&str]) -> Result<String> {
    let root = repository();
    Ok(String::from_utf8_lossy(&succeed(Command::new(root.join("dev/bazel")).current_dir(root).args(args))?.stdout).into_owned())
}

#[test]
fn c_and_rust_are_inlined_into_each_other() -> Result<(), Failure> {
    succeed(Command::new("clang").arg("--version")).context("this test needs clang: `apt-get install clang`, or run `dev/test`")?;
    let programs = ["fat", "thin"].map(|mode| format!("//{PACKAGE}:mixed_{mode}"));
    bazel(&["build", &programs[0], &programs[1]])?;
    for program in &programs {
        let listed = bazel(&["cquery", "--output=files", program])?;
        let root = bazel(&["info", "execution_root"])?;
        let path = Path::new(root.trim()).join(listed.trim());
        let printed = succeed(&mut Command::new(&path))?.stdout;
        assert_eq!(printed, b"3 3\n", "{program}");
        for function in ["rust_calls", "c_calls"] {
            let calls = calls_of(&path, function)?;
            assert!(calls.is_empty(), "{program}: `{function}` still calls {calls:?}");
        }
    }
    Ok(())
}
