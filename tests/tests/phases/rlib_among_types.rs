//! An rlib among several crate types, all made from one command: rustc refuses that with LTO.

use anyhow::{Context, Result, ensure};
use splitlink_tests::rustc_fixture::elf;
use splitlink_tests::rustc_fixture::project::{Project, good, refused, words};
use splitlink_tests::rustc_fixture::tools::{Failure, run, succeed};
use std::process::Command;

type Outcome = Result<(), Failure>;

const SOURCE: &str = "
#[unsafe(no_mangle)]
pub extern \"C\" fn answer() -> u64 { dep::plain() }
pub fn twice<T: Into<u64>>(x: T) -> u64 { 2 * dep::value(x) }
";

const TYPES: &str = "rlib,cdylib,staticlib";

/// The one command, with `types` and dependencies in the folder `deps`.
fn command(types: &str, deps: &str) -> Vec<String> {
    words(&format!(
        "--crate-name=three three.rs --crate-type={types} --edition=2024 --emit=link -Cmetadata=3 -Cextra-filename=-3 \
         --extern=dep={deps}/libdep-1.rlib -Ldependency={deps}"
    ))
}

/// What C and Rust are offered by all three; `mode` is how they are linked.
fn all_three(project: &Project, mode: &str, types: &str, more: &str) -> Result<()> {
    let (compile, link) = if mode == "off" { ("", String::new()) } else { ("--lto", format!("--lto {mode}")) };
    let args = [command(types, "absent"), words("--out-dir=absent")].concat();
    let dep = "--metadata out/libdep-1.rmeta";
    let library = project.library("dep");
    good(&project.compile(&format!("metadata {compile} --output out/libdep-1.rmeta"), &library)?)?;
    good(&project.compile(&format!("codegen {compile} --output out/libdep-1.rlib --published-metadata out/libdep-1.rmeta"), &library)?)?;
    good(&project.compile(&format!("metadata {compile} --output out/libthree-3.rmeta {dep}"), &args)?)?;
    let published = "--published-metadata out/libthree-3.rmeta";
    good(&project.compile(&format!("codegen {compile} --output out/libthree-3.rlib {published} {dep}"), &args)?)?;
    good(&project.compile(&format!("no-link {compile} --plan out/plan.json --modules out/modules {more} {dep}"), &args)?)?;
    let outputs = "--output cdylib=out/libthree.so --output staticlib=out/libthree.a";
    good(&project.link_only_with(&format!("--rlib out/libdep-1.rlib {link} {outputs}"))?)?;
    for library in ["libthree.so", "libthree.a"] {
        let mut gcc = Command::new("gcc");
        gcc.current_dir(&project.dir).args(["main.c", "-o", "out/main"]).arg(format!("out/{library}"));
        succeed(gcc.args(["-lgcc_s", "-lpthread", "-lm", "-ldl", "-lc"]))?;
        let printed = succeed(Command::new("out/main").current_dir(&project.dir))?.stdout;
        ensure!(printed == b"41\n", "{library} prints {:?}", String::from_utf8_lossy(&printed));
    }
    // The rlib, under a program of its own.
    let user = "--crate-name=user user.rs --crate-type=bin --edition=2024 --emit=link --out-dir=absent \
                --extern=three=absent/libthree-3.rlib -Ldependency=absent";
    let given = format!("{dep} --metadata out/libthree-3.rmeta");
    good(&project.compile(&format!("no-link {compile} --plan out/plan.json --modules out/modules {given}"), &words(user))?)?;
    good(&project.link_only_with(&format!("--rlib out/libdep-1.rlib --rlib out/libthree-3.rlib {link} --output out/user"))?)?;
    let printed = succeed(&mut Command::new(project.dir.join("out/user")))?.stdout;
    ensure!(printed == b"41 90\n", "the program prints {:?}", String::from_utf8_lossy(&printed));
    Ok(())
}

fn project(name: &str) -> Result<Project> {
    let project = Project::new(name)?;
    project.write("dep.rs", "pub fn value<T: Into<u64>>(x: T) -> u64 { x.into() + 40 }\npub fn plain() -> u64 { value(1u8) }\n")?;
    project.write("three.rs", SOURCE)?;
    project.write("user.rs", "fn main() { println!(\"{} {}\", three::answer(), three::twice(5u8)); }\n")?;
    project.write("main.c", "#include <stdio.h>\nunsigned long answer(void);\nint main(void) { printf(\"%lu\\n\", answer()); }\n")?;
    std::fs::create_dir_all(project.dir.join("out"))?;
    Ok(project)
}

/// What of a library is there for others.
fn exports(project: &Project, path: &str) -> Result<Vec<String>> {
    let facts = elf::describe(&project.dir.join(path))?;
    Ok(facts.into_iter().filter(|fact| fact.contains("answer")).collect())
}

fn without_lto() -> Result<()> {
    let project = project("rlib_off")?;
    all_three(&project, "off", TYPES, "")?;
    // rustc makes them of one call, with the same code.
    std::fs::create_dir_all(project.dir.join("reference"))?;
    let dep = [project.library("dep"), words("--out-dir=reference")].concat();
    good(&project.rustc(&dep.into_iter().filter(|arg| arg != "--out-dir=absent").collect::<Vec<_>>())?)?;
    good(&project.rustc(&[command(TYPES, "reference"), words("--out-dir=reference")].concat())?)?;
    let expected = exports(&project, "reference/libthree-3.so")?;
    ensure!(!expected.is_empty() && exports(&project, "out/libthree.so")? == expected, "{expected:?}");
    Ok(())
}

#[test]
fn no_lto() -> Outcome {
    Ok(without_lto()?)
}

#[test]
fn thin() -> Outcome {
    Ok(all_three(&project("rlib_thin")?, "thin", TYPES, "")?)
}

#[test]
fn fat() -> Outcome {
    let project = project("rlib_fat")?;
    all_three(&project, "fat", TYPES, "")?;
    // What rustc says to that.
    let args = [command(TYPES, "out"), words("--out-dir=out/reference -Clto=fat")].concat();
    let said = String::from_utf8_lossy(&project.rustc(&args)?.stderr).into_owned();
    assert!(said.contains("lto can only be run for"), "rustc has learnt it: {said}");
    Ok(())
}

/// A build system may name the types itself, of a command that is for an rlib.
#[test]
fn types_of_no_links_own() -> Outcome {
    Ok(all_three(&project("rlib_named")?, "off", "lib", &format!("--crate-types {TYPES}"))?)
}

#[test]
fn an_rlib_is_not_linked() -> Outcome {
    let project = project("rlib_linked")?;
    all_three(&project, "off", TYPES, "")?;
    let output = project.compile("no-link --plan out/p.json --modules out/m --crate-types rlib", &command("cdylib", "absent"))?;
    refused(&output, &["`three` is built as an rlib", "splitlink metadata"])?;
    let output = run(&mut project.splitlink(&words("link-only --plan out/plan.json --modules out/modules --output rlib=out/x.rlib")))?;
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains("an rlib is not linked"), "{said}");
    project.nothing_left(&["out/p.json", "out/m", "out/x.rlib", "rlib=out"]).context("something was made")?;
    Ok(())
}

/// A path may have a `=` of its own, in every option.
#[test]
fn paths_with_an_equals_sign() -> Outcome {
    let project = project("equals")?;
    std::fs::create_dir_all(project.dir.join("o=1/cdylib=2"))?;
    let dep = project.library("dep");
    good(&project.compile("metadata --output o=1/libdep-1.rmeta", &dep)?)?;
    good(&project.compile("codegen --output o=1/libdep-1.rlib --published-metadata o=1/libdep-1.rmeta", &dep)?)?;
    let args =
        [command("cdylib,staticlib", "absent=3"), words("--out-dir=absent=4 -Ln=1 -Lnative=n=2 -Clink-arg=-Wl,--defsym=other=answer")]
            .concat();
    good(&project.compile("no-link --plan o=1/plan.json --modules o=1/m=5 --metadata=o=1/libdep-1.rmeta", &args)?)?;
    let link = |outputs: &str| -> Result<std::process::Output> {
        let mut command =
            project.splitlink(&words(&format!("link-only --plan o=1/plan.json --modules o=1/m=5 --rlib o=1/libdep-1.rlib {outputs}")));
        run(command.arg("--sysroot").arg(&splitlink_tests::rustc_fixture::tools::Toolchain::stable().sysroot))
    };
    let plan = String::from_utf8_lossy(&project.read("o=1/plan.json")?).into_owned();
    assert!(!plan.contains(&*project.dir.to_string_lossy()), "{plan}");
    assert_eq!(plan.matches("\"n=1\"").count() + plan.matches("\"n=2\"").count(), 4, "each of two crate types has both folders: {plan}");
    let outputs = "--output cdylib=o=1/cdylib=2/a=b.so --output=staticlib=./cdylib=6.a --report o=1/r=7.json";
    good(&link(outputs)?)?;
    for made in ["o=1/cdylib=2/a=b.so", "cdylib=6.a", "o=1/r=7.json"] {
        assert!(project.has(made), "`{made}` is missing");
    }
    // Without a type it would be the path of the plan's only artifact.
    refused(&link("--output o=1/x.so")?, &["several crate types: cdylib, staticlib", "--output cdylib=PATH"])?;
    let output = link("--output cdylib=")?;
    assert!(!output.status.success() && String::from_utf8_lossy(&output.stderr).contains("names no file"), "{output:?}");
    good(&project.compile("no-link --plan o=1/plan.json --modules o=1/m=5 --metadata=o=1/libdep-1.rmeta", &command("cdylib", "absent"))?)?;
    good(&link("--output o=1/only=one.so")?)?;
    assert!(project.has("o=1/only=one.so"));
    Ok(())
}
