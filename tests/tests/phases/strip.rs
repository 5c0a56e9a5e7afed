//! Debug information after the link: out of the artifact, in a file that debuggers find, compressed.
//! Each is tried with GNU's objcopy and the toolchain's own.

use anyhow::{Context, Result, ensure};
use object::elf::{ELFCOMPRESS_ZLIB, ELFCOMPRESS_ZSTD, SHF_COMPRESSED};
use object::{Object as _, ObjectSection as _, SectionFlags};
use splitlink_tests::rustc_fixture::project::{Project, good, refused, words};
use splitlink_tests::rustc_fixture::tools::{Failure, Toolchain, run, skip, succeed, write_program};
use std::fs;
use std::process::{Command, Output};

type Outcome = Result<(), Failure>;

/// A program with debug information, `out/artifact`, and its package if it is split.
fn project(name: &str, split: bool) -> Result<Project> {
    let project = Project::new(&format!("strip_{name}"))?;
    project.build_dep()?;
    let flags = if split { "--dwo-dir out/dwo" } else { "" };
    let no_link = format!("no-link --plan out/plan.json --modules out/modules --metadata out/libdep-1.rmeta {flags}");
    good(&project.compile(&no_link, &[project.linked("app", "bin"), words("-Cdebuginfo=2")].concat())?)?;
    good(&project.link_only()?)?;
    if split {
        let dwp = "dwp --artifact out/artifact --dwo-dir out/dwo --output out/made/app.dwp";
        fs::create_dir_all(project.dir.join("out/made"))?;
        succeed(&mut project.splitlink(&words(dwp)))?;
    }
    Ok(project)
}

/// The objcopies at hand.
fn objcopies() -> Vec<String> {
    let toolchain = Toolchain::stable();
    let own = toolchain.sysroot.join(format!("lib/rustlib/{}/bin/rust-objcopy", toolchain.host));
    let all = ["objcopy".to_owned(), own.to_string_lossy().into_owned()];
    let (found, missing): (Vec<_>, Vec<_>) = all.into_iter().partition(|name| succeed(Command::new(name).arg("--version")).is_ok());
    for name in missing {
        skip(&format!("no `{name}` here; install binutils, or a toolchain of rustup's"));
    }
    found
}

fn strip(project: &Project, objcopy: &str, options: &str) -> Result<Output> {
    run(project.splitlink(&words(&format!("strip --artifact out/artifact {options}"))).arg("--objcopy").arg(objcopy))
}

/// The section `name` of the file `path`: its size, and how it is compressed.
fn section(project: &Project, path: &str, name: &str) -> Result<Option<(u64, Option<u32>)>> {
    let bytes = project.read(path)?;
    let object = object::File::parse(&*bytes)?;
    let Some(section) = object.section_by_name(name) else { return Ok(None) };
    let SectionFlags::Elf { sh_flags } = section.flags() else { return Ok(None) };
    // An executable has no contents of sections that the debug file has, and the other way round.
    let data = section.data()?;
    let is_compressed = sh_flags & u64::from(SHF_COMPRESSED) != 0;
    let kind = is_compressed.then(|| data[..4].try_into().map(u32::from_le_bytes)).transpose()?;
    Ok(Some((data.len() as u64, kind)))
}

fn prints(project: &Project, path: &str) -> Result<()> {
    let output = succeed(&mut Command::new(project.dir.join(path)))?;
    ensure!(output.stdout == b"82\n", "it prints {}", String::from_utf8_lossy(&output.stdout));
    Ok(())
}

#[test]
fn out_of_the_artifact() -> Outcome {
    let project = project("out", false)?;
    let whole = project.read("out/artifact")?;
    for objcopy in objcopies() {
        let check = || -> Result<()> {
            good(&strip(&project, &objcopy, "--output out/stripped")?)?;
            good(&strip(&project, &objcopy, "--output out/bare --remove all")?)?;
            let [stripped, bare] = [project.read("out/stripped")?, project.read("out/bare")?];
            ensure!(bare.len() < stripped.len() && 3 * stripped.len() < whole.len(), "{} {} {}", bare.len(), stripped.len(), whole.len());
            let symbols = |bytes: &[u8]| object::File::parse(bytes).map(|file| file.symbols().count());
            ensure!(symbols(&stripped)? > 0 && symbols(&bare)? == 0);
            for made in ["out/stripped", "out/bare"] {
                ensure!(section(&project, made, ".debug_info")?.is_none(), "`{made}` has debug information");
                prints(&project, made)?;
            }
            ensure!(project.read("out/artifact")? == whole, "the artifact was changed");
            good(&strip(&project, &objcopy, "--output out/stripped")?)?;
            ensure!(project.read("out/stripped")? == stripped, "a second time makes other bytes");
            Ok(())
        };
        check().with_context(|| objcopy.clone())?;
    }
    Ok(())
}

#[test]
fn compressed() -> Outcome {
    let project = project("compressed", false)?;
    let (plain, _) = section(&project, "out/artifact", ".debug_info")?.context("the program has no debug information")?;
    for objcopy in objcopies() {
        for (name, kind) in [("zlib", ELFCOMPRESS_ZLIB), ("zstd", ELFCOMPRESS_ZSTD)] {
            let check = || -> Result<()> {
                good(&strip(&project, &objcopy, &format!("--output out/packed --remove nothing --compress {name}"))?)?;
                good(&strip(&project, &objcopy, &format!("--output out/stripped --debug-file out/app.debug --compress {name}"))?)?;
                for made in ["out/packed", "out/app.debug"] {
                    let (size, found) = section(&project, made, ".debug_info")?.context("it has no debug information")?;
                    ensure!(found == Some(kind) && 2 * size < plain, "`{made}`: {found:?}, {size} of {plain}");
                }
                prints(&project, "out/packed")
            };
            check().with_context(|| format!("{objcopy} {name}"))?;
        }
    }
    Ok(())
}

#[test]
fn a_debugger_follows_the_link() -> Outcome {
    if run(Command::new("gdb").arg("--version")).is_err() {
        skip("no `gdb` here to look at debug information; `apt-get install gdb` enables it");
        return Ok(());
    }
    for split in [false, true] {
        let project = project(&format!("link_{split}"), split)?;
        for objcopy in objcopies() {
            let check = || -> Result<()> {
                fs::create_dir_all(project.dir.join("out/made"))?;
                good(&strip(&project, &objcopy, "--remove all --output out/made/app --debug-file out/made/app.debug --compress zlib")?)?;
                let gdb = || -> Result<String> {
                    let args = ["-nx", "-batch", "-ex", "set debuginfod enabled off", "-ex", "info line app::main", "./app"];
                    let output = run(Command::new("gdb").current_dir(project.dir.join("out/made")).args(args))?;
                    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
                };
                let said = gdb()?;
                ensure!(said.contains("Line 1 of \"app.rs\""), "{said}");
                let missing = project.dir.join("out/made/app.debug");
                fs::rename(&missing, missing.with_extension("elsewhere"))?;
                let said = gdb()?;
                ensure!(!said.contains("app.rs"), "{said}");
                Ok(())
            };
            check().with_context(|| format!("{objcopy}, split: {split}"))?;
        }
    }
    Ok(())
}

#[test]
fn what_is_refused() -> Outcome {
    let project = project("refused", false)?;
    for (options, said) in [
        ("--output out/x --remove nothing", "leaves the artifact as it is"),
        ("--output out/x --remove nothing --debug-file out/y", "`--debug-file` is for what goes out"),
        ("--output out/x --compress zlib", "of which nothing is left"),
        ("--output out/artifact", "the artifact would be written to `out/artifact`, over the artifact that is read"),
        ("--output out/x --debug-file out/x", "`out/x` is asked for twice"),
    ] {
        refused(&strip(&project, "objcopy", options)?, &[said]).with_context(|| options.to_owned())?;
    }
    refused(&strip(&project, "false", "--output out/x --debug-file out/y")?, &["`false` cannot make `y`", "`--only-keep-debug`"])?;
    refused(&strip(&project, "out/none", "--output out/x")?, &["objcopy", "out/none"])?;
    // As a program whose libraries the loader does not find: it ends with 127.
    let unstartable = project.dir.join("unstartable");
    write_program(&unstartable, "#!/bin/sh\necho libx.so: not found >&2\nexit 127\n")?;
    let output = strip(&project, "./unstartable", "--output out/x")?;
    refused(&output, &["`./unstartable` does not start: libx.so: not found", "`LD_LIBRARY_PATH`"])?;
    let of = |artifact: &str| run(&mut project.splitlink(&words(&format!("strip --artifact {artifact} --output out/x"))));
    refused(&of("out/libdep-1.rlib")?, &["`out/libdep-1.rlib` is no program or shared library"])?;
    refused(&of("out/none")?, &["cannot read `out/none`"])?;
    project.nothing_left(&["out/x", "out/y"])?;
    Ok(())
}
