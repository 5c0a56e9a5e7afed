//! Unstable options of rustc's that change what the phases are given: each works, or is refused by
//! name.

use super::input_errors::nothing_made;
use anyhow::{Context, Result, ensure};
use splitlink_tests::rustc_fixture::project::{Project, good, refused, words};
use splitlink_tests::rustc_fixture::tools::{Failure, Toolchain, run, succeed};
use std::process::{Command, Output};

type Outcome = Result<(), Failure>;

/// Runs a compiling phase with a stable rustc that takes unstable options.
fn compile(project: &Project, options: &str, rustc: &[String]) -> Result<Output> {
    run(project.splitlink(&words(options)).env("RUSTC_BOOTSTRAP", "1").arg("--").arg(&Toolchain::stable().rustc).args(rustc))
}

/// Cargo's default on nightly from August 2026 on: an rlib that has no metadata inside.
#[test]
fn metadata_that_is_not_embedded() -> Outcome {
    Ok(not_embedded()?)
}

fn not_embedded() -> Result<()> {
    let project = Project::new("embed_metadata")?;
    std::fs::create_dir_all(project.dir.join("out"))?;
    for flag in ["-Zembed-metadata=no", "-Z embed_metadata=no"] {
        let library = [project.library("dep"), words(flag)].concat();
        good(&compile(&project, "metadata --output out/libdep-1.rmeta", &library)?)?;
        good(&compile(&project, "codegen --output out/libdep-1.rlib --published-metadata out/libdep-1.rmeta", &library)?)?;
        let no_link = "no-link --plan out/plan.json --modules out/modules --metadata out/libdep-1.rmeta";
        for crate_type in ["bin", "cdylib", "staticlib", "dylib"] {
            let source = if crate_type == "bin" { "app" } else { "library" };
            good(&compile(&project, no_link, &[project.linked(source, crate_type), words(flag)].concat())?)?;
            good(&project.link_only()?).with_context(|| crate_type.to_owned())?;
            if crate_type == "bin" {
                let printed = succeed(&mut Command::new(project.dir.join("out/artifact")))?.stdout;
                ensure!(printed == b"82\n", "it prints {:?}", String::from_utf8_lossy(&printed));
            }
        }
        good(&compile(&project, &format!("{no_link} --dylib-of out/libdep-1.rmeta"), &library)?)?;
        good(&project.link_only_with("--rlib out/libdep-1.rlib --output out/libdep-1.so")?)?;
    }
    // One that rustc itself has made so is not taken for another build.
    let args: Vec<String> = project.library("dep").into_iter().filter(|arg| !arg.starts_with("--out-dir")).collect();
    let mut rustc = Toolchain::stable().command(&project.dir);
    rustc.env("RUSTC_BOOTSTRAP", "1").args(args).args(["-Zembed-metadata=no", "--out-dir=out"]);
    good(&run(&mut rustc)?)?;
    good(&compile(
        &project,
        "no-link --plan out/plan.json --modules out/modules --metadata out/libdep-1.rmeta",
        &project.linked("app", "bin"),
    )?)?;
    std::fs::remove_file(project.dir.join("out/artifact"))?;
    refused(&project.link_only()?, &["`out/libdep-1.rlib` has no metadata of the crate `dep-1` inside", "-Zembed-metadata=no"])?;
    project.nothing_left(&["out/artifact"])
}

#[test]
fn what_divides_or_needs_lto() -> Outcome {
    let project = Project::new("unstable_lto")?;
    project.build_dep()?;
    for flag in
        ["-Zsanitizer=cfi", "-Z sanitizer=cfi", "-Zsplit-lto-unit", "-Zvirtual-function-elimination", "-Zvirtual_function_elimination=yes"]
    {
        let named = flag.replace("-Z ", "-Z").replace('_', "-").replace("=yes", "");
        let texts = &[&*format!("is compiled with `{named}`")];
        for (phase, made) in [
            ("metadata --lto --output out/other.rmeta", &["out/other.rmeta"][..]),
            ("codegen --lto --output out/other.rlib --published-metadata out/libdep-1.rmeta", &["out/other.rlib"]),
        ] {
            let output = compile(&project, phase, &[project.library("dep"), words(flag)].concat())?;
            nothing_made(&project, &output, made, texts).with_context(|| format!("{flag} {phase}"))?;
        }
        let no_link = "no-link --lto --plan out/plan.json --modules out/modules --metadata out/libdep-1.rmeta";
        let output = compile(&project, no_link, &[project.linked("app", "bin"), words(flag)].concat())?;
        nothing_made(&project, &output, &["out/plan.json", "out/modules"], texts).with_context(|| flag.to_owned())?;
    }
    Ok(())
}
