//! What the command asks for. Nothing of it changes afterwards.

use super::{Outputs, dylib_of::Library, mach_o};
use crate::compile::emitted::Emitted;
use crate::compile::split_debug_info;
use crate::files::crates;
use crate::plan::LtoOptions;
use crate::plan::crate_type::CrateType;
use crate::rustc::args::RustcArgs;
use crate::rustc::target_format;
use anyhow::{Result, bail};
use std::fs;
use std::path::{Path, PathBuf};

/// What `--print` calls the linker's command.
pub(crate) const LINK_ARGS: &str = "link-args";

/// What the command asks for.
#[derive(Debug)]
pub(crate) struct Asked {
    /// The name of the crate that rustc compiles.
    pub(crate) crate_name: String,
    /// The crate types to link, in order.
    pub(crate) crate_types: Vec<CrateType>,
    /// Whether they are others than the command's own.
    pub(crate) other_types: bool,
    /// The library crate whose dylib is planned, if that is asked.
    pub(crate) library: Option<Library>,
    /// The folder that rustc was told to write to; empty for the working folder.
    pub(crate) dir: String,
    /// The artifact's file name, if it is asked for.
    pub(crate) file_name: Option<String>,
    /// Whether rustc is told that name by `-o`, of which it makes the names of modules as well.
    pub(crate) is_named_by_o: bool,
    /// The linker, if the command names one.
    pub(crate) linker: Option<String>,
    /// The user's own linker arguments, in order.
    pub(crate) link_args: Vec<String>,
    /// The folders of shared libraries to which the build system's own run paths lead.
    pub(crate) run_path_dirs: Vec<PathBuf>,
    /// Whether dylibs are preferred.
    pub(crate) prefer_dynamic: bool,
    /// Whether the linker's command is to be printed, which is link-only's to do.
    pub(crate) print_link_args: bool,
    /// What else rustc is to write; of the library's own command, for its dylib, nothing.
    pub(crate) emitted: Emitted,
}

impl Asked {
    /// Reads it from the command's `args` and what the phase is to make.
    ///
    /// # Errors
    /// If it cannot be done without the compiled dependencies, or not at all.
    pub(crate) fn new(args: &RustcArgs, outputs: &Outputs<'_>, dwo_dir: Option<&Path>) -> Result<Self> {
        let Output { dir, file_name, is_named_by_o } = Output::of(args);
        let library = outputs.dylib_of.map(Library::new).transpose()?;
        let mut crate_types = match (&library, outputs.crate_types) {
            (Some(_), _) => vec![CrateType::Dylib],
            (None, []) => args.crate_types()?,
            (None, given) => given.to_vec(),
        };
        if crate_types.len() > 1 {
            // `metadata` and `codegen` make it, of the same command. rustc would do no LTO beside
            // it.
            crate_types.retain(|crate_type| *crate_type != CrateType::Rlib);
        }
        let other_types = !outputs.crate_types.is_empty();
        let asked = Self {
            crate_name: library.as_ref().map_or_else(|| args.shown_crate_name(), Library::empty_crate),
            file_name: library.as_ref().map(Library::file_name).or(file_name),
            is_named_by_o: is_named_by_o && library.is_none(),
            dir,
            library,
            emitted: if outputs.dylib_of.is_some() { Emitted::asked(&RustcArgs::parse(Vec::new())) } else { Emitted::asked(args) },
            linker: args.codegen("linker").map(str::to_owned),
            link_args: link_args(args).into_iter().filter(|arg| !(other_types && says_what_to_link(arg))).collect(),
            run_path_dirs: outputs.run_path_dirs.to_vec(),
            prefer_dynamic: args.codegen("prefer-dynamic").is_some_and(|value| !matches!(value, "no" | "off" | "n" | "false")),
            print_link_args: args.values("print").any(|what| what == LINK_ARGS),
            crate_types,
            other_types,
        };
        asked.refuse_unsupported(args)?;
        asked.refuse_split_debug_info(args, dwo_dir)?;
        if asked.library.is_none() && !other_types {
            asked.refuse_output_over_others(args)?;
        }
        Ok(asked)
    }

    /// An output where something else is, which rustc refuses as well
    /// (`rustc_interface::passes::write_dep_info`, 1.95).
    fn refuse_output_over_others(&self, args: &RustcArgs) -> Result<()> {
        let Some(file_name) = &self.file_name else { return Ok(()) };
        let output = Path::new(&self.dir).join(file_name);
        let name = &self.crate_name;
        if let Ok(there) = fs::canonicalize(&output)
            && args.sources().any(|source| fs::canonicalize(source).is_ok_and(|source| source == there))
        {
            bail!(
                "the command of the crate `{name}` writes to `{}`, which is its source\n  help: name another file with `-o` or `--emit=link=`",
                output.display()
            );
        }
        if output.is_dir() {
            bail!(
                "the command of the crate `{name}` writes to `{}`, which is a folder\n  \
                 help: name a file with `-o` or `--emit=link=`; a folder is named with `--out-dir`",
                output.display()
            );
        }
        Ok(())
    }

    /// The name of the crate that the plan is for; the empty crate that rustc is asked about for a
    /// dylib is nobody's.
    pub(crate) fn planned_crate(&self) -> &str {
        self.library.as_ref().map_or(&self.crate_name, |library| crates::name(&library.id))
    }

    /// Whether a staticlib is among the crate types.
    pub(crate) fn has_staticlib(&self) -> bool {
        self.crate_types.contains(&CrateType::Staticlib)
    }

    /// Options under which rustc would do at compile time what needs the compiled dependencies.
    fn refuse_unsupported(&self, args: &RustcArgs) -> Result<()> {
        let name = &self.crate_name;
        if let Some(target) = args.values("target").next_back()
            && let Some((crate_type, format)) =
                self.crate_types.iter().find_map(|crate_type| Some((crate_type, target_format::not_linked(target, *crate_type)?)))
        {
            let linked = target_format::LINKED.iter().map(|(target, types)| {
                let types: Vec<_> = types.iter().map(|crate_type| crate_type.name()).collect();
                format!("`{target}` ({})", types.join(", "))
            });
            bail!(
                "the crate `{name}` is a {crate_type} for `{target}`, whose objects are {format}; besides those for ELF, splitlink links crates for {}\n  \
                 help: let rustc link it; its libraries may be compiled with `splitlink metadata` and `splitlink codegen`",
                linked.collect::<Vec<_>>().join(", ")
            );
        }
        if let Some(library) = &self.library
            && let Some(format) = target_format::of_command(args)
        {
            bail!(
                "the dylib of the library `{}` was asked for with `--dylib-of`, and its objects are {format}: splitlink makes one of ELF objects alone\n  \
                 help: compile its source as a dylib (`--crate-type dylib`)",
                crates::name(&library.id)
            );
        }
        mach_o::refuse_unsupported(name, &self.crate_types, args)?;
        if self.crate_types.contains(&CrateType::Rlib) {
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
        if let Some(print) = args.values("print").find(|what| what.strip_prefix(LINK_ARGS).is_some_and(|rest| rest.starts_with('='))) {
            bail!(
                "the command of the crate `{name}` has `--print={print}`, and only link-only knows the linker's arguments\n  \
                 help: use `--print=link-args`, with which link-only prints them; it can be sent to a file"
            );
        }
        Ok(())
    }

    /// Split debug information that nobody takes, or that there is none of.
    fn refuse_split_debug_info(&self, args: &RustcArgs, dwo_dir: Option<&Path>) -> Result<()> {
        if let Some(library) = &self.library {
            if dwo_dir.is_some() {
                bail!(
                    "the dylib of `{}` is planned with `--dwo-dir`, and nothing of it is compiled here\n  \
                     help: give `--dwo-dir` to the `codegen` of the library, and `splitlink dwp` what that wrote",
                    library.id
                );
            }
        } else if let (Some(split), None) = (split_debug_info::asked(args), dwo_dir) {
            bail!(
                "the crate `{}` is compiled with `-Csplit-debuginfo={split}`, which puts debug information beside the objects\n  {}",
                self.crate_name,
                split_debug_info::HELP
            );
        }
        Ok(())
    }
}

/// Where the command writes to.
struct Output {
    /// The folder; empty for the working folder.
    dir: String,
    /// The file's name, if the command says one.
    file_name: Option<String>,
    /// Whether it says it by `-o`.
    is_named_by_o: bool,
}

impl Output {
    fn of(args: &RustcArgs) -> Self {
        let emitted = args.values("emit").flat_map(|value| value.split(',')).filter_map(|kind| kind.strip_prefix("link=")).next_back();
        let file = emitted.or_else(|| args.values("output").next_back()).map(Path::new);
        let text = |path: &Path| path.to_string_lossy().into_owned();
        let dir = file.and_then(Path::parent).map(text).or_else(|| args.values("out-dir").next_back().map(str::to_owned));
        let file_name = file.and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned());
        Self { dir: dir.unwrap_or_default(), is_named_by_o: emitted.is_none() && file_name.is_some(), file_name }
    }
}

/// What link-time optimisation must know of the command.
pub(crate) fn lto_options(args: &RustcArgs) -> LtoOptions {
    let short = args.has("-O").then_some("3");
    LtoOptions {
        opt_level: args.codegen("opt-level").or(short).unwrap_or("0").to_owned(),
        llvm_args: args.codegen_values("llvm-args").flat_map(|value| value.split_ascii_whitespace().map(str::to_owned)).collect(),
    }
}

/// Whether a linker argument says what kind of file to make.
pub(crate) fn says_what_to_link(arg: &str) -> bool {
    matches!(arg, "-shared" | "-pie" | "-no-pie" | "-static-pie" | "-static")
}

/// The linker arguments of the user's own: `-Clink-arg` and, split at spaces as rustc does,
/// `-Clink-args`.
fn link_args(args: &RustcArgs) -> Vec<String> {
    let mut own = Vec::new();
    for (key, value) in args.codegen_options() {
        match key.as_str() {
            "link-arg" => own.push(value.to_owned()),
            "link-args" => own.extend(value.split_ascii_whitespace().map(str::to_owned)),
            _ => {}
        }
    }
    own
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
            let asked = Output::of(&parse(line));
            assert_eq!((asked.dir.as_str(), asked.file_name.as_deref()), (dir, file_name), "{line}");
            assert_eq!(asked.is_named_by_o, file_name.is_some() && line.contains("-o ") && !line.contains("link="), "{line}");
        }
    }

    #[test]
    fn linker_arguments_of_the_users_own() {
        let args = parse("a.rs -Clink-arg=a -C link_args=b  -Copt-level=3 -Clink-arg=c=d");
        assert_eq!(link_args(&args), ["a", "b", "c=d"]);
    }
}
