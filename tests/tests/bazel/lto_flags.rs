//! With Bazel: `-Clto` in `rustc_flags` that contradicts the attribute `lto`, or is none that rustc
//! takes, is an error that says so.

use splitlink_tests::rustc_fixture::tools::{Failure, empty_folder, repository, run};
use std::fs;
use std::process::Command;

#[test]
fn contradictions_and_unknown_values() -> Result<(), Failure> {
    // Packages of the repository itself must load, so these lie beside it.
    let beside = empty_folder("packages")?;
    for (package, attributes, texts) in [
        (
            "contradiction",
            r#"lto = "thin", rustc_flags = ["-Clto=fat"]"#,
            ["app: lto = \"thin\" contradicts `-Clto=fat` in rustc_flags", "leave one of them out"],
        ),
        (
            "apart",
            r#"lto = "off", rustc_flags = ["-C", "lto"]"#,
            ["app: lto = \"off\" contradicts `lto` in rustc_flags", "leave one of them out"],
        ),
        ("unknown", r#"rustc_flags = ["--codegen=lto=full"]"#, ["`--codegen=lto=full` in rustc_flags is no value that rustc takes", "fat"]),
        ("no_mode", r#"lto = "full""#, ["invalid value in 'lto' attribute", "'full'"]),
    ] {
        let folder = beside.join(package);
        fs::create_dir_all(&folder)?;
        fs::write(folder.join("app.rs"), "fn main() {}\n")?;
        let load = "load(\"//rules/bazel:defs.bzl\", \"rust_binary\")\n";
        fs::write(folder.join("BUILD.bazel"), format!("{load}rust_binary(name = \"app\", srcs = [\"app.rs\"], {attributes})\n"))?;
        let mut bazel = Command::new(repository().join("dev/bazel"));
        bazel.current_dir(repository()).args(["build", "--nobuild", &format!("--package_path=%workspace%:{}", beside.display())]);
        let output = run(bazel.arg(format!("//{package}:app")))?;
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success(), "{package}: it is no error");
        for text in texts {
            assert!(said.contains(text), "{package}: it does not say `{text}`:\n{said}");
        }
    }
    Ok(())
}
