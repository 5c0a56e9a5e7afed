//! With a real Buck2: toolchains other than a stable one without unstable features, and the tool
//! from its source.

use splitlink_tests::buck2::Project;
use splitlink_tests::rustc_fixture::tools::Failure;
use std::fs;

const HELLO: &str = "splitlink//examples/hello:hello";

/// What the prelude's own split asks for is no hindrance: unstable features, the standard library
/// as crates, and with them `advanced_unstable_linking`.
#[test]
fn a_base_with_explicit_sysroot_crates() -> Result<(), Failure> {
    for advanced in ["False", "True"] {
        let Some(project) = Project::new("explicit_sysroot")? else { return Ok(()) };
        let toolchain = format!(
            r#"load("@root//sysroot:sysroot.bzl", "explicit_sysroot_toolchain")

explicit_sysroot_toolchain(
    name = "rust_explicit",
    advanced_unstable_linking = {advanced},
    base = ":rust_stable",
    crates = ["root//sysroot:" + name for name in ["alloc", "compiler_builtins", "core", "panic_unwind", "proc_macro", "std", "test"]],
)

splitlink_rust_toolchain("#
        );
        project
            .change_toolchains(&[("base = \":rust_stable\"", "base = \":rust_explicit\""), ("\nsplitlink_rust_toolchain(", &toolchain)])?;
        assert_eq!(project.buck2(&["run", HELLO, "--", "Buck2"])?, "Hello, Buck2!\n");
        let plan = project.json(HELLO, "plan")?;
        let crates: Vec<_> =
            plan["crates"].as_array().expect("a list").iter().map(|listed| listed["id"].as_str().unwrap_or_default()).collect();
        assert!(crates.contains(&"std") && crates.contains(&"core"), "the standard library is crates of the build: {crates:?}");
        for tests in ["splitlink//examples/c_interop/...", "splitlink//examples/proc_macro/..."] {
            assert_eq!(project.passed(tests, &[])?, project.tests(tests)?);
        }
    }
    Ok(())
}

/// Without a `prebuilt_splitlink` the tool is built by Cargo, in an action of Buck2's.
#[test]
fn the_tool_from_its_source() -> Result<(), Failure> {
    let Some(project) = Project::new("from_source")? else { return Ok(()) };
    project.add(&[
        "BUCK",
        "Cargo.lock",
        "Cargo.toml",
        "tests/Cargo.toml",
        "tests/benchmarks",
        "tests/rustc_suite",
        "tests/src/lib.rs",
        "tools",
    ])?;
    // How fast the tool is does not matter, and optimised it is compiled several times as long.
    let manifest = project.root.join("splitlink/Cargo.toml");
    fs::write(&manifest, fs::read_to_string(&manifest)? + "\n[profile.release]\nopt-level = 0\n")?;
    project.change_toolchains(&[("    splitlink = \":splitlink\",\n", "")])?;
    assert_eq!(project.buck2(&["run", HELLO, "--", "source"])?, "Hello, source!\n");
    let built: Vec<_> = project.ran()?.into_iter().filter(|ran| ran.action == "cargo_build").map(|ran| ran.target).collect();
    assert_eq!(built, ["splitlink//:splitlink"], "the engine of fat LTO is built for fat LTO only");
    Ok(())
}
