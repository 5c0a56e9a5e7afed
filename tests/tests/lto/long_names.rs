//! Crates with names as long as file systems take them.

use anyhow::{Context, Result, ensure};
use splitlink_tests::rustc_fixture::project::{Project, good, words};
use splitlink_tests::rustc_fixture::tools::{Failure, exit_code, run};
use std::fs;
use std::process::Command;

type Outcome = Result<(), Failure>;

const LIBRARY: &str = "#![no_std]\npub fn value(x: i32) -> i32 { x * 21 }\n";

#[test]
fn of_a_crate_and_of_its_file() -> Outcome {
    Ok(link_all()?)
}

fn link_all() -> Result<()> {
    let project = Project::new("lto_long_names")?;
    fs::create_dir_all(project.dir.join("out"))?;
    // rustc's own files in the rlib have names of `<crate><extra>.<crate>.<hash>-cgu.<number>.rcgu.o`.
    for (name, extra) in [("a".repeat(88), "0".repeat(17)), ("b".repeat(100), "1".repeat(4)), ("c".repeat(3), "2".repeat(100))] {
        let (name, extra) = (name.as_str(), extra.as_str());
        project.write("long.rs", LIBRARY)?;
        let program = format!(
            "#![no_std]\n#![no_main]\n#[unsafe(no_mangle)]\npub extern \"C\" fn main(count: i32, _: *const *const u8) -> i32 {{ {name}::value(count) * 2 }}\n\
             #[panic_handler]\nfn panic(_: &core::panic::PanicInfo) -> ! {{ loop {{}} }}\n"
        );
        project.write("user.rs", program)?;
        let flags = "--edition=2024 -Copt-level=2 -Cpanic=abort -Cdebuginfo=1";
        let library = words(&format!("--crate-name={name} long.rs --crate-type=rlib -Cmetadata=1 -Cextra-filename=-{extra} {flags}"));
        let file = format!("out/lib{name}-{extra}");
        good(&project.compile(&format!("metadata --lto --output {file}.rmeta"), &library)?)?;
        good(&project.compile(&format!("codegen --lto --output {file}.rlib --published-metadata {file}.rmeta"), &library)?)?;
        let user = words(&format!(
            "--crate-name={} user.rs -Clink-arg=-lc -Cextra-filename=-{extra} {flags} --extern={name}=absent/lib{name}-{extra}.rlib",
            name.to_uppercase()
        ));
        good(&project.compile(&format!("no-link --lto --plan out/plan.json --modules out/modules --metadata {file}.rmeta"), &user)?)?;
        for options in ["--lto thin", "--lto thin --lto-cache out/cache", "--lto thin --lto-cache out/cache", "--lto fat"] {
            let link = || -> Result<()> {
                good(&project.link_only_with(&format!("--rlib {file}.rlib {options} --output out/artifact"))?)?;
                let output = run(&mut Command::new(project.dir.join("out/artifact")))?;
                ensure!(exit_code(&output) == 42, "it ends with {}", exit_code(&output));
                Ok(())
            };
            link().with_context(|| format!("{name} {options}"))?;
        }
    }
    Ok(())
}
