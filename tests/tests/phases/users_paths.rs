//! Paths that the user's own flags give the linker, in every place where they may stand: what is
//! made of them is what rustc makes of them, from any folder.

use anyhow::{Context, Result, ensure};
use splitlink_tests::rustc_fixture::comparison::same;
use splitlink_tests::rustc_fixture::elf;
use splitlink_tests::rustc_fixture::project::{Project, good, words};
use splitlink_tests::rustc_fixture::tools::{Toolchain, succeed};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

type Outcome = Result<()>;

/// The loader that programs of this machine name.
const LOADER: &str = "/lib64/ld-linux-x86-64.so.2";

/// A project with the program `c_app`, which prints what a C library's `c_value` returns.
fn project(name: &str) -> Result<Project> {
    let project = Project::new(name)?;
    fs::create_dir_all(project.dir.join("out"))?;
    project.write("c.c", "int c_value(void) { return 82; }\n")?;
    project.write("c_app.rs", "unsafe extern \"C\" { safe fn c_value() -> i32; }\nfn main() { println!(\"{}\", c_value()); }\n")?;
    project.write(
        "c_library.rs",
        "unsafe extern \"C\" { safe fn c_value() -> i32; }\n#[unsafe(no_mangle)]\npub extern \"C\" fn twice() -> i32 { 2 * c_value() }\n",
    )?;
    Ok(project)
}

/// Compiles the C library into the folder `dir`, which may be outside of the project: `c.o`,
/// `libc_value.a`, `libc_value.so` without a SONAME and `libnamed.so` with one.
fn c_library(project: &Project, dir: &Path) -> Result<()> {
    fs::create_dir_all(dir)?;
    let gcc = |args: &[&str]| succeed(Command::new("gcc").current_dir(dir).args(args)).map(drop);
    let source = project.dir.join("c.c");
    gcc(&["-c", "-fPIC", &source.to_string_lossy(), "-o", "c.o"])?;
    gcc(&["-shared", "c.o", "-o", "libc_value.so"])?;
    gcc(&["-shared", "c.o", "-o", "libnamed.so", "-Wl,-soname,libnamed.so"])?;
    succeed(Command::new("ar").current_dir(dir).args(["crsD", "libc_value.a", "c.o"]))?;
    Ok(())
}

/// rustc's arguments for the crate `name` with `flags`, where `{p}` is the project's folder.
fn args(project: &Project, name: &str, crate_type: &str, flags: &str) -> Vec<String> {
    let flags = flags.replace("{p}", &project.dir.to_string_lossy());
    words(&format!("--crate-name={name} {name}.rs --crate-type={crate_type} --edition=2024 -Cmetadata=1 {flags}"))
}

/// Builds the crate `name` with `flags` in both ways, into the same folder, and says what the
/// artifacts are: `out/reference` and `out/artifact`.
fn built(project: &Project, name: &str, crate_type: &str, flags: &str) -> Result<[Vec<String>; 2]> {
    let args = args(project, name, crate_type, flags);
    good(&project.rustc(&[&args[..], &words("-o out/reference")].concat())?).context("rustc")?;
    good(&project.compile("no-link --plan out/plan.json --modules out/modules", &[&args[..], &words("-o out/artifact")].concat())?)?;
    let plan = String::from_utf8(project.read("out/plan.json")?)?;
    good(&project.link_only_with("--output out/artifact")?).with_context(|| plan.clone())?;
    for before in ["\"", "=", ",", "-L"] {
        let path = format!("{before}{}", project.dir.display());
        ensure!(!plan.contains(&path), "the plan names the working folder: {plan}");
    }
    Ok([elf::describe(&project.dir.join("out/reference"))?, elf::describe(&project.dir.join("out/artifact"))?])
}

/// That both builds are the same but for symbols' places, and that the program works from another
/// folder.
fn works_from_anywhere(project: &Project, flags: &str) -> Outcome {
    let [reference, artifact] = built(project, "c_app", "bin", flags).with_context(|| flags.to_owned())?;
    same("the artifacts", &reference, &artifact).with_context(|| flags.to_owned())?;
    for program in ["out/reference", "out/artifact"] {
        let output = succeed(Command::new(project.dir.join(program)).current_dir("/")).with_context(|| format!("{program}: {flags}"))?;
        ensure!(output.stdout == b"82\n", "{program} with {flags}: {output:?}");
    }
    Ok(())
}

#[test]
fn written_into_the_artifact() -> Outcome {
    let project = project("written")?;
    c_library(&project, &project.dir.join("so"))?;
    symlink(LOADER, project.dir.join("loader"))?;
    for flags in [
        "-Lso -lnamed -Clink-arg=-Wl,-rpath,{p}/so",
        "-Lso -lnamed -Clink-arg=-Wl,-rpath -Clink-arg=-Wl,{p}/so",
        "-Lso -lnamed -Clink-arg=-Xlinker -Clink-arg=-rpath={p}/none:{p}/so",
        "-Lso -lnamed -Clink-arg=-Wl,-R{p}/so,-z,origin",
        "-Lso -lnamed -Clink-arg=-Wl,-rpath,{p}/so,--dynamic-linker,{p}/loader",
        "-Lso -lnamed -Clink-arg=-fuse-ld=bfd -Clink-arg=-Wl,-rpath={p}/so,-I{p}/loader",
        // Without a SONAME the artifact asks for it by this very path.
        "-Clink-arg={p}/so/libc_value.so",
        "-Clink-arg=-Wl,{p}/so/libc_value.so",
    ] {
        works_from_anywhere(&project, flags)?;
    }
    let [reference, artifact] = built(&project, "c_library", "cdylib", "-Lso -lnamed -Clink-arg=-Wl,-soname,{p}/so/its.so")?;
    same("the cdylibs", &reference, &artifact)?;
    ensure!(artifact.iter().any(|fact| fact.ends_with("/so/its.so")), "{artifact:#?}");
    Ok(())
}

/// The project's folder is named in paths that do not begin with it, or twice.
#[test]
fn the_working_folders_name_elsewhere() -> Outcome {
    let project = project("app")?;
    let own = project.dir.strip_prefix("/")?.to_owned();
    let outside = std::env::temp_dir().join(format!("splitlink-outside-{}", std::process::id()));
    for dir in [project.dir.join("deep").join(&own), outside.join(&own).join("lib"), project.dir.join("deep/app/app")] {
        c_library(&project, &dir)?;
        let dir = dir.display();
        works_from_anywhere(&project, &format!("-L{dir} -lstatic=c_value"))?;
        works_from_anywhere(&project, &format!("-Clink-arg=-L{dir} -Clink-arg=-l:libc_value.a"))?;
        works_from_anywhere(&project, &format!("-Clink-arg={dir}/c.o"))?;
        works_from_anywhere(&project, &format!("-Clink-arg=-Wl,-rpath,{dir},{dir}/libc_value.so"))?;
    }
    fs::remove_dir_all(&outside)?;
    Ok(())
}

/// Folders that look like a sysroot's and are none.
#[test]
fn a_folder_like_a_sysroots() -> Outcome {
    let project = project("like_a_sysroot")?;
    let host = &Toolchain::stable().host;
    let dir = format!("tools/lib/rustlib/{host}/lib");
    c_library(&project, &project.dir.join(&dir))?;
    for dir in [dir.clone(), format!("{{p}}/{dir}")] {
        works_from_anywhere(&project, &format!("-Lnative={dir} -lstatic=c_value"))?;
        works_from_anywhere(&project, &format!("-Clink-arg=-L{dir} -Clink-arg=-l:libc_value.a"))?;
        works_from_anywhere(&project, &format!("-Clink-arg={dir}/libc_value.a"))?;
        works_from_anywhere(&project, &format!("-Lnative={dir} -lnamed -Clink-arg=-Wl,-rpath,{{p}}/tools/lib/rustlib/{host}/lib"))?;
        works_from_anywhere(&project, &format!("-Lnative={dir} -lnamed -Clink-arg=-Wl,-rpath,$ORIGIN/../tools/lib/rustlib/{host}/lib"))?;
    }
    // A staticlib, whose native libraries link-only looks for itself.
    let args = args(&project, "c_library", "staticlib", &format!("-Lnative={dir} -lstatic=c_value -o out/artifact"));
    good(&project.compile("no-link --plan out/plan.json --modules out/modules", &args)?)?;
    good(&project.link_only_with("--output out/artifact")?)?;
    ensure!(!String::from_utf8(project.read("out/plan.json")?)?.contains("{sysroot}/lib/rustlib/"), "the folder is taken for the sysroot");
    Ok(())
}

/// The sysroot under other names than its own, and beside other folders of libraries.
#[test]
fn the_sysroot_by_any_name() -> Outcome {
    let project = project("sysroots_names")?;
    symlink(&Toolchain::stable().sysroot, project.dir.join("sysroot"))?;
    c_library(&project, &project.dir.join("native"))?;
    let libdir = Toolchain::stable().libdir();
    for flags in
        ["--sysroot=sysroot", "--sysroot={p}/sysroot/", &format!("-L{}", libdir.display()), &format!("-Ldependency={}", libdir.display())]
    {
        works_from_anywhere(&project, &format!("{flags} -Lnative -lstatic=c_value"))?;
        let plan = String::from_utf8(project.read("out/plan.json")?)?;
        ensure!(plan.contains("\"kind\": \"sysroot-crate\""), "{flags}: {plan}");
        ensure!(!plan.contains(&*Toolchain::stable().sysroot.to_string_lossy()), "{flags}: {plan}");
    }
    Ok(())
}

/// `$ORIGIN` is the artifact's folder, wherever it is in the end; but the build system means the
/// folder that it told rustc.
#[test]
fn run_paths_from_the_artifact() -> Outcome {
    let project = project("from_the_artifact")?;
    c_library(&project, &project.dir.join("so"))?;
    let flags = "-Lso -lnamed -Clink-arg=-Wl,-rpath,$ORIGIN -Clink-arg=-Wl,-rpath,$ORIGIN/lib -Clink-args=-Wl,-rpath=$ORIGIN/../so";
    let args = args(&project, "c_library", "cdylib", &format!("{flags} -o out/reference"));
    good(&project.rustc(&args)?)?;
    let run_path = |path: &str| -> Result<String> {
        let facts = elf::describe(&project.dir.join(path))?;
        facts.into_iter().find_map(|fact| fact.strip_prefix("runpath ").map(str::to_owned)).context("it has no run path")
    };
    let expected = run_path("out/reference")?;
    ensure!(expected == "$ORIGIN:$ORIGIN/lib:$ORIGIN/../so", "rustc's own is {expected}");
    for (options, expected) in [
        ("", expected.as_str()),
        ("--run-path-dir so", "$ORIGIN:$ORIGIN/lib:$ORIGIN/../../so"),
        ("--run-path-dir out/lib --run-path-dir out", "$ORIGIN/../../out:$ORIGIN/../../out/lib:$ORIGIN/../so"),
    ] {
        good(&project.compile(&format!("no-link --plan out/plan.json --modules out/modules {options}"), &args)?)?;
        fs::create_dir_all(project.dir.join("else/where"))?;
        good(&project.link_only_with("--output else/where/libc_library.so")?)?;
        let found = run_path("else/where/libc_library.so")?;
        ensure!(found == expected, "with `{options}` the run path is {found} and not {expected}");
    }
    Ok(())
}
