//! With a real Buck2 whose C++ toolchain splits debug information: no link reads it, `[dwp]` packs it,
//! and a debugger sees the same as without.

use anyhow::{Context, Result, ensure};
use splitlink_tests::buck2::Project;
use splitlink_tests::rustc_fixture::gdb;
use splitlink_tests::rustc_fixture::tools::{Failure, empty_folder, succeed};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

const BUCK: &str = r#"load("@splitlink//rules/buck2:defs.bzl", "rust_binary", "rust_dylib", "rust_library", "rust_multi_crate_type")

rust_library(
    name = "low",
    srcs = ["low.rs"],
    crate_root = "low.rs",
    edition = "2024",
    rustc_flags = ["-g"],
)

rust_library(
    name = "middle",
    srcs = ["middle.rs"],
    crate_root = "middle.rs",
    edition = "2024",
    rustc_flags = ["-g"],
    deps = [":low"],
)

rust_binary(
    name = "app",
    srcs = ["app.rs"],
    crate_root = "app.rs",
    edition = "2024",
    rustc_flags = ["-g"],
    deps = [":middle"],
)

rust_dylib(
    name = "middle_dylib",
    crate = ":middle",
)

rust_multi_crate_type(
    name = "libraries",
    srcs = ["answer.rs"],
    crate_root = "answer.rs",
    crate_types = ["cdylib", "staticlib"],
    edition = "2024",
    rustc_flags = ["-g"],
    deps = [":low"],
)
"#;

const SOURCES: &[(&str, &str)] = &[
    ("BUCK", BUCK),
    ("low.rs", "#[inline(never)]\npub fn shifted(by: u64) -> u64 {\n    let moved = by + 2;\n    std::hint::black_box(moved)\n}\n"),
    ("middle.rs", "#[inline(never)]\npub fn twice(of: u64) -> u64 {\n    let half = low::shifted(of);\n    2 * half\n}\n"),
    ("app.rs", "fn main() {\n    let start = std::hint::black_box(40);\n    println!(\"{}\", middle::twice(start));\n}\n"),
    ("answer.rs", "#[unsafe(no_mangle)]\npub extern \"C\" fn split_answer() -> u64 {\n    low::shifted(40)\n}\n"),
];

/// What gdb says of a program.
fn said_by_gdb(folder: &Path, name: &str) -> Result<String> {
    let commands = ["break low::shifted", "run", "next", "info args", "info locals", "up", "info args", "up", "info locals"];
    gdb::says(folder, name, &commands, |_| true)
}

#[test]
fn packed_when_asked_for() -> Result<(), Failure> {
    Ok(tried()?)
}

fn tried() -> Result<()> {
    let Some(project) = Project::new("split_debug_info")? else { return Ok(()) };
    SOURCES.iter().try_for_each(|(name, text)| project.write(&format!("debug/{name}"), text))?;
    let moved = empty_folder("split_debug_info_moved")?;
    let inside = fs::read(project.build("//debug:app")?)?;
    fs::copy(project.build("//debug:app")?, moved.join("inside0"))?;
    let without = project.buck2_fails(&["build", "//debug:app[dwp]"])?;
    ensure!(without.contains("dwp"), "{without}");
    project.set_split_debug_mode("split")?;
    // Else it may notice the change too late.
    project.buck2(&["kill"])?;
    let ran = || -> Result<BTreeSet<String>> {
        let ran = project.ran()?.into_iter().filter(|ran| ran.target.contains("//debug:"));
        Ok(ran.map(|ran| ran.action).collect())
    };
    for (name, flags) in [
        ("two1", &[][..]),
        ("shared2", &["-c", "splitlink.pipelining=shared"]),
        ("one3", &["-c", "splitlink.pipelining=off"]),
        ("thin4", &["-c", "splitlink.lto=thin"]),
        ("fat5", &["-c", "splitlink.lto=fat"]),
    ] {
        let program = project.build_with(flags, "//debug:app").with_context(|| name)?;
        ensure!(!ran()?.iter().any(|action| action.starts_with("splitlink_dwp")), "{name}: it is packed unasked");
        let package = project.build_with(flags, "//debug:app[dwp]").with_context(|| name)?;
        // Not again where the program and all else came out the same as before.
        ensure!(ran()?.iter().all(|action| action == "splitlink_dwp bin"), "{name}: {:?}", ran()?);
        ensure!(
            package.file_name().context("it has a name")?.to_str() == Some("app.dwp") && package.parent() == program.parent(),
            "{}",
            package.display()
        );
        ensure!(succeed(&mut Command::new(&program))?.stdout == b"84\n");
        ensure!(fs::metadata(&program)?.len() < inside.len() as u64, "{name}: the program is not smaller");
        for (file, to) in [(&program, name.to_owned()), (&package, format!("{name}.dwp"))] {
            fs::copy(file, moved.join(to))?;
        }
    }
    // What is beside a library is not in it as well.
    let output = project.root.join("buck-out");
    let found = String::from_utf8(succeed(Command::new("find").arg(&output).args(["-name", "liblow-*.rlib"]))?.stdout)?;
    let mut has_code = 0;
    for rlib in found.lines() {
        let members = String::from_utf8(succeed(Command::new("ar").args(["t", rlib]))?.stdout)?;
        ensure!(!members.contains(".dwo"), "{rlib}: {members}");
        has_code += usize::from(members.contains(".rcgu.o"));
    }
    ensure!(has_code >= 4, "{found}");
    for target in ["//debug:libraries[cdylib][dwp]", "//debug:middle_dylib[dwp]"] {
        let package = fs::read(project.build(target)?)?;
        ensure!(package.windows(6).any(|part| part == b"low.rs"), "{target} has no unit of `low`");
    }
    let archive = project.buck2_fails(&["build", "//debug:libraries[staticlib][dwp]"])?;
    ensure!(archive.contains("dwp"), "{archive}");
    if !gdb::is_there() {
        return Ok(());
    }
    // Where nothing else can be found.
    fs::remove_dir_all(project.root.join("buck-out"))?;
    let inside = said_by_gdb(&moved, "inside0")?;
    for part in ["low.rs:3", "moved = 42", "by = 40", "of = 40", "start = 40"] {
        ensure!(inside.contains(part), "gdb says no `{part}`:\n{inside}");
    }
    for name in ["two1", "shared2", "one3"] {
        let beside = said_by_gdb(&moved, name)?;
        ensure!(beside == inside, "{name}:\n{beside}\nwith debug information inside:\n{inside}");
    }
    for name in ["thin4", "fat5"] {
        let beside = said_by_gdb(&moved, name)?;
        ensure!(beside.contains("low.rs:") && beside.contains("by = 40"), "{name}: {beside}");
    }
    Ok(())
}
