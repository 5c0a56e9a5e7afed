//! What a command asks the driver to build.

use super::Settings;
use super::args::Args;
use super::crates::Crates;
use super::store;
use anyhow::Result;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

/// What a command asks for.
pub(crate) struct Job {
    /// The command's arguments, as the phases get them.
    pub(crate) args: Args,
    /// The crate types, rustc's names, `lib` being `rlib`.
    pub(crate) types: Vec<String>,
    /// What it can depend on.
    pub(crate) crates: Crates,
    /// A file that holds the source that came through standard input.
    pub(crate) stdin: Option<PathBuf>,
    /// What the command says of LTO itself: `thin` or `fat`.
    pub(crate) lto: Option<String>,
    names: Names,
}

/// How the outputs are called.
struct Names {
    dir: PathBuf,
    /// The file that the command names.
    file: Option<PathBuf>,
    /// The file for the metadata, if that is asked for beside the library.
    metadata: Option<Option<PathBuf>>,
    stem: String,
    extra: String,
}

impl Job {
    /// What `args` ask for; nothing where nothing is to be linked.
    pub(crate) fn new(settings: &Settings, mut args: Args) -> Result<Option<Self>> {
        let sources: Vec<_> = args.sources().map(str::to_owned).collect();
        let [source_path] = &sources[..] else { return Ok(None) };
        if asks_only(&args) {
            return Ok(None);
        }
        let mut stdin = None;
        let source;
        if source_path == "-" {
            let mut bytes = Vec::new();
            std::io::stdin().read_to_end(&mut bytes)?;
            let file = store::new_folder(settings)?.join("stdin.rs");
            fs::write(&file, &bytes)?;
            source = String::from_utf8_lossy(&bytes).into_owned();
            stdin = Some(file);
        } else {
            // What cannot be read, rustc complains of.
            source = fs::read(source_path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
        }
        let types = crate_types(&mut args, &source);
        let names = Names::new(&args, &source, if stdin.is_some() { "rust_out" } else { source_path }, types.len());
        let own: Vec<_> = types.iter().map(|kind| names.output(kind)).chain([names.metadata()]).collect();
        let lto = match args.codegen("lto") {
            Some("thin") => Some("thin".to_owned()),
            Some("" | "fat" | "yes" | "y" | "on" | "true") => Some("fat".to_owned()),
            _ => None,
        };
        if lto.is_some() {
            args.remove_codegen("lto");
        }
        let crates = Crates::find(settings, &mut args, &source, &own);
        Ok(Some(Self { args, types, crates, stdin, lto, names }))
    }

    /// Where the crate type `kind` goes.
    pub(crate) fn output(&self, kind: &str) -> PathBuf {
        self.names.output(kind)
    }

    /// Where the crate type `kind` goes, which rustc calls `name`.
    pub(crate) fn output_called(&self, kind: &str, name: Option<&str>) -> PathBuf {
        match (&self.names.file, name) {
            (None, Some(name)) => self.names.dir.join(name),
            _ => self.names.output(kind),
        }
    }

    /// Where the metadata goes, if it is asked for.
    pub(crate) fn metadata(&self) -> Option<PathBuf> {
        self.names.metadata.is_some().then(|| self.names.metadata())
    }

    /// The file name of the library.
    pub(crate) fn library(&self) -> String {
        self.names.file_name("rlib")
    }
}

impl Names {
    fn new(args: &Args, source: &str, source_path: &str, types: usize) -> Self {
        let emits = || args.values("emit").flat_map(|value| value.split(','));
        let file = emits().find_map(|kind| kind.strip_prefix("link=")).or_else(|| args.values("output").next_back().filter(|_| types == 1));
        let stem_of = |path: &str| Path::new(path).file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let stem = args.values("crate-name").next_back().map(str::to_owned).or_else(|| attribute(source, "crate_name").pop());
        let dir = args.values("out-dir").next_back().map(PathBuf::from);
        Self {
            dir: dir.or_else(|| file.and_then(|file| Path::new(file).parent()).map(PathBuf::from)).unwrap_or_default(),
            file: file.map(PathBuf::from),
            metadata: emits().find_map(|kind| match kind.split_once('=') {
                Some(("metadata", path)) => Some(Some(path.into())),
                None if kind == "metadata" => Some(None),
                _ => None,
            }),
            stem: stem.unwrap_or_else(|| stem_of(source_path)),
            extra: args.codegen("extra-filename").unwrap_or_default().to_owned(),
        }
    }

    fn file_name(&self, kind: &str) -> String {
        let (stem, extra) = (&self.stem, &self.extra);
        let name = stem.replace('-', "_");
        match kind {
            "rlib" => format!("lib{name}{extra}.rlib"),
            "staticlib" => format!("lib{name}{extra}.a"),
            "bin" => format!("{stem}{extra}"),
            _ => format!("lib{name}{extra}.so"),
        }
    }

    fn output(&self, kind: &str) -> PathBuf {
        self.file.clone().unwrap_or_else(|| self.dir.join(self.file_name(kind)))
    }

    fn metadata(&self) -> PathBuf {
        let named = self.metadata.clone().flatten();
        named.unwrap_or_else(|| self.dir.join(self.file_name("rlib")).with_extension("rmeta"))
    }
}

/// Whether nothing is linked or made into a library.
fn asks_only(args: &Args) -> bool {
    let asks = ["-V", "-vV", "-Vv", "--version", "-h", "--help"].iter().any(|flag| args.has(flag));
    let prints = args.values("print").any(|what| !matches!(what.split('=').next(), Some("native-static-libs" | "link-args")));
    let stops = ["ls", "unpretty", "no-codegen", "no-analysis", "parse-crate-root-only", "no-link", "link-only", "help"];
    let unstable =
        args.values("unstable").any(|option| option.split('=').next().is_some_and(|key| stops.contains(&key.replace('_', "-").as_str())));
    // rustc knows no such LTO.
    let mut lto = args.values("codegen").filter_map(|option| option.strip_prefix("lto="));
    let known = ["thin", "thin-local", "fat", "yes", "y", "on", "true", "no", "n", "off", "false"];
    let unknown = lto.next_back().is_some_and(|value| !known.contains(&value));
    // Nothing is linked into a pipe.
    let piped =
        args.values("output").any(|path| path == "-") || args.values("emit").any(|kinds| kinds.split(',').any(|kind| kind.ends_with("=-")));
    let mut emits = args.values("emit").flat_map(|value| value.split(',')).peekable();
    let links = emits.peek().is_none() || emits.any(|kind| kind == "link" || kind.starts_with("link="));
    asks || prints || unstable || unknown || piped || !links || args.values("explain").next().is_some() || args.codegen("help").is_some()
}

/// The crate types asked for; those that the source itself says are put into `args`.
fn crate_types(args: &mut Args, source: &str) -> Vec<String> {
    let library = |kind: &str| if kind == "lib" { "rlib".to_owned() } else { kind.to_owned() };
    if args.has("--test") {
        return vec!["bin".to_owned()];
    }
    let mut types: Vec<_> = args.values("crate-type").flat_map(|value| value.split(',')).map(library).collect();
    if types.is_empty() {
        types = attribute(source, "crate_type").iter().map(|kind| library(kind)).collect();
        for kind in &types {
            args.push("crate-type", kind.clone());
        }
    }
    if types.is_empty() {
        types.push("bin".to_owned());
    }
    let mut once = Vec::new();
    for kind in types {
        if !once.contains(&kind) {
            once.push(kind);
        }
    }
    once
}

/// The values of the crate's attribute `name` in `source`.
fn attribute(source: &str, name: &str) -> Vec<String> {
    let value = |line: &str| {
        let rest = line.trim_start().strip_prefix("#![")?.trim_start().strip_prefix(name)?.trim_start().strip_prefix('=')?;
        Some(rest.trim_start().strip_prefix('"')?.split('"').next()?.to_owned())
    };
    source.lines().filter_map(value).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(line: &str) -> Args {
        Args::parse(line.split(' ').map(str::to_owned).collect())
    }

    #[test]
    fn what_links_nothing() {
        for (line, expected) in [
            ("a.rs", false),
            ("a.rs --emit=link,dep-info", false),
            ("a.rs --emit=obj", true),
            ("a.rs --print=file-names", true),
            ("a.rs --print native-static-libs", false),
            ("a.rs -Zunpretty=expanded", true),
            ("a.rs -Zno_link", true),
            ("--version", true),
            ("a.rs -Clto=what", true),
            ("a.rs --emit=dep-info,link=-", true),
            ("a.rs -o -", true),
            ("a.rs -Clto", false),
        ] {
            assert_eq!(asks_only(&args(line)), expected, "{line}");
        }
    }

    #[test]
    fn where_outputs_go() {
        let source = "#![crate_name = \"named\"]\n#![crate_type=\"lib\"]";
        for (line, source, kind, expected) in [
            ("a-b.rs", "", "bin", "a-b"),
            ("a-b.rs -Cextra-filename=-1", "", "rlib", "liba_b-1.rlib"),
            ("a.rs", source, "rlib", "libnamed.rlib"),
            ("a.rs --crate-name b --out-dir o", source, "cdylib", "o/libb.so"),
            ("a.rs -o o/c", "", "bin", "o/c"),
            ("a.rs --emit=dep-info,link=l/m", "", "staticlib", "l/m"),
        ] {
            let args = args(line);
            assert_eq!(Names::new(&args, source, args.sources().next().unwrap(), 1).output(kind), Path::new(expected), "{line}");
        }
        let mut from_source = args("a.rs");
        assert_eq!(crate_types(&mut from_source, source), ["rlib"]);
        assert_eq!(from_source.values("crate-type").collect::<Vec<_>>(), ["rlib"]);
    }
}
