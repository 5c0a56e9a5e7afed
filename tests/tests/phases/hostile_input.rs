//! Input that is not only wrong: it would crash a library, lead out of a folder, or make a phase do
//! the work of another. Every phase refuses it by name, or is not impressed.

use anyhow::{Context, Result, ensure};
use splitlink::lto::request::VERSION;
use splitlink_tests::rustc_fixture::project::{Project, good, refused, words};
use splitlink_tests::rustc_fixture::tools::{Toolchain, names_in, run, splitlink, succeed, write_program};
use splitlink_tests::rustc_fixture::worker::{Action, Client};
use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Output, Stdio};

type Outcome = Result<()>;

/// The phases of `dep` and `app`: options, and rustc's arguments.
fn phases(project: &Project) -> Vec<(&'static str, Vec<String>)> {
    vec![
        ("metadata --output out/libdep-1.rmeta", project.library("dep")),
        ("codegen --output out/libdep-1.rlib --published-metadata out/libdep-1.rmeta", project.library("dep")),
        ("no-link --plan out/plan.json --modules out/modules --metadata out/libdep-1.rmeta", project.linked("app", "bin")),
    ]
}

/// What once made every call of the tool the recorder of a linker's call.
const VARIABLE: &str = "SPLITLINK_CAPTURE";

#[test]
fn no_variable_makes_this_the_linker() -> Outcome {
    let project = Project::new("variable")?;
    let source = format!("fn main() {{ println!(\"{{:?}} {{}}\", option_env!(\"{VARIABLE}\"), dep::plain()); }}\n");
    project.write("app.rs", source)?;
    for (value, printed) in [(None, "None 42\n"), (Some("elsewhere"), "Some(\"elsewhere\") 42\n")] {
        let run_phase = |command: &mut Command| -> Result<Output> {
            command.env_remove(VARIABLE).envs(value.map(|value| (VARIABLE, value)));
            succeed(command)
        };
        for (options, args) in phases(&project) {
            run_phase(project.splitlink(&words(options)).arg("--").arg(&Toolchain::stable().rustc).args(args))?;
        }
        let link = "link-only --plan out/plan.json --modules out/modules --rlib out/libdep-1.rlib --output out/artifact --sysroot";
        run_phase(project.splitlink(&words(link)).arg(&Toolchain::stable().sysroot))?;
        let output = succeed(&mut Command::new(project.dir.join("out/artifact")))?;
        ensure_eq(&String::from_utf8_lossy(&output.stdout), printed)?;
        project.nothing_left(&["elsewhere"])?;
        fs::remove_dir_all(project.dir.join("out"))?;
    }
    Ok(())
}

fn ensure_eq(found: &str, expected: &str) -> Result<()> {
    ensure!(found == expected, "it says {found:?} and not {expected:?}");
    Ok(())
}

#[test]
fn rustc_has_no_variable_of_ours() -> Outcome {
    let project = Project::new("environment_of_rustc")?;
    let script = format!("#!/bin/sh\nenv >seen\nexec {} \"$@\"\n", Toolchain::stable().rustc.display());
    write_program(&project.dir.join("rustc"), script)?;
    for (options, args) in phases(&project) {
        let mut command = project.splitlink(&words(options));
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        good(&run(command.args(["--", "./rustc"]).args(args))?)?;
        let seen = String::from_utf8_lossy(&project.read("seen")?).into_owned();
        let names: BTreeSet<&str> = seen.lines().filter_map(|line| Some(line.split_once('=')?.0)).collect();
        // The shell's own, and rustc's job server, which is in no file's way.
        let expected = ["CARGO_MAKEFLAGS", "OLDPWD", "PATH", "PWD", "SHLVL", "_"];
        let ours: Vec<_> = names.into_iter().filter(|name| !expected.contains(name)).collect();
        ensure!(ours.is_empty(), "with `{options}` rustc sees {ours:?}");
    }
    Ok(())
}

/// Cuts the object members of the archive `path` that `cut` picks to `length` bytes; returns the
/// name of the last.
fn cut_objects(project: &Project, path: &str, length: usize, cut: impl Fn(&str) -> bool) -> Result<String> {
    let work = project.dir.join("unpacked");
    fs::create_dir_all(&work)?;
    let archive = project.dir.join(path);
    let ar = |operation: &str, names: &[String]| succeed(Command::new("ar").current_dir(&work).arg(operation).arg(&archive).args(names));
    let members = words(&String::from_utf8(ar("t", &[])?.stdout)?);
    ar("x", &[])?;
    fs::remove_file(&archive)?;
    let cut: Vec<_> = members.iter().filter(|name| cut(name)).cloned().collect();
    for name in &cut {
        let bytes = fs::read(work.join(name))?;
        ensure!(bytes.len() > length, "{name} has only {} bytes", bytes.len());
        fs::set_permissions(work.join(name), fs::Permissions::from_mode(0o644))?;
        fs::write(work.join(name), &bytes[..length])?;
    }
    ar("crSD", &members)?;
    fs::remove_dir_all(&work)?;
    cut.last().cloned().context("no member was cut")
}

#[test]
fn a_broken_object_in_an_rlib() -> Outcome {
    let project = Project::new("broken_object")?;
    project.build_dep()?;
    good(&project.no_link(&project.linked("library", "staticlib"))?)?;
    // Cut in the middle of what an object's header says, and behind it.
    for length in [1000, 60] {
        project.build_dep()?;
        let name = cut_objects(&project, "out/libdep-1.rlib", length, |name| name.ends_with(".o"))?;
        let output = project.link_only()?;
        refused(&output, &[&format!("the object `{name}` of `out/libdep-1.rlib` is broken"), "build `out/libdep-1.rlib` again"])?;
        project.nothing_left(&["out/artifact"])?;
    }
    Ok(())
}

#[test]
fn a_broken_object_in_a_native_library() -> Outcome {
    let project = Project::new("broken_native")?;
    project.build_dep()?;
    project.write("c/native.c", "int native(void) { return 1; }\n")?;
    let native = || -> Result<String> {
        let in_c = |program: &str, args: &[&str]| succeed(Command::new(program).current_dir(project.dir.join("c")).args(args));
        in_c("gcc", &["-c", "native.c"])?;
        in_c("ar", &["crsD", "libnative.a", "native.o"])?;
        cut_objects(&project, "c/libnative.a", 100, |_| true)
    };
    good(&project.no_link(&[project.linked("library", "staticlib"), words("-Lnative=c -lstatic=native")].concat())?)?;
    native()?;
    refused(&project.link_only()?, &["the object `native.o` of `c/libnative.a` is broken", "staticlib `library`"])?;
    project.nothing_left(&["out/artifact"])?;
    // With LTO what is machine code goes into an archive of its own, for any crate type.
    let lto = "--lto --plan out/plan.json --modules out/modules --metadata out/libdep-1.rmeta";
    for (options, args) in [
        ("metadata --lto --output out/libdep-1.rmeta", project.library("dep")),
        ("codegen --lto --output out/libdep-1.rlib --published-metadata out/libdep-1.rmeta", project.library("dep")),
        (&format!("no-link {lto}"), [project.linked("library", "cdylib"), words("-Lnative=c -lstatic=mixed")].concat()),
    ] {
        good(&project.compile(options, &args)?)?;
    }
    // Bitcode beside it, without which the library stays as it is.
    let bitcode = names_in(&project.dir.join("out/modules")).into_iter().find(|name| name.contains("-cgu.")).context("a module")?;
    fs::copy(project.dir.join("out/modules").join(bitcode), project.dir.join("c/bitcode.o"))?;
    fs::write(project.dir.join("c/native.o"), &fs::read(project.dir.join("c/native.o"))?[..100])?;
    succeed(Command::new("ar").current_dir(project.dir.join("c")).args(["crSD", "libmixed.a", "bitcode.o", "native.o"]))?;
    let output = project.link_only_with("--lto thin --rlib out/libdep-1.rlib --output out/artifact")?;
    refused(&output, &["the object `native.o` of `c/libmixed.a` is broken", "cannot optimise the cdylib"])?;
    project.nothing_left(&["out/artifact"])?;
    Ok(())
}

#[test]
fn a_request_to_the_engine_for_more_than_there_is() -> Outcome {
    let project = Project::new("engine_request")?;
    project.write("module.bc", "BC\u{c0}\u{de}")?;
    for (offset, length) in [("0", "18446744073709551615"), ("18446744073709551615", "2"), ("4", "4611686018427387904"), ("100", "0")] {
        let module = format!(r#"{{"name": "m", "file": "module.bc", "offset": {offset}, "length": {length}, "on_demand": false}}"#);
        let options = r#""keep": [], "options": {"opt_level": "2", "llvm_args": []}"#;
        project.write("request.json", format!(r#"{{"version": {VERSION}, "modules": [{module}], {options}}}"#))?;
        let mut engine = Command::new(splitlink().with_file_name("splitlink-lto"));
        let lib = Toolchain::stable().sysroot.join("lib");
        engine
            .current_dir(&project.dir)
            .args(words("--request request.json --output-dir . --answer answer.json"))
            .env("LD_LIBRARY_PATH", lib);
        let output = run(&mut engine)?;
        refused(&output, &["`m` should be", "of `module.bc`, which has 6"])?;
        project.nothing_left(&["answer.json"])?;
    }
    Ok(())
}

#[test]
fn plans_that_lead_elsewhere() -> Outcome {
    let project = Project::planned("leading_plans")?;
    let plan = String::from_utf8_lossy(&project.read("out/plan.json")?).into_owned();
    project.write("secret", "{\n  global:\n    secret;\n};\n")?;
    let first = "\"line\": [";
    let with = |item: &str| plan.replacen(first, &format!("{first}\n{item},"), 1);
    let target = &format!("\"target\": \"{}\"", Toolchain::stable().host);
    let table = [
        (with(r#"{"kind": "exported-symbols", "file": "../../secret"}"#), "../../secret"),
        (with(r#"{"kind": "version-script", "file": "/secret", "arg": "{file}"}"#), "/secret"),
        (with(r#"{"kind": "search-path", "dir": "{modules}/../.."}"#), "../.."),
        (with(r#"{"kind": "archived-library", "name": "../../secret", "verbatim": true}"#), "../../secret"),
        (with(r#"{"kind": "native-library", "arg": "-l/../../secret"}"#), "lib/../../secret.a"),
        (with(r#"{"kind": "bundled-library", "id": "dep-1", "member": "../secret", "arg": "{file}"}"#), "../secret"),
        (plan.replace(target, "\"target\": \"../../..\""), "../../.."),
        (plan.replace("\"file_name\": \"libstd-", "\"file_name\": \"../libstd-"), "../libstd-"),
    ];
    for (text, named) in table {
        ensure!(text != plan, "there is nothing in the plan to exchange for `{named}`");
        project.write("out/plan.json", &text)?;
        refused(&project.link_only()?, &[named, "not below the folder it should be in"]).context(named)?;
        project.nothing_left(&["out/artifact"])?;
    }
    Ok(())
}

#[test]
fn a_manifest_that_leads_elsewhere() -> Outcome {
    let project = Project::planned("leading_manifest")?;
    let mut std_manifest = project.splitlink(&words("std-manifest --output out/std.json --rustc"));
    succeed(std_manifest.arg(&Toolchain::stable().rustc).arg("--libdir").arg(Toolchain::stable().libdir()))?;
    let manifest = String::from_utf8_lossy(&project.read("out/std.json")?).into_owned();
    project.write("out/std.json", manifest.replace("\"file_name\": \"libstd-", "\"file_name\": \"../../libstd-"))?;
    let output = project.link_only_with("--prefer-dynamic --std-manifest out/std.json --rlib out/libdep-1.rlib --output out/artifact")?;
    refused(&output, &["`out/std.json`", "`../../libstd-", "no file's name"])?;
    project.nothing_left(&["out/artifact"])?;
    Ok(())
}

/// A library that is named by its way, and not only found in a folder.
#[test]
fn no_library_is_written_over() -> Outcome {
    let project = Project::new("libraries_by_path")?;
    project.build_dep()?;
    let library = "!<arch>\nwhat is in it\n";
    project.write("c/libown.a", library)?;
    project.write("c/below/libown.a", "!<arch>\n")?;
    for name in [&project.dir.join("c/libown.a").display().to_string(), "../c/libown.a"] {
        let args = [project.linked("library", "staticlib"), words(&format!("-Lnative=c -lstatic:+verbatim={name}"))].concat();
        // Whether it is found is rustc's to say; it is not touched.
        project.no_link(&args)?;
        ensure_eq(&String::from_utf8_lossy(&project.read("c/libown.a")?), library)?;
    }
    let args = [project.linked("library", "staticlib"), words("-Lnative=c -lstatic:+verbatim=below/libown.a")].concat();
    good(&project.no_link(&args)?)?;
    good(&project.link_only()?)?;
    Ok(())
}

/// What a phase writes is a file of its own, also where there was one that has another name as
/// well.
#[test]
fn a_module_is_not_written_into_what_was_there() -> Outcome {
    let project = Project::planned("hard_links")?;
    let modules = project.dir.join("out/modules");
    let name = names_in(&modules).into_iter().find(|name| name.contains("-cgu.")).context("a module")?;
    let before = fs::read(modules.join(&name))?;
    fs::remove_file(modules.join(&name))?;
    project.write("cache/entry", "an entry of somebody's cache")?;
    fs::hard_link(project.dir.join("cache/entry"), modules.join(&name))?;
    good(&project.no_link(&project.linked("app", "bin"))?)?;
    ensure!(fs::read(modules.join(&name))? == before, "the module is another");
    ensure_eq(&String::from_utf8_lossy(&project.read("cache/entry")?), "an entry of somebody's cache")?;
    Ok(())
}

/// Programs that are called as something is in the folder in which they are linked.
#[test]
fn programs_of_any_name() -> Outcome {
    let project = Project::new("names_of_programs")?;
    let mut std_manifest = project.splitlink(&words("std-manifest --output out/std.json --rustc"));
    succeed(std_manifest.arg(&Toolchain::stable().rustc).arg("--libdir").arg(Toolchain::stable().libdir()))?;
    for (options, args) in &phases(&project)[..2] {
        good(&project.compile(&format!("{options} --lto"), args)?)?;
    }
    for name in ["lto", "reduced", "artifact", "publish", "linker-arguments", ".splitlink-scratch"] {
        let args = [project.linked("app", "bin"), words(&format!("--emit=link=absent/{name}"))].concat();
        let args: Vec<_> = args.into_iter().filter(|arg| arg != "--emit=link").collect();
        good(&project.compile("no-link --lto --plan out/plan.json --modules out/modules --metadata out/libdep-1.rmeta", &args)?)
            .context(name)?;
        let dynamic = "--prefer-dynamic --std-manifest out/std.json";
        good(&project.link_only_with(&format!("--lto thin {dynamic} --rlib out/libdep-1.rlib --output out/artifact"))?).context(name)?;
        project.nothing_left(&[])?;
    }
    Ok(())
}

/// What is in the project's folder, but for the files that make it up.
fn left(project: &Project) -> Vec<String> {
    let own = ["app.rs", "calls", "counted", "dep.rs", "library.rs", "out", "wrap"];
    let all = names_in(&project.dir).into_iter().chain(names_in(&project.dir.join("out")));
    all.filter(|name| !own.contains(&name.as_str())).collect()
}

#[test]
fn malformed_requests_leave_nothing() -> Outcome {
    for (number, rubbish) in [&b"{\"no JSON"[..], b"{\"requestId\": \"one\"}\n", b"[1]\n", b"\n"].into_iter().enumerate() {
        let project = Project::new(&format!("malformed_{number}"))?;
        project.write_scripts()?;
        let mut worker = project.splitlink(&words("worker --persistent_worker")).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let mut input = worker.stdin.take().context("it is piped")?;
        // One process stands still when the worker has to end.
        let action = project.metadata_action("dep", &[]);
        writeln!(input, "{}", serde_json::json!({"arguments": action.lines, "requestId": 1}))?;
        project.wait_until("one stands still", || project.suspended().len() == 1)?;
        input.write_all(rubbish)?;
        drop(input);
        let status = worker.wait()?;
        ensure!(status.success() == (rubbish == b"\n"), "it ended with {status}");
        ensure!(left(&project) == ["libdep-1.rmeta"], "{number}: these are left: {:?}", left(&project));
        ensure!(project.processes(0).is_empty(), "{number}: {:?}", project.processes(0));
    }
    Ok(())
}

#[test]
fn requests_without_sense_leave_nothing() -> Outcome {
    let project = Project::new("senseless")?;
    project.write_scripts()?;
    // Somebody's own, which have the name of a scratch folder for no output at all, and for an
    // output.
    for kept in [".scratch/kept", "out/x.scratch/kept"] {
        project.write(kept, "kept")?;
    }
    let mut worker = Client::start(&project, &[])?;
    let table = [
        "metadata -- rustc",
        "metadata --output",
        "metadata --output= -- rustc",
        "no-link -- rustc",
        "codegen --output out/x -- ./absent -- rustc",
        "metadata --output out/x -- counted/rustc --no-such-option",
        "no-link --plan out/x --modules out/m -- counted/rustc --crate-type=bin absent.rs",
        "link-only --output out/x -- rustc",
        " ",
    ];
    for (id, line) in (1..).zip(table) {
        let answer = worker.perform(id, &Action { lines: words(line), inputs: Vec::new() })?;
        ensure!(answer.code != 0 && !answer.output.is_empty(), "{line}: {answer:?}");
    }
    worker.close()?;
    for kept in [".scratch/kept", "out/x.scratch/kept"] {
        ensure!(project.has(kept), "`{kept}` was removed");
    }
    ensure!(left(&project) == [".scratch", "x.scratch"], "these are left: {:?}", left(&project));
    Ok(())
}
