//! `link-only --auditable`: the section `.dep-v0`, read by cargo-auditable's own reader, and nothing
//! else that changes.

use anyhow::{Context, Result, ensure};
use auditable_info::audit_info_from_slice;
use object::{Object as _, ObjectSection as _};
use splitlink_tests::rustc_fixture::elf;
use splitlink_tests::rustc_fixture::project::{Project, good, refused, words};
use splitlink_tests::rustc_fixture::tools::{Failure, Toolchain, run, skip, succeed};
use splitlink_tests::rustc_fixture::two_ways::TwoWays;
use std::path::Path;
use std::process::Command;

type Outcome = Result<(), Failure>;

const LINK: &str = "--rlib out/libdep-1.rlib --output out/artifact";
const PURL: &str = "--crate-purl libdep-1.rlib=pkg:cargo/the-dep@0.4.0";
const PACKAGES: [&str; 2] = ["app 0.0.0 local root", "the-dep 0.4.0 crates.io"];

/// A linker's name behind `-fuse-ld=`, and its program.
const LINKERS: [(&str, &str); 4] = [("bfd", "ld.bfd"), ("gold", "ld.gold"), ("lld", "ld.lld"), ("mold", "mold")];

/// The packages that the reader finds in `bytes`.
fn packages(bytes: &[u8]) -> Result<Vec<String>> {
    let info = audit_info_from_slice(bytes, 1 << 20).context("there is no audit data that can be read")?;
    let shown = info.packages.into_iter().map(|package| {
        ensure!(package.dependencies.is_empty(), "nobody told what it depends on");
        let root = if package.root { " root" } else { "" };
        Ok(format!("{} {} {}{root}", package.name, package.version, String::from(package.source)))
    });
    shown.collect()
}

/// What others see of an artifact, without what differs with any file of another size.
fn others_see(path: &Path) -> Result<Vec<String>> {
    let mut facts = elf::describe(path)?;
    facts.retain(|fact| !fact.contains(".dep-v0"));
    Ok(facts)
}

/// Links without and with audit data, by the same plan, and checks that only the section is added.
fn check(project: &Project, options: &str, expected: &[&str]) -> Result<()> {
    good(&project.link_only_with(&format!("{LINK} {options}"))?)?;
    let (without, facts) = (project.read("out/artifact")?, others_see(&project.dir.join("out/artifact"))?);
    ensure!(packages(&without).is_err(), "it has audit data unasked");
    let audited = format!("{LINK} {options} --auditable {PURL}");
    good(&project.link_only_with(&audited)?)?;
    let with = project.read("out/artifact")?;
    ensure!(packages(&with)? == expected, "{:?}", packages(&with)?);
    let seen = others_see(&project.dir.join("out/artifact"))?;
    ensure!(seen == facts, "{seen:#?}\nand not {facts:#?}");
    good(&project.link_only_with(&audited)?)?;
    ensure!(project.read("out/artifact")? == with, "a second time makes other bytes");
    Ok(())
}

/// With each linker at hand, where unused sections are thrown away and symbols are stripped.
#[test]
fn each_linker_keeps_the_section() -> Outcome {
    let project = Project::planned("audit_data_linkers")?;
    let mut linkers = vec![("rustc's own", String::new())];
    for (name, program) in LINKERS {
        if Command::new(program).arg("--version").output().is_ok() {
            linkers.push((name, format!("-Clink-arg=-fuse-ld={name}")));
        } else {
            skip(&format!("`{program}` is not on the PATH; install it to test with it"));
        }
    }
    for (name, flag) in &linkers {
        for more in ["", "-Cstrip=symbols", "-Clink-arg=-rdynamic"] {
            good(&project.no_link(&[project.linked("app", "bin"), words(&format!("{flag} {more}"))].concat())?)?;
            check(&project, "", &PACKAGES).with_context(|| format!("{name} {more}"))?;
            let output = succeed(&mut Command::new(project.dir.join("out/artifact")))?;
            assert_eq!(output.stdout, b"82\n", "{name} {more}");
        }
        for crate_type in ["cdylib", "dylib"] {
            good(&project.no_link(&[project.linked("library", crate_type), words(flag)].concat())?)?;
            check(&project, "", &["library 0.0.0 local root", PACKAGES[1]]).with_context(|| format!("{name} {crate_type}"))?;
        }
    }
    Ok(())
}

/// With the edges of a build system, a package says what it depends on; in a circle it says nothing,
/// and that is said.
#[test]
fn who_depends_on_whom() -> Outcome {
    let project = Project::planned("audit_data_edges")?;
    let dependencies = || -> Result<Vec<(String, Vec<usize>)>> {
        let info = audit_info_from_slice(&project.read("out/artifact")?, 1 << 20).context("there is no audit data")?;
        Ok(info.packages.into_iter().map(|package| (package.name, package.dependencies)).collect())
    };
    let link = format!("{LINK} --auditable {PURL} --edge =libdep-1.rlib --edge =libmacros-1.rlib");
    good(&project.link_only_with(&link)?)?;
    assert_eq!(dependencies()?, [("app".to_owned(), vec![1]), ("the-dep".to_owned(), vec![])]);
    // Two crates of the package that is linked.
    let own = link.replace(PURL, &format!("{PURL} --root-purl pkg:cargo/the-dep@0.4.0"));
    good(&project.link_only_with(&own)?)?;
    assert_eq!(dependencies()?, [("the-dep".to_owned(), vec![])]);
    let output = project.link_only_with(&format!("{LINK} --edge =libdep-1.rlib"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(2) && said.contains("--auditable"), "{said}");
    Ok(())
}

/// A linker that is called by itself, and not by a compiler driver.
#[test]
fn a_linker_without_a_driver() -> Outcome {
    let project = Project::new("audit_data_bare")?;
    project.write("dep.rs", "#![no_std]\n#[inline(never)]\npub fn value() -> u64 { 42 }\n")?;
    project.write(
        "app.rs",
        "#![no_std]\n#![no_main]\n#[panic_handler]\nfn panic(_: &core::panic::PanicInfo) -> ! { loop {} }\n\
         #[unsafe(no_mangle)]\npub extern \"C\" fn _start() -> u64 { dep::value() }\n",
    )?;
    project.build_dep()?;
    let bare = "-Clinker=rust-lld -Clinker-flavor=ld.lld -Cpanic=abort -Crelocation-model=static";
    good(&project.no_link(&[project.linked("app", "bin"), words(bare)].concat())?)?;
    check(&project, "", &PACKAGES)?;
    Ok(())
}

/// All that is linked, in whatever form: the same packages as the report has, but the standard
/// library's.
#[test]
fn the_packages_are_those_of_the_report() -> Outcome {
    let project = Project::planned("audit_data_report")?;
    let toolchain = Toolchain::stable();
    let mut std_manifest = project.splitlink(&words("std-manifest --output out/std.json --rustc"));
    good(&run(std_manifest.arg(&toolchain.rustc).arg("--libdir").arg(toolchain.libdir()))?)?;
    let dynamic = "--std-manifest out/std.json --prefer-dynamic";
    let dylib_of = "no-link --dylib-of out/libdep-1.rmeta --plan out/dep.json --modules out/dep.modules --metadata out/libdep-1.rmeta";
    good(&project.compile(dylib_of, &project.library("dep"))?)?;
    let mut link = project.splitlink(&words(&format!(
        "link-only --plan out/dep.json --modules out/dep.modules --rlib out/libdep-1.rlib {dynamic} --output out/libdep-1.so --auditable {PURL} --sysroot"
    )));
    good(&run(link.arg(&toolchain.sysroot))?)?;
    let of_dylib = packages(&project.read("out/libdep-1.so")?)?;
    assert_eq!(of_dylib, ["the-dep 0.4.0 crates.io root"]);
    for (options, root) in [
        ("--root-version 1.2.3", "app 1.2.3 local root"),
        ("--root-version 1.2.3 --root-purl pkg:cargo/the-app@1.2.3", "the-app 1.2.3 crates.io root"),
    ] {
        good(&project.link_only_with(&format!("{LINK} --auditable {PURL} {options}"))?)?;
        let found = packages(&project.read("out/artifact")?)?;
        assert!(found.len() == 2 && found.iter().any(|package| package == root), "{options}: {found:?}");
    }
    for (options, names, expected) in [
        ("", PURL, "the-dep 0.4.0 crates.io"),
        ("", "--crate-version libdep-1.rlib=0.4.0", "dep 0.4.0 unknown"),
        ("", "--crate-version libdep-1.rlib=0.4.0 --crate-label libdep-1.rlib=//third:dep", "dep 0.4.0 local"),
        ("", "", "dep 0.0.0 unknown"),
        (&format!("--dylib out/libdep-1.so {dynamic}"), PURL, "the-dep 0.4.0 crates.io"),
    ] {
        good(&project.link_only_with(&format!("{LINK} {options} --auditable {names} --report out/report.json"))?)?;
        let found = packages(&project.read("out/artifact")?)?;
        let report: serde_json::Value = serde_json::from_slice(&project.read("out/report.json")?).context("the report")?;
        let crates = report["artifacts"][0]["crates"].as_array().context("no crates")?;
        let linked = crates.iter().filter(|linked| linked["sysroot"] == false && linked["linkage"] != "not-linked").count();
        assert_eq!((found.len(), found.iter().filter(|package| *package == expected).count()), (linked + 1, 1), "{names}: {found:?}");
    }
    Ok(())
}

#[test]
fn what_is_refused() -> Outcome {
    let project = Project::planned("audit_data_refused")?;
    for (names, said) in [
        ("--crate-version libdep-1.rlib=0.4", "the version `0.4` of the crate `dep` is none of a Cargo package"),
        ("--root-version one", "the version `one` of the crate `app` is none of a Cargo package"),
    ] {
        refused(&project.link_only_with(&format!("{LINK} --auditable {names}"))?, &[said])?;
        project.nothing_left(&["out/artifact"])?;
    }
    let output = project.link_only_with(&format!("{LINK} --auditable --crate-purl libdep-1.rlib=dep@0.4.0"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(2) && said.contains("`dep@0.4.0` is no package URL of a Cargo package"), "{said}");
    good(&project.no_link(&project.linked("library", "cdylib,staticlib"))?)?;
    let of_staticlib = "--rlib out/libdep-1.rlib --auditable --output staticlib=out/library.a";
    refused(&project.link_only_with(of_staticlib)?, &["`--auditable` is for programs, cdylibs and dylibs", "`library`"])?;
    project.nothing_left(&["out/library.a"])?;
    // Beside a cdylib it is as ever.
    good(&project.link_only_with(&of_staticlib.replace("--auditable", ""))?)?;
    let without = project.read("out/library.a")?;
    good(&project.link_only_with(&format!("{of_staticlib} --output cdylib=out/library.so"))?)?;
    assert!(project.read("out/library.a")? == without && packages(&project.read("out/library.so")?).is_ok());
    Ok(())
}

/// Other formats of objects than ELF.
#[test]
fn web_assembly_windows_and_mach_o() -> Outcome {
    for (target, linker, name) in [
        ("wasm32-wasip1", "", "app.wasm"),
        ("x86_64-pc-windows-gnu", "", "app.exe"),
        ("aarch64-apple-darwin", "-Clinker=rust-lld -Clinker-flavor=ld64.lld", "app"),
    ] {
        let Some(ways) = TwoWays::new(Toolchain::stable(), &format!("audit_data-{target}"), target, "--edition=2024")? else { continue };
        if target.contains("windows") && run(Command::new("x86_64-w64-mingw32-gcc").arg("--version")).is_err() {
            skip("no `x86_64-w64-mingw32-gcc` to link for Windows with; `dev/test` installs it");
            continue;
        }
        ways.write(&[("dep.rs", "pub fn plain() -> u64 { 42 }\n"), ("app.rs", "fn main() { println!(\"{}\", dep::plain()); }\n")])?;
        let dep = "dep.rs --crate-name=dep --crate-type=rlib -Cmetadata=1";
        succeed(&mut ways.phase("metadata --output split/libdep.rmeta", dep))?;
        succeed(&mut ways.phase("codegen --output split/libdep.rlib --published-metadata split/libdep.rmeta", dep))?;
        let app = format!("app.rs --crate-name=app --extern=dep=absent/libdep.rlib -Cmetadata=2 {linker}");
        let plan = format!("--plan split/{name}.json --modules split/{name}.modules");
        succeed(&mut ways.phase(&format!("no-link {plan} --metadata-dir split"), &app))?;
        let link = format!("{plan} --rlib-dir split --output split/{name} --auditable --crate-purl libdep.rlib=pkg:cargo/the-dep@0.4.0");
        let output = run(&mut ways.link_only(&link))?;
        if target.contains("apple") {
            refused(&output, &["there can be no audit data in the bin `app`", "Mach-O", "leave out `--auditable`"])?;
            assert!(!ways.dir.join("split").join(name).exists());
        } else {
            good(&output).context(target)?;
            let found = packages(&std::fs::read(ways.dir.join("split").join(name))?).context(target)?;
            assert_eq!(found, PACKAGES, "{target}");
        }
    }
    Ok(())
}

/// A debugger's tools, and `strip`, leave it.
#[test]
fn strip_keeps_it() -> Outcome {
    let project = Project::planned("audit_data_strip")?;
    good(&project.link_only_with(&format!("{LINK} --auditable {PURL}"))?)?;
    for remove in ["debug", "all"] {
        good(&run(&mut project.splitlink(&words(&format!("strip --artifact out/artifact --output out/stripped --remove {remove}"))))?)?;
        assert_eq!(packages(&project.read("out/stripped")?)?, PACKAGES, "{remove}");
    }
    let bytes = project.read("out/artifact")?;
    let section = object::File::parse(&*bytes).map_err(anyhow::Error::from)?;
    let section = section.section_by_name(".dep-v0").context("no section")?;
    // Nothing loads it.
    assert_eq!(section.address(), 0);
    Ok(())
}
