//! With Bazel: a value that a setting or an attribute does not take is an error that says what it
//! takes.

use splitlink_tests::rustc_fixture::tools::{Failure, empty_folder, repository, run};
use std::fs;
use std::process::Command;

/// Analyses a target and returns what Bazel says of the error.
fn refused(flags: &[&str], target: &str) -> Result<String, Failure> {
    let mut bazel = Command::new(repository().join("dev/bazel"));
    bazel.current_dir(repository()).args(["build", "--nobuild"]).args(flags).arg(target);
    let output = run(&mut bazel)?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success(), "{flags:?} {target}: it is no error:\n{said}");
    Ok(said)
}

#[test]
fn of_settings() -> Result<(), Failure> {
    for (setting, value, takes) in [
        ("linkage", "shared", "static or dynamic"),
        ("lto", "full", "off or thin or fat or unspecified"),
        ("host_opt_level", "4", "0 or 1 or 2 or 3 or s or z or as_configured"),
        ("split_debug_info", "yes", "fission or off or on"),
        ("debug_compression", "lzma", "none or zlib or zstd"),
        ("lto_cache", "here", "the absolute path of a folder"),
    ] {
        let said = refused(&[&format!("--//rules/bazel:{setting}={value}")], "//examples/hello")?;
        let text = format!("//rules/bazel:{setting} is '{value}'; it takes {takes}");
        assert!(said.contains(&text), "it does not say `{text}`:\n{said}");
    }
    Ok(())
}

#[test]
fn of_crate_types() -> Result<(), Failure> {
    // Packages of the repository itself must load, so these lie beside it.
    let beside = empty_folder("crate_types")?;
    let takes = |value: &str| format!("rust_multi_crate_type engine: crate_types is {value}; it takes bin, cdylib, dylib, rlib, staticlib");
    for (package, rule, attribute, text) in [
        ("none", "rust_multi_crate_type", "crate_types = []", takes("[]")),
        ("unknown", "rust_multi_crate_type", r#"crate_types = ["cdylib", "lib"]"#, takes(r#"["cdylib", "lib"]"#)),
        (
            "program",
            "rust_binary",
            r#"crate_type = "cdylib""#,
            "rust_binary engine: crate_type is \"cdylib\", and the split builds programs by this rule; use rust_shared_library".to_owned(),
        ),
    ] {
        let folder = beside.join(package);
        fs::create_dir_all(&folder)?;
        fs::write(folder.join("engine.rs"), "")?;
        let load = format!("load(\"//rules/bazel:defs.bzl\", \"{rule}\")\n");
        let rule = format!("{rule}(name = \"engine\", srcs = [\"engine.rs\"], {attribute})\n");
        fs::write(folder.join("BUILD.bazel"), format!("{load}{rule}"))?;
        let said = refused(&[&format!("--package_path=%workspace%:{}", beside.display())], &format!("//{package}:engine"))?;
        assert!(said.contains(&text), "it does not say `{text}`:\n{said}");
    }
    Ok(())
}
