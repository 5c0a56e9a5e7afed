//! A section for each variable, so that the linker can leave out what nothing needs.
//!
//! rustc has LLVM do that by `TargetOptions::DataSections`
//! (`rustc_codegen_llvm::back::write::target_machine_factory`, 1.95), which LLVM's C interface
//! cannot turn on. Here each variable is put into the section that LLVM would choose then
//! (`TargetLoweringObjectFile::getKindForGlobal` and `TargetLoweringObjectFileELF`, LLVM 22).
//! Constants that the linker merges with equal ones stay where they are, as with rustc.

use super::{Linkage, Module, UnnamedAddr};
use llvm_sys::core::*;
use llvm_sys::prelude::LLVMValueRef;
use llvm_sys::target::{LLVMABISizeOfType, LLVMGetModuleDataLayout};
use llvm_sys::{LLVMOpcode, LLVMTypeKind};
use std::collections::HashSet;

impl Module<'_> {
    /// Puts each variable that has no section into one of its own. With `position_independent`
    /// code, constants that hold addresses are written when the artifact is loaded.
    pub fn use_data_sections(&self, position_independent: bool) {
        for variable in self.variables() {
            let is_plain = !variable.is_declaration() && !variable.has_section() && variable.comdat().is_none();
            let is_special = matches!(
                variable.linkage(),
                Linkage::LLVMAppendingLinkage | Linkage::LLVMCommonLinkage | Linkage::LLVMAvailableExternallyLinkage
            );
            if !is_plain || is_special || variable.name().starts_with("llvm.") {
                continue;
            }
            let Some(prefix) = self.section_prefix(variable.raw, position_independent) else { continue };
            if variable.name().is_empty() {
                // LLVM adds a number where the name is taken.
                variable.set_name("anonymous");
            }
            variable.set_section(&format!("{prefix}.{}", variable.name()));
        }
    }

    /// How the section's name begins; none for what is merged.
    fn section_prefix(&self, variable: LLVMValueRef, position_independent: bool) -> Option<&'static str> {
        unsafe {
            let value = LLVMGetInitializer(variable);
            let is_constant = LLVMIsGlobalConstant(variable) != 0;
            let is_zero = !is_constant && is_null_or_undefined(value);
            if LLVMIsThreadLocal(variable) != 0 {
                return Some(if is_zero { ".tbss" } else { ".tdata" });
            }
            if !is_constant {
                return Some(if is_zero { ".bss" } else { ".data" });
            }
            if holds_addresses(value) {
                return Some(if position_independent { ".data.rel.ro" } else { ".rodata" });
            }
            let is_anonymous = matches!(LLVMGetUnnamedAddress(variable), UnnamedAddr::LLVMGlobalUnnamedAddr);
            (!(is_anonymous && self.is_mergeable(value))).then_some(".rodata")
        }
    }

    /// Whether LLVM puts an anonymous constant of this value among those that the linker merges.
    fn is_mergeable(&self, value: LLVMValueRef) -> bool {
        let size = unsafe { LLVMABISizeOfType(LLVMGetModuleDataLayout(self.raw), LLVMTypeOf(value)) };
        matches!(size, 4 | 8 | 16 | 32) || is_c_string(value)
    }
}

/// Whether `value` is text that ends where its first zero is, in characters of 1, 2 or 4 bytes.
fn is_c_string(value: LLVMValueRef) -> bool {
    unsafe {
        let kind = LLVMTypeOf(value);
        if LLVMGetTypeKind(kind) as u32 != LLVMTypeKind::LLVMArrayTypeKind as u32 {
            return false;
        }
        let element = LLVMGetElementType(kind);
        let is_character = LLVMGetTypeKind(element) as u32 == LLVMTypeKind::LLVMIntegerTypeKind as u32
            && matches!(LLVMGetIntTypeWidth(element), 8 | 16 | 32);
        let length = LLVMGetArrayLength2(kind);
        if !is_character || length == 0 {
            return false;
        }
        if LLVMIsNull(value) != 0 {
            return length == 1;
        }
        let is_zero = |at: u64| {
            let element = u32::try_from(at).map_or(std::ptr::null_mut(), |at| LLVMGetAggregateElement(value, at));
            !element.is_null() && LLVMIsNull(element) != 0
        };
        (0..length).find(|at| is_zero(*at)) == Some(length - 1)
    }
}

/// The values that `value` is made of.
fn operands(value: LLVMValueRef) -> impl Iterator<Item = LLVMValueRef> {
    let count = unsafe { LLVMGetNumOperands(value) };
    (0..u32::try_from(count).unwrap_or(0)).map(move |at| unsafe { LLVMGetOperand(value, at) })
}

/// Whether nothing of `value` has to be written down.
fn is_null_or_undefined(value: LLVMValueRef) -> bool {
    unsafe {
        if LLVMIsNull(value) != 0 || LLVMIsUndef(value) != 0 {
            return true;
        }
        let is_aggregate =
            [LLVMIsAConstantArray(value), LLVMIsAConstantStruct(value), LLVMIsAConstantVector(value)].iter().any(|is| !is.is_null());
        is_aggregate && operands(value).all(is_null_or_undefined)
    }
}

/// Whether `value` holds an address, which is known only when the artifact is loaded. The difference
/// of two is known earlier.
fn holds_addresses(value: LLVMValueRef) -> bool {
    let mut seen = HashSet::new();
    let mut waiting = vec![value];
    while let Some(value) = waiting.pop() {
        if !seen.insert(value) {
            continue;
        }
        unsafe {
            if !LLVMIsAGlobalValue(value).is_null() || !LLVMIsABlockAddress(value).is_null() {
                return true;
            }
            let is_difference = !LLVMIsAConstantExpr(value).is_null() && LLVMGetConstOpcode(value) as u32 == LLVMOpcode::LLVMSub as u32;
            if !is_difference {
                waiting.extend(operands(value));
            }
        }
    }
    false
}
