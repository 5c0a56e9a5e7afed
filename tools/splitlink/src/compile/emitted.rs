//! What the command has rustc write besides metadata and code that is linked: dependency
//! information, objects, assembly and whatever else `--emit` knows, and what `-Csave-temps` leaves.
//!
//! rustc writes all of it to a folder of ours, under the names that it gives them itself. Then each
//! goes where the command wants it. In dependency information the files of ours become those of the
//! command; the action's own output comes first, for build systems that go by that.

use crate::files::paths::Places;
use crate::files::scratch::{self, Finished};
use crate::rustc::args::RustcArgs;
use anyhow::{Context, Result, bail};
use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

/// The extensions of what `--emit` knows (`rustc_session::config::OutputType::extension`, 1.95).
const EXTENSIONS: &[(&str, &str)] = &[
    ("asm", "s"),
    ("dep-info", "d"),
    ("llvm-bc", "bc"),
    ("llvm-ir", "ll"),
    ("metadata", "rmeta"),
    ("mir", "mir"),
    ("obj", "o"),
    ("thin-link-bitcode", "indexing.o"),
];

/// What is generated code. LTO changes it.
const CODE: &[&str] = &["asm", "llvm-bc", "llvm-ir", "obj"];

/// Where a path in the command means standard output.
const STDOUT: &str = "-";

/// What the command wants.
#[derive(Debug)]
pub(crate) struct Emitted {
    /// By kind, where it is to go if the command says so.
    kinds: BTreeMap<String, Option<String>>,
    /// Where `-o` says.
    output: Option<PathBuf>,
    /// Where `--out-dir` says, else the working folder.
    dir: PathBuf,
    /// Whether rustc keeps what it makes on the way.
    saves_temps: bool,
    /// Whether the command wants to be told of each file, as JSON.
    pub(crate) notifies: bool,
}

impl Emitted {
    /// Reads it from the command's `args`.
    pub(crate) fn asked(args: &RustcArgs) -> Self {
        let asked = args.values("emit").flat_map(|value| value.split(','));
        let kinds = asked.map(|kind| match kind.split_once('=') {
            Some((kind, path)) => (kind.to_owned(), Some(path.to_owned())),
            None => (kind.to_owned(), None),
        });
        let path = |name: &str| args.values(name).next_back().map(PathBuf::from);
        Self {
            kinds: kinds.collect(),
            output: path("output"),
            dir: path("out-dir").unwrap_or_default(),
            saves_temps: args.codegen("save-temps").is_some_and(|value| !matches!(value, "no" | "off" | "n" | "false")),
            notifies: args.values("json").any(|value| value.split(',').any(|kind| kind == "artifacts")),
        }
    }

    /// Whether `kind` is asked for.
    pub(crate) fn has(&self, kind: &str) -> bool {
        self.kinds.contains_key(kind)
    }

    /// What generated code is asked for beside the linked one.
    pub(crate) fn code(&self) -> Option<&str> {
        self.kinds.keys().map(String::as_str).find(|kind| CODE.contains(kind))
    }

    /// Adds to `places` the files that the command names.
    pub(crate) fn add_outputs(&self, places: &mut Places) {
        for (kind, path) in &self.kinds {
            if let Some(path) = path
                && !matches!(kind.as_str(), "link" | "metadata")
                && path != STDOUT
            {
                places.output(&format!("what `--emit={kind}` asks for"), Path::new(path));
            }
        }
    }

    /// Has rustc write the same, but for `except`, to the folder `dir`.
    ///
    /// # Errors
    /// If the path of that folder is in the way.
    pub(crate) fn ask_for(&self, args: &mut RustcArgs, dir: &Path, except: &[&str]) -> Result<()> {
        // Beside `-o` it counts how many kinds have no name of their own.
        let is_named = args.values("output").next().is_some();
        for (kind, path) in self.kinds.iter().filter(|(kind, _)| !except.contains(&kind.as_str())) {
            if !is_named || path.is_none() {
                args.push("emit", kind.as_str());
                continue;
            }
            let extension = EXTENSIONS.iter().find(|(known, _)| known == kind).map_or(kind.as_str(), |(_, extension)| extension);
            let file = dir.join(format!("named.{extension}"));
            if file.to_string_lossy().contains(',') {
                bail!(
                    "`--emit={kind}=` and `-o` cannot be asked for together in a folder with a comma in its path, `{}`: rustc takes it for a file's end\n  \
                     help: leave out one of them, or build in another folder",
                    dir.display()
                );
            }
            args.push("emit", format!("{kind}={}", file.display()));
        }
        Ok(())
    }

    /// Where what rustc has written as `file` belongs; none if the command did not ask for it.
    /// `is_only` says that no other file has its extension.
    fn place(&self, file: &Path, is_only: bool) -> Option<PathBuf> {
        let name = file.file_name()?;
        let text = name.to_str()?;
        let kind = EXTENSIONS
            .iter()
            .filter(|(_, extension)| text.ends_with(&format!(".{extension}")))
            .max_by_key(|(_, extension)| extension.len());
        let asked = kind.and_then(|(kind, extension)| Some((*extension, self.kinds.get(*kind)?)));
        let Some((extension, path)) = asked else {
            return self.saves_temps.then(|| self.folder().join(name));
        };
        if !is_only {
            return Some(self.folder().join(name));
        }
        Some(match (path, &self.output) {
            (Some(path), _) => path.into(),
            (None, Some(output)) if self.kinds.values().filter(|path| path.is_none()).count() == 1 => output.clone(),
            // As rustc adapts the one name to several kinds
            // (`rustc_interface::util::build_output_filenames`, 1.95).
            (None, Some(output)) => output.with_extension(extension),
            (None, None) => self.dir.join(name),
        })
    }

    /// The folder of what the command gives no name of its own.
    fn folder(&self) -> &Path {
        self.output.as_deref().and_then(Path::parent).unwrap_or(&self.dir)
    }

    /// Where the command has the artifact that rustc itself would call `name`.
    fn artifact(&self, kind: &str, name: &str) -> PathBuf {
        match (self.kinds.get(kind), &self.output) {
            (Some(Some(path)), _) => path.into(),
            (_, Some(output)) if self.kinds.len() <= 1 => output.clone(),
            (_, Some(output)) => output.with_file_name(name),
            (_, None) => self.dir.join(name),
        }
    }

    /// What rustc has written into `dir`, but for the files that `is_own` picks.
    pub(crate) fn written(&self, dir: &Path, is_own: impl Fn(&Path) -> bool) -> Result<Written<'_>> {
        let mut files = Vec::new();
        let entries = fs::read_dir(dir).with_context(|| format!("cannot list `{}`", dir.display()))?;
        for entry in entries {
            let path = entry?.path();
            // Folders are rustc's for one run, and have random names.
            if path.is_file() && !is_own(&path) && path.file_name().is_none_or(|name| name != scratch::MARKER) {
                files.push(path);
            }
        }
        files.sort();
        Ok(Written { emitted: self, files })
    }
}

/// What rustc has written.
#[derive(Debug)]
pub(crate) struct Written<'e> {
    emitted: &'e Emitted,
    files: Vec<PathBuf>,
}

/// The files of the action that dependency information names.
#[derive(Debug)]
pub(crate) struct Targets<'a> {
    /// What the action makes.
    pub(crate) own: &'a Path,
    /// What rustc was told to make: where, and of what kind. None is the command's where it has no
    /// such.
    pub(crate) made: &'a [(PathBuf, &'static str)],
}

impl Written<'_> {
    /// The only file that ends in `.extension`.
    fn only(&self, extension: &str) -> Option<&PathBuf> {
        let mut with = self.files.iter().filter(|file| file.extension().is_some_and(|e| e == extension));
        with.next().filter(|_| with.next().is_none())
    }

    /// Where the file `path` of rustc's ends up.
    pub(crate) fn place(&self, path: &Path) -> Option<PathBuf> {
        let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
        self.emitted.place(path, self.only(extension).is_some_and(|only| only == path))
    }

    /// Puts into `finished` all of the kinds that `wanted` picks; dependency information is of
    /// `targets`.
    ///
    /// # Errors
    /// If a file cannot be read or written.
    pub(crate) fn finish(&self, targets: &Targets<'_>, wanted: impl Fn(&Path) -> bool, finished: &mut Finished) -> Result<()> {
        for file in self.files.iter().filter(|file| wanted(file)) {
            let Some(place) = self.place(file) else { continue };
            if is_dep_info(file) && self.emitted.has("dep-info") {
                let text = fs::read_to_string(file).with_context(|| format!("cannot read `{}`", file.display()))?;
                let text = self.dep_info(&text, file, targets);
                fs::write(file, text).with_context(|| scratch::cannot_write(file))?;
            }
            if place == Path::new(STDOUT) {
                let text = fs::read(file).with_context(|| format!("cannot read `{}`", file.display()))?;
                std::io::stdout().write_all(&text).context("cannot write to standard output")?;
                continue;
            }
            if let Some(folder) = place.parent() {
                fs::create_dir_all(folder).with_context(|| scratch::cannot_write(&place))?;
            }
            finished.add(file.clone(), place);
        }
        Ok(())
    }

    /// The dependency information `text`, the file `file` of rustc's, for the command's own files
    /// (`rustc_interface::passes::write_out_deps`, 1.95: a rule for each file that is made, an
    /// empty rule for each source, then variables of the environment).
    fn dep_info(&self, text: &str, file: &Path, targets: &Targets<'_>) -> String {
        // rustc has named it after the crate.
        let base = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let mut rules = Vec::new();
        let mut sources = None;
        let mut rest = Vec::new();
        for line in text.lines() {
            let ours = line.split_once(": ").filter(|_| !line.starts_with('#'));
            match ours.map(|(target, of)| (self.target(Path::new(target), &base, targets), of)) {
                Some((Some(target), of)) => {
                    sources.get_or_insert(of);
                    rules.extend(target);
                }
                _ => rest.push(line),
            }
        }
        let own = targets.own.to_path_buf();
        if let Some(at) = rules.iter().position(|rule| *rule == own) {
            rules.remove(at);
        }
        rules.insert(0, own);
        let sources = sources.unwrap_or_default();
        let rules: String = rules.iter().map(|rule| format!("{}: {sources}\n\n", rule.display())).collect();
        let rest = rest.join("\n");
        format!("{rules}{}\n", rest.trim_start_matches('\n'))
    }

    /// The command's file for the target `path` of a rule; the inner none if the command has none,
    /// the outer if it is no target of ours.
    fn target(&self, path: &Path, base: &str, targets: &Targets<'_>) -> Option<Option<PathBuf>> {
        // rustc names an rlib's rule after the crate, wherever the rlib is
        // (`rustc_session::output::filename_for_input`, 1.95).
        let is_rlib = |made: &Path| made.extension() == path.extension() && path.extension().is_some_and(|extension| extension == "rlib");
        if let Some((_, kind)) = targets.made.iter().find(|(made, _)| made == path || is_rlib(made)) {
            let name = match *kind {
                "metadata" => format!("lib{base}.rmeta"),
                "rlib" => format!("lib{base}.rlib"),
                _ => path.file_name()?.to_string_lossy().into_owned(),
            };
            let kind = if *kind == "metadata" { "metadata" } else { "link" };
            let is_asked = self.emitted.has(kind) || (kind == "link" && self.emitted.kinds.is_empty());
            return Some(is_asked.then(|| self.emitted.artifact(kind, &name)));
        }
        // Beside what rustc made of it, a kind may be of a file that is not there (yet).
        let folder = self.files.first()?.parent()?;
        let place = || self.emitted.place(path, self.only_or_absent(path)).filter(|place| place != Path::new(STDOUT));
        (path.parent() == Some(folder)).then(place)
    }

    fn only_or_absent(&self, path: &Path) -> bool {
        let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
        self.only(extension).is_none_or(|only| only == path)
    }
}

/// Whether `file` is dependency information.
pub(crate) fn is_dep_info(file: &Path) -> bool {
    file.extension().is_some_and(|extension| extension == "d")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(line: &str) -> Emitted {
        Emitted::asked(&RustcArgs::parse(line.split(' ').map(str::to_owned).collect()))
    }

    #[test]
    fn where_each_kind_goes() {
        let table = [
            ("a.rs --emit=dep-info,link --out-dir o", "s/a-1.d", true, Some("o/a-1.d")),
            ("a.rs --emit=dep-info,link", "s/a-1.d", true, Some("a-1.d")),
            ("a.rs --emit=dep-info,link -o o/b.file", "s/a-1.d", true, Some("o/b.d")),
            ("a.rs --emit=dep-info --emit=link=x -o o/b.file", "s/a-1.d", true, Some("o/b.file")),
            ("a.rs --emit=dep-info=d/x,link --out-dir o", "s/a-1.d", true, Some("d/x")),
            ("a.rs --emit=obj,link --out-dir o", "s/a.o", true, Some("o/a.o")),
            ("a.rs --emit=obj=x,link --out-dir o", "s/a.b-cgu.0.rcgu.o", false, Some("o/a.b-cgu.0.rcgu.o")),
            ("a.rs --emit=link --out-dir o", "s/a.d", true, None),
            ("a.rs --emit=link --out-dir o -Csave-temps", "s/a.b-cgu.0.rcgu.o", false, Some("o/a.b-cgu.0.rcgu.o")),
            ("a.rs --emit=link -o o/x -Csave-temps=no", "s/a.o", true, None),
        ];
        for (line, file, is_only, expected) in table {
            assert_eq!(asked(line).place(Path::new(file), is_only).as_deref(), expected.map(Path::new), "{line}");
        }
    }

    #[test]
    fn dependency_information() {
        let emitted = asked("a.rs --emit=dep-info,metadata,link --out-dir o");
        let written = Written { emitted: &emitted, files: vec!["s/a-1.d".into()] };
        let made = [("s/out.rmeta".into(), "metadata"), ("s/out.rlib".into(), "rlib")];
        let targets = Targets { own: Path::new("o/liba-1.rlib"), made: &made };
        let text = "s/out.rmeta: a.rs b.rs\n\ns/liba-1.rlib: a.rs b.rs\n\ns/a-1.d: a.rs b.rs\n\na.rs:\nb.rs:\n\n# env-dep:A=b: c\n";
        let expected = "o/liba-1.rlib: a.rs b.rs\n\no/liba-1.rmeta: a.rs b.rs\n\no/a-1.d: a.rs b.rs\n\na.rs:\nb.rs:\n\n# env-dep:A=b: c\n";
        assert_eq!(written.dep_info(text, Path::new("s/a-1.d"), &targets), expected);
        let emitted = asked("a.rs --emit=dep-info=x.d,link=o/l.rlib");
        let written = Written { emitted: &emitted, files: vec!["s/a-1.d".into()] };
        let targets = Targets { own: Path::new("out.rmeta"), made: &made };
        let expected = "out.rmeta: a.rs b.rs\n\no/l.rlib: a.rs b.rs\n\nx.d: a.rs b.rs\n\na.rs:\nb.rs:\n\n# env-dep:A=b: c\n";
        assert_eq!(written.dep_info(text, Path::new("s/a-1.d"), &targets), expected);
    }
}
