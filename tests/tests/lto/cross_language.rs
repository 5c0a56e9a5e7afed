//! C that clang compiled to bitcode takes part in LTO: functions are inlined across the languages,
//! both ways.

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use splitlink_tests::rustc_fixture::disassembly::calls_of;
use splitlink_tests::rustc_fixture::project::{Project, good, words};
use splitlink_tests::rustc_fixture::tools::{Failure, succeed};
use std::process::Command;

type Outcome = Result<(), Failure>;

/// Three functions: one to inline into Rust, one that stays and into which Rust is inlined, and one
/// that only runs if all of the archive is linked.
const C: &str = "
int rust_double(int x);
int c_triple(int x) { return 3 * x; }
__attribute__((noinline)) int c_calls(int x) { return rust_double(x) + 1; }
";

const REGISTRAR: &str = "
extern int registered;
__attribute__((constructor)) static void start(void) { registered = 5; }
";

/// The functions of Rust, which a program or a library follows.
const RUST: &str = r#"
unsafe extern "C" {
    safe fn c_triple(x: i32) -> i32;
    safe fn c_calls(x: i32) -> i32;
}
#[unsafe(no_mangle)]
pub static mut registered: i32 = 0;
#[unsafe(no_mangle)]
pub extern "C" fn rust_double(x: i32) -> i32 { x * 2 }
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn rust_calls(x: i32) -> i32 { c_triple(x) }
"#;

const WITH_STD: &str = r#"
fn main() {
    let x = std::env::args().count() as i32;
    println!("{} {} {}", rust_calls(x), c_calls(x), unsafe { registered });
}
"#;

/// Without the standard library, so that LTO is quick.
const WITHOUT_STD: &str = r#"
unsafe extern "C" { unsafe fn printf(format: *const core::ffi::c_char, ...) -> i32; }
#[unsafe(no_mangle)]
pub extern "C" fn main(count: i32, _: *const *const u8) -> i32 {
    unsafe { printf(c"%d %d %d\n".as_ptr(), rust_calls(count), c_calls(count), registered) };
    0
}
#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! { loop {} }
"#;

fn clang(project: &Project, flag: &str, name: &str) -> Result<()> {
    let mut clang = Command::new("clang");
    let args = ["-O2", "-fPIC", flag, "-c", &format!("{name}.c"), "-o", &format!("{name}.o")];
    succeed(clang.current_dir(&project.dir).args(args)).context("these tests need clang: `apt-get install clang`, or run `dev/test`")?;
    ensure!(project.read(&format!("{name}.o"))?.starts_with(b"BC\xc0\xde"), "clang {flag} wrote no bitcode");
    Ok(())
}

/// A program, with or without the standard library, whose C is compiled with `flag`; `link` is what
/// the command says of the C.
fn compiled(folder: &str, with_std: bool, flag: &str, link: &str) -> Result<Project> {
    let project = Project::new(folder)?;
    for (name, source) in [("c", C), ("registrar", REGISTRAR)] {
        project.write(&format!("{name}.c"), source)?;
        clang(&project, flag, name)?;
    }
    for (library, member) in [("libc_part.a", "c.o"), ("libregistrar.a", "registrar.o")] {
        succeed(Command::new("ar").current_dir(&project.dir).args(["crsD", library, member]))?;
    }
    let source = if with_std { format!("{RUST}{WITH_STD}") } else { format!("#![no_std]\n#![no_main]\n{RUST}{WITHOUT_STD}") };
    project.write("mixed.rs", source)?;
    project.build_dep()?;
    let mut args = [project.linked("mixed", "bin"), words("-Copt-level=2"), words(link)].concat();
    if !with_std {
        args.extend(words("-Cpanic=abort -Clink-arg=-lc"));
    }
    good(&project.compile("no-link --lto --plan out/plan.json --modules out/modules --metadata out/libdep-1.rmeta", &args)?)?;
    Ok(project)
}

/// Links it, in thin mode from an empty cache, from that cache again and without, and checks what
/// it prints.
fn link(project: &Project, mode: &str, registered: i32) -> Result<()> {
    let runs: &[&str] = if mode == "thin" { &["", "--lto-cache out/cache", "--lto-cache out/cache"] } else { &[""] };
    let mut made = Vec::new();
    for options in runs {
        let outputs = "--output out/artifact --report out/report.json";
        good(&project.link_only_with(&format!("--rlib out/libdep-1.rlib --lto {mode} {options} {outputs}"))?)?;
        let printed = succeed(&mut Command::new(project.dir.join("out/artifact")))?.stdout;
        ensure!(printed == format!("3 3 {registered}\n").as_bytes(), "{mode} {options}: it prints {:?}", String::from_utf8_lossy(&printed));
        made.push((project.read("out/artifact")?, project.read("out/report.json")?));
    }
    ensure!(made.iter().all(|each| *each == made[0]), "{mode}: with a cache it is another");
    Ok(())
}

fn inlined(mode: &str, flag: &str) -> Result<()> {
    let folder = format!("cross_{mode}{}", flag.replace('=', "_"));
    let archive = "-Lnative=. -lstatic=c_part";
    for (how, with_std, link_flags) in [
        ("object", false, "-Clink-arg=c.o"),
        ("archive", false, archive),
        ("whole", false, "-Lnative=. -lstatic:+whole-archive=c_part"),
        ("with_std", true, archive),
    ] {
        let project = compiled(&format!("{folder}_{how}"), with_std, flag, link_flags)?;
        link(&project, mode, 0).with_context(|| how.to_owned())?;
        let calls = |function: &str| calls_of(&project.dir.join("out/artifact"), function);
        let (of_rust, of_c) = (calls("rust_calls")?, calls("c_calls")?);
        // Thin LTO imports from modules that have a summary of their own, which `-flto` alone does
        // not make.
        if mode == "thin" && flag == "-flto" {
            ensure!(of_rust == ["c_triple"] && of_c == ["rust_double"], "{how}: {of_rust:?} {of_c:?}");
        } else {
            ensure!(of_rust.is_empty() && of_c.is_empty(), "{how}: calls are left: {of_rust:?} {of_c:?}");
        }
    }
    // What nothing refers to takes part where all of an archive is linked.
    let whole = "-Clink-arg=c.o -Lnative=. -lstatic:+whole-archive=registrar";
    let whole = compiled(&format!("{folder}_registrar"), false, flag, whole)?;
    link(&whole, mode, 5).context("a whole archive")?;
    let needed = compiled(&format!("{folder}_needed"), false, flag, "-Clink-arg=c.o -Lnative=. -lstatic=registrar")?;
    link(&needed, mode, 0).context("an archive of which nothing is needed")?;
    Ok(())
}

#[test]
fn fat_with_flto() -> Outcome {
    Ok(inlined("fat", "-flto")?)
}

#[test]
fn fat_with_flto_thin() -> Outcome {
    Ok(inlined("fat", "-flto=thin")?)
}

#[test]
fn thin_with_flto_thin() -> Outcome {
    Ok(inlined("thin", "-flto=thin")?)
}

#[test]
fn thin_with_flto() -> Outcome {
    Ok(inlined("thin", "-flto")?)
}

#[test]
fn modules_for_another_target() -> Outcome {
    for mode in ["thin", "fat"] {
        let project = compiled(&format!("cross_target_{mode}"), false, "-flto=thin", "-Clink-arg=c.o")?;
        let mut clang = Command::new("clang");
        succeed(clang.current_dir(&project.dir).args(["--target=aarch64-linux-gnu", "-flto=thin", "-O2", "-c", "c.c", "-o", "c.o"]))?;
        let output =
            project.link_only_with(&format!("--rlib out/libdep-1.rlib --lto {mode} --output out/artifact --report out/report.json"))?;
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains("error: ") && said.contains("c.o"), "{mode}: it does not name the module: {said}");
        if mode == "fat" {
            assert!(said.contains("aarch64-unknown-linux-gnu") && said.contains("x86_64-unknown-linux-gnu"), "{said}");
        } else {
            assert!(said.contains("incompatible"), "{said}");
        }
        project.nothing_left(&["out/artifact", "out/report.json"])?;
    }
    Ok(())
}

/// Libraries for C, and what a staticlib's archive takes in.
#[test]
fn crate_types() -> Outcome {
    let project = Project::new("cross_types")?;
    project.write("c.c", C)?;
    clang(&project, "-flto=thin", "c")?;
    succeed(Command::new("ar").current_dir(&project.dir).args(["crsD", "libc_part.a", "c.o"]))?;
    project.write("mixed.rs", RUST)?;
    project.write("main.c", "#include <stdio.h>\nint rust_calls(int);\nint main(void) { printf(\"%d\\n\", rust_calls(4)); }\n")?;
    project.build_dep()?;
    let args = [project.linked("mixed", "staticlib,cdylib,dylib"), words("-Copt-level=2 -Lnative=. -lstatic=c_part")].concat();
    good(&project.compile("no-link --lto --plan out/plan.json --modules out/modules --metadata out/libdep-1.rmeta", &args)?)?;
    for mode in ["thin", "fat"] {
        let outputs =
            "--output staticlib=out/libmixed.a --output cdylib=out/c.so --output dylib=out/d/libmixed.so --report out/report.json";
        good(&project.link_only_with(&format!("--rlib out/libdep-1.rlib --lto {mode} {outputs}"))?)?;
        let report: Value = serde_json::from_slice(&project.read("out/report.json")?).context("a report is JSON")?;
        assert_eq!(report["lto"].as_array().map(Vec::len), Some(2), "{report}");
        for library in ["libmixed.a", "c.so", "d/libmixed.so"] {
            let mut gcc = Command::new("gcc");
            gcc.current_dir(&project.dir).args(["main.c", "-o", "out/main"]).arg(format!("out/{library}")).arg("-Wl,-rpath,$ORIGIN");
            succeed(gcc.args(["-lgcc_s", "-lpthread", "-lm", "-ldl", "-lc"]))?;
            let printed = succeed(Command::new("out/main").current_dir(&project.dir).env("LD_LIBRARY_PATH", "out/d"))?.stdout;
            assert_eq!(printed, b"12\n", "{mode} {library}");
            let file = if library.ends_with(".a") { "out/main".to_owned() } else { format!("out/{library}") };
            assert_eq!(calls_of(&project.dir.join(file), "rust_calls")?, [""; 0], "{mode} {library}");
        }
    }
    Ok(())
}
