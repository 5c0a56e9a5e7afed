//! What the phases of a library do before rustc runs.

use super::dependencies::{Dependencies, Form};
use super::emitted::Emitted;
use super::library;
use super::split_debug_info::SplitDebugInfo;
use crate::files::paths::Places;
use crate::files::scratch::Scratch;
use crate::rustc::args::RustcArgs;
use crate::rustc::command::{self, Given};
use crate::worker::attached::Worker;
use anyhow::Result;
use std::path::Path;

/// The command of a library, which compiles it into a scratch folder.
pub(super) struct Prepared<'a> {
    /// How rustc is called.
    pub program: String,
    /// Its arguments.
    pub args: RustcArgs,
    /// The crate's name, for messages.
    pub crate_name: String,
    /// What the command asks for beside the library.
    pub asked: Emitted,
    /// Where rustc writes.
    pub scratch: Scratch,
    /// Where debug information goes.
    pub split: SplitDebugInfo<'a>,
}

impl<'a> Prepared<'a> {
    /// Prepares `command`, which is to make `output`; `add_places` names the phase's own files. None
    /// if a wrapper stood before rustc: it has run, and had this program, with `own_args`, do the
    /// phase.
    ///
    /// # Errors
    /// If the command cannot be read or asks for no library, if an output is in the way of another
    /// file, or a file cannot be written; the wrapper's own.
    pub fn new(
        output: &Path,
        add_places: impl FnOnce(&mut Places),
        dependencies: &'a Dependencies,
        own_args: &[String],
        command: &[String],
        worker: Option<&Worker>,
    ) -> Result<Option<Self>> {
        let (program, mut args) = match Given::parse(command)? {
            Given::Wrapper { wrapper, wrapped } => return command::run_wrapped(&wrapper, own_args, &wrapped).map(|()| None),
            Given::Rustc { program, args } => (program, args),
        };
        let dwo_dir = dependencies.dwo_dir.as_deref();
        library::require_library(&mut args, dwo_dir)?;
        let split = SplitDebugInfo::prepare(&mut args, dwo_dir, dependencies.lto)?;
        let crate_name = args.shown_crate_name();
        let asked = Emitted::asked(&args);
        let mut places = dependencies.places(&args);
        asked.add_outputs(&mut places);
        add_places(&mut places);
        places.check()?;
        let scratch = library::scratch(output, worker)?;
        dependencies.put_before(&mut args, &scratch, Form::Metadata, worker)?;
        library::forget_outputs(&mut args);
        library::emit(&mut args, scratch.path(), &asked)?;
        split.name_in(&mut args, &library::others(scratch.path()));
        Ok(Some(Self { program, args, crate_name, asked, scratch, split }))
    }
}
