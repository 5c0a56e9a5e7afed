//! `metadata --interface` and `codegen --interface`: what dependents are compiled against stays the
//! same when a body changes that they cannot see, and the program is the one that rustc makes.

use anyhow::{Context, Result, ensure};
use splitlink_tests::rustc_fixture::project::{Project, good, words};
use splitlink_tests::rustc_fixture::tools::{Toolchain, run};
use std::process::{Command, Output};

const METADATA: &str = "metadata --output out/libdep-1.rmeta --interface";
const NO_LINK: &str = "no-link --plan out/plan.json --modules out/modules --metadata out/libdep-1.rmeta";
const CODEGEN: &str = "codegen --output out/libdep-1.rlib --published-metadata out/libdep-1.rmeta --interface";

/// A library with everything that dependents may or may not see, and a program that uses it all.
const DEP: &str = r#"//! A library.

mod inner {
    /// Doubles.
    pub fn twice(x: u64) -> u64 { x * 2 }
}

pub struct Counter { count: u64 }

impl Counter {
    pub fn new() -> Self {
        Self { count: 1 }
    }

    pub fn add(&mut self, more: u64) -> u64 {
        self.count += inner::twice(more);
        self.count
    }
}

impl Drop for Counter {
    fn drop(&mut self) {
        println!("dropped at {}", self.count);
    }
}

pub trait Named {
    fn name(&self) -> String;
    fn loudly(&self) -> String { self.name().to_uppercase() }
}

impl Named for Counter {
    fn name(&self) -> String { format!("counter {}", self.count) }
}

pub fn boxed() -> Box<dyn Named> { Box::new(Counter::new()) }

pub const LIMIT: u64 = 7;

pub const USAGE: &str = "dep
  [over several lines]
";

pub fn check(x: u64) -> Result<u64, String> {
    if x > LIMIT { panic!("too large: {x}") }
    "4".parse::<u64>().map_err(|error| error.to_string())
}

thread_local! { static LOCAL: u64 = 5; }

pub fn local() -> u64 { LOCAL.with(|local| *local) }

pub fn place<T>(_: T) -> (u32, &'static str) { (line!(), file!()) }

pub fn hidden(n: u64) -> impl Iterator<Item = u64> { (0..n).map(|n| n + 1) }

pub const fn constant() -> u64 { 9 }

pub fn last() -> u64 {
    12
}
"#;

const APP: &str = r#"use dep::Named;

fn main() {
    let mut counter = dep::Counter::new();
    println!("{} {} {}", counter.add(3), counter.loudly(), dep::boxed().loudly());
    println!("{:?} {} {:?} {:?}", dep::check(3), dep::local(), dep::place(1u8), dep::hidden(3).collect::<Vec<_>>());
    const CONSTANT: u64 = dep::constant();
    print!("{}", dep::USAGE);
    println!("{CONSTANT} {}", dep::last());
    println!("{:?}", std::panic::catch_unwind(|| dep::check(8)).is_err());
}
"#;

/// A change of [`DEP`], and whether its interface stays as it is.
const EDITS: &[(&str, &str, &str, bool)] = &[
    ("nothing", "", "", true),
    ("a body", "x * 2", "x * 3", true),
    ("the body of a method", "self.count += inner::twice(more);", "self.count += inner::twice(more) + inner::twice(1);", true),
    ("the body of a destructor", "dropped at {}", "dropped with {}", true),
    (
        "a closure in a body",
        "map_err(|error| error.to_string())",
        "map_err(|error: std::num::ParseIntError| { let s: &str = &error.to_string(); s.to_owned() })",
        true,
    ),
    ("a generic call in a body", "\"4\".parse::<u64>()", "\"4\".parse::<u32>().map(u64::from)", true),
    ("a line in the last body", "    12\n", "    let twelve = 12;\n    twelve\n", true),
    ("a private function at the end", "    12\n}\n", "    12\n}\n\n/// Unused.\nfn beyond(x: u64) -> u64 {\n    x + 1\n}\n", true),
    (
        "a private function for a body",
        "    12\n}\n",
        "    beyond(11u64)\n}\n\npub(crate) fn beyond<T: Into<u64>>(x: T) -> u64 {\n    x.into() + 1\n}\n",
        true,
    ),
    (
        "a private method",
        "    pub fn new() -> Self {",
        "    #[allow(dead_code)] fn beyond(&self) -> u64 { 1 } pub fn new() -> Self {",
        true,
    ),
    (
        "a private function that shows",
        "    12\n}\n",
        "    12\n}\npub fn generic<T>(_: T) -> u64 { beyond() }\nfn beyond() -> u64 { 1 }\n",
        false,
    ),
    ("a public function", "    12\n}\n", "    12\n}\npub fn more() -> u64 { 1 }\n", false),
    ("a comment", "//! A library.\n", "//! A library.\n// And a remark.\n", false),
    ("a comment that moves nothing", "    12\n", "    // A dozen.\n    12\n", true),
    ("a comment behind code", "pub const LIMIT: u64 = 7;", "pub const LIMIT: u64 = 7; // not more", true),
    ("a line before what is generic", "        self.count\n", "        let count = self.count;\n        count\n", false),
    ("a generic body", "(line!(), file!())", "(line!() + 1, file!())", false),
    ("a default of a trait", "to_uppercase()", "to_lowercase()", false),
    ("a hidden type", "n + 1", "n + 2", false),
    ("a constant function", "u64 { 9 }", "u64 { 8 }", false),
    ("a constant", "LIMIT: u64 = 7", "LIMIT: u64 = 6", false),
    ("a signature", "pub fn last() -> u64 {", "pub fn last() -> u8 {", false),
    ("a field", "{ count: u64 }", "{ pub count: u64 }", false),
    ("an impl in a body", "    12\n", "    impl Clone for Counter { fn clone(&self) -> Self { Counter::new() } }\n    12\n", false),
    ("documentation", "/// Doubles.", "/// Doubles it.", false),
];

fn args(name: &str, more: &str) -> Vec<String> {
    let from = if name == "app" {
        "--crate-type=bin --extern=dep=absent/libdep-1.rlib"
    } else {
        "--crate-type=rlib -Cextra-filename=-1 -Cmetadata=1"
    };
    words(&format!("--crate-name={name} {name}.rs --edition=2024 -Cdebuginfo=2 --out-dir=absent {from} {more}"))
}

/// What the program says that rustc alone makes.
fn of_rustc(project: &Project) -> Result<(String, String)> {
    let libraries = words("--crate-name=dep dep.rs --edition=2024 --crate-type=rlib -Cmetadata=1 -Cextra-filename=-1 --out-dir=plain");
    good(&project.rustc(&libraries)?)?;
    good(
        &project
            .rustc(&words("--crate-name=app app.rs --edition=2024 --extern=dep=plain/libdep-1.rlib --out-dir=plain --cap-lints=allow"))?,
    )?;
    said(project, "plain/app")
}

fn said(project: &Project, program: &str) -> Result<(String, String)> {
    let output = run(Command::new(project.dir.join(program)).env("RUST_BACKTRACE", "0"))?;
    good(&output)?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    // Which thread panicked has a number.
    let panicked =
        text(&output.stderr).lines().map(|line| line.split_once("panicked").map_or(line, |(_, rest)| rest).to_owned()).collect::<Vec<_>>();
    Ok((text(&output.stdout), panicked.join("\n")))
}

fn link(project: &Project) -> Result<(String, String)> {
    good(&project.no_link(&args("app", "--cap-lints=allow"))?)?;
    good(&project.link_only()?)?;
    said(project, "out/artifact")
}

#[test]
fn what_an_edit_changes() -> Result<()> {
    let project = Project::new("interface_edits")?;
    project.write("app.rs", APP)?;
    project.write("dep.rs", DEP)?;
    project.write("out/.keep", "")?;
    good(&project.compile(METADATA, &args("dep", ""))?)?;
    let before = project.read("out/libdep-1.rmeta")?;
    for (what, old, new, stays) in EDITS {
        ensure!(DEP.matches(old).count() == 1 || old.is_empty(), "`{old}` is not in the source once");
        let source = DEP.replacen(old, new, usize::from(!old.is_empty()));
        project.write("dep.rs", &source)?;
        good(&project.compile(METADATA, &args("dep", ""))?).context(*what)?;
        ensure!((project.read("out/libdep-1.rmeta")? == before) == *stays, "{what}: is the interface as before? it should say {stays}");
        good(&project.compile(CODEGEN, &args("dep", ""))?).context(*what)?;
        let (ours, rustcs) = (link(&project).context(*what)?, of_rustc(&project)?);
        ensure!(ours == rustcs, "{what}: {ours:?} and not {rustcs:?}");
    }
    Ok(())
}

/// Where the interface stays as it is, dependents of the crates themselves are the same: nothing of
/// a body that is cut out shows in their code.
#[test]
fn dependents_do_not_see_what_is_cut_out() -> Result<()> {
    let project = Project::new("interface_dependents")?;
    project.write("app.rs", APP)?;
    let object = |source: &str| -> Result<Vec<u8>> {
        project.write("dep.rs", source)?;
        let shared = "--edition=2024 -Cmetadata=1 -Csymbol-mangling-version=v0 -Zshare-generics=no -Ccodegen-units=1 --cap-lints=allow --out-dir=real";
        for (crate_name, more) in
            [("dep", "--crate-type=rlib --emit=metadata,link -Cextra-filename=-1"), ("app", "--emit=obj --extern=dep=real/libdep-1.rlib")]
        {
            let rustc = words(&format!("--crate-name={crate_name} {crate_name}.rs {shared} {more}"));
            good(&run(Toolchain::stable().command(&project.dir).args(rustc).env("RUSTC_BOOTSTRAP", "1"))?)?;
        }
        project.read("real/app.o")
    };
    let before = object(DEP)?;
    let mut differ = 0;
    for (what, old, new, stays) in EDITS {
        let source = DEP.replacen(old, new, usize::from(!old.is_empty()));
        let is_same = object(&source)? == before;
        ensure!(is_same || !stays, "{what}: the dependent's code is another, and the interface the same");
        differ += usize::from(!is_same);
    }
    ensure!(differ > 3, "only {differ} edits change the dependent, so the comparison sees too little");
    Ok(())
}

/// A program that was compiled before the edit is right with the new code.
#[test]
fn the_program_is_not_compiled_again() -> Result<()> {
    let project = Project::new("interface_relink")?;
    project.write("app.rs", APP)?;
    project.write("dep.rs", DEP)?;
    project.write("out/.keep", "")?;
    for (phase, name) in [(METADATA, "dep"), (CODEGEN, "dep")] {
        good(&project.compile(phase, &args(name, ""))?)?;
    }
    link(&project)?;
    project.write("dep.rs", DEP.replace("x * 2", "x * 3").replace("    12\n", "    let twelve = 12;\n    twelve + 1\n"))?;
    good(&project.compile(CODEGEN, &args("dep", ""))?)?;
    good(&project.link_only()?)?;
    let (ours, rustcs) = (said(&project, "out/artifact")?, of_rustc(&project)?);
    ensure!(ours == rustcs && ours.0.contains("9 13\n"), "{ours:?} and not {rustcs:?}");
    Ok(())
}

/// Where rustc would use bodies in other crates, the metadata is that of the source.
#[test]
fn what_has_no_interface() -> Result<()> {
    let project = Project::new("interface_refused")?;
    project.write("out/.keep", "")?;
    let cases = [
        ("optimised", DEP.to_owned(), "-Copt-level=2"),
        ("optimised a little", DEP.to_owned(), "-Copt-level=1"),
        ("optimised by -O", DEP.to_owned(), "-O"),
        ("legacy names", DEP.to_owned(), "-Csymbol-mangling-version=legacy -Zunstable-options"),
        ("coverage", DEP.to_owned(), "-Cinstrument-coverage"),
        ("optimised and incremental", DEP.to_owned(), "-Copt-level=2 -Cincremental=incremental"),
        ("bodies inlined everywhere", DEP.to_owned(), "-Zcross-crate-inline-threshold=always"),
        ("bodies compiled where they are used", DEP.to_owned(), "-Zhint-mostly-unused"),
        ("small bodies inlined", DEP.to_owned(), "-Zinline-mir"),
        ("small bodies inlined by level", DEP.to_owned(), "-Zmir-opt-level=3"),
        ("small bodies inlined by a pass", DEP.to_owned(), "-Zmir-enable-passes=+Inline"),
        ("lines of types", DEP.to_owned(), "-Zdebug-info-type-line-numbers"),
        ("features", format!("#![feature(never_type)]\n{DEP}"), ""),
    ];
    for (what, source, flags) in cases {
        project.write("dep.rs", &source)?;
        let unstable = flags.contains("-Z") || source.contains("feature(");
        let made = |options: &str| -> Result<Vec<u8>> {
            let more = if what == "features" { "-Csymbol-mangling-version=v0" } else { flags };
            let mut command = project.splitlink(&words(options));
            command.arg("--").arg(&Toolchain::stable().rustc).args(args("dep", more));
            if unstable {
                command.env("RUSTC_BOOTSTRAP", "1");
            }
            good(&run(&mut command)?).context(what)?;
            project.read("out/libdep-1.rmeta")
        };
        ensure!(made(METADATA)? == made("metadata --output out/libdep-1.rmeta")?, "{what}: another metadata than that of the source");
    }
    Ok(())
}

/// Compiles `below`, on which `dep` depends.
fn compile_below(project: &Project) -> Result<()> {
    project.write("out/.keep", "")?;
    let below = words("--crate-name=below below.rs --crate-type=rlib --edition=2024 -Cextra-filename=-1 -Cmetadata=1 --out-dir=absent");
    good(&project.compile("metadata --output out/libbelow-1.rmeta --interface", &below)?)?;
    good(&project.compile("codegen --output out/libbelow-1.rlib --published-metadata out/libbelow-1.rmeta --interface", &below)?)
}

/// Has `phase` done for a crate above `below`, which must go well.
fn compile_over_below(project: &Project, phase: &str, name: &str) -> Result<Output> {
    let more = if name == "dep" { "--extern=below=absent/libbelow-1.rlib" } else { "" };
    let output = project.compile(&format!("{phase} --metadata out/libbelow-1.rmeta"), &args(name, more))?;
    good(&output)?;
    Ok(output)
}

/// Makes the program of the code of both, and checks what it says.
fn link_over_below(project: &Project) -> Result<()> {
    compile_over_below(project, CODEGEN, "dep")?;
    compile_over_below(project, NO_LINK, "app")?;
    good(&project.link_only_with("--rlib out/libdep-1.rlib --rlib out/libbelow-1.rlib --output out/artifact")?)?;
    ensure!(said(project, "out/artifact")?.0 == "42\n", "another output");
    Ok(())
}

/// A macro of another crate names a function that nothing in the crate does.
#[test]
fn functions_that_are_named_elsewhere() -> Result<()> {
    let project = Project::new("interface_named_elsewhere")?;
    project.write("below.rs", "#[macro_export]\nmacro_rules! of_user { () => { helper() } }\n")?;
    project.write("dep.rs", "const fn helper() -> u64 { 41 }\npub const VALUE: u64 = below::of_user!();\npub fn plain() -> u64 { 1 }\n")?;
    project.write("app.rs", "fn main() { println!(\"{}\", dep::VALUE + dep::plain()); }\n")?;
    compile_below(&project)?;
    let metadata = compile_over_below(&project, METADATA, "dep")?;
    ensure!(metadata.stderr.is_empty(), "{metadata:?}");
    let before = project.read("out/libdep-1.rmeta")?;
    link_over_below(&project)?;
    // It is an interface all the same.
    project.write("dep.rs", "const fn helper() -> u64 { 41 }\npub const VALUE: u64 = below::of_user!();\npub fn plain() -> u64 { 2 }\n")?;
    compile_over_below(&project, METADATA, "dep")?;
    ensure!(project.read("out/libdep-1.rmeta")? == before, "a body changes it");
    Ok(())
}

/// rustc takes no notice of a crate that nothing names, and only a body names `below`.
#[test]
fn crates_that_only_bodies_name() -> Result<()> {
    let project = Project::new("interface_bodies_name")?;
    project.write("below.rs", "pub fn value() -> u64 { 41 }\n")?;
    project.write("dep.rs", "pub fn plain() -> u64 { below::value() + 1 }\n")?;
    project.write("app.rs", "fn main() { println!(\"{}\", dep::plain()); }\n")?;
    compile_below(&project)?;
    compile_over_below(&project, METADATA, "dep")?;
    link_over_below(&project)
}

/// Messages come once, with their places in the source.
#[test]
fn messages() -> Result<()> {
    let project = Project::new("interface_messages")?;
    project.write("out/.keep", "")?;
    let says = |output: &Output| String::from_utf8_lossy(&output.stderr).into_owned();

    // A mistake in a body is the code's.
    project.write("dep.rs", "\npub fn f() -> u64 {\n    let unused = 1;\n    \"text\"\n}\n")?;
    let metadata = project.compile(METADATA, &args("dep", ""))?;
    ensure!(metadata.status.success() && says(&metadata).is_empty(), "{}", says(&metadata));
    let code = project.compile(CODEGEN, &args("dep", ""))?;
    ensure!(code.status.code() == Some(1) && says(&code).contains("dep.rs:4:5") && !project.has("out/libdep-1.rlib"), "{}", says(&code));

    // One in what others see ends the metadata, with rustc's own words about the source.
    project.write("dep.rs", "\n\npub fn f() -> Missing {\n    1\n}\n")?;
    let metadata = project.compile(METADATA, &args("dep", ""))?;
    ensure!(metadata.status.code() == Some(1) && says(&metadata).contains("dep.rs:3:15"), "{}", says(&metadata));

    // A warning is the code's, wherever it is.
    project.write("dep.rs", "use std::fmt;\npub fn f() -> u64 {\n    let unused = 1;\n    2\n}\n")?;
    let metadata = project.compile(METADATA, &args("dep", ""))?;
    ensure!(metadata.status.success() && says(&metadata).is_empty(), "{}", says(&metadata));
    let code = says(&project.compile(CODEGEN, &args("dep", ""))?);
    ensure!(code.matches("dep.rs:1:5").count() == 1 && code.matches("dep.rs:3:9").count() == 1, "{code}");
    Ok(())
}

/// Names that the command gives to its sources are those of the interface's, too: a build system may
/// have sources in a folder whose name follows from what is in them.
#[test]
fn sources_under_other_names() -> Result<()> {
    let project = Project::new("interface_remapped")?;
    project.write("out/.keep", "")?;
    let made = |folder: &str, remap: &str| -> Result<Vec<u8>> {
        project.write(&format!("{folder}/dep.rs"), DEP)?;
        let rustc = format!("--crate-name=dep {folder}/dep.rs --crate-type=rlib --edition=2024 -Cmetadata=1 -Cextra-filename=-1 {remap}");
        good(&project.compile(METADATA, &words(&rustc))?)?;
        project.read("out/libdep-1.rmeta")
    };
    for remap in ["--remap-path-prefix=FOLDER/=src/", "--remap-path-prefix FOLDER=src --remap-path-prefix=elsewhere=x"] {
        let [one, two] = ["of-this/content", "of-that/content"].map(|folder| made(folder, &remap.replace("FOLDER", folder)));
        let (one, two) = (one?, two?);
        ensure!(one == two, "{remap}: the name of the folder is in the metadata");
        ensure!(String::from_utf8_lossy(&one).contains("src/dep.rs"), "{remap}: the other name is not in the metadata");
    }
    Ok(())
}

/// Dependency information names the sources, and not the copies that the interface is made of.
#[test]
fn dependency_information() -> Result<()> {
    let project = Project::new("interface_dep_info")?;
    project.write("src/lib.rs", "mod inner;\npub const TEXT: &str = include_str!(\"text\");\npub fn f() -> u64 { inner::g() }\n")?;
    project.write("src/inner.rs", "pub fn g() -> u64 { 1 }\n")?;
    project.write("src/text", "text")?;
    project.write("out/.keep", "")?;
    let rustc = words(
        "--crate-name=dep src/lib.rs --crate-type=rlib --edition=2024 -Cextra-filename=-1 --emit=dep-info=out/dep.d,link --out-dir=out",
    );
    good(&project.compile(METADATA, &rustc)?)?;
    let of_interface = project.read("out/dep.d")?;
    good(&project.compile("metadata --output out/libdep-1.rmeta", &rustc)?)?;
    let of_source = project.read("out/dep.d")?;
    let text = String::from_utf8_lossy(&of_interface).into_owned();
    ensure!(["src/lib.rs", "src/inner.rs", "src/text"].iter().all(|file| text.contains(file)), "{text}");
    ensure!(of_interface == of_source, "{text}\nand not\n{}", String::from_utf8_lossy(&of_source));
    Ok(())
}
