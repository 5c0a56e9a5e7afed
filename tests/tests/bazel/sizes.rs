//! With Bazel: what is in an artifact, by an action that runs when `--output_groups=sizes` asks for
//! it, and that compiles and links nothing.

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use splitlink_tests::checkout::Checkout;
use splitlink_tests::execution_log;
use splitlink_tests::rustc_fixture::schema::{schema_of, validate};
use splitlink_tests::rustc_fixture::tools::{names_in, run, succeed};
use std::fs;
use std::path::PathBuf;

/// Where the file `file` was built: with LTO that is another configuration's folder.
fn built(clone: &Checkout, file: &str) -> Result<PathBuf> {
    let out = PathBuf::from(format!("{}.output/execroot/_main/bazel-out", clone.root.display()));
    let mut found = names_in(&out).into_iter().map(|configuration| out.join(configuration).join("bin").join(file));
    found.find(|path| path.exists()).with_context(|| format!("`{file}` was not built"))
}

#[test]
fn told_when_asked_for() -> Result<()> {
    let clone = Checkout::make_shared()?;
    let log = clone.root.with_extension("sizes.json");
    let log_flag = format!("--execution_log_json_file={}", log.display());
    let build = |flags: &[&str], target: &str| -> Result<Vec<String>> {
        succeed(&mut clone.build_command(&[flags, &[&log_flag]].concat(), &[target]))?;
        let mut ran: Vec<_> = execution_log::read(&log)?.into_iter().map(|spawn| spawn.mnemonic).collect();
        ran.retain(|mnemonic| mnemonic.starts_with("Splitlink"));
        ran.dedup();
        Ok(ran)
    };
    let thin = "--//rules/bazel:lto=thin";
    for (flags, target, file, crate_type, crates) in [
        (&[][..], "//examples/hello", "examples/hello/hello.splitlink/sizes.json", "bin", &["greeting"][..]),
        (&[], "//examples/c_interop:greeter_shared", "examples/c_interop/greeter_shared.splitlink/sizes.json", "cdylib", &[]),
        (&[], "//examples/dynamic_dev:journey_dylib", "examples/dynamic_dev/journey_dylib.splitlink/sizes.json", "dylib", &["journey"]),
        (
            &[thin],
            "//examples/multi_crate_type:engine_cdylib",
            "examples/multi_crate_type/engine_cdylib.splitlink/sizes.json",
            "cdylib",
            &[],
        ),
    ] {
        clone.remove_outputs()?;
        let ran = build(flags, target).with_context(|| target.to_owned())?;
        ensure!(
            ran.iter().any(|mnemonic| mnemonic == "SplitlinkLink") && !ran.iter().any(|mnemonic| mnemonic == "SplitlinkSizes"),
            "{ran:?}"
        );
        let ran = build(&[flags, &["--output_groups=sizes"]].concat(), target)?;
        ensure!(ran == ["SplitlinkSizes"], "{target}: {ran:?}");
        let path = built(&clone, file)?;
        let sizes: Value = serde_json::from_slice(&fs::read(&path).with_context(|| format!("there is no {}", path.display()))?)?;
        validate(&schema_of("sizes")?, &sizes).with_context(|| target.to_owned())?;
        ensure!(sizes["crate_type"] == crate_type, "{target}: {}", sizes["crate_type"]);
        let owner = |name: &str| sizes["owners"].as_array().into_iter().flatten().find(|owner| owner["name"] == name);
        ensure!(owner("std").is_some_and(|owner| owner["kind"] == "std"), "{target}: {}", sizes["owners"]);
        for name in crates {
            let owner = owner(name).with_context(|| format!("{target}: {}", sizes["owners"]))?;
            // The link report has no label of what is linked itself.
            ensure!(crate_type == "dylib" || owner["label"].as_str().is_some_and(|label| label.starts_with("//examples/")), "{owner}");
        }
        for code in sizes["sections"].as_array().into_iter().flatten().filter(|section| section["name"] == ".text") {
            let [bytes, known] = ["bytes", "attributed"].map(|field| code[field].as_u64().unwrap_or_default());
            ensure!(bytes > 0 && known * 100 >= bytes * 97, "{target}: {code}");
        }
    }
    // All artifacts of a crate; an archive is not linked.
    build(&["--output_groups=sizes"], "//examples/multi_crate_type:engine")?;
    let ran = build(&["--output_groups=sizes"], "//examples/c_interop:greeter_static")?;
    ensure!(!ran.iter().any(|mnemonic| mnemonic == "SplitlinkSizes"), "{ran:?}");
    // It looks behind the link `bazel-out`, which other tests do without.
    let explain = |args: &[&str]| {
        let flags = ["run", "--extra_toolchains=//prebuilt:toolchain", "--symlink_prefix=bazel-", "//:explain", "--"];
        let output = run(clone.bazel().args(flags).args(args));
        for link in names_in(&clone.root).into_iter().filter(|name| name.starts_with("bazel-")) {
            fs::remove_file(clone.root.join(link))?;
        }
        output
    };
    build(&["--output_groups=sizes"], "//examples/hello")?;
    for args in [&["--sizes", "//examples/hello"][..], &["--sizes=//examples/hello:hello", "--all"]] {
        let output = explain(args)?;
        let shown = String::from_utf8_lossy(&output.stdout).into_owned();
        ensure!(
            output.status.success() && shown.starts_with("bin `hello` (hello, ") && shown.contains("\n  greeting "),
            "{args:?}: {output:?}"
        );
    }
    let output = explain(&["--sizes", "//examples/hello:greeting"])?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(!output.status.success() && said.contains("there is no sizes file of //examples/hello:greeting"), "{said}");
    fs::remove_file(log)?;
    Ok(())
}
