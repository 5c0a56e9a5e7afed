//! The plan for the dylib form of a library crate that is compiled already.
//!
//! rustc is asked to link an empty crate, which needs nothing but the library, as a dylib. What it
//! then tells the linker is what the library's own dylib takes: the symbols to export and to keep,
//! native libraries, the allocator shim, every crate in order. That needs metadata only and
//! compiles nothing of the library.

use crate::compile::dependencies::DependencyFolder;
use crate::files::crates;
use crate::files::scratch::{self, Scratch};
use crate::no_link::classify::Line;
use crate::plan::Item;
use crate::rustc::args::RustcArgs;
use anyhow::{Context, Result};
use std::fs;
use std::path::{Path, PathBuf};

/// The codegen options of the library's command that are about its own code.
const OF_ITS_OWN: &[&str] = &["metadata", "extra-filename", "incremental", "save-temps"];

/// The library crate whose dylib is planned.
#[derive(Debug)]
pub(crate) struct Library {
    /// Its identity.
    pub(crate) id: String,
    /// Its metadata.
    path: PathBuf,
}

impl Library {
    /// The library whose metadata is `path`.
    ///
    /// # Errors
    /// If that is not named as a crate's.
    pub(crate) fn new(path: &Path) -> Result<Self> {
        Ok(Self { id: crates::identity(path)?, path: path.to_owned() })
    }

    /// The name of the empty crate that rustc is asked about.
    pub(crate) fn empty_crate(&self) -> String {
        format!("{}_dylib", crates::name(&self.id))
    }

    /// The dylib's file name.
    pub(crate) fn file_name(&self) -> String {
        format!("lib{}.so", self.id)
    }

    /// Turns the command to the library's dylib.
    pub(crate) fn ask_for(&self, args: &mut RustcArgs) {
        // Its native libraries too: its metadata names them, and its rlib may have them inside.
        for name in ["extern", "crate-name", "crate-type", "link-lib"] {
            args.remove(name, |_| true);
        }
        for key in OF_ITS_OWN {
            args.remove_codegen(key, |_| true);
        }
        args.remove_source();
        args.remove_other("--test");
        args.push("crate-name", self.empty_crate());
        // The user's lints are for the library's own source. The first one counts.
        args.allow_lints();
    }

    /// Gives rustc the empty crate, in `scratch`.
    ///
    /// # Errors
    /// If the library is not among the dependencies in `folder`, or the source cannot be written.
    pub(crate) fn give_source(&self, args: &mut RustcArgs, folder: &DependencyFolder, scratch: &Scratch) -> Result<()> {
        let hollow = folder.replacement(&self.path).with_context(|| {
            format!("the library `{}` is not among the crates that were given\n  help: add `--metadata` for it", self.path.display())
        })?;
        let source = scratch.subdir("source")?.join("dylib.rs");
        // Without the standard library, which comes along if the library needs it.
        fs::write(&source, "#![no_std]\nextern crate library as _;\n").with_context(|| scratch::cannot_write(&source))?;
        args.push("extern", format!("library={}", hollow.display()));
        args.push_other(source.to_string_lossy());
        Ok(())
    }
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
        let command = "a.rs --crate-name a -Dmissing_docs --crate-type rlib --extern b=b.rlib -lstatic=sum -Lnative=n -C metadata=7 -Copt-level=3 -o p/q";
        let mut args = RustcArgs::parse(command.split(' ').map(str::to_owned).collect());
        let library = Library::new(Path::new("x/liba-7.rmeta")).unwrap();
        library.ask_for(&mut args);
        assert_eq!(
            args.into_args(),
            ["-Dmissing_docs", "-Lnative=n", "--codegen=opt-level=3", "-o", "p/q", "--crate-name=a_dylib", "--cap-lints=allow"]
        );
        assert_eq!(library.file_name(), "liba-7.so");
    }
}
