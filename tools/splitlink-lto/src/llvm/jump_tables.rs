//! Sections of their own for jump tables, as `-ffunction-sections` has them.

use super::{Global, Linkage, Module, c_string};
use llvm_sys::LLVMOpcode;
use llvm_sys::comdat::{LLVMComdatSelectionKind, LLVMGetOrInsertComdat, LLVMSetComdat, LLVMSetComdatSelectionKind};
use llvm_sys::core::*;

impl Module<'_> {
    /// Has each function's jump tables in a section of their own, so that none keeps a function
    /// which nothing needs.
    ///
    /// By itself LLVM's C interface puts all of a module's into one:
    /// `TargetOptions::FunctionSections` is off, and no function of that interface turns it on. But
    /// those of a function that is in a comdat are apart
    /// (`TargetLoweringObjectFileELF::getSectionForJumpTable`, LLVM 22). This comdat is a group of
    /// sections that the linker keeps or leaves out together, and compares with no other.
    pub fn use_jump_table_sections(&self) {
        let is_ours = |function: &Global<'_>| {
            !function.is_declaration()
                && function.linkage() != Linkage::LLVMAvailableExternallyLinkage
                && function.comdat().is_none()
                && function.has_switch()
        };
        for function in self.functions().filter(is_ours) {
            unsafe {
                let comdat = LLVMGetOrInsertComdat(self.raw, c_string(function.name()).as_ptr());
                // LLVM's `nodeduplicate`, by the name that it once had.
                LLVMSetComdatSelectionKind(comdat, LLVMComdatSelectionKind::LLVMNoDuplicatesComdatSelectionKind);
                LLVMSetComdat(function.raw, comdat);
            }
        }
    }
}

impl Global<'_> {
    /// Whether a function branches by a `switch`, for which there may be a jump table.
    fn has_switch(&self) -> bool {
        self.blocks().any(|block| {
            let last = unsafe { LLVMGetBasicBlockTerminator(block) };
            !last.is_null() && matches!(unsafe { LLVMGetInstructionOpcode(last) }, LLVMOpcode::LLVMSwitch)
        })
    }
}
