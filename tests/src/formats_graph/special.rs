//! Single graphs with sources and flags of their own, for what the generated ones do not have: the
//! standard library's forms, allocators, panic strategies, macros, native libraries.

use super::case::Form;
use super::lab::{Lab, recording};
use super::outcome::{Kind, Line, Outcome, Refusal, Taken, difference, refusal_by_rustc, refusal_by_splitlink};
use super::sweep::compare_told;
use crate::rustc_fixture::graph::build_native;
use crate::rustc_fixture::tools::{Failure, Toolchain, run, succeed};
use anyhow::{Context, Result, anyhow, bail, ensure};
use std::process::Command;

/// A library of such a graph.
#[derive(Debug, Clone)]
struct Unit {
    name: &'static str,
    source: &'static str,
    /// Its direct dependencies, which stand before it.
    deps: Vec<&'static str>,
    form: Form,
    flags: Vec<&'static str>,
}

/// A graph, its linked crate and what is expected of it. Made by [`bin`] and its kin.
#[derive(Debug, Clone)]
pub struct Special {
    units: Vec<Unit>,
    top: Unit,
    crate_type: &'static str,
    inner_dynamic: bool,
    top_dynamic: bool,
    refused: Option<(&'static str, Kind)>,
    refused_here: Option<(&'static str, Kind)>,
    takes: Vec<(&'static str, Taken)>,
    lacks: Vec<&'static str>,
    prints: Option<&'static str>,
    by_rustc: bool,
    withdrawn: Vec<(&'static str, &'static str)>,
    also_planned: Vec<&'static str>,
}

/// A linked crate of any type.
pub fn linked(crate_type: &'static str, source: &'static str) -> Special {
    let top = Unit { name: "top", source, deps: Vec::new(), form: Form::Rlib, flags: Vec::new() };
    Special {
        units: Vec::new(),
        top,
        crate_type,
        inner_dynamic: false,
        top_dynamic: false,
        refused: None,
        refused_here: None,
        takes: Vec::new(),
        lacks: Vec::new(),
        prints: None,
        by_rustc: false,
        withdrawn: Vec::new(),
        also_planned: Vec::new(),
    }
}

/// A program.
pub fn bin(source: &'static str) -> Special {
    linked("bin", source)
}

impl Special {
    /// A library in the given form on which the linked crate depends directly, and which depends on
    /// `deps`, given before.
    pub fn unit(mut self, form: Form, name: &'static str, source: &'static str, deps: &[&'static str]) -> Self {
        self.units.push(Unit { name, source, deps: deps.to_vec(), form, flags: Vec::new() });
        self.top.deps.push(name);
        self
    }

    /// Flags for the library given last.
    pub fn unit_flags(mut self, flags: &[&'static str]) -> Self {
        self.units.last_mut().expect("a library comes first").flags.extend(flags);
        self
    }

    /// Flags for the linked crate.
    pub fn flags(mut self, flags: &[&'static str]) -> Self {
        self.top.flags.extend(flags);
        self
    }

    /// Flags for every crate, those given before this.
    pub fn all(mut self, flags: &[&'static str]) -> Self {
        for unit in self.units.iter_mut().chain([&mut self.top]) {
            unit.flags.extend(flags);
        }
        self
    }

    /// `-Cprefer-dynamic` for every crate.
    pub fn dynamic(self) -> Self {
        Self { inner_dynamic: true, top_dynamic: true, ..self }
    }

    /// `-Cprefer-dynamic` for the libraries.
    pub fn dynamic_below(self) -> Self {
        Self { inner_dynamic: true, ..self }
    }

    /// Both sides refuse the crate `at`.
    pub fn refused(self, at: &'static str, kind: Kind) -> Self {
        Self { refused: Some((at, kind)), ..self }
    }

    /// rustc links the crate `at`, and splitlink refuses it.
    pub fn refused_here(self, at: &'static str, kind: Kind) -> Self {
        Self { refused_here: Some((at, kind)), ..self }
    }

    /// The linked crate takes the crate `name` in that form.
    pub fn takes(mut self, name: &'static str, taken: Taken) -> Self {
        self.takes.push((name, taken));
        self
    }

    /// The linked crate takes nothing called `name`.
    pub fn lacks(mut self, name: &'static str) -> Self {
        self.lacks.push(name);
        self
    }

    /// The program, on both sides, prints this.
    pub fn prints(self, text: &'static str) -> Self {
        Self { prints: Some(text), ..self }
    }

    /// rustc itself links the program against splitlink's libraries, too, and it prints the same.
    pub fn by_rustc(self) -> Self {
        Self { by_rustc: true, ..self }
    }

    /// The library given last is offered to those below the linked crate as it is, and to that
    /// without its `extension` (`rlib`, `so`).
    pub fn withdrawn(mut self, extension: &'static str) -> Self {
        self.withdrawn.push((self.units.last().expect("a library comes first").name, extension));
        self
    }

    /// splitlink's plan is of these crate types, too: one compile for all.
    pub fn planned_with(mut self, crate_types: &[&'static str]) -> Self {
        self.also_planned.extend(crate_types.iter().filter(|crate_type| **crate_type != self.crate_type));
        self
    }

    /// Builds both ways and compares.
    ///
    /// # Errors
    /// If the sides differ, or are not what is expected.
    pub fn check(&self, toolchain: &'static Toolchain, name: &str) -> Result<(), Failure> {
        let lab = Lab::new(toolchain, &format!("{}-{name}", toolchain.name), true)?;
        if self.units.iter().any(|unit| unit.flags.iter().any(|flag| flag.contains("{native}"))) {
            build_native(&lab.dir.join("native"))?;
        }
        Building { special: self, lab: &lab }.check().with_context(|| format!("{name} with {}", toolchain.name))?;
        std::fs::remove_dir_all(&lab.dir)?;
        Ok(())
    }
}

struct Building<'a> {
    special: &'a Special,
    lab: &'a Lab,
}

impl Building<'_> {
    fn check(&self) -> Result<()> {
        for unit in self.special.units.iter().chain([&self.special.top]) {
            self.lab.write(&format!("{}.rs", unit.name), unit.source)?;
        }
        for dir in ["reference", "split"] {
            self.lab.make_dir(dir)?;
        }
        let (mut rustcs, mut ours) = (Outcome::default(), Outcome::default());
        self.go(&mut rustcs, |unit| self.reference(unit))?;
        self.go(&mut ours, |unit| self.split(unit))?;
        let shown = format!("rustc:\n{rustcs}splitlink:\n{ours}");
        if let Some((at, kind)) = self.special.refused_here {
            let refused = ours.refusal.as_ref().is_some_and(|refusal| refusal.at == at && refusal.reasons.contains_key(&kind));
            let linked = rustcs.lines.contains_key(at);
            ensure!(refused && linked, "{at} should be linked by rustc, and here refused: {kind:?}\n{shown}");
            return Ok(());
        }
        if let Some(what) = difference(&rustcs, &ours) {
            bail!("{what}\n{shown}");
        }
        match (&ours.refusal, self.special.refused) {
            (None, None) => {}
            (Some(refusal), Some((at, kind))) if refusal.at == at && refusal.reasons.contains_key(&kind) => return Ok(()),
            (_, expected) => bail!("expected to be refused: {expected:?}\n{shown}"),
        }
        let line = rustcs.lines.get("top").context("the linked crate has no line")?;
        let taken = |name: &str| line.iter().find(|(id, _)| id.split('-').next() == Some(name)).map(|(_, taken)| *taken);
        for &(name, how) in &self.special.takes {
            ensure!(taken(name) == Some(how), "{name} should be taken as {how:?}\n{shown}");
        }
        for name in &self.special.lacks {
            ensure!(taken(name).is_none(), "{name} should not be taken\n{shown}");
        }
        self.compare_artifacts()
    }

    /// Builds every crate until one is refused.
    fn go(&self, outcome: &mut Outcome, build: impl Fn(&Unit) -> Result<Result<Option<Line>, Refusal>>) -> Result<()> {
        for unit in self.special.units.iter().chain([&self.special.top]) {
            match build(unit).with_context(|| format!("cannot build {}", unit.name))? {
                Ok(line) => outcome.lines.extend(line.map(|line| (unit.name.to_owned(), line))),
                Err(refusal) => {
                    outcome.refusal = Some(refusal);
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    fn is_top(&self, unit: &Unit) -> bool {
        std::ptr::eq(unit, &raw const self.special.top)
    }

    fn prefers_dynamic(&self, unit: &Unit) -> bool {
        if self.is_top(unit) { self.special.top_dynamic } else { self.special.inner_dynamic }
    }

    /// The file of the linked crate.
    fn artifact(&self) -> &'static str {
        match self.special.crate_type {
            "bin" => "top",
            "staticlib" => "libtop.a",
            _ => "libtop.so",
        }
    }

    fn arguments(&self, unit: &Unit) -> Vec<String> {
        let mut args: Vec<String> = ["--edition=2024", "-Awarnings", "--color=never", "--crate-name"].map(str::to_owned).into();
        args.extend([unit.name.to_owned(), format!("{}.rs", unit.name)]);
        args.extend(unit.flags.iter().map(|flag| flag.replace("{native}", "native")));
        if !self.is_top(unit) {
            args.extend(["-Cmetadata=1", "-Cextra-filename=-1"].map(str::to_owned));
        } else if self.special.crate_type == "proc-macro" {
            args.push("--extern=proc_macro".to_owned());
        }
        args
    }

    fn unit(&self, name: &str) -> &Unit {
        self.special.units.iter().find(|unit| unit.name == name).unwrap_or_else(|| panic!("no library `{name}` is given"))
    }

    /// The extensions of the files in which `to` is offered the library `name`.
    fn offered(&self, name: &str, to: &Unit) -> Vec<&'static str> {
        let form = self.unit(name).form;
        let forms = [(form.rlib(), "rlib"), (form.dylib(), "so")];
        let is_there = |extension: &str| !(self.is_top(to) && self.special.withdrawn.contains(&(self.unit(name).name, extension)));
        forms.into_iter().filter(|(is_built, extension)| *is_built && is_there(extension)).map(|(_, extension)| extension).collect()
    }

    fn reference(&self, unit: &Unit) -> Result<Result<Option<Line>, Refusal>> {
        let record = format!("reference/{}.record", unit.name);
        for (name, extension) in self.special.withdrawn.iter().filter(|_| self.is_top(unit)) {
            // rustc would find it beside the other form.
            let file = self.lab.dir.join(format!("reference/lib{name}-1.{extension}"));
            std::fs::rename(&file, file.with_extension("withdrawn"))?;
        }
        let mut rustc = self.rustc(unit, "reference");
        let output = run(recording(rustc.arg("--out-dir=reference"), self.lab, &record))?;
        if !output.status.success() {
            return refusal_by_rustc(unit.name, &String::from_utf8_lossy(&output.stderr)).map(Err);
        }
        self.line(unit, "reference", &record).map(Ok)
    }

    /// rustc with `unit`, and the libraries in the folder `side`.
    fn rustc(&self, unit: &Unit, side: &str) -> Command {
        let mut rustc = self.lab.rustc();
        rustc.args(self.arguments(unit)).arg(format!("-Ldependency={side}"));
        for dep in &unit.deps {
            for extension in self.offered(dep, unit) {
                rustc.arg(format!("--extern={dep}={side}/lib{dep}-1.{extension}"));
            }
        }
        let own = [self.special.crate_type];
        let crate_types = if self.is_top(unit) { &own } else { unit.form.crate_types() };
        rustc.args(crate_types.iter().map(|crate_type| format!("--crate-type={crate_type}")));
        rustc.args(self.prefers_dynamic(unit).then_some("-Cprefer-dynamic"));
        rustc
    }

    /// The line of what was linked, if something was.
    fn line(&self, unit: &Unit, side: &str, record: &str) -> Result<Option<Line>> {
        let mut line = match (self.is_top(unit), self.special.crate_type, unit.form.dylib()) {
            (true, "staticlib", _) => self.lab.archived(&format!("{side}/libtop.a"))?,
            (true, ..) | (_, _, true) => self.lab.recorded(record)?,
            _ => return Ok(None),
        };
        // A library's own objects come from its rlib on splitlink's side.
        line.retain(|(id, _)| *id != format!("{}-1", unit.name));
        Ok(Some(line))
    }

    fn metadata_options(&self, names: &[&str]) -> Vec<String> {
        self.below(names).iter().map(|name| format!("--metadata=split/lib{name}-1.rmeta")).collect()
    }

    /// The libraries `names` and all below.
    fn below(&self, names: &[&str]) -> Vec<&'static str> {
        let mut found = Vec::new();
        for name in names {
            let unit = self.unit(name);
            for below in self.below(&unit.deps).into_iter().chain([unit.name]) {
                if !found.contains(&below) {
                    found.push(below);
                }
            }
        }
        found
    }

    fn split(&self, unit: &Unit) -> Result<Result<Option<Line>, Refusal>> {
        let name = unit.name;
        let mut command = vec![self.lab.toolchain.rustc.to_string_lossy().into_owned()];
        command.extend(self.arguments(unit));
        command.extend(["--emit=link", "--out-dir=absent", "-Ldependency=absent"].map(str::to_owned));
        command.extend(unit.deps.iter().map(|dep| format!("--extern={dep}=absent/lib{dep}-1.rlib")));
        command.push(format!("--crate-type={}", if self.is_top(unit) { self.special.crate_type } else { "rlib" }));
        if self.is_top(unit) {
            command.extend(self.special.also_planned.iter().map(|crate_type| format!("--crate-type={crate_type}")));
        }
        let (plan, modules) = (format!("--plan=split/{name}.json"), format!("--modules=split/{name}.modules"));
        let (rmeta, rlib) = (format!("split/lib{name}-1.rmeta"), format!("split/lib{name}-1.rlib"));
        let below = self.metadata_options(&unit.deps);
        let mut phases = Vec::new();
        let mut phase = |options: &[&str], metadata: &[String]| {
            let mut phase = self.lab.splitlink(options);
            phase.args(metadata).arg("--").args(&command);
            phases.push(phase);
        };
        if self.is_top(unit) {
            phase(&["no-link", &plan, &modules], &below);
        } else {
            phase(&["metadata", "--output", &rmeta], &below);
            phase(&["codegen", "--output", &rlib, "--published-metadata", &rmeta], &below);
            if unit.form.dylib() {
                let with_own = [below.clone(), vec![format!("--metadata={rmeta}")]].concat();
                phase(&["no-link", "--dylib-of", &rmeta, &plan, &modules], &with_own);
            }
        }
        let record = format!("split/{name}.record");
        if self.is_top(unit) || unit.form.dylib() {
            let mut link = self.link_only(unit);
            link.args([&plan, &modules]);
            recording(&mut link, self.lab, &record);
            phases.push(link);
        }
        for mut phase in phases {
            let output = run(&mut phase)?;
            if !output.status.success() {
                return refusal_by_splitlink(name, &String::from_utf8_lossy(&output.stderr)).map(Err);
            }
        }
        self.line(unit, "split", &record).map(Ok)
    }

    fn link_only(&self, unit: &Unit) -> Command {
        let mut link = self.lab.splitlink(&["link-only", "--std-manifest=std.json"]);
        link.arg("--sysroot").arg(&self.lab.toolchain.sysroot);
        for name in self.below(&unit.deps) {
            for extension in self.offered(name, unit) {
                let option = if extension == "rlib" { "--rlib" } else { "--dylib" };
                link.arg(format!("{option}=split/lib{name}-1.{extension}"));
            }
        }
        link.args(self.prefers_dynamic(unit).then_some("--prefer-dynamic"));
        if self.is_top(unit) {
            let crate_type = if self.special.also_planned.is_empty() { "" } else { &format!("{}=", self.special.crate_type) };
            link.arg(format!("--output={crate_type}split/{}", self.artifact()));
        } else {
            link.args([format!("--rlib=split/lib{}-1.rlib", unit.name), format!("--output=split/lib{}-1.so", unit.name)]);
        }
        link
    }

    fn compare_artifacts(&self) -> Result<()> {
        let dir = |side: &str| self.lab.dir.join(side);
        let [rustcs, ours] = ["reference", "split"].map(|side| dir(side).join(self.artifact()));
        let top = (self.special.crate_type != "staticlib").then(|| self.artifact().to_owned());
        let is_there = |unit: &&Unit| self.offered(unit.name, &self.special.top).contains(&"so");
        let dylibs = self.special.units.iter().filter(is_there).map(|unit| format!("lib{}-1.so", unit.name));
        for file in top.into_iter().chain(dylibs) {
            let told = compare_told(&dir("reference").join(&file), &dir("split").join(&file))?;
            told.difference.map_or(Ok(()), |difference| Err(anyhow!(difference)))?;
        }
        let Some(wanted) = self.special.prints else { return Ok(()) };
        let native = self.lab.dir.join("native");
        let with = |dir: &str| std::env::join_paths([self.lab.dir.join(dir), self.lab.libdir(), native.clone()]);
        let rustcs = run(Command::new(rustcs).env("LD_LIBRARY_PATH", with("reference")?))?;
        let ours = run(Command::new(ours).env("LD_LIBRARY_PATH", &native))?;
        if self.special.by_rustc {
            self.lab.make_dir("mixed")?;
            succeed(self.rustc(&self.special.top, "split").arg("--out-dir=mixed"))?;
            let mixed = run(Command::new(dir("mixed").join("top")).env("LD_LIBRARY_PATH", with("split")?))?;
            let printed = String::from_utf8_lossy(&mixed.stdout);
            ensure!(printed.trim_end() == wanted, "rustc's program over splitlink's libraries prints `{printed}`");
        }
        for (side, output) in [("rustc", &rustcs), ("splitlink", &ours)] {
            let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
            ensure!(stdout.trim_end() == wanted, "{side}'s program ({}) prints `{stdout}` and not `{wanted}`: {stderr}", output.status);
        }
        ensure!(rustcs.status == ours.status, "rustc's program ends with {}, splitlink's with {}", rustcs.status, ours.status);
        Ok(())
    }
}
