//! rustc's messages reach the user as rustc wrote them, once, in the form that was asked for; and
//! two runs of rustc that do not agree about a crate are told apart.

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use splitlink_tests::rustc_fixture::project::{Project, good, refused, words};
use splitlink_tests::rustc_fixture::tools::{Failure, Toolchain, exit_code, run};
use std::fs;
use std::process::{Command, Output};

type Outcome = Result<(), Failure>;

/// What can be asked for in the way of messages.
const FORMATS: &[&str] = &[
    "",
    "--color=always",
    "--color=never",
    "--error-format=human --color always",
    "--error-format=short",
    "--error-format=short --color=always",
    "--error-format=json",
    "--error-format json --json=diagnostic-short",
    "--error-format=json --json=diagnostic-rendered-ansi",
    "--error-format=json --json=diagnostic-rendered-ansi,artifacts",
    "--error-format=json --json=artifacts --json=diagnostic-short",
];

const TWO_WARNINGS: &str = "fn never_used() {}\npub fn f() { let unused = 1; }\n";

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Checks that two runs ended in the same way and said the same, byte for byte.
fn same(rustc: &Output, split: &Output) -> Result<()> {
    let (theirs, ours) = (text(&rustc.stderr), text(&split.stderr));
    ensure!(exit_code(rustc) == exit_code(split), "{} and {}\n{theirs}\n{ours}", rustc.status, split.status);
    ensure!(theirs == ours && rustc.stdout == split.stdout, "rustc says:\n{theirs}\nsplitlink says:\n{ours}");
    Ok(())
}

#[test]
fn compile_errors_are_unchanged() -> Outcome {
    let project = Project::new("compile_errors")?;
    project.build_dep()?;
    let sources = [
        ("warned", "fn never_used() {}\npub fn f() -> u8 { let unused = 1; Missing }\nfn main() {}\n"),
        ("types", "pub fn f() -> u8 { \"text\" }\npub fn g() { let x: String = 1; }\nfn main() {}\n"),
        ("syntax", "pub fn f( {}\n"),
        ("resolution", "use nowhere::Nothing;\npub fn f() -> Missing { 1 }\n"),
        ("borrows", "pub fn f() { let mut v = vec![1]; let a = &v[0]; v.push(2); println!(\"{a}\"); }\nfn main() {}\n"),
        ("denied", "#![deny(warnings)]\nfn never_used() {}\npub fn f() { let unused = 1; }\nfn main() {}\n"),
        (
            "panics",
            "pub const C: u8 = [1u8, 2][dep::plain as usize - dep::plain as usize];\npub const D: u8 = panic!(\"at compile time\");\nfn main() {}\n",
        ),
    ];
    for (number, (name, source)) in sources.into_iter().enumerate() {
        project.write("broken.rs", source)?;
        // Every format with the first two, and with each of the others a few, in turn.
        for format in FORMATS.iter().enumerate().filter(|(at, _)| number < 2 || at % 5 == number % 5).map(|(_, format)| format) {
            let library = [project.library("broken"), words(format)].concat();
            let reference = project.rustc(&turned_to_dep(&library))?;
            assert!(!reference.status.success(), "{name} compiles");
            let metadata = project.compile("metadata --output out/libbroken-1.rmeta --metadata out/libdep-1.rmeta", &library)?;
            same(&reference, &metadata).with_context(|| format!("metadata, {name}, `{format}`"))?;
            let codegen = "codegen --output out/libbroken-1.rlib --published-metadata out/none --metadata out/libdep-1.rmeta";
            same(&reference, &project.compile(codegen, &library)?).with_context(|| format!("codegen, {name}, `{format}`"))?;
            let program = [project.linked("broken", "bin"), words(format)].concat();
            let reference = project.rustc(&turned_to_dep(&program))?;
            same(&reference, &project.no_link(&program)?).with_context(|| format!("no-link, {name}, `{format}`"))?;
        }
        for made in ["libbroken-1.rmeta", "libbroken-1.rlib", "plan.json", "modules"] {
            assert!(!project.has(&format!("out/{made}")), "`{made}` was left");
        }
    }
    Ok(())
}

/// The same command for rustc itself, which has to find `dep` where it is.
fn turned_to_dep(args: &[String]) -> Vec<String> {
    args.iter().map(|arg| arg.replace("=absent/libdep", "=out/libdep").replace("dependency=absent", "dependency=out")).collect()
}

#[test]
fn warnings_come_once() -> Outcome {
    let project = Project::new("warnings")?;
    project.write("warned.rs", TWO_WARNINGS)?;
    for format in FORMATS {
        let args = [project.library("warned"), words(format)].concat();
        let metadata = project.compile("metadata --output out/libwarned-1.rmeta", &args)?;
        let codegen = project.compile("codegen --output out/libwarned-1.rlib --published-metadata out/libwarned-1.rmeta", &args)?;
        good(&metadata)?;
        good(&codegen)?;
        let reference = project.rustc(&args)?;
        // rustc is ended before it counts its warnings; all before that is the same.
        let expected: String = of_the_same_kind(&reference).into_iter().filter(|line| !is_count(line)).collect();
        let shown: String = of_the_same_kind(&metadata).concat();
        assert_eq!(shown.trim_end(), expected.trim_end(), "`{format}`");
        let twice = text(&codegen.stderr);
        let is_artifact = |line: &str| line.contains("\"$message_type\":\"artifact\"");
        assert!(twice.lines().all(is_artifact), "`{format}`: codegen says\n{twice}");
        assert_eq!(twice.is_empty(), !format.contains("artifacts"), "`{format}`: {twice}");
    }
    Ok(())
}

/// The lines of what was said, without notifications of artifacts, whose paths are splitlink's
/// affair.
fn of_the_same_kind(output: &Output) -> Vec<String> {
    let said = text(&output.stderr);
    said.split_inclusive('\n').filter(|line| !line.contains("\"$message_type\":\"artifact\"")).map(str::to_owned).collect()
}

fn is_count(line: &str) -> bool {
    line.contains("2 warnings emitted")
}

#[test]
fn a_linked_crate_warns_as_ever() -> Outcome {
    let project = Project::new("linked_warnings")?;
    project.build_dep()?;
    project.write("warned.rs", format!("{TWO_WARNINGS}fn main() {{ f() }}\n"))?;
    for format in FORMATS.iter().filter(|format| !format.contains("artifacts")) {
        let args = [project.linked("warned", "bin"), words(format)].concat();
        let reference = project.rustc(&turned_to_dep(&args))?;
        assert!(text(&reference.stderr).contains("unused"), "{}", text(&reference.stderr));
        same(&reference, &project.no_link(&args)?).with_context(|| format!("`{format}`"))?;
        good(&project.link_only()?)?;
    }
    Ok(())
}

#[test]
fn messages_after_the_metadata_come_from_codegen() -> Outcome {
    let project = Project::new("late")?;
    // The assembler speaks when code is generated.
    for (name, late, fails) in [("warning", "said late", false), ("error", "failed late", true)] {
        let source = format!("fn unused() {{}}\npub fn f() {{ unsafe {{ core::arch::asm!(\".{name} \\\"{late}\\\"\") }} }}\n");
        project.write("late.rs", source)?;
        for format in FORMATS {
            let args = [project.library("late"), words(format)].concat();
            let metadata = project.compile("metadata --output out/liblate-1.rmeta", &args)?;
            good(&metadata)?;
            assert!(!text(&metadata.stderr).contains(late), "{name}: metadata already knows\n{}", text(&metadata.stderr));
            let codegen = project.compile("codegen --output out/liblate-1.rlib --published-metadata out/liblate-1.rmeta", &args)?;
            let reference = project.rustc(&args)?;
            assert_eq!(exit_code(&codegen), exit_code(&reference), "{name}");
            assert_eq!(!codegen.status.success(), fails, "{name}");
            let (shown, expected) = (text(&codegen.stderr), text(&reference.stderr));
            assert!(shown.contains(late) && expected.contains(late), "{name} `{format}`:\n{shown}\n{expected}");
            assert_eq!(shown.matches("`unused` is never used").count(), 0, "{name} `{format}`: said before\n{shown}");
            assert_eq!(project.has("out/liblate-1.rlib"), !fails, "{name}");
        }
        let _ = fs::remove_file(project.dir.join("out/liblate-1.rlib"));
    }
    Ok(())
}

#[test]
fn whatever_rustc_says_passes_through() -> Outcome {
    let project = Project::new("pass_through")?;
    let panic =
        "thread 'rustc' panicked at compiler/x.rs:1:2:\nno such thing\n\nerror: the compiler unexpectedly panicked. This is a bug\n";
    for (ending, code) in [("exit 101", 101), ("kill -SEGV $$", 139), ("exit 1", 1), ("exit 77", 77)] {
        let script = format!("echo on stdout\ncat >&2 <<'END'\n{panic}END\nprintf 'no newline \\377' >&2\n{ending}\n");
        project.write("fake_rustc.sh", script)?;
        for options in [
            "metadata --output out/x -- sh fake_rustc.sh --crate-type=rlib",
            "codegen --output out/x --published-metadata out/y -- sh fake_rustc.sh --crate-type=rlib",
            "no-link --plan out/x --modules out/m -- sh fake_rustc.sh --crate-type=bin",
        ] {
            let output = run(&mut project.splitlink(&words(options)))?;
            assert_eq!(exit_code(&output), code, "{options}: {ending}");
            let expected = [panic.as_bytes(), b"no newline \xff"].concat();
            assert_eq!(output.stderr.strip_suffix(b"\n").unwrap_or(&output.stderr), expected, "{options}: {}", text(&output.stderr));
            assert_eq!(output.stdout, b"on stdout\n", "{options}");
        }
    }
    Ok(())
}

#[test]
fn our_own_errors_are_json_where_json_is_read() -> Outcome {
    let project = Project::new("own_json")?;
    project.build_dep()?;
    project.write("out/libdep-1.rmeta", "broken")?;
    for format in ["--error-format=json", "--error-format json"] {
        let output = project.no_link(&[project.linked("app", "bin"), words(format)].concat())?;
        assert_eq!(output.status.code(), Some(1));
        let message: Value = serde_json::from_slice(&output.stderr).map_err(anyhow::Error::from)?;
        assert_eq!(message["level"], "error");
        for part in ["message", "rendered"] {
            assert!(message[part].as_str().is_some_and(|said| said.contains("the crate `dep-1`")), "{message}");
        }
    }
    Ok(())
}

#[test]
fn a_wrapper_has_its_say_first() -> Outcome {
    let project = Project::new("wrapper")?;
    project.write("said.rs", "pub const SAID: &str = env!(\"SAID_BY_WRAPPER\");\n")?;
    project.write("said_app.rs", "fn main() { println!(\"{}\", env!(\"SAID_BY_WRAPPER\")); }\n")?;
    // Like rules_rust's process_wrapper: options of its own, `--`, and the command, whose arguments
    // it may change.
    let wrapper = "while [ \"$1\" != -- ]; do case $1 in --fail) exit 9;; --output-file) echo 'must not come here' >&2; exit 3;; esac; shift; done\n\
                   shift\nexport SAID_BY_WRAPPER=hello\nexec \"$@\"\n";
    project.write("wrapper.sh", wrapper)?;
    let through = |options: &str, flags: &str, args: &[String]| -> Result<Output> {
        let mut command = project.splitlink(&words(&format!("{options} -- sh wrapper.sh --subst pwd {flags} --")));
        run(command.arg(&Toolchain::stable().rustc).args(args))
    };
    good(&through("metadata --output out/libsaid-1.rmeta", "--output-file out/messages", &project.library("said"))?)?;
    good(&through("codegen --output out/libsaid-1.rlib --published-metadata out/libsaid-1.rmeta", "", &project.library("said"))?)?;
    let args = words("--crate-name=said_app said_app.rs --crate-type=bin --out-dir=absent");
    good(&through("no-link --plan out/plan.json --modules out/modules", "--output-file out/messages", &args)?)?;
    good(&project.link_only_with("--output out/artifact")?)?;
    let output = run(&mut Command::new(project.dir.join("out/artifact")))?;
    assert_eq!(output.stdout, b"hello\n");
    let failing = through("no-link --plan out/p.json --modules out/m", "--fail", &args)?;
    assert_eq!((exit_code(&failing), text(&failing.stderr).as_str()), (9, ""));
    project.write("said_app.rs", "fn main() { wrong }\n")?;
    let failing = through("no-link --plan out/p.json --modules out/m", "", &args)?;
    assert_eq!(exit_code(&failing), 1);
    same(&project.rustc(&args)?, &failing)?;
    Ok(())
}

/// Checks that codegen of the crate `name` refused what metadata had published, naming the causes.
fn disagrees(project: &Project, name: &str, codegen: &Output) -> Result<()> {
    let published = format!("out/lib{name}-1.rmeta");
    let texts = [&format!("the crate `{name}` came out different"), &published, "proc macro", "environment variable", "source file"];
    refused(codegen, &texts)?;
    ensure!(!project.has(&format!("out/lib{name}-1.rlib")), "an rlib was left that nobody may link");
    Ok(())
}

#[test]
fn a_random_proc_macro_is_found_out() -> Outcome {
    let project = Project::new("random_macro")?;
    let macros = "use proc_macro::TokenStream;\nuse std::time::{SystemTime, UNIX_EPOCH};\n\
                  #[proc_macro]\npub fn now(_: TokenStream) -> TokenStream {\n\
                  format!(\"{}u128\", SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos()).parse().unwrap() }\n\
                  #[proc_macro]\npub fn constant(_: TokenStream) -> TokenStream { \"7u128\".parse().unwrap() }\n";
    project.write("random.rs", macros)?;
    let args = words("--crate-name=random random.rs --crate-type=proc-macro --edition=2024 --extern=proc_macro");
    good(&project.compile("no-link --plan out/plan.json --modules out/modules", &args)?)?;
    good(&project.link_only_with("--output out/librandom.so")?)?;
    for (name, call, agrees) in [("varying", "now", false), ("constant", "constant", true)] {
        project.write(&format!("{name}.rs"), format!("pub fn f() -> u128 {{ random::{call}!() }}\n"))?;
        let args = [project.library(name), words("--extern=random=absent/librandom.so")].concat();
        good(&project.compile(&format!("metadata --output out/lib{name}-1.rmeta --proc-macro out/librandom.so"), &args)?)?;
        let options =
            format!("codegen --output out/lib{name}-1.rlib --published-metadata out/lib{name}-1.rmeta --proc-macro out/librandom.so");
        let codegen = project.compile(&options, &args)?;
        if agrees { good(&codegen)? } else { disagrees(&project, name, &codegen)? }
    }
    Ok(())
}

#[test]
fn an_environment_that_differs_is_found_out() -> Outcome {
    let project = Project::new("environment")?;
    for (name, source) in
        [("demands", "pub const V: &str = env!(\"VARYING\");\n"), ("asks", "pub const V: Option<&str> = option_env!(\"VARYING\");\n")]
    {
        project.write(&format!("{name}.rs"), source)?;
        let phase = |options: &str, value: Option<&str>| -> Result<Output> {
            let mut command = project.splitlink(&words(options));
            command.arg("--").arg(&Toolchain::stable().rustc).args(project.library(name)).env_remove("VARYING");
            run(command.envs(value.map(|value| ("VARYING", value))))
        };
        let metadata = format!("metadata --output out/lib{name}-1.rmeta");
        let codegen = format!("codegen --output out/lib{name}-1.rlib --published-metadata out/lib{name}-1.rmeta");
        good(&phase(&metadata, Some("one"))?)?;
        disagrees(&project, name, &phase(&codegen, Some("two"))?)?;
        if name == "asks" {
            disagrees(&project, name, &phase(&codegen, None)?)?;
        }
        good(&phase(&codegen, Some("one"))?)?;
    }
    Ok(())
}

#[test]
fn a_source_that_changed_is_found_out() -> Outcome {
    let project = Project::new("changed_source")?;
    project.build_dep()?;
    fs::remove_file(project.dir.join("out/libdep-1.rlib")).map_err(anyhow::Error::from)?;
    project.write("dep.rs", "pub fn value<T: Into<u64>>(x: T) -> u64 { x.into() + 1 }\npub fn plain() -> u64 { 1 }\n")?;
    let codegen = project.compile("codegen --output out/libdep-1.rlib --published-metadata out/libdep-1.rmeta", &project.library("dep"))?;
    disagrees(&project, "dep", &codegen)?;
    // Another crate's metadata is no agreement either.
    project.write("out/libdep-1.rmeta", "")?;
    let codegen = project.compile("codegen --output out/libdep-1.rlib --published-metadata out/libdep-1.rmeta", &project.library("dep"))?;
    disagrees(&project, "dep", &codegen)?;
    Ok(())
}
