//! Which files the linker's own arguments stand for, for LTO to look into: what is bitcode takes
//! part, and machine code asks for symbols.
//!
//! A file is judged by its contents, and a name is looked for as GNU ld does (its manual, "Command
//! Line Options" and "Implicit Linker Scripts"): `-lNAME` and `-l:NAME` in the folders of all `-L`
//! and then in the linker's own; what follows `-Wl,` and `-Xlinker`; the arguments in an `@file`;
//! the files that a linker script names in `INPUT` and `GROUP`.

use super::line::Part;
use super::linking::Linking;
use super::script::{Script, Step};
use crate::files::{archive, wasm};
use crate::lto::{bitcode, members};
use crate::plan::Item;
use crate::plan::linker_flavor::{LinkerFlavor, behind_driver};
use crate::rustc::response_file;
use anyhow::{Context, Result};
use object::FileKind;
use std::borrow::Cow;
use std::cell::OnceCell;
use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Linker scripts and files of arguments may name others, at most so deep.
const DEEPEST: usize = 16;

/// Options of linkers and drivers whose value is the next argument, and no file that is linked.
const WITH_VALUE: &[&str] = &[
    "-o",
    "-z",
    "-m",
    "-e",
    "-u",
    "-y",
    "-Y",
    "-h",
    "-f",
    "-F",
    "-a",
    "-b",
    "-A",
    "-I",
    "-B",
    "-x",
    "-R",
    "-G",
    "-Map",
    "-soname",
    "-rpath",
    "-rpath-link",
    "-dynamic-linker",
    "-plugin",
    "-plugin-opt",
    "-init",
    "-fini",
    "-defsym",
    "-wrap",
    "-Ttext",
    "-Tdata",
    "-Tbss",
    "-Ttext-segment",
    "-Trodata-segment",
    "-Tldata-segment",
    "-section-start",
    "-version-script",
    "-dynamic-list",
    "-undefined",
    "-entry",
    "-output",
    "-oformat",
    "-format",
    "-architecture",
    "-auxiliary",
    "-filter",
    "-just-symbols",
    "-require-defined",
    "-trace-symbol",
    "-retain-symbols-file",
    "-exclude-libs",
    "-target",
    "-include",
    "-isystem",
    "-arch",
    "-specs",
    "-hash-style",
    "-build-id-link-dir",
    "-out-implib",
    "-mllvm",
    "-param",
    "-sysroot",
    "-flavor",
    "-export",
    "-export-if-defined",
    "-allow-undefined-file",
];

/// What the argument before says of the next one.
enum Awaited {
    Library,
    Script,
    Other,
}

/// A word of the linker's arguments.
#[derive(Debug, Clone)]
struct Word {
    /// Which part of the line it is of.
    part: usize,
    text: String,
    /// Whether the linker gets it through a driver.
    is_handed_on: bool,
    files: Vec<PathBuf>,
    /// Whether another word says it now.
    is_gone: bool,
}

/// Where a script is named.
#[derive(Debug, Default, Clone, Copy)]
struct Nesting {
    depth: usize,
    /// Groups are not put into groups.
    is_in_group: bool,
}

/// What a file is.
enum Kind {
    /// An archive or an object.
    Linked,
    /// A shared library, or nothing that is linked.
    Other,
    Script(Script),
}

/// The search for the files of one line.
pub(super) struct NativeFiles<'l, 'a> {
    linking: &'l Linking<'a>,
    flavor: LinkerFlavor,
    /// Where libraries are looked for, in order.
    dirs: Vec<PathBuf>,
    /// The same of the linker's own.
    own_dirs: OnceCell<Vec<PathBuf>>,
    /// Whether only static libraries are looked for, and what was so before a `--push-state`.
    is_static: bool,
    pushed: Vec<bool>,
    awaited: Option<Awaited>,
}

impl<'l, 'a> NativeFiles<'l, 'a> {
    pub(super) fn new(linking: &'l Linking<'a>) -> Self {
        let flavor = linking.link.linker_flavor();
        Self { linking, flavor, dirs: Vec::new(), own_dirs: OnceCell::new(), is_static: false, pushed: Vec::new(), awaited: None }
    }

    /// `parts` with the files that their arguments stand for. Where bitcode is among several files
    /// of one argument, each becomes an argument of its own.
    ///
    /// # Errors
    /// If a file cannot be read, or bitcode is named where LTO cannot take it away.
    pub(super) fn find(mut self, parts: Vec<Part<'a>>) -> Result<Vec<Part<'a>>> {
        let parts = self.expanded(parts, 0)?;
        let words = self.words(&parts);
        self.gather_dirs(&parts, &words)?;
        let mut found: Vec<Word> = Vec::with_capacity(words.len());
        let mut touched = HashSet::new();
        let mut words = words.into_iter().peekable();
        for (at, part) in parts.iter().enumerate() {
            if let Part::Hint { is_static } = part {
                self.is_static = *is_static;
            }
            while let Some(word) = words.next_if(|word| word.part == at) {
                for mut word in self.looked_up(word)? {
                    if !word.files.is_empty() {
                        touched.insert(at);
                        // `-l name` becomes one word, which then is no word without its first.
                        if !word.text.starts_with('-')
                            && let Some(before) = found.last_mut().filter(|before| is_library_option(&before.text))
                        {
                            touched.insert(before.part);
                            before.is_gone = true;
                            word.text = format!("-l{}", word.text);
                        }
                        if word.is_handed_on && at > 0 && is_xlinker(&parts[at - 1]) {
                            touched.insert(at - 1);
                        }
                    }
                    found.push(word);
                }
            }
        }
        let mut found = found.into_iter().peekable();
        let mut all = Vec::with_capacity(parts.len());
        for (at, part) in parts.into_iter().enumerate() {
            let of_part: Vec<Word> = std::iter::from_fn(|| found.next_if(|word| word.part == at)).collect();
            match part {
                Part::Argument(item, ..) if touched.contains(&at) => {
                    all.extend(of_part.into_iter().filter(|word| !word.is_gone).map(|word| self.argument(item, word)));
                }
                part => all.push(part),
            }
        }
        Ok(all)
    }

    /// `parts` with the arguments in files of arguments in the place of these.
    fn expanded(&self, parts: Vec<Part<'a>>, depth: usize) -> Result<Vec<Part<'a>>> {
        let mut all = Vec::with_capacity(parts.len());
        for part in parts {
            let (item, arg) = match &part {
                Part::Argument(item, arg, _) => (*item, arg.clone()),
                _ => {
                    all.push(part);
                    continue;
                }
            };
            let behind = arg.strip_prefix("-Wl,@").filter(|rest| !rest.contains(','));
            let named = behind.or_else(|| arg.strip_prefix('@'));
            let path = named.map(|path| self.linking.resolved(path)).transpose()?.map(PathBuf::from).filter(|path| path.is_file());
            // As for compilers and linkers, one that is not there is no such file.
            let Some(path) = path.filter(|_| depth < DEEPEST) else {
                all.push(part);
                continue;
            };
            let text = fs::read_to_string(&path).with_context(|| format!("cannot read the linker's arguments in `{}`", path.display()))?;
            let is_behind = behind.is_some() || all.last().is_some_and(is_xlinker);
            if is_behind && behind.is_none() {
                all.pop();
            }
            let mut inner = Vec::new();
            for word in response_file::driver_words(&text) {
                // A driver takes a comma for the end of an argument.
                let separate = is_behind && word.contains(',') && self.flavor == LinkerFlavor::Driver;
                inner.extend(separate.then(|| Part::Argument(item, Cow::Borrowed("-Xlinker"), Vec::new())));
                let word = if is_behind && !separate { self.flavor.flag(&word) } else { word };
                inner.push(Part::Argument(item, Cow::Owned(word), Vec::new()));
            }
            all.extend(self.expanded(inner, depth + 1)?);
        }
        Ok(all)
    }

    /// The words of the arguments among `parts`.
    fn words(&self, parts: &[Part<'a>]) -> Vec<Word> {
        let mut words = Vec::new();
        let mut is_behind = false;
        for (part, each) in parts.iter().enumerate() {
            let Part::Argument(_, arg, _) = each else { continue };
            if is_xlinker(each) {
                is_behind = true;
                continue;
            }
            let mut add = |text: &str, is_handed_on| {
                words.push(Word { part, text: text.to_owned(), is_handed_on, files: Vec::new(), is_gone: false });
            };
            match behind_driver(arg) {
                Some(several) if !is_behind => several.for_each(|text| add(text, true)),
                _ => add(arg, is_behind),
            }
            is_behind = false;
        }
        words
    }

    /// Notes the folders of every `-L`, wherever it stands, and a driver's `-static`.
    fn gather_dirs(&mut self, parts: &[Part<'a>], words: &[Word]) -> Result<()> {
        for part in parts {
            if let Part::SearchPath(dir) = part {
                self.add_dir(dir)?;
            }
        }
        let mut is_dir = false;
        for word in words {
            let text = word.text.as_str();
            if std::mem::take(&mut is_dir) {
                self.add_dir(text)?;
            } else if let Some(dir) = text.strip_prefix("-L").or_else(|| text.strip_prefix("--library-path=")) {
                if dir.is_empty() { is_dir = true } else { self.add_dir(dir)? }
            } else if text == "--library-path" {
                is_dir = true;
            } else if !word.is_handed_on && matches!(text, "-static" | "-static-pie") {
                self.is_static = true;
            }
        }
        Ok(())
    }

    fn add_dir(&mut self, dir: &str) -> Result<()> {
        let dir = self.linking.resolved(dir.strip_prefix('=').unwrap_or(dir))?;
        self.dirs.push(dir.into());
        Ok(())
    }

    /// `word` with its files, or the words that say the same with one file each.
    fn looked_up(&mut self, mut word: Word) -> Result<Vec<Word>> {
        let found = match self.step(&word.text)? {
            Named::Nothing => None,
            Named::File(path) => Some((path, true)),
            Named::Script(path) => Some((path, false)),
        };
        let Some((path, can_be_exchanged)) = found else { return Ok(vec![word]) };
        match kind(&path)? {
            Kind::Other => {}
            Kind::Linked => word.files.push(path),
            Kind::Script(script) => {
                let mut several = Vec::new();
                self.of_script(&script, &path, &word, &mut several, Nesting::default())?;
                let files: Vec<PathBuf> = several.iter().flat_map(|word| word.files.clone()).collect();
                if let Some(file) = bitcode_among(&files)? {
                    if !(can_be_exchanged && script.is_list) {
                        return Err(says_more(&path, file));
                    }
                    return Ok(several);
                }
                word.files = files;
            }
        }
        Ok(vec![word])
    }

    /// Adds the words that say what `script`, the file `path`, does.
    fn of_script(&self, script: &Script, path: &Path, word: &Word, words: &mut Vec<Word>, nesting: Nesting) -> Result<()> {
        let own = |text: &str, is_handed_on, files| Word { part: word.part, text: text.to_owned(), is_handed_on, files, is_gone: false };
        let mut inner = Nesting { depth: nesting.depth + 1, ..nesting };
        for step in &script.steps {
            match step {
                Step::Flag("--start-group" | "--end-group") if nesting.is_in_group => {}
                Step::Flag(flag) => {
                    inner.is_in_group |= *flag == "--start-group";
                    words.push(own(flag, word.is_handed_on || self.flavor == LinkerFlavor::Driver, Vec::new()));
                }
                Step::File(name) => match self.of_script_file(name, path)? {
                    None => words.push(own(name, word.is_handed_on, Vec::new())),
                    Some(file) => {
                        let text = file.to_string_lossy();
                        match kind(&file)? {
                            Kind::Linked => words.push(own(&text, word.is_handed_on, vec![file.clone()])),
                            Kind::Script(script) if inner.depth < DEEPEST => {
                                let mut nested = Vec::new();
                                self.of_script(&script, &file, word, &mut nested, inner)?;
                                let files: Vec<PathBuf> = nested.iter().flat_map(|word| word.files.clone()).collect();
                                match bitcode_among(&files)? {
                                    Some(bitcode) if !script.is_list => return Err(says_more(&file, bitcode)),
                                    Some(_) => words.extend(nested),
                                    None => words.push(own(&text, word.is_handed_on, files)),
                                }
                            }
                            Kind::Script(_) | Kind::Other => words.push(own(&text, word.is_handed_on, Vec::new())),
                        }
                    }
                },
            }
        }
        Ok(())
    }

    /// The file that a linker script at `script` calls `name`.
    fn of_script_file(&self, name: &str, script: &Path) -> Result<Option<PathBuf>> {
        if let Some(library) = name.strip_prefix("-l") {
            return self.library(library);
        }
        let name = Path::new(name.trim_start_matches('='));
        let beside = script.parent().map(|folder| folder.join(name));
        let found = [Some(name.to_owned()), beside].into_iter().flatten().find(|path| path.is_file());
        Ok(found.or_else(|| self.all_dirs().map(|dir| dir.join(name)).find(|path| path.is_file())))
    }

    /// What `text`, the next word, names.
    fn step(&mut self, text: &str) -> Result<Named> {
        match self.awaited.take() {
            Some(Awaited::Library) => return Ok(self.library(text)?.map_or(Named::Nothing, Named::File)),
            Some(Awaited::Script) => return self.file(text, Named::Script),
            Some(Awaited::Other) => return Ok(Named::Nothing),
            None => {}
        }
        if !text.starts_with('-') {
            return self.file(text, Named::File);
        }
        if is_library_option(text) {
            self.awaited = Some(Awaited::Library);
            return Ok(Named::Nothing);
        }
        // Two dashes mean the same as one, but for options of one letter.
        let long = text.strip_prefix('-').filter(|rest| rest.starts_with('-') && rest.len() > 2).unwrap_or(text);
        if let Some(script) = long.strip_prefix("-script=") {
            return self.file(script, Named::Script);
        }
        match long {
            "-T" | "-script" => self.awaited = Some(Awaited::Script),
            "-L" | "-library-path" => self.awaited = Some(Awaited::Other),
            "-Bstatic" | "-dn" | "-non_shared" | "-static" => self.is_static = true,
            "-Bdynamic" | "-dy" | "-call_shared" => self.is_static = false,
            "-push-state" => self.pushed.push(self.is_static),
            "-pop-state" => self.is_static = self.pushed.pop().unwrap_or(false),
            _ if WITH_VALUE.contains(&long) => self.awaited = Some(Awaited::Other),
            _ if long.starts_with("-library=") => return Ok(self.library(&long["-library=".len()..])?.map_or(Named::Nothing, Named::File)),
            _ if long == text && long.starts_with("-l") => return Ok(self.library(&long[2..])?.map_or(Named::Nothing, Named::File)),
            _ if long == text && long.starts_with("-T") && !long.contains('=') => return self.file(&long[2..], Named::Script),
            _ => {}
        }
        Ok(Named::Nothing)
    }

    fn file(&self, text: &str, named: impl Fn(PathBuf) -> Named) -> Result<Named> {
        let path = PathBuf::from(self.linking.resolved(text)?);
        Ok(if path.is_file() { named(path) } else { Named::Nothing })
    }

    /// The file of the library `name`, or of that very name if a `:` precedes it.
    fn library(&self, name: &str) -> Result<Option<PathBuf>> {
        let name = self.linking.resolved(name)?;
        let names = match name.strip_prefix(':') {
            Some(file) => vec![file.to_owned()],
            None if self.is_static => vec![format!("lib{name}.a")],
            None => vec![format!("lib{name}.so"), format!("lib{name}.a")],
        };
        Ok(self.all_dirs().find_map(|dir| names.iter().map(|name| dir.join(name)).find(|path| path.is_file())))
    }

    /// The folders of the command and then the linker's own.
    fn all_dirs(&self) -> impl Iterator<Item = &Path> {
        let own = std::iter::once(()).flat_map(|()| self.own_dirs.get_or_init(|| self.ask_for_dirs()));
        self.dirs.iter().chain(own).map(PathBuf::as_path)
    }

    /// The folders that the linker searches by itself, as it says; none if it does not.
    fn ask_for_dirs(&self) -> Vec<PathBuf> {
        let Some(linker) = &self.linking.link.linker else { return Vec::new() };
        let asked = match self.flavor {
            LinkerFlavor::Driver => "-print-search-dirs",
            LinkerFlavor::Linker => "--verbose",
        };
        let mut command = Command::new(linker);
        command.arg(asked).env("LC_ALL", "C").envs(self.linking.search_path().map(|path| ("PATH", path)));
        let Ok(output) = command.output() else { return Vec::new() };
        let said = String::from_utf8_lossy(&output.stdout);
        match self.flavor {
            LinkerFlavor::Driver => {
                let dirs = said.lines().find_map(|line| line.strip_prefix("libraries: ="));
                dirs.map(|dirs| std::env::split_paths(dirs).collect()).unwrap_or_default()
            }
            LinkerFlavor::Linker => {
                let dirs = said.split("SEARCH_DIR(\"").skip(1).filter_map(|rest| rest.split('"').next());
                dirs.map(|dir| PathBuf::from(dir.trim_start_matches('='))).collect()
            }
        }
    }

    /// `word` as an argument of `item`.
    fn argument(&self, item: &'a Item, word: Word) -> Part<'a> {
        // A comma ends an argument behind `-Wl,`. A driver hands on what is a path to a file.
        let is_handed_on = word.is_handed_on && !word.text.contains(',');
        let text = if is_handed_on { self.flavor.flag(&word.text) } else { word.text };
        Part::Argument(item, Cow::Owned(text), word.files)
    }
}

/// What a word names.
enum Named {
    Nothing,
    /// A file that is linked.
    File(PathBuf),
    /// A linker script in the place of the linker's own.
    Script(PathBuf),
}

fn is_xlinker(part: &Part<'_>) -> bool {
    matches!(part, Part::Argument(_, arg, _) if arg == "-Xlinker")
}

fn is_library_option(text: &str) -> bool {
    matches!(text, "-l" | "--library" | "-library")
}

/// The error that `script` has `file` linked, and cannot be exchanged for what it names.
fn says_more(script: &Path, file: &Path) -> anyhow::Error {
    anyhow::anyhow!(
        "the linker script `{}` has `{}` linked, which is bitcode, and says more than that\n  \
         help: name that file on the command line, by `-Clink-arg` or `-lstatic`, where LTO can exchange it",
        script.display(),
        file.display()
    )
}

/// What the file `path` is.
fn kind(path: &Path) -> Result<Kind> {
    let bytes = fs::read(path).with_context(|| format!("cannot read `{}`", path.display()))?;
    if archive::is_archive(&bytes) || bitcode::is_bitcode(&bytes) {
        return Ok(Kind::Linked);
    }
    if bytes.starts_with(wasm::MAGIC) {
        let is_object = wasm::is_object(&bytes).with_context(|| format!("cannot use `{}`", path.display()))?;
        return Ok(if is_object { Kind::Linked } else { Kind::Other });
    }
    if FileKind::parse(&*bytes).is_ok() {
        use object::{Object, ObjectKind};
        let is_object = object::File::parse(&*bytes).is_ok_and(|object| object.kind() == ObjectKind::Relocatable);
        return Ok(if is_object { Kind::Linked } else { Kind::Other });
    }
    Ok(std::str::from_utf8(&bytes).map_or(Kind::Other, |text| Kind::Script(Script::parse(text))))
}

/// The first of the archives and objects `files` that has bitcode.
fn bitcode_among(files: &[PathBuf]) -> Result<Option<&Path>> {
    for file in files {
        let archive = members(file)?;
        if archive.members.iter().any(|member| bitcode::range(archive.contents(member)).is_some()) {
            return Ok(Some(file));
        }
    }
    Ok(None)
}
