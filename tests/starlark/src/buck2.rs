//! Loads Buck2 files under the interpreter that Buck2 is made of, types checked. What they load
//! from the prelude is stood in for.

use crate::files;
use allocative::Allocative;
use starlark::analysis::AstModuleLint;
use starlark::environment::{FrozenModule, Globals, GlobalsBuilder, LibraryExtension, Module};
use starlark::eval::{Evaluator, FileLoader};
use starlark::syntax::{AstModule, Dialect};
use starlark::typing::Ty;
use starlark::values::tuple::UnpackTuple;
use starlark::values::{NoSerialize, ProvidesStaticType, StarlarkValue, Value, starlark_value};
use starlark::{starlark_module, starlark_simple_value};
use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::fmt::{Display, Formatter};
use std::path::{Path, PathBuf};

/// The languages of `.bzl` and of BUCK files, as Buck2 sets them (`buck2_interpreter`, 2026).
fn dialect() -> Dialect {
    Dialect { enable_f_strings: true, enable_load_reexport: false, ..Dialect::Extended }
}

/// The type of what only Buck2 knows.
#[derive(Debug, ProvidesStaticType, NoSerialize, Allocative)]
struct Anything;

impl Display for Anything {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        f.write_str("anything")
    }
}

starlark_simple_value!(Anything);

#[starlark_value(type = "anything")]
impl<'v> StarlarkValue<'v> for Anything {
    fn get_type_starlark_repr() -> Ty {
        Ty::any()
    }
}

#[starlark_module]
#[allow(clippy::unnecessary_wraps, clippy::needless_pass_by_value, reason = "the macro asks for it")]
fn of_buck2(builder: &mut GlobalsBuilder) {
    /// A function, which takes everything, and a type, which everything is of.
    #[starlark(as_type = Anything)]
    fn anything<'v>(#[starlark(args)] args: UnpackTuple<Value<'v>>, #[starlark(kwargs)] kwargs: Value<'v>) -> anyhow::Result<Value<'v>> {
        let _ = (args, kwargs);
        Ok(Value::new_none())
    }
}

/// A folder of Buck2 files, with the cell's name for itself.
#[derive(Debug)]
pub struct Cell {
    root: PathBuf,
    globals: Globals,
    /// What Buck2 has and the language has not.
    stubs: FrozenModule,
    /// Every name that the rules load from the prelude.
    prelude: FrozenModule,
    loaded: RefCell<HashMap<PathBuf, FrozenModule>>,
}

impl Cell {
    /// The cell in the folder `root`.
    ///
    /// # Panics
    /// If the stand-ins are no Starlark.
    #[must_use]
    pub fn new(root: &Path) -> Self {
        Self::with_prelude(root, str::to_owned)
    }

    /// The same over a prelude to which something was done: `change` makes its text of the text of
    /// that which fits.
    ///
    /// # Panics
    /// As [`Self::new`].
    #[must_use]
    pub fn with_prelude(root: &Path, change: impl FnOnce(&str) -> String) -> Self {
        let globals = GlobalsBuilder::extended_by(&[
            LibraryExtension::StructType,
            LibraryExtension::RecordType,
            LibraryExtension::EnumType,
            LibraryExtension::Partial,
            LibraryExtension::Print,
            LibraryExtension::Typing,
            LibraryExtension::SetType,
        ])
        .with(of_buck2)
        .build();
        let stubs = evaluate("globals", include_str!("buck2_globals.star").to_owned(), &globals, None, None)
            .expect("buck2_globals.star is Starlark");
        let mut names = include_str!("buck2_prelude.star").to_owned();
        for name in loaded_from_prelude(&root.join("rules/buck2")) {
            if !names.contains(&format!("\n{name} = ")) {
                names += &format!("{name} = anything\n");
            }
        }
        let prelude = evaluate("prelude", change(&names), &globals, Some(&stubs), None).expect("buck2_prelude.star is Starlark");
        Self { root: root.to_owned(), globals, stubs, prelude, loaded: RefCell::default() }
    }

    /// Loads a file of the cell and returns what it defines.
    ///
    /// # Errors
    /// What is wrong with it.
    ///
    /// # Panics
    /// If it loads from a cell that is not known here.
    pub fn load_file(&self, path: &Path) -> Result<FrozenModule, String> {
        if let Some(module) = self.loaded.borrow().get(path) {
            return Ok(module.clone());
        }
        let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
        let package = path.parent().expect("a file lies in a folder").to_owned();
        let loader = Loader { cell: self, package };
        let module = evaluate(&path.display().to_string(), text, &self.globals, Some(&self.stubs), Some(&loader))?;
        self.loaded.borrow_mut().insert(path.to_owned(), module.clone());
        Ok(module)
    }

    /// What the lints have to say of a file.
    ///
    /// # Panics
    /// If it is no Starlark.
    #[must_use]
    pub fn lints(&self, path: &Path) -> Vec<String> {
        let ast = AstModule::parse_file(path, &dialect()).expect("it was loaded before");
        let mut known: HashSet<String> = self.globals.names().map(|name| name.as_str().to_owned()).collect();
        known.extend(self.stubs.names().map(|name| name.as_str().to_owned()));
        ast.lint(Some(&known)).iter().map(ToString::to_string).collect()
    }
}

fn evaluate(
    name: &str,
    text: String,
    globals: &Globals,
    stubs: Option<&FrozenModule>,
    loader: Option<&dyn FileLoader>,
) -> Result<FrozenModule, String> {
    let ast = AstModule::parse(name, text, &dialect()).map_err(|error| error.to_string())?;
    Module::with_temp_heap(|module| {
        if let Some(stubs) = stubs {
            module.import_public_symbols(stubs);
        }
        let mut evaluator = Evaluator::new(&module);
        evaluator.enable_static_typechecking(true);
        if let Some(loader) = loader {
            evaluator.set_loader(loader);
        }
        evaluator.eval_module(ast, globals).map_err(|error| error.to_string())?;
        drop(evaluator);
        module.freeze().map_err(|error| error.err_msg.to_string())
    })
}

/// Loads what one file asks for.
struct Loader<'a> {
    cell: &'a Cell,
    package: PathBuf,
}

impl FileLoader for Loader<'_> {
    fn load(&self, path: &str) -> starlark::Result<FrozenModule> {
        if path.starts_with("@prelude//") {
            return Ok(self.cell.prelude.clone());
        }
        self.cell.load_file(&self.resolve(path)).map_err(|message| starlark::Error::new_other(std::io::Error::other(message)))
    }
}

impl Loader<'_> {
    fn resolve(&self, path: &str) -> PathBuf {
        let path = path.strip_prefix("@splitlink").unwrap_or(path);
        match (path.strip_prefix("//"), path.strip_prefix(':')) {
            (Some(path), _) => self.cell.root.join(path.replace(':', "/")),
            (None, Some(file)) => self.package.join(file),
            (None, None) => panic!("the load `{path}` names a cell that this test does not know"),
        }
    }
}

/// The names that the files under `dir` load from the prelude.
fn loaded_from_prelude(dir: &Path) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for path in files(dir, &|path| path.extension().is_some_and(|extension| extension == "bzl")) {
        let ast = AstModule::parse_file(&path, &dialect()).unwrap_or_else(|error| panic!("{error}"));
        for load in ast.loads().iter().filter(|load| load.module_id.starts_with("@prelude//")) {
            names.extend(load.symbols.values().map(|&name| name.to_owned()));
        }
    }
    names
}
