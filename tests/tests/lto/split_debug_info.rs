//! Debug information of what LTO makes, in files of its own: the code is the same as with it inside,
//! and a debugger sees the same.

use anyhow::{Context, Result, ensure};
use object::{Object as _, ObjectSection as _, ObjectSymbol as _, SectionFlags};
use splitlink_tests::rustc_fixture::gdb;
use splitlink_tests::rustc_fixture::project::{Project, good, refused, words};
use splitlink_tests::rustc_fixture::tools::{Failure, names_in, run, succeed};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

type Outcome = Result<(), Failure>;

const DEP: &str = "pub struct Point { pub x: i32, pub label: String }
#[inline(never)]
pub fn shifted(point: &Point, by: i32) -> Point {
    let moved = point.x + by;
    let label = describe(moved);
    Point { x: moved, label }
}
#[inline(never)]
pub fn describe<T: std::fmt::Display>(value: T) -> String { format!(\"<{value}>\") }
pub fn plain() -> u64 { describe(4000).len() as u64 + 36 }
";

const APP: &str = "mod other { #[inline(never)] pub fn sum(list: &[i32]) -> i32 { list.iter().sum() } }
fn main() {
    let start = dep::Point { x: std::hint::black_box(2), label: dep::describe(1.5) };
    let end = dep::shifted(&start, 40);
    let list = vec![start.x, end.x];
    println!(\"{} {} {}\", other::sum(&list), start.label, end.label);
}
";

const LINK: &str = "--rlib out/libdep-1.rlib";

/// Compiles both crates for LTO: the plan of `name.rs`.
fn compiled(name: &str, source: &str, crate_type: &str, flags: &str) -> Result<Project> {
    let project = Project::new(&format!("lto_split_debug_info_{name}"))?;
    for (file, text) in [("dep.rs", DEP), ("app.rs", APP)] {
        project.write(file, text)?;
    }
    fs::create_dir_all(project.dir.join("out/moved"))?;
    let flags = words(&format!("-g -Ccodegen-units=4 --remap-path-prefix={}=. {flags}", project.dir.display()));
    let dep = [project.library("dep"), flags.clone()].concat();
    good(&project.compile("metadata --lto --output out/libdep-1.rmeta", &dep)?).context("metadata")?;
    good(&project.compile("codegen --lto --output out/libdep-1.rlib --published-metadata out/libdep-1.rmeta", &dep)?).context("codegen")?;
    let args = [project.linked(source, crate_type), flags].concat();
    let no_link = "no-link --lto --plan out/plan.json --modules out/modules --metadata out/libdep-1.rmeta";
    good(&project.compile(no_link, &args)?).context("no-link")?;
    Ok(project)
}

/// Every section of an artifact that is loaded, and its contents.
fn loaded(path: &Path) -> Result<Vec<(String, Vec<u8>)>> {
    let bytes = fs::read(path)?;
    let object = object::File::parse(&*bytes)?;
    let is_loaded = |section: &object::Section<'_, '_>| matches!(section.flags(), SectionFlags::Elf { sh_flags } if sh_flags & 2 != 0);
    // The build's number is of all that is in the file.
    let sections = object.sections().filter(is_loaded).filter(|section| section.name().is_ok_and(|name| !name.contains("build-id")));
    sections.map(|section| Ok((section.name()?.to_owned(), section.data()?.to_vec()))).collect()
}

/// Checks that two artifacts have the same functions, of about the same size: LLVM orders a module
/// anew that rust-lld reads, on which a register or a label may depend.
fn same_functions(one: &Path, other: &Path) -> Result<()> {
    let functions = |path: &Path| -> Result<BTreeMap<String, u64>> {
        let bytes = fs::read(path)?;
        let object = object::File::parse(&*bytes)?;
        let text = object.symbols().filter(|symbol| symbol.kind() == object::SymbolKind::Text && symbol.is_definition());
        text.map(|symbol| Ok((symbol.name()?.to_owned(), symbol.size()))).collect()
    };
    let (expected, found) = (functions(one)?, functions(other)?);
    let names = |functions: &BTreeMap<String, u64>| functions.keys().cloned().collect::<Vec<_>>();
    ensure!(expected.len() > 100 && names(&expected) == names(&found), "{:?}\n{:?}", names(&expected), names(&found));
    let changed = expected.iter().filter(|(name, size)| found[*name] != **size).count();
    let (sum, now): (u64, u64) = (expected.values().sum(), found.values().sum());
    ensure!(
        changed * 20 < expected.len() && now.abs_diff(sum) * 200 < sum,
        "{changed} of {} functions, {sum} and {now} bytes",
        expected.len()
    );
    Ok(())
}

/// The bytes of an artifact's `.debug_*` sections.
fn debug_bytes(path: &Path) -> Result<u64> {
    let bytes = fs::read(path)?;
    let object = object::File::parse(&*bytes)?;
    Ok(object.sections().filter(|section| section.name().is_ok_and(|name| name.starts_with(".debug_"))).map(|section| section.size()).sum())
}

fn pack(project: &Project, options: &str) -> Result<()> {
    good(&run(&mut project.splitlink(&words(&format!("dwp --artifact out/artifact --output out/artifact.dwp {options}"))))?).context("dwp")
}

/// With thin LTO loaded code and data are the same byte for byte, with fat LTO the functions are; a
/// second time all is.
#[test]
fn what_is_loaded_is_the_same() -> Outcome {
    for (number, (source, crate_type, lto, flags)) in [
        ("app", "bin", "thin", "-Copt-level=2"),
        ("app", "bin", "fat", "-Copt-level=z -Cpanic=abort"),
        ("app", "bin", "fat", "-Copt-level=3 -Crelocation-model=static -Cllvm-args=-inline-threshold=10"),
        ("app", "bin", "thin", "-Copt-level=3 -Cdwarf-version=5"),
        ("library", "cdylib", "fat", "-Copt-level=s"),
        ("library", "dylib", "fat", "-Copt-level=2 -Cdwarf-version=5"),
    ]
    .into_iter()
    .enumerate()
    {
        let compare = || -> Result<()> {
            let project = compiled(&format!("same_{number}"), source, crate_type, flags)?;
            good(&project.link_only_with(&format!("{LINK} --lto {lto} --output out/inside"))?)?;
            let link = format!("{LINK} --lto {lto} --dwo-dir out/lto.dwo --output out/artifact");
            good(&project.link_only_with(&link)?)?;
            let [inside, split] = ["out/inside", "out/artifact"].map(|file| project.dir.join(file));
            if lto == "thin" {
                let (expected, found) = (loaded(&inside)?, loaded(&split)?);
                let differing: Vec<_> = expected.iter().zip(&found).filter(|(one, other)| one != other).map(|(one, _)| &one.0).collect();
                ensure!(expected.len() == found.len() && differing.is_empty(), "differing: {differing:?}");
            } else {
                same_functions(&inside, &split)?;
            }
            ensure!(debug_bytes(&split)? * 2 < debug_bytes(&inside)?, "{} {}", debug_bytes(&split)?, debug_bytes(&inside)?);
            pack(&project, "--dwo-dir out/lto.dwo")?;
            let names = names_in(&project.dir.join("out/lto.dwo"));
            ensure!(!names.is_empty() && names.iter().all(|name| name.starts_with(&format!("{crate_type}.lto."))), "{names:?}");
            let all = |project: &Project| -> Result<Vec<Vec<u8>>> {
                let files = names.iter().map(|name| format!("out/lto.dwo/{name}"));
                files.chain(["out/artifact", "out/artifact.dwp"].map(str::to_owned)).map(|file| project.read(&file)).collect()
            };
            let first = all(&project)?;
            good(&project.link_only_with(&link)?)?;
            pack(&project, "--dwo-dir out/lto.dwo")?;
            ensure!(all(&project)? == first, "a second time makes other bytes");
            // No path, of this machine or of a scratch folder.
            for path in [&*project.dir.to_string_lossy(), ".scratch"] {
                ensure!(!first.iter().any(|bytes| bytes.windows(path.len()).any(|part| part == path.as_bytes())), "`{path}` is there");
            }
            Ok(())
        };
        compare().with_context(|| format!("{crate_type} {lto} {flags}"))?;
    }
    Ok(())
}

/// What gdb says of `out/moved/NAME`.
fn said_by_gdb(project: &Project, name: &str) -> Result<String> {
    let commands = [
        "break dep::shifted",
        "break app::other::sum",
        "run",
        "info args",
        "print *point",
        "next",
        "info locals",
        "backtrace -past-main off",
        "continue",
        "info args",
        "up",
        "info locals",
        "ptype dep::Point",
        "info line dep::describe<f64>",
    ];
    // Not where it stands in a source that it cannot show.
    gdb::says(&project.dir.join("out/moved"), name, &commands, |line| !line.contains("\tin "))
}

#[test]
fn a_debugger_sees_the_same() -> Outcome {
    if !gdb::is_there() {
        return Ok(());
    }
    for lto in ["thin", "fat"] {
        let project = compiled(&format!("gdb_{lto}"), "app", "bin", "-Copt-level=1")?;
        good(&project.link_only_with(&format!("{LINK} --lto {lto} --output out/moved/inside0"))?)?;
        good(&project.link_only_with(&format!("{LINK} --lto {lto} --dwo-dir out/lto.dwo --output out/artifact"))?)?;
        pack(&project, "--dwo-dir out/lto.dwo")?;
        for name in ["beside1", "absent2"] {
            fs::copy(project.dir.join("out/artifact"), project.dir.join(format!("out/moved/{name}")))?;
        }
        fs::rename(project.dir.join("out/artifact.dwp"), project.dir.join("out/moved/beside1.dwp"))?;
        fs::remove_dir_all(project.dir.join("out/lto.dwo"))?;
        let inside = said_by_gdb(&project, "inside0")?;
        for part in ["dep.rs:4", "by = 40", "x: 2", "struct dep::Point"] {
            ensure_says(&inside, part)?;
        }
        let beside = said_by_gdb(&project, "beside1")?;
        assert!(beside == inside, "{lto}: with the package:\n{beside}\nwith it inside:\n{inside}");
        let absent = said_by_gdb(&project, "absent2")?;
        assert!(!absent.contains("by = 40"), "{lto}: gdb has debug information from elsewhere:\n{absent}");
    }
    Ok(())
}

fn ensure_says(said: &str, part: &str) -> Result<()> {
    ensure!(said.contains(part), "gdb says no `{part}`:\n{said}");
    Ok(())
}

/// Several artifacts of one link, and one that is linked into a program by somebody else.
#[test]
fn several_artifacts() -> Outcome {
    let project = compiled("several", "library", "cdylib,staticlib,dylib", "-Copt-level=2")?;
    for lto in ["thin", "fat"] {
        let outputs = "--output cdylib=out/artifact --output staticlib=out/library.a --output dylib=out/library.so";
        good(&project.link_only_with(&format!("{LINK} --lto {lto} --dwo-dir out/lto.dwo {outputs} --report out/report.json"))?)?;
        pack(&project, "--dwo-dir out/lto.dwo")?;
        good(&run(&mut project.splitlink(&words("dwp --artifact out/library.so --output out/library.so.dwp --dwo-dir out/lto.dwo")))?)?;
        project.write("main.c", "unsigned long answer(void); int main(void) { return answer() != 42; }")?;
        succeed(Command::new("cc").current_dir(&project.dir).args(words("main.c out/library.a -o out/program")))?;
        succeed(&mut Command::new(project.dir.join("out/program")))?;
        good(&run(&mut project.splitlink(&words("dwp --artifact out/program --output out/program.dwp --dwo-dir out/lto.dwo")))?)?;
        fs::remove_dir_all(project.dir.join("out/lto.dwo"))?;
        let without = run(&mut project.splitlink(&words("dwp --artifact out/program --output out/none.dwp")))?;
        refused(&without, &["of what LTO made, which was not given", "`link-only`"])?;
    }
    Ok(())
}

#[test]
fn what_is_refused() -> Outcome {
    let project = compiled("refused", "app", "bin", "")?;
    let args = [project.library("dep"), words("-g")].concat();
    let lto = "metadata --lto --dwo-dir out/dep.dwo --output out/x.rmeta";
    refused(&project.compile(lto, &args)?, &["the crate `dep` is compiled for LTO", "give `--dwo-dir` to `link-only`"])?;
    let link = format!("{LINK} --dwo-dir out/lto.dwo --output out/artifact");
    refused(&project.link_only_with(&format!("{link} --lto off"))?, &["`--dwo-dir` of link-only is for what LTO makes", "`app`"])?;
    let inside = link.replace("--output out/artifact", "--output out/lto.dwo/artifact");
    refused(
        &project.link_only_with(&format!("{inside} --lto thin"))?,
        &["would be inside `out/lto.dwo`", "the folder of debug information"],
    )?;
    project.nothing_left(&["out/x.rmeta", "out/artifact", "out/lto.dwo"])?;
    // A cache has objects alone.
    let cached = project.link_only_with(&format!("{link} --lto thin --lto-cache out/cache"))?;
    good(&cached)?;
    let said = String::from_utf8_lossy(&cached.stderr);
    assert!(said.contains("warning: the LTO cache `out/cache` is not used for `app`") && !project.has("out/cache"), "{said}");
    Ok(())
}
