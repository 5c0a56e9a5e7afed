//! WebAssembly with LTO, linked by rustc and through splitlink: what Node.js sees of it is the same,
//! and so is, about, its size. `dev/test` installs the standard libraries.

use anyhow::{Context, Result, ensure};
use splitlink_tests::rustc_fixture::project::{refused, words};
use splitlink_tests::rustc_fixture::tools::{Failure, Toolchain, run, skip, succeed};
use splitlink_tests::rustc_fixture::two_ways::TwoWays;
use std::collections::BTreeSet;
use std::fs;
use std::process::Command;
use wasmparser::{KnownCustom, Name, Parser, Payload};

/// Runs a program of WASI, or prints what the functions of a library return.
const RUN: &str = "const fs = require('fs');
const {WASI} = require('node:wasi');
const wasi = new WASI({version: 'preview1', args: ['app']});
const imports = {wasi_snapshot_preview1: wasi.wasiImport, host: {ask: x => x + 1}, other: {ask: x => x * 100}};
WebAssembly.instantiate(fs.readFileSync(process.argv[2]), imports).then(({instance: {exports}}) => {
  if (exports._start) wasi.start({exports});
  for (const name of ['answer', 'exported_of_dependency']) if (exports[name]) console.log(name, String(exports[name](12n)));
});
";

/// A C library that is called and calls back, with data, data of a thread, and a constructor.
const C: &str = "int table[4] = {1, 2, 3, 4};
static __thread int count = 5;
static int started;
__attribute__((constructor)) static void start(void) { started = 7; }
int callback(int x);
int inside(int x) { return callback(x) * count++ + table[x & 3] * started; }
";

/// What has custom sections is not imported from in thin LTO, so this has none.
const LOW: &str = "unsafe extern \"C\" { safe fn inside(x: i32) -> i32; static mut table: [i32; 4]; }
#[unsafe(no_mangle)] extern \"C\" fn callback(x: i32) -> i32 { unsafe { table[1] += x; table[1] * 2 } }
#[inline(never)] fn stays(x: u64) -> u64 { x.wrapping_mul(33) ^ 5 }
pub fn disappears(x: u64) -> u64 { stays(x).rotate_left(3).wrapping_add(stays(x + 1)) }
pub fn value(x: u64) -> u64 { disappears(x) + inside(x as i32) as u64 }
#[unsafe(no_mangle)] pub extern \"C\" fn exported_of_dependency(x: u64) -> u64 { value(x) + 1 }
";

const MID: &str = "use std::collections::BTreeMap;
#[unsafe(link_section = \"mine\")] #[used] pub static SECTION: [u8; 4] = *b\"mid!\";
pub mod more { #[unsafe(link_section = \"mine\")] #[used] pub static SECTION: [u8; 4] = *b\"more\"; pub fn one(x: u64) -> u64 { low::value(x) + 1 } }
thread_local! { static COUNT: std::cell::Cell<u64> = const { std::cell::Cell::new(3) }; }
pub fn summary(n: u64) -> String {
    let mut map = BTreeMap::new();
    for x in 0..n { map.insert(format!(\"key {x}\"), more::one(x)); COUNT.set(COUNT.get() + 1); }
    let total: u64 = map.values().fold(0, |a, b| a.wrapping_add(*b));
    format!(\"{} keys, total {total}, counted {}, {:.3}\", map.len(), COUNT.get(), total as f64 / 7.0)
}
";

const APP: &str = "fn main() {
    let count = std::env::args().count() as u64;
    println!(\"{} and {}\", mid::summary(count + 9), low::disappears(count));
}
";

/// Two imports of one name, of different modules.
const LIBRARY: &str = "#[link(wasm_import_module = \"host\")]
unsafe extern \"C\" { #[link_name = \"ask\"] safe fn ask_host(x: i32) -> i32; }
mod other { #[link(wasm_import_module = \"other\")] unsafe extern \"C\" { pub safe fn ask(x: i32) -> i32; } }
#[unsafe(no_mangle)]
pub extern \"C\" fn answer(x: u64) -> u64 {
    mid::summary(x).len() as u64 * 1000 + low::disappears(x) % 100 + mid::more::one(x) % 10 + ask_host(5) as u64 + other::ask(6) as u64
}
";

/// How large the code may be, in hundredths of rustc's.
const LARGEST: usize = 102;

/// What a module says of itself, in any order.
#[derive(Debug, Default, PartialEq, Eq)]
struct Facts {
    exports: BTreeSet<String>,
    imports: BTreeSet<String>,
    /// Which features a processor needs, which languages and compilers it is from, and the section
    /// of the source's own, in parts of 4 bytes.
    features: Vec<u8>,
    producers: BTreeSet<String>,
    own_section: Vec<[u8; 4]>,
}

/// A module that was linked.
#[derive(Debug, Default)]
struct Module {
    facts: Facts,
    functions: Vec<String>,
    code: usize,
}

impl Module {
    fn read(bytes: &[u8]) -> Result<Self> {
        let mut module = Self::default();
        let facts = &mut module.facts;
        for payload in Parser::new(0).parse_all(bytes) {
            match payload? {
                Payload::ExportSection(exports) => {
                    for export in exports {
                        let export = export?;
                        facts.exports.insert(format!("{:?} {}", export.kind, export.name));
                    }
                }
                Payload::ImportSection(imports) => {
                    for import in imports.into_imports() {
                        let import = import?;
                        facts.imports.insert(format!("{}.{}", import.module, import.name));
                    }
                }
                Payload::CodeSectionStart { size, .. } => module.code = size as usize,
                Payload::CustomSection(section) => match section.name() {
                    "target_features" => facts.features = section.data().to_vec(),
                    "mine" => {
                        facts.own_section = section.data().as_chunks().0.to_vec();
                        facts.own_section.sort_unstable();
                    }
                    _ => match section.as_known() {
                        KnownCustom::Producers(fields) => {
                            for field in fields {
                                let field = field?;
                                for value in field.values {
                                    let value = value?;
                                    facts.producers.insert(format!("{}: {} {}", field.name, value.name, value.version));
                                }
                            }
                        }
                        KnownCustom::Name(names) => {
                            for names in names {
                                let Name::Function(functions) = names? else { continue };
                                for function in functions {
                                    module.functions.push(function?.name.to_owned());
                                }
                            }
                        }
                        _ => {}
                    },
                },
                _ => {}
            }
        }
        Ok(module)
    }

    fn has_function(&self, name: &str) -> bool {
        self.functions.iter().any(|function| function.contains(name))
    }
}

struct Build {
    ways: TwoWays<'static>,
    /// The target, and rustc's flags for every crate.
    shown: String,
}

impl Build {
    /// Compiles the libraries for both ways of linking.
    fn new(name: &str, target: &str, flags: &str, of_clang: &str) -> Result<Option<Self>> {
        if run(Command::new("node").arg("--version")).is_err() {
            skip("no `node` here to run WebAssembly; install Node.js");
            return Ok(None);
        }
        let flags = format!("--edition=2024 {flags}");
        let Some(ways) = TwoWays::new(Toolchain::stable(), &format!("lto-webassembly-{name}"), target, &flags)? else { return Ok(None) };
        ways.write(&[("low.rs", LOW), ("mid.rs", MID), ("app.rs", APP), ("library.rs", LIBRARY), ("c.c", C), ("run.js", RUN)])?;
        ways.run(&format!("clang --target=wasm32 -O2 {of_clang} -c c.c -o c.o"))?;
        // GNU ar makes no index of such objects, and none is needed: an rlib has its own.
        ways.run("ar rcs libinside.a c.o")?;
        for (name, more) in [("low", "-Lnative=. -lstatic=inside"), ("mid", "--extern=low=reference/liblow.rlib")] {
            let args = format!("{name}.rs --crate-name={name} --crate-type=rlib -Cmetadata=1 -Ldependency=reference {more}");
            ways.rustc(&format!("{args} --out-dir=reference"))?;
            let metadata = format!("--metadata-dir split --output split/lib{name}.rmeta");
            succeed(&mut ways.phase(&format!("metadata --lto {metadata}"), &args))?;
            let code = format!("--metadata-dir split --output split/lib{name}.rlib --published-metadata split/lib{name}.rmeta");
            succeed(&mut ways.phase(&format!("codegen --lto {code}"), &args))?;
        }
        Ok(Some(Self { ways, shown: format!("{target} {flags}") }))
    }

    /// The command that compiles a crate which is linked.
    fn linked(source: &str, crate_type: &str) -> String {
        let dependencies = "--extern=mid=reference/libmid.rlib --extern=low=reference/liblow.rlib -Ldependency=reference";
        format!("{source}.rs --crate-name={source} --crate-type={crate_type} -Cmetadata=2 {dependencies}")
    }

    fn no_link(&self, source: &str, crate_type: &str, more: &str) -> Result<()> {
        let command = "no-link --lto --plan plan.json --modules modules --metadata-dir split";
        succeed(&mut self.ways.phase(command, &format!("{} {more}", Self::linked(source, crate_type)))).map(drop)
    }

    fn link_only(&self, options: &str) -> Command {
        self.ways.link_only(&format!("--plan plan.json --modules modules --rlib-dir split {options}"))
    }

    /// A module made of the staticlib `archive`.
    fn of_staticlib(&self, archive: &str) -> Result<String> {
        let host = Toolchain::stable().sysroot.join("lib/rustlib").join(&Toolchain::stable().host);
        let options =
            "-flavor wasm --no-entry --gc-sections --allow-undefined --no-demangle --export=answer --export=exported_of_dependency";
        let mut lld = Command::new(host.join("bin/rust-lld"));
        succeed(lld.args(words(&format!("{options} {archive} -o {archive}.wasm"))).current_dir(&self.ways.dir))?;
        Ok(format!("{archive}.wasm"))
    }

    fn read(&self, name: &str) -> Result<Module> {
        let bytes = fs::read(self.ways.dir.join(name)).with_context(|| format!("cannot read `{name}`"))?;
        Module::read(&bytes).with_context(|| format!("`{name}` is broken"))
    }

    /// What Node.js prints when it is given `name`.
    fn prints(&self, name: &str) -> Result<String> {
        self.ways.run(&format!("node --no-warnings run.js {name}"))
    }

    /// Links a crate with each kind of LTO in both ways, and compares.
    fn compare(&self, source: &str, crate_type: &str) -> Result<()> {
        self.no_link(source, crate_type, "")?;
        let command = Self::linked(source, crate_type);
        let file = |folder: &str| format!("{folder}/{source}");
        self.ways.rustc(&format!("{command} -o {}", file("reference")))?;
        for lto in ["thin", "fat"] {
            self.ways.rustc(&format!("{command} -Clto={lto} -o {}", file("reference/lto")))?;
            succeed(&mut self.link_only(&format!("--lto {lto} --output {}", file("split"))))?;
            let names = ["reference", "reference/lto", "split"].map(file);
            let [plain, reference, split] = if crate_type == "staticlib" {
                let [plain, reference, split] = names.map(|name| self.of_staticlib(&name));
                [plain?, reference?, split?]
            } else {
                names
            };
            self.compare_modules([&plain, &reference, &split]).with_context(|| format!("the {crate_type} with {lto} LTO"))?;
            let [reference, split] = [reference, split].map(|name| self.read(&name).map(|module| module.code));
            let (reference, split) = (reference?, split?);
            println!("{} {crate_type} {lto}: {split} bytes of code, rustc {reference}", self.shown);
            ensure!(split * 100 <= reference * LARGEST, "{crate_type}, {lto}: {split} bytes of code, and rustc has {reference}");
        }
        Ok(())
    }

    fn compare_modules(&self, [plain, reference, split]: [&str; 3]) -> Result<()> {
        let printed = self.prints(split)?;
        ensure!(printed.contains("counted") || printed.contains("answer"), "it printed {printed:?}");
        ensure!(printed == self.prints(reference)?, "it prints another thing than rustc's: {printed:?}");
        let [plain, reference, split] = [self.read(plain)?, self.read(reference)?, self.read(split)?];
        ensure!(split.facts == reference.facts, "{:#?}\nis of rustc's, and this of splitlink's:\n{:#?}", reference.facts, split.facts);
        ensure!(split.facts.own_section == [*b"mid!", *b"more"], "custom sections: {:?}", split.facts.own_section);
        // A function of a crate below is inlined, which it is not without LTO.
        ensure!(plain.has_function("10disappears"), "the function is not there without LTO either");
        ensure!(!split.has_function("10disappears") && split.has_function("5stays"), "functions: {:?}", split.functions);
        Ok(())
    }
}

fn check(name: &str, target: &str, flags: &str, of_clang: &str, linked: &[(&str, &str)]) -> Result<(), Failure> {
    let Some(build) = Build::new(name, target, flags, of_clang)? else { return Ok(()) };
    fs::create_dir_all(build.ways.dir.join("reference/lto"))?;
    for (source, crate_type) in linked {
        build.compare(source, crate_type)?;
    }
    Ok(())
}

const WASI: &str = "wasm32-wasip1";
const ALONE: &str = "wasm32-unknown-unknown";

/// A test for each row: the target, rustc's flags, clang's, and what is linked.
macro_rules! table {
    ($($name:ident: $target:expr, $flags:expr, $of_clang:expr, $linked:expr;)+) => {
        $(#[test]
        fn $name() -> Result<(), Failure> {
            check(stringify!($name), $target, $flags, $of_clang, $linked)
        })+
    };
}

table! {
    of_wasi: WASI, "-Copt-level=3", "", &[("app", "bin"), ("library", "cdylib")];
    without_a_system: ALONE, "-Copt-level=2", "", &[("library", "cdylib"), ("library", "staticlib")];
    c_in_bitcode: ALONE, "-Copt-level=2 -Ctarget-feature=+simd128 -Ccodegen-units=4", "-flto", &[("library", "cdylib")];
    c_for_thin_lto: WASI, "-Copt-level=2 -Ctarget-cpu=mvp -Cdebuginfo=1", "-flto=thin", &[("app", "bin")];
}

#[test]
fn what_is_not_done() -> Result<(), Failure> {
    let Some(build) = Build::new("not_done", ALONE, "-Copt-level=1", "")? else { return Ok(()) };
    build.no_link("library", "cdylib", "")?;
    // Its linker compiles all modules or none, so no cache of single ones can be used.
    succeed(&mut build.link_only("--lto thin --output split/without.wasm"))?;
    let output = succeed(&mut build.link_only("--lto thin --lto-cache cache --output split/with.wasm"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    for part in ["warning: the LTO cache `cache` is not used for `library`", "help: leave out `--lto-cache`"] {
        assert!(said.contains(part), "{part} in {said}");
    }
    assert!(
        fs::read(build.ways.dir.join("split/with.wasm"))? == fs::read(build.ways.dir.join("split/without.wasm"))?,
        "the modules differ"
    );
    // Nor in actions of their own.
    let link_only = build.link_only("--lto thin");
    let mut thin_link = Command::new(link_only.get_program());
    thin_link.current_dir(&build.ways.dir).arg("thin-link").args(link_only.get_args().skip(1)).args(["--output-dir", "thin"]);
    refused(&run(&mut thin_link)?, &["distributed thin LTO is not for WebAssembly", "in one action"])?;
    assert!(!build.ways.dir.join("thin/link.json").exists(), "something was written");
    // What is no whole object is not passed over, for what it refers to has to be kept.
    let object = fs::read(build.ways.dir.join("c.o"))?;
    fs::write(build.ways.dir.join("cut.o"), &object[..object.len() / 2])?;
    build.no_link("library", "cdylib", "-Clink-arg=cut.o")?;
    for lto in ["thin", "fat"] {
        let output = run(&mut build.link_only(&format!("--lto {lto} --output split/cut.wasm")))?;
        refused(&output, &["cannot use `cut.o`", "no whole WebAssembly module"])?;
        assert!(!build.ways.dir.join("split/cut.wasm").exists(), "something was left");
    }
    Ok(())
}
