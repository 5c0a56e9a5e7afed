//! Outputs that would take the place of an input, or of one another: every phase refuses them
//! before it writes anything.

use anyhow::{Context, Result, ensure};
use splitlink_tests::rustc_fixture::project::{Project, good, refused, words};
use splitlink_tests::rustc_fixture::tools::{Toolchain, run, succeed};
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

type Outcome = Result<()>;

/// All files below the project's folder with their bytes; links are not followed.
fn everything(project: &Project) -> Result<BTreeMap<PathBuf, Vec<u8>>> {
    let (mut files, mut folders) = (BTreeMap::new(), vec![project.dir.clone()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder)? {
            let path = entry?.path();
            if path.is_symlink() {
                files.insert(path.clone(), fs::read_link(&path)?.into_os_string().into_encoded_bytes());
            } else if path.is_dir() {
                folders.push(path);
            } else {
                files.insert(path.clone(), fs::read(&path)?);
            }
        }
    }
    Ok(files)
}

/// Checks that the phase with `options` says `text`, and that no file is another than before.
fn refuses(project: &Project, options: &str, rustc: Option<&[String]>, text: &str) -> Result<()> {
    let before = everything(project)?;
    let mut command = project.splitlink(&words(options));
    if let Some(rustc) = rustc {
        command.arg("--").arg(&Toolchain::stable().rustc).args(rustc);
    }
    refused(&run(&mut command)?, &[text]).context(options.to_owned())?;
    let after = everything(project)?;
    let touched: Vec<&Path> =
        before.iter().filter(|(path, bytes)| after.get(*path) != Some(bytes)).map(|(path, _)| path.as_path()).collect();
    ensure!(touched.is_empty() && before.len() == after.len(), "{options}: these are others: {touched:?}, or there are more");
    Ok(())
}

#[test]
fn of_link_only() -> Outcome {
    let project = Project::new("of_link_only")?;
    project.build_dep()?;
    let outputs = "--plan out/plan.json --modules out/modules --metadata out/libdep-1.rmeta --dylib-of out/libdep-1.rmeta";
    good(&project.compile(&format!("no-link {outputs}"), &project.library("dep"))?)?;
    good(&project.link_only_with("--rlib out/libdep-1.rlib --output out/libdep-1.so")?)?;
    let mut std_manifest = project.splitlink(&words("std-manifest --output out/std.json --rustc"));
    succeed(std_manifest.arg(&Toolchain::stable().rustc).arg("--libdir").arg(Toolchain::stable().libdir()))?;
    good(&project.no_link(&[project.linked("library", "cdylib,staticlib,dylib"), words("-Clink-arg=c/extra.o")].concat())?)?;
    project.write("c/extra.c", "int extra(void) { return 1; }\n")?;
    succeed(Command::new("gcc").current_dir(project.dir.join("c")).args(["-c", "extra.c"]))?;
    // A sysroot of the test's own, made of links, with a crate that could be written over.
    let (libdir, own) = (Toolchain::stable().libdir(), project.dir.join("sysroot/lib/rustlib").join(&Toolchain::stable().host).join("lib"));
    fs::create_dir_all(&own)?;
    symlink(libdir.with_file_name("bin"), own.with_file_name("bin"))?;
    for entry in fs::read_dir(libdir)? {
        let entry = entry?;
        symlink(entry.path(), own.join(entry.file_name()))?;
    }
    let std = fs::read_dir(&own)?.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
    let std = std.into_iter().find(|name| name.starts_with("libstd-") && name.ends_with(".rlib")).context("a standard library")?;
    let std = format!("sysroot/lib/rustlib/{}/lib/{std}", Toolchain::stable().host);
    symlink("plan.json", project.dir.join("out/link"))?;
    symlink("../out", project.dir.join("c/out"))?;
    fs::create_dir(project.dir.join("cache"))?;

    let link = "link-only --plan out/plan.json --modules out/modules --rlib out/libdep-1.rlib --dylib out/libdep-1.so \
                --std-manifest out/std.json --sysroot sysroot --lto-cache cache --lto off";
    let table = [
        ("--output cdylib=out/plan.json", "over the link plan that is read, `out/plan.json`"),
        ("--output cdylib=c/out/plan.json", "the cdylib would be written to `c/out/plan.json`, over the link plan"),
        ("--output cdylib=out/../out/plan.json", "over the link plan that is read"),
        ("--output cdylib=out/x --report out/plan.json", "the link report would be written to `out/plan.json`, over the link plan"),
        ("--output cdylib=out/modules", "over the folder of modules that is read"),
        ("--output cdylib=out/modules/new.so", "over the folder of modules that is read"),
        ("--output cdylib=out/libdep-1.rlib", "over an rlib that is read"),
        ("--output dylib=out/libdep-1.so", "over a dylib that is read"),
        ("--output cdylib=out/libdep-1.so.manifest.json", "over a dylib's manifest that is read"),
        ("--output cdylib=out/std.json", "over the manifest of the standard library that is read"),
        ("--output cdylib=cache/entry", "over the cache of LTO that is read"),
        ("--output cdylib=c/extra.o", "over a file that is read, `c/extra.o`"),
        (&format!("--output cdylib={std}"), &format!("over a file that is read, `{std}`")),
        ("--output cdylib=out/x --output staticlib=./out/x", "is asked for twice, as the cdylib and as the staticlib"),
        ("--output cdylib=out/x --output staticlib=c/out/x", "is asked for twice, as the cdylib and as the staticlib"),
        ("--output cdylib=out/x --report out/./x", "as the link report and as the cdylib"),
        ("--output dylib=out/x --report out/x.manifest.json", "as the link report and as the dylib's manifest"),
        ("--output dylib=out/x --output cdylib=out/x.manifest.json", "as the dylib's manifest and as the cdylib"),
        ("--output cdylib=out/x --report out/x/report.json", "`out/x/report.json`, the link report, would be inside `out/x`"),
    ];
    for (outputs, text) in table {
        refuses(&project, &format!("{link} {outputs}"), None, text)?;
    }
    // A link is replaced by what is written, and what it leads to stays.
    let plan = project.read("out/plan.json")?;
    good(&run(&mut project.splitlink(&words(&format!("{link} --output cdylib=out/link"))))?)?;
    ensure!(project.read("out/plan.json")? == plan && !project.dir.join("out/link").is_symlink(), "the plan was written over");
    Ok(())
}

#[test]
fn of_the_compiling_phases() -> Outcome {
    let project = Project::planned("of_compiling")?;
    fs::create_dir(project.dir.join("empty"))?;
    let (app, library) = (project.linked("app", "bin"), project.library("library"));
    let metadata = "--metadata out/libdep-1.rmeta";
    let table = [
        (format!("no-link --plan app.rs --modules out/m {metadata}"), &app, "the link plan would be written to `app.rs`, over the source"),
        (format!("no-link --plan out/libdep-1.rmeta --modules out/m {metadata}"), &app, "over the metadata of a crate that is read"),
        (format!("no-link --plan out/m/plan.json --modules out/m {metadata}"), &app, "the link plan, would be inside `out/m`"),
        (format!("no-link --plan empty/plan.json --modules empty {metadata}"), &app, "the link plan, would be inside `empty`"),
        (format!("no-link --plan out/m --modules out/m {metadata}"), &app, "as the link plan and as the folder of modules"),
        (format!("no-link --plan out/m --modules out/m/modules {metadata}"), &app, "the folder of modules, would be inside `out/m`"),
        (format!("no-link --plan plan.json --modules out {metadata}"), &app, "the folder of modules would be written to `out`"),
        (format!("metadata --output out/libdep-1.rmeta {metadata}"), &library, "over the metadata of a crate that is read"),
        (format!("metadata --output library.rs {metadata}"), &library, "the metadata would be written to `library.rs`, over the source"),
        (
            "codegen --output out/libdep-1.rmeta --published-metadata out/libdep-1.rmeta".to_owned(),
            &library,
            "the library would be written to `out/libdep-1.rmeta`, over the published metadata",
        ),
        (format!("codegen --output library.rs --published-metadata out/x.rmeta {metadata}"), &library, "over the source that is read"),
    ];
    for (options, rustc, text) in &table {
        refuses(&project, options, Some(rustc), text)?;
    }
    let hollow = [project.library("dep"), words("-Zno-codegen --emit=link=dep.rs")].concat();
    let hollow: Vec<_> = hollow.into_iter().filter(|arg| arg != "--emit=metadata,link").collect();
    refuses(&project, "rustc --stable", Some(&hollow), "the hollow rlib would be written to `dep.rs`, over the source")?;
    // The next build writes over what the last one has written.
    good(&project.no_link(&app)?)?;
    project.build_dep()?;
    Ok(())
}

/// What the command itself names as its output, which rustc refuses as well.
#[test]
fn of_the_commands_own_output() -> Outcome {
    let project = Project::new("over_the_commands_own")?;
    project.write("alone.rs", "fn main() {}\n")?;
    for dir in ["out", "folder"] {
        fs::create_dir(project.dir.join(dir))?;
    }
    symlink("alone.rs", project.dir.join("link.rs"))?;
    let no_link = "no-link --plan out/plan.json --modules out/modules";
    for (output, text) in [
        ("-o alone.rs", "the command of the crate `alone` writes to `alone.rs`, which is its source"),
        ("-o folder/../alone.rs", "which is its source"),
        ("-o link.rs", "which is its source"),
        ("--emit=link=alone.rs", "which is its source"),
        ("-o folder", "the command of the crate `alone` writes to `folder`, which is a folder"),
        ("--emit=link=folder", "which is a folder"),
    ] {
        let args = words(&format!("--crate-name=alone alone.rs --edition=2024 {output}"));
        ensure!(!project.rustc(&args)?.status.success(), "rustc takes {output}");
        refuses(&project, no_link, Some(&args), text)?;
    }
    good(&project.compile(no_link, &words("--crate-name=alone alone.rs --edition=2024 --out-dir=folder"))?)
}

#[test]
fn of_the_standard_librarys_manifest() -> Outcome {
    let project = Project::new("of_std_manifest")?;
    project.write("lib/libstd-1.so", "no dylib")?;
    project.write("lib/libstd-1.rmeta", "no metadata")?;
    for output in ["lib/libstd-1.so", "lib/libstd-1.rmeta", "lib/../lib/libstd-1.so"] {
        refuses(&project, &format!("std-manifest --output {output} --libdir lib"), None, "over the standard library that is read")?;
    }
    Ok(())
}
