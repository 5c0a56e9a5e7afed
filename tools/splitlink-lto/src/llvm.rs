//! What the engine uses of LLVM's C API, behind types that free what they own.
#![allow(unsafe_code, reason = "the C API")]

mod data_sections;
mod global;
mod jump_tables;
mod structors;

use anyhow::{Result, bail};
pub use global::Global;
use llvm_sys::bit_reader::{LLVMGetBitcodeModuleInContext2, LLVMParseBitcodeInContext2};
use llvm_sys::bit_writer::LLVMWriteBitcodeToMemoryBuffer;
use llvm_sys::core::*;
use llvm_sys::error::{LLVMDisposeErrorMessage, LLVMGetErrorMessage};
use llvm_sys::linker::LLVMLinkModules2;
use llvm_sys::prelude::*;
use llvm_sys::support::LLVMParseCommandLineOptions;
use llvm_sys::target_machine::*;
use llvm_sys::transforms::pass_builder::*;
pub use llvm_sys::{LLVMLinkage as Linkage, LLVMUnnamedAddr as UnnamedAddr, LLVMVisibility as Visibility};
use std::ffi::{CStr, CString, c_char, c_void};
use std::ptr;
use std::sync::Once;

/// The version of LLVM: major, minor, patch.
pub fn version() -> (u32, u32, u32) {
    let (mut major, mut minor, mut patch) = (0, 0, 0);
    unsafe { LLVMGetVersion(&raw mut major, &raw mut minor, &raw mut patch) };
    (major, minor, patch)
}

/// Makes LLVM ready: its targets, and its own options, which hold for the whole process.
pub fn initialize(options: &[String]) {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| unsafe {
        use llvm_sys::target::*;
        LLVMInitializeX86TargetInfo();
        LLVMInitializeX86Target();
        LLVMInitializeX86TargetMC();
        LLVMInitializeX86AsmPrinter();
        LLVMInitializeX86AsmParser();
        LLVMInitializeAArch64TargetInfo();
        LLVMInitializeAArch64Target();
        LLVMInitializeAArch64TargetMC();
        LLVMInitializeAArch64AsmPrinter();
        LLVMInitializeAArch64AsmParser();
        LLVMInitializeARMTargetInfo();
        LLVMInitializeARMTarget();
        LLVMInitializeARMTargetMC();
        LLVMInitializeARMAsmPrinter();
        LLVMInitializeARMAsmParser();
        LLVMInitializeRISCVTargetInfo();
        LLVMInitializeRISCVTarget();
        LLVMInitializeRISCVTargetMC();
        LLVMInitializeRISCVAsmPrinter();
        LLVMInitializeRISCVAsmParser();
        LLVMInitializeWebAssemblyTargetInfo();
        LLVMInitializeWebAssemblyTarget();
        LLVMInitializeWebAssemblyTargetMC();
        LLVMInitializeWebAssemblyAsmPrinter();
        LLVMInitializeWebAssemblyAsmParser();
        if !options.is_empty() {
            let args: Vec<CString> = std::iter::once("splitlink-lto").chain(options.iter().map(String::as_str)).map(c_string).collect();
            let args: Vec<*const c_char> = args.iter().map(|arg| arg.as_ptr()).collect();
            LLVMParseCommandLineOptions(i32::try_from(args.len()).unwrap_or(i32::MAX), args.as_ptr(), ptr::null());
        }
    });
}

/// Gives the memory back that LLVM has freed: every thread's allocator keeps its own otherwise.
pub fn trim_memory() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    unsafe {
        unsafe extern "C" {
            fn malloc_trim(pad: usize) -> std::ffi::c_int;
        }
        malloc_trim(0);
    }
}

fn c_string(text: &str) -> CString {
    CString::new(text.replace('\0', "")).unwrap_or_default()
}

/// A context: modules of different ones share nothing, so each can be worked on by a thread of its
/// own.
#[derive(Debug)]
pub struct Context {
    raw: LLVMContextRef,
    /// What LLVM complained about.
    #[expect(clippy::box_collection, reason = "LLVM holds on to where it is")]
    errors: Box<Vec<String>>,
}

extern "C" fn note(info: LLVMDiagnosticInfoRef, errors: *mut c_void) {
    unsafe {
        if matches!(LLVMGetDiagInfoSeverity(info), llvm_sys::LLVMDiagnosticSeverity::LLVMDSError) {
            let text = LLVMGetDiagInfoDescription(info);
            (*errors.cast::<Vec<String>>()).push(CStr::from_ptr(text).to_string_lossy().into_owned());
            LLVMDisposeMessage(text);
        }
    }
}

impl Context {
    /// A new context.
    pub fn new() -> Self {
        let mut errors = Box::<Vec<String>>::default();
        let raw = unsafe {
            let raw = LLVMContextCreate();
            LLVMContextSetDiscardValueNames(raw, 1);
            LLVMContextSetDiagnosticHandler(raw, Some(note), ptr::from_mut(errors.as_mut()).cast());
            raw
        };
        Self { raw, errors }
    }

    /// An empty module.
    pub fn empty_module(&self, name: &str) -> Module<'_> {
        let raw = unsafe { LLVMModuleCreateWithNameInContext(c_string(name).as_ptr(), self.raw) };
        Module { raw, context: self }
    }

    /// The module whose bitcode `data` is, called `name`. Its functions are read when they are
    /// needed, hence `data` must live on.
    ///
    /// # Errors
    /// If it is no bitcode, or of an LLVM that this one does not understand.
    pub fn load<'c>(&'c self, data: &'c [u8], name: &str) -> Result<Module<'c>> {
        let mut raw = ptr::null_mut();
        let failed = unsafe {
            let buffer = LLVMCreateMemoryBufferWithMemoryRange(data.as_ptr().cast(), data.len(), c_string(name).as_ptr(), 0);
            LLVMGetBitcodeModuleInContext2(self.raw, buffer, &raw mut raw)
        };
        if failed != 0 {
            bail!("`{name}` is no bitcode that LLVM {} reads{}", version().0, self.complaint());
        }
        Ok(Module { raw, context: self })
    }

    /// The module whose bitcode `data` is, called `name`, read to its end.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub fn load_whole(&self, data: &[u8], name: &str) -> Result<Module<'_>> {
        let mut raw = ptr::null_mut();
        let failed = unsafe {
            let buffer = LLVMCreateMemoryBufferWithMemoryRange(data.as_ptr().cast(), data.len(), c_string(name).as_ptr(), 0);
            let failed = LLVMParseBitcodeInContext2(self.raw, buffer, &raw mut raw);
            LLVMDisposeMemoryBuffer(buffer);
            failed
        };
        if failed != 0 {
            bail!("`{name}` is no bitcode that LLVM {} reads{}", version().0, self.complaint());
        }
        Ok(Module { raw, context: self })
    }

    /// The module that `text` spells.
    #[cfg(test)]
    pub fn parse(&self, text: &str) -> Module<'_> {
        let (mut raw, mut message) = (ptr::null_mut(), ptr::null_mut());
        let failed = unsafe {
            // Text has names for values.
            LLVMContextSetDiscardValueNames(self.raw, 0);
            let buffer = LLVMCreateMemoryBufferWithMemoryRangeCopy(text.as_ptr().cast(), text.len(), c"text".as_ptr());
            llvm_sys::ir_reader::LLVMParseIRInContext2(self.raw, buffer, &raw mut raw, &raw mut message)
        };
        assert_eq!(failed, 0, "LLVM cannot read:\n{text}");
        Module { raw, context: self }
    }

    /// What LLVM complained about, as the end of a sentence.
    fn complaint(&self) -> String {
        if self.errors.is_empty() { String::new() } else { format!(": {}", self.errors.join("; ")) }
    }

    /// # Errors
    /// If LLVM has complained about anything.
    pub fn check(&self) -> Result<()> {
        if self.errors.is_empty() { Ok(()) } else { bail!("LLVM says: {}", self.errors.join("; ")) }
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        unsafe { LLVMContextDispose(self.raw) };
    }
}

/// A module.
#[derive(Debug)]
pub struct Module<'c> {
    raw: LLVMModuleRef,
    context: &'c Context,
}

impl<'c> Module<'c> {
    /// The module's functions.
    pub fn functions(&self) -> impl Iterator<Item = Global<'_>> {
        let first = unsafe { LLVMGetFirstFunction(self.raw) };
        Self::list(first, |raw| unsafe { LLVMGetNextFunction(raw) })
    }

    /// The module's variables.
    pub fn variables(&self) -> impl Iterator<Item = Global<'_>> {
        let first = unsafe { LLVMGetFirstGlobal(self.raw) };
        Self::list(first, |raw| unsafe { LLVMGetNextGlobal(raw) })
    }

    /// The module's aliases and indirect functions.
    pub fn aliases(&self) -> impl Iterator<Item = Global<'_>> {
        let first = unsafe { LLVMGetFirstGlobalAlias(self.raw) };
        let aliases = Self::list(first, |raw| unsafe { LLVMGetNextGlobalAlias(raw) });
        let first = unsafe { LLVMGetFirstGlobalIFunc(self.raw) };
        aliases.chain(Self::list(first, |raw| unsafe { LLVMGetNextGlobalIFunc(raw) }))
    }

    /// All that has a symbol.
    pub fn globals(&self) -> impl Iterator<Item = Global<'_>> {
        self.functions().chain(self.variables()).chain(self.aliases())
    }

    fn list<'m>(first: LLVMValueRef, next: impl Fn(LLVMValueRef) -> LLVMValueRef) -> impl Iterator<Item = Global<'m>> {
        std::iter::successors(some(first), move |raw| some(next(*raw))).map(Global::new)
    }

    /// What the module is compiled for.
    pub fn triple(&self) -> String {
        unsafe { CStr::from_ptr(LLVMGetTarget(self.raw)) }.to_string_lossy().into_owned()
    }

    /// Whether the module is compiled for WebAssembly.
    pub fn is_web_assembly(&self) -> bool {
        self.triple().starts_with("wasm")
    }

    /// Whether the module brings custom sections for a WebAssembly module, which are no variables:
    /// rustc lists them as metadata (`rustc_codegen_llvm::consts::codegen_static_item`, 1.95).
    pub fn has_custom_sections(&self) -> bool {
        unsafe { LLVMGetNamedMetadataNumOperands(self.raw, c"wasm.custom_sections".as_ptr()) > 0 }
    }

    /// How data lies in memory, as LLVM spells it.
    pub fn data_layout(&self) -> String {
        unsafe { CStr::from_ptr(LLVMGetDataLayoutStr(self.raw)) }.to_string_lossy().into_owned()
    }

    /// Says what the module is compiled for.
    pub fn set_target(&self, triple: &str, data_layout: &str) {
        unsafe {
            LLVMSetTarget(self.raw, c_string(triple).as_ptr());
            LLVMSetDataLayout(self.raw, c_string(data_layout).as_ptr());
        }
    }

    /// Says that the module is compiled for what `other` is.
    pub fn set_target_as(&self, other: &Module<'_>) {
        unsafe {
            LLVMSetTarget(self.raw, LLVMGetTarget(other.raw));
            LLVMSetDataLayout(self.raw, LLVMGetDataLayoutStr(other.raw));
        }
    }

    /// The number that a module flag says; none where it is not set.
    pub fn flag(&self, key: &str) -> Option<u64> {
        unsafe {
            let flag = LLVMGetModuleFlag(self.raw, key.as_ptr().cast(), key.len());
            if flag.is_null() {
                return None;
            }
            let value = LLVMMetadataAsValue(self.context.raw, flag);
            // Constants come wrapped.
            let value =
                if LLVMIsAConstantInt(value).is_null() && LLVMGetNumOperands(value) == 1 { LLVMGetOperand(value, 0) } else { value };
            (!LLVMIsAConstantInt(value).is_null()).then(|| LLVMConstIntGetZExtValue(value))
        }
    }

    /// The source file that the module was compiled from, as its compiler calls it.
    pub fn source_file(&self) -> String {
        let mut length = 0;
        let bytes = unsafe { std::slice::from_raw_parts(LLVMGetSourceFileName(self.raw, &raw mut length).cast::<u8>(), length) };
        String::from_utf8_lossy(bytes).into_owned()
    }

    /// The module's own assembly, of `global_asm!`.
    pub fn assembly(&self) -> String {
        let mut length = 0;
        let bytes = unsafe { std::slice::from_raw_parts(LLVMGetModuleInlineAsm(self.raw, &raw mut length).cast::<u8>(), length) };
        String::from_utf8_lossy(bytes).into_owned()
    }

    /// Takes the module's own assembly away.
    pub fn clear_assembly(&self) {
        unsafe { LLVMSetModuleInlineAsm2(self.raw, c"".as_ptr(), 0) };
    }

    /// Links the module whose bitcode `data` is into this one.
    ///
    /// # Errors
    /// As [`Context::load`] and [`Self::link`].
    pub fn link_bitcode(&self, data: &[u8], name: &str) -> Result<()> {
        // Once it is linked nothing reads the bitcode any more, however short it lives.
        let data = unsafe { std::slice::from_raw_parts(data.as_ptr(), data.len()) };
        self.link(self.context.load(data, name)?)
    }

    /// Links `other` into this module.
    ///
    /// # Errors
    /// LLVM's, such as two strong definitions of one symbol.
    pub fn link(&self, other: Module<'c>) -> Result<()> {
        let raw = other.raw;
        std::mem::forget(other);
        if unsafe { LLVMLinkModules2(self.raw, raw) } != 0 {
            bail!("the modules cannot be merged{}", self.context.complaint());
        }
        Ok(())
    }

    /// Runs passes, in the language of LLVM's `opt -passes`.
    ///
    /// # Errors
    /// If LLVM does not know them.
    pub fn run_passes(&self, passes: &str, machine: &TargetMachine, tuning: Tuning) -> Result<()> {
        unsafe {
            let options = LLVMCreatePassBuilderOptions();
            LLVMPassBuilderOptionsSetLoopVectorization(options, tuning.vectorize.into());
            LLVMPassBuilderOptionsSetSLPVectorization(options, tuning.vectorize.into());
            LLVMPassBuilderOptionsSetMergeFunctions(options, tuning.merge_functions.into());
            let error = LLVMRunPasses(self.raw, c_string(passes).as_ptr(), machine.0, options);
            LLVMDisposePassBuilderOptions(options);
            if !error.is_null() {
                let text = LLVMGetErrorMessage(error);
                let owned = CStr::from_ptr(text).to_string_lossy().into_owned();
                LLVMDisposeErrorMessage(text);
                bail!("LLVM does not run its passes: {owned}");
            }
        }
        self.context.check()
    }

    /// The module as bitcode.
    pub fn to_bitcode(&self) -> Buffer {
        Buffer(unsafe { LLVMWriteBitcodeToMemoryBuffer(self.raw) })
    }

    /// Generates the module's code: an object file.
    ///
    /// # Errors
    /// LLVM's.
    pub fn emit(&self, machine: &TargetMachine) -> Result<Buffer> {
        let (mut message, mut buffer) = (ptr::null_mut(), ptr::null_mut());
        let failed = unsafe {
            LLVMTargetMachineEmitToMemoryBuffer(machine.0, self.raw, LLVMCodeGenFileType::LLVMObjectFile, &raw mut message, &raw mut buffer)
        };
        if failed != 0 {
            let text = unsafe { CStr::from_ptr(message) }.to_string_lossy().into_owned();
            unsafe { LLVMDisposeMessage(message) };
            bail!("LLVM generates no code: {text}");
        }
        let buffer = Buffer(buffer);
        self.context.check()?;
        Ok(buffer)
    }
}

impl Drop for Module<'_> {
    fn drop(&mut self) {
        unsafe { LLVMDisposeModule(self.raw) };
    }
}

fn some(raw: LLVMValueRef) -> Option<LLVMValueRef> {
    (!raw.is_null()).then_some(raw)
}

/// Bytes that LLVM wrote.
#[derive(Debug)]
pub struct Buffer(LLVMMemoryBufferRef);

// Nothing changes the bytes.
unsafe impl Send for Buffer {}
unsafe impl Sync for Buffer {}

impl Buffer {
    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        unsafe { std::slice::from_raw_parts(LLVMGetBufferStart(self.0).cast(), LLVMGetBufferSize(self.0)) }
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        unsafe { LLVMDisposeMemoryBuffer(self.0) };
    }
}

/// What optimisation is tuned to, as rustc has it (`rustc_codegen_ssa::back::write::ModuleConfig`,
/// 1.95).
#[derive(Debug, Clone, Copy)]
pub struct Tuning {
    /// Whether loops and straight code are made to work on several values at once.
    pub vectorize: bool,
    /// Whether functions of equal code become one; a twentieth of a program's code.
    pub merge_functions: bool,
}

/// What code is generated for.
#[derive(Debug)]
pub struct TargetMachine(LLVMTargetMachineRef);

/// What makes a target machine.
#[derive(Debug, Clone)]
pub struct Machine {
    /// The target, as LLVM spells it.
    pub triple: String,
    /// How hard code generation tries, 0 to 3.
    pub level: u8,
    /// Whether the code may lie anywhere in memory.
    pub position_independent: bool,
    /// The code model as the module flag "Code Model" counts it; none for the target's own.
    pub code_model: Option<u64>,
}

impl Machine {
    /// Makes it.
    ///
    /// # Errors
    /// If this LLVM has no such target.
    pub fn create(&self) -> Result<TargetMachine> {
        unsafe {
            let triple = c_string(&self.triple);
            let (mut target, mut message) = (ptr::null_mut(), ptr::null_mut());
            if LLVMGetTargetFromTriple(triple.as_ptr(), &raw mut target, &raw mut message) != 0 {
                let text = CStr::from_ptr(message).to_string_lossy().into_owned();
                LLVMDisposeMessage(message);
                bail!("the target `{}` is none of those that splitlink generates code for: {text}", self.triple);
            }
            let options = LLVMCreateTargetMachineOptions();
            // Each function says its own processor and features.
            LLVMTargetMachineOptionsSetCodeGenOptLevel(
                options,
                match self.level {
                    0 => LLVMCodeGenOptLevel::LLVMCodeGenLevelNone,
                    1 => LLVMCodeGenOptLevel::LLVMCodeGenLevelLess,
                    2 => LLVMCodeGenOptLevel::LLVMCodeGenLevelDefault,
                    _ => LLVMCodeGenOptLevel::LLVMCodeGenLevelAggressive,
                },
            );
            LLVMTargetMachineOptionsSetRelocMode(
                options,
                if self.position_independent { LLVMRelocMode::LLVMRelocPIC } else { LLVMRelocMode::LLVMRelocStatic },
            );
            // As `llvm::CodeModel::Model` counts them.
            LLVMTargetMachineOptionsSetCodeModel(
                options,
                match self.code_model {
                    Some(0) => LLVMCodeModel::LLVMCodeModelTiny,
                    Some(1) => LLVMCodeModel::LLVMCodeModelSmall,
                    Some(2) => LLVMCodeModel::LLVMCodeModelKernel,
                    Some(3) => LLVMCodeModel::LLVMCodeModelMedium,
                    Some(4) => LLVMCodeModel::LLVMCodeModelLarge,
                    _ => LLVMCodeModel::LLVMCodeModelDefault,
                },
            );
            let machine = LLVMCreateTargetMachineWithOptions(target, triple.as_ptr(), options);
            LLVMDisposeTargetMachineOptions(options);
            Ok(TargetMachine(machine))
        }
    }
}

impl Drop for TargetMachine {
    fn drop(&mut self) {
        unsafe { LLVMDisposeTargetMachine(self.0) };
    }
}
