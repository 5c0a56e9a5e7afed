//! BUCK files for programs and all that they are built from, written from Cargo's own plan of the
//! build.
//!
//! Cargo's unit graph says what `cargo build` compiles: which targets of which packages, with which
//! features, against what. One unit becomes one target, so that Buck2 compiles the same. (Reindeer
//! does this for projects that keep their BUCK files; crates.io has no release of it.)

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::{NO_GIT_DIR, Program, cargo_build::cargo, command::run_quietly, sources};

/// Lays `<root>/<package>` out for each program: its sources, those of its dependencies in
/// `vendor`, and a BUCK file for all of them. `scratch` is a folder for what is made on the way.
pub fn generate(scratch: &Path, root: &Path, programs: &[Program]) -> Result<()> {
    sources::download(scratch, root, programs)?;
    for program in programs {
        let folder = root.join(program.package);
        run_quietly(cargo("vendor", root, program).args(["--versioned-dirs", "vendor"]))
            .with_context(|| format!("cannot vendor the dependencies of {}", program.package))?;
        // A stable Cargo tells its graph only in this way; nothing is built.
        let unit_graph = cargo("build", root, program)
            .args(["--bin", program.bin, "--unit-graph", "-Zunstable-options"])
            .env("RUSTC_BOOTSTRAP", "1")
            .to_json()?;
        let metadata = cargo("metadata", root, program).arg("--format-version=1").to_json()?;
        let text = Graph::new(&unit_graph, &metadata, program)?.render()?;
        fs::write(folder.join("BUCK"), text)?;
    }
    Ok(())
}

trait ToJson {
    fn to_json(&mut self) -> Result<Value>;
}

impl ToJson for std::process::Command {
    fn to_json(&mut self) -> Result<Value> {
        Ok(serde_json::from_str(&run_quietly(self)?)?)
    }
}

/// What makes two units the same target: all but the profile, which is Buck2's configuration.
type Key = (String, String, String, Vec<String>, Vec<(String, usize)>);

struct Graph<'a> {
    units: &'a [Value],
    /// By id.
    packages: HashMap<&'a str, &'a Value>,
    root: &'a str,
    program: &'a Program,
    /// For each unit, which target it is.
    targets: Vec<usize>,
    /// For each target, a unit that is it, and its name.
    names: Vec<(usize, String)>,
}

impl<'a> Graph<'a> {
    fn new(unit_graph: &'a Value, metadata: &'a Value, program: &'a Program) -> Result<Self> {
        let units = unit_graph["units"].as_array().context("Cargo's unit graph has no units")?;
        let packages = metadata["packages"].as_array().context("`cargo metadata` lists no packages")?;
        let packages = packages.iter().map(|package| (text(&package["id"]), package)).collect();
        let root = metadata["resolve"]["root"].as_str().context("no root package")?;
        let mut graph = Self { units, packages, root, program, targets: vec![usize::MAX; units.len()], names: Vec::new() };
        let mut known = HashMap::new();
        for unit in 0..units.len() {
            graph.find_target(unit, &mut known)?;
        }
        Ok(graph)
    }

    fn find_target(&mut self, unit: usize, known: &mut HashMap<Key, usize>) -> Result<usize> {
        if self.targets[unit] != usize::MAX {
            return Ok(self.targets[unit]);
        }
        let value = &self.units[unit];
        let mut below = Vec::new();
        for (name, dependency) in dependencies(value)? {
            below.push((name.to_owned(), self.find_target(dependency, known)?));
        }
        below.sort();
        let features = strings(&value["features"]);
        let id = text(&value["pkg_id"]);
        let key: Key = (id.to_owned(), text(&value["mode"]).to_owned(), text(&value["target"]["name"]).to_owned(), features, below);
        if let Some(&target) = known.get(&key) {
            self.targets[unit] = target;
            return Ok(target);
        }
        let package = self.package(value)?;
        let suffix = match (text(&value["mode"]), text(&value["target"]["kind"][0])) {
            ("run-custom-build", _) => "-build-script-run",
            (_, "custom-build") => "-build-script-build",
            _ => "",
        };
        let base = format!("{}-{}", text(&package["name"]), text(&package["version"]));
        // A package may take part with several sets of features, for the program and for build
        // scripts.
        let name = (1..)
            .map(|n| if n == 1 { format!("{base}{suffix}") } else { format!("{base}-variant-{n}{suffix}") })
            .find(|name| self.names.iter().all(|(_, other)| other != name))
            .context("names are used up")?;
        let name = if id == self.root && suffix.is_empty() { self.program.bin.to_owned() } else { name };
        let target = self.names.len();
        self.names.push((unit, name));
        known.insert(key, target);
        self.targets[unit] = target;
        Ok(target)
    }

    fn package(&self, unit: &Value) -> Result<&'a Value> {
        let id = text(&unit["pkg_id"]);
        self.packages.get(id).copied().with_context(|| format!("`cargo metadata` lists no {id}"))
    }

    fn render(&self) -> Result<String> {
        let mut file = String::from(
            "load(\"@root//:cargo_rules.bzl\", \"build_script\", \"build_script_run\", \"library\", \"proc_macro\", \"program\")\n\n\
             filegroup(\n    name = \"manifest-dir\",\n    srcs = glob([\"**\"], exclude = [\"vendor/**\"]),\n)\n",
        );
        for (unit, name) in &self.names {
            let unit = &self.units[*unit];
            let target = if unit["mode"] == "run-custom-build" { self.render_run(unit, name) } else { self.render_crate(unit, name) };
            file += &target.with_context(|| format!("cannot write the target {name}"))?;
        }
        Ok(file)
    }

    /// A crate: a library, a procedural macro, a build script or the program.
    fn render_crate(&self, unit: &Value, name: &str) -> Result<String> {
        let package = self.package(unit)?;
        let target = &unit["target"];
        let folder = self.folder(unit)?;
        let (rule, crate_name) = match text(&target["kind"][0]) {
            "proc-macro" => ("proc_macro", text(&target["name"]).replace('-', "_")),
            "custom-build" => ("build_script", "build_script_build".to_owned()),
            "bin" => ("program", text(&target["name"]).replace('-', "_")),
            _ => ("library", text(&target["name"]).replace('-', "_")),
        };
        let mut env = self.package_env(package);
        let prefix = if folder.is_empty() { "." } else { &folder };
        env.insert("CARGO_MANIFEST_DIR".to_owned(), prefix.to_owned());
        env.insert("CARGO_CRATE_NAME".to_owned(), crate_name.clone());
        if rule == "program" {
            env.insert("CARGO_BIN_NAME".to_owned(), self.program.bin.to_owned());
        }
        let (mut deps, mut named_deps, mut flags) = (Vec::new(), BTreeMap::new(), Vec::new());
        for (extern_name, dependency) in dependencies(unit)? {
            let label = format!(":{}", self.names[self.targets[dependency]].1);
            let other = &self.units[dependency];
            if other["mode"] == "run-custom-build" {
                flags.push(format!("@$(location {label}[rustc_flags])"));
                env.insert("OUT_DIR".to_owned(), format!("$(location {label}[out_dir])"));
            } else if text(&other["target"]["name"]).replace('-', "_") == extern_name {
                deps.push(label);
            } else {
                named_deps.insert(extern_name.to_owned(), label);
            }
        }
        let root = relative_source(package, target)?;
        let root = if folder.is_empty() { root } else { format!("{folder}/{root}") };
        let srcs = if folder.is_empty() {
            "glob([\"**\"], exclude = [\"BUCK\", \"vendor/**\"])".to_owned()
        } else {
            format!("glob([\"{folder}/**\"])")
        };
        let mut text = format!("\n{rule}(\n    name = {name:?},\n    srcs = {srcs},\n");
        for (key, value) in [
            ("crate", Value::from(crate_name)),
            ("crate_root", Value::from(root)),
            ("deps", Value::from(deps)),
            ("edition", target["edition"].clone()),
            ("env", serde_json::json!(env)),
            ("features", unit["features"].clone()),
            ("named_deps", serde_json::json!(named_deps)),
            ("rustc_flags", Value::from(flags)),
        ] {
            writeln!(text, "    {key} = {value},")?;
        }
        Ok(text + ")\n")
    }

    /// The run of a build script.
    fn render_run(&self, unit: &Value, name: &str) -> Result<String> {
        let package = self.package(unit)?;
        let mut script = None;
        for (_, dependency) in dependencies(unit)? {
            if self.units[dependency]["mode"] == "run-custom-build" {
                bail!("its build script asks another one for DEP_ variables, which the prelude's rule does not hand on");
            }
            script = Some(&self.names[self.targets[dependency]].1);
        }
        let mut env = self.package_env(package);
        env.insert("GIT_DIR".to_owned(), NO_GIT_DIR.to_owned());
        let folder = self.folder(unit)?;
        let (attribute, value) =
            if folder.is_empty() { ("manifest_dir", ":manifest-dir".to_owned()) } else { ("local_manifest_dir", folder) };
        Ok(format!(
            "\nbuild_script_run(\n    name = {name:?},\n    {attribute} = {value:?},\n    buildscript_rule = \":{script}\",\n    env = {env},\n    \
             features = {features},\n    package_name = {package_name},\n    version = {version},\n)\n",
            script = script.context("no build script")?,
            env = serde_json::json!(env),
            features = unit["features"],
            package_name = package["name"],
            version = package["version"],
        ))
    }

    /// The package's folder from that of the BUCK file; empty for the program's own.
    fn folder(&self, unit: &Value) -> Result<String> {
        let package = self.package(unit)?;
        let own = text(&unit["pkg_id"]) == self.root;
        Ok(if own { String::new() } else { format!("vendor/{}-{}", text(&package["name"]), text(&package["version"])) })
    }

    /// What Cargo tells a crate of its package.
    fn package_env(&self, package: &Value) -> BTreeMap<String, String> {
        let version = text(&package["version"]);
        let (numbers, pre) = version.split_once('+').map_or(version, |(version, _)| version).split_once('-').unwrap_or((version, ""));
        let mut parts = numbers.split('.');
        let mut part = || parts.next().unwrap_or_default().to_owned();
        [
            ("AUTHORS", strings(&package["authors"]).join(":")),
            ("DESCRIPTION", text(&package["description"]).to_owned()),
            ("HOMEPAGE", text(&package["homepage"]).to_owned()),
            ("NAME", text(&package["name"]).to_owned()),
            ("REPOSITORY", text(&package["repository"]).to_owned()),
            ("VERSION", version.to_owned()),
            ("VERSION_MAJOR", part()),
            ("VERSION_MINOR", part()),
            ("VERSION_PATCH", part()),
            ("VERSION_PRE", pre.to_owned()),
        ]
        .map(|(key, value)| (format!("CARGO_PKG_{key}"), value))
        .into()
    }
}

/// A unit's dependencies: the name by which it knows each, and which unit that is.
fn dependencies(unit: &Value) -> Result<Vec<(&str, usize)>> {
    let listed = unit["dependencies"].as_array().context("a unit without a list of dependencies")?;
    listed
        .iter()
        .map(|dependency| {
            let index = dependency["index"].as_u64().context("a dependency without an index")?;
            Ok((text(&dependency["extern_crate_name"]), usize::try_from(index)?))
        })
        .collect()
}

/// The target's root source file from the package's folder.
fn relative_source(package: &Value, target: &Value) -> Result<String> {
    let manifest = Path::new(text(&package["manifest_path"]));
    let folder = manifest.parent().context("a manifest without a folder")?;
    let source = Path::new(text(&target["src_path"]));
    let source = source.strip_prefix(folder).with_context(|| format!("{} is outside its package", source.display()))?;
    Ok(source.to_str().context("path is not UTF-8")?.to_owned())
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn strings(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}
