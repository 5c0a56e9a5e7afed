//! rules_rust's own settings mean with our rules what they mean with its own.

use serde_json::Value;
use splitlink_tests::checkout::Checkout;
use splitlink_tests::rules_rust::End;
use splitlink_tests::rustc_fixture::tools::{Failure, succeed};

const PACKAGE: &str = "//tests/bazel_rules/settings";

fn setting(name_and_value: &str) -> String {
    format!("--@rules_rust//rust/settings:{name_and_value}")
}

#[test]
fn names_of_crates_and_the_standard_library() -> Result<(), Failure> {
    // A clone has the tool already, which each of these flags would have built once more.
    let clone = Checkout::make_shared()?;
    for (flag, test) in [("rename_first_party_crates=True", "names_test"), ("experimental_link_std_dylib=True", "std_test")] {
        let (flag, target) = (setting(flag), format!("{PACKAGE}:{test}"));
        succeed(&mut clone.command("test", &["--test_output=errors", &flag], &[&target]))?;
        for end in End::all().into_iter().skip(1) {
            end.prints(&["test", "--test_output=errors", &flag, &target])?;
        }
    }
    Ok(())
}

/// What the actions with `mnemonic` are told.
fn arguments(end: &End, flags: &[&str], mnemonic: &str) -> Result<Vec<String>, Failure> {
    let query = format!("mnemonic(\"{mnemonic}\", {PACKAGE}:std_test)");
    let (printed, _) = end.prints(&[&["aquery", "--output=jsonproto", "--include_param_files"], flags, &[query.as_str()]].concat())?;
    let graph: Value = serde_json::from_str(&printed).expect("bazel aquery prints JSON");
    let mut found = Vec::new();
    for action in graph["actions"].as_array().into_iter().flatten() {
        let files = action["paramFiles"].as_array().into_iter().flatten().map(|file| &file["arguments"]);
        let all = files.chain([&action["arguments"]]).filter_map(Value::as_array).flatten();
        found.extend(all.filter_map(|argument| argument.as_str().map(str::to_owned)));
    }
    assert!(!found.is_empty(), "with {}, there is no {mnemonic} action: is the query right?", end.name);
    Ok(found)
}

/// 0.54.1 has no such settings.
#[test]
fn optimisation() -> Result<(), Failure> {
    for end in End::all().into_iter().skip(1) {
        for mode in ["fat", "thin"] {
            let told = arguments(&end, &[&setting(&format!("lto={mode}"))], "SplitlinkLink")?;
            assert!(told.windows(2).any(|pair| pair == ["--lto", mode]), "with {}, lto={mode}: {told:?}", end.name);
            assert!(arguments(&end, &[&setting(&format!("lto={mode}"))], "SplitlinkNoLink")?.contains(&"--lto".to_owned()));
        }
        let told = arguments(&end, &[&setting("codegen_units=3")], "SplitlinkNoLink")?;
        assert!(told.contains(&"-Ccodegen-units=3".to_owned()), "with {}: {told:?}", end.name);
        // They are compiled as they are told, too.
        end.prints(&["test", "--test_output=errors", &setting("lto=thin"), &setting("codegen_units=3"), &format!("{PACKAGE}:std_test")])?;

        let output = end
            .bazel()?
            .args(["build", "--nobuild", &setting("lto=thin"), "--//rules/bazel:lto=fat", &format!("{PACKAGE}:std_test")])
            .output()?;
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success(), "with {}: a contradiction is no error:\n{said}", end.name);
        assert!(said.contains("contradicts --@rules_rust//rust/settings:lto=thin; leave one of them out"), "with {}:\n{said}", end.name);
    }
    Ok(())
}
