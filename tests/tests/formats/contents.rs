//! What a link report says of an artifact's contents, against the files themselves.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use splitlink_tests::rustc_fixture::project::{Project, good, words};
use splitlink_tests::rustc_fixture::tools::{Toolchain, run, succeed};
use std::path::Path;
use std::process::Command;

type Outcome = Result<()>;

/// The sizes of an archive's members but metadata, by binutils.
fn bytes_of(archive: &Path) -> Result<u64> {
    let listed = run(Command::new("ar").arg("tv").arg(archive))?;
    good(&listed)?;
    let text = String::from_utf8_lossy(&listed.stdout).into_owned();
    let members = text.lines().filter(|line| !line.ends_with(" lib.rmeta"));
    // Mode, owner, size, ...
    members.map(|line| line.split_ascii_whitespace().nth(2).context("a member without a size")?.parse::<u64>().context("no size")).sum()
}

#[test]
fn sizes_names_and_native_libraries() -> Outcome {
    let project = Project::new("contents")?;
    // One library that the crate's rlib carries whole, and one that the linker finds.
    project.write("c.c", "int inside(void) { return 1; }\n")?;
    succeed(Command::new("sh").current_dir(&project.dir).args(["-c", "gcc -c c.c && ar rcs libinside.a c.o"]))?;
    std::fs::create_dir_all(project.dir.join("out"))?;
    let dep = [project.library("dep"), words("-Lnative=. -lstatic:+whole-archive=inside -lm")].concat();
    good(&project.compile("metadata --output out/libdep-1.rmeta", &dep)?)?;
    good(&project.compile("codegen --output out/libdep-1.rlib --published-metadata out/libdep-1.rmeta", &dep)?)?;
    good(&project.no_link(&project.linked("app", "bin"))?)?;
    let names = "--crate-label any/libdep-1.rlib=//third:dep --crate-version libdep-1.rlib=0.4.0 --crate-label libother-1.rlib=//other";
    let link = format!("--rlib out/libdep-1.rlib --output out/artifact --report out/report.json {names}");
    good(&project.link_only_with(&link)?)?;

    let report: Value = serde_json::from_slice(&project.read("out/report.json")?)?;
    let artifact = &report["artifacts"][0];
    ensure!(artifact["bytes"] == project.read("out/artifact")?.len(), "{}", artifact["bytes"]);
    let crates = artifact["crates"].as_array().context("no crates")?;
    let libdir = Toolchain::stable().libdir();
    for found in crates.iter().filter(|found| found["linkage"] == "static") {
        let file = found["from"].as_str().context("no file")?;
        let folder = if found["sysroot"] == true { &libdir } else { &project.dir.join("out") };
        ensure!(found["bytes"] == bytes_of(&folder.join(file))?, "{file}: {}", found["bytes"]);
    }
    ensure!(crates.iter().any(|found| found["sysroot"] == true), "{crates:?}");
    let dep = crates.iter().find(|found| found["crate"] == "dep-1").context("no dep")?;
    ensure!(dep["label"] == "//third:dep" && dep["version"] == "0.4.0", "{dep}");
    let named = |found: &&Value| found["sysroot"] == false && (!found["label"].is_null() || !found["version"].is_null());
    ensure!(crates.iter().filter(named).count() == 1, "{crates:?}");
    let native = artifact["native_libraries"].as_array().context("no native libraries")?;
    let carried: Vec<_> = native.iter().filter(|library| library["carried_by"] == "dep-1").collect();
    ensure!(carried.len() == 1 && carried[0]["name"].as_str().is_some_and(|name| name.contains("inside")), "{native:?}");
    let times = |name| native.iter().filter(|library| **library == json!({"name": name})).count();
    ensure!((times("m"), times("gcc_s")) == (1, 1), "{native:?}");

    let shown = run(&mut project.splitlink(&words("explain --all out/report.json")))?;
    good(&shown)?;
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    ensure!(shown.contains("\n  dep 0.4.0 ") && shown.contains(" //third:dep ") && shown.contains("(in dep 0.4.0)"), "{shown}");

    let without_report = format!("--rlib out/libdep-1.rlib --output out/artifact {names}");
    for (options, why) in [(without_report, "--report <JSON>"), (link.replace("=0.4.0", ""), "there is no `=` with a name behind it")] {
        let output = project.link_only_with(&options)?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.code() == Some(2) && said.contains(why), "{options}: {said}");
    }
    Ok(())
}

/// What `readelf -d` says of `file` between the brackets of each line of the kind `tag`.
fn dynamic(file: &Path, tag: &str) -> Result<Vec<String>> {
    let listed = run(Command::new("readelf").args(["--wide", "--dynamic"]).arg(file))?;
    good(&listed)?;
    let text = String::from_utf8_lossy(&listed.stdout).into_owned();
    let values =
        text.lines().filter(|line| line.contains(tag)).filter_map(|line| Some(line.split_once('[')?.1.split_once(']')?.0.to_owned()));
    Ok(values.collect())
}

/// The linker's arguments as the report has them are those that a linker in its place was given, and
/// run paths and libraries are those that the artifact has.
#[test]
fn what_the_linker_was_given_and_the_loader_is_asked_for() -> Outcome {
    let project = Project::new("linker_call")?;
    project.build_dep()?;
    let run_path = words("-Clink-arg=-Wl,-rpath,$ORIGIN/../lib:/opt/lib -Clink-arg=-Lnative");
    good(&project.no_link(&[project.linked("app", "bin"), run_path].concat())?)?;
    let link = "--rlib-dir out --print-command --output out/artifact --report out/report.json";
    let linked = project.link_only_with(link)?;
    good(&linked)?;
    let report: Value = serde_json::from_slice(&project.read("out/report.json")?)?;
    let artifact = &report["artifacts"][0];
    let file = project.dir.join("out/artifact");
    let run_paths: Vec<String> = dynamic(&file, "RUNPATH")?.iter().flat_map(|paths| paths.split(':')).map(str::to_owned).collect();
    ensure!(artifact["run_paths"] == json!(run_paths) && run_paths == ["$ORIGIN/../lib", "/opt/lib"], "{run_paths:?}: {artifact}");
    let needed = dynamic(&file, "NEEDED")?;
    ensure!(artifact["needed"] == json!(needed) && needed.iter().any(|name| name == "libc.so.6"), "{needed:?}: {artifact}");
    ensure!(report["milliseconds"].is_null() && artifact["milliseconds"].is_null(), "times were not asked for: {report}");

    // The printed command with the same placeholders.
    let printed = String::from_utf8_lossy(&linked.stdout).into_owned();
    let given = artifact["linker"]["arguments"].as_array().context("no arguments")?;
    let sysroot = Toolchain::stable().libdir().ancestors().nth(4).context("no sysroot")?.display().to_string();
    let shown: Vec<String> = given.iter().filter_map(Value::as_str).map(|arg| arg.replace("{sysroot}", &sysroot)).collect();
    for arg in &shown {
        let plain = arg.replace("{output}", "out/artifact").replace("{modules}", "out/modules");
        ensure!(plain.contains("{scratch}") || printed.contains(&plain), "{plain} is not in {printed}");
    }
    ensure!(shown.windows(2).any(|pair| pair == ["-o", "{output}"]) && shown.iter().any(|arg| arg.starts_with("{modules}/")), "{shown:?}");
    ensure!(shown.iter().any(|arg| arg == "out/libdep-1.rlib") && shown.iter().any(|arg| arg == "-Lnative"), "{shown:?}");
    let text = artifact.to_string();
    for path in [project.dir.display().to_string(), sysroot, ".scratch".to_owned()] {
        ensure!(!text.contains(&path), "{path} is in {text}");
    }
    let times = format!("{} --report-times", link.replace("report.json", "times.json"));
    good(&project.link_only_with(&times)?)?;
    let report: Value = serde_json::from_slice(&project.read("out/times.json")?)?;
    let (total, linker) = (&report["milliseconds"]["total"], &report["artifacts"][0]["milliseconds"]["linker"]);
    ensure!(linker.as_u64() > Some(0) && total.as_u64() > linker.as_u64(), "{report}");
    Ok(())
}
