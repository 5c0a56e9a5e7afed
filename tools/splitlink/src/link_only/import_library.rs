//! The import library of a DLL: by it a linker links others against the DLL.

use crate::plan::{Item, Link};
use std::path::{Path, PathBuf};

/// Where it is: beside the DLL, as rustc has it (`rustc_codegen_ssa::back::linker::GccLinker::build_dylib`,
/// 1.95), `libNAME.dll.a` for `NAME.dll`.
pub(crate) fn beside(dll: &Path) -> PathBuf {
    dll.with_file_name(format!("lib{}.a", dll.file_name().unwrap_or_default().to_string_lossy()))
}

impl Link {
    /// Whether the linker writes one.
    pub(crate) fn has_import_library(&self) -> bool {
        self.line.iter().any(|item| matches!(item, Item::OutputImportLibrary { .. }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn named_after_the_dll() {
        assert_eq!(beside(Path::new("out/a.dll")), Path::new("out/liba.dll.a"));
    }
}
