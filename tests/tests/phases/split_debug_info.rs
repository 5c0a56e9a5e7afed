//! Split debug information: the linked artifact and its package are rustc's own byte for byte, and a
//! debugger sees the same with the package as with debug information inside.

use anyhow::{Context, Result, ensure};
use object::{Object as _, ObjectSection as _};
use splitlink_tests::rustc_fixture::gdb;
use splitlink_tests::rustc_fixture::project::{Project, good, refused, words};
use splitlink_tests::rustc_fixture::tools::{Failure, names_in, run, succeed};
use std::collections::BTreeSet;
use std::fs;
use std::process::{Command, Output};

type Outcome = Result<(), Failure>;

const DEP: &str = "pub struct Point { pub x: i32, pub label: String }
#[inline(never)]
pub fn shifted(point: &Point, by: i32) -> Point {
    let moved = point.x + by;
    let label = describe(moved);
    Point { x: moved, label }
}
pub fn describe<T: std::fmt::Display>(value: T) -> String { format!(\"<{value}>\") }
";

const APP: &str = "mod other { #[inline(never)] pub fn sum(list: &[i32]) -> i32 { list.iter().sum() } }
fn main() {
    let start = dep::Point { x: 2, label: dep::describe(1.5) };
    let end = dep::shifted(&start, 40);
    let list = vec![start.x, end.x];
    println!(\"{} {} {}\", other::sum(&list), start.label, end.label);
}
";

const LIBRARY: &str = "#[unsafe(no_mangle)]
pub extern \"C\" fn answer(x: i32) -> i32 { dep::shifted(&dep::Point { x, label: String::new() }, 1).x }
";

/// What each command of a build has in common; the folder `made` is the one that rustc writes to.
fn flags(project: &Project, more: &str) -> Vec<String> {
    let remap = format!("--remap-path-prefix={}=.", project.dir.display());
    [words("-g -Ccodegen-units=4"), vec![remap], words(more)].concat()
}

fn project(name: &str) -> Result<Project> {
    let project = Project::new(&format!("split_debug_info_{name}"))?;
    for (file, text) in [("dep.rs", DEP), ("app.rs", APP), ("library.rs", LIBRARY)] {
        project.write(file, text)?;
    }
    fs::create_dir_all(project.dir.join("out"))?;
    Ok(project)
}

/// Runs both phases of `dep`: `out/libdep-1.rlib`, and `out/dep.dwo` if the `options` say so.
fn build_dep(project: &Project, options: &str, more: &str) -> Result<()> {
    let args = [project.library("dep"), flags(project, more)].concat();
    good(&project.compile(&format!("metadata --output out/libdep-1.rmeta {options}"), &args)?).context("metadata")?;
    let codegen = format!("codegen --output out/libdep-1.rlib --published-metadata out/libdep-1.rmeta {options}");
    good(&project.compile(&codegen, &args)?).context("codegen")
}

const NO_LINK: &str = "no-link --plan out/plan.json --modules out/modules --metadata out/libdep-1.rmeta";
const DEP_DWO: &str = "--dwo-dir out/dep.dwo";
const OWN_DWO: &str = "--dwo-dir out/own.dwo";

/// Builds `name.rs` with its debug information split: `out/artifact`.
fn build(project: &Project, name: &str, crate_type: &str, more: &str) -> Result<()> {
    build_dep(project, DEP_DWO, more)?;
    let args = [project.linked(name, crate_type), flags(project, more)].concat();
    good(&project.compile(&format!("{NO_LINK} {OWN_DWO}"), &args)?).context("no-link")?;
    good(&project.link_only()?).context("link-only")
}

fn dwp(project: &Project, options: &str) -> Result<Output> {
    run(&mut project.splitlink(&words(&format!("dwp --output out/artifact.dwp --artifact out/artifact {options}"))))
}

fn pack(project: &Project) -> Result<()> {
    good(&dwp(project, &format!("{DEP_DWO} {OWN_DWO}"))?).context("dwp")
}

/// rustc's own artifact and package, in the folder `made`.
fn reference(project: &Project, name: &str, crate_type: &str, more: &str) -> Result<()> {
    fs::create_dir_all(project.dir.join("made"))?;
    // Its skeletons would name the folder.
    let flags = [flags(project, more), words("--remap-path-prefix=made= -Csplit-debuginfo=packed")].concat();
    let at = |args: Vec<String>| -> Vec<String> { args.iter().map(|arg| arg.replace("absent", "made")).collect() };
    // Without bitcode, as `codegen` has it.
    good(&project.rustc(&[at(project.library("dep")), flags.clone(), words("-Cembed-bitcode=no")].concat())?)?;
    good(&project.rustc(&[at(project.linked(name, crate_type)), flags].concat())?)
}

#[test]
fn the_same_as_rustc_makes() -> Outcome {
    for (number, (name, crate_type, file, more)) in [
        ("app", "bin", "app", ""),
        ("app", "bin", "app", "-Copt-level=3 -Ccodegen-units=1"),
        ("app", "bin", "app", "-Cdwarf-version=5 -Csplit-debuginfo=packed"),
        ("app", "bin", "app", "-Cdebuginfo=1 -Csplit-debuginfo=unpacked"),
        ("library", "cdylib", "liblibrary.so", "-Copt-level=1 -Ccodegen-units=1"),
        ("library", "dylib", "liblibrary.so", ""),
    ]
    .into_iter()
    .enumerate()
    {
        let project = project(&format!("same_{number}"))?;
        let compare = || -> Result<()> {
            build(&project, name, crate_type, more)?;
            pack(&project)?;
            reference(&project, name, crate_type, more)?;
            let package = format!("made/{file}.dwp");
            // The crate's hash in a dylib's metadata depends on whether rustc packs.
            let is_same = crate_type == "dylib" || project.read("out/artifact")? == project.read(&format!("made/{file}"))?;
            ensure!(is_same, "the artifact differs from rustc's");
            let [ours, theirs] = [project.read("out/artifact.dwp")?, project.read(&package)?];
            if more.contains("-Cdwarf-version=5") {
                // The thorin 0.9 in rustc 1.95 writes the length of each unit's string offsets four
                // too small, which later ones do not.
                let differing = ours.iter().zip(&theirs).filter(|(one, other)| one != other).count();
                ensure!(ours.len() == theirs.len() && differing <= units(&ours)?.len(), "{differing} bytes differ from rustc's package");
            } else {
                ensure!(ours == theirs, "the package differs from rustc's");
            }
            Ok(())
        };
        compare().with_context(|| format!("{crate_type} {more}"))?;
    }
    Ok(())
}

/// The units that a package has, by the numbers in its index (of version 2, behind four words).
fn units(package: &[u8]) -> Result<BTreeSet<u64>> {
    let object = object::File::parse(package)?;
    let index = object.section_by_name(".debug_cu_index").context("it has no index")?.data()?;
    let slots = u32::from_le_bytes(index[12..16].try_into()?) as usize;
    let ids = index[16..].chunks_exact(8).take(slots).map(|id| u64::from_le_bytes(id.try_into().unwrap_or_default()));
    Ok(ids.filter(|id| *id != 0).collect())
}

/// rustc packs every object of an rlib, be it linked or not.
#[test]
fn what_is_not_linked_is_not_packed() -> Outcome {
    let project = project("unlinked")?;
    build(&project, "app", "bin", "-Copt-level=3")?;
    pack(&project)?;
    reference(&project, "app", "bin", "-Copt-level=3")?;
    let [ours, theirs] = [units(&project.read("out/artifact.dwp")?)?, units(&project.read("made/app.dwp")?)?];
    assert!(ours.len() < theirs.len() && ours.is_subset(&theirs), "{ours:?} {theirs:?}");
    Ok(())
}

/// Nothing of it is where a link reads, and what is linked needs none of it.
#[test]
fn nothing_of_it_is_linked() -> Outcome {
    let project = project("inputs")?;
    build(&project, "app", "bin", "")?;
    let own = names_in(&project.dir.join("out/own.dwo"));
    assert!(own.len() > 1 && own.iter().all(|name| name.starts_with("app.app.") && name.ends_with(".rcgu.dwo")), "{own:?}");
    let members = succeed(Command::new("ar").arg("t").arg(project.dir.join("out/libdep-1.rlib")))?;
    let members = String::from_utf8_lossy(&members.stdout).into_owned();
    assert!(members.contains(".rcgu.o") && !members.contains(".dwo"), "{members}");
    let linked = project.read("out/artifact")?;
    fs::remove_dir_all(project.dir.join("out/dep.dwo"))?;
    good(&project.link_only()?)?;
    assert!(project.read("out/artifact")? == linked);
    // No path, of this machine or of a scratch folder, is anywhere.
    for file in ["out/artifact", "out/libdep-1.rlib", "out/plan.json"] {
        let bytes = project.read(file)?;
        for path in [&*project.dir.to_string_lossy(), ".scratch"] {
            assert!(!bytes.windows(path.len()).any(|part| part == path.as_bytes()), "`{file}` has `{path}`");
        }
    }
    // A staticlib: rustc puts `.dwo` files into it, where no debugger looks.
    let args = [project.linked("library", "staticlib"), flags(&project, "")].concat();
    build_dep(&project, DEP_DWO, "")?;
    good(&project.compile(&format!("{NO_LINK} --dwo-dir out/library.dwo"), &args)?)?;
    good(&project.link_only_with("--rlib out/libdep-1.rlib --output out/library.a")?)?;
    project.write("main.c", "int answer(int); int main(void) { return answer(41) - 42; }")?;
    succeed(Command::new("cc").current_dir(&project.dir).args(words("main.c out/library.a -o out/artifact")))?;
    good(&dwp(&project, &format!("{DEP_DWO} --dwo-dir out/library.dwo"))?)?;
    refused(&run(&mut project.splitlink(&words("dwp --output out/a.dwp --artifact out/library.a")))?, &["`out/library.a` is an archive"])?;
    Ok(())
}

/// What gdb says of the program `out/moved/NAME`.
fn said_by_gdb(project: &Project, name: &str) -> Result<String> {
    let commands = [
        "break dep::shifted",
        "break app::other::sum",
        "info breakpoints",
        "run",
        "next",
        "info args",
        "info locals",
        "print *point",
        "backtrace -past-main off",
        "continue",
        "info args",
        "up",
        "info locals",
        "ptype end",
        "info line dep::describe<f64>",
        "info scope app::main",
    ];
    gdb::says(&project.dir.join("out/moved"), name, &commands, |_| true)
}

#[test]
fn a_debugger_sees_the_same() -> Outcome {
    if !gdb::is_there() {
        return Ok(());
    }
    let project = project("gdb")?;
    fs::create_dir_all(project.dir.join("out/moved"))?;
    // Once with debug information inside, once beside the program, and once not at all.
    build_dep(&project, "", "")?;
    good(&project.compile(NO_LINK, &[project.linked("app", "bin"), flags(&project, "")].concat())?)?;
    good(&project.link_only_with("--rlib out/libdep-1.rlib --output out/moved/inside0")?)?;
    build(&project, "app", "bin", "")?;
    pack(&project)?;
    for name in ["beside1", "absent2"] {
        fs::copy(project.dir.join("out/artifact"), project.dir.join(format!("out/moved/{name}")))?;
    }
    fs::rename(project.dir.join("out/artifact.dwp"), project.dir.join("out/moved/beside1.dwp"))?;
    for folder in ["out/dep.dwo", "out/own.dwo"] {
        fs::remove_dir_all(project.dir.join(folder))?;
    }
    let inside = said_by_gdb(&project, "inside0")?;
    for part in ["dep.rs:4", "by = 40", "moved = 42", "x: 2", "start = dep::Point", "list = ", "struct dep::Point"] {
        assert!(inside.contains(part), "gdb says no `{part}`:\n{inside}");
    }
    let beside = said_by_gdb(&project, "beside1")?;
    assert!(beside == inside, "with the package:\n{beside}\nwith it inside:\n{inside}");
    let absent = said_by_gdb(&project, "absent2")?;
    assert!(!absent.contains("moved = 42"), "gdb has debug information from elsewhere:\n{absent}");
    Ok(())
}

#[test]
fn of_interfaces() -> Outcome {
    let project = project("interface")?;
    build_dep(&project, &format!("--interface {DEP_DWO}"), "")?;
    let args = [project.linked("app", "bin"), flags(&project, "")].concat();
    good(&project.compile(&format!("{NO_LINK} {OWN_DWO}"), &args)?)?;
    good(&project.link_only()?)?;
    pack(&project)?;
    Ok(())
}

/// What is asked for and off: debug information inside, in the same bytes as without the option.
#[test]
fn off_by_the_command() -> Outcome {
    let project = project("off")?;
    build_dep(&project, "", "-Csplit-debuginfo=off")?;
    let without = project.read("out/libdep-1.rlib")?;
    build_dep(&project, DEP_DWO, "-Csplit-debuginfo=off")?;
    assert!(project.read("out/libdep-1.rlib")? == without && names_in(&project.dir.join("out/dep.dwo")).is_empty());
    // And nothing to pack: a package with nothing in it.
    build(&project, "app", "bin", "-Csplit-debuginfo=off")?;
    pack(&project)?;
    assert!(project.read("out/artifact.dwp")?.starts_with(b"\x7fELF"));
    Ok(())
}

#[test]
fn what_is_refused() -> Outcome {
    let project = project("refused")?;
    let args = |more: &str| [project.library("dep"), flags(&project, more)].concat();
    for phase in ["metadata --output out/dep.rmeta", "codegen --output out/dep.rlib --published-metadata out/dep.rmeta"] {
        for (options, more, said) in [
            ("", "-Csplit-debuginfo=unpacked", &["the crate `dep`", "`-Csplit-debuginfo=unpacked`", "`--dwo-dir`"][..]),
            (&format!("--lto {DEP_DWO}"), "", &["the crate `dep` is compiled for LTO", "`--dwo-dir`"]),
            (DEP_DWO, "-Zsplit-dwarf-kind=single", &["the crate `dep`", "`-Zsplit-dwarf-kind=single`"]),
        ] {
            refused(&project.compile(&format!("{phase} {options}"), &args(more))?, said).with_context(|| format!("{phase} {more}"))?;
        }
    }
    project.nothing_left(&["out/dep.rmeta", "out/dep.rlib", "out/dep.dwo"])?;
    build_dep(&project, DEP_DWO, "")?;
    let app = |more: &str| [project.linked("app", "bin"), flags(&project, more)].concat();
    for (options, more, said) in [
        ("", "-Csplit-debuginfo=packed", &["the crate `app`", "`-Csplit-debuginfo=packed`", "`--dwo-dir`"][..]),
        (&format!("--lto {OWN_DWO}"), "", &["the crate `app` is compiled for LTO"]),
        (OWN_DWO, "-Zsplit-dwarf-kind=single", &["the crate `app`", "`-Zsplit-dwarf-kind=single`"]),
        (&format!("--dylib-of out/libdep-1.rmeta {OWN_DWO}"), "", &["the dylib of `dep-1`", "`--dwo-dir`"]),
        ("--dwo-dir out", "", &["`out/plan.json`, the link plan, would be inside `out`, which is the folder of debug information"]),
        (OWN_DWO, "--remap-path-scope=macro", &["the crate `app`", "would name the scratch folder", "`--remap-path-scope`"]),
    ] {
        refused(&project.compile(&format!("{NO_LINK} {options}"), &app(more))?, said).with_context(|| format!("{options} {more}"))?;
    }
    project.nothing_left(&["out/plan.json", "out/modules", "out/own.dwo"])?;
    // The command's own wish says nothing of a dylib, which has the library's objects.
    let dylib_of = format!("{NO_LINK} --dylib-of out/libdep-1.rmeta");
    good(&project.compile(&dylib_of, &app("-Csplit-debuginfo=packed"))?)?;
    Ok(())
}

#[test]
fn what_cannot_be_packed() -> Outcome {
    let project = project("unpackable")?;
    build(&project, "app", "bin", "")?;
    let both = format!("{DEP_DWO} {OWN_DWO}");
    let refuse = |options: &str, said: &[&str]| -> Result<()> {
        refused(&dwp(&project, options)?, said).with_context(|| options.to_owned())?;
        project.nothing_left(&["out/artifact.dwp"])
    };
    refuse(OWN_DWO, &["`out/artifact` refers to the debug information `dep-1.dep.", "of the crate `dep` (dep-1)", "`--dwo-dir`"])?;
    refuse("", &["some is missing of the crate `app`, the crate `dep` (dep-1)"])?;
    refuse("--dwo-dir out/absent", &["cannot list the folder of debug information `out/absent`"])?;
    let whole = project.read("out/artifact")?;
    succeed(Command::new("strip").arg("--strip-debug").arg(project.dir.join("out/artifact")))?;
    refuse(&both, &["`out/artifact` has no debug information", "was it stripped?"])?;
    project.write("out/artifact", whole)?;
    // What else is given does no harm.
    project.write("out/dep.dwo/other.dwo", "no object")?;
    good(&dwp(&project, &both)?)?;
    fs::remove_file(project.dir.join("out/artifact.dwp"))?;
    let package =
        |artifact: &str| run(&mut project.splitlink(&words(&format!("dwp --output out/artifact.dwp --artifact {artifact} {both}"))));
    refused(&package("app.rs")?, &["`app.rs` is no program or library"])?;
    refused(&package("out/none")?, &["cannot read `out/none`"])?;
    let written = "dwp --output out/own.dwo/x.dwp --artifact out/artifact --dwo-dir out/own.dwo";
    refused(&run(&mut project.splitlink(&words(written)))?, &["the package would be written to", "a folder of `.dwo` files"])?;
    let dwo = names_in(&project.dir.join("out/dep.dwo")).into_iter().find(|name| name.starts_with("dep-1")).context("no `.dwo`")?;
    let whole = project.read(&format!("out/dep.dwo/{dwo}"))?;
    project.write(&format!("out/dep.dwo/{dwo}"), &whole[..whole.len() / 2])?;
    refuse(&both, &[&format!("`out/dep.dwo/{dwo}` is not a whole `.dwo` file")])?;
    fs::remove_file(project.dir.join("out/dep.dwo/other.dwo"))?;
    // Of another build of the library: from other sources.
    project.write("dep.rs", DEP.replace("moved", "displaced"))?;
    build_dep(&project, DEP_DWO, "")?;
    refuse(&both, &["is of another build of the crate `dep` (dep-1) than the one in `out/artifact`"])?;
    Ok(())
}

/// The file's name is only the first way to find it: what is in it counts.
#[test]
fn found_by_what_is_in_it() -> Outcome {
    let project = project("renamed")?;
    build(&project, "app", "bin", "")?;
    pack(&project)?;
    let package = project.read("out/artifact.dwp")?;
    let mut moved = BTreeSet::new();
    for (number, name) in names_in(&project.dir.join("out/own.dwo")).into_iter().enumerate() {
        let to = format!("out/moved{number}.dwo");
        fs::rename(project.dir.join("out/own.dwo").join(name), project.dir.join(&to))?;
        moved.insert(format!("--dwo {to}"));
    }
    good(&dwp(&project, &format!("{DEP_DWO} {}", moved.into_iter().collect::<Vec<_>>().join(" ")))?)?;
    assert!(project.read("out/artifact.dwp")? == package);
    Ok(())
}

/// C code is compiled to another version of DWARF than Rust code, unless somebody says otherwise.
#[test]
fn of_another_version_of_dwarf() -> Outcome {
    let project = project("version")?;
    project.write("native.c", "int native(int x) { int y = x + 1; return y; }")?;
    project.write("app.rs", "unsafe extern \"C\" { safe fn native(x: i32) -> i32; }\nfn main() { println!(\"{}\", native(dep::shifted(&dep::Point { x: 1, label: String::new() }, 1).x)); }\n")?;
    build_dep(&project, DEP_DWO, "")?;
    for (version, is_refused) in [(5, true), (4, false)] {
        let gcc = format!("-c -g -gsplit-dwarf -gdwarf-{version} native.c -o out/native.o");
        succeed(Command::new("gcc").current_dir(&project.dir).args(words(&gcc)))?;
        let args = [project.linked("app", "bin"), flags(&project, "-Clink-arg=out/native.o")].concat();
        good(&project.compile(&format!("{NO_LINK} {OWN_DWO}"), &args)?)?;
        good(&project.link_only()?)?;
        let packed = dwp(&project, &format!("{DEP_DWO} {OWN_DWO} --dwo out/native.dwo"))?;
        if is_refused {
            refused(&packed, &["more than one version, DWARF 4 (`out/", "DWARF 5 (`out/native.dwo`)", "-gdwarf-4"])?;
            project.nothing_left(&["out/artifact.dwp"])?;
        } else {
            good(&packed)?;
        }
    }
    Ok(())
}
