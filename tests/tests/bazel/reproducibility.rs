//! Two clones at different paths, with different output bases, give the same bytes.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use splitlink_tests::checkout::Checkout;
use splitlink_tests::real_programs::cache;

/// What is built: in debug, whose information names source files, and as users build by default.
const BUILDS: &[(&str, &[&str])] = &[
    ("dbg", &["//examples/hello/...", "//examples/proc_macro/..."]),
    ("fastbuild", &["//examples/...", "//tests/bazel_rules/build_script/..."]),
];

fn build(clone: &Checkout, mode: &str, targets: &[&str]) -> Result<BTreeMap<String, Vec<u8>>> {
    clone.build(&[&format!("--compilation_mode={mode}")], targets)
}

#[test]
fn two_clones_give_the_same_bytes() -> Result<()> {
    let clones = [Checkout::make_shared()?, Checkout::make(cache()?.join("reproducible/another/place"))?];
    // What an older state of the rules has built there under other names.
    clones[1].remove_outputs()?;
    for (mode, targets) in BUILDS {
        let [one, other] = [build(&clones[0], mode, targets)?, build(&clones[1], mode, targets)?];
        ensure!(one.keys().eq(other.keys()), "{mode}: the clones built different files:\n{:?}\n{:?}", one.keys(), other.keys());
        for kind in ["plan.json", ".o", ".rmeta", ".rlib", "/hello"] {
            ensure!(
                one.keys().any(|name| name.ends_with(kind)),
                "{mode}: nothing was built that is named …{kind}, so nothing was compared"
            );
        }
        let different: Vec<_> = one.iter().filter(|(name, bytes)| other[*name] != **bytes).map(|(name, _)| name.as_str()).collect();
        ensure!(different.is_empty(), "{mode}: these files differ between two clones:\n  {}", different.join("\n  "));
        eprintln!("reproducible: {mode}: {} files, the same bytes in two clones", one.len());
    }
    clones[1].bazel().arg("shutdown").output()?;
    Ok(())
}
