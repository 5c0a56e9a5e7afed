//! x86_64-pc-windows-gnu: the same programs and libraries linked by rustc and through splitlink with
//! MinGW's compiler, the same byte for byte, and run by Wine. `dev/test` installs the standard library
//! and the compiler, `dev/test targets` Wine, too.

use crate::plan_schema::{OF_WINDOWS, items};
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use splitlink_tests::rustc_fixture::project::refused;
use splitlink_tests::rustc_fixture::schema::{schema_of, validate};
use splitlink_tests::rustc_fixture::tools::{Failure, Toolchain, run, skip, succeed, write_program};
use splitlink_tests::rustc_fixture::two_ways::TwoWays;
use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

const TARGET: &str = "x86_64-pc-windows-gnu";
const GCC: &str = "x86_64-w64-mingw32-gcc";

/// Runs MinGW's dlltool in the folder of its output, as splitlink has it: symbols are named after
/// the path.
const DLLTOOL: &str = "#!/bin/bash
args=(\"$@\")
for ((i = 0; i < $#; i++)); do [ \"${args[i]}\" != -l ] || folder=$(dirname \"${args[i + 1]}\"); done
cd \"$folder\" && exec x86_64-w64-mingw32-dlltool \"${args[@]#\"$folder/\"}\"
";

const SOURCES: [(&str, &str); 10] = [
    (
        "dep.rs",
        "unsafe extern \"C\" { safe fn inside() -> i32; }
pub fn value<T: Into<u64>>(x: T) -> u64 { x.into() + 33 + inside() as u64 }
pub fn plain() -> u64 { value(2u8) }
thread_local! { pub static LOCAL: std::cell::Cell<u32> = const { std::cell::Cell::new(5) }; }
",
    ),
    (
        "raw.rs",
        "#[link(name = \"kernel32\", kind = \"raw-dylib\")]
unsafe extern \"system\" { safe fn GetCurrentProcessId() -> u32; }
pub fn has_process() -> bool { GetCurrentProcessId() > 0 }
",
    ),
    (
        "app.rs",
        "fn main() {
    let thread = std::thread::spawn(|| dep::LOCAL.with(|local| local.get()));
    let caught = std::panic::catch_unwind(|| panic!(\"caught\")).is_err();
    println!(\"{} {} {caught}\", dep::plain(), thread.join().unwrap());
}
",
    ),
    (
        "imports.rs",
        "#[link(name = \"kernel32\", kind = \"raw-dylib\")]
unsafe extern \"system\" { safe fn GetTickCount64() -> u64; }
fn main() { println!(\"{} {}\", raw::has_process(), GetTickCount64() > 0); }
",
    ),
    (
        "archive.rs",
        "#[link(name = \"bcryptprimitives\", kind = \"raw-dylib\")]
unsafe extern \"system\" { fn ProcessPrng(data: *mut u8, len: usize) -> i32; }
#[unsafe(no_mangle)]
pub extern \"C\" fn answer() -> u64 {
    let mut byte = 0;
    u64::from(raw::has_process()) + unsafe { ProcessPrng(&raw mut byte, 1) } as u64 + 40
}
",
    ),
    (
        "library.rs",
        "#[unsafe(no_mangle)]
pub extern \"C\" fn answer() -> u64 { dep::plain() }
#[unsafe(no_mangle)]
pub static DATA: u64 = 1;
",
    ),
    (
        "macros.rs",
        "extern crate proc_macro;
#[proc_macro]
pub fn m(_: proc_macro::TokenStream) -> proc_macro::TokenStream { dep::plain().to_string().parse().unwrap() }
",
    ),
    ("inside.c", "int inside(void) { return 7; }\n"),
    ("caller.c", "#include <stdio.h>\nunsigned long long answer(void);\nint main(void) { printf(\"%llu\\n\", answer()); }\n"),
    // Of the DLLs that std asks for, older versions of Wine have no bcryptprimitives.
    (
        "bcryptprimitives.c",
        "#include <windows.h>
BOOLEAN NTAPI SystemFunction036(PVOID, ULONG);
__declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE data, SIZE_T len) { return SystemFunction036(data, (ULONG)len); }
",
    ),
];

fn build(name: &str) -> Result<Option<TwoWays<'static>>> {
    if run(Command::new(GCC).arg("--version")).is_err() {
        skip(&format!("no `{GCC}` here; Debian's package gcc-mingw-w64-x86-64-win32 has it"));
        return Ok(None);
    }
    let Some(build) = TwoWays::new(Toolchain::stable(), &format!("windows-gnu-{name}"), TARGET, "--edition=2024")? else { return Ok(None) };
    build.write(&SOURCES)?;
    let dlltool = build.dir.join("dlltool");
    write_program(&dlltool, DLLTOOL)?;
    build.run(&format!("{GCC} -c inside.c -o inside.o"))?;
    build.run("ar rcs libinside.a inside.o")?;
    let flags = format!("-Cdlltool={}", dlltool.display());
    Ok(Some(build.with_reference(&flags, &[("SOURCE_DATE_EPOCH", "0")])))
}

/// What Wine prints when it runs the program `name`; none, said aloud, without Wine.
fn prints(build: &TwoWays<'_>, name: &str) -> Result<Option<String>> {
    if run(Command::new("wine").arg("--version")).is_err() {
        skip(&format!("no `wine` here to run `{name}`; `dev/test targets` installs it"));
        return Ok(None);
    }
    build.run(&format!("{GCC} -shared bcryptprimitives.c -o split/bcryptprimitives.dll -ladvapi32"))?;
    let mut wine = Command::new("wine");
    wine.arg(build.dir.join("split").join(name)).env("WINEDEBUG", "-all").env("WINEPREFIX", build.dir.join("wine"));
    let output = succeed(wine.env_remove("DISPLAY").current_dir(&build.dir)).with_context(|| format!("`{name}` in Wine"))?;
    Ok(Some(String::from_utf8_lossy(&output.stdout).replace("\r\n", "\n")))
}

/// Runs the program `name`, where Wine is, and checks what it prints.
fn check_prints(build: &TwoWays<'_>, name: &str, expected: &str) -> Result<()> {
    let printed = prints(build, name)?;
    ensure!(printed.as_ref().is_none_or(|printed| printed == expected), "`{name}` prints {printed:?}");
    Ok(())
}

/// Checks that `plan` fits the schema and has an item of this kind, which only such plans have.
fn has_kind(plan: &Value, kind: &str) -> Result<()> {
    validate(&schema_of("link-plan")?, plan)?;
    ensure!(OF_WINDOWS.contains(&kind) && items(plan).any(|item| item["kind"] == kind), "the plan has no {kind}");
    Ok(())
}

#[test]
fn programs_and_libraries() -> Result<(), Failure> {
    let Some(build) = build("all")? else { return Ok(()) };
    // A native library inside, object by object or as it is.
    for modifiers in ["", ":+whole-archive"] {
        build.library("dep", &format!("-Lnative=. -lstatic{modifiers}=inside"))?;
        for (source, crate_type, name) in [
            ("app", "bin", "app.exe"),
            ("library", "cdylib", "library.dll"),
            ("library", "dylib", "dylib.dll"),
            ("macros", "proc-macro", "macros.dll"),
            ("library", "staticlib", "liblibrary.a"),
        ] {
            build.link_the_same(source, crate_type, name).with_context(|| format!("with `-lstatic{modifiers}`"))?;
        }
        for name in ["liblibrary.dll.a", "libdylib.dll.a", "libmacros.dll.a"] {
            build.same(name)?;
        }
    }
    check_prints(&build, "app.exe", "42 5 true\n")?;
    build.run(&format!("{GCC} caller.c split/liblibrary.dll.a -o split/of_dll.exe"))?;
    check_prints(&build, "of_dll.exe", "42\n")?;
    let native = "-lkernel32 -lntdll -luserenv -lws2_32 -ldbghelp";
    build.run(&format!("{GCC} caller.c split/liblibrary.a {native} -o split/of_archive.exe"))?;
    check_prints(&build, "of_archive.exe", "42\n")?;
    Ok(())
}

#[test]
fn several_crate_types_at_once() -> Result<(), Failure> {
    let Some(build) = build("several")? else { return Ok(()) };
    build.library("dep", "-Lnative=. -lstatic=inside")?;
    let args = format!("library.rs --crate-type=cdylib,staticlib -Cmetadata=2 {} --out-dir=reference", build.externs());
    build.rustc(&args)?;
    succeed(&mut build.phase("no-link --plan plan.json --modules modules --metadata-dir split", &args))?;
    let outputs = "--output cdylib=split/library.dll --output staticlib=split/liblibrary.a";
    succeed(&mut build.link_only(&format!("--plan plan.json --modules modules --rlib-dir split {outputs}")))?;
    for name in ["library.dll", "liblibrary.dll.a", "liblibrary.a"] {
        build.same(name)?;
    }
    let plan: Value = serde_json::from_slice(&fs::read(build.dir.join("plan.json"))?).context("the plan")?;
    has_kind(&plan, "module-definition")?;
    has_kind(&plan, "output-import-library")?;
    // The DLL and its import library are one output.
    let over = "--rlib-dir split --output cdylib=split/a.dll --output staticlib=split/liba.dll.a";
    refused(&run(&mut build.link_only(&format!("--plan plan.json --modules modules {over}")))?, &["liba.dll.a", "import library"])?;
    Ok(())
}

/// GNU ld sorts what is imported by the paths of the files, so the order differs with the folder.
#[test]
fn imports_of_raw_dylib() -> Result<(), Failure> {
    let Some(build) = build("raw")? else { return Ok(()) };
    build.library("raw", "")?;
    build.link("imports", "bin", "imports.exe")?;
    let symbols = |folder: &str| -> Result<BTreeSet<String>> {
        let listed = build.run(&format!("x86_64-w64-mingw32-nm -j {folder}/imports.exe"))?;
        Ok(listed.lines().map(str::to_owned).collect())
    };
    let [reference, split] = [symbols("reference")?, symbols("split")?];
    assert!(split.contains("__imp_GetTickCount64") && split.contains("__imp_GetCurrentProcessId"));
    // That of the program's own import library stands in the folder of modules here.
    assert_eq!(split, reference);
    let [reference, split] = build.both("imports.exe")?;
    assert_eq!(reference.len(), split.len());
    check_prints(&build, "imports.exe", "true true\n")?;
    let plan: Value = serde_json::from_slice(&fs::read(build.dir.join("split/imports.exe.json"))?).context("the plan")?;
    has_kind(&plan, "import-library")?;
    // What a library imports from a DLL that std imports from, too, is still its own.
    build.link_the_same("archive", "staticlib", "libarchive.a")?;
    let native = "-lkernel32 -lntdll -luserenv -lws2_32 -ldbghelp";
    build.run(&format!("{GCC} caller.c split/libarchive.a {native} -o split/of_archive.exe"))?;
    check_prints(&build, "of_archive.exe", "42\n")?;
    // The tool that makes import libraries is missing.
    let without =
        run(&mut build.phase("metadata --output split/libraw.rmeta", "raw.rs --crate-name=raw --crate-type=rlib -Cdlltool=none-there"))?;
    assert!(without.status.success(), "metadata needs no dlltool");
    let code = "codegen --output split/libother.rlib --published-metadata split/libraw.rmeta";
    let without = run(&mut build.phase(code, "raw.rs --crate-name=raw --crate-type=rlib -Cdlltool=none-there"))?;
    refused(&without, &["`none-there`", "raw-dylib"])?;
    Ok(())
}

#[test]
fn the_same_bytes_at_any_time_and_place() -> Result<(), Failure> {
    let Some(build) = build("again")? else { return Ok(()) };
    let mut made = Vec::new();
    for folder in ["one", "another/deeper"] {
        let out = build.dir.join(folder);
        fs::create_dir_all(&out)?;
        for file in ["raw.rs", "imports.rs"] {
            fs::copy(build.dir.join(file), out.join(file))?;
        }
        let remap = format!("--remap-path-prefix={}=.", out.display());
        let phase = |options: &str, args: &str| succeed(build.phase(options, &format!("{args} {remap}")).current_dir(&out)).map(drop);
        let raw = "raw.rs --crate-name=raw --crate-type=rlib";
        phase("metadata --output libraw.rmeta", raw)?;
        phase("codegen --output libraw.rlib --published-metadata libraw.rmeta", raw)?;
        phase("no-link --plan plan.json --modules modules --metadata-dir .", "imports.rs --extern=raw=libraw.rlib -o imports.exe")?;
        let link = "--plan plan.json --modules modules --rlib-dir . --output imports.exe";
        succeed(build.link_only(link).current_dir(&out))?;
        let files = ["libraw.rlib", "plan.json", "modules/bin/kernel32.dll_imports.lib", "imports.exe"];
        made.push(files.map(|file| fs::read(out.join(file)).map_err(|error| format!("{file}: {error}"))));
        // The time that a linker would write has seconds.
        std::thread::sleep(std::time::Duration::from_millis(1100));
    }
    assert!(made[0].iter().all(Result::is_ok), "{:?}", made[0].iter().find(|file| file.is_err()));
    for (number, (one, other)) in made[0].iter().zip(&made[1]).enumerate() {
        assert!(one == other, "the same sources gave other bytes: file {number}");
    }
    Ok(())
}

#[test]
fn what_is_not_done() -> Result<(), Failure> {
    let Some(build) = build("refused")? else { return Ok(()) };
    build.library("dep", "-Lnative=. -lstatic=inside")?;
    let no_link = |options: &str, args: &str| run(&mut build.phase(&format!("no-link --plan plan.json --modules modules {options}"), args));
    for (options, args, why) in [
        ("--dylib-of split/libdep.rmeta", "dep.rs --crate-type=rlib", ["the library `dep`", "of ELF objects alone"]),
        ("--metadata-dir split --lto", "app.rs --extern=dep=split/libdep.rlib", ["its objects are COFF", "leave out `--lto`"]),
    ] {
        refused(&no_link(options, args)?, &why)?;
        assert!(!build.dir.join("plan.json").exists() && !build.dir.join("modules").exists(), "something was left");
    }
    // Half an rlib.
    let rlib = build.dir.join("split/libdep.rlib");
    let whole = fs::read(&rlib)?;
    succeed(
        &mut build
            .phase("no-link --plan plan.json --modules modules --metadata-dir split", "app.rs --extern=dep=split/libdep.rlib -o app.exe"),
    )?;
    fs::write(&rlib, &whole[..whole.len() / 2])?;
    let link = run(&mut build.link_only("--plan plan.json --modules modules --rlib-dir split --output app.exe"))?;
    refused(&link, &["libdep.rlib", "not a whole Rust library"])?;
    Ok(())
}
