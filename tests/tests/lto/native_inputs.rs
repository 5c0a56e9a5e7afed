//! LTO sees every native library and object that the linker would, however the command names it:
//! bitcode takes part, and what machine code refers to is kept.

use anyhow::{Context, Result, ensure};
use splitlink_tests::rustc_fixture::disassembly::calls_of;
use splitlink_tests::rustc_fixture::project::{Project, good, refused, words};
use splitlink_tests::rustc_fixture::tools::{Failure, Toolchain, exit_code, run, succeed};
use std::fs;
use std::process::Command;

type Outcome = Result<(), Failure>;

const C: &str = "
int helper(int x);
__attribute__((noinline)) int c_calls(int x) { return helper(x) + 1; }
";

/// Without the standard library, so that LTO is quick.
const RUST: &str = r#"
#![no_std]
#![no_main]
unsafe extern "C" { safe fn c_calls(x: i32) -> i32; }
#[unsafe(no_mangle)]
pub extern "C" fn helper(x: i32) -> i32 { x * 20 }
#[unsafe(no_mangle)]
pub extern "C" fn main(count: i32, _: *const *const u8) -> i32 { c_calls(count) * 2 }
#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! { loop {} }
"#;

/// The flags of each way to name the C; `%` stands for a space.
const WAYS: &[(&str, &str)] = &[
    ("static", "-L. -lstatic=c_part"),
    ("verbatim", "-L. -lstatic:+verbatim=libc_part.a"),
    ("whole", "-L. -lstatic:+whole-archive=c_part"),
    ("by_file_name", "-L. -Clink-arg=-l:libc_part.a"),
    ("by_odd_file_name", "-L. -Clink-arg=-l:c.object"),
    ("by_name", "-L. -Clink-arg=-lc_part"),
    ("by_name_in_linkers_folder", "-Clink-arg=-Wl,-L,.,-lc_part"),
    ("by_name_in_own_argument", "-L. -Clink-arg=-l -Clink-arg=c_part"),
    ("by_long_name", "-L. -Clink-arg=-Wl,--library=c_part"),
    ("path", "-Clink-arg=libc_part.a"),
    ("odd_path", "-Clink-arg=c.object"),
    ("behind_wl", "-Clink-arg=-Wl,libc_part.a"),
    ("whole_behind_wl", "-Clink-arg=-Wl,--whole-archive,libc_part.a,--no-whole-archive"),
    ("behind_xlinker", "-Clink-arg=-Xlinker -Clink-arg=libc_part.a"),
    ("response_file", "-Clink-arg=@arguments"),
    ("response_file_behind_wl", "-Clink-arg=-Wl,@linker_arguments"),
    ("script", "-Clink-arg=script"),
    ("script_of_group", "-Clink-arg=group"),
    ("library_is_script", "-L. -Clink-arg=-lscripted"),
    ("nested_script", "-L. -Clink-arg=nested"),
];

/// The program's C compiled by `compiler`, in every form that a way names.
fn project(name: &str, compiler: &[&str]) -> Result<Project> {
    let project = Project::new(name)?;
    let dir = |program: &str| {
        let mut command = Command::new(program);
        command.current_dir(&project.dir);
        command
    };
    project.write("c.c", C)?;
    project.write("native.rs", RUST)?;
    let output = succeed(dir(compiler[0]).args(&compiler[1..]).args(["-O2", "-fPIC", "-c", "c.c", "-o", "c.object"]));
    output.context("these tests need clang: `apt-get install clang`, or run `dev/test`")?;
    succeed(dir("ar").args(["crsD", "libc_part.a", "c.object"]))?;
    project.write("arguments", "-L . '-l'c_part\n")?;
    project.write("linker_arguments", "-L. -lc_part")?;
    project.write("script", "/* It names */ INPUT(libc_part.a)\n")?;
    project.write("group", "GROUP ( libc_part.a AS_NEEDED ( -lm ) )\n")?;
    project.write("libscripted.so", "INPUT ( -lc_part )\n")?;
    project.write("nested", "GROUP ( script )\n")?;
    fs::create_dir_all(project.dir.join("out"))?;
    Ok(project)
}

fn command(flags: &str) -> Vec<String> {
    words(&format!("--crate-name=native native.rs --edition=2024 -Copt-level=2 -Cpanic=abort -Clink-arg=-lc {flags}"))
}

fn exits(project: &Project, program: &str) -> Result<()> {
    let output = run(&mut Command::new(project.dir.join(program)))?;
    ensure!(exit_code(&output) == 42, "`{program}` ends with {}", exit_code(&output));
    Ok(())
}

fn link(project: &Project, flags: &str, mode: &str) -> Result<std::process::Output> {
    good(&project.compile("no-link --lto --plan out/plan.json --modules out/modules", &command(flags))?)?;
    let _ = fs::remove_file(project.dir.join("out/artifact"));
    project.link_only_with(&format!("--lto {mode} --output out/artifact"))
}

fn all_ways(name: &str, compiler: &[&str], is_bitcode: bool) -> Result<()> {
    let project = project(name, compiler)?;
    for (way, flags) in WAYS {
        for mode in ["thin", "fat"] {
            let check = || -> Result<()> {
                good(&link(&project, flags, mode)?)?;
                exits(&project, "out/artifact")?;
                let calls = calls_of(&project.dir.join("out/artifact"), "c_calls")?;
                ensure!(calls.is_empty() == is_bitcode, "C calls {calls:?}");
                Ok(())
            };
            check().with_context(|| format!("{way}: {mode} {flags}"))?;
        }
        if !is_bitcode {
            // rustc itself keeps the symbol in any case.
            good(&project.rustc(&[command(flags), words("-Clto=fat -o out/reference")].concat())?)
                .with_context(|| format!("rustc: {flags}"))?;
            exits(&project, "out/reference").with_context(|| format!("rustc: {flags}"))?;
        }
    }
    Ok(())
}

#[test]
fn machine_code() -> Outcome {
    Ok(all_ways("native_machine_code", &["gcc"], false)?)
}

#[test]
fn bitcode() -> Outcome {
    Ok(all_ways("native_bitcode", &["clang", "-flto=thin"], true)?)
}

/// Where the linker looks by itself.
#[test]
fn in_the_linkers_own_folders() -> Outcome {
    let project = project("native_own_folders", &["gcc"])?;
    fs::create_dir(project.dir.join("lib"))?;
    fs::rename(project.dir.join("libc_part.a"), project.dir.join("lib/libc_part.a"))?;
    good(&project.compile("no-link --lto --plan out/plan.json --modules out/modules", &command("-Clink-arg=-lc_part"))?)?;
    for mode in ["thin", "fat"] {
        let options = format!("link-only --plan out/plan.json --modules out/modules --lto {mode} --output out/artifact --sysroot");
        let mut command = project.splitlink(&words(&options));
        // GCC takes it for one of its own.
        good(&run(command.arg(&Toolchain::stable().sysroot).env("LIBRARY_PATH", project.dir.join("lib")))?)?;
        exits(&project, "out/artifact")?;
    }
    Ok(())
}

/// A dynamic library is taken before a static one, unless only static ones are looked for.
#[test]
fn as_the_linker_chooses() -> Outcome {
    let project = project("native_choice", &["clang", "-flto=thin"])?;
    project.write("other.c", "int c_calls(int x) { return 3 * x; }\n")?;
    let mut gcc = Command::new("gcc");
    succeed(gcc.current_dir(&project.dir).args(["-shared", "-fPIC", "other.c", "-o", "libc_part.so"]))?;
    for (flags, code) in [
        ("-L. -Clink-arg=-lc_part", 6),
        ("-L. -Clink-arg=-Wl,-Bstatic,-lc_part,-Bdynamic", 42),
        ("-L. -Clink-arg=-Wl,--push-state,-Bstatic,-lc_part,--pop-state", 42),
        ("-L. -lstatic=c_part", 42),
        ("-L. -Clink-arg=-l:libc_part.a", 42),
    ] {
        good(&link(&project, flags, "fat")?)?;
        let output = run(Command::new(project.dir.join("out/artifact")).env("LD_LIBRARY_PATH", &project.dir))?;
        assert_eq!(exit_code(&output), code, "{flags}");
    }
    Ok(())
}

/// The value of an option is no file to link, whatever lies under that name.
#[test]
fn values_of_options() -> Outcome {
    let project = project("native_values", &["gcc"])?;
    project.write("main", "INPUT(libc_part.a)")?;
    project.write("map.c", "int mapped;\n")?;
    for flags in [
        "-Clink-arg=-Wl,-u,main -Clink-arg=c.object",
        "-Clink-arg=-Wl,-Map,map.c -Clink-arg=c.object",
        "-Clink-arg=-u -Clink-arg=main -Clink-arg=c.object",
    ] {
        good(&link(&project, flags, "fat")?).with_context(|| flags.to_owned())?;
        exits(&project, "out/artifact")?;
    }
    Ok(())
}

/// Bitcode that a script of more than names has linked cannot be taken out of it.
#[test]
fn scripts_that_say_more() -> Outcome {
    let project = project("native_long_script", &["clang", "-flto=thin"])?;
    project.write("long", "EXTERN(c_calls) INPUT(libc_part.a)\n")?;
    for flags in ["-Clink-arg=long", "-Clink-arg=-Wl,-T,script"] {
        let output = link(&project, flags, "fat")?;
        refused(&output, &["the linker script `", "`libc_part.a` linked, which is bitcode"]).with_context(|| flags.to_owned())?;
        project.nothing_left(&["out/artifact"])?;
    }
    // Of machine code, it says what is needed.
    let project = self::project("native_long_script_of_code", &["gcc"])?;
    project.write("long", "EXTERN(c_calls) INPUT(libc_part.a)\n")?;
    good(&link(&project, "-Clink-arg=long -Clink-arg=-fuse-ld=bfd", "fat")?)?;
    exits(&project, "out/artifact")?;
    Ok(())
}
