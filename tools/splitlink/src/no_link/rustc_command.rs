//! The command that rustc is given: what is asked, against hollow rlibs, with everything written to
//! our scratch folder.

use super::asked::{Asked, LINK_ARGS, says_what_to_link};
use super::staticlib::put_empty_native_libraries;
use crate::compile::dependencies::{Dependencies, DependencyFolder, Form};
use crate::compile::library;
use crate::files::archive::Kind;
use crate::files::scratch::Scratch;
use crate::plan::Item;
use crate::plan::crate_type::CrateType;
use crate::rustc::args::RustcArgs;
use crate::rustc::target_format::{self, Format};
use anyhow::Result;
use std::path::PathBuf;

/// The command, and what it refers to.
#[derive(Debug)]
pub(crate) struct RustcCommand {
    /// How rustc is called.
    pub(crate) program: String,
    /// Its arguments, but for the linker.
    pub(crate) args: RustcArgs,
    /// The crate types that rustc makes, in order. Beside a staticlib that is compiled for LTO one
    /// may be a cdylib that nobody asked for: rustc lists the symbols of a cdylib only, and a
    /// staticlib offers the same ones.
    pub(crate) crate_types: Vec<CrateType>,
    /// Whether the crate is compiled for link-time optimisation.
    pub(crate) lto: bool,
    /// The dependencies.
    pub(crate) folder: DependencyFolder,
    /// The folder that rustc writes to.
    pub(crate) out: PathBuf,
    /// The native libraries whose objects belong into a staticlib.
    pub(crate) archived: Vec<Item>,
}

impl RustcCommand {
    /// Makes of the command `program` with `args` what is `asked`.
    ///
    /// # Errors
    /// If a dependency is broken, or a file cannot be written to `scratch`.
    pub(crate) fn new(program: String, mut args: RustcArgs, asked: &Asked, dependencies: &Dependencies, scratch: &Scratch) -> Result<Self> {
        if let Some(library) = &asked.library {
            library.ask_for(&mut args);
        }
        if asked.other_types {
            // They were for the command's crate type; rustc gives each its own.
            args.remove_codegen("link-arg", says_what_to_link);
        }
        let kind = if target_format::of_command(&args) == Some(Format::MachO) { Kind::Bsd } else { Kind::Gnu };
        let form = Form::HollowRlib { markers: asked.has_staticlib().then_some(kind) };
        let folder = dependencies.put_before(&mut args, scratch, form, None)?;
        if let Some(library) = &asked.library {
            library.give_source(&mut args, &folder, scratch)?;
        }
        // Formats are link-only's to decide; every crate is offered as a hollow rlib, so the line
        // is static throughout.
        args.remove_codegen("prefer-dynamic", |_| true);
        // What it calls here is no linker.
        args.remove("print", |what| what == LINK_ARGS);
        let mut crate_types = asked.crate_types.clone();
        if dependencies.lto && asked.has_staticlib() && !crate_types.contains(&CrateType::Cdylib) {
            crate_types.push(CrateType::Cdylib);
        }
        args.set_crate_types(&crate_types);
        let archived = if asked.has_staticlib() { put_empty_native_libraries(&mut args, scratch)? } else { Vec::new() };
        library::forget_outputs(&mut args);
        let out = scratch.subdir("out")?;
        match (&asked.file_name, crate_types.as_slice()) {
            (Some(name), [_]) if asked.is_named_by_o || library::has_comma(&out.join(name)) => {
                args.push("emit", "link");
                args.push("output", out.join(name).to_string_lossy());
            }
            (Some(name), [_]) => {
                args.push("emit", format!("link={}", out.join(name).display()));
                args.push("out-dir", out.to_string_lossy());
            }
            // With several crate types rustc names each artifact after the crate.
            _ => {
                args.push("emit", "link");
                args.push("out-dir", out.to_string_lossy());
            }
        }
        asked.emitted.ask_for(&mut args, &out, &["link"])?;
        Ok(Self { program, args, crate_types, lto: dependencies.lto, folder, out, archived })
    }
}
