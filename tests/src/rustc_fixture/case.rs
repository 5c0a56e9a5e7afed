//! A linked crate of the fixtures: its two builds, and what they must have in common.

use super::comparison::{code_bytes, same, visible};
use super::graph::{Graph, build_native, closure};
use super::project::words;
use super::tools::{Failure, Toolchain, empty_folder, exit_code, names_in, run, succeed, workplace};
use super::{archive, distributed, elf, link_line, schema};
use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A linked crate and how it is built. Made by [`bin`] and its kin; the methods say what is special
/// about it.
#[derive(Debug, Clone)]
pub struct Case {
    source: &'static str,
    types: Vec<&'static str>,
    deps: Vec<&'static str>,
    graph: Vec<&'static str>,
    flags: Vec<String>,
    output: Option<&'static str>,
    driver: Option<&'static str>,
    driver_flags: Vec<&'static str>,
    prints: Vec<&'static str>,
    args: Vec<&'static str>,
    exits: i32,
    native: bool,
    needs: Vec<&'static str>,
    recorded: bool,
    shared_std: bool,
    lto: Option<&'static str>,
    reference_lto: bool,
    distributed: bool,
}

fn case(source: &'static str, types: &[&'static str]) -> Case {
    Case {
        source,
        types: types.to_vec(),
        deps: Vec::new(),
        graph: Vec::new(),
        flags: vec!["--edition=2024".to_owned()],
        output: None,
        driver: None,
        driver_flags: Vec::new(),
        prints: Vec::new(),
        args: Vec::new(),
        exits: 0,
        native: false,
        needs: Vec::new(),
        recorded: true,
        shared_std: false,
        lto: None,
        reference_lto: true,
        distributed: false,
    }
}

/// A program.
pub fn bin(source: &'static str) -> Case {
    case(source, &["bin"])
}

/// A test program (`rustc --test`).
pub fn test(source: &'static str) -> Case {
    case(source, &["test"])
}

/// A library for C, loaded at run time; `driver` is the C program that calls it.
pub fn cdylib(source: &'static str, driver: &'static str) -> Case {
    Case { driver: Some(driver), ..case(source, &["cdylib"]) }
}

/// A library for C, linked in; `driver` is the C program that calls it.
pub fn staticlib(source: &'static str, driver: &'static str) -> Case {
    Case { driver: Some(driver), ..case(source, &["staticlib"]) }
}

/// A Rust dylib; `driver` is the program that uses it: a Rust program where std is shared, else one
/// in C.
pub fn dylib(source: &'static str, driver: &'static str) -> Case {
    Case { driver: Some(driver), ..case(source, &["dylib"]) }
}

/// A proc macro; `driver` is the Rust program that uses it.
pub fn proc_macro(source: &'static str, driver: &'static str) -> Case {
    Case { driver: Some(driver), ..case(source, &["proc-macro"]) }
}

/// Several crate types at once; `driver` is the C program that calls each.
pub fn several(source: &'static str, types: &[&'static str], driver: &'static str) -> Case {
    Case { driver: Some(driver), ..case(source, types) }
}

impl Case {
    /// Depends on libraries of the graph, by id.
    pub fn deps(mut self, deps: &[&'static str]) -> Self {
        self.deps.extend(deps);
        self
    }

    /// Flags for this crate and every library below it.
    pub fn graph(mut self, flags: &[&'static str]) -> Self {
        self.graph.extend(flags);
        self
    }

    /// Flags for this crate only; `{native}` is a folder with the C libraries, and see
    /// [`Graph::filled_in`].
    pub fn flags<S: Into<String>>(mut self, flags: impl IntoIterator<Item = S>) -> Self {
        self.flags.extend(flags.into_iter().map(Into::into));
        self
    }

    /// The edition, in place of 2024.
    pub fn edition(mut self, edition: &'static str) -> Self {
        self.flags[0] = format!("--edition={edition}");
        self.flags(["--cfg".to_owned(), format!("edition=\"{edition}\"")])
    }

    /// Where the command wants the artifact, in place of `--emit=link --out-dir={out}`.
    pub fn output(mut self, output: &'static str) -> Self {
        self.output = Some(output);
        self
    }

    /// What the program (or the driver) prints has all of these in it.
    pub fn prints(mut self, texts: &[&'static str]) -> Self {
        self.prints.extend(texts);
        self
    }

    /// The program's arguments.
    pub fn args(mut self, args: &[&'static str]) -> Self {
        self.args.extend(args);
        self
    }

    /// The program's exit code; 128 and the signal's number if one ends it.
    pub fn exits(mut self, code: i32) -> Self {
        self.exits = code;
        self
    }

    /// The crate's own flags name C libraries, which are there for the link but not for no-link.
    pub fn native(mut self) -> Self {
        self.native = true;
        self
    }

    /// Flags for the C compiler that links the driver.
    pub fn driver_flags(mut self, flags: &[&'static str]) -> Self {
        self.driver_flags.extend(flags);
        self
    }

    /// The linker is one of the toolchain's own, before which no recorder can stand; only the
    /// artifacts are compared.
    pub fn unrecorded(mut self) -> Self {
        self.recorded = false;
        self
    }

    /// Flags for this crate that link it to the standard library's dylib. splitlink compiles it as
    /// for a static link all the same, so what rustc writes of formats and flags into metadata
    /// differs, and gives a run path to that dylib. All else is the same.
    pub fn shared_std(mut self, flags: &[&'static str]) -> Self {
        self.shared_std = true;
        self.flags(flags.iter().copied())
    }

    /// What must be among the artifact's [`elf::describe`] (or the archive's
    /// [`archive::describe`]), so that a comparison of two equal mistakes does not pass.
    pub fn has(mut self, facts: &[&'static str]) -> Self {
        self.needs.extend(facts);
        self
    }

    /// Both link it with LTO, `thin` or `fat`. What is inside may then differ; what others see of
    /// it not.
    pub fn lto(mut self, mode: &'static str) -> Self {
        self.lto = Some(mode);
        self.recorded = false;
        self
    }

    /// splitlink does thin LTO in actions of their own. What is made so is also compared with what one
    /// action makes.
    pub fn distributed(self) -> Self {
        Self { distributed: true, ..self.lto("thin") }
    }

    /// rustc cannot do LTO of it, and links it without.
    pub fn reference_without_lto(mut self) -> Self {
        self.reference_lto = false;
        self
    }

    /// Whether both link it to the standard library's dylib.
    pub fn needs_std_dylib(&self) -> bool {
        self.shared_std
    }

    /// Builds the crate in both ways with `toolchain` and compares the builds.
    ///
    /// # Errors
    /// If a build fails, or they differ.
    pub fn check(&self, toolchain: &Toolchain, name: &str) -> Result<(), Failure> {
        let dir = format!("{}/{name}", toolchain.name);
        empty_folder(&dir)?;
        let building = Building { case: self, graph: Graph::new(toolchain, &self.graph, self.lto.is_some()), dir };
        building.check().with_context(|| format!("{name} with {}", toolchain.name))?;
        fs::remove_dir_all(workplace().join(&building.dir))?;
        Ok(())
    }
}

impl Case {
    /// rustc refuses LTO of these without an unstable flag.
    fn reference_can_do_lto(&self) -> bool {
        self.reference_lto && !self.types.iter().any(|crate_type| matches!(*crate_type, "dylib" | "proc-macro"))
    }
}

struct Building<'a> {
    case: &'a Case,
    graph: Graph<'a>,
    /// The case's folder, relative to the working folder.
    dir: String,
}

impl Building<'_> {
    /// The rustc command, with the dependencies in the folders `way`.
    fn command(&self, way: &str) -> Vec<String> {
        let (case, dir) = (self.case, &self.dir);
        let mut args = vec!["--crate-name=app".to_owned(), format!("src/{}.rs", case.source)];
        for &crate_type in &case.types {
            args.push(if crate_type == "test" { "--test".to_owned() } else { format!("--crate-type={crate_type}") });
        }
        match case.output {
            Some(output) => args.extend(words(&output.replace("{out}", &format!("{dir}/out")))),
            None => args.extend(["--emit=link".to_owned(), format!("--out-dir={dir}/out")]),
        }
        args.extend(["-Cmetadata=app".to_owned(), "-Cextra-filename=-app".to_owned()]);
        args.extend(case.graph.iter().map(|flag| self.graph.filled_in(flag)));
        let native = format!("{dir}/native");
        args.extend(case.flags.iter().map(|flag| self.graph.filled_in(&flag.replace("{native}", &native))));
        args.extend(self.graph.dependency_args(&case.deps, way));
        if case.types == ["proc-macro"] {
            args.push("--extern=proc_macro".to_owned());
        }
        args
    }

    fn check(&self) -> Result<()> {
        let (case, dir, cwd) = (self.case, &self.dir, self.graph.cwd);
        let out = cwd.join(dir).join("out");
        fs::create_dir_all(&out)?;
        let (plan, modules) = (format!("{dir}/plan.json"), format!("{dir}/modules"));
        let metadata = self.graph.metadata_options(&case.deps)?;
        let mut no_link = self.graph.splitlink(&["no-link", "--plan", &plan, "--modules", &modules]);
        no_link.args(case.lto.map(|_| "--lto")).args(metadata).arg("--").arg(&self.graph.toolchain.rustc).args(self.command("absent"));
        // No linker is in reach, no compiled dependency and no C library.
        succeed(no_link.env("PATH", ""))?;
        ensure!(names_in(&out).is_empty(), "no-link wrote where only the original command may");

        if case.native {
            build_native(&cwd.join(dir).join("native"))?;
        }
        let rlibs = self.graph.rlib_options(&case.deps)?;
        let search = std::env::join_paths(
            std::iter::once(link_line::recorders()?).chain(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())),
        )?;
        let record = |way: &str| cwd.join(dir).join(format!("{way}.record"));
        let mut rustc = self.graph.toolchain.command(cwd);
        rustc.args(self.command("reference"));
        if let Some(mode) = case.lto
            && case.reference_can_do_lto()
        {
            // Nothing that is compared follows from how rustc optimises; most of its time would go
            // there. It is the last level that counts.
            rustc.args([format!("-Clto={mode}"), "-Copt-level=0".to_owned()]);
        }
        succeed(rustc.env("PATH", &search).env("RECORD_LINKER_TO", record("reference")))?;

        let text = fs::read_to_string(cwd.join(&plan))?;
        for path in [cwd, &self.graph.toolchain.sysroot, &std::env::temp_dir()] {
            ensure!(!text.contains(&*path.to_string_lossy()), "the plan holds a path of this machine, `{}`:\n{text}", path.display());
        }
        let plan: Value = serde_json::from_str(&text)?;
        schema::validate(&schema::schema_of("link-plan")?, &plan).context("the plan is against its schema")?;
        let links = plan["links"].as_array().context("the plan has no links")?;
        ensure!(links.len() == case.types.len(), "the plan has {} links for {:?}", links.len(), case.types);
        // splitlink's artifacts go where rustc's were made, so that run paths are the same.
        fs::rename(&out, cwd.join(dir).join("reference"))?;
        let mut link_only = self.graph.splitlink(&["link-only", "--plan", &format!("{dir}/plan.json"), "--modules", &modules]);
        if let Some(mode) = case.lto {
            link_only.args(self.graph.toolchain.lto_options(mode));
        }
        link_only.args(rlibs).arg("--sysroot").arg(&self.graph.toolchain.sysroot);
        if case.shared_std {
            let manifest = format!("{dir}/std.json");
            let mut std_manifest = self.graph.splitlink(&["std-manifest", "--output", &manifest, "--rustc"]);
            succeed(std_manifest.arg(&self.graph.toolchain.rustc).arg("--libdir").arg(self.graph.toolchain.libdir()))?;
            link_only.args(["--std-manifest", &manifest]);
        }
        let mut artifacts = Vec::new();
        for (link, &crate_type) in links.iter().zip(&case.types) {
            let said = link["crate_type"].as_str().unwrap_or_default();
            ensure!(said == if crate_type == "test" { "bin" } else { crate_type }, "the plan says {said} for {crate_type}");
            let file_name = link["file_name"].as_str().context("a link has no file name")?;
            link_only.arg("--output").arg(format!("{said}={dir}/out/{file_name}"));
            let paths = ["reference", "out"].map(|way| cwd.join(dir).join(way).join(file_name));
            artifacts.push((crate_type, paths));
        }
        if case.distributed {
            self.optimise_in_parts(&mut link_only, &artifacts)?;
        }
        succeed(link_only.env("PATH", &search).env("RECORD_LINKER_TO", record("split")))?;

        if case.recorded && case.types.iter().any(|&crate_type| crate_type != "staticlib") {
            let mut lines = Vec::new();
            for way in ["reference", "split"] {
                let line = link_line::recorded(&record(way))?;
                lines.push(if case.shared_std { link_line::without_metadata_and_std_run_path(line) } else { line });
            }
            same("the linker's arguments", &lines[0], &lines[1])?;
        }
        for (crate_type, [reference, split]) in &artifacts {
            self.compare(crate_type, reference, split).with_context(|| format!("the {crate_type}"))?;
            self.behave(crate_type, split).with_context(|| format!("splitlink's {crate_type}"))?;
            if case.distributed {
                self.compare_with_one_action(crate_type, split).with_context(|| format!("the {crate_type} of one action"))?;
            }
        }
        for way in ["reference", "out"] {
            let mut made = names_in(&cwd.join(dir).join(way));
            made.retain(|name| !name.ends_with(".so.manifest.json"));
            ensure!(made.len() == artifacts.len(), "these files were made in `{way}`: {made:?}");
        }
        Ok(())
    }

    /// Runs the actions of distributed thin LTO, and gives what they make to `link_only`; links the
    /// same in one action first, in the folder `one`.
    fn optimise_in_parts(&self, link_only: &mut Command, artifacts: &[(&str, [PathBuf; 2])]) -> Result<()> {
        let (dir, cwd) = (&self.dir, self.graph.cwd);
        fs::create_dir_all(cwd.join(dir).join(ONE_ACTION))?;
        let mut one = Command::new(link_only.get_program());
        let to = |arg: &std::ffi::OsStr| arg.to_string_lossy().replace(&format!("={dir}/out/"), &format!("={dir}/{ONE_ACTION}/"));
        succeed(one.current_dir(cwd).args(link_only.get_args().map(to)))?;
        let given: Vec<_> = link_only.get_args().skip(1).map(ToOwned::to_owned).collect();
        let types: Vec<&str> = artifacts.iter().map(|(crate_type, _)| if *crate_type == "test" { "bin" } else { *crate_type }).collect();
        link_only.args(distributed::optimise(self.graph.toolchain, cwd, &given, &types, &format!("{dir}/parts"))?);
        Ok(())
    }

    /// Compares `split` with what one action made: exports, and the size of the code.
    fn compare_with_one_action(&self, crate_type: &str, split: &Path) -> Result<()> {
        let one = self.graph.cwd.join(&self.dir).join(ONE_ACTION).join(split.file_name().context("a file")?);
        let describe = if crate_type == "staticlib" { archive::describe } else { elf::describe };
        // In one action what is far away is told less exactly, and a linker then says of an artifact
        // that it has thread-local data for the start of a program only.
        let described = |path: &Path| -> Result<Vec<String>> {
            let mut facts = visible(&describe(path)?);
            facts.retain(|fact| !fact.starts_with("flags "));
            Ok(facts)
        };
        same("what others see of the artifacts", &described(&one)?, &described(split)?)?;
        let [before, after] = [code_bytes(&one)?, code_bytes(split)?];
        // A hundredth, and what aligning a few functions differently takes.
        ensure!(before.abs_diff(after) <= before / 100 + 64, "it has {before} bytes of code, and in parts {after}");
        Ok(())
    }

    fn compare(&self, crate_type: &str, reference: &Path, split: &Path) -> Result<()> {
        let describe = if crate_type == "staticlib" { archive::describe } else { elf::describe };
        let (expected, mut facts) = (describe(reference)?, describe(split)?);
        if self.case.shared_std && !expected.iter().any(|fact| fact.starts_with("runpath ")) {
            facts.retain(|fact| !fact.starts_with("runpath "));
        }
        if self.case.lto.is_some() {
            same("what others see of the artifacts", &visible(&expected), &visible(&facts))?;
        } else {
            same("the artifacts", &expected, &facts)?;
        }
        for needed in &self.case.needs {
            ensure!(facts.iter().any(|fact| fact.starts_with(needed)), "both lack `{needed}`: {facts:#?}");
        }
        ensure!(
            self.case.lto.is_some() || self.case.shared_std || fs::read(reference)? == fs::read(split)?,
            "the artifacts differ, though not in what is described"
        );
        Ok(())
    }

    /// Runs the artifact, or a program that uses it.
    fn behave(&self, crate_type: &str, artifact: &Path) -> Result<()> {
        let program = match crate_type {
            "bin" | "test" => artifact.to_owned(),
            "cdylib" | "staticlib" | "dylib" if self.has_c_driver() => self.c_driver(artifact)?,
            "dylib" | "proc-macro" => self.rust_driver(crate_type, artifact)?,
            other => bail!("the fixtures do not know how to use a {other}"),
        };
        let library_path = [artifact.parent().unwrap_or(artifact), &self.graph.cwd.join(&self.dir).join("native")]
            .map(Path::to_owned)
            .into_iter()
            .chain([self.graph.toolchain.libdir()]);
        let mut command = Command::new(program);
        command.args(&self.case.args).env("LD_LIBRARY_PATH", std::env::join_paths(library_path)?);
        command.env("LLVM_PROFILE_FILE", self.graph.cwd.join(&self.dir).join("profile"));
        let output = run(&mut command)?;
        let stdout = String::from_utf8_lossy(&output.stdout);
        let stderr = String::from_utf8_lossy(&output.stderr);
        ensure!(
            exit_code(&output) == self.case.exits,
            "it ended with {}, expected {}\n{stdout}\n{stderr}",
            exit_code(&output),
            self.case.exits
        );
        for text in &self.case.prints {
            ensure!(stdout.contains(text), "it does not print `{text}`:\n{stdout}\n{stderr}");
        }
        Ok(())
    }

    fn driver(&self, artifact: &Path) -> Result<(&'static str, PathBuf)> {
        let source = self.case.driver.context("the case names no driver")?;
        let extension = artifact.extension().unwrap_or_default().to_string_lossy();
        Ok((source, self.graph.cwd.join(&self.dir).join(format!("driver-{extension}"))))
    }

    /// Whether the driver is a C program: also dylibs with a standard library of their own are for
    /// C.
    fn has_c_driver(&self) -> bool {
        self.case.driver.is_some_and(|driver| workplace().join(format!("c/{driver}.c")).exists())
    }

    fn c_driver(&self, library: &Path) -> Result<PathBuf> {
        let (source, program) = self.driver(library)?;
        let native = self.graph.cwd.join(&self.dir).join("native");
        let mut gcc = Command::new("gcc");
        gcc.arg(workplace().join("c").join(format!("{source}.c"))).arg(library).arg("-o").arg(&program);
        gcc.arg(format!("-Wl,-rpath-link,{}", self.graph.toolchain.libdir().display())).arg("-L").arg(native).args(&self.case.driver_flags);
        if library.extension().is_some_and(|extension| extension == "a") {
            gcc.args(["-lgcc_s", "-lutil", "-lrt", "-lpthread", "-lm", "-ldl", "-lc"]);
        }
        succeed(&mut gcc)?;
        Ok(program)
    }

    fn rust_driver(&self, crate_type: &str, library: &Path) -> Result<PathBuf> {
        let (source, program) = self.driver(library)?;
        let mut rustc = self.graph.toolchain.command(self.graph.cwd);
        rustc.args([&format!("src/{source}.rs"), "--edition=2024", "-o"]).arg(&program);
        // The same file under the name of the crate that the driver asks for.
        let name = if crate_type == "dylib" { "library" } else { "describe_macro" };
        rustc.arg("--extern").arg(format!("{name}={}", library.display()));
        if crate_type == "dylib" {
            rustc.arg("-Cprefer-dynamic");
            for library in closure(&self.case.deps) {
                ensure!(!library.host, "a driver of a dylib needs no host crates");
            }
            // Compiled for LTO, splitlink's crates are others than the reference's.
            let is_reference = library.components().any(|part| part.as_os_str() == "reference");
            let way = if self.case.lto.is_some() && !is_reference { "split" } else { "reference" };
            rustc.arg(format!("-Ldependency={}/{way}", self.graph.folder(false)));
        }
        succeed(&mut rustc)?;
        Ok(program)
    }
}

/// The folder for what one action makes where others make the same in parts.
const ONE_ACTION: &str = "one";
