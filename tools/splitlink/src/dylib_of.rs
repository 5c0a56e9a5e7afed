//! The plan for the dylib form of a library crate that is compiled already.
//!
//! rustc is asked to link an empty crate that needs nothing but the library as a dylib. What it then tells the linker is what
//! the library's own dylib takes: the symbols to export and to keep, native libraries, the allocator shim, every crate in order.
//! That needs metadata only and compiles nothing of the library.

use crate::classify::Line;
use crate::crates::DependencyFolder;
use crate::plan::Item;
use crate::rustc_args::RustcArgs;
use crate::scratch::{self, Scratch};
use anyhow::{Context, Result};
use std::fs;
use std::path::Path;

/// The codegen options of the library's command that are about its own code.
const OF_ITS_OWN: &[&str] = &["metadata", "extra-filename", "incremental", "save-temps"];

/// The name of the library crate whose identity is `id`: what precedes rustc's extra file name.
pub fn crate_name(id: &str) -> &str {
    id.split('-').next().unwrap_or(id)
}

/// Turns the command to the library's dylib, named after its identity `id`, in the folder that the command wrote to.
pub fn ask_for(args: &mut RustcArgs, id: &str, output_dir: &str) {
    // Its native libraries too: its metadata names them, and its rlib may have them inside.
    for name in ["extern", "crate-name", "crate-type", "emit", "out-dir", "output", "link-lib"] {
        args.remove(name, |_| true);
    }
    args.remove("codegen", |value| OF_ITS_OWN.contains(&value.split('=').next().unwrap_or_default().replace('_', "-").as_str()));
    args.remove_source();
    args.remove_other("--test");
    args.push("crate-type", "dylib");
    args.push("crate-name", format!("{}_dylib", crate_name(id)));
    args.push("emit", format!("link={}", Path::new(output_dir).join(format!("lib{id}.so")).display()));
}

/// Gives rustc the empty crate, in `scratch`.
///
/// # Errors
/// If the library is not among the dependencies in `folder`, or the source cannot be written.
pub fn give_source(args: &mut RustcArgs, library: &Path, folder: &DependencyFolder, scratch: &Scratch) -> Result<()> {
    let hollow = folder.replacement(library).with_context(|| {
        format!("the library `{}` is not among the crates that were given\n  help: add `--metadata` for it", library.display())
    })?;
    let source = scratch.subdir("source")?.join("dylib.rs");
    // Without the standard library, which comes along if the library needs it.
    fs::write(&source, "#![no_std]\nextern crate library as _;\n").with_context(|| scratch::cannot_write(&source))?;
    args.push("extern", format!("library={}", hollow.display()));
    args.push_other(source.to_string_lossy());
    Ok(())
}

/// Exchanges the empty crate's own parts in `line` for the library's.
pub fn exchange_own(line: &mut Line, id: &str) {
    let items = std::mem::take(&mut line.items);
    for item in items {
        let item = match item {
            Item::Module { file } => {
                line.files.remove(&file);
                continue;
            }
            Item::MetadataObject { file, .. } => {
                line.files.remove(&file);
                Item::CrateMetadata { id: id.to_owned() }
            }
            Item::Crate { id: of } if of == id => Item::WholeCrate { id: of },
            other => other,
        };
        line.items.push(item);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked() {
        let command = "a.rs --crate-name a --crate-type rlib --extern b=b.rlib -lstatic=sum -Lnative=n -C metadata=7 -Copt-level=3 -o p/q";
        let mut args = RustcArgs::parse(command.split(' ').map(str::to_owned).collect());
        ask_for(&mut args, "a-7", "p");
        let expected = ["-Lnative=n", "--codegen=opt-level=3", "--crate-type=dylib", "--crate-name=a_dylib", "--emit=link=p/liba-7.so"];
        assert_eq!(args.into_args(), expected);
    }
}
