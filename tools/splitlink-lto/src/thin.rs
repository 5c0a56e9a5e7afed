//! The back end of thin LTO: makes the object of one module, of its bitcode, its index and the
//! bitcode that it imports functions from.
//!
//! It does what `llvm::lto::thinBackend` does (LLVM 22), of which the C interface has no function.
//! Its pass `function-import` imports what the index lists. Made for tests, that pass makes every
//! local symbol one that other modules see, and nothing local that was not; so linkages are put right
//! after it, as the index says. LLVM itself promotes too much in its thin LTO of libraries, and calls
//! what puts it right `thinLTOInternalizeModule`.

use crate::codegen::pipeline_level;
use crate::llvm::{self, Buffer, Context, Global, Linkage, Machine, Module, Tuning, Visibility};
use crate::partition::{in_parallel, use_sections};
use anyhow::{Context as _, Result};
use splitlink::lto::guid;
use splitlink::lto::index::{self, Summary};
use splitlink::lto::request::{Options, ThinModule, ThinRequest};
use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// The index of the module whose functions are being imported. The pass has its name from an option,
/// which LLVM takes once for a process.
const INDEX: &str = "index";

/// Makes the objects `0.o`, `1.o`, ... in `output_dir`, one of each module of `request`. Returns how
/// many.
///
/// # Errors
/// LLVM's; a file that cannot be read or written.
pub fn run(request: &ThinRequest, output_dir: &Path, threads: usize) -> Result<usize> {
    let own = [format!("-summary-file={INDEX}"), "-import-all-index".to_owned()];
    llvm::initialize(&[&own[..], &request.options.llvm_args].concat());
    let importing = Mutex::new(());
    let numbers: Vec<usize> = (0..request.modules.len()).collect();
    in_parallel(&numbers, threads, |number| {
        let module = &request.modules[*number];
        let object = object(module, request, &importing).with_context(|| format!("cannot optimise `{}`", module.name))?;
        let path = output_dir.join(format!("{number}.o"));
        fs::write(&path, object.bytes()).with_context(|| format!("cannot write `{}`", path.display()))
    })?;
    Ok(request.modules.len())
}

fn object(of: &ThinModule, request: &ThinRequest, importing: &Mutex<()>) -> Result<Buffer> {
    let read = |path: &Path| fs::read(path).with_context(|| format!("cannot read `{}`", path.display()));
    let bitcode = read(Path::new(&of.file))?;
    let summaries = index::summaries(&read(&of.index)?, &of.file).with_context(|| format!("cannot use `{}`", of.index.display()))?;
    let context = Context::new();
    let module = context.load_whole(&bitcode, &of.file)?;
    let machine = machine(&module, &request.options, request.position_independent);
    let target = machine.create()?;
    let level = pipeline_level(&request.options);
    let tuning = Tuning { vectorize: matches!(level, "2" | "3"), merge_functions: false };
    let known = Known::new(&module, summaries);
    {
        let _alone = importing.lock().unwrap_or_else(PoisonError::into_inner);
        fs::copy(&of.index, INDEX).with_context(|| format!("cannot write `{INDEX}`"))?;
        module.run_passes("function-import", &target, tuning)?;
    }
    known.apply(&module);
    // What is dead is local now.
    module.run_passes(&format!("globaldce,thinlto<O{level}>"), &target, tuning)?;
    use_sections(&module, &machine);
    module.emit(&target)
}

/// What to generate code for, as rust-lld has it.
fn machine(module: &Module<'_>, options: &Options, position_independent: bool) -> Machine {
    Machine { position_independent, ..crate::codegen::machine(module, options) }
}

/// What is known of the symbols that a module defines, by the names that they had before anything was
/// imported.
struct Known {
    /// All that it defines.
    defined: HashSet<String>,
    /// Of its local ones, by their own names.
    local: HashMap<String, Summary>,
    /// Of the others.
    global: HashMap<String, Summary>,
}

impl Known {
    fn new(module: &Module<'_>, summaries: HashMap<u64, Summary>) -> Self {
        let source = module.source_file();
        let mut known = Self { defined: HashSet::new(), local: HashMap::new(), global: HashMap::new() };
        for global in module.globals().filter(|global| !global.is_declaration()) {
            let name = global.name().to_owned();
            known.defined.insert(name.clone());
            let number = guid::of(&name, global.is_local().then_some(&source));
            if let Some(summary) = summaries.get(&number) {
                let list = if global.is_local() { &mut known.local } else { &mut known.global };
                list.insert(name, *summary);
            }
        }
        known
    }

    /// The name that a local symbol of the module had before the pass, if `global` is one.
    fn promoted_from<'g>(&self, global: &Global<'g>) -> Option<&'g str> {
        // A copy of another module's is there to be inlined alone, or is local.
        let is_promoted = global.linkage() == Linkage::LLVMExternalLinkage && !self.defined.contains(global.name());
        let (name, _) = global.name().rsplit_once(".llvm.").filter(|_| is_promoted)?;
        self.local.contains_key(name).then_some(name)
    }

    /// Gives each symbol that `module` itself defines the linkage that it has in the whole program
    /// (`dropDeadSymbols`, `thinLTOFinalizeInModule` and `thinLTOInternalizeModule`, LLVM 22).
    fn apply(&self, module: &Module<'_>) {
        let defined: Vec<Global<'_>> = module.globals().filter(|global| !global.is_declaration()).collect();
        for global in defined {
            if let Some(name) = self.promoted_from(&global) {
                let summary = &self.local[name];
                if summary.is_local() || !summary.is_live {
                    let name = name.to_owned();
                    make_local(&global);
                    global.set_name(&name);
                }
                continue;
            }
            let is_own = self.defined.contains(global.name()) && global.linkage() != Linkage::LLVMAvailableExternallyLinkage;
            let Some(summary) = self.global.get(global.name()).filter(|_| is_own && !global.is_local()) else { continue };
            if summary.is_local() || !summary.is_live {
                make_local(&global);
                continue;
            }
            match summary.visibility {
                1 => global.set_visibility(Visibility::LLVMHiddenVisibility),
                2 => global.set_visibility(Visibility::LLVMProtectedVisibility),
                _ => {}
            }
            let Some(linkage) = linkage(summary.linkage).filter(|linkage| *linkage != global.linkage()) else { continue };
            if summary.linkage == index::AVAILABLE_EXTERNALLY {
                global.clear_comdat();
                if global.is_interposable() {
                    global.make_declaration(module);
                    continue;
                }
            }
            if summary.linkage == index::WEAK_ODR && summary.can_auto_hide {
                global.set_visibility(Visibility::LLVMHiddenVisibility);
            }
            global.set_linkage(linkage);
        }
    }
}

fn make_local(global: &Global<'_>) {
    global.clear_comdat();
    global.set_visibility(Visibility::LLVMDefaultVisibility);
    global.set_linkage(Linkage::LLVMInternalLinkage);
}

/// The linkage that `llvm::GlobalValue::LinkageTypes` counts so, of those that a definition has.
fn linkage(number: u8) -> Option<Linkage> {
    Some(match number {
        0 => Linkage::LLVMExternalLinkage,
        index::AVAILABLE_EXTERNALLY => Linkage::LLVMAvailableExternallyLinkage,
        2 => Linkage::LLVMLinkOnceAnyLinkage,
        3 => Linkage::LLVMLinkOnceODRLinkage,
        4 => Linkage::LLVMWeakAnyLinkage,
        index::WEAK_ODR => Linkage::LLVMWeakODRLinkage,
        10 => Linkage::LLVMCommonLinkage,
        _ => return None,
    })
}
