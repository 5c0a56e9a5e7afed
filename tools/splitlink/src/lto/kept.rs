//! The symbols that LTO keeps: what something outside the optimised modules needs. All others
//! become local.
//!
//! rustc keeps those at or below the crate type's threshold in every crate, needed or not, and
//! `#[used]` ones (`rustc_codegen_ssa::back::lto::exported_symbols_for_lto`, 1.95). It lists them
//! for the linker in `symbols.o` and the version script, and these lists are taken here. Here the
//! machine code that is linked with them is known as well, so only what that refers to is kept.

use crate::plan::linker_flavor::linker_args;
use anyhow::{Context, Result};
use object::{Object, ObjectSymbol};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// The symbols that the object `path`, rustc's `symbols.o`, asks for.
///
/// # Errors
/// If it is no object.
pub fn of_symbols_object(path: &Path) -> Result<BTreeSet<String>> {
    let bytes = fs::read(path).with_context(|| format!("cannot read `{}`", path.display()))?;
    let object = object::File::parse(&*bytes).with_context(|| format!("`{}` is no object file", path.display()))?;
    let names = object.symbols().filter(|symbol| symbol.is_undefined()).filter_map(|symbol| symbol.name().ok().map(str::to_owned));
    Ok(names.filter(|name| !name.is_empty()).collect())
}

/// The symbols that the version script `script` of rustc's exports
/// (`rustc_codegen_ssa::back::linker::GccLinker::export_symbols`, 1.95).
pub fn of_version_script(script: &str) -> BTreeSet<String> {
    let names = script.lines().filter_map(|line| line.strip_prefix("    ")?.strip_suffix(';'));
    names.map(|name| name.trim_matches('"')).filter(|name| *name != "*").map(str::to_owned).collect()
}

/// The symbols that the linker's own arguments name: entry points, those that must be there, and
/// those that it exports or exchanges.
pub fn of_arguments<'a>(args: impl Iterator<Item = &'a str>) -> BTreeSet<String> {
    let mut kept = BTreeSet::new();
    let mut value_of: Option<&str> = None;
    let is_named = |name: &str| {
        let names =
            ["u", "undefined", "require-defined", "e", "entry", "init", "fini", "export-dynamic-symbol", "export", "export-if-defined"];
        names.contains(&name)
    };
    for arg in args.flat_map(linker_args) {
        if value_of.take().is_some() {
            kept.insert(arg.to_owned());
            continue;
        }
        let (name, value) = arg.split_once('=').map_or((arg, None), |(name, value)| (name, Some(value)));
        match (name.trim_start_matches('-'), value) {
            (name, Some(value)) if is_named(name) => {
                kept.insert(value.to_owned());
            }
            (name, None) if is_named(name) && arg.starts_with('-') => value_of = Some(arg),
            ("wrap", Some(value)) => kept.extend([value.to_owned(), format!("__wrap_{value}"), format!("__real_{value}")]),
            ("defsym", Some(value)) => kept.extend(value.split(|c: char| !(c.is_alphanumeric() || "_.$".contains(c))).map(str::to_owned)),
            _ => {}
        }
    }
    kept.remove("");
    kept
}

/// Where programs begin: what the C library's startup code calls, and the loader.
pub const ENTRIES: [&str; 2] = ["main", "_start"];

#[cfg(test)]
mod tests {
    use super::*;

    fn set(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn lists_of_symbols() {
        let script = "{\n  global:\n    one;\n    \"two words\";\n\n  local:\n    *;\n};\n";
        assert_eq!(of_version_script(script), set(&["one", "two words"]));
        assert_eq!(of_version_script("{\n  local:\n    *;\n};\n"), set(&[]));
    }

    #[test]
    fn arguments_that_name_symbols() {
        let args = ["-pie", "-Wl,-u,one", "-Wl,--undefined=two", "-e", "three", "-Wl,--wrap=four", "-Wl,--defsym=five=six+1", "-lu", "x.o"];
        let kept = of_arguments(args.into_iter());
        assert_eq!(kept, set(&["1", "one", "two", "three", "four", "__wrap_four", "__real_four", "five", "six"]));
        let of_web_assembly = ["--export", "__main_void", "--export=__heap_base", "--export-if-defined=malloc", "--no-entry"];
        assert_eq!(of_arguments(of_web_assembly.into_iter()), set(&["__main_void", "__heap_base", "malloc"]));
    }
}
