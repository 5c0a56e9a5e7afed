//! The no-link phase of a linked crate: rustc compiles it against hollow rlibs and calls us as its linker; the call becomes
//! the link plan.

use crate::archive::{Archive, file_name};
use crate::bundled;
use crate::capture::{self, Temporary};
use crate::classify::{self, Line, Module};
use crate::command::{self, ChildFailed, Given};
use crate::crates::{self, DependencyFolder, Form};
use crate::dylib_of;
use crate::metadata::{self, Dependencies};
use crate::metadata_formats;
use crate::plan::{Crate, Item, Link, LinkPlan, LtoOptions, VERSION};
use crate::processors;
use crate::rlib;
use crate::rustc_args::RustcArgs;
use crate::scratch::{self, Scratch};
use anyhow::{Context, Result, bail};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The linker that rustc calls on ELF targets when it is not told one (`rustc_target::spec`, 1.95).
const DEFAULT_LINKER: &str = "cc";

/// What the phase makes.
#[derive(Debug, Clone, Copy)]
pub struct Outputs<'a> {
    /// Where the plan goes.
    pub plan: &'a Path,
    /// The folder for the modules.
    pub modules: &'a Path,
    /// The metadata of the library crate whose dylib is planned; the command then only says for what target and how.
    pub dylib_of: Option<&'a Path>,
    /// The crate types in place of the command's; none for these.
    pub crate_types: &'a [String],
}

/// Runs the phase: writes the plan to `plan` and the modules into the folder `modules`.
///
/// # Errors
/// rustc's own; that its linker call is not understood; that an output cannot be written.
pub fn run(outputs: &Outputs<'_>, dependencies: &Dependencies, own_args: &[String], command: &[String]) -> Result<()> {
    let Outputs { plan, modules, dylib_of, crate_types } = *outputs;
    let (program, mut args) = match Given::parse(command)? {
        Given::Wrapper { wrapper, wrapped } => return command::run_wrapped(&wrapper, own_args, &wrapped),
        Given::Rustc { program, args } => (program, args),
    };
    if let Some(library) = dylib_of {
        let dir = Asked::from(&args).dir;
        dylib_of::ask_for(&mut args, &crates::identity(library)?, &dir);
    }
    if !crate_types.is_empty() {
        args.remove("crate-type", |_| true);
        args.push("crate-type", crate_types.join(","));
        // They were for the command's crate type; rustc gives each its own.
        args.remove("codegen", |value| {
            value.split_once('=').is_some_and(|(key, arg)| key.replace('_', "-") == "link-arg" && says_what_to_link(arg))
        });
    }
    let mut crate_types = args.crate_types();
    if crate_types.len() > 1 && crate_types.iter().any(|t| t == "rlib") {
        // `metadata` and `codegen` make it, of the same command. rustc would do no LTO beside it.
        crate_types.retain(|t| t != "rlib");
        args.remove("crate-type", |_| true);
        args.push("crate-type", crate_types.join(","));
    }
    refuse_unsupported(&args, &crate_types)?;
    let has_staticlib = crate_types.iter().any(|t| t == "staticlib");
    let asked = Asked::from(&args);
    let linker = args.codegen("linker").map(str::to_owned);

    let scratch = Scratch::beside(plan)?;
    let folder = dependencies.put_before(&mut args, &scratch, Form::HollowRlib { markers: has_staticlib })?;
    if let Some(library) = dylib_of {
        dylib_of::give_source(&mut args, library, &folder, &scratch)?;
    }
    let lto = dependencies.lto.then(|| lto_options(&args));
    // Formats are link-only's to decide; every crate is offered as a hollow rlib, so the line is static throughout.
    let prefer_dynamic = args.codegen("prefer-dynamic").is_some_and(|value| !matches!(value, "no" | "off" | "n" | "false"));
    args.remove("codegen", |value| value.split('=').next().is_some_and(|key| key.replace('_', "-") == "prefer-dynamic"));
    // For a staticlib rustc lists no symbols; a cdylib offers the same ones, and its list is made on the way.
    let list_for_staticlib = lto.is_some() && has_staticlib && !crate_types.iter().any(|t| t == "cdylib");
    if list_for_staticlib {
        args.remove("crate-type", |_| true);
        args.push("crate-type", [crate_types.as_slice(), &["cdylib".to_owned()]].concat().join(","));
    }
    let archived = if has_staticlib { stand_in_for_native_libraries(&mut args, &scratch)? } else { Vec::new() };
    metadata::forget_outputs(&mut args);
    let out = scratch.subdir("out")?;
    match &asked.file_name {
        // With several crate types rustc names each artifact after the crate.
        Some(name) if crate_types.len() == 1 && !list_for_staticlib => args.push("emit", format!("link={}", out.join(name).display())),
        _ => args.push("emit", "link"),
    }
    args.push("out-dir", out.to_string_lossy());
    let link_args = link_args(&args);
    let search_dirs: Vec<String> = args.values("library-path").map(str::to_owned).collect();
    let target_libdir = if has_staticlib { Some(target_libdir(&program, &args)?) } else { None };
    let toolchain = args.toolchain().map(str::to_owned);
    let captured = compile(&program, args, linker.as_deref(), &scratch)?;

    let cwd = std::env::current_dir().context("cannot tell the working folder")?;
    let deps = [folder.dir.clone(), cwd.join(&folder.dir)];
    let temporary = Temporary::new(scratch.path())?;
    let context = |crate_type| classify::Context {
        crate_name: &asked.crate_name,
        crate_type,
        deps: &deps,
        temporary: &temporary,
        cwd: &cwd,
        out: &out,
        output_dir: Path::new(&asked.dir),
        link_args: link_args.clone(),
    };
    let mut links = Vec::new();
    let mut files = BTreeMap::new();
    let mut calls = captured.iter();
    for crate_type in &crate_types {
        let (line, file_name) = if crate_type == "staticlib" {
            let archive = made_archive(&out)?;
            let libdir = target_libdir.as_deref().expect("asked for above");
            let mut line = staticlib_line(&archive, &folder, libdir, &archived, &search_dirs, &scratch, &cwd)?;
            let asked_for = asked.file_name.clone().filter(|_| crate_types.len() == 1);
            let file_name = asked_for.unwrap_or_else(|| file_name(&archive));
            if lto.is_some() {
                let at = crate_types.iter().filter(|t| *t != "staticlib").position(|t| t == "cdylib");
                let call = at.map_or(captured.last(), |at| captured.get(at));
                let list = call.and_then(|call| call.saved.iter().find(|(path, _)| path.ends_with("/list")));
                let (_, list) = list.context(
                    "rustc listed no symbols for a cdylib, which LTO of a staticlib goes by\n  help: does the target know cdylibs?",
                )?;
                let file = keep(&mut line, "staticlib/list".into(), list.clone());
                line.items.push(Item::ExportedSymbols { file });
            }
            (line, file_name)
        } else {
            let call =
                calls.next().with_context(|| {
                    format!("rustc did not call the linker for the {crate_type} `{}`\n  help: does the source ask for another crate type (`#![crate_type]`)? name it with `--crate-type`", asked.crate_name)
                })?;
            let mut line = classify::classify(call, &context(crate_type))?;
            if let Some(library) = dylib_of {
                dylib_of::exchange_own(&mut line, &crates::identity(library)?);
            } else if crate_type == "dylib" {
                metadata_formats::note(&mut line, &program, toolchain.as_deref(), &scratch)?;
            }
            (line, file_name(&output_of(call)?))
        };
        for (name, from) in line.files {
            files.entry(name).or_insert(from);
        }
        let linker = (crate_type != "staticlib").then(|| linker_program(linker.as_deref().unwrap_or(DEFAULT_LINKER), &cwd));
        links.push(Link { crate_type: crate_type.clone(), file_name, output_dir: relative(&asked.dir, &cwd), linker, line: line.items });
    }
    let (crates, unlinked) = linked_and_unlinked(&links, dependencies)?;
    publish_modules(&files, modules)?;
    // The empty crate that rustc was asked about is nobody's.
    let crate_name = match dylib_of {
        Some(library) => dylib_of::crate_name(&crates::identity(library)?).to_owned(),
        None => asked.crate_name,
    };
    let text = LinkPlan { version: VERSION, crate_name, crates, unlinked, prefer_dynamic, lto, links }.to_text();
    scratch::publish_bytes(&scratch, text.as_bytes(), plan)
}

/// What link-time optimisation must know of the command.
fn lto_options(args: &RustcArgs) -> LtoOptions {
    let short = args.has("-O").then_some("3");
    let llvm_args =
        args.values("codegen").filter_map(|value| value.split_once('=')).filter(|(key, _)| key.replace('_', "-") == "llvm-args");
    LtoOptions {
        opt_level: args.codegen("opt-level").or(short).unwrap_or("0").to_owned(),
        llvm_args: llvm_args.flat_map(|(_, value)| value.split_ascii_whitespace().map(str::to_owned)).collect(),
    }
}

/// Whether a linker argument says what kind of file to make.
fn says_what_to_link(arg: &str) -> bool {
    matches!(arg, "-shared" | "-pie" | "-no-pie" | "-static-pie" | "-static")
}

/// What the command says of its output.
struct Asked {
    crate_name: String,
    dir: String,
    file_name: Option<String>,
}

impl Asked {
    fn from(args: &RustcArgs) -> Self {
        let emitted = args.values("emit").flat_map(|value| value.split(',')).filter_map(|kind| kind.strip_prefix("link=")).next_back();
        let file = emitted.or_else(|| args.values("output").next_back()).map(Path::new);
        let text = |path: &Path| path.to_string_lossy().into_owned();
        Self {
            crate_name: args.crate_name().unwrap_or("main").to_owned(),
            dir: file
                .and_then(Path::parent)
                .map(text)
                .or_else(|| args.values("out-dir").next_back().map(str::to_owned))
                .unwrap_or_default(),
            file_name: file.and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned()),
        }
    }
}

/// Options under which rustc would do at compile time what needs the compiled dependencies.
fn refuse_unsupported(args: &RustcArgs, crate_types: &[String]) -> Result<()> {
    let name = args.crate_name().unwrap_or("?");
    if crate_types.iter().any(|t| t == "rlib") {
        bail!("the crate `{name}` is built as an rlib, which is not linked\n  help: use `splitlink metadata` and `splitlink codegen`");
    }
    if let Some(lto) = args.codegen("lto")
        && !matches!(lto, "off" | "no" | "n" | "false")
    {
        bail!(
            "the crate `{name}` is compiled with `-Clto{}{lto}`, for which rustc needs the code of every dependency while it compiles\n  \
             help: leave out `-Clto`, and give `--lto` to no-link, and to link-only with `thin` or `fat`",
            if lto.is_empty() { "" } else { "=" }
        );
    }
    if let Some(split @ ("packed" | "unpacked")) = args.codegen("split-debuginfo") {
        bail!(
            "the crate `{name}` is compiled with `-Csplit-debuginfo={split}`, which puts debug information beside the objects\n  \
             help: use `-Csplit-debuginfo=off`, the default on Linux; splitlink does not carry `.dwo` files yet"
        );
    }
    Ok(())
}

/// The linker arguments of the user's own: `-Clink-arg` and, split at spaces as rustc does, `-Clink-args`.
fn link_args(args: &RustcArgs) -> Vec<String> {
    let mut own = Vec::new();
    for (key, value) in args.values("codegen").filter_map(|value| value.split_once('=')) {
        match key.replace('_', "-").as_str() {
            "link-arg" => own.push(value.to_owned()),
            "link-args" => own.extend(value.split_ascii_whitespace().map(str::to_owned)),
            _ => {}
        }
    }
    own
}

/// Compiles, with this program as the linker, and returns the recorded calls.
fn compile(program: &str, mut args: RustcArgs, linker: Option<&str>, scratch: &Scratch) -> Result<Vec<capture::Invocation>> {
    let captures = scratch.subdir("capture")?;
    // rustc infers the linker's flavor from its name; a name that it does not know means the target's own flavor.
    let name = linker.map_or("splitlink".to_owned(), |linker| file_name(Path::new(linker)));
    let stand_in = scratch.subdir("linker")?.join(name);
    let own = std::env::current_exe().context("cannot find the splitlink program itself")?;
    std::os::unix::fs::symlink(&own, &stand_in).with_context(|| format!("cannot make the link `{}`", stand_in.display()))?;
    args.remove("codegen", |value| value.starts_with("linker="));
    args.push("codegen", format!("linker={}", stand_in.display()));
    let captures = fs::canonicalize(&captures).with_context(|| format!("cannot find `{}`", captures.display()))?;
    let mut rustc = Command::new(program);
    rustc.args(args.into_args()).env(capture::VARIABLE, &captures);
    let _share = processors::limit_threads(&mut rustc)?;
    let status = command::tie(&mut rustc).status().with_context(|| command::cannot_start("rustc", program))?;
    if !status.success() {
        return Err(ChildFailed::from_status(status).into());
    }
    capture::recorded(&captures)
}

fn output_of(call: &capture::Invocation) -> Result<PathBuf> {
    let at = call.args.iter().position(|arg| arg == "-o");
    let path = at.and_then(|at| call.args.get(at + 1));
    Ok(path.context("rustc's linker call has no `-o`\n  help: splitlink knows linkers that are called like cc or ld")?.into())
}

fn made_archive(out: &Path) -> Result<PathBuf> {
    let entries = fs::read_dir(out).with_context(|| format!("cannot list `{}`", out.display()))?;
    let archive = entries.filter_map(|entry| Some(entry.ok()?.path())).find(|path| path.extension().is_some_and(|e| e == "a"));
    archive.context("rustc wrote no archive for the staticlib")
}

/// Puts empty archives where rustc looks for the native libraries that a staticlib takes in, which need not be compiled
/// yet; link-only takes in the real ones. Returns the items for them.
fn stand_in_for_native_libraries(args: &mut RustcArgs, scratch: &Scratch) -> Result<Vec<Item>> {
    let dir = scratch.subdir("native")?;
    let mut items = Vec::new();
    for value in args.values("link-lib") {
        let Some((kind, name)) = value.split_once('=') else { continue };
        let (kind, modifiers) = kind.split_once(':').unwrap_or((kind, ""));
        if kind != "static" || modifiers.split(',').any(|m| m == "-bundle") {
            continue;
        }
        let verbatim = modifiers.split(',').any(|m| m == "+verbatim");
        let file = dir.join(if verbatim { name.to_owned() } else { format!("lib{name}.a") });
        fs::write(&file, b"!<arch>\n").with_context(|| scratch::cannot_write(&file))?;
        let item = Item::ArchivedLibrary { name: name.to_owned(), verbatim };
        if !items.contains(&item) {
            items.push(item);
        }
    }
    args.push_front("library-path", format!("native={}", dir.display()));
    Ok(items)
}

/// The folder of the target's standard library, as rustc says.
fn target_libdir(program: &str, args: &RustcArgs) -> Result<PathBuf> {
    let mut command = Command::new(program);
    command.args(args.toolchain());
    for option in ["sysroot", "target"] {
        command.args(args.values(option).map(|value| format!("--{option}={value}")));
    }
    let output = command.args(["--print", "target-libdir"]).output().with_context(|| command::cannot_start("rustc", program))?;
    let dir = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    if dir.is_empty() {
        bail!("rustc does not say where its standard library is: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(dir.into())
}

/// The line of a staticlib, for which rustc calls no linker: read from the archive that rustc itself made of the hollow
/// rlibs, whose markers show where each crate's objects belong.
#[allow(clippy::too_many_arguments, reason = "one call, and each is a different thing")]
fn staticlib_line(
    archive: &Path,
    folder: &DependencyFolder,
    libdir: &Path,
    archived: &[Item],
    search_dirs: &[String],
    scratch: &Scratch,
    cwd: &Path,
) -> Result<Line> {
    let mut line = Line::default();
    for dir in search_dirs {
        let kinds = ["native", "crate", "dependency", "framework", "all"];
        let dir = dir.split_once('=').filter(|(kind, _)| kinds.contains(kind)).map_or(dir.as_str(), |(_, dir)| dir);
        if !Path::new(dir).starts_with(scratch.path()) {
            line.items.push(Item::SearchPath { dir: relative(dir, cwd) });
        }
    }
    let archive = Archive::read(archive)?;
    let of_sysroot = sysroot_members(libdir)?;
    let own = scratch.subdir("members")?;
    let mut own_is_over = false;
    for (number, member) in archive.members.iter().enumerate() {
        let item = if let Some(item) = folder.markers.get(&member.name) {
            item.clone()
        } else if bundled::is_stand_in(archive.contents(member)) {
            continue;
        } else if let Some((target, file_name)) = of_sysroot.get(&member.name) {
            Item::SysrootCrate { target: target.clone(), file_name: file_name.clone() }
        } else {
            let file = own.join(number.to_string());
            fs::write(&file, archive.contents(member)).with_context(|| scratch::cannot_write(&file))?;
            // A folder each: names may come twice, and they are the members' names again in the artifact.
            let file = keep(&mut line, format!("staticlib/{number}/{}", member.name), file);
            match classify::module_name(&member.name) {
                Some(Module::AllocatorShim) => Item::AllocatorShim { file },
                // The crate's own, or of a native library that rustc found by itself, in a build script's output folder, say.
                _ => Item::Module { file },
            }
        };
        if !own_is_over && matches!(item, Item::Crate { .. } | Item::SysrootCrate { .. }) {
            own_is_over = true;
            line.items.extend_from_slice(archived);
        }
        if line.items.last() != Some(&item) {
            line.items.push(item);
        }
    }
    if !own_is_over {
        line.items.extend_from_slice(archived);
    }
    Ok(line)
}

fn keep(line: &mut Line, name: String, file: PathBuf) -> String {
    line.files.insert(name.clone(), file);
    name
}

/// Which of the sysroot's rlibs each of their members is from: member → target, rlib.
fn sysroot_members(libdir: &Path) -> Result<HashMap<String, (String, String)>> {
    let mut members = HashMap::new();
    for entry in fs::read_dir(libdir).with_context(|| format!("cannot list the standard library `{}`", libdir.display()))? {
        let path = entry?.path();
        let Some((_, target, file_name)) = classify::sysroot_rlib(&path.to_string_lossy()) else { continue };
        for member in Archive::read(&path)?.members {
            members.insert(member.name, (target.clone(), file_name.clone()));
        }
    }
    Ok(members)
}

/// The crates of the lines, each with what tells its build from others, and the other crates that were given.
fn linked_and_unlinked(links: &[Link], dependencies: &Dependencies) -> Result<(Vec<Crate>, Vec<String>)> {
    let linked: BTreeSet<&str> = links
        .iter()
        .flat_map(|link| &link.line)
        .filter_map(|item| if let Item::Crate { id } | Item::WholeCrate { id } = item { Some(id.as_str()) } else { None })
        .collect();
    let given = crates::by_identity(&dependencies.metadata)?;
    let unlinked = given.keys().filter(|id| !linked.contains(id.as_str())).cloned().collect();
    let stamped = linked.into_iter().map(|id| {
        let path = given.get(id).with_context(|| format!("rustc links the crate `{id}`, whose metadata was not given"))?;
        Ok(Crate { id: id.to_owned(), stamp: rlib::stamp(path)? })
    });
    Ok((stamped.collect::<Result<_>>()?, unlinked))
}

/// Moves the modules into the folder for them; on failure none is left there, nor the folder if it was not there before.
fn publish_modules(files: &BTreeMap<String, PathBuf>, modules: &Path) -> Result<()> {
    let was_there = modules.exists();
    let put = || -> Result<()> {
        fs::create_dir_all(modules).with_context(|| format!("cannot make the folder of modules `{}`", modules.display()))?;
        for (name, from) in files {
            let to = modules.join(name);
            if let Some(parent) = to.parent() {
                fs::create_dir_all(parent).with_context(|| format!("cannot make `{}`", parent.display()))?;
            }
            // The capture may hold a file of several links once; a copy is needed only across file systems.
            if fs::hard_link(from, &to).is_err() {
                fs::copy(from, &to).with_context(|| scratch::cannot_write(&to))?;
            }
        }
        Ok(())
    };
    put().inspect_err(|_| {
        if !was_there {
            let _ = fs::remove_dir_all(modules);
        }
        for name in files.keys() {
            let _ = fs::remove_file(modules.join(name));
        }
    })
}

/// The linker as it is called: a bare name is looked up on the path, so a file in the working folder itself keeps a slash.
fn linker_program(linker: &str, cwd: &Path) -> String {
    let relative = relative(linker, cwd);
    if linker.contains('/') && !relative.contains('/') { format!("./{relative}") } else { relative }
}

/// `path` relative to the working folder if it is inside, else as it is.
fn relative(path: &str, cwd: &Path) -> String {
    Path::new(path).strip_prefix(cwd).map_or_else(|_| path.to_owned(), |path| path.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> RustcArgs {
        RustcArgs::parse(line.split(' ').map(str::to_owned).collect())
    }

    #[test]
    fn where_the_command_wants_its_output() {
        let table = [
            ("a.rs --crate-name a --out-dir o", "o", None),
            ("a.rs --out-dir o -o p/q.r", "p", Some("q.r")),
            ("a.rs --emit=dep-info=d,link=p/q", "p", Some("q")),
            ("a.rs --emit=dep-info,link -o q", "", Some("q")),
            ("a.rs", "", None),
        ];
        for (line, dir, file_name) in table {
            let asked = Asked::from(&parse(line));
            assert_eq!((asked.dir.as_str(), asked.file_name.as_deref()), (dir, file_name), "{line}");
        }
    }

    #[test]
    fn the_users_linker_and_its_arguments() {
        let args = parse("a.rs -Clink-arg=a -C link_args=b  -Copt-level=3 -Clink-arg=c=d");
        assert_eq!(link_args(&args), ["a", "b", "c=d"]);
        for (linker, expected) in
            [("cc", "cc"), ("/w/bin/cc", "bin/cc"), ("/w/cc", "./cc"), ("./cc", "./cc"), ("/usr/bin/cc", "/usr/bin/cc")]
        {
            assert_eq!(linker_program(linker, Path::new("/w")), expected);
        }
    }
}
