//! The same sources give the same bytes wherever they lie: metadata, rlibs, plans, modules,
//! artifacts, dylib manifests and link reports.

use anyhow::{Context, Result, ensure};
use splitlink_tests::rustc_fixture::project::{Project, good, words};
use splitlink_tests::rustc_fixture::tools::{Failure, Toolchain, empty_folder, lay_out, run};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

type Outcome = Result<(), Failure>;

/// The libraries, dependencies first, each with the libraries that it names.
const LIBRARIES: &[(&str, &[&str])] = &[("shapes", &[]), ("report", &["shapes"]), ("facade", &["report", "shapes"]), ("naming", &[])];

/// The linked crates: name, source, crate type, what it names.
const LINKED: &[(&str, &str, &str, &[&str])] = &[
    ("bin", "app", "--crate-type=bin", &["facade"]),
    ("test", "app", "--test", &["facade"]),
    ("cdylib", "library", "--crate-type=cdylib", &["facade"]),
    ("staticlib", "library", "--crate-type=staticlib", &["facade"]),
    ("dylib", "library", "--crate-type=dylib", &["facade"]),
    ("macro", "describe_macro", "--crate-type=proc-macro", &["naming"]),
    ("both", "library", "--crate-type=cdylib,staticlib", &["facade"]),
];

/// How a build is done; what must not matter in it.
struct Build {
    project: Project,
    /// The folder for outputs, as commands spell it.
    out: &'static str,
    flags: &'static str,
    backwards: bool,
    env: &'static [(&'static str, &'static str)],
}

impl Build {
    /// A build in the folder `dir` of the workplace, whose last part may hold anything.
    fn at(dir: &str) -> Result<Self> {
        let dir = empty_folder(dir)?;
        lay_out(&dir)?;
        fs::create_dir(dir.join("out"))?;
        Ok(Self { project: Project { dir }, out: "out", flags: "", backwards: false, env: &[] })
    }

    fn compile(&self, options: &str, args: &[String]) -> Result<Output> {
        let mut command = self.project.splitlink(&words(options));
        // As rules_rust has it: nothing of the working folder is to get into the output.
        let remap = format!("--remap-path-prefix={}=", self.project.dir.display());
        command.arg("--").arg(&Toolchain::stable().rustc).args(args).arg(remap).args(words(self.flags));
        run(command.envs(self.env.iter().copied()))
    }

    fn options(&self, option: &str, extension: &str) -> String {
        let mut options: Vec<_> = LIBRARIES.iter().map(|(name, _)| format!("{option} {}/lib{name}-1.{extension}", self.out)).collect();
        if self.backwards {
            options.reverse();
        }
        options.join(" ")
    }

    fn externs(&self, names: &[&str]) -> Vec<String> {
        let externs = names.iter().map(|name| format!("--extern={name}=absent/lib{name}-1.rlib"));
        externs.chain(["-Ldependency=absent".to_owned()]).collect()
    }

    /// Builds everything; gives every file that came out.
    fn run(&self) -> Result<BTreeMap<String, Vec<u8>>> {
        let out = self.out;
        let mut below = String::new();
        for (name, deps) in LIBRARIES {
            let args = format!(
                "--crate-name={name} src/{name}.rs --crate-type=rlib --edition=2024 -Cmetadata=1 -Cextra-filename=-1 --out-dir=absent"
            );
            let args = [words(&args), self.externs(deps)].concat();
            good(&self.compile(&format!("metadata --output {out}/lib{name}-1.rmeta {below}"), &args)?).context(*name)?;
            let published = format!("--published-metadata {out}/lib{name}-1.rmeta");
            good(&self.compile(&format!("codegen --output {out}/lib{name}-1.rlib {published} {below}"), &args)?).context(*name)?;
            below.push_str(&format!(" --metadata {out}/lib{name}-1.rmeta"));
        }
        for (name, source, kind, deps) in LINKED {
            let args = format!(
                "--crate-name={source} src/{source}.rs {kind} --edition=2024 -Cmetadata=2 --emit=link --out-dir={out} --extern=proc_macro"
            );
            let args = [words(&args), self.externs(deps)].concat();
            let options =
                format!("no-link --plan {out}/{name}.json --modules {out}/{name}.modules {}", self.options("--metadata", "rmeta"));
            good(&self.compile(&options, &args)?).context(*name)?;
            let outputs = match *name {
                "both" => format!("--output cdylib={out}/both.so --output staticlib={out}/both.a"),
                _ => format!("--output {out}/{name}"),
            };
            let link = format!("link-only --plan {out}/{name}.json --modules {out}/{name}.modules {outputs}");
            let mut link = self.project.splitlink(&words(&format!("{link} {}", self.options("--rlib", "rlib"))));
            link.arg("--sysroot").arg(&Toolchain::stable().sysroot).envs(self.env.iter().copied());
            good(&run(&mut link)?).context(*name)?;
        }
        self.dynamic()?;
        let mut files = BTreeMap::new();
        collect(&self.project.dir.join(out), "", &mut files)?;
        Ok(files)
    }
}

impl Build {
    /// Links the library `shapes` as a dylib, and the program against it and the standard
    /// library's.
    fn dynamic(&self) -> Result<()> {
        let out = self.out;
        let toolchain = Toolchain::stable();
        let mut std_manifest = self.project.splitlink(&words(&format!("std-manifest --output {out}/std.json --rustc")));
        good(&run(std_manifest.arg(&toolchain.rustc).arg("--libdir").arg(toolchain.libdir()))?)?;
        let args = words("--crate-name=shapes src/shapes.rs --crate-type=rlib --edition=2024 --out-dir=absent");
        let dylib_of = format!("no-link --dylib-of {out}/libshapes-1.rmeta --plan {out}/shapes.json --modules {out}/shapes.modules");
        good(&self.compile(&format!("{dylib_of} {}", self.options("--metadata", "rmeta")), &args)?)?;
        // The sysroot lies outside, so that the way to it is another from every folder.
        let dynamic = format!("--std-manifest {out}/std.json --prefer-dynamic --dylib-dir $ORIGIN {}", self.options("--rlib", "rlib"));
        for (plan, options) in [
            ("shapes", format!("--output {out}/libshapes-1.so --report {out}/shapes.report.json")),
            ("bin", format!("--dylib {out}/libshapes-1.so --output {out}/dynamic_bin --report {out}/bin.report.json")),
        ] {
            let link = format!("link-only --plan {out}/{plan}.json --modules {out}/{plan}.modules {options} {dynamic}");
            let mut link = self.project.splitlink(&words(&link));
            good(&run(link.arg("--sysroot").arg(&toolchain.sysroot).envs(self.env.iter().copied()))?).context(plan)?;
        }
        Ok(())
    }
}

fn collect(dir: &Path, prefix: &str, files: &mut BTreeMap<String, Vec<u8>>) -> Result<()> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.path().is_dir() {
            collect(&entry.path(), &format!("{name}/"), files)?;
        } else {
            files.insert(name, fs::read(entry.path())?);
        }
    }
    Ok(())
}

/// Checks that two builds have the same files with the same bytes, and none names the folder that
/// it was built in.
fn same(one: &BTreeMap<String, Vec<u8>>, two: &BTreeMap<String, Vec<u8>>) -> Result<()> {
    let names = |build: &BTreeMap<String, Vec<u8>>| build.keys().cloned().collect::<Vec<_>>();
    ensure!(names(one) == names(two), "{:?}\n{:?}", names(one), names(two));
    let differing: Vec<_> = one.iter().filter(|(name, bytes)| two[*name] != **bytes).map(|(name, _)| name).collect();
    ensure!(differing.is_empty(), "these files differ: {differing:?}");
    Ok(())
}

fn nowhere_named(files: &BTreeMap<String, Vec<u8>>, dir: &Path) -> Result<()> {
    let dir = dir.to_string_lossy();
    for (name, bytes) in files {
        ensure!(!bytes.windows(dir.len()).any(|window| window == dir.as_bytes()), "`{name}` names the folder `{dir}`");
    }
    Ok(())
}

#[test]
fn in_two_folders() -> Outcome {
    // Debug information is where paths like to hide.
    let build = |dir: &str| -> Result<Build> { Ok(Build { flags: "-Cdebuginfo=2 -Copt-level=1", ..Build::at(dir)? }) };
    let (one, two) = (build("one")?, build("another folder/that lies deeper")?);
    let files = one.run()?;
    assert!(files.len() > 40, "{:?}", files.keys());
    for made in ["libshapes-1.so", "libshapes-1.so.manifest.json", "shapes.report.json", "dynamic_bin", "bin.report.json"] {
        assert!(files.contains_key(made), "no `{made}` among {:?}", files.keys());
    }
    same(&files, &two.run()?)?;
    nowhere_named(&files, &one.project.dir)?;
    let program = run(&mut Command::new(two.project.dir.join("out/bin")))?;
    assert!(String::from_utf8_lossy(&program.stdout).contains("circle: 1"), "{program:?}");
    let mut dynamic = Command::new(two.project.dir.join("out/dynamic_bin"));
    let dynamic = run(dynamic.env("LD_LIBRARY_PATH", Toolchain::stable().libdir()))?;
    assert_eq!(dynamic.stdout, program.stdout, "{dynamic:?}");
    Ok(())
}

#[test]
fn whatever_the_circumstances() -> Outcome {
    let one = Build::at("circumstances")?;
    let files = one.run()?;
    // Over what is there already, in another order, environment and place for temporary files,
    // through a symbolic link.
    same(&files, &one.run()?).context("a second time")?;
    let temporary = empty_folder("rustcTMPDIR")?;
    let linked =
        Build { backwards: true, env: &[("LANG", "de_DE.UTF-8"), ("TMPDIR", "../rustcTMPDIR"), ("COLUMNS", "40")], ..Build::at("linked")? };
    same(&files, &linked.run()?).context("backwards, in another environment")?;
    assert!(fs::read_dir(temporary)?.next().is_none(), "something was left in the folder for temporary files");
    let symbolic = Build::at("symbolic")?;
    let elsewhere: PathBuf = empty_folder("elsewhere")?;
    fs::remove_dir(symbolic.project.dir.join("out"))?;
    std::os::unix::fs::symlink(elsewhere, symbolic.project.dir.join("out"))?;
    same(&files, &symbolic.run()?).context("through a symbolic link")?;
    Ok(())
}
