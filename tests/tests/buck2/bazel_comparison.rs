//! The same sources through Bazel and through Buck2: what rustc is told, the link plan, the modules
//! and the program; and all of it that differs.

use serde_json::Value;
use splitlink_tests::buck2::Project;
use splitlink_tests::checkout::Checkout;
use splitlink_tests::real_programs::cache;
use splitlink_tests::rustc_fixture::tools::{Failure, Toolchain, empty_folder, names_in, splitlink, succeed};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Package, program, and the libraries below it.
const TWINS: [(&str, &str, &[&str]); 2] =
    [("examples/hello", "hello", &["greeting"]), ("examples/dynamic_dev", "dynamic_dev", &["journey", "report", "units"])];

/// What rustc is told of a library through Bazel and not through Buck2; `*` stands for a name of a
/// file or a crate, or for how messages look.
const LIBRARY_BAZEL: [&str; 7] = ["--color=*", "--emit=dep-info*", "--sysroot=*", "-Cdebuginfo=0", "-Copt-level=0", "-Cstrip=none", "-L"];
/// The other way round. `-Z` is for splitlink, which stands before rustc.
const LIBRARY_BUCK2: [&str; 5] = ["--emit=link*", "--json=*", "-Cprefer-dynamic=no", "-Crelocation-model=*", "-Zremap-cwd-prefix=."];
/// The same for a program.
const PROGRAM_BAZEL: [&str; 8] =
    ["--color=*", "--emit=dep-info*", "--out-dir=*", "--sysroot=*", "-Cdebuginfo=0", "-Copt-level=0", "-Cstrip=none", "-L"];
const PROGRAM_BUCK2: [&str; 3] = ["--json=*", "-Cmetadata=*", "-Crelocation-model=*"];

/// Items of a line that are the toolchains' own: which linker, and what it is told.
fn is_of_toolchain(item: &Value) -> bool {
    let arg = item["arg"].as_str().unwrap_or_default();
    item["kind"] == "passthrough" || arg.starts_with("-B{sysroot}") || arg.starts_with("-fuse-ld=")
}

/// A build system's side of the twins.
struct Side {
    /// What was written down of the flags: `<phase>-<crate>-<crate type>` → the kinds of flags.
    flags: BTreeMap<String, BTreeSet<String>>,
    plan: Value,
    modules: BTreeMap<String, Vec<u8>>,
    /// The program, built as it is for users.
    program: PathBuf,
    /// The program, linked again by the same linker with the same flags as the other side's.
    linked_alike: Vec<u8>,
}

/// Puts `twin_tool` in the place of the tool at `path`; returns the folder where it writes flags
/// down.
fn stand_in(path: &Path, name: &str) -> Result<PathBuf, Failure> {
    let folder = empty_folder(name)?;
    let twin_tool = std::env::current_exe()?.ancestors().nth(2).expect("a target folder").join("twin_tool");
    fs::remove_file(path)?;
    fs::write(path, format!("#!/bin/sh\nexec '{}' '{}' '{}' \"$@\"\n", twin_tool.display(), splitlink().display(), folder.display()))?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755))?;
    Ok(folder)
}

/// What was written down since the last call, each flag without the names in it.
fn take_flags(folder: &Path) -> Result<BTreeMap<String, BTreeSet<String>>, Failure> {
    let named = [
        "--color=",
        "--emit=dep-info",
        "--emit=link",
        "--error-format=",
        "--json=",
        "--out-dir=",
        "--remap-path-prefix=",
        "--sysroot=",
        "-Cextra-filename=",
        "-Clink-arg=",
        "-Clinker=",
        "-Cmetadata=",
        "-Crelocation-model=",
    ];
    let mut flags = BTreeMap::new();
    for name in names_in(folder) {
        let text = fs::read_to_string(folder.join(&name))?;
        // Where crates are looked for is in a file of folders through Buck2; the crates themselves
        // are compared below.
        let spelled = text
            .lines()
            .filter(|flag| flag.starts_with('-') && !flag.starts_with("-Ldependency="))
            .map(|flag| flag.replace("--codegen=", "-C"));
        let kind = |flag: String| match named.iter().find(|named| flag.starts_with(**named)) {
            Some(named) => format!("{named}*"),
            // `--extern=name=file`
            None if flag.starts_with("--extern=") => flag.rsplit_once('=').map_or(String::new(), |(before, _)| format!("{before}=*")),
            None => flag,
        };
        flags.insert(name.clone(), spelled.map(kind).collect());
        fs::remove_file(folder.join(name))?;
    }
    Ok(flags)
}

/// Takes from a plan what belongs to the toolchains and the build systems: names of files and
/// folders, linkers and their flags.
fn without_names(plan: &Value) -> Value {
    let mut plan = plan.clone();
    let name_of = |id: &Value| Value::from(id.as_str().expect("a crate's identity").split('-').next());
    for listed in plan["crates"].as_array_mut().expect("a list") {
        *listed = name_of(&listed["id"]);
    }
    let link = &mut plan["links"][0];
    for of_build_system in ["file_name", "linker", "output_dir"] {
        link[of_build_system] = Value::Null;
    }
    let line = link["line"].as_array_mut().expect("a list");
    line.retain(|item| !is_of_toolchain(item));
    // Bazel's rules name the standard library's folder once more.
    line.dedup();
    for item in line.iter_mut().filter(|item| item["kind"] == "crate") {
        item["id"] = name_of(&item["id"]);
    }
    plan
}

/// Links a side's plan, modules and rlibs with `cc` and no flags of the toolchain's.
fn link_alike(plan: &Value, modules: &Path, rlibs: &[PathBuf], folder: &Path) -> Result<Vec<u8>, Failure> {
    let mut plan = plan.clone();
    let link = &mut plan["links"][0];
    link["linker"] = Value::from("cc");
    let line = link["line"].as_array_mut().expect("a list");
    line.retain(|item| !is_of_toolchain(item));
    line.dedup();
    fs::write(folder.join("plan.json"), plan.to_string())?;
    let mut command = Command::new(splitlink());
    command.arg("link-only").arg("--plan").arg(folder.join("plan.json")).arg("--modules").arg(modules);
    for rlib in rlibs {
        command.arg("--rlib").arg(rlib);
    }
    command.arg("--sysroot").arg(&Toolchain::stable().sysroot).arg("--output").arg(folder.join("program"));
    succeed(command.current_dir(folder))?;
    Ok(fs::read(folder.join("program"))?)
}

fn read_modules(dir: &Path) -> Result<BTreeMap<String, Vec<u8>>, Failure> {
    let mut modules = BTreeMap::new();
    for name in names_in(dir) {
        let path = dir.join(&name);
        if path.is_dir() {
            modules.extend(read_modules(&path)?.into_iter().map(|(inner, bytes)| (format!("{name}/{inner}"), bytes)));
        } else {
            modules.insert(name, fs::read(path)?);
        }
    }
    Ok(modules)
}

fn through_buck2(project: &Project, flags: &Path, (package, name, libraries): (&str, &str, &[&str])) -> Result<Side, Failure> {
    let target = format!("splitlink//{package}:{name}");
    let plan = project.json(&target, "plan")?;
    let modules = project.build(&format!("{target}[modules]"))?;
    let program = project.build(&target)?;
    let flags = take_flags(flags)?;
    let rlib = |library: &&str| project.build(&format!("splitlink//{package}:{library}[static_pic]"));
    let rlibs = libraries.iter().map(rlib).collect::<anyhow::Result<Vec<_>>>()?;
    let linked_alike = link_alike(&plan, &modules, &rlibs, &empty_folder("alike_buck2")?)?;
    Ok(Side { flags, plan, modules: read_modules(&modules)?, program, linked_alike })
}

fn through_bazel(clone: &Checkout, flags: &Path, (package, name, libraries): (&str, &str, &[&str])) -> Result<Side, Failure> {
    // The stand-in writes to a folder that no sandbox has.
    let build = ["--spawn_strategy=local", "--//rules/bazel:worker=false"];
    let written = clone.build(&build, &[&format!("//{package}:{name}")])?;
    let flags = take_flags(flags)?;
    let folder = empty_folder("alike_bazel")?;
    for (file, bytes) in &written {
        let file = folder.join(file);
        fs::create_dir_all(file.parent().expect("a folder"))?;
        fs::write(&file, bytes)?;
    }
    let outputs = folder.join(package);
    let plan = fs::read(outputs.join(format!("{name}.splitlink/plan.json")))?;
    let plan = serde_json::from_slice(&plan).map_err(anyhow::Error::from)?;
    let modules = outputs.join(format!("{name}.splitlink/modules"));
    let rlib = |library: &&str| {
        let dir = outputs.join(format!("{library}.splitlink"));
        let names = names_in(&dir);
        dir.join(names.iter().find(|name| name.ends_with(".rlib")).unwrap_or_else(|| panic!("{library}: {names:?}")))
    };
    let rlibs: Vec<_> = libraries.iter().map(rlib).collect();
    let linked_alike = link_alike(&plan, &modules, &rlibs, &folder)?;
    let program = outputs.join(name);
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755))?;
    Ok(Side { flags, plan, modules: read_modules(&modules)?, program, linked_alike })
}

#[test]
fn twins_differ_in_the_flags_of_their_toolchains_only() -> Result<(), Failure> {
    let Some(project) = Project::new("twins")? else { return Ok(()) };
    let clone = Checkout::make(cache()?.join("twins/clone"))?;
    let bazel_flags = stand_in(&clone.root.join("prebuilt/splitlink"), "bazel_flags")?;
    let buck2_flags = stand_in(&project.tool(), "buck2_flags")?;
    for twin in TWINS {
        let (_, name, libraries) = twin;
        let bazel = through_bazel(&clone, &bazel_flags, twin)?;
        let buck2 = through_buck2(&project, &buck2_flags, twin)?;

        // Each library twice, and the program.
        assert_eq!(bazel.flags.keys().collect::<Vec<_>>(), buck2.flags.keys().collect::<Vec<_>>());
        assert_eq!(bazel.flags.len(), 2 * libraries.len() + 1);
        for (action, by_bazel) in &bazel.flags {
            let by_buck2 = &buck2.flags[action];
            let is_metadata = action.starts_with("metadata-");
            let (only_bazel, only_buck2): (&[&str], &[&str]) =
                if action.starts_with("no-link-") { (&PROGRAM_BAZEL, &PROGRAM_BUCK2) } else { (&LIBRARY_BAZEL, &LIBRARY_BUCK2) };
            let found: Vec<_> = by_bazel.difference(by_buck2).map(String::as_str).collect();
            assert_eq!(found, only_bazel, "{action}");
            let found: Vec<_> =
                by_buck2.difference(by_bazel).map(String::as_str).filter(|flag| !(is_metadata && *flag == "-Zno-codegen")).collect();
            assert_eq!(found, only_buck2, "{action}");
        }

        assert_eq!(without_names(&bazel.plan), without_names(&buck2.plan), "{name}");
        let names: Vec<_> = bazel.modules.keys().collect();
        assert_eq!(names, buck2.modules.keys().collect::<Vec<_>>(), "{name}");
        assert!(names.len() >= 3, "{names:?}");
        for (module, bytes) in &bazel.modules {
            assert!(buck2.modules[module] == *bytes, "{name}: the module {module} differs");
        }
        assert!(bazel.linked_alike == buck2.linked_alike, "{name}: with one linker the programs differ");
        let output = |program: &Path| succeed(&mut Command::new(program)).map(|output| output.stdout);
        assert_eq!(output(&bazel.program)?, output(&buck2.program)?, "{name}");
    }
    let _ = clone.bazel().arg("shutdown").status();
    Ok(())
}
