//! What runs before `main` and after it, in languages that have such functions.

use super::{Module, c_string};
use llvm_sys::comdat::{LLVMGetComdat, LLVMSetComdat};
use llvm_sys::core::*;
use llvm_sys::{LLVMLinkage, prelude::LLVMValueRef};

/// The priority of those that name none (`llvm::Constructor`; LLVM's language reference,
/// `llvm.global_ctors`).
const DEFAULT_PRIORITY: u64 = 65535;

impl Module<'_> {
    /// Puts what runs at start and end into sections `.init_array` and `.fini_array`, one entry a
    /// variable.
    ///
    /// By itself LLVM's C interface generates `.ctors`, which linkers of today leave unread:
    /// `TargetOptions::UseInitArray` is off, and no function of that interface turns it on.
    pub fn use_init_array(&self) {
        for (list, section) in [(c"llvm.global_ctors", ".init_array"), (c"llvm.global_dtors", ".fini_array")] {
            let all = unsafe { LLVMGetNamedGlobal(self.raw, list.as_ptr()) };
            if all.is_null() {
                continue;
            }
            let entries = unsafe { LLVMGetInitializer(all) };
            let count = if entries.is_null() { 0 } else { unsafe { LLVMGetNumOperands(entries) } };
            for at in 0..u32::try_from(count).unwrap_or(0) {
                self.add_structor(section, unsafe { LLVMGetOperand(entries, at) });
            }
            unsafe { LLVMDeleteGlobal(all) };
        }
    }

    /// Adds `entry`: a priority, a function and what it belongs to.
    fn add_structor(&self, section: &str, entry: LLVMValueRef) {
        unsafe {
            let [priority, function, owner] = [0, 1, 2].map(|at| LLVMGetOperand(entry, at));
            if LLVMIsAConstantPointerNull(function).is_null() {
                let kind = LLVMTypeOf(function);
                let variable = LLVMAddGlobal(self.raw, kind, c".structor".as_ptr());
                LLVMSetInitializer(variable, function);
                LLVMSetLinkage(variable, LLVMLinkage::LLVMPrivateLinkage);
                LLVMSetGlobalConstant(variable, 1);
                let section = match LLVMConstIntGetZExtValue(priority) {
                    DEFAULT_PRIORITY => section.to_owned(),
                    priority => format!("{section}.{priority}"),
                };
                LLVMSetSection(variable, c_string(&section).as_ptr());
                let owner = LLVMIsAGlobalObject(owner);
                if !owner.is_null() {
                    LLVMSetComdat(variable, LLVMGetComdat(owner));
                }
            }
        }
    }
}
