//! What is in an artifact, with and without LTO: every number is one that readelf and nm say, too,
//! and what is known of the sources comes out.

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use splitlink_tests::rustc_fixture::project::{Project, good, refused, words};
use splitlink_tests::rustc_fixture::schema::{fields_of, schema_of, structs_in, validate, version_in};
use splitlink_tests::rustc_fixture::tools::{Failure, Toolchain, run, skip, succeed};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::process::{Command, Output};

type Outcome = Result<(), Failure>;

/// A library with C and assembly inside.
const DEP: &str = "pub mod shapes {
    #[derive(Debug, Clone, PartialEq)]
    pub struct Square { pub side: u64 }
    pub trait Area { fn area(&self) -> u64; }
    impl Area for Square { #[inline(never)] fn area(&self) -> u64 { std::hint::black_box(self.side) * self.side } }
    impl Area for Vec<Square> { #[inline(never)] fn area(&self) -> u64 { self.iter().map(Area::area).sum() } }
}
#[inline(never)]
pub fn generic<T: std::fmt::Debug>(x: T) -> String { std::hint::black_box(format!(\"{x:?}\")) }
#[unsafe(no_mangle)]
#[inline(never)]
pub extern \"C\" fn dep_for_c() -> u32 { std::hint::black_box(5) }
pub static TABLE: [u64; 100] = [7; 100];
unsafe extern \"C\" { safe fn c_sum(of: u32) -> u32; safe fn assembled() -> u32; safe fn assembled_last() -> u32; }
pub fn native(x: u32) -> u32 { c_sum(x) + assembled() + assembled_last() }
";

const C: &str = "static int table[64] = {1, 2, 3};
__attribute__((noinline)) static int helper(int of) { table[of & 63] += of; __asm__ volatile (\"\"); return table[(of + 1) & 63]; }
int c_sum(int of) { int sum = 0; for (int i = 0; i < of; i++) sum += helper(i); return sum; }
";

/// Symbols without a size, and a label inside.
const ASSEMBLY: &str = ".text
.globl assembled
assembled:
    movl $1, %eax
    jmp 1f
    .fill 100, 1, 0x90
1:  ret
.globl assembled_last
assembled_last:
    movl $2, %eax
    ret
.section .note.GNU-stack,\"\",@progbits
";

const APP: &str = "mod part {
    use dep::shapes::Area;
    #[derive(Debug)]
    pub struct Own(pub u64);
    #[inline(never)]
    pub fn work(x: u64) -> u64 { vec![dep::shapes::Square { side: x }].area() + std::hint::black_box(&dep::TABLE)[x as usize] }
}
#[unsafe(no_mangle)]
#[inline(never)]
pub extern \"C\" fn app_for_c() -> u32 { std::hint::black_box(6) }
fn main() {
    let text = dep::generic(part::Own(3)) + &dep::generic(dep::shapes::Square { side: part::work(4) });
    println!(\"{text} {} {} {}\", dep::native(7), dep::dep_for_c(), app_for_c());
}
";

const LIBRARY: &str = "#[unsafe(no_mangle)]
pub extern \"C\" fn answer(x: u32) -> u64 { part::inner(x) }
mod part {
    use dep::shapes::Area;
    #[inline(never)]
    pub fn inner(x: u32) -> u64 { dep::shapes::Square { side: dep::native(x).into() }.area() + dep::generic(x).len() as u64 }
}
";

struct Case {
    name: &'static str,
    crate_type: &'static str,
    lto: &'static str,
    flags: &'static str,
    link: &'static str,
}

impl Case {
    const fn new(name: &'static str, crate_type: &'static str, lto: &'static str, flags: &'static str) -> Self {
        Self { name, crate_type, lto, flags, link: "" }
    }

    const fn link(mut self, link: &'static str) -> Self {
        self.link = link;
        self
    }

    fn source(&self) -> &'static str {
        if self.crate_type == "bin" { "app" } else { "library" }
    }
}

/// A folder with the sources and a native library `libnative.a`.
fn project(name: &str) -> Result<Project> {
    let project = Project::new(&format!("sizes_{name}"))?;
    for (file, text) in [("dep.rs", DEP), ("app.rs", APP), ("library.rs", LIBRARY), ("sum.c", C), ("code.s", ASSEMBLY)] {
        project.write(file, text)?;
    }
    fs::create_dir_all(project.dir.join("out"))?;
    fs::create_dir_all(project.dir.join("native"))?;
    succeed(Command::new("gcc").current_dir(&project.dir).args(words("-c -g -O1 -fPIC sum.c -o native/sum.o")))?;
    succeed(Command::new("gcc").current_dir(&project.dir).args(words("-c code.s -o native/code.o")))?;
    succeed(Command::new("ar").current_dir(&project.dir).args(words("crsD native/libnative.a native/sum.o native/code.o")))?;
    Ok(project)
}

/// Builds `case` in a folder of its own: `out/artifact`, `out/report.json`.
fn build(case: &Case) -> Result<Project> {
    let project = project(case.name)?;
    let lto = if case.lto == "off" { "" } else { "--lto" };
    let flags = words(case.flags);
    // Once inside the rlib and once beside it.
    let modifier = if case.flags.contains("opt-level=3") { "static:-bundle" } else { "static" };
    let dep = [project.library("dep"), words(&format!("-Lnative=native -l{modifier}=native")), flags.clone()].concat();
    good(&project.compile(&format!("metadata {lto} --output out/libdep-1.rmeta"), &dep)?).context("metadata")?;
    let codegen = format!("codegen {lto} --output out/libdep-1.rlib --published-metadata out/libdep-1.rmeta");
    good(&project.compile(&codegen, &dep)?).context("codegen")?;
    let args = [project.linked(case.source(), case.crate_type), words("-Lnative=native"), flags].concat();
    let no_link = format!("no-link {lto} --plan out/plan.json --modules out/modules --metadata out/libdep-1.rmeta");
    good(&project.compile(&no_link, &args)?).context("no-link")?;
    let options = format!(
        "--rlib out/libdep-1.rlib --crate-label libdep-1.rlib=//:dep --crate-version libdep-1.rlib=1.2.3 --root-version 4.5.6 --lto {} {} --output out/artifact --report out/report.json",
        case.lto, case.link
    );
    good(&project.link_only_with(&options)?).context("link-only")?;
    Ok(project)
}

fn tell(project: &Project, options: &str) -> Result<Output> {
    let given = "sizes --artifact out/artifact --plan out/plan.json --modules out/modules --rlib-dir out --output out/sizes.json";
    run(project.splitlink(&words(&format!("{given} {options}"))).arg("--sysroot").arg(&Toolchain::stable().sysroot))
}

/// The sizes of what was built.
fn sizes(project: &Project) -> Result<Value> {
    good(&tell(project, "--report out/report.json")?)?;
    let sizes: Value = serde_json::from_slice(&project.read("out/sizes.json")?)?;
    validate(&schema_of("sizes")?, &sizes)?;
    Ok(sizes)
}

fn said(project: &Project, program: &str, args: &[&str]) -> Result<String> {
    let output = succeed(Command::new(program).current_dir(&project.dir).env("LC_ALL", "C").args(args).arg("out/artifact"))?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn hex(text: &str) -> Result<u64> {
    u64::from_str_radix(text, 16).with_context(|| format!("`{text}` is no number"))
}

/// What readelf says of the sections: name, size, flags.
fn sections(project: &Project) -> Result<Vec<(String, u64, String)>> {
    let mut found = Vec::new();
    for line in said(project, "readelf", &["-SW"])?.lines() {
        let Some((number, rest)) = line.trim_start().strip_prefix('[').and_then(|line| line.split_once("] ")) else { continue };
        if number.trim() == "Nr" || number.trim() == "0" {
            continue;
        }
        let fields: Vec<&str> = rest.split_whitespace().collect();
        let flags = if fields.len() == 10 { fields[6] } else { "" };
        found.push((fields[0].to_owned(), hex(fields[4])?, flags.to_owned()));
    }
    Ok(found)
}

/// What nm says of the symbols: address, size, type, name.
fn symbols(project: &Project) -> Result<Vec<(u64, u64, String, String)>> {
    let mut found = Vec::new();
    for line in said(project, "nm", &["-S", "--defined-only"])?.lines() {
        let fields: Vec<&str> = line.split_whitespace().collect();
        if let [address, size, kind, name] = fields[..] {
            found.push((hex(address)?, hex(size)?, kind.to_owned(), name.to_owned()));
        }
    }
    Ok(found)
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_default()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn sum<'v>(values: impl Iterator<Item = &'v Value>) -> u64 {
    values.map(|value| number(&value["bytes"])).sum()
}

/// Compares every number with readelf's and nm's.
fn compare(project: &Project, sizes: &Value) -> Result<()> {
    ensure!(number(&sizes["bytes"]) == project.read("out/artifact")?.len() as u64, "the file's size");
    let theirs = sections(project)?;
    let ours: Vec<(String, u64)> =
        list(&sizes["sections"]).iter().map(|section| (text(&section["name"]).to_owned(), number(&section["bytes"]))).collect();
    ensure!(ours == theirs.iter().map(|(name, bytes, _)| (name.clone(), *bytes)).collect::<Vec<_>>(), "{ours:?}\n{theirs:?}");
    for (section, (name, _, flags)) in list(&sizes["sections"]).iter().zip(&theirs) {
        let kind = text(&section["kind"]);
        ensure!((kind == "text") == flags.contains('X'), "`{name}` ({flags}) is {kind}");
        ensure!((kind == "debug") == (name.starts_with(".debug_") && !flags.contains('A')), "`{name}` is {kind}");
        ensure!(kind != "data" || flags.contains('A'), "`{name}` ({flags}) is {kind}");
        ensure!(number(&section["attributed"]) <= number(&section["bytes"]), "more is attributed of `{name}` than there is");
    }
    // Those of one name and size may be anywhere; of one name alone several places are right.
    let symbols = symbols(project)?;
    let mut by_name: HashMap<&str, BTreeSet<u64>> = HashMap::new();
    for (_, size, _, name) in &symbols {
        by_name.entry(name).or_default().insert(*size);
    }
    let mut with_size = BTreeMap::from([("text", 0), ("data", 0)]);
    for item in list(&sizes["items"]) {
        let (symbol, bytes) = (text(&item["symbol"]), number(&item["bytes"]));
        if let Some(theirs) = by_name.get(symbol) {
            ensure!(theirs.contains(&bytes), "`{symbol}` has {bytes} bytes, and nm says {theirs:?}");
            *with_size.entry(text(&item["kind"])).or_default() += bytes;
        }
    }
    // All that nm knows is there, once for each place.
    let mut places: BTreeMap<u64, u64> = BTreeMap::new();
    for (address, size, kind, _) in &symbols {
        // `i`: which of several functions it is, is decided when the program is loaded.
        if ["t", "w", "i"].iter().any(|code| kind.eq_ignore_ascii_case(code)) {
            let place = places.entry(*address).or_default();
            *place = (*place).max(*size);
        }
    }
    let of_text: u64 = places.values().sum();
    ensure!(with_size["text"] == of_text, "{} bytes of functions, and nm says {of_text}", with_size["text"]);
    for kind in ["text", "data", "debug"] {
        let sections = || list(&sizes["sections"]).iter().filter(|section| section["kind"] == kind);
        let attributed: u64 = sections().map(|section| number(&section["attributed"])).sum();
        let parts = match kind {
            "debug" => sum(list(&sizes["debug"]).iter().filter(|debug| debug.get("owner").is_some())),
            _ => sum(list(&sizes["items"]).iter().filter(|item| item["kind"] == kind)),
        };
        ensure!(attributed == parts, "of {kind} {attributed} bytes are attributed, and the parts have {parts}");
        ensure!(kind != "debug" || sum(list(&sizes["debug"]).iter()) == sum(sections()), "debug information is lost");
    }
    let code = list(&sizes["sections"]).iter().find(|section| section["name"] == ".text").context("no .text")?;
    let [bytes, known] = [&code["bytes"], &code["attributed"]].map(number);
    ensure!(known * 100 >= bytes * 97, "of {bytes} bytes of .text only {known} are attributed");
    Ok(())
}

/// Whose `part` of a path is, in the order of owners: name and kind, and of generics who
/// instantiated them.
fn owners_of(sizes: &Value, part: &str) -> BTreeSet<String> {
    let owner = |number: &Value| {
        let owner = &sizes["owners"][usize::try_from(self::number(number)).unwrap_or(usize::MAX)];
        format!("{} {}", text(&owner["kind"]), text(&owner["name"]))
    };
    let has = |item: &&Value| {
        let path = list(&item["path"]).iter().map(|name| text(name).split("::<").next().unwrap_or_default());
        format!("::{}", path.collect::<Vec<_>>().join("::")).ends_with(part)
    };
    let found = list(&sizes["items"]).iter().filter(has).map(|item| match item.get("instantiated_by") {
        Some(by) => format!("{} in {}", owner(&item["owner"]), owner(by)),
        None => owner(&item["owner"]),
    });
    found.collect()
}

fn one(text: &str) -> BTreeSet<String> {
    BTreeSet::from([text.to_owned()])
}

/// What the sources say of the artifact of `case`.
fn check_owners(case: &Case, sizes: &Value) -> Result<()> {
    let root = case.source();
    let c = if case.flags.contains("opt-level=3") { "native native" } else { "native dep" };
    let own: String = format!("crate {root}");
    let mut expected = vec![
        ("::c_sum", c),
        ("::helper", c),
        ("::assembled", c),
        ("::assembled_last", c),
        ("<dep::shapes::Square as dep::shapes::Area>::area", "crate dep"),
        ("::generic", "crate dep"),
        ("::panicking::panic_with_hook", "std std"),
    ];
    if root == "app" {
        expected.extend([("::_start", "linker linker"), ("::part::work", &own[..]), ("::dep_for_c", "crate dep"), ("::app_for_c", &own)]);
        expected.extend([
            ("<app::part::Own as core::fmt::Debug>::fmt", &own[..]),
            ("Vec<dep::shapes::Square> as dep::shapes::Area>::area", "crate dep"),
        ]);
        expected.push(("::TABLE", "crate dep"));
    } else {
        expected.extend([("::part::inner", &own[..]), ("::answer", &own)]);
    }
    for (part, owner) in expected {
        let found = owners_of(sizes, part);
        // Who is behind the owner differs with what is inlined and shared.
        let defines = found.iter().map(|found| found.split(" in ").next().unwrap_or_default().to_owned()).collect::<BTreeSet<_>>();
        ensure!(defines == one(owner), "`{part}` is of {found:?} and not of `{owner}`");
    }
    ensure!(
        case.lto != "off" || owners_of(sizes, "::generic") == one(&format!("crate dep in {own}")),
        "{:?}",
        owners_of(sizes, "::generic")
    );
    let dep = list(&sizes["owners"]).iter().find(|owner| owner["crate"] == "dep-1" && owner["kind"] == "crate").context("no dep")?;
    ensure!(dep["label"] == "//:dep" && dep["version"] == "1.2.3", "{dep}");
    let own = list(&sizes["owners"])
        .iter()
        .find(|owner| owner["kind"] == "crate" && owner["crate"].is_null() && owner["name"] == sizes["crate_name"]);
    ensure!(own.is_some_and(|own| own["version"] == "4.5.6"), "{own:?}");
    if case.flags.contains("-g") {
        for name in [root, "dep", "std", "core"] {
            let number = list(&sizes["owners"]).iter().position(|owner| owner["name"] == name).context("no owner")?;
            let debug = list(&sizes["debug"]).iter().find(|debug| debug["owner"] == number);
            ensure!(debug.is_some_and(|debug| debug["bytes"] != 0), "`{name}` has no debug information");
        }
    }
    Ok(())
}

fn check(case: &Case) -> Result<()> {
    let of_case = || format!("{} {} {}", case.name, case.crate_type, case.flags);
    let project = build(case).with_context(of_case)?;
    let sizes = sizes(&project).with_context(of_case)?;
    compare(&project, &sizes).with_context(of_case)?;
    check_owners(case, &sizes).with_context(of_case)
}

#[test]
fn without_lto() -> Outcome {
    for case in [
        Case::new("opt_0", "bin", "off", "-g"),
        Case::new("opt_3", "bin", "off", "-Copt-level=3 -Ccodegen-units=1"),
        Case::new("bfd", "bin", "off", "-Copt-level=3 -Clink-arg=-fuse-ld=bfd -g"),
        Case::new("cdylib", "cdylib", "off", "-Copt-level=3"),
        Case::new("dylib", "dylib", "off", "-g"),
        Case::new("static", "bin", "off", "-Ctarget-feature=+crt-static"),
        Case::new("v0", "bin", "off", "-g -Csymbol-mangling-version=v0"),
        Case::new("dwarf_5", "cdylib", "off", "-g -Cdwarf-version=5"),
    ] {
        check(&case)?;
    }
    for (program, name, link, flag) in
        [("mold", "mold", "--linker mold", "-g -Copt-level=3"), ("ld.gold", "gold", "", "-g -Clink-arg=-fuse-ld=gold")]
    {
        if run(Command::new(program).arg("--version")).is_err() {
            skip(&format!("no `{program}` here to link with; `apt-get install mold binutils` enables it"));
            continue;
        }
        check(&Case::new(name, "bin", "off", flag).link(link))?;
    }
    Ok(())
}

#[test]
fn with_lto() -> Outcome {
    for case in [
        Case::new("thin", "bin", "thin", "-Copt-level=3"),
        Case::new("fat", "bin", "fat", "-Copt-level=3 -g"),
        Case::new("fat_0", "bin", "fat", ""),
        Case::new("thin_cdylib", "cdylib", "thin", "-g"),
    ] {
        check(&case)?;
    }
    Ok(())
}

/// Compressed, debug information is told apart as well; its parts are as large as they are in the
/// file.
#[test]
fn compressed_debug_information() -> Outcome {
    for (name, flag) in
        [("zlib", "-Clink-arg=-Wl,--compress-debug-sections=zlib"), ("zstd", "-Clink-arg=-Wl,--compress-debug-sections=zstd")]
    {
        let project = build(&Case::new(name, "bin", "off", String::leak(format!("-g {flag}"))))?;
        let sizes = sizes(&project)?;
        assert!(
            sections(&project)?.iter().any(|(name, _, flags)| name == ".debug_info" && flags.contains('C')),
            "{name} compressed nothing"
        );
        compare(&project, &sizes)?;
        let info = list(&sizes["sections"]).iter().find(|section| section["name"] == ".debug_info").context("none")?;
        assert!(number(&info["attributed"]) * 100 >= number(&info["bytes"]) * 95, "{info}");
    }
    Ok(())
}

/// Two crates of one name, each with a function of one name.
#[test]
fn crates_of_one_name() -> Outcome {
    let project = Project::new("sizes_one_name")?;
    fs::create_dir_all(project.dir.join("out"))?;
    for flags in ["", "-Csymbol-mangling-version=v0"] {
        let mut options = String::new();
        let mut externs = Vec::new();
        for (number, size) in [("7", 100), ("8", 3000)] {
            let body = (0..size).map(|i| format!("std::hint::black_box({i});")).collect::<String>();
            project.write(&format!("twin{number}.rs"), format!("#[inline(never)] pub fn work() {{ {body} }}"))?;
            let args = words(&format!(
                "--crate-name=twin twin{number}.rs --crate-type=rlib --edition=2024 --emit=metadata,link -Cmetadata={number} -Cextra-filename=-{number} --out-dir=absent {flags}"
            ));
            good(&project.compile(&format!("metadata --output out/libtwin-{number}.rmeta"), &args)?)?;
            let codegen = format!("codegen --output out/libtwin-{number}.rlib --published-metadata out/libtwin-{number}.rmeta");
            good(&project.compile(&codegen, &args)?)?;
            options.push_str(&format!(" --rlib out/libtwin-{number}.rlib"));
            externs.extend(words(&format!("--extern=twin{number}=absent/libtwin-{number}.rlib -Ldependency=absent")));
        }
        project.write("both.rs", "fn main() { twin7::work(); twin8::work(); }")?;
        let args =
            [words(&format!("--crate-name=both both.rs --crate-type=bin --edition=2024 --emit=link --out-dir=absent {flags}")), externs]
                .concat();
        let no_link = "no-link --plan out/plan.json --modules out/modules --metadata out/libtwin-7.rmeta --metadata out/libtwin-8.rmeta";
        good(&project.compile(no_link, &args)?)?;
        good(&project.link_only_with(&format!("{options} --output out/artifact --report out/report.json"))?)?;
        let sizes = sizes(&project)?;
        compare(&project, &sizes)?;
        let bytes = |id: &str| {
            let number = list(&sizes["owners"]).iter().position(|owner| owner["crate"] == id)?;
            Some(sum(list(&sizes["items"]).iter().filter(|item| item["owner"] == number)))
        };
        let (Some(small), Some(large)) = (bytes("twin-7"), bytes("twin-8")) else {
            return Err(anyhow::anyhow!("{}", sizes["owners"]).into());
        };
        assert!(small > 0 && large > 10 * small, "{small} {large}");
    }
    Ok(())
}

#[test]
fn shown_to_people() -> Outcome {
    let project = build(&Case::new("shown", "bin", "off", "-g"))?;
    sizes(&project)?;
    let explain = |args: &str| -> Result<String> {
        let output = succeed(&mut project.splitlink(&words(&format!("explain {args}"))))?;
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let table = explain("--sizes out/sizes.json")?;
    assert!(table.starts_with("bin `app` (artifact, ") && table.contains("\n  std ") && table.contains("\n  dep 1.2.3"), "{table}");
    let of_dep = explain("--sizes out/sizes.json --crate dep")?;
    for part in ["dep 1.2.3 (crate): text", "  shapes\n", "Square as dep::shapes::Area>::area", "generic", "in app"] {
        assert!(of_dep.contains(part), "`{part}` in\n{of_dep}");
    }
    assert!(explain("out/report.json")?.contains("1 of them") || explain("out/report.json")?.contains("crates, "));
    fs::rename(project.dir.join("out/sizes.json"), project.dir.join("out/old.json"))?;
    project.write(
        "app.rs",
        APP.replace("fn main() {", "#[inline(never)] fn more(x: &str) { println!(\"{x}\"); }\nfn main() { more(\"a\");"),
    )?;
    good(&project.no_link(&[project.linked("app", "bin"), words("-Lnative=native -g")].concat())?)?;
    good(&project.link_only_with("--rlib out/libdep-1.rlib --output out/artifact --report out/report.json")?)?;
    good(&tell(&project, "")?)?;
    let diff = explain("--diff out/old.json out/sizes.json")?;
    for part in ["### Size of `app` (bin)\n\n| | old | new | change |\n", "| `app` | +", "| `app::more` | – | "] {
        assert!(diff.contains(part), "`{part}` in\n{diff}");
    }
    assert!(!diff.contains("`dep::") && !diff.contains("`app::part"), "{diff}");
    assert!(explain("--diff out/sizes.json out/sizes.json")?.ends_with("\nNothing changed.\n"));
    for (args, why) in [
        ("--sizes out/report.json", "it is no sizes file"),
        ("--diff out/none.json out/sizes.json", "cannot read the sizes file `out/none.json`"),
    ] {
        refused(&run(&mut project.splitlink(&words(&format!("explain {args}"))))?, &[why])?;
    }
    for args in ["", "--sizes out/sizes.json out/report.json", "--diff out/sizes.json", "--sizes out/sizes.json --dot"] {
        let output = run(&mut project.splitlink(&words(&format!("explain {args}"))))?;
        assert_eq!(output.status.code(), Some(2), "`explain {args}`: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(())
}

#[test]
fn what_is_refused() -> Outcome {
    let project = build(&Case::new("refused", "bin", "off", ""))?;
    good(&tell(&project, "")?)?;
    let sizes = project.read("out/sizes.json")?;
    // The same in any order and folder.
    good(&tell(&project, "--rlib out/libdep-1.rlib")?)?;
    assert!(project.read("out/sizes.json")? == sizes);
    fs::remove_file(project.dir.join("out/sizes.json"))?;
    fs::copy(project.dir.join("out/artifact"), project.dir.join("out/whole"))?;
    succeed(Command::new("strip").current_dir(&project.dir).arg("out/artifact"))?;
    refused(&tell(&project, "")?, &["cannot tell what is in `out/artifact`", "was it stripped?"])?;
    for (file, why) in
        [("native/libnative.a", "is an archive"), ("native/sum.o", "is an object file"), ("app.rs", "no program or shared library")]
    {
        fs::copy(project.dir.join(file), project.dir.join("out/artifact"))?;
        refused(&tell(&project, "")?, &[why])?;
    }
    project.write("out/artifact", [b"\0asm\x01\0\0\0".to_vec(), vec![0; 100]].concat())?;
    refused(&tell(&project, "")?, &["it is a WebAssembly module"])?;
    let whole = project.read("out/whole")?;
    project.write("out/artifact", &whole[..whole.len() / 2])?;
    refused(&tell(&project, "")?, &["out/artifact"])?;
    project.write("out/artifact", &whole)?;
    refused(&tell(&project, "--crate-type cdylib")?, &["has no cdylib"])?;
    refused(&tell(&project, "--report out/plan.json")?, &["out/plan.json"])?;
    let report = String::from_utf8_lossy(&project.read("out/report.json")?).replace("\"crate_name\": \"app\"", "\"crate_name\": \"other\"");
    project.write("out/report.json", report)?;
    refused(&tell(&project, "--report out/report.json")?, &["the link report is of `other`, and says nothing of the bin `app`"])?;
    let args = words("sizes --artifact out/artifact --plan out/plan.json --modules out/modules --output out/sizes.json");
    refused(&run(&mut project.splitlink(&args))?, &["no rlib of it was given"])?;
    refused(&run(project.splitlink(&args).args(words("--rlib-dir out")))?, &["no sysroot was given"])?;
    let args = words("sizes --artifact out/artifact --plan out/plan.json --modules out/modules --rlib-dir out --output out/artifact");
    refused(&run(&mut project.splitlink(&args))?, &["out/artifact"])?;
    assert!(!project.has("out/sizes.json") && project.read("out/artifact")? == whole);
    Ok(())
}

#[test]
fn the_schema_is_that_of_the_code() -> Outcome {
    let schema = schema_of("sizes")?;
    let structs = structs_in("sizes/file.rs")?;
    assert_eq!(schema["properties"]["version"]["const"].to_string(), version_in("sizes/file.rs")?);
    assert_eq!(fields_of(&schema), structs["Sizes"]);
    for (name, of) in [("section", "Section"), ("owner", "Owner"), ("item", "Item"), ("debug", "Debug")] {
        assert_eq!(fields_of(&schema["$defs"][name]), structs[of], "{name}");
    }
    Ok(())
}
