//! With a real Buck2: every attribute of the prelude's rules and every field of its toolchain is
//! carried out or refused by name.

use splitlink_tests::buck2::Project;
use splitlink_tests::rustc_fixture::tools::{Failure, run};
use std::process::Command;

/// What each target of `attributes/BUCK` is told that asks for what the rules do not do.
const REFUSED: &[(&str, &[&str])] = &[
    ("bolt_flags", &["do not support `bolt_flags`", "BOLT"]),
    ("bolt_profile", &["do not support `bolt_profile`", "BOLT"]),
    (
        "enable_distributed_thinlto",
        &["`enable_distributed_thinlto` is for thin LTO, and the target's `lto` is `off`", "set `lto = \"thin\"`"],
    ),
    ("extra_dwp_flags", &["do not support `extra_dwp_flags`", "has no such flags"]),
    ("has_content_based_path", &["do not support `has_content_based_path`", "take the attribute away"]),
    ("link_group_map", &["do not support `link_group_map`", "no link groups"]),
    ("link_group_min_binary_node_count", &["do not support `link_group_min_binary_node_count`", "no link groups"]),
    ("separate_debug_info", &["do not support `separate_debug_info`", "in its `[dwp]`"]),
    ("_build_info", &["do not support `_build_info`", "nothing is stamped"]),
    ("shared", &["`preferred_linkage` is `static`, and this rule makes a shared library"]),
    ("static", &["`preferred_linkage` is `shared`, and this rule makes a static library"]),
];

#[test]
fn refused_by_name() -> Result<(), Failure> {
    let Some(project) = Project::new("refused")? else { return Ok(()) };
    for (name, texts) in REFUSED {
        let target = format!("root//attributes:{name}");
        let message = project.buck2_fails(&["build", &target])?;
        for text in *texts {
            assert!(message.contains(text) && message.contains(&target), "{target} is not told {text:?}: {message}");
        }
    }
    assert_eq!(project.buck2(&["run", "root//attributes:accepted"])?, "accepted\n");

    project.set_split_debug_mode("single")?;
    let message = project.buck2_fails(&["build", "root//attributes:accepted"])?;
    assert!(message.contains("the C++ toolchain's `split_debug_mode` is `single`"), "{message}");
    Ok(())
}

/// A project whose toolchain has `fields` over the stable one.
fn with_fields(name: &str, fields: &str) -> Result<Option<Project>, Failure> {
    let Some(project) = Project::new(name)? else { return Ok(None) };
    let toolchain = format!(
        "load(\"@root//attributes:toolchain.bzl\", \"toolchain_with\")\n\n\
         toolchain_with(\n    name = \"rust_fields\",\n    base = \":rust_stable\",\n    {fields},\n)\n\nsplitlink_rust_toolchain("
    );
    project.change_toolchains(&[("base = \":rust_stable\"", "base = \":rust_fields\""), ("\nsplitlink_rust_toolchain(", &toolchain)])?;
    Ok(Some(project))
}

#[test]
fn what_a_toolchain_says_reaches_the_linked_crate() -> Result<(), Failure> {
    let Some(project) = with_fields("sanitizer", "sanitizer = \"address\"")? else { return Ok(()) };
    let overflow = project.build("root//attributes:overflow")?;
    let output = run(&mut Command::new(overflow))?;
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains("AddressSanitizer: heap-buffer-overflow"), "{}\n{said}", output.status);

    let Some(project) = with_fields("panic_abort", "panic_runtime = \"abort\"")? else { return Ok(()) };
    let tests = "root//attributes:panics";
    assert_eq!(project.passed(tests, &[])?, project.tests(tests)?);
    Ok(())
}
