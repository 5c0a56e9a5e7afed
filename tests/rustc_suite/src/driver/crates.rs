//! The crates that a command can depend on, as rustc would find them: by `--extern`, and in the
//! folders of `-L`.

use super::Settings;
use super::args::Args;
use super::store::{self, Known};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The files of one crate.
#[derive(Debug, Clone, Default)]
pub(crate) struct Crate {
    rlib: Option<PathBuf>,
    rmeta: Option<PathBuf>,
    so: Option<(PathBuf, Known)>,
    /// Whether `--extern` names its files: then no others count.
    exact: bool,
    /// Whether it was found where a crate is looked for that the source names.
    direct: bool,
}

impl Crate {
    /// The proc macro, if it is one.
    pub(crate) fn proc_macro(&self) -> Option<&Path> {
        self.so.as_ref().filter(|(_, known)| known.proc_macro).map(|(so, _)| so.as_path())
    }

    /// Its metadata; with `variant` that of the library compiled with LTO the other way round.
    pub(crate) fn metadata(&self, settings: &Settings, variant: bool) -> Option<PathBuf> {
        let of_dylib = || self.so.as_ref().and_then(|(_, known)| known.metadata.clone());
        if variant {
            return self.rlib(settings, true).or_else(of_dylib);
        }
        // Beside its metadata an rlib may hold a stub of it only (`-Zembed-metadata=no`).
        self.rmeta.clone().or_else(|| self.rlib.clone()).or_else(of_dylib)
    }

    /// Its rlib, or with `variant` the other one.
    pub(crate) fn rlib(&self, settings: &Settings, variant: bool) -> Option<PathBuf> {
        let rlib = self.rlib.as_deref()?;
        if variant { store::known(settings, rlib)?.variant } else { Some(rlib.to_owned()) }
    }

    /// Its dylib, where link-only finds it with its manifest.
    pub(crate) fn dylib(&self) -> Option<PathBuf> {
        let (so, known) = self.so.as_ref()?;
        let manifest = known.manifest.as_ref()?;
        let beside = PathBuf::from(format!("{}.manifest.json", so.display()));
        // The test may have moved the dylib without it.
        if !beside.exists() {
            fs::copy(manifest, beside).ok()?;
        }
        Some(so.clone())
    }

    /// The file that `--extern` names for it.
    fn named(&self) -> Option<&Path> {
        self.rlib.as_deref().or(self.rmeta.as_deref()).or(self.so.as_ref().map(|(so, _)| so.as_path()))
    }
}

/// Where a crate was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Found {
    /// `--extern` names it.
    Named,
    /// In a folder where crates are looked for.
    InFolder,
    /// In a folder only for what other crates depend on.
    Below,
}

/// Crates by identity.
#[derive(Debug, Default)]
pub(crate) struct Crates(BTreeMap<String, Crate>);

impl Crates {
    /// Finds what `args` can depend on, and has `args` name by `--extern` what rustc would look for
    /// in the folders: hollow rlibs take the place of what is there. What the command itself makes,
    /// `own`, is left out.
    pub(crate) fn find(settings: &Settings, args: &mut Args, source: &str, own: &[PathBuf]) -> Self {
        let mut crates = Self::default();
        for value in args.values("extern") {
            if let Some((_, path)) = value.split_once('=') {
                crates.add(settings, Path::new(path), Found::Named);
            }
        }
        let mut holding = Vec::new();
        for value in args.values("library-path") {
            let (kind, dir) = value.split_once('=').filter(|(kind, _)| KINDS.contains(kind)).unwrap_or(("all", value));
            if matches!(kind, "all" | "crate" | "dependency")
                && crates.add_folder(settings, Path::new(dir), own, if kind == "dependency" { Found::Below } else { Found::InFolder })
            {
                holding.push(value.to_owned());
            }
        }
        crates.name_externs(args, source);
        turn_search_paths(args, &holding);
        crates
    }

    /// All of them, with their identities.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &Crate)> {
        self.0.iter().map(|(id, found)| (id.as_str(), found))
    }

    /// Adds what is in `dir`; whether a crate is.
    fn add_folder(&mut self, settings: &Settings, dir: &Path, own: &[PathBuf], how: Found) -> bool {
        let Ok(entries) = fs::read_dir(if dir.as_os_str().is_empty() { Path::new(".") } else { dir }) else { return false };
        let mut files: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
        files.sort();
        let is_own =
            |file: &Path| own.iter().any(|own| fs::canonicalize(own).is_ok_and(|own| fs::canonicalize(file).is_ok_and(|file| own == file)));
        let mut holds = false;
        for file in files.iter().filter(|file| !is_own(file)) {
            holds |= self.add(settings, file, how);
        }
        holds
    }

    /// Adds the crate in `file`, if there is one.
    fn add(&mut self, settings: &Settings, file: &Path, how: Found) -> bool {
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let Some((id, extension)) = name.strip_prefix("lib").and_then(|name| name.rsplit_once('.')) else { return false };
        // What is no crate is no candidate for rustc either.
        let usable = match extension {
            "rlib" | "rmeta" => splitlink::files::rlib::stamp(file).is_ok(),
            "so" => store::known(settings, file).is_some(),
            _ => false,
        };
        if !usable {
            return false;
        }
        let found = self.0.entry(id.to_owned()).or_default();
        found.direct |= how == Found::InFolder;
        if found.exact && how != Found::Named {
            return true;
        }
        found.exact |= how == Found::Named;
        let file = file.to_owned();
        match extension {
            "rlib" => found.rlib.get_or_insert(file),
            "rmeta" => found.rmeta.get_or_insert(file),
            _ => {
                let known = store::known(settings, &file).unwrap_or_default();
                &mut found.so.get_or_insert((file, known)).0
            }
        };
        true
    }

    /// Gives `--extern NAME` its path, and adds one for each `extern crate NAME` in `source`.
    fn name_externs(&self, args: &mut Args, source: &str) {
        let pathless: Vec<_> = args.values("extern").filter(|value| !value.contains('=')).map(str::to_owned).collect();
        let mut wanted: Vec<(String, String)> = Vec::new();
        for value in &pathless {
            wanted.push((value.clone(), value.rsplit(':').next().unwrap_or_default().to_owned()));
        }
        let named: Vec<_> =
            args.values("extern").filter_map(|value| value.split_once('=')?.0.rsplit(':').next().map(str::to_owned)).collect();
        for name in extern_crates(source) {
            if !named.contains(&name) && !wanted.iter().any(|(_, known)| *known == name) {
                wanted.push((name.clone(), name));
            }
        }
        for (spelled, name) in wanted {
            let files = self.of_name(&name);
            if files.is_empty() || named.contains(&name) {
                continue;
            }
            args.remove("extern", |value| value == spelled);
            for file in files {
                args.push("extern", format!("{spelled}={}", file.display()));
            }
        }
    }

    /// The files of the crates that can have this name.
    fn of_name(&self, name: &str) -> Vec<&Path> {
        let has_name = |id: &str| id.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'));
        let direct = || self.0.iter().filter(|(_, found)| found.direct);
        let mut files: Vec<_> = direct().filter(|(id, _)| has_name(id)).filter_map(|(_, found)| found.named()).collect();
        if files.is_empty() {
            files = direct().filter(|(id, _)| id.starts_with(name)).filter_map(|(_, found)| found.named()).collect();
        }
        files
    }
}

/// The kinds of `-L`.
const KINDS: [&str; 5] = ["all", "crate", "dependency", "native", "framework"];

/// Leaves of the folders in `holding`, which hold crates, what they hold of native libraries.
fn turn_search_paths(args: &mut Args, holding: &[String]) {
    let paths: Vec<_> = args.values("library-path").map(str::to_owned).collect();
    args.remove("library-path", |_| true);
    for path in paths {
        match path.split_once('=') {
            _ if !holding.contains(&path) => args.push_search_path(path),
            Some(("crate" | "dependency", _)) => {}
            Some((kind, _)) if KINDS[3..].contains(&kind) => args.push_search_path(path),
            Some(("all", dir)) => args.push_search_path(format!("native={dir}")),
            _ => args.push_search_path(format!("native={path}")),
        }
    }
}

/// The names behind `extern crate` in `source`.
fn extern_crates(source: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut words = source.split_whitespace().peekable();
    while let Some(word) = words.next() {
        if word.ends_with("extern") && words.peek() == Some(&"crate") {
            let name: String = words
                .nth(1)
                .unwrap_or_default()
                .trim_start_matches("r#")
                .chars()
                .take_while(|c| c.is_alphanumeric() || *c == '_')
                .collect();
            if !name.is_empty() && !names.contains(&name) {
                names.push(name);
            }
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crates_that_a_source_names() {
        let source = "#[macro_use] extern crate a as b;\npub extern\n crate r#c; extern crate d;extern \"C\" {} extern crate a;";
        assert_eq!(extern_crates(source), ["a", "c", "d"]);
    }

    #[test]
    fn folders_keep_their_native_libraries() {
        let mut args = Args::parse(["-La", "-L", "all=b", "-Lcrate=c", "-Ldependency=d", "-Lnative=e", "-Lf"].map(str::to_owned).to_vec());
        turn_search_paths(&mut args, &["a", "all=b", "crate=c", "dependency=d"].map(str::to_owned));
        assert_eq!(args.all().collect::<Vec<_>>().join(" "), "-L native=a -L native=b -L native=e -L f");
    }
}
