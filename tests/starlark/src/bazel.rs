//! Loads Bazel files with the names that a version of Bazel knows. Whatever Bazel or another module
//! gives is one value, of which anything can be asked.

use allocative::Allocative;
use starlark::analysis::AstModuleLint;
use starlark::environment::{FrozenModule, Globals, GlobalsBuilder, LibraryExtension, Module};
use starlark::eval::{Arguments, Evaluator, FileLoader};
use starlark::starlark_simple_value;
use starlark::syntax::{AstModule, Dialect};
use starlark::values::{Heap, NoSerialize, ProvidesStaticType, StarlarkValue, Value, starlark_value};
use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::fmt::{Display, Formatter};
use std::path::{Path, PathBuf};

/// Names that files may use and nobody has defined: those of each Bazel before some version, and
/// those of every Bazel from 7 on, without the language's own.
type Lists = &'static [(Option<u32>, &'static str)];

/// What is in `.bzl` files. Bazel 8 and 9 have lost what moved to other modules
/// (`AutoloadSymbols.AUTOLOAD_CONFIG`); of that, what no rule here could want is not listed.
const BZL_LISTS: Lists = &[
    (
        None,
        "Label analysis_test_transition aspect attr config config_common configuration_field coverage_common depset exec_group \
         fail json module_extension native platform_common print provider repository_rule rule select struct tag_class testing \
         transition visibility AnalysisFailureInfo AnalysisTestResultInfo DefaultInfo ExecutionInfo InstrumentedFilesInfo \
         OutputGroupInfo RunEnvironmentInfo",
    ),
    (Some(9), "CcInfo CcSharedLibraryInfo CcToolchainConfigInfo DebugPackageInfo cc_common"),
    (Some(8), "JavaInfo ProtoInfo PyInfo PyRuntimeInfo apple_common java_common proto_common_do_not_use"),
];

/// What is in BUILD files.
const BUILD_LISTS: Lists = &[
    (
        None,
        "alias config_setting constraint_setting constraint_value depset existing_rule existing_rules exports_files filegroup \
         genquery genrule glob label_flag label_setting licenses module_name module_version package package_group package_name \
         package_relative_label platform repo_name repository_name select starlark_doc_extract subpackages test_suite toolchain \
         toolchain_type",
    ),
    (Some(9), "cc_binary cc_import cc_library cc_shared_library cc_test cc_toolchain objc_library"),
    (Some(8), "sh_binary sh_library sh_test"),
];

/// A version of Bazel, as far as names go.
#[derive(Debug, Clone, Copy)]
pub struct Version(pub u32);

impl Version {
    fn names(self, lists: Lists) -> Vec<&'static str> {
        let known = lists.iter().filter(|(before, _)| before.is_none_or(|before| self.0 < before));
        known.flat_map(|(_, names)| names.split_whitespace()).collect()
    }
}

/// Whatever Bazel knows and this test does not.
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
    fn invoke(&self, me: Value<'v>, _args: &Arguments<'v, '_>, _eval: &mut Evaluator<'v, '_, '_>) -> starlark::Result<Value<'v>> {
        Ok(me)
    }

    fn get_attr(&self, _name: &str, heap: Heap<'v>) -> Option<Value<'v>> {
        Some(heap.alloc(Self))
    }

    fn has_attr(&self, _name: &str, _heap: Heap<'v>) -> bool {
        true
    }

    /// What is added to it, or to what it is added, is what is known of the sum.
    fn add(&self, other: Value<'v>, _heap: Heap<'v>) -> Option<starlark::Result<Value<'v>>> {
        Some(Ok(other))
    }

    fn radd(&self, other: Value<'v>, _heap: Heap<'v>) -> Option<starlark::Result<Value<'v>>> {
        Some(Ok(other))
    }

    fn equals(&self, other: Value<'v>) -> starlark::Result<bool> {
        Ok(other.get_type() == "anything")
    }

    fn write_hash(&self, _hasher: &mut starlark::collections::StarlarkHasher) -> starlark::Result<()> {
        Ok(())
    }
}

fn dialect() -> Dialect {
    Dialect { enable_keyword_only_arguments: true, enable_load_reexport: false, ..Dialect::Standard }
}

/// A module of Bazel's in a folder, and what was loaded of it.
#[derive(Debug)]
pub struct BazelModule {
    root: PathBuf,
    version: Version,
    globals: Globals,
    loaded: RefCell<HashMap<PathBuf, FrozenModule>>,
}

impl BazelModule {
    /// The module in the folder `root`, for the Bazel `version`.
    #[must_use]
    pub fn new(root: &Path, version: Version) -> Self {
        let globals = GlobalsBuilder::extended_by(&[LibraryExtension::StructType, LibraryExtension::Print]).build();
        Self { root: root.to_owned(), version, globals, loaded: RefCell::default() }
    }

    /// Loads a `.bzl` file of the module and returns what it defines.
    ///
    /// # Errors
    /// What is wrong with it: a name that this Bazel does not know, also where it is used inside a
    /// function; a load that leads nowhere.
    pub fn load_file(&self, path: &Path) -> Result<FrozenModule, String> {
        if let Some(module) = self.loaded.borrow().get(path) {
            return Ok(module.clone());
        }
        let names = self.version.names(BZL_LISTS);
        let ast = self.parse(path, &names)?;
        let module = self.evaluate(ast, path, &names)?;
        self.loaded.borrow_mut().insert(path.to_owned(), module.clone());
        Ok(module)
    }

    /// Checks the BUILD file `path`, of which nothing is evaluated.
    ///
    /// # Errors
    /// As of [`Self::load_file`].
    pub fn check_build_file(&self, path: &Path) -> Result<(), String> {
        let ast = self.parse(path, &self.version.names(BUILD_LISTS))?;
        for load in ast.loads().iter().filter(|load| !self.is_foreign(load.module_id)) {
            let module = self.load_file(&self.resolve(load.module_id, folder_of(path)))?;
            for &name in load.symbols.values() {
                module.get(name).map_err(|error| format!("{}: {error}", path.display()))?;
            }
        }
        Ok(())
    }

    /// Parses a file that may use `names` which it does not define.
    fn parse(&self, path: &Path, names: &[&str]) -> Result<AstModule, String> {
        let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
        let ast = AstModule::parse(&path.display().to_string(), text, &dialect()).map_err(|error| error.to_string())?;
        let of_language = self.globals.names().map(|name| name.as_str().to_owned());
        let known: HashSet<String> = names.iter().map(|&name| name.to_owned()).chain(of_language).collect();
        match ast.lint(Some(&known)).into_iter().find(|lint| lint.short_name == "using-undefined") {
            Some(unknown) => Err(unknown.to_string()),
            None => Ok(ast),
        }
    }

    fn evaluate(&self, ast: AstModule, path: &Path, names: &[&str]) -> Result<FrozenModule, String> {
        let foreign = Module::with_temp_heap(|module| self.foreign(&ast, module))?;
        let loader = Loader { module: self, folder: folder_of(path), foreign };
        Module::with_temp_heap(|module| {
            for name in names {
                module.set(name, module.heap().alloc(Anything));
            }
            let mut evaluator = Evaluator::new(&module);
            evaluator.set_loader(&loader);
            evaluator.eval_module(ast, &self.globals).map_err(|error| error.to_string())?;
            drop(evaluator);
            module.freeze().map_err(|error| error.err_msg.to_string())
        })
    }

    /// A module with everything that `ast` loads from other repositories.
    fn foreign(&self, ast: &AstModule, module: Module<'_>) -> Result<FrozenModule, String> {
        for load in ast.loads().iter().filter(|load| self.is_foreign(load.module_id)) {
            for &name in load.symbols.values() {
                module.set(name, module.heap().alloc(Anything));
            }
        }
        module.freeze().map_err(|error| error.err_msg.to_string())
    }

    fn is_foreign(&self, label: &str) -> bool {
        label.starts_with('@') && !label.starts_with("@splitlink//")
    }

    /// The file that `label` names in a load statement of a file in `folder`.
    fn resolve(&self, label: &str, folder: &Path) -> PathBuf {
        match label.strip_prefix("@splitlink").unwrap_or(label).strip_prefix("//") {
            Some(path) => self.root.join(path.replace(':', "/")),
            None => folder.join(label.trim_start_matches(':')),
        }
    }
}

fn folder_of(path: &Path) -> &Path {
    path.parent().unwrap_or_else(|| Path::new(""))
}

/// Loads what one file asks for.
struct Loader<'a> {
    module: &'a BazelModule,
    folder: &'a Path,
    foreign: FrozenModule,
}

impl FileLoader for Loader<'_> {
    fn load(&self, label: &str) -> starlark::Result<FrozenModule> {
        if self.module.is_foreign(label) {
            return Ok(self.foreign.clone());
        }
        let loaded = self.module.load_file(&self.module.resolve(label, self.folder));
        loaded.map_err(|message| starlark::Error::new_other(std::io::Error::other(message)))
    }
}
