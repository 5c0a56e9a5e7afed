//! Folders whose names other programs would take for something else: a flag, a response file, the
//! end of an argument. What is made in them is the same as anywhere.

use anyhow::{Context, Result, ensure};
use splitlink_tests::rustc_fixture::project::{Project, good, refused, words};
use splitlink_tests::rustc_fixture::tools::{Toolchain, names_in, run, succeed, write_program};
use splitlink_tests::rustc_fixture::worker::Client;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::process::{Command, Output};

type Outcome = Result<()>;

/// What a folder may be called. The first is an ordinary name.
const FOLDERS: [&str; 8] = ["plain", "-dash", "@at", "a,comma", "a space", "quo'te\"s", "back\\slash", "a=b"];

/// Options that make the linker's command line too long for one call.
fn very_many() -> Vec<String> {
    (0..900)
        .map(|number| format!("-Clink-arg=-Wl,--defsym=a_symbol_with_a_long_name_to_fill_the_command_line_{number}=0x{number}"))
        .collect()
}

/// A build in a folder of the project: everything that splitlink writes or reads is in it, and
/// named relative to the working folder.
struct Build<'a> {
    project: &'a Project,
    folder: &'a str,
}

impl Build<'_> {
    fn path(&self, name: &str) -> String {
        format!("{}/{name}", self.folder)
    }

    /// `--option=FILE`, for a value of its own may look like an option.
    fn option(&self, option: &str, name: &str) -> String {
        format!("--{option}={}", self.path(name))
    }

    fn run(&self, phase: &str, options: &[String], rustc: Option<&[String]>) -> Result<Output> {
        let mut command = self.project.splitlink(&[phase.to_owned()]);
        command.args(options);
        if let Some(rustc) = rustc {
            command.arg("--").arg(&Toolchain::stable().rustc).args(rustc);
        }
        run(&mut command)
    }

    fn compile(&self, phase: &str, options: &[String], rustc: &[String]) -> Result<()> {
        good(&self.run(phase, options, Some(rustc))?).with_context(|| format!("{phase} in `{}`", self.folder))
    }

    /// Builds `dep`, and plans the crate `name` of `crate_type`.
    fn plan(&self, name: &str, crate_type: &str, more: &[String], lto: bool) -> Result<()> {
        let lto: Vec<String> = if lto { words("--lto") } else { Vec::new() };
        let (rmeta, rlib) = (self.option("output", "libdep-1.rmeta"), self.option("output", "libdep-1.rlib"));
        let library = self.project.library("dep");
        self.compile("metadata", &[vec![rmeta], lto.clone()].concat(), &library)?;
        self.compile("codegen", &[vec![rlib, self.option("published-metadata", "libdep-1.rmeta")], lto.clone()].concat(), &library)?;
        let outputs = vec![self.option("plan", "plan.json"), self.option("modules", "modules"), self.option("metadata", "libdep-1.rmeta")];
        let args = [self.project.linked(name, crate_type), more.to_vec()].concat();
        self.compile("no-link", &[outputs, lto].concat(), &args)
    }

    /// Links what [`Self::plan`] planned.
    fn link(&self, artifact: &str, more: &[String]) -> Result<Output> {
        self.link_plan("plan", "modules", &self.path(artifact), more)
    }

    /// Links the plan `plan` to the file `artifact`, with a sysroot that is in the folder as well.
    fn link_plan(&self, plan: &str, modules: &str, artifact: &str, more: &[String]) -> Result<Output> {
        let sysroot = self.project.dir.join(self.path("sysroot"));
        if !sysroot.exists() {
            symlink(&Toolchain::stable().sysroot, sysroot)?;
        }
        let options = [self.option("plan", &format!("{plan}.json")), self.option("modules", modules), format!("--output={artifact}")];
        let inputs = [self.option("rlib", "libdep-1.rlib"), self.option("sysroot", "sysroot")];
        self.run("link-only", &[&options[..], &inputs, more].concat(), None)
    }

    /// The bytes of all files in the folder, but for the sysroot.
    fn files(&self) -> Result<BTreeMap<String, Vec<u8>>> {
        let (mut files, mut folders) = (BTreeMap::new(), vec![String::new()]);
        while let Some(folder) = folders.pop() {
            for name in names_in(&self.project.dir.join(self.path(&folder))) {
                let path = format!("{folder}{name}");
                let full = self.project.dir.join(self.path(&path));
                if full.is_symlink() {
                    continue;
                } else if full.is_dir() {
                    folders.push(format!("{path}/"));
                } else {
                    files.insert(path, fs::read(full)?);
                }
            }
        }
        Ok(files)
    }
}

/// Builds in each folder by `build`, and compares the files that come of it.
fn the_same_everywhere(name: &str, folders: &[&str], build: impl Fn(&Build<'_>) -> Result<()>) -> Result<Project> {
    let project = Project::new(name)?;
    let mut plain = BTreeMap::new();
    for &folder in folders {
        fs::create_dir(project.dir.join(folder))?;
        let built = Build { project: &project, folder };
        build(&built)?;
        let mut files = built.files()?;
        if let Some(report) = files.get_mut("report.json") {
            // Of a report, all but how the linker was called, which names inputs as they were given.
            let mut value: serde_json::Value = serde_json::from_slice(report)?;
            value["artifacts"][0]
                .as_object_mut()
                .and_then(|artifact| artifact.remove("linker"))
                .context("there is no call of the linker")?;
            *report = serde_json::to_vec(&value)?;
        }
        if folder == FOLDERS[0] {
            ensure!(files.len() > 5, "only these were made: {:?}", files.keys());
            plain = files;
            continue;
        }
        ensure!(files.keys().eq(plain.keys()), "`{folder}` has {:?} and not {:?}", files.keys(), plain.keys());
        let different: Vec<_> = files.iter().filter(|(path, bytes)| plain[*path] != **bytes).map(|(path, _)| path).collect();
        ensure!(different.is_empty(), "in `{folder}` these are others: {different:?}");
    }
    Ok(project)
}

#[test]
fn a_program() -> Outcome {
    the_same_everywhere("program", &FOLDERS, |build| {
        build.plan("app", "bin", &words("-Cdebuginfo=1"), false)?;
        good(&build.link("artifact", &[])?)
    })?;
    Ok(())
}

/// A file for the linker's arguments, in the scratch folder, with the paths in it.
#[test]
fn a_library_for_c_with_very_many_arguments() -> Outcome {
    the_same_everywhere("many_arguments", &FOLDERS, |build| {
        build.plan("library", "cdylib", &very_many(), false)?;
        good(&build.link("artifact", &[])?)
    })?;
    Ok(())
}

/// A dylib of the library and the standard library's, and a program in another folder that finds
/// both by its run paths. rustc is told the name of the program's file.
#[test]
fn a_program_with_dylibs() -> Outcome {
    let project = the_same_everywhere("dylibs", &FOLDERS, |build| {
        symlink(Toolchain::stable().libdir(), build.project.dir.join(build.path("libdir")))?;
        let rustc = ["--rustc".to_owned(), Toolchain::stable().rustc.display().to_string()];
        let std_manifest = [build.option("output", "std.json"), build.option("libdir", "libdir")];
        good(&build.run("std-manifest", &[std_manifest, rustc].concat(), None)?).with_context(|| build.folder.to_owned())?;
        build.plan("app", "bin", &words("--emit=link=absent/its.own.name"), false)?;
        let dylib =
            [build.option("plan", "dylib.json"), build.option("modules", "dylib-modules"), build.option("metadata", "libdep-1.rmeta")];
        build.compile("no-link", &[&dylib[..], &[build.option("dylib-of", "libdep-1.rmeta")]].concat(), &build.project.library("dep"))?;

        let dynamic = [build.option("std-manifest", "std.json"), "--prefer-dynamic".to_owned()];
        let of_dylib = [build.option("report", "report.json")];
        good(&build.link_plan("dylib", "dylib-modules", &build.path("libdep-1.so"), &[&dynamic[..], &of_dylib].concat())?)?;
        let elsewhere = format!("elsewhere/{}", FOLDERS.iter().position(|folder| *folder == build.folder).unwrap_or_default());
        good(&build.link_plan("plan", "modules", &elsewhere, &[&dynamic[..], &[build.option("dylib", "libdep-1.so")]].concat())?)
    })?;
    for (number, folder) in FOLDERS.iter().enumerate() {
        let output = succeed(&mut Command::new(project.dir.join("elsewhere").join(number.to_string())))?;
        ensure!(output.stdout == b"82\n", "in `{folder}`: {output:?}");
    }
    Ok(())
}

#[test]
fn a_run_path_that_cannot_be_said() -> Outcome {
    let project = Project::planned("colon")?;
    let mut std_manifest = project.splitlink(&words("std-manifest --output out/std.json --rustc"));
    succeed(std_manifest.arg(&Toolchain::stable().rustc).arg("--libdir").arg(Toolchain::stable().libdir()))?;
    let dynamic = "--prefer-dynamic --std-manifest out/std.json --rlib out/libdep-1.rlib --output out/artifact";
    let output = project.link_only_with(&format!("--dylib-dir a:b {dynamic}"))?;
    refused(&output, &["the folder of dylibs `a:b` cannot be in a run path"])?;
    project.nothing_left(&["out/artifact"])?;
    Ok(())
}

#[test]
fn lto() -> Outcome {
    for (name, mode, crate_type) in [("thin", "thin", "cdylib"), ("cached", "thin", "bin"), ("fat", "fat", "staticlib")] {
        the_same_everywhere(&format!("lto_{name}"), &[FOLDERS[0], "-a,comma, space, quo'te and back\\slash"], |build| {
            build.plan(if crate_type == "bin" { "app" } else { "library" }, crate_type, &[], true)?;
            let cache = if name == "cached" { vec![format!("--lto-cache={}-cache", build.folder)] } else { Vec::new() };
            good(&build.link("artifact", &[words(&format!("--lto={mode}")), cache].concat())?)
        })?;
    }
    Ok(())
}

/// The folders that rustc is told, and what it finds in the working folder by a path from the root.
#[test]
fn folders_of_the_command() -> Outcome {
    let project = Project::new("of_the_command")?;
    project.build_dep()?;
    project.write("c.c", "int c_value(void) { return 82; }\n")?;
    project.write("c_app.rs", "unsafe extern \"C\" { safe fn c_value() -> i32; }\nfn main() { println!(\"{}\", c_value()); }\n")?;
    for folder in FOLDERS {
        let dir = project.dir.join(folder);
        fs::create_dir(&dir)?;
        succeed(Command::new("gcc").current_dir(&project.dir).args(["-c", "c.c", "-o"]).arg(dir.join("c.o")))?;
        succeed(Command::new("ar").arg("crsD").arg(dir.join("libc_value.a")).arg(dir.join("c.o")))?;
        let search = format!("-Lnative={folder}");
        let absolute = format!("-Clink-arg={}", dir.join("c.o").display());
        for more in [[search.as_str(), "-lstatic=c_value"], [absolute.as_str(), "-Cdebuginfo=0"]] {
            let args = words("--crate-name=c_app c_app.rs --edition=2024");
            let args = [args, vec![format!("--out-dir={folder}/out")], more.map(str::to_owned).into()].concat();
            good(&project.compile("no-link --plan out/plan.json --modules out/modules", &args)?).context(folder)?;
            good(&project.link_only_with("--output out/artifact")?).context(folder)?;
            let output = succeed(&mut Command::new(project.dir.join("out/artifact")))?;
            ensure!(output.stdout == b"82\n", "in `{folder}`: {output:?}");
        }
    }
    Ok(())
}

/// A worker keeps what outlasts a sandbox in a folder of its own, which rustc is told by a path
/// from the root.
#[test]
fn a_worker_in_a_folder_with_a_comma() -> Outcome {
    let project = Project::new("worker,with,commas")?;
    project.write_scripts()?;
    for sandbox in ["s/1", "s/2"] {
        for file in ["dep.rs", "wrap", "counted/rustc"] {
            write_program(&project.dir.join(sandbox).join(file), project.read(file)?)?;
        }
        fs::create_dir(project.dir.join(sandbox).join("out"))?;
    }
    let mut worker = Client::start(&project, &[])?;
    worker.send_in(1, &project.metadata_action("dep", &[]), "s/1")?;
    worker.answer(1)?.silent()?;
    project.write("s/2/out/libdep-1.rmeta", project.read("s/1/out/libdep-1.rmeta")?)?;
    worker.send_in(2, &project.codegen_action("dep", &[]), "s/2")?;
    worker.answer(2)?.silent()?;
    ensure!(project.has("s/1/calls") && !project.has("s/2/calls"), "rustc was run again");
    worker.close()?;
    // In the folder in which it was compiled, which is in a library's hash.
    let sandbox = Project { dir: project.dir.join("s/1") };
    for action in [project.metadata_action("dep", &[]), project.codegen_action("dep", &[])] {
        good(&sandbox.run_plain(&action)?)?;
    }
    ensure!(sandbox.read("out/libdep-1.rlib")? == project.read("s/2/out/libdep-1.rlib")?, "without a worker the library is another");
    Ok(())
}
