//! Crates that cannot be linked together in the forms that are offered, and broken dylib manifests
//! and link reports: each is refused with the crate or file, why and what to try, and nothing is
//! left behind.

use anyhow::{Context, Result};
use serde_json::{Map, Value};
use splitlink_tests::rustc_fixture::project::{Project, good, refused, words};
use splitlink_tests::rustc_fixture::tools::{Failure, Toolchain, names_in, run};
use std::fs;
use std::process::Output;

type Outcome = Result<(), Failure>;

/// All that a link may leave.
const OUTPUTS: &[&str] = &["out/artifact", "out/artifact.manifest.json", "out/report.json"];

/// A project with the libraries `left` and `right`, which both use `dep`, and `app`, which uses
/// both.
struct Lab(Project);

impl Lab {
    fn new(name: &str) -> Result<Self> {
        let project = Project::new(name)?;
        for side in ["left", "right"] {
            project.write(&format!("{side}.rs"), format!("pub fn {side}() -> u64 {{ dep::plain() }}\n"))?;
        }
        project.write("app.rs", "fn main() { println!(\"{}\", left::left() + right::right()); }\n")?;
        let lab = Self(project);
        lab.libraries()?;
        let toolchain = Toolchain::stable();
        let mut std_manifest = lab.0.splitlink(&words("std-manifest --output out/std.json --rustc"));
        good(&run(std_manifest.arg(&toolchain.rustc).arg("--libdir").arg(toolchain.libdir()))?)?;
        Ok(lab)
    }

    /// Compiles the libraries.
    fn libraries(&self) -> Result<()> {
        self.0.build_dep()?;
        for side in ["left", "right"] {
            let args = self.0.library(side);
            let dep = "--metadata out/libdep-1.rmeta";
            good(&self.0.compile(&format!("metadata --output out/lib{side}-1.rmeta {dep}"), &args)?)?;
            let published = format!("--published-metadata out/lib{side}-1.rmeta {dep}");
            good(&self.0.compile(&format!("codegen --output out/lib{side}-1.rlib {published}"), &args)?)?;
        }
        Ok(())
    }

    /// Makes `out/lib<name>-1.so` of a library; `options` offer crates and say how to link.
    fn dylib(&self, name: &str, options: &str) -> Result<()> {
        let no_link = format!("no-link --dylib-of out/lib{name}-1.rmeta --plan out/{name}.json --modules out/{name}.modules {METADATA}");
        good(&self.0.compile(&no_link, &self.0.library(name))?)?;
        let link = format!("link-only --plan out/{name}.json --modules out/{name}.modules --rlib out/lib{name}-1.rlib {options}");
        let mut link = self.0.splitlink(&words(&format!("{link} --output out/lib{name}-1.so")));
        good(&run(link.arg("--sysroot").arg(&Toolchain::stable().sysroot))?).context(name.to_owned())
    }

    /// Plans `app`, as a linked crate of the type and flags that `args` say.
    fn plan(&self, args: &str) -> Result<()> {
        let app =
            "--crate-name=app --edition=2024 --extern=left=absent/libleft-1.rlib --extern=right=absent/libright-1.rlib -Ldependency=absent";
        good(&self.0.compile(&format!("no-link --plan out/plan.json --modules out/modules {METADATA}"), &words(&format!("{app} {args}")))?)
    }

    fn link(&self, options: &str) -> Result<Output> {
        self.0.link_only_with(&format!("{options} --report out/report.json --output out/artifact"))
    }

    /// Checks that a link with `options` goes well; what it made is removed.
    fn accepts(&self, options: &str) -> Result<()> {
        good(&self.link(options)?).with_context(|| options.to_owned())?;
        for output in ["out/artifact", "out/report.json"] {
            fs::remove_file(self.0.dir.join(output))?;
        }
        Ok(())
    }

    /// Checks that a link with `options` is refused with `texts` and leaves nothing.
    fn refuses(&self, options: &str, texts: &[&str]) -> Result<()> {
        refused(&self.link(options)?, texts).with_context(|| options.to_owned())?;
        self.0.nothing_left(OUTPUTS).with_context(|| options.to_owned())
    }
}

const METADATA: &str = "--metadata out/libdep-1.rmeta --metadata out/libleft-1.rmeta --metadata out/libright-1.rmeta";
const RLIBS: &str = "--rlib out/libdep-1.rlib --rlib out/libleft-1.rlib --rlib out/libright-1.rlib";
const DYNAMIC: &str = "--std-manifest out/std.json --prefer-dynamic";
const BOTH: &str = "--dylib out/libleft-1.so --dylib out/libright-1.so";

#[test]
fn a_crate_inside_two_dylibs() -> Outcome {
    let lab = Lab::new("twice")?;
    for side in ["left", "right"] {
        lab.dylib(side, &format!("--rlib out/libdep-1.rlib {DYNAMIC}"))?;
    }
    lab.plan("app.rs")?;
    let twice = ["the crate `dep-1` would be in `app` twice", "inside the dylib of `left-1`", "inside the dylib of `right-1`"];
    let ways = ["have every dylib link `dep-1` dynamically", "give rlibs for the dylibs that contain it"];
    lab.refuses(&format!("{RLIBS} {BOTH} {DYNAMIC}"), &[&twice[..], &ways].concat())?;
    // Without the rlibs, static linking has no chance, and the message says of which crates it
    // would need them.
    let unavailable = "these crates have no rlib, or all could be static: ";
    lab.refuses(&format!("--rlib out/libdep-1.rlib {BOTH} --std-manifest out/std.json"), &[&twice[..], &[unavailable]].concat())?;
    // As the message says: with rlibs and without a preference all is well, and with `dep` as a
    // dylib, too.
    lab.accepts(RLIBS)?;
    lab.dylib("dep", DYNAMIC)?;
    lab.refuses(
        &format!("{RLIBS} --dylib out/libleft-1.so --dylib out/libdep-1.so {DYNAMIC}"),
        &["the crate `dep-1` would be in `app` twice", "as a dylib of its own"],
    )?;
    for side in ["left", "right"] {
        lab.dylib(side, &format!("--dylib out/libdep-1.so {DYNAMIC}"))?;
    }
    lab.accepts(&format!("{BOTH} --dylib out/libdep-1.so {DYNAMIC}"))?;
    // The dylibs need that of `dep`.
    lab.refuses(
        &format!("{RLIBS} {BOTH} {DYNAMIC}"),
        &["-1` needs the dylib of `dep-1`, and none was given", "was linked against it", "add `--dylib`"],
    )?;
    // And the standard library's, which all three were linked against.
    lab.refuses(&format!("{BOTH} --dylib out/libdep-1.so"), &["needs the dylib of `std-", "--std-manifest"])?;
    Ok(())
}

#[test]
fn crates_in_no_usable_form() -> Outcome {
    let lab = Lab::new("no_form")?;
    for (name, options) in [("dep", ""), ("left", "--dylib out/libdep-1.so"), ("right", "--dylib out/libdep-1.so")] {
        lab.dylib(name, &format!("{options} {DYNAMIC}"))?;
    }
    lab.plan("app.rs")?;
    let no_form = &["`app` needs the crate `dep-1`, and neither an rlib nor a dylib of it was given", "missing from the action's inputs"];
    lab.refuses("--rlib out/libleft-1.rlib --rlib out/libright-1.rlib", no_form)?;
    let only_dylib = format!("--rlib out/libdep-1.rlib --rlib out/libright-1.rlib --dylib out/libleft-1.so {DYNAMIC}");
    let needed = &["can only be linked from rlibs", "`app`", "there is none of: left-1", "a dylib cannot go into it"];
    lab.0.write("lib.rs", "#[unsafe(no_mangle)]\npub extern \"C\" fn answer() -> u64 { left::left() + right::right() }\n")?;
    for (args, text) in [
        ("lib.rs --crate-type=staticlib", "the staticlib"),
        ("app.rs -Ctarget-feature=+crt-static", "the statically linked program"),
        ("app.rs -Ctarget-feature=+crt-static -Crelocation-model=static", "the statically linked program"),
    ] {
        lab.plan(args)?;
        lab.refuses(&only_dylib, &[&needed[..], &[text]].concat()).with_context(|| args.to_owned())?;
    }
    Ok(())
}

#[test]
fn panic_strategies_that_do_not_match() -> Outcome {
    let lab = Lab::new("panic")?;
    lab.plan("app.rs -Cpanic=abort")?;
    let mismatch =
        ["the panic runtime `panic_unwind-", "which the dylib of `std-", "contains", "`app`'s panic strategy, `abort`", "-Cpanic"];
    lab.refuses(&format!("{RLIBS} {DYNAMIC}"), &mismatch)?;
    lab.accepts(&format!("{RLIBS} --std-manifest out/std.json"))?;
    // Two runtimes, as manifests say: rustc would have to be of two minds to make such dylibs.
    for (name, options) in [("dep", ""), ("left", "--dylib out/libdep-1.so")] {
        lab.dylib(name, &format!("{options} {DYNAMIC}"))?;
    }
    lab.plan("app.rs")?;
    let path = "out/libleft-1.so.manifest.json";
    let manifest = String::from_utf8_lossy(&lab.0.read(path)?).replace("\"contains\": []", "\"contains\": [\"panic_abort-1\"]");
    lab.0.write(path, manifest)?;
    let both = format!("--rlib out/libright-1.rlib --dylib out/libleft-1.so --dylib out/libdep-1.so {DYNAMIC}");
    lab.refuses(&both, &["`app` would have two panic runtimes", "`panic_abort-1`", "`panic_unwind-"])?;
    Ok(())
}

/// Its allocator gives addresses that the standard library's cannot free.
const SHIFTING: &str = r#"
use std::alloc::{GlobalAlloc, Layout, System};

struct Shifting;

fn larger(layout: Layout) -> Layout {
    Layout::from_size_align(layout.size() + 64, layout.align().max(64)).expect("the size is small")
}

unsafe impl GlobalAlloc for Shifting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let start = unsafe { System.alloc(larger(layout)) };
        if start.is_null() { start } else { unsafe { start.add(64) } }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        unsafe { System.dealloc(pointer.sub(64), larger(layout)) }
    }
}

#[global_allocator]
static ALLOCATOR: Shifting = Shifting;

fn main() {
    let sum = std::thread::spawn(|| vec![left::left(), right::right()].into_iter().sum::<u64>()).join();
    println!("{}", sum.expect("the thread ends"));
}
"#;

/// What one allocator gives, the other cannot free: such dylibs are refused, or left out with a
/// reason.
#[test]
fn a_second_allocator() -> Outcome {
    let lab = Lab::new("second_allocator")?;
    lab.dylib("dep", DYNAMIC)?;
    for side in ["left", "right"] {
        lab.dylib(side, &format!("--dylib out/libdep-1.so {DYNAMIC}"))?;
    }
    let dylibs = format!("{BOTH} --dylib out/libdep-1.so");
    lab.0.write("app.rs", SHIFTING)?;
    for level in ["", " -Copt-level=2"] {
        lab.plan(&format!("app.rs{level}"))?;
        let refused = ["`app` has a `#[global_allocator]`", "`std-", "the other would free", "help: link it statically"];
        lab.refuses(&format!("{RLIBS} {DYNAMIC}"), &refused)?;
        lab.refuses(&format!("{RLIBS} {dylibs} {DYNAMIC}"), &refused)?;
        good(&lab.link(&format!("{RLIBS} {dylibs} {DYNAMIC} --static-with-own-allocator"))?)?;
        let ran = run(&mut std::process::Command::new(lab.0.dir.join("out/artifact")))?;
        assert_eq!(String::from_utf8_lossy(&ran.stdout), "84\n", "{:?}: {}", ran.status, String::from_utf8_lossy(&ran.stderr));
        let report: Value = serde_json::from_slice(&lab.0.read("out/report.json")?).context("the report is JSON")?;
        let crates = report["artifacts"][0]["crates"].as_array().context("the report has crates")?;
        for name in ["left-1", "std-"] {
            let of = crates.iter().find(|of| of["crate"].as_str().is_some_and(|id| id.starts_with(name))).context(name)?;
            assert_eq!(of["linkage"], "static", "{of}");
            assert!(of["reason"].as_str().is_some_and(|reason| reason.contains("#[global_allocator]")), "{of}");
        }
        for output in ["out/artifact", "out/report.json"] {
            fs::remove_file(lab.0.dir.join(output))?;
        }
    }
    // A dylib that has the standard library inside, too.
    lab.plan("app.rs")?;
    lab.dylib("dep", "")?;
    let with_std = format!("--rlib out/libleft-1.rlib --rlib out/libright-1.rlib --dylib out/libdep-1.so {DYNAMIC}");
    lab.refuses(&with_std.replace("--std-manifest out/std.json ", ""), &["`app` has a `#[global_allocator]`", "the dylib of `dep-1`"])?;
    // Without such an allocator nothing is left out.
    lab.0.write("app.rs", "fn main() { println!(\"{}\", left::left() + right::right()); }\n")?;
    lab.plan("app.rs")?;
    lab.accepts(&format!("{with_std} --static-with-own-allocator").replace("--std-manifest out/std.json ", ""))?;
    Ok(())
}

#[test]
fn two_global_allocators() -> Outcome {
    let lab = Lab::new("allocators")?;
    let allocator = "#[global_allocator]\nstatic A: std::alloc::System = std::alloc::System;\n";
    lab.0.write("dep.rs", format!("{allocator}pub fn plain() -> u64 {{ 1 }}\n"))?;
    lab.0.build_dep()?;
    lab.0.write("app.rs", format!("{allocator}fn main() {{ println!(\"{{}}\", dep::plain()); }}\n"))?;
    // rustc sees to it in no-link, from metadata.
    let output = lab.0.no_link(&lab.0.linked("app", "bin"))?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && said.contains("global allocator") && said.contains("dep"), "{said}");
    lab.0.nothing_left(&["out/plan.json", "out/modules"])?;
    Ok(())
}

#[test]
fn dylibs_of_another_build() -> Outcome {
    let lab = Lab::new("other_build")?;
    lab.dylib("dep", DYNAMIC)?;
    lab.dylib("left", &format!("--rlib out/libdep-1.rlib {DYNAMIC}"))?;
    lab.0.write("dep.rs", "pub fn plain() -> u64 { 7 }\npub fn more() {}\n")?;
    lab.libraries()?;
    lab.plan("app.rs")?;
    let compiled_against = "is not the build of the crate `dep-1` that `app` was compiled against";
    let help = "plan and dylib come from two builds; build both again";
    let sides = "--rlib out/libleft-1.rlib --rlib out/libright-1.rlib";
    lab.refuses(&format!("{sides} --dylib out/libdep-1.so {DYNAMIC}"), &["`out/libdep-1.so`", compiled_against, help])?;
    // Also where the crate is inside the dylib of another.
    lab.refuses(
        &format!("--rlib out/libright-1.rlib --dylib out/libleft-1.so {DYNAMIC}"),
        &["`out/libleft-1.so`", compiled_against, help],
    )?;
    Ok(())
}

#[test]
fn two_dylibs_of_one_crate() -> Outcome {
    let lab = Lab::new("two_of_one")?;
    lab.dylib("dep", DYNAMIC)?;
    fs::create_dir(lab.0.dir.join("out/other"))?;
    for file in ["libdep-1.so", "libdep-1.so.manifest.json"] {
        fs::copy(lab.0.dir.join("out").join(file), lab.0.dir.join("out/other").join(file))?;
    }
    lab.plan("app.rs")?;
    let twice = "--dylib out/libdep-1.so --dylib out/other/libdep-1.so";
    lab.refuses(&format!("{RLIBS} {twice}"), &["two dylibs were given for the crate `dep-1`", "out/other/libdep-1.so"])?;
    Ok(())
}

#[test]
fn broken_dylib_manifests() -> Outcome {
    let lab = Lab::new("manifests")?;
    lab.dylib("dep", DYNAMIC)?;
    lab.plan("app.rs")?;
    let path = "out/libdep-1.so.manifest.json";
    let manifest = String::from_utf8_lossy(&lab.0.read(path)?).into_owned();
    let std = String::from_utf8_lossy(&lab.0.read("out/std.json")?).into_owned();
    let with = |from: &str, to: &str| {
        assert!(manifest.contains(from), "{from} is not in {manifest}");
        manifest.replace(from, to)
    };
    let table: &[(String, &[&str])] = &[
        (with("\"version\": 1", "\"version\": 9"), &["is of version 9", "reads version 1", "link the dylib again"]),
        (with("\"version\": 1", "\"version\": \"1\""), &["no version"]),
        (String::new(), &["not JSON", "truncated"]),
        (manifest[..manifest.len() / 2].to_owned(), &["not JSON", "truncated"]),
        ("\u{0}ELF".to_owned(), &["not JSON"]),
        ("[]".to_owned(), &["no version", "splitlink link-only"]),
        (with("\"needs\"", "\"wants\""), &["the form that its version promises", "wants"]),
        (with("\"file_name\": \"libdep-1.so\",", ""), &["the form that its version promises", "file_name"]),
    ];
    let link = format!("{RLIBS} --dylib out/libdep-1.so {DYNAMIC}");
    for (text, texts) in table {
        lab.0.write(path, text)?;
        lab.refuses(&link, &[&["the dylib manifest `out/libdep-1.so.manifest.json`"], *texts].concat()).context(text.clone())?;
    }
    fs::remove_file(lab.0.dir.join(path))?;
    lab.refuses(&link, &["cannot read the dylib manifest `out/libdep-1.so.manifest.json`", "splitlink writes it beside each dylib"])?;

    let of_std = |text: String| -> Result<()> { lab.0.write("out/std.json", text) };
    let link = format!("{RLIBS} {DYNAMIC}");
    of_std(std.replace("libstd-", "libstd-of-another-toolchain-"))?;
    lab.refuses(&link, &["the standard library's dylib `", "libstd-of-another-toolchain-", "is missing", "--std-manifest"])?;
    of_std(std[..std.len() - 10].to_owned())?;
    lab.refuses(&link, &["the dylib manifest `out/std.json`", "not JSON"])?;
    fs::remove_file(lab.0.dir.join("out/std.json"))?;
    lab.refuses(&link, &["cannot read the dylib manifest `out/std.json`"])?;
    Ok(())
}

#[test]
fn dylibs_that_cannot_be_planned() -> Outcome {
    let lab = Lab::new("dylib_of")?;
    let planned = &["out/p.json", "out/m"];
    let plan = |options: &str| lab.0.compile(&format!("no-link --plan out/p.json --modules out/m {options}"), &lab.0.library("left"));
    for (options, texts) in [
        (
            "--dylib-of out/libleft-1.rmeta --metadata out/libdep-1.rmeta",
            &["the library `out/libleft-1.rmeta` is not among the crates that were given", "add `--metadata` for it"][..],
        ),
        ("--dylib-of out/libnone-1.rmeta --metadata out/libdep-1.rmeta", &["`out/libnone-1.rmeta` is not among the crates"]),
        ("--dylib-of out/plan.json --metadata out/libdep-1.rmeta", &["`out/plan.json` is not named as a Rust crate's file"]),
    ] {
        refused(&plan(options)?, texts).with_context(|| options.to_owned())?;
        lab.0.nothing_left(planned)?;
    }
    // The library's own code is needed, whatever dylib of it there is.
    lab.dylib("dep", DYNAMIC)?;
    let link = format!("link-only --plan out/dep.json --modules out/dep.modules --dylib out/libdep-1.so --output out/artifact {DYNAMIC}");
    let mut link = lab.0.splitlink(&words(&link));
    let output = run(link.arg("--sysroot").arg(&Toolchain::stable().sysroot))?;
    refused(&output, &["`dep-1`", "no rlib of it was given", "add `--rlib libdep-1.rlib`"])?;
    lab.0.nothing_left(OUTPUTS)?;
    Ok(())
}

#[test]
fn standard_libraries_that_cannot_be_listed() -> Outcome {
    let project = Project::new("std_manifest")?;
    project.write("out/empty/README", "")?;
    project.write("out/two/libstd-1.so", "")?;
    project.write("out/two/libstd-2.so", "")?;
    project.write("out/one/libstd-1.so", "")?;
    project.write("new_rustc.sh", "#!/bin/sh\necho '=External Dependencies='\necho '1 core-12 hash 41 style Static'\n")?;
    project.write("no_rustc.sh", "#!/bin/sh\necho 'unknown option' >&2\nexit 1\n")?;
    good(&run(std::process::Command::new("chmod").current_dir(&project.dir).args(["+x", "new_rustc.sh", "no_rustc.sh"]))?)?;
    for (options, texts) in [
        ("--libdir out/none", &["cannot list `out/none`", "the target's standard library"][..]),
        // As with musl: link-only is to be told nothing, and not of an empty list.
        ("--libdir out/empty", &["there is no `libstd-*.so` in `out/empty`", "link without `--std-manifest`"]),
        ("--libdir out/two", &["there are two standard libraries", "libstd-1.so", "libstd-2.so"]),
        ("--libdir out/one --rustc no-such-rustc", &["cannot start rustc as `no-such-rustc`"]),
        ("--libdir out/one --rustc ./no_rustc.sh", &["rustc cannot list `out/one/libstd-1.so`", "unknown option"]),
        ("--libdir out/one --rustc ./new_rustc.sh", &["cannot tell what `out/one/libstd-1.so` contains", "style Static", "the version"]),
    ] {
        let output = run(&mut project.splitlink(&words(&format!("std-manifest --output out/std.json {options}"))))?;
        refused(&output, texts).with_context(|| options.to_owned())?;
        project.nothing_left(&["out/std.json"])?;
    }
    Ok(())
}

#[test]
fn reports_that_cannot_be_explained() -> Outcome {
    let lab = Lab::new("reports")?;
    lab.plan("app.rs")?;
    good(&lab.link(RLIBS)?)?;
    let report = String::from_utf8_lossy(&lab.0.read("out/report.json")?).into_owned();
    let table: &[(String, &[&str])] = &[
        (report.replace("\"version\": 6", "\"version\": 5"), &["is of version 5", "reads version 6", "use the splitlink that wrote it"]),
        (report[..report.len() / 2].to_owned(), &["not JSON", "truncated"]),
        ("{}".to_owned(), &["no version", "--report"]),
        (report.replace("\"static\"", "\"somehow\""), &["the form that its version promises", "somehow"]),
    ];
    for (text, texts) in table {
        lab.0.write("out/report.json", text)?;
        for form in ["", "--json", "--dot"] {
            let output = run(&mut lab.0.splitlink(&words(&format!("explain {form} out/report.json"))))?;
            refused(&output, &[&["the link report `out/report.json`"], *texts].concat()).context(text.clone())?;
            assert!(output.stdout.is_empty(), "{output:?}");
        }
    }
    let output = run(&mut lab.0.splitlink(&words("explain out/none.json")))?;
    refused(&output, &["cannot read the link report `out/none.json`"])?;
    Ok(())
}

#[test]
fn one_failing_link_of_several_leaves_nothing() -> Outcome {
    let lab = Lab::new("several")?;
    lab.dylib("dep", DYNAMIC)?;
    let outputs = "--output dylib=out/libapp.so --output staticlib=out/libapp.a --report out/report.json";
    lab.0.write("lib.rs", "#[unsafe(no_mangle)]\npub extern \"C\" fn answer() -> u64 { left::left() + right::right() }\n")?;
    lab.plan("lib.rs --crate-type=dylib,staticlib")?;
    let sides = "--rlib out/libleft-1.rlib --rlib out/libright-1.rlib";
    // The dylib can be linked, the staticlib cannot.
    let output = lab.0.link_only_with(&format!("{sides} --dylib out/libdep-1.so {DYNAMIC} {outputs}"))?;
    refused(&output, &["cannot link the staticlib `app`", "there is none of: dep-1"])?;
    lab.0.nothing_left(&["out/libapp.so", "out/libapp.so.manifest.json", "out/libapp.a", "out/report.json"])?;
    good(&lab.0.link_only_with(&format!("{RLIBS} --dylib out/libdep-1.so {DYNAMIC} {outputs}"))?)?;
    let made = names_in(&lab.0.dir.join("out"));
    for name in ["libapp.a", "libapp.so", "libapp.so.manifest.json", "report.json"] {
        assert!(made.iter().any(|made| made == name), "no {name} in {made:?}");
    }
    Ok(())
}

/// The metadata of a dylib must say what link-only decides, or plain rustc would believe that all
/// is inside.
#[test]
fn metadata_that_cannot_say_how_the_dylib_is_linked() -> Outcome {
    let lab = Lab::new("metadata_formats")?;
    lab.0.write("lib.rs", "pub fn sum() -> u64 { left::left() + right::right() }\n")?;
    lab.plan("lib.rs --crate-type=dylib")?;
    let plan: Value = serde_json::from_slice(&lab.0.read("out/plan.json")?).context("the plan is JSON")?;
    let with = |change: &dyn Fn(&mut Map<String, Value>)| -> Result<()> {
        let mut plan = plan.clone();
        let line = plan["links"][0]["line"].as_array_mut().context("a link has a line")?;
        let metadata = line.iter_mut().find(|item| item["kind"] == "metadata-object").context("a dylib has metadata")?;
        change(metadata.as_object_mut().context("an item is an object")?);
        lab.0.write("out/plan.json", plan.to_string())
    };
    with(&|metadata| drop(metadata.remove("formats")))?;
    lab.refuses(
        &format!("{RLIBS} {DYNAMIC}"),
        &["the metadata of `app` says that all is linked statically", "link the dylib from rlibs only", "`rustc -vV`"],
    )?;
    // All static, that is true.
    good(&lab.link(RLIBS)?)?;
    for output in OUTPUTS {
        fs::remove_file(lab.0.dir.join(output))?;
    }
    with(&|metadata| metadata["formats"]["offset"] = 1_000_000_000.into())?;
    lab.refuses(&format!("{RLIBS} {DYNAMIC}"), &["the plan does not fit the module of the crate's metadata", "the same no-link action"])?;
    Ok(())
}
