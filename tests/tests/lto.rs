//! Link-time optimisation in link-only.

use anyhow::{Result, ensure};
use splitlink_tests::rustc_fixture::project::{Project, good, refused, words};
use splitlink_tests::rustc_fixture::tools::{Failure, names_in, succeed};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

type Outcome = Result<(), Failure>;

/// A project whose `dep` and whose linked crate `name` are compiled to bitcode.
fn compiled(folder: &str, name: &str, crate_type: &str) -> Result<Project> {
    let project = Project::new(folder)?;
    fs::create_dir_all(project.dir.join("out"))?;
    good(&project.compile("metadata --lto --output out/libdep-1.rmeta", &project.library("dep"))?)?;
    good(&project.compile("codegen --lto --output out/libdep-1.rlib --published-metadata out/libdep-1.rmeta", &project.library("dep"))?)?;
    let args = [project.linked(name, crate_type), words("-Copt-level=2")].concat();
    let options = "no-link --lto --plan out/plan.json --modules out/modules --metadata out/libdep-1.rmeta";
    good(&project.compile(options, &args)?)?;
    Ok(project)
}

fn is_bitcode(path: &Path) -> Result<bool> {
    Ok(fs::read(path)?.starts_with(b"BC\xc0\xde"))
}

#[test]
fn thin_with_the_standard_library() -> Outcome {
    Ok(thin()?)
}

fn thin() -> Result<()> {
    let project = compiled("lto_thin", "app", "bin")?;
    let modules: Vec<_> = names_in(&project.dir.join("out/modules")).into_iter().filter(|name| name.ends_with(".o")).collect();
    for name in &modules {
        ensure!(is_bitcode(&project.dir.join("out/modules").join(name))?, "`{name}` is no bitcode");
    }
    let link = || project.link_only_with("--rlib out/libdep-1.rlib --lto thin --lto-cache out/cache --output out/artifact");
    good(&link()?)?;
    let first = project.read("out/artifact")?;
    let cached = || -> BTreeSet<String> {
        names_in(&project.dir.join("out/cache")).into_iter().filter(|name| name.starts_with("llvmcache-")).collect()
    };
    let entries = cached();
    // Its own modules, the allocator shim, `dep`, and far more than these of the standard library.
    ensure!(entries.len() > modules.len() + 5, "LTO saw {} modules: {entries:?}", entries.len());
    let printed = succeed(&mut Command::new(project.dir.join("out/artifact")))?.stdout;
    ensure!(printed == b"82\n", "it prints {:?}", String::from_utf8_lossy(&printed));

    good(&link()?)?;
    ensure!(cached() == entries, "an unchanged module was optimised again");
    ensure!(project.read("out/artifact")? == first, "what comes out of the cache differs");
    fs::remove_dir_all(project.dir.join("out/cache"))?;
    good(&project.link_only_with("--rlib out/libdep-1.rlib --lto thin --output out/artifact")?)?;
    ensure!(project.read("out/artifact")? == first, "what is made without the cache differs");
    Ok(())
}

#[test]
fn what_is_not_there_yet_is_said() -> Outcome {
    let options = "--rlib out/libdep-1.rlib --lto thin --output out/artifact --report out/report.json";
    for crate_type in ["staticlib", "dylib"] {
        let project = compiled(&format!("lto_{crate_type}"), "library", crate_type)?;
        refused(&project.link_only_with(options)?, &[&format!("does no LTO of a {crate_type} yet"), "`library`"])?;
        project.nothing_left(&["out/artifact", "out/report.json"])?;
    }
    Ok(())
}
