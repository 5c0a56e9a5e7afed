//! `no-link --dylib-of`: the library's command says for what target and how, and what of it is
//! about the library's own source says nothing of the dylib.

use anyhow::{Context, Result};
use splitlink_tests::rustc_fixture::project::{Project, good, words};
use splitlink_tests::rustc_fixture::tools::Failure;

type Outcome = Result<(), Failure>;

const SOURCE: &str = "//! Documented.\n\n/// As well.\npub fn value() -> u64 {\n    40\n}\n";

#[test]
fn lints_of_the_library() -> Outcome {
    Ok(lints()?)
}

fn lints() -> Result<()> {
    let project = Project::new("dylib_of_lints")?;
    project.write("dep.rs", SOURCE)?;
    for flags in [
        "-Dmissing_docs",
        "--deny=missing_docs -Dwarnings",
        "-Fmissing_docs -Funsafe_code -Fwarnings --cap-lints=deny",
        "-Dunused_crate_dependencies -Dunused_extern_crates -Drust_2018_idioms",
    ] {
        let check = || -> Result<()> {
            let args = [project.library("dep"), words(flags)].concat();
            good(&project.compile("metadata --output out/libdep-1.rmeta", &args)?)?;
            good(&project.compile("codegen --output out/libdep-1.rlib --published-metadata out/libdep-1.rmeta", &args)?)?;
            let options = "no-link --dylib-of out/libdep-1.rmeta --plan out/plan.json --modules out/modules --metadata out/libdep-1.rmeta";
            good(&project.compile(options, &args)?)?;
            good(&project.link_only_with("--rlib out/libdep-1.rlib --output out/libdep-1.so")?)
        };
        std::fs::create_dir_all(project.dir.join("out"))?;
        check().with_context(|| flags.to_owned())?;
    }
    Ok(())
}
