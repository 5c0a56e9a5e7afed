//! The forms in which input may come, and the places where output may go.

use anyhow::{Context, Result, ensure};
use splitlink_tests::rustc_fixture::project::{Project, good, words};
use splitlink_tests::rustc_fixture::tools::{Failure, Toolchain, names_in, run, succeed};
use std::fs;
use std::process::Command;

type Outcome = Result<(), Failure>;

/// Checks that the program at `path` runs and prints `text`.
fn prints(project: &Project, path: &str, text: &str) -> Result<()> {
    let std = Toolchain::stable().sysroot.join("lib/rustlib").join(&Toolchain::stable().host).join("lib");
    let output = succeed(Command::new(project.dir.join(path)).env("LD_LIBRARY_PATH", std))?;
    let printed = String::from_utf8_lossy(&output.stdout);
    ensure!(printed == text, "it prints {printed:?}");
    Ok(())
}

#[test]
fn a_compiled_library_in_place_of_metadata() -> Outcome {
    let project = Project::new("rlib_as_metadata")?;
    fs::create_dir(project.dir.join("out"))?;
    let args: Vec<_> = project.library("dep").iter().map(|arg| arg.replace("absent", "out")).collect();
    good(&project.rustc(&args)?)?;
    fs::remove_file(project.dir.join("out/libdep-1.rmeta"))?;
    let options = "no-link --plan out/plan.json --modules out/modules --metadata out/libdep-1.rlib";
    good(&project.compile(options, &project.linked("app", "bin"))?)?;
    good(&project.link_only()?)?;
    prints(&project, "out/artifact", "82\n")?;
    good(&project.compile("metadata --output out/liblibrary-1.rmeta --metadata out/libdep-1.rlib", &project.library("library"))?)?;
    Ok(())
}

#[test]
fn options_and_arguments_in_response_files() -> Outcome {
    let project = Project::new("in_response_files")?;
    project.build_dep()?;
    project.write("out/options", "--plan\nout/plan.json\n--modules=out/modules\n--metadata\nout/libdep-1.rmeta\n")?;
    project.write("out/arguments", project.linked("app", "bin").join("\n"))?;
    let mut no_link = project.splitlink(&words("no-link @out/options --"));
    good(&run(no_link.arg(&Toolchain::stable().rustc).arg("@out/arguments"))?)?;
    project.write("out/link", "--rlib\nout/libdep-1.rlib\n--output\nout/artifact\n")?;
    good(&project.link_only_with("@out/link")?)?;
    prints(&project, "out/artifact", "82\n")?;
    Ok(())
}

#[test]
fn other_builds_of_a_crate_lie_about() -> Outcome {
    let project = Project::new("stale")?;
    project.build_dep()?;
    // Where the command's own folders lead: another crate of the same name, and rubbish.
    project.write("absent/libdep-1.rlib", "stale")?;
    project.write("absent/libdep-1.rmeta", "stale")?;
    project.write("absent/libdep-2.rlib", "stale")?;
    good(&project.no_link(&project.linked("app", "bin"))?)?;
    good(&project.link_only()?)?;
    prints(&project, "out/artifact", "82\n")?;
    Ok(())
}

#[test]
fn a_rust_dylib_that_splitlink_does_not_build() -> Outcome {
    let project = Project::new("rust_dylib")?;
    fs::create_dir_all(project.dir.join("out"))?;
    let dylib = words("--crate-name=dep dep.rs --crate-type=dylib --edition=2024 -Cprefer-dynamic -Cmetadata=1 --out-dir out");
    good(&project.rustc(&dylib)?)?;
    let app = words("--crate-name=app app.rs --edition=2024 -Cprefer-dynamic -Crpath --extern=dep=out/libdep.so --out-dir=out/bin");
    good(&project.compile("no-link --plan out/plan.json --modules out/modules", &app)?)?;
    let plan = String::from_utf8_lossy(&project.read("out/plan.json")?).into_owned();
    assert!(plan.contains("\"{cwd}/out/libdep.so\""), "the library is named otherwise:\n{plan}");
    fs::create_dir(project.dir.join("out/bin"))?;
    good(&project.link_only_with("--output out/bin/app")?)?;
    prints(&project, "out/bin/app", "82\n")?;
    // In a folder elsewhere it still finds the library.
    fs::create_dir_all(project.dir.join("else/where"))?;
    good(&project.link_only_with("--output else/where/app")?)?;
    prints(&project, "else/where/app", "82\n")?;
    Ok(())
}

#[test]
fn run_paths_follow_the_artifact() -> Outcome {
    let project = Project::new("run_paths")?;
    project.write("c.c", "int c_value(void) { return 82; }\n")?;
    project.write("c_app.rs", "unsafe extern \"C\" { safe fn c_value() -> i32; }\nfn main() { println!(\"{}\", c_value()); }\n")?;
    fs::create_dir_all(project.dir.join("out/lib"))?;
    succeed(Command::new("gcc").current_dir(&project.dir).args(["-shared", "-fPIC", "c.c", "-o", "out/lib/libc_value.so"]))?;
    let args = "--crate-name=c_app c_app.rs --edition=2024 --out-dir=out/bin -Lout/lib -lc_value -Clink-arg=-Wl,-rpath,$ORIGIN/../lib";
    good(&project.compile("no-link --plan out/plan.json --modules out/modules --run-path-dir out/lib", &words(args))?)?;
    for place in ["out/bin/app", "out/app", "out/bin/below/app", "else/app"] {
        good(&project.link_only_with(&format!("--output {place}"))?).context(place)?;
        prints(&project, place, "82\n").context(place)?;
    }
    Ok(())
}

#[test]
fn several_outputs_of_one_plan() -> Outcome {
    let project = Project::new("several_outputs")?;
    project.build_dep()?;
    good(&project.no_link(&project.linked("library", "cdylib,staticlib,dylib"))?)?;
    good(&project.link_only_with("--rlib out/libdep-1.rlib --output staticlib=out/a.a")?)?;
    assert!(!project.has("out/a.so"));
    good(&project.link_only_with("--rlib out/libdep-1.rlib --output cdylib=out/c.so --output dylib=out/d.so --output staticlib=out/b.a")?)?;
    assert_eq!(project.read("out/a.a")?, project.read("out/b.a")?);
    assert_ne!(project.read("out/c.so")?, project.read("out/d.so")?);
    // What was there is replaced, also by another file's name.
    good(&project.link_only_with("--rlib out/libdep-1.rlib --output cdylib=out/b.a")?)?;
    assert_eq!(project.read("out/c.so")?, project.read("out/b.a")?);
    Ok(())
}

#[test]
fn phases_at_the_same_time() -> Outcome {
    let project = Project::new("same_time")?;
    project.build_dep()?;
    let reference = project.read("out/libdep-1.rlib")?;
    // Both phases of a crate and two links of a plan, as a build system without sandboxes runs
    // them: in one folder.
    good(&project.no_link(&project.linked("app", "bin"))?)?;
    let results: Vec<Result<()>> = std::thread::scope(|scope| {
        let run = |number: usize| {
            let project = project.clone();
            scope.spawn(move || -> Result<()> {
                let args = project.library("dep");
                good(&project.compile(&format!("metadata --output out/{number}/libdep-1.rmeta"), &args)?)?;
                let published = "--published-metadata out/libdep-1.rmeta";
                good(&project.compile(&format!("codegen --output out/{number}/libdep-1.rlib {published}"), &args)?)?;
                good(&project.link_only_with(&format!("--rlib out/libdep-1.rlib --output out/{number}/app"))?)
            })
        };
        let threads: Vec<_> = (0..6).map(run).collect();
        threads.into_iter().map(|thread| thread.join().expect("a phase panicked")).collect()
    });
    for (number, result) in results.into_iter().enumerate() {
        result?;
        assert_eq!(project.read(&format!("out/{number}/libdep-1.rlib"))?, reference);
        assert_eq!(names_in(&project.dir.join(format!("out/{number}"))), ["app", "libdep-1.rlib", "libdep-1.rmeta"]);
    }
    // With such commands rustc itself makes its objects in the working folder.
    for output in ["--emit=link=absent/app.file", "-oabsent/app.file", "--emit=dep-info,link=app.file"] {
        let is_other = |arg: &String| !arg.starts_with("--emit") && !arg.starts_with("--out-dir");
        let args: Vec<_> = project.linked("app", "bin").into_iter().filter(is_other).collect();
        good(&project.no_link(&[args, words(output)].concat())?)?;
        good(&project.link_only()?)?;
        prints(&project, "out/artifact", "82\n").context(output)?;
    }
    let sources = names_in(&project.dir);
    assert_eq!(sources, ["app.d", "app.rs", "dep.rs", "library.rs", "out"], "files were left in the working folder");
    Ok(())
}

#[test]
fn bitcode_is_embedded_only_where_somebody_wants_it() -> Outcome {
    for (flags, embedded) in [("", false), ("-Cembed-bitcode=yes", true), ("-Cembed-bitcode=no", false), ("-Clto=fat", true)] {
        let project = Project::new(&format!("embedded{}", flags.replace(['=', '-'], "_")))?;
        let args = [project.library("dep"), words(flags)].concat();
        good(&project.compile("metadata --output out/libdep-1.rmeta", &args)?)?;
        good(&project.compile("codegen --output out/libdep-1.rlib --published-metadata out/libdep-1.rmeta", &args)?)?;
        let rlib = project.read("out/libdep-1.rlib")?;
        let found = rlib.windows(8).any(|bytes| bytes == b".llvmbc\0");
        assert_eq!(found, embedded, "with `{flags}`");
    }
    Ok(())
}
