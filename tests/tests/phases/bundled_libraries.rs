//! Two crates that carry different native libraries of one file name (`libz.a`).
//!
//! rustc itself unpacks both to one path: it links one of them twice, or leaves the second out of a
//! staticlib (1.95). So the reference is what rustc makes of the same crates with libraries of two
//! names, which must come out the same but for the name.

use anyhow::{Context, Result, ensure};
use splitlink_tests::rustc_fixture::archive;
use splitlink_tests::rustc_fixture::comparison::same;
use splitlink_tests::rustc_fixture::project::{Project, good, words};
use splitlink_tests::rustc_fixture::tools::{Toolchain, run, succeed};
use std::fs;
use std::process::Command;

type Outcome = Result<()>;

const CRATES: [&str; 2] = ["left", "right"];

/// Writes the sources, and compiles a C library for each crate: `native/left/libz.a` and
/// `native/right/libz.a`, or with two names.
fn project(name: &str) -> Result<Project> {
    let project = Project::new(name)?;
    for (value, name) in (1..).zip(CRATES) {
        project.write(&format!("{name}.c"), format!("int of_{name}(void) {{ return {value}; }}\n"))?;
        let source =
            format!("unsafe extern \"C\" {{ safe fn of_{name}() -> i32; }}\n#[inline(never)]\npub fn get() -> i32 {{ of_{name}() }}\n");
        project.write(&format!("{name}.rs"), source)?;
        let dir = project.dir.join("native").join(name);
        fs::create_dir_all(&dir)?;
        succeed(
            Command::new("gcc").current_dir(&dir).args(["-c", "-fPIC", "-O1", "-o", "z.o"]).arg(project.dir.join(format!("{name}.c"))),
        )?;
        for library in ["libz.a".to_owned(), format!("libz_{name}.a")] {
            succeed(Command::new("ar").current_dir(&dir).args(["crsD", &library, "z.o"]))?;
        }
    }
    project.write("both.rs", "fn main() { println!(\"{} {}\", left::get(), right::get()); }\n")?;
    let library = "#[unsafe(no_mangle)]\npub extern \"C\" fn both() -> i32 { left::get() * 10 + right::get() }\n";
    project.write("for_c.rs", library)?;
    project.write("use.c", "#include <stdio.h>\nint both(void);\nint main(void) { printf(\"%d\\n\", both()); }\n")?;
    Ok(project)
}

/// rustc's arguments for a crate, with `library` for the name of the one that it carries.
fn of_library(name: &str, library: &str, out: &str) -> Vec<String> {
    words(&format!(
        "--crate-name={name} {name}.rs --crate-type=rlib --edition=2024 --emit=metadata,link -Cmetadata={name} -Cextra-filename=-1 \
         --out-dir={out} -Lnative=native/{name} -lstatic:+whole-archive={library} --error-format=json --json=artifacts -Cembed-bitcode=no"
    ))
}

fn of_linked(source: &str, crate_type: &str, from: &str, out: &str) -> Vec<String> {
    let externs = CRATES.map(|name| format!("--extern={name}={from}/lib{name}-1.rlib")).join(" ");
    words(&format!(
        "--crate-name={source} {source}.rs --crate-type={crate_type} --edition=2024 --emit=link -Cmetadata=m --out-dir={out} {externs} -Ldependency={from}"
    ))
}

/// Builds `source` in both ways: to `reference/<file>`, and to `out/<file>`.
fn build(project: &Project, source: &str, crate_type: &str, file: &str, lto: Option<&str>) -> Result<()> {
    for folder in ["reference", "out"] {
        fs::create_dir_all(project.dir.join(folder))?;
    }
    for name in CRATES {
        good(&project.rustc(&of_library(name, &format!("z_{name}"), "reference"))?)?;
        let compile = |options: String| -> Result<()> {
            let lto = lto.map_or("", |_| "--lto");
            good(&project.compile(&format!("{options} {lto}"), &of_library(name, "z", "absent"))?)
        };
        compile(format!("metadata --output out/lib{name}-1.rmeta"))?;
        compile(format!("codegen --output out/lib{name}-1.rlib --published-metadata out/lib{name}-1.rmeta"))?;
    }
    good(&project.rustc(&of_linked(source, crate_type, "reference", "reference"))?)?;
    let options = CRATES.map(|name| format!("--metadata out/lib{name}-1.rmeta")).join(" ");
    let lto_option = lto.map_or("", |_| "--lto");
    let no_link = format!("no-link --plan out/plan.json --modules out/modules {options} {lto_option}");
    good(&project.compile(&no_link, &of_linked(source, crate_type, "absent", "absent"))?)?;
    let rlibs = CRATES.map(|name| format!("--rlib out/lib{name}-1.rlib")).join(" ");
    good(&project.link_only_with(&format!("{rlibs} --lto {} --output out/{file}", lto.unwrap_or("off")))?)
}

fn prints(project: &Project, command: &mut Command, text: &str) -> Result<()> {
    let output = succeed(command.current_dir(&project.dir))?;
    ensure!(output.stdout == text.as_bytes(), "{command:?} prints {output:?}");
    Ok(())
}

/// Links the C program with `library`, and runs it.
fn used_by_c(project: &Project, library: &str) -> Result<()> {
    let mut gcc = Command::new("gcc");
    gcc.current_dir(&project.dir).args(["use.c", library, "-o", "used", "-lgcc_s", "-lpthread", "-lm", "-ldl", "-lc"]);
    succeed(&mut gcc)?;
    prints(project, &mut Command::new("./used"), "12\n")
}

#[test]
fn rustc_takes_them_for_one() -> Outcome {
    // Where this is so no more, the tests below can compare with rustc's own link of the very same
    // crates.
    let project = project("rustcs_own")?;
    fs::create_dir_all(project.dir.join("out"))?;
    for name in CRATES {
        good(&project.rustc(&of_library(name, "z", "out"))?)?;
    }
    let output = run(Toolchain::stable().command(&project.dir).args(of_linked("both", "bin", "out", "out")))?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(!output.status.success() && said.contains("of_left"), "rustc links both, or says otherwise:\n{said}");
    Ok(())
}

#[test]
fn a_program_has_both() -> Outcome {
    let project = project("program_of_both")?;
    build(&project, "both", "bin", "both", None)?;
    for program in ["reference/both", "out/both"] {
        prints(&project, &mut Command::new(format!("./{program}")), "1 2\n").context(program)?;
    }
    ensure!(project.read("reference/both")? == project.read("out/both")?, "the programs differ");
    Ok(())
}

#[test]
fn a_library_for_c_has_both() -> Outcome {
    let project = project("cdylib_of_both")?;
    build(&project, "for_c", "cdylib", "libfor_c.so", None)?;
    for library in ["./reference/libfor_c.so", "./out/libfor_c.so"] {
        used_by_c(&project, library).context(library)?;
    }
    Ok(())
}

#[test]
fn a_staticlib_has_both() -> Outcome {
    let project = project("staticlib_of_both")?;
    build(&project, "for_c", "staticlib", "libfor_c.a", None)?;
    for library in ["reference/libfor_c.a", "out/libfor_c.a"] {
        used_by_c(&project, library).context(library)?;
    }
    let [reference, split] = ["reference", "out"].map(|folder| archive::describe(&project.dir.join(folder).join("libfor_c.a")));
    same("the archives", &reference?, &split?)?;
    Ok(())
}

/// Which libraries a crate's `cfg` takes is decided where a staticlib is made (`link_cfg`, which is
/// unstable): the others stay out of it.
#[test]
fn a_staticlib_without_what_cfg_leaves_out() -> Outcome {
    let project = project("staticlib_by_cfg")?;
    let link = |name: &str, cfg: &str| format!("#[link(name = \"z_{name}\", kind = \"static\", cfg({cfg}))]\nunsafe extern \"C\" {{}}\n");
    let source = format!("#![feature(link_cfg)]\n{}{}", link("left", "wanted"), link("right", "unwanted"));
    project.write("picks.rs", source)?;
    project.write("taken.rs", "pub use picks::*;\n")?;
    for folder in ["reference", "out"] {
        fs::create_dir_all(project.dir.join(folder))?;
    }
    let of_crate = |out: &str| {
        words(&format!(
            "--crate-name=picks picks.rs --crate-type=rlib --edition=2024 --emit=metadata,link -Cmetadata=picks -Cextra-filename=-1 --out-dir={out} \
             -Lnative/left -Lnative/right --error-format=json --json=artifacts -Cembed-bitcode=no"
        ))
    };
    let of_staticlib = |dir: &str| {
        words(&format!(
            "--crate-name=taken taken.rs --crate-type=staticlib --edition=2024 --cfg wanted --out-dir={dir} --extern=picks={dir}/libpicks-1.rlib"
        ))
    };
    let unstable = |command: &mut Command| -> Result<()> { succeed(command.env("RUSTC_BOOTSTRAP", "1")).map(|_| ()) };
    let rustc = |args: Vec<String>| unstable(Toolchain::stable().command(&project.dir).args(args));
    let phase = |options: &str, args: Vec<String>| {
        unstable(project.splitlink(&words(options)).arg("--").arg(&Toolchain::stable().rustc).args(args))
    };
    rustc(of_crate("reference"))?;
    rustc(of_staticlib("reference"))?;
    phase("metadata --output out/libpicks-1.rmeta", of_crate("absent"))?;
    phase("codegen --output out/libpicks-1.rlib --published-metadata out/libpicks-1.rmeta", of_crate("absent"))?;
    phase("no-link --plan out/plan.json --modules out/modules --metadata out/libpicks-1.rmeta", of_staticlib("absent"))?;
    good(&project.link_only_with("--rlib out/libpicks-1.rlib --output out/libtaken.a")?)?;
    let [reference, split] = ["reference", "out"].map(|folder| archive::describe(&project.dir.join(folder).join("libtaken.a")));
    for facts in [reference?, split?] {
        let has = |symbol: &str| facts.iter().any(|fact| fact.starts_with(&format!("symbol {symbol} ")));
        ensure!(has("of_left") && !has("of_right"), "{facts:?}");
    }
    Ok(())
}

#[test]
fn with_lto() -> Outcome {
    let project = project("lto_of_both")?;
    build(&project, "both", "bin", "both", Some("thin"))?;
    prints(&project, &mut Command::new("./out/both"), "1 2\n")?;
    build(&project, "for_c", "staticlib", "libfor_c.a", Some("thin"))?;
    used_by_c(&project, "out/libfor_c.a")
}
