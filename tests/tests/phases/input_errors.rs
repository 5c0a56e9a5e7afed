//! Broken, foreign and missing input: every phase names the crate or file and says what to try, and
//! leaves nothing behind.

use anyhow::Result;
use splitlink_tests::rustc_fixture::project::{Project, good, refused, words};
use splitlink_tests::rustc_fixture::tools::{Failure, names_in, run};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Output};

type Outcome = Result<(), Failure>;

/// Checks that the phase was refused with `texts`, and that of its `outputs` and of scratch folders
/// none is there.
pub fn nothing_made(project: &Project, output: &Output, outputs: &[&str], texts: &[&str]) -> Result<()> {
    refused(output, texts)?;
    project.nothing_left(outputs)
}

const PLANNED: &[&str] = &["out/plan.json", "out/modules"];
const LINKED: &[&str] = &["out/artifact"];

/// What can be wrong with a file, for files with the bytes `good`.
fn broken(good: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("empty", Vec::new()),
        ("cut in its first bytes", good[..5].to_vec()),
        ("cut to a quarter", good[..good.len() / 4].to_vec()),
        ("foreign", b"The quick brown fox jumps over the lazy dog.\n".repeat(20)),
        ("an ELF file", [b"\x7fELF\x02\x01\x01".to_vec(), vec![0; 300]].concat()),
    ]
}

#[test]
fn broken_metadata() -> Outcome {
    let project = Project::new("broken_metadata")?;
    project.build_dep()?;
    for (what, bytes) in broken(&project.read("out/libdep-1.rmeta")?) {
        project.write("out/libdep-1.rmeta", bytes)?;
        let named = &["the crate `dep-1`", "out/libdep-1.rmeta", "was it truncated?"];
        let no_link = project.no_link(&project.linked("app", "bin"))?;
        nothing_made(&project, &no_link, PLANNED, named).map_err(|e| e.context(what))?;
        let library =
            project.compile("metadata --output out/liblibrary-1.rmeta --metadata out/libdep-1.rmeta", &project.library("library"))?;
        nothing_made(&project, &library, &["out/liblibrary-1.rmeta"], named).map_err(|e| e.context(what))?;
        let codegen = "codegen --output out/liblibrary-1.rlib --published-metadata out/none --metadata out/libdep-1.rmeta";
        let codegen = project.compile(codegen, &project.library("library"))?;
        nothing_made(&project, &codegen, &["out/liblibrary-1.rlib"], named).map_err(|e| e.context(what))?;
    }
    Ok(())
}

#[test]
fn broken_rlib() -> Outcome {
    let project = Project::planned("broken_rlib")?;
    let mut table = broken(&project.read("out/libdep-1.rlib")?);
    table.push(("an empty archive", b"!<arch>\n".to_vec()));
    for (what, bytes) in table {
        project.write("out/libdep-1.rlib", bytes)?;
        let named = &["`out/libdep-1.rlib` is not a whole Rust library", "help: was it truncated"];
        nothing_made(&project, &project.link_only()?, LINKED, named).map_err(|e| e.context(what))?;
    }
    Ok(())
}

#[test]
fn rlib_cut_behind_its_metadata() -> Outcome {
    let project = Project::planned("cut_rlib")?;
    let bytes = project.read("out/libdep-1.rlib")?;
    project.write("out/libdep-1.rlib", &bytes[..bytes.len() - 200])?;
    let output = project.link_only()?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && said.contains("libdep-1.rlib"), "{}\n{said}", output.status);
    project.nothing_left(LINKED)?;
    good(&project.no_link(&project.linked("library", "staticlib"))?)?;
    nothing_made(&project, &project.link_only()?, LINKED, &["staticlib `library`", "`out/libdep-1.rlib` is not a whole archive"])?;
    Ok(())
}

#[test]
fn missing_files() -> Outcome {
    let project = Project::planned("missing_files")?;
    let table: &[(&str, &str)] = &[
        ("no-link --plan out/p.json --modules out/m --metadata out/libno.rmeta", "out/libno.rmeta"),
        ("no-link --plan out/p.json --modules out/m --proc-macro out/libno.so", "out/libno.so"),
        ("codegen --output out/libx.rlib --published-metadata out/libno.rmeta", "out/libno.rmeta"),
    ];
    for (options, named) in table {
        let args = if options.starts_with("codegen") { project.library("dep") } else { project.linked("app", "bin") };
        nothing_made(&project, &project.compile(options, &args)?, &["out/p.json", "out/m", "out/libx.rlib"], &[named])?;
    }
    for (options, named) in [("--rlib out/libdep-2.rlib", "`dep-1`"), ("--rlib out/libdep-1.rmeta.rlib", "`dep-1`")] {
        nothing_made(&project, &project.link_only_with(&format!("{options} --output out/artifact"))?, LINKED, &[named])?;
    }
    fs::rename(project.dir.join("out/libdep-1.rlib"), project.dir.join("out/away"))?;
    nothing_made(&project, &project.link_only()?, LINKED, &["out/libdep-1.rlib"])?;
    fs::remove_file(project.dir.join("out/plan.json"))?;
    nothing_made(&project, &project.link_only()?, LINKED, &["link plan `out/plan.json`"])?;
    Ok(())
}

#[test]
fn files_that_are_not_named_as_crates() -> Outcome {
    let project = Project::planned("names")?;
    for option in ["--metadata", "--proc-macro"] {
        let output = project.compile(&format!("no-link --plan out/p.json --modules out/m {option} out/plan.json"), &words("app.rs"))?;
        nothing_made(&project, &output, &["out/p.json", "out/m"], &["`out/plan.json`", "expected lib<crate>.rmeta"])?;
    }
    nothing_made(&project, &project.link_only_with("--rlib out/plan.json --output out/artifact")?, LINKED, &["`out/plan.json`"])?;
    Ok(())
}

#[test]
fn broken_plans() -> Outcome {
    let project = Project::planned("broken_plans")?;
    let plan = String::from_utf8_lossy(&project.read("out/plan.json")?).into_owned();
    let table: &[(String, &[&str])] = &[
        (plan.replace("\"version\": 5", "\"version\": 1"), &["is of version 1", "reads version 5", "use the same splitlink"]),
        (plan.replace("\"version\": 5", "\"version\": \"5\""), &["no version"]),
        (plan.replace("\"version\": 5,", ""), &["no version"]),
        (String::new(), &["not JSON", "truncated"]),
        (plan[..plan.len() / 2].to_owned(), &["not JSON", "truncated"]),
        ("{}".to_owned(), &["no version"]),
        ("[1, 2]".to_owned(), &["no version"]),
        (plan.replace("\"crate_name\"", "\"name\""), &["the form that its version promises", "name"]),
        (plan.replace("\"symbols-object\"", "\"symbol-soup\""), &["the form that its version promises", "symbol-soup"]),
        (plan.replace("\"bin/symbols.o\"", "\"../../dep.rs\""), &["`../../dep.rs`", "not below the folder"]),
        (plan.replace("\"file_name\": \"app\"", "\"file_name\": \"/app\""), &["`/app`", "not below the folder"]),
        (plan.replace("\"links\": [", "\"links\": {"), &["JSON"]),
        (
            plan.replace("\"id\": \"dep-1\"", "\"id\": \"other-9\""),
            &["`app` needs the crate `other-9`", "neither an rlib nor a dylib of it was given"],
        ),
    ];
    for (text, texts) in table {
        project.write("out/plan.json", text)?;
        nothing_made(&project, &project.link_only()?, LINKED, texts).map_err(|e| e.context(text.clone()))?;
    }
    // A crate in the line that is not in the list: only a wrong hand can have written that.
    let (head, tail) = plan.split_once("\"links\"").expect("a plan has links");
    project.write("out/plan.json", format!("{head}\"links\"{}", tail.replace("dep-1", "other-9")))?;
    nothing_made(&project, &project.link_only()?, LINKED, &["`other-9`", "without listing it"])?;
    project.write("out/plan.json", b"\xff\xfe")?;
    nothing_made(&project, &project.link_only()?, LINKED, &["out/plan.json"])?;
    Ok(())
}

#[test]
fn two_crates_of_one_identity() -> Outcome {
    let project = Project::planned("two_of_one")?;
    fs::create_dir(project.dir.join("out/other"))?;
    for file in ["libdep-1.rmeta", "libdep-1.rlib"] {
        fs::copy(project.dir.join("out").join(file), project.dir.join("out/other").join(file))?;
    }
    let twice = "--metadata out/libdep-1.rmeta --metadata out/other/libdep-1.rmeta";
    let named = &["two files were given for the crate `dep-1`", "out/other/libdep-1.r"];
    let output = project.compile(&format!("no-link --plan out/p.json --modules out/m {twice}"), &project.linked("app", "bin"))?;
    nothing_made(&project, &output, &["out/p.json", "out/m"], named)?;
    let output = project.compile(&format!("metadata --output out/libx.rmeta {twice}"), &project.library("library"))?;
    nothing_made(&project, &output, &["out/libx.rmeta"], named)?;
    let output = project.link_only_with("--rlib out/libdep-1.rlib --rlib out/other/libdep-1.rlib --output out/artifact")?;
    nothing_made(&project, &output, LINKED, named)?;
    // The same file twice is no contradiction.
    good(&project.link_only_with("--rlib out/libdep-1.rlib --rlib out/libdep-1.rlib --output out/artifact")?)?;
    Ok(())
}

#[test]
fn rlib_of_another_build() -> Outcome {
    let project = Project::planned("another_build")?;
    project.write("dep.rs", "pub fn value<T: Into<u64>>(x: T) -> u64 { x.into() + 41 }\npub fn plain() -> u64 { value(2u8) }\n")?;
    project.build_dep()?;
    let named = &["`out/libdep-1.rlib` is not the build of the crate `dep-1` that `app` was compiled against", "build both again"];
    nothing_made(&project, &project.link_only()?, LINKED, named)?;
    // With its metadata it is a new build of everything.
    good(&project.no_link(&project.linked("app", "bin"))?)?;
    good(&project.link_only()?)?;
    Ok(())
}

#[test]
fn missing_modules() -> Outcome {
    let project = Project::planned("missing_modules")?;
    let modules = project.dir.join("out/modules");
    let module = names_in(&modules).into_iter().find(|name| name.contains("-cgu.")).expect("a codegen unit");
    fs::rename(modules.join(&module), project.dir.join("out/away"))?;
    let named = &[format!("the module `{module}` is missing from `out/modules`")];
    nothing_made(&project, &project.link_only()?, LINKED, &[&named[0], "the same no-link action"])?;
    fs::remove_dir_all(modules)?;
    nothing_made(&project, &project.link_only()?, LINKED, &["is missing from `out/modules`"])?;
    Ok(())
}

#[test]
fn sysroot_that_is_none() -> Outcome {
    let project = Project::planned("sysroots")?;
    let link_only = "link-only --plan out/plan.json --modules out/modules --rlib out/libdep-1.rlib --output out/artifact";
    nothing_made(&project, &run(&mut project.splitlink(&words(link_only)))?, LINKED, &["no sysroot was given", "--sysroot"])?;
    let output = run(&mut project.splitlink(&words(&format!("{link_only} --sysroot out"))))?;
    nothing_made(&project, &output, LINKED, &["is not in the sysroot", "out/lib/rustlib/", "the toolchain that compiled `app`"])?;
    Ok(())
}

#[test]
fn crate_types_that_a_plan_has_not() -> Outcome {
    let project = Project::planned("types")?;
    let one = project.link_only_with("--rlib out/libdep-1.rlib --output cdylib=out/artifact")?;
    nothing_made(&project, &one, LINKED, &["the plan of `app` has no cdylib", "it has bin"])?;
    good(&project.no_link(&project.linked("library", "cdylib,staticlib"))?)?;
    nothing_made(&project, &project.link_only()?, LINKED, &["`library` has several crate types: cdylib, staticlib"])?;
    for outputs in ["--output cdylib=out/artifact --output staticlib=out/artifact", "--output cdylib=out/a --output cdylib=out/artifact"] {
        let output = project.link_only_with(&format!("--rlib out/libdep-1.rlib {outputs}"))?;
        nothing_made(&project, &output, &["out/artifact", "out/a"], &["`out/artifact` is asked for twice", "as the cdylib"])?;
    }
    Ok(())
}

/// A stand-in for rustc, given to `no-link`: a shell script that calls its linker with `args`.
fn fake_rustc(project: &Project, args: &str) -> Result<Output> {
    let script = format!(
        "for arg in \"$@\"; do case $arg in --codegen=linker=*) linker=${{arg#*=*=}};; --out-dir=*) out=${{arg#*=}};; esac; done\n\
         mkdir -p $out/rustcAbCdEf && echo new > $out/rustcAbCdEf/new.o && echo list > $out/rustcAbCdEf/order\n\
         exec $linker {args} -o $out/app\n"
    );
    project.write("fake_rustc.sh", script)?;
    let options =
        "no-link --plan out/plan.json --modules out/modules -- sh fake_rustc.sh --crate-name=app --crate-type=bin --out-dir=absent";
    run(&mut project.splitlink(&words(options)))
}

#[test]
fn unknown_temporary_files() -> Outcome {
    let project = Project::new("unknown_temporary")?;
    for arg in ["$out/rustcAbCdEf/new.o", "-Wl,--symbol-ordering-file=$out/rustcAbCdEf/order", "-L $out/rustcAbCdEf", "$out/app.new"] {
        let output = fake_rustc(&project, arg)?;
        let end = arg.rsplit('/').next().unwrap_or(arg);
        let named = &["the bin `app`", end, "a temporary file that this splitlink does not know", "please report it with `rustc -vV`"];
        nothing_made(&project, &output, PLANNED, named).map_err(|e| e.context(arg))?;
    }
    // The stand-in itself is fine: what is known is taken.
    good(&fake_rustc(&project, "-m64")?)?;
    Ok(())
}

#[test]
fn a_rustc_that_calls_no_linker() -> Outcome {
    let project = Project::new("no_linker_call")?;
    let options = "no-link --plan out/plan.json --modules out/modules -- true --crate-name=app --crate-type=bin";
    nothing_made(&project, &run(&mut project.splitlink(&words(options)))?, PLANNED, &["did not call the linker for the bin `app`"])?;
    Ok(())
}

#[test]
fn programs_that_are_not_there() -> Outcome {
    let project = Project::new("no_programs")?;
    fs::create_dir(project.dir.join("out"))?;
    let table = [
        ("metadata --output out/x -- no-such-rustc --crate-type=rlib", "cannot start rustc as `no-such-rustc`"),
        ("codegen --output out/x --published-metadata y -- no-such-rustc --crate-type=rlib", "cannot start rustc as `no-such-rustc`"),
        ("no-link --plan out/x --modules out/m -- no-such-rustc --crate-type=bin", "cannot start rustc as `no-such-rustc`"),
        (
            "no-link --plan out/x --modules out/m -- no-such-wrapper -- rustc --crate-type=bin",
            "cannot start the wrapper as `no-such-wrapper`",
        ),
    ];
    for (options, text) in table {
        nothing_made(&project, &run(&mut project.splitlink(&words(options)))?, &["out/x", "out/m"], &[text])?;
    }
    Ok(())
}

#[test]
fn linkers() -> Outcome {
    let project = Project::planned("failing_linkers")?;
    let with = |flag: &str| -> Result<Output> {
        good(&project.no_link(&[project.linked("app", "bin"), words(flag)].concat())?)?;
        project.link_only()
    };
    nothing_made(
        &project,
        &with("-Clinker=no-such-linker")?,
        LINKED,
        &["the bin `app`", "cannot start the linker `no-such-linker`", "installed"],
    )?;

    let output = with("-Clink-arg=-lno_such_library")?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(1), "{}", output.status);
    let (own, ours) = said.split_once("error: the linker `cc` failed for the bin `app`").expect("our context");
    assert!(own.contains("unable to find library -lno_such_library"), "the linker's message is not shown:\n{said}");
    assert!(ours.contains("out/plan.json") && ours.contains("help: "), "{said}");
    project.nothing_left(LINKED)?;

    project.write("killed.sh", "#!/bin/sh\nkill -9 $$\n")?;
    good(&run(Command::new("chmod").arg("+x").arg(project.dir.join("killed.sh")))?)?;
    let output = with("-Clinker=./killed.sh")?;
    assert!(output.status.code() == Some(128 + 9), "{}", output.status);
    assert!(String::from_utf8_lossy(&output.stderr).contains("the linker `./killed.sh` failed"), "{output:?}");
    project.nothing_left(LINKED)?;
    Ok(())
}

#[test]
fn options_that_cannot_be_split() -> Outcome {
    let project = Project::new("refusals")?;
    project.build_dep()?;
    for flag in
        ["-Clto", "-C lto", "-Clto=fat", "-C lto=thin", "--codegen=lto=yes", "-Csplit-debuginfo=packed", "-Csplit_debuginfo=unpacked"]
    {
        let output = project.no_link(&[project.linked("app", "bin"), words(flag)].concat())?;
        let option = if flag.contains("lto") { "-Clto" } else { "-Csplit-debuginfo=" };
        nothing_made(&project, &output, PLANNED, &["the crate `app`", option]).map_err(|e| e.context(flag))?;
    }
    // An rlib has no place for what would lie beside it.
    for phase in ["metadata --output out/other.rmeta", "codegen --output out/other.rlib --published-metadata out/libdep-1.rmeta"] {
        let output = project.compile(phase, &[project.library("dep"), words("-Csplit-debuginfo=unpacked -Cdebuginfo=2")].concat())?;
        nothing_made(&project, &output, &["out/other.rmeta", "out/other.rlib"], &["the crate `dep`", "`.dwo` files", "`--dwo-dir`"])?;
    }
    for flag in ["-Clto=off", "-Clto=no", "-Csplit-debuginfo=off"] {
        good(&project.no_link(&[project.linked("app", "bin"), words(flag)].concat())?).map_err(|e| e.context(flag))?;
    }
    Ok(())
}

#[test]
fn a_phase_for_other_crates() -> Outcome {
    let project = Project::new("wrong_phase")?;
    project.build_dep()?;
    let output = project.compile("no-link --plan out/p.json --modules out/m", &project.library("dep"))?;
    nothing_made(&project, &output, &["out/p.json", "out/m"], &["`dep` is built as an rlib", "splitlink metadata"])?;
    for crate_type in ["bin", "cdylib", "staticlib,cdylib", "proc-macro"] {
        let output = project.compile("metadata --output out/libapp.rmeta", &project.linked("app", crate_type))?;
        nothing_made(&project, &output, &["out/libapp.rmeta"], &["`app`", "splitlink no-link"])?;
    }
    Ok(())
}

#[test]
fn native_library_that_is_not_there() -> Outcome {
    let project = Project::new("no_native")?;
    project.build_dep()?;
    let native = words("-Lnative=c -lstatic=missing");
    good(&project.no_link(&[project.linked("library", "staticlib"), native.clone()].concat())?)?;
    let named = &["staticlib `library`", "the native static library `missing` was not found", "no `libmissing.a` in c"];
    nothing_made(&project, &project.link_only()?, LINKED, named)?;
    project.write("c/libmissing.a", "not an archive, but long enough to look at")?;
    nothing_made(&project, &project.link_only()?, LINKED, &["`c/libmissing.a` is not a whole archive"])?;
    good(&project.no_link(&[project.linked("library", "cdylib"), native].concat())?)?;
    let output = project.link_only()?;
    assert!(!output.status.success() && String::from_utf8_lossy(&output.stderr).contains("missing"), "{output:?}");
    project.nothing_left(LINKED)?;
    Ok(())
}

#[test]
fn response_files() -> Outcome {
    let project = Project::new("response_files")?;
    project.build_dep()?;
    for command in ["no-link @out/none -- rustc", "no-link --plan out/p --modules out/m -- rustc @out/none"] {
        let output = run(&mut project.splitlink(&words(command)))?;
        nothing_made(&project, &output, &["out/p", "out/m"], &["cannot read the response file `out/none`"])?;
    }
    project.write("out/nested", "@out/other\n")?;
    let output = run(&mut project.splitlink(&words("no-link @out/nested -- rustc")))?;
    nothing_made(&project, &output, &[], &["`out/nested` names another one, `@out/other`"])?;
    Ok(())
}

#[test]
fn what_a_killed_run_left_is_no_hindrance() -> Outcome {
    let project = Project::new("leftovers")?;
    for output in ["libdep-1.rmeta", "libdep-1.rlib", "plan.json", "artifact"] {
        project.write(&format!("out/{output}.scratch/deps/libdep-1.rlib"), "old")?;
        project.write(&format!("out/{output}.scratch/capture/0/invocation.json"), "old")?;
        project.write(&format!("out/{output}.scratch/linker/cc"), "old")?;
        project.write(&format!("out/{output}.scratch/.splitlink-scratch"), "")?;
        // One that others could write to is not taken for ours.
        fs::set_permissions(project.dir.join(format!("out/{output}.scratch")), fs::Permissions::from_mode(0o700))?;
    }
    project.build_dep()?;
    good(&project.no_link(&project.linked("app", "bin"))?)?;
    good(&project.link_only()?)?;
    project.nothing_left(&[])?;
    let output = run(&mut Command::new(project.dir.join("out/artifact")))?;
    assert!(output.stdout == b"82\n", "{output:?}");
    Ok(())
}

#[test]
fn a_broken_proc_macro() -> Outcome {
    let project = Project::new("broken_macro")?;
    project.write(
        "macros.rs",
        "#[proc_macro]\npub fn m(_: proc_macro::TokenStream) -> proc_macro::TokenStream { \"1\".parse().unwrap() }\n",
    )?;
    project.write("user.rs", "fn main() { println!(\"{}\", macros::m!()); }\n")?;
    good(&project.compile(
        "no-link --plan out/plan.json --modules out/modules",
        &words("--crate-name=macros macros.rs --crate-type=proc-macro --edition=2024 --extern=proc_macro"),
    )?)?;
    good(&project.link_only_with("--output out/libmacros.so")?)?;
    let user = words("--crate-name=user user.rs --crate-type=bin --edition=2024 --extern=macros=absent/libmacros.so");
    let no_link = "no-link --plan out/p.json --modules out/m --proc-macro out/libmacros.so";
    good(&project.compile(no_link, &user)?)?;
    fs::remove_file(project.dir.join("out/p.json"))?;
    fs::remove_dir_all(project.dir.join("out/m"))?;
    let bytes = project.read("out/libmacros.so")?;
    fs::remove_file(project.dir.join("out/libmacros.so"))?;
    project.write("out/libmacros.so", &bytes[..bytes.len() / 2])?;
    // rustc reads proc macros itself, and says what is wrong.
    let output = project.compile(no_link, &user)?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && said.contains("macros") && said.contains("libmacros.so"), "{}\n{said}", output.status);
    project.nothing_left(&["out/p.json", "out/m"])?;
    Ok(())
}
