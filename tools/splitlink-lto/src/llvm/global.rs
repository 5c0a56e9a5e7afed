//! What a module is made of: functions, variables, aliases.

use super::{Linkage, Module, UnnamedAddr, Visibility, c_string, some};
use llvm_sys::core::*;
use llvm_sys::prelude::{LLVMBasicBlockRef, LLVMValueRef};
use std::marker::PhantomData;
use std::ptr;

/// A function, variable or alias of a module.
#[derive(Debug, Clone, Copy)]
pub struct Global<'m> {
    pub(super) raw: LLVMValueRef,
    module: PhantomData<&'m ()>,
}

impl<'m> Global<'m> {
    pub(super) fn new(raw: LLVMValueRef) -> Self {
        Self { raw, module: PhantomData }
    }

    /// Its symbol; empty where it has none.
    pub fn name(&self) -> &'m str {
        let mut length = 0;
        let bytes = unsafe { std::slice::from_raw_parts(LLVMGetValueName2(self.raw, &raw mut length).cast::<u8>(), length) };
        std::str::from_utf8(bytes).unwrap_or_default()
    }

    /// Gives it another symbol.
    pub fn set_name(&self, name: &str) {
        unsafe { LLVMSetValueName2(self.raw, name.as_ptr().cast(), name.len()) };
    }

    /// Whether it is only declared here.
    pub fn is_declaration(&self) -> bool {
        unsafe { LLVMIsDeclaration(self.raw) != 0 }
    }

    /// Its linkage.
    pub fn linkage(&self) -> Linkage {
        unsafe { LLVMGetLinkage(self.raw) }
    }

    /// Whether nothing outside the module sees it.
    pub fn is_local(&self) -> bool {
        matches!(self.linkage(), Linkage::LLVMInternalLinkage | Linkage::LLVMPrivateLinkage)
    }

    /// Changes its linkage.
    pub fn set_linkage(&self, linkage: Linkage) {
        unsafe { LLVMSetLinkage(self.raw, linkage) };
    }

    /// Changes its visibility.
    pub fn set_visibility(&self, visibility: Visibility) {
        unsafe { LLVMSetVisibility(self.raw, visibility) };
    }

    /// Whether another module's definition, or none, may be taken in place of this one.
    pub fn is_interposable(&self) -> bool {
        matches!(
            self.linkage(),
            Linkage::LLVMWeakAnyLinkage | Linkage::LLVMLinkOnceAnyLinkage | Linkage::LLVMCommonLinkage | Linkage::LLVMExternalWeakLinkage
        )
    }

    /// Takes it out of the sections of which the linker keeps one.
    pub fn clear_comdat(&self) {
        unsafe { llvm_sys::comdat::LLVMSetComdat(self.raw, ptr::null_mut()) };
    }

    /// Whether it is a constant whose address means nothing, so that there may be several of it.
    pub fn is_anonymous_constant(&self) -> bool {
        unsafe {
            !LLVMIsAGlobalVariable(self.raw).is_null()
                && LLVMIsGlobalConstant(self.raw) != 0
                && matches!(LLVMGetUnnamedAddress(self.raw), UnnamedAddr::LLVMGlobalUnnamedAddr)
        }
    }

    /// What an alias stands for.
    pub fn aliasee(&self) -> Option<Global<'m>> {
        let raw = unsafe {
            if LLVMIsAGlobalAlias(self.raw).is_null() { LLVMGetGlobalIFuncResolver(self.raw) } else { LLVMAliasGetAliasee(self.raw) }
        };
        some(raw).map(Global::new)
    }

    /// Whether it has a section of its own.
    pub fn has_section(&self) -> bool {
        unsafe { !LLVMGetSection(self.raw).is_null() }
    }

    /// Puts it into a section.
    pub fn set_section(&self, section: &str) {
        unsafe { LLVMSetSection(self.raw, c_string(section).as_ptr()) };
    }

    /// Takes a variable out of its module. Nothing may refer to it, and nobody use it any more.
    pub fn delete(self) {
        unsafe { LLVMDeleteGlobal(self.raw) };
    }

    /// Takes away its definition: what refers to it refers to a declaration in `module`, its own.
    pub fn make_declaration(self, module: &Module<'_>) {
        let name = self.name().to_owned();
        unsafe {
            let visibility = LLVMGetVisibility(self.raw);
            let value_type = LLVMGlobalGetValueType(self.raw);
            LLVMSetValueName2(self.raw, ptr::null(), 0);
            let name = c_string(&name);
            let is_function = LLVMGetTypeKind(value_type) as u32 == llvm_sys::LLVMTypeKind::LLVMFunctionTypeKind as u32;
            let declaration = if is_function {
                LLVMAddFunction(module.raw, name.as_ptr(), value_type)
            } else {
                let declaration = LLVMAddGlobal(module.raw, value_type, name.as_ptr());
                if !LLVMIsAGlobalVariable(self.raw).is_null() {
                    LLVMSetThreadLocalMode(declaration, LLVMGetThreadLocalMode(self.raw));
                    LLVMSetGlobalConstant(declaration, LLVMIsGlobalConstant(self.raw));
                }
                declaration
            };
            LLVMSetVisibility(declaration, visibility);
            LLVMReplaceAllUsesWith(self.raw, declaration);
            // Unnamed and unreferred to, it is not linked. The C interface deletes no alias:
            // LLVMDeleteGlobal is for variables.
            if LLVMIsAGlobalIFunc(self.raw).is_null() {
                LLVMSetLinkage(self.raw, Linkage::LLVMInternalLinkage);
            } else {
                LLVMEraseGlobalIFunc(self.raw);
            }
        }
    }

    /// The number of a function's instructions.
    pub fn instructions(&self) -> usize {
        let mut count = 0;
        for block in self.blocks() {
            let mut instruction = unsafe { LLVMGetFirstInstruction(block) };
            while !instruction.is_null() {
                count += 1;
                instruction = unsafe { LLVMGetNextInstruction(instruction) };
            }
        }
        count
    }

    /// A function's basic blocks.
    pub(super) fn blocks(&self) -> impl Iterator<Item = LLVMBasicBlockRef> + use<> {
        let some = |block: LLVMBasicBlockRef| (!block.is_null()).then_some(block);
        let first = unsafe { LLVMGetFirstBasicBlock(self.raw) };
        std::iter::successors(some(first), move |block| some(unsafe { LLVMGetNextBasicBlock(*block) }))
    }

    /// Which of several sections of one name that the linker keeps one of it is in: its name; none
    /// if in none.
    pub fn comdat(&self) -> Option<usize> {
        let comdat = unsafe { llvm_sys::comdat::LLVMGetComdat(self.raw) };
        (!comdat.is_null()).then_some(comdat as usize)
    }
}
