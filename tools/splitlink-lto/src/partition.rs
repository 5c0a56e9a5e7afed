//! Generates code for the parts of a module in parallel, each in a context of its own.
//!
//! The parts follow from the module alone, so the objects are the same for any number of threads.

use crate::codegen::Late;
use crate::llvm::{Buffer, Context, Global, Linkage, Machine, Module, Visibility};
use anyhow::{Result, anyhow};
use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A part is worth a thread of its own from about this many instructions on.
const INSTRUCTIONS: usize = 60_000;

/// More parts than this cost more, in reading the module again, than they bring.
const MOST_PARTS: usize = 16;

/// As the module flag "Code Model" counts it.
const MEDIUM_CODE_MODEL: u64 = 3;

/// A module, and which part of it each of its symbols is in.
#[derive(Debug)]
pub struct Parts {
    bitcode: Buffer,
    count: usize,
    of: HashMap<String, usize>,
}

/// Divides `module`, which is not needed any more then: its memory had better be free before code
/// is generated.
pub fn divide(module: &Module<'_>) -> Parts {
    use_function_sections(module);
    let sizes: Vec<(String, usize)> =
        module.functions().filter(|f| !f.is_declaration()).map(|f| (f.name().to_owned(), f.instructions())).collect();
    // Each part would bring the custom sections, and the linker puts those of one name together.
    let count = if module.has_custom_sections() { 1 } else { parts_for(sizes.iter().map(|(_, size)| size).sum()) };
    if count > 1 {
        show_to_other_parts(module);
    }
    let of = assign(module, count);
    Parts { bitcode: module.to_bitcode(), count, of }
}

/// Generates the code of `parts`: an object for each, in order; bitcode that is optimised to the end
/// if it is wanted so.
///
/// # Errors
/// LLVM's.
pub fn generate(parts: &Parts, machine: &Machine, late: &Late, threads: usize, as_bitcode: bool) -> Result<Vec<Buffer>> {
    let numbers: Vec<usize> = (0..parts.count).collect();
    in_parallel(&numbers, threads, |number| {
        let context = Context::new();
        let part = extract(&context, parts.bitcode.bytes(), *number, &parts.of)?;
        finish(&part, machine, late, as_bitcode)
    })
}

/// How many parts a module of so many instructions has: where there are many, as many as most
/// machines' processors can share evenly.
fn parts_for(instructions: usize) -> usize {
    match instructions / INSTRUCTIONS {
        parts @ 0..4 => parts.max(1),
        parts => (parts / 4 * 4).min(MOST_PARTS),
    }
}

/// Optimises a part to the end and generates its code, if it is not left as bitcode.
fn finish(part: &Module<'_>, machine: &Machine, late: &Late, as_bitcode: bool) -> Result<Buffer> {
    let target = machine.create()?;
    if !late.passes.is_empty() {
        part.run_passes(&late.passes, &target, late.tuning)?;
    }
    use_other_sections(part, machine);
    if as_bitcode {
        return Ok(part.to_bitcode());
    }
    part.emit(&target)
}

/// Gives each function, jump table and variable a section of its own, and those that run before
/// `main` theirs.
pub fn use_sections(module: &Module<'_>, machine: &Machine) {
    use_function_sections(module);
    use_other_sections(module, machine);
}

/// A section for each function, as rustc has it, so that the linker can leave out what nothing needs.
fn use_function_sections(module: &Module<'_>) {
    // LLVM gives each of WebAssembly's a section by itself.
    let without = |f: &Global<'_>| !f.is_declaration() && !f.has_section() && !module.is_web_assembly();
    module.functions().filter(without).for_each(|function| function.set_section(&format!(".text.{}", function.name())));
}

fn use_other_sections(part: &Module<'_>, machine: &Machine) {
    if part.is_web_assembly() {
        return;
    }
    part.use_init_array();
    part.use_jump_table_sections();
    // In the larger code models LLVM tells by size which sections are for what is far away.
    if machine.code_model.is_none_or(|model| model < MEDIUM_CODE_MODEL) {
        part.use_data_sections(machine.position_independent);
    }
}

/// Makes symbols that are local to the module visible to all of its parts, and to nobody else.
fn show_to_other_parts(module: &Module<'_>) {
    for global in module.globals().filter(|g| !g.is_declaration() && g.is_local()) {
        // Rust's own names are unique; others, such as those of static functions in C, may be
        // anybody's.
        let name = if global.name().is_empty() { "anonymous" } else { global.name() };
        if !(name.starts_with("_R") || name.starts_with("_ZN")) {
            global.set_name(&format!("{name}.llvm.0"));
        }
        global.set_linkage(Linkage::LLVMExternalLinkage);
        global.set_visibility(Visibility::LLVMHiddenVisibility);
    }
}

/// Deals the functions out to `count` parts of about equal size. All that is no function, or
/// belongs to something else, is in the first.
fn assign(module: &Module<'_>, count: usize) -> HashMap<String, usize> {
    let mut parts: HashMap<String, usize> = HashMap::new();
    let mut comdats: HashMap<usize, usize> = HashMap::new();
    for alias in module.aliases() {
        parts.insert(alias.name().to_owned(), 0);
        if let Some(aliasee) = alias.aliasee() {
            parts.insert(aliasee.name().to_owned(), 0);
            comdats.extend(aliasee.comdat().map(|comdat| (comdat, 0)));
        }
    }
    for variable in module.variables().filter(|v| !v.is_declaration()) {
        parts.insert(variable.name().to_owned(), 0);
        comdats.extend(variable.comdat().map(|comdat| (comdat, 0)));
    }
    let mut functions: Vec<(Global<'_>, usize)> =
        module.functions().filter(|f| !f.is_declaration()).map(|f| (f, f.instructions())).collect();
    let mut load = vec![0; count];
    for (function, size) in &functions {
        if parts.contains_key(function.name()) || function.comdat().is_some_and(|comdat| comdats.contains_key(&comdat)) {
            load[0] += size;
        }
    }
    // The largest first; the sort is stable, so equal ones stay in the module's order.
    functions.sort_by_key(|(_, size)| std::cmp::Reverse(*size));
    for (function, size) in functions {
        let name = function.name().to_owned();
        if parts.contains_key(&name) {
            continue;
        }
        let part = match function.comdat() {
            Some(comdat) if comdats.contains_key(&comdat) => comdats[&comdat],
            comdat => {
                let lightest = (0..count).min_by_key(|part| load[*part]).unwrap_or(0);
                comdats.extend(comdat.map(|comdat| (comdat, lightest)));
                load[lightest] += size;
                lightest
            }
        };
        parts.insert(name, part);
    }
    parts
}

/// The part `number` of the module `bitcode`: of the others' functions only declarations.
fn extract<'c>(context: &'c Context, bitcode: &'c [u8], number: usize, parts: &HashMap<String, usize>) -> Result<Module<'c>> {
    let whole = context.load(bitcode, "lto")?;
    let mut others = Vec::new();
    for global in whole.globals().filter(|g| !g.is_declaration()) {
        if global.is_local() || parts.get(global.name()).is_none_or(|part| *part == number) {
            continue;
        }
        others.push(global);
    }
    for global in others {
        if global.linkage() == Linkage::LLVMAppendingLinkage {
            global.delete();
        } else {
            global.make_declaration(&whole);
        }
    }
    if number != 0 {
        whole.clear_assembly();
    }
    let part = context.empty_module("lto");
    part.set_target_as(&whole);
    part.link(whole)?;
    Ok(part)
}

/// Does `work` for each of `items` on several threads; the results are in order.
///
/// # Errors
/// The first in order.
pub fn in_parallel<T: Sync, R: Send>(items: &[T], threads: usize, work: impl Fn(&T) -> Result<R> + Sync) -> Result<Vec<R>> {
    let next = AtomicUsize::new(0);
    let results: Mutex<Vec<Option<Result<R>>>> = Mutex::new(items.iter().map(|_| None).collect());
    std::thread::scope(|scope| {
        for _ in 0..threads.clamp(1, items.len().max(1)) {
            // LLVM's passes may recurse deeply.
            let spawned = std::thread::Builder::new().stack_size(64 << 20).spawn_scoped(scope, || {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some(item) = items.get(at) else { return };
                    let result = work(item);
                    results.lock().expect("no thread panics with it")[at] = Some(result);
                }
            });
            spawned.expect("threads can be made");
        }
    });
    let results = results.into_inner().map_err(|_| anyhow!("a thread has panicked"))?;
    results.into_iter().map(|result| result.unwrap_or_else(|| Err(anyhow!("a thread has panicked")))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two names of one function are in the first part, and no definitions in the others.
    #[test]
    fn aliases_are_in_one_part() {
        let context = Context::new();
        let module = context.parse(
            "@number = global i32 7\n@other = alias i32, ptr @number\n@second = alias i32 (i32), ptr @first\n\
             define i32 @first(i32 %x) {\n %y = add i32 %x, 1\n ret i32 %y\n}\n\
             define i32 @caller(i32 %x) {\n %y = call i32 @second(i32 %x)\n %z = load i32, ptr @other\n %s = add i32 %y, %z\n ret i32 %s\n}\n",
        );
        let bitcode = module.to_bitcode();
        let parts: HashMap<String, usize> =
            ["number", "other", "first", "second"].map(|name| (name.to_owned(), 0)).into_iter().chain([("caller".to_owned(), 1)]).collect();
        for (number, expected) in [(0, &["first", "number", "other", "second"][..]), (1, &["caller"])] {
            let context = Context::new();
            let part = extract(&context, bitcode.bytes(), number, &parts).unwrap();
            let mut defined: Vec<_> =
                part.globals().filter(|global| !global.is_declaration()).map(|global| global.name().to_owned()).collect();
            defined.sort();
            assert_eq!(defined, expected, "part {number}");
            context.check().unwrap();
        }
    }
}
