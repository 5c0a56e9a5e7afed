//! The back end of distributed thin LTO: makes the objects of one crate, from what the thin link has
//! written for it.

use super::MODULES;
use super::distributed::{CrateGroup, CrateModules, MODULES_FILE, STD_BITCODE, digest, is_below, leads_elsewhere, read_list};
use crate::files::paths::Places;
use crate::files::scratch::{self, Finished, Scratch};
use crate::lto::fat::Engine;
use crate::lto::request::{self, ThinModule, ThinRequest};
use crate::lto::{bitcode, engine_beside_this_program, index};
use anyhow::{Context, Result, bail};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

/// What the back end is given.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// The folder that `thin-link` wrote for the crate
    #[arg(long, value_name = "DIR")]
    pub index: PathBuf,
    /// The folder of the standard library's bitcode that `thin-link` wrote, `std-bitcode`
    #[arg(long, value_name = "DIR")]
    pub std_bitcode: PathBuf,
    /// Where to put the objects; made if it does not exist
    #[arg(long, value_name = "DIR")]
    pub output_dir: PathBuf,
    /// The program that does it. [default: `splitlink-lto` beside this program]
    #[arg(long, value_name = "PROGRAM")]
    pub lto_engine: Option<PathBuf>,
    /// The Rust toolchain's folder, which has LLVM in `lib`. [default: none, and the engine finds LLVM
    /// by itself]
    #[arg(long, value_name = "DIR")]
    pub sysroot: Option<PathBuf>,
    /// How many modules are worked on at a time. What comes out is the same for any number. [default:
    /// one for each processor]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub threads: Option<u32>,
}

/// Makes the objects of a crate.
///
/// # Errors
/// If a file is missing, damaged or another's, or the engine fails.
pub fn run(options: &Options) -> Result<()> {
    let mut places = Places::default();
    places.input_folder("what the thin link wrote", &options.index);
    places.input_folder("the standard library's bitcode", &options.std_bitcode);
    places.inputs("the engine of LTO", &options.lto_engine);
    places.output_folder("the folder of objects", &options.output_dir);
    places.check()?;
    let list: CrateModules = read_list(&options.index.join(MODULES_FILE))?;
    let scratch = Scratch::beside(&options.output_dir)?;
    let program = options.lto_engine.clone().map_or_else(engine_beside_this_program, Ok)?;
    let engine = Engine { program: &program, sysroot: options.sysroot.as_deref(), splits_debug_info: None };
    let mut finished = Finished::default();
    for (number, group) in &list.groups {
        let dir = scratch.subdir(&number.to_string())?;
        let objects = objects(&engine, options, &options.index.join(number.to_string()), group, &dir);
        let objects = objects.with_context(|| format!("cannot optimise `{}`", list.crate_name))?;
        let to = options.output_dir.join(number.to_string());
        fs::create_dir_all(&to).with_context(|| scratch::cannot_write(&to))?;
        group.modules.iter().zip(objects).for_each(|(module, object)| finished.add(object, to.join(&module.object)));
    }
    fs::create_dir_all(&options.output_dir).with_context(|| scratch::cannot_write(&options.output_dir))?;
    finished.keep(scratch);
    finished.publish()
}

/// Makes the objects of a group in `dir`, from what is in `folder`.
fn objects(engine: &Engine<'_>, options: &Options, folder: &Path, group: &CrateGroup, dir: &Path) -> Result<Vec<PathBuf>> {
    let folder = std::path::absolute(folder).with_context(|| format!("cannot find `{}`", folder.display()))?;
    let std_bitcode = std::path::absolute(&options.std_bitcode)?;
    // LLVM finds bitcode by the names in the index.
    for (name, leads_to) in [(MODULES, folder.join(MODULES)), (STD_BITCODE, std_bitcode)] {
        symlink(&leads_to, dir.join(name)).with_context(|| scratch::cannot_write(&dir.join(name)))?;
    }
    let place = |file: &str| match file.strip_prefix(STD_BITCODE) {
        Some(rest) => PathBuf::from(format!("{}{rest}", options.std_bitcode.display())),
        None => folder.join(file),
    };
    let read = |module: &str, file: &str, what: &str| -> Result<Vec<u8>> {
        let path = place(file);
        let bytes = fs::read(&path).with_context(|| {
            format!(
                "cannot read {what} of `{module}`, `{}`\n  help: `splitlink thin-link` writes it; is it among the action's inputs?",
                path.display()
            )
        })?;
        let expected = group.digests.get(file).map(String::as_str);
        if expected != Some(digest([bytes.as_slice()]).as_str()) {
            bail!(
                "`{}`, {what} of `{module}`, is not what the thin link wrote: it was changed, truncated or exchanged\n  \
                 help: run the thin link again",
                path.display()
            );
        }
        Ok(bytes)
    };
    let mut modules = Vec::with_capacity(group.modules.len());
    let mut producer: Option<String> = None;
    for module in &group.modules {
        let files = [&module.bitcode, &module.index, &module.object].into_iter().chain(&module.imports);
        if let Some(file) = files.into_iter().find(|file| !is_below(file)) {
            bail!("{}", leads_elsewhere(file));
        }
        let own = read(&module.name, &module.bitcode, "the bitcode")?;
        let index = read(&module.name, &module.index, "the index")?;
        index::summaries(&index, &module.bitcode).with_context(|| format!("cannot use the index of `{}`", module.name))?;
        let says = |bytes: &[u8], of: &str| bitcode::producer(bytes).with_context(|| format!("cannot use the bitcode of `{of}`"));
        let first = producer.get_or_insert(says(&own, &module.name)?);
        for import in &module.imports {
            let other = says(&read(&module.name, import, "what it imports from")?, import)?;
            if other != *first {
                bail!(
                    "`{}` is bitcode of {first}, and `{import}`, which it imports from, of {other}\n  help: compile all with one Rust toolchain",
                    module.name
                );
            }
        }
        modules.push(ThinModule { name: module.name.clone(), file: module.bitcode.clone(), index: folder.join(&module.index) });
    }
    if modules.is_empty() {
        return Ok(Vec::new());
    }
    let request = ThinRequest {
        version: request::VERSION,
        modules,
        position_independent: group.position_independent,
        options: group.options.clone(),
    };
    engine.thin_objects(&request, options.threads, dir)
}
