//! Link-time optimisation in link-only.

use anyhow::{Context, Result, ensure};
use object::{Object, ObjectSection, ObjectSymbol};
use serde_json::{Value, json};
use splitlink_tests::rustc_fixture::disassembly::{calls_of, defined};
use splitlink_tests::rustc_fixture::project::{Project, good, refused, words};
use splitlink_tests::rustc_fixture::schema::{schema_of, validate};
use splitlink_tests::rustc_fixture::tools::{Failure, Toolchain, names_in, run, succeed};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

const MODES: [&str; 2] = ["thin", "fat"];

type Outcome = Result<(), Failure>;

/// A project whose `dep` and whose linked crate `name` are compiled to bitcode.
fn compiled(folder: &str, name: &str, crate_type: &str) -> Result<Project> {
    let project = Project::new(folder)?;
    compile(&project, name, crate_type, "-Copt-level=2")?;
    Ok(project)
}

/// Compiles `dep` and the linked crate `name` to bitcode, both with `flags`.
fn compile(project: &Project, name: &str, crate_type: &str, flags: &str) -> Result<()> {
    fs::create_dir_all(project.dir.join("out"))?;
    let dep = [project.library("dep"), words(flags)].concat();
    good(&project.compile("metadata --lto --output out/libdep-1.rmeta", &dep)?)?;
    good(&project.compile("codegen --lto --output out/libdep-1.rlib --published-metadata out/libdep-1.rmeta", &dep)?)?;
    let args = [project.linked(name, crate_type), words(flags)].concat();
    let options = "no-link --lto --plan out/plan.json --modules out/modules --metadata out/libdep-1.rmeta";
    good(&project.compile(options, &args)?)
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
    let cached = || -> BTreeSet<String> { names_in(&project.dir.join("out/cache")).into_iter().collect() };
    let entries = cached();
    // Its own modules, the allocator shim, `dep`, and far more than these of the standard library.
    ensure!(entries.len() > modules.len() + 5, "LTO saw {} modules: {entries:?}", entries.len());
    let printed = succeed(&mut Command::new(project.dir.join("out/artifact")))?.stdout;
    ensure!(printed == b"82\n", "it prints {:?}", String::from_utf8_lossy(&printed));

    good(&link()?)?;
    ensure!(cached() == entries, "an unchanged module was optimised again");
    ensure!(project.read("out/artifact")? == first, "what comes out of the cache differs");
    // Bounded: what does not fit is not kept, and the link is the same.
    let size = || -> Result<u64> {
        let files = names_in(&project.dir.join("out/cache")).into_iter().map(|name| fs::metadata(project.dir.join("out/cache").join(name)));
        Ok(files.collect::<std::io::Result<Vec<_>>>()?.iter().map(fs::Metadata::len).sum())
    };
    let bound = size()? / 2;
    let options = format!("--rlib out/libdep-1.rlib --lto thin --lto-cache out/cache --lto-cache-size {bound} --output out/artifact");
    good(&project.link_only_with(&options)?)?;
    ensure!((1..=bound).contains(&size()?), "the cache holds {} bytes and may hold {bound}", size()?);
    ensure!(project.read("out/artifact")? == first, "what is made with a small cache differs");
    fs::remove_dir_all(project.dir.join("out/cache"))?;
    good(&project.link_only_with("--rlib out/libdep-1.rlib --lto thin --output out/artifact")?)?;
    ensure!(project.read("out/artifact")? == first, "what is made without the cache differs");
    Ok(())
}

#[test]
fn what_was_not_compiled_for_lto() -> Outcome {
    for mode in MODES {
        let project = Project::planned(&format!("lto_{mode}_not_compiled"))?;
        let options = format!("--rlib out/libdep-1.rlib --lto {mode} --output out/artifact --report out/report.json");
        refused(&project.link_only_with(&options)?, &["`app` was not compiled for LTO", "give `--lto` to no-link"])?;
        project.nothing_left(&["out/artifact", "out/report.json"])?;
    }
    Ok(())
}

#[test]
fn modules_that_are_broken() -> Outcome {
    for mode in MODES {
        let project = compiled(&format!("lto_{mode}_broken"), "app", "bin")?;
        let modules = project.dir.join("out/modules");
        let own = names_in(&modules).into_iter().find(|name| name.starts_with("app.")).context("there is no module")?;
        let bytes = fs::read(modules.join(&own))?;
        fs::write(modules.join(&own), &bytes[..bytes.len() / 2])?;
        let output =
            project.link_only_with(&format!("--rlib out/libdep-1.rlib --lto {mode} --output out/artifact --report out/report.json"))?;
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains("error: ") && said.contains("app."), "it does not name the module: {said}");
        project.nothing_left(&["out/artifact", "out/report.json"])?;
    }
    Ok(())
}

/// `bitcode` as LLVM 99 would have written it: the first bytes hold the writer's version as text,
/// each character as two chunks of 6 bits whose highest says whether there is another.
fn of_newer_llvm(bitcode: &[u8]) -> Result<Vec<u8>> {
    let mut bits: Vec<bool> = bitcode[..96].iter().flat_map(|byte| (0..8).map(move |bit| byte >> bit & 1 == 1)).collect();
    let encoded = |text: &str| -> Vec<bool> {
        let chunks = text.bytes().flat_map(|c| [c & 31 | 32, c >> 5]);
        chunks.flat_map(|chunk| (0..6).map(move |bit| chunk >> bit & 1 == 1)).collect()
    };
    let old = encoded("LLVM22.");
    let at = bits.windows(old.len()).position(|window| window == old);
    let at = at.context("the bitcode does not say that LLVM 22 wrote it; is the toolchain of this test another?")?;
    bits[at..at + old.len()].copy_from_slice(&encoded("LLVM99."));
    let start = bits.chunks(8).map(|byte| byte.iter().rev().fold(0, |value, bit| value << 1 | u8::from(*bit)));
    Ok(start.chain(bitcode[96..].iter().copied()).collect())
}

#[test]
fn modules_of_a_newer_llvm() -> Outcome {
    let project = compiled("lto_newer_llvm", "app", "bin")?;
    project.write("other.rs", "#[unsafe(no_mangle)]\npub extern \"C\" fn other() {}\n")?;
    good(&project.rustc(&words("other.rs --crate-type=lib --emit=llvm-bc -o other.o"))?)?;
    project.write("other.o", of_newer_llvm(&project.read("other.o")?)?)?;
    succeed(Command::new("ar").current_dir(&project.dir).args(["crsD", "libother.a", "other.o"]))?;
    let options = "no-link --lto --plan out/plan.json --modules out/modules --metadata out/libdep-1.rmeta";
    for (flags, named) in [("-Clink-arg=other.o", "`other.o(other.o)`"), ("-L. -lstatic=other", "`libother.a(other.o)`")] {
        good(&project.compile(options, &[project.linked("app", "bin"), words(flags)].concat())?)?;
        for mode in MODES {
            let output =
                project.link_only_with(&format!("--rlib out/libdep-1.rlib --lto {mode} --output out/artifact --report out/report.json"))?;
            let texts = &["cannot optimise the bin", named, "a newer LLVM: LLVM99.", " wrote it, and the Rust toolchain has LLVM22."];
            refused(&output, texts).with_context(|| format!("{mode} {flags}"))?;
            project.nothing_left(&["out/artifact", "out/report.json"])?;
        }
    }
    Ok(())
}

#[test]
fn an_engine_that_is_not_there() -> Outcome {
    let project = compiled("lto_no_engine", "app", "bin")?;
    let output = project.link_only_with("--rlib out/libdep-1.rlib --lto fat --lto-engine out/none --output out/artifact")?;
    refused(&output, &["the engine of fat LTO", "out/none"])?;
    project.nothing_left(&["out/artifact"])?;
    Ok(())
}

/// Crate types share a run where their formats and thresholds agree: what a staticlib has inside, a
/// dylib with a shared standard library has not.
#[test]
fn groups_of_crate_types() -> Outcome {
    Ok(groups()?)
}

fn groups() -> Result<()> {
    let project = Project::new("lto_groups")?;
    // What is in which group does not follow from how it is optimised.
    compile(&project, "library", "staticlib,cdylib,dylib", "-Copt-level=0")?;
    let mut std_manifest = project.splitlink(&words("std-manifest --output out/std.json --rustc"));
    good(&run(std_manifest.arg(&Toolchain::stable().rustc).arg("--libdir").arg(Toolchain::stable().libdir()))?)?;
    project.write("main.c", "#include <stdio.h>\nunsigned long answer(void);\nint main(void) { printf(\"%lu\\n\", answer()); }\n")?;
    fs::create_dir_all(project.dir.join("out/d"))?;
    let path = format!("out/d:{}", Toolchain::stable().libdir().display());
    let shared = "--std-manifest out/std.json --prefer-dynamic";
    for mode in MODES {
        for (options, expected) in [
            ("", json!([[["staticlib", "cdylib"], "C"], [["dylib"], "Rust"]])),
            (shared, json!([[["staticlib"], "C"], [["cdylib"], "C"], [["dylib"], "Rust"]])),
        ] {
            let outputs =
                "--output staticlib=out/libanswer.a --output cdylib=out/c.so --output dylib=out/d/liblibrary.so --report out/report.json";
            good(&project.link_only_with(&format!("--rlib out/libdep-1.rlib --lto {mode} {options} {outputs}"))?)?;
            let report: Value = serde_json::from_slice(&project.read("out/report.json")?)?;
            let groups: Vec<Value> =
                report["lto"].as_array().into_iter().flatten().map(|group| json!([group["crate_types"], group["threshold"]])).collect();
            assert_eq!(json!(groups), expected, "{mode} {options}");
            for group in report["lto"].as_array().into_iter().flatten() {
                assert_eq!(group["mode"], mode);
                assert!(group["kept"].as_array().is_some_and(|kept| kept.contains(&json!("answer"))), "{group}");
                let has_std =
                    group["crates"].as_array().into_iter().flatten().any(|id| id.as_str().is_some_and(|id| id.starts_with("std-")));
                assert_eq!(has_std, options.is_empty() || group["crate_types"][0] == "staticlib", "{group}");
            }
            let shown = succeed(&mut project.splitlink(&words("explain --all out/report.json")))?.stdout;
            let shown = String::from_utf8_lossy(&shown);
            assert!(shown.contains(mode) && shown.contains("answer"), "{shown}");
            for library in ["libanswer.a", "c.so", "d/liblibrary.so"] {
                let mut gcc = Command::new("gcc");
                gcc.current_dir(&project.dir).args(["main.c", "-o", "out/main"]).arg(format!("out/{library}")).arg("-Wl,-rpath,$ORIGIN");
                gcc.arg(format!("-Wl,-rpath-link,{}", Toolchain::stable().libdir().display()));
                succeed(gcc.args(["-lgcc_s", "-lpthread", "-lm", "-ldl", "-lc"]))?;
                let printed = succeed(Command::new("out/main").current_dir(&project.dir).env("LD_LIBRARY_PATH", &path))?.stdout;
                assert_eq!(printed, b"42\n", "{mode} {options} {library}");
            }
        }
    }
    Ok(())
}

/// Times only on request, for a report is the same each time otherwise.
#[test]
fn times_in_the_report() -> Outcome {
    let project = Project::new("lto_times")?;
    compile(&project, "app", "bin", "-Copt-level=0")?;
    let schema = schema_of("link-report")?;
    for mode in MODES {
        let report = |options: &str| -> Result<(Vec<u8>, Value)> {
            let outputs = "--output out/artifact --report out/report.json";
            good(&project.link_only_with(&format!("--rlib out/libdep-1.rlib --lto {mode} {outputs} {options}"))?)?;
            let bytes = project.read("out/report.json")?;
            let value = serde_json::from_slice(&bytes)?;
            validate(&schema, &value)?;
            Ok((bytes, value))
        };
        let (bytes, without) = report("")?;
        assert_eq!(without["lto"][0].get("milliseconds"), None);
        assert!(report("")?.0 == bytes, "{mode}: two reports differ");
        let (_, mut with) = report("--report-times")?;
        let artifact = with["artifacts"][0].as_object_mut().context("an artifact is an object")?;
        artifact.remove("milliseconds").context("there are no times of the artifact")?;
        let shown = succeed(&mut project.splitlink(&words("explain --all out/report.json")))?.stdout;
        let group = with["lto"][0].as_object_mut().context("a group is an object")?;
        let times = group.remove("milliseconds").context("there are no times")?;
        let of_link = with.as_object_mut().and_then(|report| report.remove("milliseconds")).context("there are no times of the link")?;
        assert!(of_link["total"].as_u64() >= times["total"].as_u64(), "{mode}: {of_link} {times}");
        assert_eq!(with, without, "{mode}: the rest is as without times");
        // No LTO of the standard library is over in a millisecond.
        let total = times["total"].as_u64().filter(|total| *total > 0).with_context(|| times.to_string())?;
        assert!(String::from_utf8_lossy(&shown).contains(&format!("  took: {total} ms")), "{mode}");
        let phases: Vec<u64> = ["merge", "optimise", "generate"].iter().filter_map(|phase| times[phase].as_u64()).collect();
        assert_eq!(phases.len(), if mode == "fat" { 3 } else { 0 }, "{mode}");
        assert!(phases.iter().sum::<u64>() <= total, "{mode}: {times}");
    }
    let output = project.link_only_with("--rlib out/libdep-1.rlib --lto thin --report-times --output out/other")?;
    assert!(!output.status.success() && String::from_utf8_lossy(&output.stderr).contains("--report <JSON>"), "{output:?}");
    Ok(())
}

/// A crate of several modules and, if it has many functions, worth several parts: long functions with
/// nothing to simplify. Without the standard library, so that LTO is quick.
fn large(functions: usize) -> String {
    let step =
        |n: usize| format!("    x = x.rotate_left({}) ^ (x | y).wrapping_mul({}); y ^= x >> {};\n", n % 31 + 1, 2 * n + 3, n % 13 + 3);
    let function = |n: usize| {
        let steps: String = (0..200).map(|at| step(n * 7 + at)).collect();
        format!("mod m{n} {{\n#[unsafe(no_mangle)]\npub extern \"C\" fn f{n}(mut x: u64, mut y: u64) -> u64 {{\n{steps}    x ^ y\n}}\n}}\n")
    };
    let start = "#![no_std]\n#[panic_handler]\nfn panic(_: &core::panic::PanicInfo) -> ! { loop {} }\n";
    (1..=functions).map(function).fold(start.to_owned(), |all, function| all + &function)
}

#[test]
fn the_same_bytes_for_any_number_of_threads() -> Outcome {
    // Thin LTO makes an object of each module, fat LTO of each part.
    for (mode, functions) in [("thin", 8), ("fat", 110)] {
        let project = Project::new(&format!("lto_threads_{mode}"))?;
        project.write("library.rs", large(functions))?;
        compile(&project, "library", "cdylib", "-Copt-level=1 -Cpanic=abort")?;
        let link = |output: &str, prefix: &[&str]| -> Result<Value> {
            let options = format!("--rlib out/libdep-1.rlib --lto {mode} --output {output} --report {output}.json");
            let link_only = project.splitlink(&words(&format!("link-only --plan out/plan.json --modules out/modules {options}")));
            let mut command = Command::new(prefix.first().map_or(link_only.get_program(), |program| program.as_ref()));
            command.current_dir(&project.dir);
            if let [_, rest @ ..] = prefix {
                command.args(rest).arg(link_only.get_program());
            }
            command.args(link_only.get_args()).arg("--sysroot").arg(&Toolchain::stable().sysroot);
            succeed(&mut command)?;
            Ok(serde_json::from_slice(&project.read(&format!("{output}.json"))?)?)
        };
        // A program that may use one processor makes one thread.
        let one = link("one/library.so", &["taskset", "-c", "0"])?;
        let all = link("all/library.so", &[])?;
        assert!(
            all["lto"][0]["objects"].as_array().is_some_and(|sizes| sizes.len() > 1),
            "{mode}: it is all one part, so threads have nothing to share"
        );
        assert_eq!(one, all, "{mode}");
        assert!(project.read("one/library.so")? == project.read("all/library.so")?, "{mode}: the bytes differ");
    }
    Ok(())
}

#[test]
fn the_allocator_shim_is_inlined() -> Outcome {
    let source = "#[unsafe(no_mangle)]\npub extern \"C\" fn allocates(n: usize) -> *mut [u64] {\n    \
                  let mut all = Vec::with_capacity(n);\n    for i in 0..n as u64 { all.push(i * i); }\n    Box::into_raw(all.into_boxed_slice())\n}\n";
    let is_shim = |name: &String| ["___rust_alloc", "___rust_dealloc", "___rust_realloc"].iter().any(|shim| name.ends_with(shim));
    let project = Project::new("lto_shim")?;
    project.write("library.rs", source)?;
    compile(&project, "library", "cdylib", "-Copt-level=2")?;
    for mode in MODES {
        good(&project.link_only_with(&format!("--rlib out/libdep-1.rlib --lto {mode} --output out/{mode}.so"))?)?;
        let called = calls_of(&project.dir.join(format!("out/{mode}.so")), "allocates")?;
        assert!(!called.iter().any(is_shim), "{mode}: {called:?}");
        assert!(called.iter().any(|name| name.contains("malloc")), "{mode}: {called:?}");
    }
    // Without LTO it is there, so this test would see it.
    let project = Project::new("lto_shim_off")?;
    project.write("library.rs", source)?;
    project.build_dep()?;
    good(&project.no_link(&[project.linked("library", "cdylib"), words("-Copt-level=2")].concat())?)?;
    good(&project.link_only_with("--rlib out/libdep-1.rlib --output out/off.so")?)?;
    let library = project.dir.join("out/off.so");
    let (defined, called) = (defined(&library)?, calls_of(&library, "allocates")?);
    assert!(defined.iter().any(is_shim) && !called.iter().any(|name| name.contains("malloc")), "{called:?}");
    Ok(())
}

/// Code is generated at the level that rustc generates it at, whatever an lld does by itself: the
/// same instructions, of a function with nothing to optimise.
#[test]
fn the_level_of_code_generation_is_rustcs() -> Outcome {
    let project = Project::new("lto_code_level")?;
    let source = "#![no_std]\n#[unsafe(no_mangle)]\npub extern \"C\" fn mixed(x: u64, y: u64) -> u64 { if x > y { x ^ y } else { x & y } }\n\
                  #[panic_handler]\nfn panic(_: &core::panic::PanicInfo) -> ! { loop {} }\n";
    project.write("level.rs", source)?;
    fs::create_dir_all(project.dir.join("out"))?;
    let mut lengths = BTreeSet::new();
    for mode in MODES {
        for level in ["0", "1", "2", "3", "s", "z"] {
            let args = words(&format!(
                "--crate-name=level level.rs --crate-type=cdylib --edition=2024 --emit=link -Cpanic=abort -Copt-level={level}"
            ));
            good(&project.compile("no-link --lto --plan out/plan.json --modules out/modules", &args)?)?;
            good(&project.link_only_with(&format!("--lto {mode} --output out/split.so"))?)?;
            good(&project.rustc(&[args, words(&format!("-Clto={mode} -o out/reference.so"))].concat())?)?;
            let [reference, split] = ["reference", "split"].map(|name| code_of(&project.dir.join(format!("out/{name}.so")), "mixed"));
            let (reference, split) = (reference?, split?);
            assert_eq!(split, reference, "{mode} at level {level}");
            lengths.insert(reference.len());
        }
    }
    assert!(lengths.len() > 1, "every level gives the same code, so nothing is compared");
    Ok(())
}

/// The instructions of a function that a library exports.
fn code_of(library: &Path, function: &str) -> Result<Vec<u8>> {
    let bytes = fs::read(library)?;
    let file = object::File::parse(&*bytes)?;
    let symbol = file.dynamic_symbols().find(|symbol| symbol.name() == Ok(function)).with_context(|| format!("no `{function}`"))?;
    let section = file.section_by_index(symbol.section_index().context("it is in no section")?)?;
    Ok(section.data_range(symbol.address(), symbol.size())?.context("its code is in no file")?.to_vec())
}

/// What links nothing of the standard library says nothing of the toolchain's folder for it.
#[test]
fn without_any_library() -> Outcome {
    let project = Project::new("lto_without_core")?;
    let source = "#![feature(no_core, lang_items)]\n#![no_core]\n#[lang = \"pointee_sized\"]\ntrait PointeeSized {}\n\
                  #[lang = \"meta_sized\"]\ntrait MetaSized: PointeeSized {}\n#[lang = \"sized\"]\ntrait Sized: MetaSized {}\n\
                  #[unsafe(no_mangle)]\nextern \"C\" fn nothing_at_all() {}\n";
    project.write("alone.rs", source)?;
    fs::create_dir_all(project.dir.join("out"))?;
    let args = words(
        "--crate-name=alone alone.rs --crate-type=cdylib --edition=2024 --emit=link --out-dir=absent -Copt-level=2 -Cpanic=abort -Ainternal_features",
    );
    let mut no_link = project.splitlink(&words("no-link --lto --plan out/plan.json --modules out/modules"));
    succeed(no_link.arg("--").arg(&Toolchain::stable().rustc).args(args).env("RUSTC_BOOTSTRAP", "1"))?;
    for mode in MODES {
        good(&project.link_only_with(&format!("--lto {mode} --output out/{mode}.so"))?).context(mode)?;
        let functions = defined(&project.dir.join(format!("out/{mode}.so")))?;
        assert!(functions.iter().any(|function| function == "nothing_at_all"), "{mode}: {functions:?}");
    }
    Ok(())
}
