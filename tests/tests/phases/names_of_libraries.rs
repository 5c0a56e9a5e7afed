//! Native libraries that are not called `lib*.a`, and artifacts that are not called as rustc would:
//! what is made is what rustc makes.

use anyhow::{Context, Result, ensure};
use splitlink_tests::rustc_fixture::archive;
use splitlink_tests::rustc_fixture::comparison::same;
use splitlink_tests::rustc_fixture::elf;
use splitlink_tests::rustc_fixture::project::{Project, good, words};
use splitlink_tests::rustc_fixture::tools::succeed;
use std::fs;
use std::process::Command;

type Outcome = Result<()>;

/// A project with the C function `c_value`, compiled into libraries of several names in `native`.
fn project(name: &str) -> Result<Project> {
    let project = Project::new(name)?;
    let value = "unsafe extern \"C\" { safe fn c_value() -> i32; }\n";
    project.write("c.c", "int c_value(void) { return 7; }\n")?;
    project.write("carrier.rs", format!("{value}#[inline(never)]\npub fn value() -> i32 {{ c_value() }}\n"))?;
    project.write("app.rs", "fn main() { println!(\"{}\", carrier::value()); }\n")?;
    project.write("for_c.rs", "#[unsafe(no_mangle)]\npub extern \"C\" fn twice() -> i32 { 2 * carrier::value() }\n")?;
    project.write("own.rs", format!("{value}#[unsafe(no_mangle)]\npub extern \"C\" fn twice() -> i32 {{ 2 * c_value() }}\n"))?;
    let link = "#[link(name = \"foo\", kind = \"static\")]\n";
    project.write("renamed.rs", format!("{link}{value}#[unsafe(no_mangle)]\npub extern \"C\" fn twice() -> i32 {{ 2 * c_value() }}\n"))?;
    project.write("use.c", "#include <stdio.h>\nint twice(void);\nint main(void) { printf(\"%d\\n\", twice()); }\n")?;
    for dir in ["native/sub", "out", "reference", "split"] {
        fs::create_dir_all(project.dir.join(dir))?;
    }
    let native = project.dir.join("native");
    succeed(Command::new("gcc").current_dir(&native).args(["-c", "-fPIC", "-O1", "-o", "c.o", "../c.c"]))?;
    for library in NAMES {
        let file = native.join(library);
        fs::create_dir_all(file.parent().context("it is in a folder")?)?;
        succeed(Command::new("ar").current_dir(&native).args(["crsD", library, "c.o"]))?;
    }
    Ok(project)
}

const NAMES: [&str; 6] =
    ["three.ext", "sub/deep.lib", "plain", "with space.o", "libbar.a", "an_archive_with_a_name_longer_than_any_header_has_room_for.x"];

/// rustc's arguments for the crate that carries the native library `library` inside.
fn of_carrier(library: &str, out: &str) -> Vec<String> {
    let args = "--crate-name=carrier carrier.rs --crate-type=rlib --edition=2024 --emit=metadata,link -Cmetadata=1 -Cextra-filename=-1 \
                --error-format=json --json=artifacts -Cembed-bitcode=no -Lnative=native -Lnative=native/sub";
    [words(args), vec![format!("--out-dir={out}"), format!("-lstatic:+whole-archive,+verbatim={library}")]].concat()
}

/// Builds the crate that carries `library` in both ways, and what depends on it as `crate_type`.
fn built(project: &Project, library: &str, source: &str, crate_type: &str) -> Result<()> {
    good(&project.rustc(&of_carrier(library, "reference"))?).context("rustc")?;
    good(&project.compile("metadata --output out/libcarrier-1.rmeta", &of_carrier(library, "absent"))?)?;
    let codegen = "codegen --output out/libcarrier-1.rlib --published-metadata out/libcarrier-1.rmeta";
    good(&project.compile(codegen, &of_carrier(library, "absent"))?)?;
    let linked = |from: &str, out: &str| {
        words(&format!(
            "--crate-name={source} {source}.rs --crate-type={crate_type} --edition=2024 --emit=link -Cmetadata=m --out-dir={out} \
             --extern=carrier={from}/libcarrier-1.rlib -Ldependency={from}"
        ))
    };
    good(&project.rustc(&linked("reference", "reference"))?).context("rustc")?;
    let no_link = "no-link --plan out/plan.json --modules out/modules --metadata out/libcarrier-1.rmeta";
    good(&project.compile(no_link, &linked("absent", "absent"))?).context("no-link")?;
    let outputs: Vec<String> = crate_type.split(',').map(|each| format!("--output {each}=split/{each}")).collect();
    good(&project.link_only_with(&format!("--rlib out/libcarrier-1.rlib {}", outputs.join(" ")))?).context("link-only")
}

/// That the C program works with `library`.
fn used_by_c(project: &Project, library: &str) -> Outcome {
    let mut gcc = Command::new("gcc");
    gcc.current_dir(&project.dir).args(["use.c", library, "-o", "used", "-lgcc_s", "-lpthread", "-lm", "-ldl", "-lc"]);
    succeed(&mut gcc)?;
    let output = succeed(Command::new("./used").current_dir(&project.dir))?;
    ensure!(output.stdout == b"14\n", "{output:?}");
    Ok(())
}

#[test]
fn carried_in_an_rlib() -> Outcome {
    let project = project("carried")?;
    for library in NAMES {
        let built =
            |source, crate_type| built(&project, library, source, crate_type).with_context(|| format!("{crate_type} with `{library}`"));
        built("app", "bin")?;
        let [reference, split] = ["reference/app", "split/bin"].map(|path| elf::describe(&project.dir.join(path)));
        same("the programs", &reference?, &split?)?;
        ensure!(succeed(&mut Command::new(project.dir.join("split/bin")))?.stdout == b"7\n", "{library}");
        built("for_c", "staticlib")?;
        let [reference, split] = ["reference/libfor_c.a", "split/staticlib"].map(|path| archive::describe(&project.dir.join(path)));
        same("the archives", &reference?, &split?)?;
        fs::rename(project.dir.join("split/staticlib"), project.dir.join("split/libfor_c.a"))?;
        used_by_c(&project, "split/libfor_c.a")?;
        built("for_c", "cdylib,staticlib")?;
        let [reference, split] = ["reference/libfor_c.so", "split/cdylib"].map(|path| elf::describe(&project.dir.join(path)));
        same("the cdylibs", &reference?, &split?)?;
    }
    Ok(())
}

/// A library that the command renames, and artifacts of any name, by `-o` or `--emit`: the members
/// have the names that rustc gives them.
#[test]
fn staticlibs() -> Outcome {
    let project = project("staticlibs_names")?;
    for (source, flags, output) in [
        ("renamed", "-lstatic=foo:bar", "--out-dir={out}"),
        ("own", "-lstatic=bar", "-o {out}/s.ext"),
        ("own", "-lstatic=bar", "-o {out}/its.own.name.a"),
        ("own", "-lstatic=bar -Cextra-filename=-more", "-o {out}/plain"),
        ("own", "-lstatic=bar -Cextra-filename=-more", "--emit=link={out}/s.ext"),
        ("own", "-lstatic:+verbatim=three.ext", "--emit=link={out}/lib.so"),
        ("own", "-lstatic=bar -Ccodegen-units=16", "--emit=link -o {out}/a-cgu.1.o"),
    ] {
        let name = || format!("{source} {flags} {output}");
        let args = |out: &str| {
            let output = output.replace("{out}", out);
            words(&format!(
                "--crate-name={source} {source}.rs --crate-type=staticlib --edition=2024 -Cmetadata=m -Lnative=native {flags} {output}"
            ))
        };
        let _ = fs::remove_dir_all(project.dir.join("reference"));
        fs::create_dir(project.dir.join("reference"))?;
        good(&project.rustc(&args("reference"))?).with_context(name)?;
        let made = fs::read_dir(project.dir.join("reference"))?.next().context("rustc has made nothing")??.path();
        // The native libraries are not there yet.
        fs::rename(project.dir.join("native"), project.dir.join("later"))?;
        if source == "renamed" {
            fs::create_dir(project.dir.join("native"))?;
        }
        let planned = project.compile("no-link --plan out/plan.json --modules out/modules", &args("absent"))?;
        let _ = fs::remove_dir(project.dir.join("native"));
        fs::rename(project.dir.join("later"), project.dir.join("native"))?;
        good(&planned).with_context(name)?;
        good(&project.link_only_with("--output split/libown.a")?).with_context(name)?;
        same("the archives", &archive::describe(&made)?, &archive::describe(&project.dir.join("split/libown.a"))?).with_context(name)?;
        used_by_c(&project, "split/libown.a").with_context(name)?;
    }
    Ok(())
}
