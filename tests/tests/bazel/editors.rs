//! What rust-analyzer is told of our targets by rules_rust's aspect.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use splitlink_tests::rules_rust::End;
use splitlink_tests::rustc_fixture::tools::Failure;

const PACKAGE: &str = "tests/bazel_rules/aspects";

fn list(spec: &Value, key: &str) -> Vec<String> {
    spec[key].as_array().into_iter().flatten().filter_map(|value| value.as_str().map(str::to_owned)).collect()
}

#[test]
fn specifications_have_features_dependencies_and_macros() -> Result<(), Failure> {
    for end in End::all() {
        let label = |name: &str| format!("//{PACKAGE}:{name}");
        let aspect = "--aspects=@rules_rust//rust:defs.bzl%rust_analyzer_aspect";
        let groups = "--output_groups=rust_analyzer_crate_spec,rust_analyzer_proc_macro_dylib";
        end.prints(&["build", aspect, groups, &label("program"), &label("featured_test")])?;
        let bin = PathBuf::from(end.prints(&["info", "bazel-bin"])?.0.trim());
        let read = |folder: &Path, name: &str| -> Result<Value, Failure> {
            let text = fs::read_to_string(folder.join(PACKAGE).join(format!("{name}.rust_analyzer_crate_spec.json")))?;
            Ok(serde_json::from_str(&text).expect("it is JSON"))
        };
        let program = read(&bin, "program")?;
        let featured = read(&bin, "featured")?;
        for (spec, name) in [(&program, "program"), (&featured, "featured")] {
            assert!(list(spec, "cfg").contains(&"feature=\"asked\"".to_owned()), "with {}, {name}: {spec}", end.name);
        }
        assert_eq!(list(&program, "deps").len(), 1, "with {}: {program}", end.name);
        assert_eq!(list(&program, "deps")[0], featured["crate_id"].as_str().unwrap_or_default(), "with {}", end.name);
        // The macro is built for the machine that builds.
        let outputs = bin.parent().and_then(Path::parent).expect("bazel-bin lies in a configuration");
        let macros = fs::read_dir(outputs)?
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|folder| folder.to_string_lossy().contains("-exec"))
            .find_map(|folder| read(&folder.join("bin"), "macros").ok())
            .unwrap_or_else(|| panic!("with {}, there is no specification of the macro", end.name));
        let dylib = macros["proc_macro_dylib_path"].as_str().unwrap_or_default();
        assert!(dylib.contains("/libmacros-") && dylib.ends_with(".so"), "with {}: {macros}", end.name);
    }
    Ok(())
}
