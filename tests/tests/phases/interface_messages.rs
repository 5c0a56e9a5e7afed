//! Messages about definitions in a crate that was compiled as an interface: they say so and show the
//! definition, and name no line, for it is not the source's.

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use splitlink_tests::rustc_fixture::project::{Project, good, words};
use splitlink_tests::rustc_fixture::tools::{Toolchain, run};
use std::fs;
use std::process::Output;

const METADATA: &str = "metadata --output out/libdep-1.rmeta --interface";

/// What nobody may be told a line of is before `twice`, which is generic and so keeps its place.
const DEP: &str = r#"//! A library.

/// A point.
pub struct Point {
    pub x: f64,
    y: f64,
}

pub struct Wrapped(u8);

pub enum Kind {
    /// A byte.
    Byte(u8),
    Named { byte: u8 },
}

impl Point {
    pub fn new(
        x: f64,
        y: f64,
    ) -> Self {
        Self { x, y }
    }

    pub(crate) fn private(&self) -> f64 {
        self.y
    }
}

pub trait Shape {
    fn area(&self, scale: f64) -> f64;
}

impl Shape for Point {
    fn area(&self, scale: f64) -> f64 {
        self.x * scale
    }
}

mod inside {
    pub fn inner() {}
}

#[deprecated(note = "use `new`")]
pub fn old(a: u32) -> u32 {
    inside::inner();
    a
}

pub fn twice<T: Shape>(a: T) -> f64 {
    let _ = Point::private;
    a.area(2.0)
}

pub fn last(a: u32) {}
"#;

/// A line of a program, and what rustc is to say of it: the message, and what is at its end. A place
/// is `dep.rs`.
const CASES: &[(&str, &str, &[&str])] = &[
    ("a function", "dep::old(\"a\");", &["note: function defined here", "PLACE", "BAR", "BAR pub fn old(a: u32) -> u32", "BAR        ^^^"]),
    (
        "a function over several lines",
        "dep::Point::new(1.0);",
        &["note: associated function defined here", "PLACE", "BAR", "BAR pub fn new( x: f64, y: f64, ) -> Self", "BAR        ^^^"],
    ),
    ("one behind what is generic", "dep::last(\"a\");", &["PLACE", "BAR", "BAR pub fn last(a: u32)", "BAR        ^^^^"]),
    (
        "a private module",
        "dep::inside::inner();",
        &["note: the module `inside` is defined here", "PLACE", "BAR", "BAR mod inside", "BAR ^^^^^^^^^^"],
    ),
    (
        "a private method",
        "fn f(p: dep::Point) { p.private(); }",
        &[
            "PLACE",
            "BAR",
            "BAR pub(crate) fn private(&self) -> f64",
            "BAR -----------------------------------",
            "BAR",
            "= note: private method defined here",
        ],
    ),
    (
        "a private constructor",
        "dep::Wrapped(1);",
        &[
            "PLACE",
            "BAR",
            "BAR pub struct Wrapped(u8)",
            "BAR                    --",
            "BAR",
            "= note: a constructor is private if any of the fields is private",
            "note: the tuple struct constructor `Wrapped` is defined here",
            "PLACE",
            "BAR",
            "BAR pub struct Wrapped(u8)",
            "BAR ^^^^^^^^^^^^^^^^^^",
        ],
    ),
    ("a variant", "dep::Kind::Byte(\"a\");", &["note: tuple variant defined here", "PLACE", "BAR", "BAR Byte(u8)", "BAR ^^^^"]),
    (
        "an enum and a variant",
        "fn f(k: dep::Kind) { match k { dep::Kind::Byte(_) => {} } }",
        &[
            "note: `Kind` defined here",
            "PLACE",
            "BAR",
            "BAR pub enum Kind",
            "BAR ^^^^^^^^^^^^^",
            "BAR Named",
            "BAR -----",
            "BAR",
            "= note: not covered",
        ],
    ),
    (
        "a method of a trait",
        "fn f(p: dep::Point) { use dep::Shape; p.area(\"a\"); }",
        &["note: method defined here", "PLACE", "BAR", "BAR fn area(&self, scale: f64) -> f64", "BAR    ^^^^"],
    ),
    (
        "a struct",
        "fn f(p: dep::Point) { p == p; }",
        &["PLACE", "BAR", "BAR pub struct Point", "BAR ^^^^^^^^^^^^^^^^", "BAR", "= note: `Point` is defined in another crate"],
    ),
    // What has its place in the interface keeps it in the message.
    ("a generic function", "dep::twice(1u8, 2u8);", &["note: function defined here", "--> dep.rs:50:"]),
    ("a bound", "dep::twice(1u8);", &["note: required by a bound in `twice`", "--> dep.rs:50:"]),
    (
        "what shows nothing",
        "struct A; impl dep::Shape for A {}",
        &["= help: implement the missing item: `fn area(&self, _: f64) -> f64 { todo!() }`"],
    ),
];

const PROGRAM: &str = "--crate-name=app app.rs --crate-type=bin --extern=dep=absent/libdep-1.rlib";

fn library(source: &str) -> Vec<String> {
    words(&format!("--crate-name=dep {source} --crate-type=rlib --edition=2024 -Cextra-filename=-1 -Cmetadata=1 --out-dir=absent"))
}

/// A folder with the metadata of [`DEP`]'s interface.
fn project(name: &str) -> Result<Project> {
    let project = Project::new(name)?;
    project.write("dep.rs", DEP)?;
    project.write("out/.keep", "")?;
    good(&project.compile(METADATA, &library("dep.rs"))?)?;
    Ok(project)
}

fn program(line: &str) -> String {
    let (item, statement) = if line.starts_with("fn") || line.starts_with("struct") { (line, "") } else { ("", line) };
    format!("{item}\nfn main() {{ {statement} }}\n")
}

/// What a phase says that fails.
fn said(output: &Output) -> Result<String> {
    ensure!(output.status.code() == Some(1), "{output:?}");
    Ok(String::from_utf8(output.stderr.clone())?)
}

fn no_link(project: &Project, more: &str) -> Result<String> {
    let args = words(&format!("{PROGRAM} --edition=2024 --out-dir=absent {more}"));
    said(&project.compile("no-link --plan out/plan.json --modules out/modules --metadata out/libdep-1.rmeta", &args)?)
}

fn without_colours(text: &str) -> String {
    let mut parts = text.split("\u{1b}[");
    let first = parts.next().unwrap_or_default().to_owned();
    first + &parts.map(|part| part.split_once('m').map_or(part, |(_, rest)| rest)).collect::<String>()
}

/// Whether `text` has `expected`, line behind line.
fn has_lines(text: &str, expected: &[&str]) -> bool {
    let lines: Vec<_> = text.lines().map(str::trim).collect();
    let expected: Vec<_> = expected.iter().map(|line| line.replace("PLACE", "--> dep.rs (its interface)").replace("BAR", "|")).collect();
    lines.windows(expected.len()).any(|window| {
        window.iter().zip(&expected).all(|(line, expected)| line == expected || (expected.ends_with(':') && line.starts_with(expected)))
    })
}

/// The spans of `message` and of all its parts.
fn spans(message: &Value) -> Vec<Value> {
    let own = message["spans"].as_array().into_iter().flatten().cloned();
    own.chain(message["children"].as_array().into_iter().flatten().flat_map(spans)).collect()
}

#[test]
fn each_kind_of_message() -> Result<()> {
    let project = project("interface_messages_kinds")?;
    // The source is no input of the program's action.
    for source in ["the source", "no source"] {
        if source == "no source" {
            fs::remove_file(project.dir.join("dep.rs"))?;
        }
        for (what, line, expected) in CASES {
            let check = || -> Result<()> {
                project.write("app.rs", program(line))?;
                let human = no_link(&project, "")?;
                ensure!(has_lines(&human, expected), "{human}");
                let names_line = human.contains("dep.rs:");
                ensure!(names_line == expected.iter().any(|line| line.contains("dep.rs:")), "a line of the interface: {human}");

                let coloured = no_link(&project, "--color=always")?;
                ensure!(coloured.contains('\u{1b}') && without_colours(&coloured) == human, "{coloured}");

                let json = no_link(&project, "--error-format=json")?;
                let messages: Vec<Value> = json.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
                let rendered: String = messages.iter().filter_map(|message| message["rendered"].as_str()).collect();
                ensure!(rendered == human, "{rendered}");
                let named: Vec<_> = messages.iter().flat_map(spans).filter(|span| span["file_name"] == "dep.rs").collect();
                ensure!(named.iter().all(|span| span["line_start"] == 50) && named.is_empty() != names_line, "{named:?}");
                // Whoever reads that and not the text for people sees the definition as well.
                for line in expected.iter().filter_map(|line| line.strip_prefix("BAR ")).filter(|line| line.contains(char::is_alphabetic)) {
                    ensure!(json.contains(&format!("`{line}` in dep.rs (its interface)")), "{line}: {json}");
                }
                ensure!(!no_link(&project, "--error-format=short")?.contains("dep.rs"), "a short message says more");
                Ok(())
            };
            check().with_context(|| format!("{what}, with {source}"))?;
        }
    }
    Ok(())
}

/// In whatever way a crate above is compiled, and in whatever form it has the metadata.
#[test]
fn each_phase() -> Result<()> {
    let project = project("interface_messages_phases")?;
    good(&project.compile("codegen --output out/libdep-1.rlib --published-metadata out/libdep-1.rmeta --interface", &library("dep.rs"))?)?;
    project.write("app.rs", program("dep::old(\"a\");"))?;
    let of_library = "--crate-name=app app.rs --crate-type=rlib --edition=2024 --out-dir=absent --extern=dep=absent/libdep-1.rlib";
    let direct = "--crate-name=app app.rs --crate-type=bin --edition=2024 --extern=dep=out/libdep-1.rlib -o out/app";
    let found = "--crate-name=app app.rs --crate-type=bin --edition=2024 --extern=dep -Ldependency=out -Lall=out -o out/app";
    let interface = "--crate-name=app app.rs --crate-type=rlib --edition=2024 --emit=link=out/libapp.rlib --extern=dep=out/libdep-1.rlib";
    for (phase, rustc) in [
        ("metadata --output out/libapp.rmeta --metadata out/libdep-1.rmeta", of_library),
        ("metadata --output out/libapp.rmeta --metadata-dir out", of_library),
        ("metadata --output out/libapp.rmeta --interface --metadata out/libdep-1.rmeta", of_library),
        ("codegen --output out/libapp.rlib --published-metadata out/libdep-1.rmeta --metadata out/libdep-1.rlib", of_library),
        ("codegen --output out/libapp.rlib --published-metadata out/libdep-1.rmeta --interface --metadata out/libdep-1.rlib", of_library),
        ("no-link --plan out/plan.json --modules out/modules --metadata out/libdep-1.rlib", of_library),
        ("rustc --stable --interface", direct),
        ("rustc --stable --interface", found),
        ("rustc --stable --interface", interface),
        ("rustc --stable", interface),
    ] {
        let mut rustc = rustc.to_owned();
        if phase.starts_with("no-link") {
            rustc = rustc.replace("rlib --edition", "cdylib --edition");
        }
        // A mistake in a body is the code's.
        if phase.contains("metadata --output") && phase.contains("--interface") {
            good(&project.compile(phase, &words(&rustc))?).context(phase)?;
            continue;
        }
        let said = said(&project.compile(phase, &words(&rustc))?).with_context(|| format!("{phase} -- {rustc}"))?;
        ensure!(has_lines(&said, CASES[0].2) && !said.contains("dep.rs:"), "{phase} -- {rustc}: {said}");
    }
    // rustc itself takes the library.
    project.write("app.rs", "fn main() { println!(\"{}\", dep::twice(dep::Point::new(1.0, 2.0))) }")?;
    good(&project.rustc(&words(direct))?)?;
    ensure!(run(&mut std::process::Command::new(project.dir.join("out/app")))?.stdout == b"2\n", "another output");
    Ok(())
}

/// An edit in a body leaves the metadata as it is, to the byte, and what messages show.
#[test]
fn an_edit_in_a_body() -> Result<()> {
    let project = project("interface_messages_edit")?;
    let before = project.read("out/libdep-1.rmeta")?;
    ensure!(
        before.ends_with(b"rust-end-file") && before.windows(13).filter(|window| window == b"rust-end-file").count() == 2,
        "no definitions"
    );
    project.write("dep.rs", DEP.replace("pub fn last(a: u32) {}", "pub fn last(a: u32) {\n    let b = a;\n    drop(b);\n}"))?;
    good(&project.compile(METADATA, &library("dep.rs"))?)?;
    ensure!(project.read("out/libdep-1.rmeta")? == before, "the metadata is another");
    Ok(())
}

/// Two crates have a file of one name: what a message points at tells them apart if it can.
#[test]
fn files_of_one_name() -> Result<()> {
    let project = Project::new("interface_messages_names")?;
    project.write("out/.keep", "")?;
    let sources =
        [("dep", "pub struct A(pub u8);\npub fn one(a: u8) {}\n"), ("other", "pub struct Longer(pub u8);\npub fn two(a: u8) {}\n")];
    for (name, source) in sources {
        project.write(&format!("{name}/lib.rs"), source)?;
        let rustc = format!(
            "--crate-name={name} {name}/lib.rs --crate-type=rlib --edition=2024 -Cextra-filename=-1 -Cmetadata=1 --remap-path-prefix={name}=src"
        );
        good(&project.compile(&format!("metadata --output out/lib{name}-1.rmeta --interface"), &words(&rustc))?)?;
    }
    let phase = "no-link --plan out/plan.json --modules out/modules --metadata out/libdep-1.rmeta --metadata out/libother-1.rmeta";
    let rustc = words(&format!("{PROGRAM} --edition=2024 --extern=other=absent/libother-1.rlib"));
    for (line, expected) in [
        ("dep::one();", "--> src/lib.rs (its interface)\n  |\n  | pub fn one(a: u8)\n  |        ^^^\n"),
        ("other::two();", "--> src/lib.rs (its interface)\n  |\n  | pub fn two(a: u8)\n  |        ^^^\n"),
    ] {
        project.write("app.rs", program(line))?;
        let said = said(&project.compile(phase, &rustc)?)?;
        ensure!(said.contains(expected), "{said}");
    }
    Ok(())
}

/// Crates from which nobody else has cut out anything are left alone.
#[test]
fn a_crate_without_an_interface() -> Result<()> {
    let project = project("interface_messages_none")?;
    good(&project.compile("metadata --output out/libdep-1.rmeta", &library("dep.rs"))?)?;
    fs::remove_file(project.dir.join("dep.rs"))?;
    project.write("app.rs", program("dep::old(\"a\");"))?;
    let ours = no_link(&project, "")?;
    let rustcs = words(&format!("{PROGRAM} --edition=2024 -o app").replace("absent/libdep-1.rlib", "out/libdep-1.rmeta"));
    let rustcs = run(Toolchain::stable().command(&project.dir).args(rustcs))?;
    ensure!(ours == said(&rustcs)? && ours.contains("dep.rs:45:"), "{ours}");
    Ok(())
}
