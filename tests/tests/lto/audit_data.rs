//! Audit data with LTO: in what LTO has made, as without.

use anyhow::{Context, Result, ensure};
use auditable_info::audit_info_from_slice;
use splitlink_tests::rustc_fixture::elf;
use splitlink_tests::rustc_fixture::lto_library::LtoLibrary;
use splitlink_tests::rustc_fixture::project::good;
use splitlink_tests::rustc_fixture::tools::Failure;

#[test]
fn thin_and_fat() -> Result<(), Failure> {
    let library = LtoLibrary::compiled("audit_data")?;
    let project = &library.project;
    for mode in ["thin", "fat"] {
        let check = || -> Result<()> {
            let link = format!("--rlib out/libfirst-1.rlib --rlib out/libsecond-1.rlib --lto {mode} --output out/artifact");
            good(&project.link_only_with(&link)?)?;
            let facts = elf::describe(&project.dir.join("out/artifact"))?;
            let purls = ["first", "second"].map(|name| format!("--crate-purl lib{name}-1.rlib=pkg:cargo/{name}@1.2.3"));
            good(&project.link_only_with(&format!("{link} --auditable {}", purls.join(" ")))?)?;
            let info = audit_info_from_slice(&project.read("out/artifact")?, 1 << 20).context("no audit data")?;
            let found: Vec<_> = info.packages.iter().map(|package| format!("{} {}", package.name, package.version)).collect();
            ensure!(found == ["first 1.2.3", "parts 0.0.0", "second 1.2.3"], "{found:?}");
            let mut seen = elf::describe(&project.dir.join("out/artifact"))?;
            seen.retain(|fact| !fact.contains(".dep-v0"));
            ensure!(seen == facts, "{seen:#?}\nand not {facts:#?}");
            Ok(())
        };
        check().context(mode)?;
    }
    Ok(())
}
