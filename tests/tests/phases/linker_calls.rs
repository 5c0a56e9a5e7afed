//! How link-only calls the linker, and what it shows of what the linker says: as rustc does.

use anyhow::{Context, Result, ensure};
use splitlink_tests::rustc_fixture::case::bin;
use splitlink_tests::rustc_fixture::project::{Project, good, refused, words};
use splitlink_tests::rustc_fixture::tools::{Failure, Toolchain, exit_code, run, succeed, write_program};
use std::fs;
use std::process::{Command, Output};

type Outcome = Result<()>;

const SUMMARY: &str = "circle: 1, shape of 4.0: 1, shape of 9.0: 1 | biggest 9";

/// gold knows no `--no-dynamic-linker`, which GCC makes of `-static-pie`. The artifacts, of the
/// second call, are the same; the first is in rustc's record, too.
#[test]
fn a_static_program_with_gold() -> Result<(), Failure> {
    let program = bin("app").deps(&["facade"]).graph(&["-Ctarget-feature=+crt-static"]).prints(&[SUMMARY]);
    program.flags(["-Clink-arg=-fuse-ld=gold"]).has(&["type 2"]).check(Toolchain::stable(), "static_with_gold")
}

/// Writes a linker that notes each call in `calls`, does what `script` says, and then links.
fn linker(project: &Project, script: &str) -> Result<()> {
    write_program(&project.dir.join("linker/cc"), format!("#!/bin/sh\necho \"$@\" >>calls\n{script}\nexec cc \"$@\"\n"))
}

/// Builds `app` with rustc, and through splitlink, both with `flags` and that linker.
fn both(project: &Project, flags: &str) -> Result<[Output; 2]> {
    let args = words(&format!("--crate-name=app alone.rs --edition=2024 -Clinker=linker/cc {flags}"));
    let rustc = project.rustc(&[&args[..], &words("-o out/reference")].concat())?;
    good(&project.compile("no-link --plan out/plan.json --modules out/modules", &[&args[..], &words("-o out/artifact")].concat())?)?;
    Ok([rustc, project.link_only_with("--output out/artifact")?])
}

fn alone(name: &str) -> Result<Project> {
    let project = Project::new(name)?;
    fs::create_dir_all(project.dir.join("out"))?;
    project.write("alone.rs", "fn main() { println!(\"linked\"); }\n")?;
    Ok(project)
}

/// A driver of long ago, which does not know the flag `$unknown`.
const OLD_DRIVER: &str = "for arg in \"$@\"; do\n  if [ \"$arg\" = \"$unknown\" ]; then echo \"cc: error: unrecognized command line option '$arg'\" >&2; exit 1; fi\ndone";

#[test]
fn drivers_that_do_not_know_a_flag() -> Outcome {
    let project = alone("old_drivers")?;
    for (unknown, flags, expected) in [
        // What comes then is a program that this machine's GCC cannot link, with rustc either.
        ("-no-pie", "-Crelocation-model=static", 2),
        ("-fuse-ld=lld", "", 2),
        ("-static-pie", "-Ctarget-feature=+crt-static", 2),
        // The user's own flag: rustc does without only where it gave it itself.
        ("-fuse-ld=lld", "-Clinker-features=-lld -Clink-arg=-fuse-ld=lld", 1),
        ("-pie", "", 1),
    ] {
        linker(&project, &format!("unknown={unknown}\n{OLD_DRIVER}"))?;
        let [rustc, split] = both(&project, flags)?;
        let calls = String::from_utf8(project.read("calls")?)?.lines().count();
        fs::remove_file(project.dir.join("calls"))?;
        ensure!(exit_code(&rustc) == exit_code(&split), "{unknown}: {} and {}: {split:?}", rustc.status, split.status);
        ensure!(calls == 2 * expected, "{unknown}: {calls} calls");
        if rustc.status.success() {
            for program in ["out/reference", "out/artifact"] {
                ensure!(succeed(&mut Command::new(project.dir.join(program)))?.stdout == b"linked\n", "{unknown}: {program}");
            }
            fs::remove_file(project.dir.join("out/artifact"))?;
        }
    }
    Ok(())
}

/// The lines of rustc's that are messages of the linker, without its notes on lint levels.
fn messages(output: &Output) -> Vec<String> {
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    let is_of_linker = |line: &&str| line.contains(": linker std") || line.starts_with("         ") || line.starts_with("       ");
    text.lines().filter(is_of_linker).map(|line| line.trim().to_owned()).filter(|line| !line.is_empty() && !line.starts_with('=')).collect()
}

#[test]
fn messages_of_a_linker_that_succeeds() -> Outcome {
    let project = alone("messages")?;
    linker(&project, "echo 'warning: one' >&2; echo 'ld: warning: two' >&2; echo three")?;
    project.write("warned.rs", "#![warn(linker_messages)]\nfn main() {}\n")?;
    project.write("denied.rs", "#![deny(linker_messages)]\nfn main() {}\n")?;
    for (flags, code, count) in [
        ("", 0, 0),
        ("-Wlinker-messages", 0, 3),
        ("-Wlinker-messages -Dwarnings", 1, 3),
        ("-Dlinker-messages", 1, 3),
        ("-Dlinker-messages --cap-lints=warn", 0, 3),
        ("-Dlinker-messages -Alinker-messages", 0, 0),
    ] {
        let [rustc, split] = both(&project, flags)?;
        ensure!((exit_code(&rustc), exit_code(&split)) == (code, code), "{flags}: {} and {}", rustc.status, split.status);
        ensure!(messages(&rustc) == messages(&split), "{flags}: {:?} and {:?}", messages(&rustc), messages(&split));
        ensure!(messages(&split).len() == count, "{flags}: {:?}", messages(&split));
        ensure!(project.has("out/artifact") == (code == 0), "{flags}");
        if code == 1 {
            refused_behind_messages(&split)?;
        } else {
            fs::remove_file(project.dir.join("out/artifact"))?;
        }
    }
    for (source, code) in [("warned", 0), ("denied", 1)] {
        fs::copy(project.dir.join(format!("{source}.rs")), project.dir.join("alone.rs"))?;
        let [rustc, split] = both(&project, "")?;
        ensure!((exit_code(&rustc), exit_code(&split)) == (code, code), "{source}: {} and {}", rustc.status, split.status);
        ensure!(messages(&rustc) == messages(&split) && messages(&split).len() == 3, "{source}: {:?}", messages(&split));
    }
    Ok(())
}

fn refused_behind_messages(output: &Output) -> Result<()> {
    let said = String::from_utf8_lossy(&output.stderr);
    let (_, own) = said.split_once("error: cannot link").context("it does not say that it cannot link")?;
    ensure!(own.contains("has something to say") && own.contains("help: "), "{said}");
    Ok(())
}

#[test]
fn a_linker_that_writes_nothing() -> Outcome {
    let project = alone("writes_nothing")?;
    for (script, says) in [("exit 0", ""), ("echo nothing to do; exit 0", "it says: nothing to do")] {
        linker(&project, script)?;
        let args = words("--crate-name=app alone.rs --edition=2024 -Clinker=linker/cc -o out/artifact");
        good(&project.compile("no-link --plan out/plan.json --modules out/modules", &args)?)?;
        let output = project.link_only_with("--output out/artifact")?;
        refused(&output, &["the linker `linker/cc` says that all went well, and has written no bin to `out/artifact`", says])?;
        project.nothing_left(&["out/artifact"])?;
    }
    Ok(())
}

/// What `--print-command` prints makes the same artifact.
#[test]
fn the_command_to_paste() -> Outcome {
    let project = Project::new("print_command")?;
    project.build_dep()?;
    let flags = ["-Clink-arg=-Wl,-rpath,$ORIGIN/it's here".to_owned()];
    good(&project.no_link(&[&project.linked("app", "bin")[..], &flags].concat())?)?;
    let output = project.link_only_with("--print-command --rlib out/libdep-1.rlib --output out/artifact")?;
    good(&output)?;
    let first = project.read("out/artifact")?;
    fs::remove_file(project.dir.join("out/artifact"))?;
    let printed = String::from_utf8(output.stdout)?;
    ensure!(printed.lines().count() == 1 && printed.contains("'-Wl,-rpath,$ORIGIN/it'\\''s here'"), "{printed}");
    good(&run(Command::new("sh").current_dir(&project.dir).args(["-c", &printed]))?)?;
    ensure!(project.read("out/artifact")? == first, "it makes another artifact");
    // No linker makes a staticlib.
    good(&project.no_link(&project.linked("library", "staticlib"))?)?;
    let output = project.link_only_with("--print-command --rlib out/libdep-1.rlib --output out/artifact")?;
    good(&output)?;
    ensure!(output.stdout.is_empty() && String::from_utf8_lossy(&output.stderr).contains("no linker makes a staticlib"), "{output:?}");
    Ok(())
}

/// rustc prints the command of its link, and so does link-only; no-link links nothing.
#[test]
fn the_command_that_rustc_prints() -> Outcome {
    let project = alone("print_link_args")?;
    linker(&project, "")?;
    let args = words("--crate-name=app alone.rs --edition=2024 -Clinker=linker/cc -Clink-arg=-Wl,-x --print=link-args");
    let rustc = project.rustc(&[&args[..], &words("-o out/reference")].concat())?;
    good(&rustc)?;
    let no_link =
        project.compile("no-link --plan out/plan.json --modules out/modules", &[&args[..], &words("-o out/artifact")].concat())?;
    good(&no_link)?;
    let split = project.link_only_with("--output out/artifact")?;
    good(&split)?;
    ensure!(no_link.stdout.is_empty(), "no-link prints {:?}", String::from_utf8_lossy(&no_link.stdout));
    for output in [&rustc, &split] {
        let printed = String::from_utf8_lossy(&output.stdout);
        ensure!(
            printed.lines().count() == 1 && ["linker/cc", "symbols.o", "-Wl,-x"].iter().all(|word| printed.contains(word)),
            "{printed}"
        );
    }
    let to_file = [&args[..args.len() - 1], &words("--print=link-args=out/file -o out/artifact")].concat();
    let output = project.compile("no-link --plan out/other.json --modules out/other", &to_file)?;
    refused(&output, &["`app` has `--print=link-args=out/file`", "with which link-only prints them"])?;
    project.nothing_left(&["out/other.json", "out/other"])
}

/// A target whose linker is not `cc`: rustc calls the lld that it brings along.
#[test]
fn a_target_without_an_operating_system() -> Outcome {
    let project = alone("bare_metal")?;
    let minimal = "#![feature(no_core, lang_items)]\n#![no_core]\n#[lang = \"pointee_sized\"]\ntrait PointeeSized {}\n\
                   #[lang = \"meta_sized\"]\ntrait MetaSized: PointeeSized {}\n#[lang = \"sized\"]\ntrait Sized: MetaSized {}\n\
                   #[unsafe(no_mangle)]\npub extern \"C\" fn _start() {}\n";
    project.write("bare.rs", format!("#![no_main]\n{minimal}"))?;
    project.write("library.rs", minimal)?;
    for (source, crate_type, target) in
        [("bare", "bin", "x86_64-unknown-none"), ("bare", "bin", "thumbv7em-none-eabi"), ("library", "staticlib", "x86_64-unknown-none")]
    {
        let line = format!(
            "--crate-name=bare {source}.rs --crate-type={crate_type} --edition=2024 -Cpanic=abort -Ainternal_features --target={target}"
        );
        let mut rustc = Toolchain::stable().command(&project.dir);
        // `no_core` is unstable.
        good(&run(rustc.env("RUSTC_BOOTSTRAP", "1").args(words(&line)).args(["-o", "out/reference"]))?)?;
        let mut no_link = project.splitlink(&words("no-link --plan out/plan.json --modules out/modules --"));
        good(&run(no_link.env("RUSTC_BOOTSTRAP", "1").arg(&Toolchain::stable().rustc).args(words(&line)).args(["-o", "out/reference"]))?)?;
        good(&project.link_only_with("--output out/artifact")?)?;
        ensure!(project.read("out/artifact")? == project.read("out/reference")?, "{crate_type} for {target}: another artifact");
        fs::remove_file(project.dir.join("out/artifact"))?;
    }
    Ok(())
}

/// What was asked for while compiling and not given to the link is said.
#[test]
fn what_the_link_is_not_given() -> Outcome {
    let project = Project::new("not_given")?;
    project.build_dep()?;
    for (flags, options, says) in [
        ("-Cprefer-dynamic", "", "compiled with `-Cprefer-dynamic`, and no dylib was given"),
        ("-Ctarget-feature=+crt-static -Cprefer-dynamic", "", ""),
        ("", "", ""),
        ("", "--lto", "compiled for LTO and is linked without"),
    ] {
        let args = [project.linked("app", "bin"), words(flags)].concat();
        let no_link = format!("no-link {options} --plan out/plan.json --modules out/modules --metadata out/libdep-1.rmeta");
        good(&project.compile(&no_link, &args)?)?;
        let output = project.link_only()?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(said.contains(says) && (says.is_empty() || said.contains("help: ")), "{flags} {options}: {said}");
        ensure!(!says.is_empty() || said.is_empty(), "{flags} {options}: {said}");
    }
    Ok(())
}
