//! Several crates in which something of a body, or of what is left out of an interface, matters by a
//! way around: a macro of another crate, a symbol, an attribute. The artifact is that of rustc alone.

use anyhow::{Context, Result, ensure};
use splitlink_tests::formats_graph::sweep::compare_told;
use splitlink_tests::rustc_fixture::project::{Project, good, words};
use splitlink_tests::rustc_fixture::tools::run;
use std::process::Command;

/// A crate: its name, its type, its source. The last of several is linked, and names those before it
/// that its source or its macros name.
type Crate = (&'static str, &'static str, &'static str);

struct Trap {
    what: &'static str,
    crates: &'static [Crate],
}

const MACRO_OF_BODIES: &str = "use proc_macro::TokenStream;
#[proc_macro_attribute]
pub fn measured(_: TokenStream, item: TokenStream) -> TokenStream {
    format!(\"{item} pub const LENGTH: usize = {};\", item.to_string().len()).parse().unwrap()
}
";

const TRAPS: &[Trap] = &[
    Trap {
        what: "a macro that is the attribute of a module looks into bodies",
        crates: &[
            ("measuring", "proc-macro", MACRO_OF_BODIES),
            ("dep", "rlib", "#[measuring::measured]\npub mod inner {\n    pub fn f() -> u8 { 1 + 2 + 3 }\n}\n"),
            ("app", "bin", "fn main() { println!(\"{} {}\", dep::inner::f(), dep::LENGTH); }\n"),
        ],
    },
    Trap {
        what: "a macro of another crate names a function that hides one of the same name",
        crates: &[
            ("below", "rlib", "#[macro_export]\nmacro_rules! of_user { () => { helper() } }\npub const fn helper() -> u64 { 1 }\n"),
            (
                "dep",
                "rlib",
                "#[allow(unused)]\nuse below::*;\nconst fn helper() -> u64 { 41 }\npub const VALUE: u64 = below::of_user!();\n",
            ),
            ("app", "bin", "fn main() { println!(\"{}\", dep::VALUE); }\n"),
        ],
    },
    Trap {
        what: "in a body, a macro of another crate names a third one",
        crates: &[
            ("third", "rlib", "pub fn value() -> u64 { 7 }\n"),
            ("below", "rlib", "#[macro_export]\nmacro_rules! of_third { () => { ::third::value() } }\n"),
            ("dep", "rlib", "pub fn f() -> u64 {\n    below::of_third!()\n}\n"),
            ("app", "bin", "fn main() { println!(\"{}\", dep::f()); }\n"),
        ],
    },
    Trap {
        what: "in a body, a macro of its own names another crate, which nothing else does",
        crates: &[
            ("third", "rlib", "pub fn value() -> u64 { 7 }\n"),
            ("dep", "rlib", "macro_rules! of_third { () => { ::third::value() } }\npub fn f() -> u64 {\n    of_third!()\n}\n"),
            ("app", "bin", "fn main() { println!(\"{}\", dep::f()); }\n"),
        ],
    },
    Trap {
        what: "a macro of another crate is called as one of the standard library's and makes an impl",
        crates: &[
            ("below", "rlib", "#[macro_export]\nmacro_rules! make { ($t:ty) => { impl Default for $t { fn default() -> Self { S } } } }\n"),
            ("dep", "rlib", "use below::make as println;\npub struct S;\npub fn f() -> S { println!(S); S }\n"),
            ("app", "bin", "fn main() { let _: dep::S = Default::default(); println!(\"made\"); }\n"),
        ],
    },
    Trap {
        what: "a function that runs before `main` is in a body",
        crates: &[
            (
                "dep",
                "rlib",
                "pub fn f() -> u8 {\n    extern \"C\" fn early() { println!(\"early\"); }\n    #[used]\n    #[unsafe(link_section = \".init_array\")]\n    static EARLY: extern \"C\" fn() = early;\n    1\n}\npub mod far {\n    pub const ONE: u8 = 1;\n}\n",
            ),
            ("app", "bin", "fn main() { println!(\"{}\", dep::far::ONE); }\n"),
        ],
    },
    Trap {
        what: "an exported function is in a body",
        crates: &[
            (
                "dep",
                "rlib",
                "pub fn f() -> u8 {\n    #[unsafe(no_mangle)]\n    pub extern \"C\" fn exported_by_body() -> u8 { 1 }\n    exported_by_body()\n}\n",
            ),
            ("app", "cdylib", "#[unsafe(no_mangle)]\npub extern \"C\" fn own() -> u8 { dep::f() }\n"),
        ],
    },
    Trap {
        what: "an exported static is in a body",
        crates: &[
            (
                "dep",
                "rlib",
                "pub fn f() -> u8 {\n    #[unsafe(no_mangle)]\n    pub static EXPORTED_BY_BODY: u8 = 1;\n    EXPORTED_BY_BODY\n}\n",
            ),
            ("app", "cdylib", "#[unsafe(no_mangle)]\npub extern \"C\" fn own() -> u8 { dep::f() }\n"),
        ],
    },
    Trap {
        what: "an exported function is in the body of one that nothing names",
        crates: &[
            (
                "dep",
                "rlib",
                "pub fn f() -> u8 { g() }\nfn g() -> u8 {\n    #[unsafe(export_name = \"exported_by_body\")]\n    pub extern \"C\" fn inside() -> u8 { 1 }\n    inside()\n}\n",
            ),
            ("app", "cdylib", "#[unsafe(no_mangle)]\npub extern \"C\" fn own() -> u8 { dep::f() }\n"),
        ],
    },
];

fn file((name, kind, _): &Crate) -> String {
    match *kind {
        "bin" => (*name).to_owned(),
        "rlib" => format!("lib{name}-1.rlib"),
        _ => format!("lib{name}-1.so"),
    }
}

/// rustc's command for `this`, below which `others` are in `folder`.
fn command(this: &Crate, others: &[Crate], folder: &str) -> Vec<String> {
    let (name, kind, _) = this;
    let extra = if *kind == "bin" { "" } else { "-Cmetadata=1 -Cextra-filename=-1" };
    let externs = others.iter().map(|other| format!(" --extern={}={folder}/{}", other.0, file(other)));
    let own = if *kind == "proc-macro" { "--extern=proc_macro" } else { "" };
    words(&format!(
        "--crate-name={name} {name}.rs --edition=2024 --crate-type={kind} {extra} {own} -Csymbol-mangling-version=v0 -Awarnings --out-dir={folder} -Ldependency={folder}{}",
        externs.collect::<String>()
    ))
}

/// Builds the last crate of `trap` in both ways, in `plain` and in `out`.
fn build(project: &Project, trap: &Trap) -> Result<()> {
    for (at, this) in trap.crates.iter().enumerate() {
        let (name, kind, source) = this;
        project.write(&format!("{name}.rs"), source)?;
        let below = &trap.crates[..at];
        good(&project.rustc(&command(this, below, "plain"))?).with_context(|| format!("rustc, {name}"))?;
        if *kind == "proc-macro" {
            std::fs::copy(project.dir.join("plain").join(file(this)), project.dir.join("out").join(file(this)))?;
            continue;
        }
        let option = |other: &Crate| match other.1 {
            "proc-macro" => format!(" --proc-macro out/{}", file(other)),
            _ => format!(" --metadata out/lib{}-1.rmeta", other.0),
        };
        let dependencies: String = below.iter().map(option).collect();
        let ours = command(this, below, "absent");
        if *kind == "rlib" {
            good(&project.compile(&format!("metadata --output out/lib{name}-1.rmeta --interface{dependencies}"), &ours)?)?;
            let code =
                format!("codegen --output out/lib{name}-1.rlib --published-metadata out/lib{name}-1.rmeta --interface{dependencies}");
            good(&project.compile(&code, &ours)?)?;
            continue;
        }
        good(&project.compile(&format!("no-link --plan out/plan.json --modules out/modules{dependencies}"), &ours)?)?;
        let plan = String::from_utf8(project.read("out/plan.json")?)?;
        let is_linked = |other: &&Crate| other.1 == "rlib" && plan.contains(&format!("\"{}-1\"", other.0));
        let rlibs: String = below.iter().filter(is_linked).map(|other| format!(" --rlib out/{}", file(other))).collect();
        good(&project.link_only_with(&format!("--output out/{}{rlibs}", file(this)))?)?;
    }
    Ok(())
}

#[test]
fn what_matters_by_a_way_around() -> Result<()> {
    let mut faults = Vec::new();
    for (number, trap) in TRAPS.iter().enumerate() {
        let project = Project::new(&format!("trap-{number}"))?;
        for folder in ["out", "plain"] {
            project.write(&format!("{folder}/.keep"), "")?;
        }
        if let Err(error) = build(&project, trap) {
            faults.push(format!("{}: {error:#}", trap.what));
            continue;
        }
        let last = trap.crates.last().context("there is a crate")?;
        let [rustcs, ours] = ["plain", "out"].map(|folder| project.dir.join(folder).join(file(last)));
        if last.1 == "bin" {
            let said = |program| -> Result<String> {
                let output = run(&mut Command::new(program))?;
                good(&output)?;
                Ok(String::from_utf8(output.stdout)?)
            };
            let (rustcs, ours) = (said(rustcs)?, said(ours)?);
            if rustcs != ours {
                faults.push(format!("{}: it prints {ours:?}, and rustc's {rustcs:?}", trap.what));
            }
        } else if let Some(difference) = compare_told(&rustcs, &ours)?.difference {
            faults.push(format!("{}: {difference}", trap.what));
        }
    }
    ensure!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
    Ok(())
}
