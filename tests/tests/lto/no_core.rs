//! LTO of a program that has no crate of the sysroot below it, not even `core`.

use anyhow::{Context, Result, ensure};
use splitlink_tests::rustc_fixture::project::{Project, good, refused, words};
use splitlink_tests::rustc_fixture::tools::{Failure, Toolchain, exit_code, run};
use std::fs;
use std::process::Command;

type Outcome = Result<(), Failure>;

const SOURCE: &str = r#"
#![feature(no_core, lang_items)]
#![no_core]
#![no_main]
#[lang = "pointee_sized"]
pub trait PointeeSized {}
#[lang = "meta_sized"]
pub trait MetaSized: PointeeSized {}
#[lang = "sized"]
pub trait Sized: MetaSized {}
#[lang = "copy"]
pub trait Copy {}
impl Copy for i32 {}
#[inline(never)]
fn value() -> i32 { 42 }
#[unsafe(no_mangle)]
pub extern "C" fn main(_: i32, _: *const *const u8) -> i32 { value() }
"#;

#[test]
fn thin_and_fat() -> Outcome {
    Ok(both()?)
}

fn both() -> Result<()> {
    let project = Project::new("lto_no_core")?;
    project.write("bare.rs", SOURCE)?;
    let args = words("--crate-name=bare bare.rs --edition=2024 -Copt-level=2 -Cpanic=abort -Clink-arg=-lc -Ainternal_features");
    let mut no_link = project.splitlink(&words("no-link --lto --plan out/plan.json --modules out/modules --"));
    // `no_core` is unstable.
    good(&run(no_link.env("RUSTC_BOOTSTRAP", "1").arg(&Toolchain::stable().rustc).args(args))?)?;
    for options in ["--lto thin", "--lto thin --lto-cache out/cache", "--lto fat", "--lto thin --auditable"] {
        let link = || -> Result<()> {
            good(&project.link_only_with(&format!("{options} --output out/artifact"))?)?;
            let output = run(&mut Command::new(project.dir.join("out/artifact")))?;
            ensure!(exit_code(&output) == 42, "it ends with {}", exit_code(&output));
            Ok(())
        };
        link().with_context(|| options.to_owned())?;
    }
    fs::create_dir_all(project.dir.join("empty/lib/rustlib"))?;
    let mut link =
        project.splitlink(&words("link-only --plan out/plan.json --modules out/modules --lto thin --sysroot empty --output out/other"));
    let texts = ["no linker for thin LTO: there is no `bin/rust-lld` of any target in `empty/lib/rustlib`", "--lto-linker"];
    refused(&run(&mut link)?, &texts)?;
    project.nothing_left(&["out/other"])?;

    // Bitcode does not say what objects are like.
    project.write("out/modules/bin/symbols.o", b"BC\xc0\xde")?;
    let output = project.link_only_with("--auditable --output out/other")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(exit_code(&output) == 1 && said.contains("the bin `bare` has no object of Rust's") && said.contains("help: "), "{said}");
    project.nothing_left(&["out/other"])
}
