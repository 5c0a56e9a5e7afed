//! With a real Buck2: the examples, what each action waits for, static and dynamic linking, and
//! what there is to look at.

use splitlink_tests::buck2::Project;
use splitlink_tests::rustc_fixture::tools::{Failure, splitlink};
use std::fs;
use std::os::unix::fs::PermissionsExt;

const EXAMPLES: &str = "splitlink//examples/...";
const HELLO: &str = "splitlink//examples/hello:hello";

#[test]
fn examples_static_and_dynamic() -> Result<(), Failure> {
    let Some(project) = Project::new("examples")? else { return Ok(()) };
    let all = project.tests(EXAMPLES)?;
    assert!(all.len() >= 10, "{all:?}");
    project.buck2(&["build", EXAMPLES])?;
    assert_eq!(project.passed(EXAMPLES, &[])?, all);
    let categories = project.categories()?;
    assert!(categories.is_empty(), "the tests have built what building everything has not: {categories:?}");

    assert_eq!(project.passed(EXAMPLES, &["-c", "splitlink.linkage=dynamic"])?, all);
    let compiled: Vec<_> =
        project.ran()?.into_iter().filter(|ran| ran.action.contains("rustc") || ran.action.contains("no_link")).collect();
    // It has the program that it runs among its inputs when it is compiled, by its own wish.
    assert!(compiled.iter().all(|ran| ran.target.ends_with(":hello_test")), "nothing else is compiled again: {compiled:?}");

    assert_eq!(project.buck2(&["run", HELLO, "--", "Buck2"])?, "Hello, Buck2!\n");
    Ok(())
}

#[test]
fn no_link_asks_for_no_compiled_dependency() -> Result<(), Failure> {
    let Some(project) = Project::new("no_link_inputs")? else { return Ok(()) };
    let plan = project.build(&format!("{HELLO}[plan]"))?;
    let text = fs::read_to_string(plan)?;
    let plan: serde_json::Value = serde_json::from_str(&text).map_err(anyhow::Error::from)?;
    assert_eq!(plan["crate_name"], "hello");
    assert!(!text.contains(project.root.to_str().expect("UTF-8")), "no path of this machine is in it: {text}");
    let ran = project.ran()?;
    let actions: Vec<_> = ran.iter().map(|ran| (ran.target.rsplit(':').next().unwrap_or_default(), ran.action.as_str())).collect();
    assert!(actions.contains(&("hello", "splitlink_no_link bin")), "{actions:?}");
    assert!(actions.contains(&("greeting", "rustc metadata [pic]")), "{actions:?}");
    assert!(!actions.iter().any(|(_, action)| action.contains("rlib")), "no code of the library is compiled: {actions:?}");
    Ok(())
}

/// Then each library is compiled once, and everything else is as ever.
#[test]
fn without_pipelining() -> Result<(), Failure> {
    let Some(project) = Project::new("pipelining")? else { return Ok(()) };
    let plan = format!("{HELLO}[plan]");
    let pipelined = fs::read(project.build(&plan)?)?;
    let off = ["-c", "splitlink.pipelining=off"];
    let all = project.tests(EXAMPLES)?;
    assert_eq!(project.passed(EXAMPLES, &off)?, all);
    let ran = project.ran()?;
    let compiled = |what: &str| ran.iter().filter(|ran| ran.action.contains(what)).count();
    assert!(compiled("rustc metadata") == 0 && compiled("rustc rlib") > 3, "{ran:?}");
    assert!(compiled("splitlink_no_link") > 5 && compiled("splitlink_link_only") > 5, "{ran:?}");
    assert_eq!(String::from_utf8_lossy(&fs::read(project.build_with(&off, &plan)?)?), String::from_utf8_lossy(&pipelined));
    Ok(())
}

/// With a tool that finishes no library's code before a no-link action has begun.
#[test]
fn no_link_starts_before_the_dependencies_code_is_done() -> Result<(), Failure> {
    let Some(project) = Project::new("no_link_start")? else { return Ok(()) };
    let began = project.root.join("no_link_began");
    let script = format!(
        r#"#!/bin/sh
case $1 in
no-link) touch '{began}' ;;
rustc)
  for last; do :; done
  if grep -qx -e --crate-type=rlib "${{last#@}}" && grep -q -e '^--emit=link=' "${{last#@}}" && ! grep -qx -e -Zno-codegen "${{last#@}}"; then
    waited=0
    until [ -e '{began}' ]; do
      waited=$((waited + 1))
      [ $waited -lt 600 ] || {{ echo "no no-link action has begun in a minute" >&2; exit 1; }}
      sleep 0.1
    done
  fi ;;
esac
exec '{tool}' "$@"
"#,
        began = began.display(),
        tool = splitlink().display(),
    );
    fs::write(project.tool(), script)?;
    fs::set_permissions(project.tool(), fs::Permissions::from_mode(0o755))?;
    // Two at once are needed to see it, also where there is one processor.
    assert_eq!(project.buck2(&["run", "-j2", HELLO, "--", "you"])?, "Hello, you!\n");
    assert!(began.exists());
    let ran = project.ran()?;
    assert!(ran.iter().any(|ran| ran.action == "rustc rlib [pic]"), "the library was compiled: {ran:?}");

    // Buck2's own log says the same, and that the link waits for the code.
    let spans = project.spans()?;
    let span = |target: &str, action: &str| {
        let key = (format!("splitlink//examples/hello:{target}"), action.to_owned());
        *spans.get(&key).unwrap_or_else(|| panic!("{key:?}: {:?}", spans.keys()))
    };
    let (code, no_link, link_only) =
        (span("greeting", "rustc rlib [pic]"), span("hello", "splitlink_no_link bin"), span("hello", "splitlink_link_only bin"));
    assert!(no_link.0 < code.1, "no-link begins before the library's code is done");
    assert!(code.1 <= link_only.0 && no_link.1 <= link_only.0, "link-only begins when both are done");
    Ok(())
}

#[test]
fn sub_targets() -> Result<(), Failure> {
    let Some(project) = Project::new("sub_targets")? else { return Ok(()) };
    let report = fs::read_to_string(project.build(&format!("{HELLO}[report]"))?)?;
    assert!(report.contains("\"crate_name\": \"hello\""), "{report}");
    let explained = fs::read_to_string(project.build(&format!("{HELLO}[explain]"))?)?;
    assert!(explained.contains(" crates are static (--all lists them)"), "{explained}");
    let page = fs::read_to_string(project.build(&format!("{HELLO}[html]"))?)?;
    assert!(page.contains("<!doctype html>") && page.contains("\"via\":[-1,"), "{page}");
    let run = format!("{HELLO}[explain]");
    assert_eq!(project.buck2(&["run", &run])?, explained);
    let all = project.buck2(&["run", &run, "--", "--all"])?;
    let greeting = all.lines().find(|line| line.trim().starts_with("greeting ")).unwrap_or_default();
    assert!(greeting.contains(" static ") && greeting.contains(" splitlink//examples/hello:greeting "), "{all}");
    assert!(project.build(&format!("{HELLO}[modules]"))?.is_dir());
    let sizes = fs::read_to_string(project.build(&format!("{HELLO}[sizes]"))?)?;
    assert!(sizes.contains("\"name\":\"greeting\"") && sizes.contains("\"label\":\"splitlink//examples/hello:greeting\""), "{sizes}");
    let sizes = fs::read_to_string(project.build("splitlink//examples/multi_crate_type:engine[cdylib][sizes]")?)?;
    assert!(sizes.contains("\"crate_type\": \"cdylib\""), "{sizes}");
    let dylib = project.build("splitlink//examples/multi_crate_type:engine[dylib]")?;
    assert!(dylib.with_file_name(format!("{}.manifest.json", dylib.file_name().unwrap_or_default().display())).exists());

    let always = fs::read_to_string(project.build("splitlink//examples/dynamic_dev:always_dynamic[explain]")?)?;
    for (id, linkage) in [("report ", "static"), ("journey ", "dynamic"), ("units ", "dynamic"), ("std ", "dynamic")] {
        let line = always.lines().find(|line| line.trim().starts_with(id)).unwrap_or_default();
        assert!(line.contains(&format!(" {linkage} ")), "{id}: {always}");
    }
    Ok(())
}

#[test]
fn what_the_prelude_shows() -> Result<(), Failure> {
    let Some(project) = Project::new("checks")? else { return Ok(()) };
    let app = "splitlink//examples/proc_macro:app";
    let expanded = fs::read_to_string(project.build(&format!("{app}[expand]"))?)?;
    assert!(expanded.contains("fn main()"), "{expanded}");
    for sub_target in ["check", "clippy.txt", "doc"] {
        project.build(&format!("{app}[{sub_target}]"))?;
    }
    let linked: Vec<_> = project.ran()?.into_iter().filter(|ran| ran.target.ends_with(":app") && ran.action.contains("link")).collect();
    assert!(linked.is_empty(), "{linked:?}");
    Ok(())
}

#[test]
fn lto() -> Result<(), Failure> {
    let Some(project) = Project::new("lto")? else { return Ok(()) };
    for mode in ["thin", "fat"] {
        let setting = format!("splitlink.lto={mode}");
        assert_eq!(project.buck2(&["run", "-c", &setting, HELLO])?, "Hello, world!\n");
        let report = fs::read_to_string(project.build_with(&["-c", &setting], &format!("{HELLO}[report]"))?)?;
        assert!(report.contains(&format!("\"mode\": \"{mode}\"")), "{report}");
    }
    Ok(())
}

#[test]
fn with_unstable_features() -> Result<(), Failure> {
    let Some(project) = Project::new("unstable")? else { return Ok(()) };
    let app = project.root.join("app");
    fs::create_dir(&app)?;
    fs::write(
        app.join("lib.rs"),
        "#![feature(never_type)] pub fn f(result: Result<u32, !>) -> u32 { match result { Ok(value) => value } }",
    )?;
    fs::write(
        app.join("main.rs"),
        "#![feature(never_type)] fn main() { let result: Result<u32, !> = Ok(42); println!(\"{}\", lib::f(result)) }",
    )?;
    fs::write(
        app.join("BUCK"),
        r#"
load("@splitlink//rules/buck2:defs.bzl", "rust_binary", "rust_library")
rust_library(name = "lib", srcs = ["lib.rs"], edition = "2024")
rust_binary(name = "app", srcs = ["main.rs"], edition = "2024", deps = [":lib"], lto = "thin")
"#,
    )?;
    let message = project.buck2_fails(&["build", "//app:app"])?;
    assert!(message.contains("E0554"), "the toolchain is a stable one: {message}");
    let toolchains = project.root.join("toolchains/BUCK");
    let text = fs::read_to_string(&toolchains)?;
    fs::write(&toolchains, text.replace("nightly_features = False", "nightly_features = True"))?;
    assert_eq!(project.buck2(&["run", "//app:app"])?, "42\n");
    let message = project.buck2_fails(&["build", "//app:app", "-c", "splitlink.pipelining=off"])?;
    assert!(message.contains("rust_stable has `nightly_features`"), "{message}");
    assert_eq!(project.buck2(&["run", "splitlink//examples/proc_macro:app"])?, "http server\n");
    Ok(())
}

#[test]
fn what_is_wrong_is_said() -> Result<(), Failure> {
    let Some(project) = Project::new("mistakes")? else { return Ok(()) };
    let message = project.buck2_fails(&["build", HELLO, "-c", "splitlink.linkage=shared"])?;
    assert!(message.contains("splitlink.linkage is `shared`; it takes static or dynamic"), "{message}");

    let toolchains = project.root.join("toolchains/BUCK");
    let text = fs::read_to_string(&toolchains)?;
    fs::write(&toolchains, text.replace(r#"name = "rust","#, r#"name = "split","#).replace("rust_stable", "rust"))?;
    let message = project.buck2_fails(&["build", HELLO])?;
    assert!(message.contains("the Rust toolchain toolchains//:rust") && message.contains("is an ordinary one"), "{message}");

    fs::write(&toolchains, text.replace("name = \"rust_stable\",", "name = \"rust_stable\",\n    rustc_target_triple = \"\","))?;
    let message = project.buck2_fails(&["build", HELLO])?;
    assert!(message.contains("does not say for which target it compiles"), "{message}");
    Ok(())
}
