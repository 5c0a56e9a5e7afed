//! `-Cincremental` for crates that are linked: a first build, one of the same, and one after an
//! edit give what rustc's own give.

use anyhow::{Context, Result, ensure};
use splitlink_tests::rustc_fixture::archive;
use splitlink_tests::rustc_fixture::comparison::same;
use splitlink_tests::rustc_fixture::project::{Project, good, words};
use splitlink_tests::rustc_fixture::tools::{Failure, succeed};
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;

type Outcome = Result<(), Failure>;

/// The source, with `value` in one of its modules.
fn source(crate_type: &str, value: u32) -> String {
    let modules = format!(
        "mod one {{ #[inline(never)] pub fn list(x: u32) -> Vec<u32> {{ vec![x, {value}] }} }}
mod two {{ #[inline(never)] pub fn text(x: &[u32]) -> String {{ format!(\"{{x:?}} {{}}\", dep::plain()) }} }}\n"
    );
    let rest = match crate_type {
        "bin" => "fn main() { println!(\"{}\", two::text(&one::list(7))); }\n",
        "proc-macro" => {
            "extern crate proc_macro;\n#[proc_macro]\npub fn made(_: proc_macro::TokenStream) -> proc_macro::TokenStream { format!(\"{:?}\", two::text(&one::list(7))).parse().unwrap() }\n"
        }
        _ => {
            "#[unsafe(no_mangle)]\npub extern \"C\" fn text_len() -> usize { two::text(&one::list(7)).len() }\npub fn text() -> String { two::text(&one::list(7)) }\n"
        }
    };
    modules + rest
}

/// A project in which `crate_type` is built both ways with `flags`, again and again.
struct Builds {
    project: Project,
    crate_type: &'static str,
    flags: String,
}

impl Builds {
    fn new(name: &str, crate_type: &'static str, flags: &str) -> Result<Self> {
        let project = Project::new(&format!("incremental_{name}"))?;
        project.build_dep()?;
        fs::create_dir_all(project.dir.join("reference"))?;
        Ok(Self { project, crate_type, flags: flags.to_owned() })
    }

    fn file(&self) -> &'static str {
        match self.crate_type {
            // As rustc itself cuts it.
            "bin" if self.flags.contains("=-v1.2") => "app-v1",
            "bin" => "app",
            "staticlib" => "libapp.a",
            _ => "libapp.so",
        }
    }

    fn command(&self, deps: &str, way: &str) -> Vec<String> {
        words(&format!(
            "--crate-name=app app.rs --crate-type={} --edition=2024 --emit=link --out-dir={way} -Cmetadata=2 --extern=dep={deps}/libdep-1.rlib \
             -Ldependency={deps} -Cincremental=incremental-{way} {}",
            self.crate_type, self.flags
        ))
    }

    fn no_link(&self) -> Result<()> {
        good(&self.project.no_link(&self.command("absent", "out"))?)
    }

    /// Builds the crate with `value` in it both ways, and compares.
    fn compare(&self, value: u32) -> Result<()> {
        self.project.write("app.rs", source(self.crate_type, value))?;
        self.no_link()?;
        let file = self.file();
        good(&self.project.link_only_with(&format!("--rlib out/libdep-1.rlib --output out/{file}"))?)?;
        good(&self.project.rustc(&self.command("out", "reference"))?)?;
        let [reference, split] = ["reference", "out"].map(|way| self.project.dir.join(way).join(file));
        if self.crate_type == "staticlib" {
            return same("the archives", &without_names(&reference)?, &without_names(&split)?);
        }
        ensure!(fs::read(&reference)? == fs::read(&split)?, "the artifacts differ");
        if self.crate_type == "bin" {
            let printed = succeed(&mut Command::new(split))?.stdout;
            ensure!(printed == format!("[7, {value}] 42\n").as_bytes(), "it prints {:?}", String::from_utf8_lossy(&printed));
        }
        Ok(())
    }

    /// A first build, one of the same, one after an edit, and one that takes the edit back.
    fn check(&self) -> Result<()> {
        for (build, value) in [("first", 1), ("unchanged", 1), ("edited", 2), ("edited back", 1)] {
            self.compare(value).with_context(|| format!("the {build} build of the {} {}", self.crate_type, self.flags))?;
        }
        Ok(())
    }

    /// The objects that rustc keeps for its next run.
    fn kept(&self) -> Result<BTreeMap<PathBuf, Vec<u8>>> {
        let mut found = BTreeMap::new();
        let mut folders = vec![self.project.dir.join("incremental-out")];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder)? {
                let path = entry?.path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_some_and(|extension| extension == "o") {
                    found.insert(path.clone(), fs::read(&path)?);
                }
            }
        }
        Ok(found)
    }

    fn modules(&self) -> Result<Vec<PathBuf>> {
        let entries = fs::read_dir(self.project.dir.join("out/modules"))?;
        let paths = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
        Ok(paths.into_iter().filter(|path| path.is_file()).collect())
    }
}

/// The archive's facts without the names of members, of which a part is of one run of rustc only.
fn without_names(path: &Path) -> Result<Vec<String>> {
    let facts = archive::describe(path)?.into_iter();
    Ok(facts
        .map(|fact| if fact.starts_with("member ") { fact.splitn(3, ' ').nth(2).unwrap_or_default().to_owned() } else { fact })
        .collect())
}

/// A test for each row.
macro_rules! table {
    ($($name:ident: $crate_type:literal $flags:literal;)+) => {
        $(#[test]
        fn $name() -> Outcome {
            Ok(Builds::new(stringify!($name), $crate_type, $flags)?.check()?)
        })+
    };
}

table! {
    program: "bin" "";
    one_codegen_unit: "bin" "-Ccodegen-units=1";
    optimised: "bin" "-Copt-level=2";
    debug_info: "bin" "-Cdebuginfo=2";
    dots_in_the_name: "bin" "-Cextra-filename=-v1.2";
    cdylib: "cdylib" "";
    staticlib: "staticlib" "";
    dylib: "dylib" "";
    proc_macro: "proc-macro" "--extern=proc_macro";
}

/// With LTO the modules are bitcode; the shim is told among them, too.
#[test]
fn with_lto() -> Outcome {
    let builds = Builds::new("lto", "bin", "")?;
    let project = &builds.project;
    let dep = project.library("dep");
    good(&project.compile("metadata --lto --output out/libdep-1.rmeta", &dep)?)?;
    good(&project.compile("codegen --lto --output out/libdep-1.rlib --published-metadata out/libdep-1.rmeta", &dep)?)?;
    for (units, value) in [(1, 1), (1, 1), (16, 1), (16, 2)] {
        project.write("app.rs", source("bin", value))?;
        let args = [builds.command("absent", "out"), words(&format!("-Ccodegen-units={units}"))].concat();
        good(&project.compile("no-link --lto --plan out/plan.json --modules out/modules --metadata out/libdep-1.rmeta", &args)?)?;
        let plan = String::from_utf8_lossy(&project.read("out/plan.json")?).into_owned();
        assert_eq!(plan.matches("allocator_shim.o").count(), 1, "{plan}");
        for mode in ["thin", "fat"] {
            good(&project.link_only_with(&format!("--rlib out/libdep-1.rlib --lto {mode} --output out/app"))?)?;
            let printed = succeed(&mut Command::new(project.dir.join("out/app")))?.stdout;
            assert_eq!(String::from_utf8_lossy(&printed), format!("[7, {value}] 42\n"), "{mode}");
        }
    }
    Ok(())
}

/// A library's metadata is what its code has, whatever each run finds of earlier ones.
#[test]
fn a_library() -> Outcome {
    let project = Project::new("incremental_library")?;
    fs::create_dir_all(project.dir.join("out"))?;
    let args = [project.library("dep"), words("-Cincremental=incremental")].concat();
    for value in [40, 40, 41] {
        project.write(
            "dep.rs",
            format!("pub fn value<T: Into<u64>>(x: T) -> u64 {{ x.into() + {value} }}\npub fn plain() -> u64 {{ value(2u8) }}\n"),
        )?;
        good(&project.compile("metadata --output out/libdep-1.rmeta", &args)?)?;
        good(&project.compile("codegen --output out/libdep-1.rlib --published-metadata out/libdep-1.rmeta", &args)?)?;
        good(&project.no_link(&project.linked("app", "bin"))?)?;
        good(&project.link_only()?)?;
        let printed = succeed(&mut Command::new(project.dir.join("out/artifact")))?.stdout;
        assert_eq!(String::from_utf8_lossy(&printed), format!("{}\n", 2 * value + 2));
    }
    Ok(())
}

/// rustc's own objects are hard links to what it keeps for its next run. Whatever is done to the
/// modules must not reach that.
#[test]
fn modules_share_nothing_with_what_rustc_keeps() -> Outcome {
    let builds = Builds::new("hard_links", "bin", "")?;
    builds.compare(1)?;
    let kept = builds.kept()?;
    assert!(!kept.is_empty(), "rustc keeps no objects");
    for module in builds.modules()? {
        assert!(fs::metadata(&module)?.nlink() == 1, "`{}` has another name", module.display());
        // As build systems do with outputs, and as no one should.
        fs::write(&module, "overwritten")?;
        fs::set_permissions(&module, fs::Permissions::from_mode(0o444))?;
    }
    assert!(builds.kept()? == kept, "what rustc keeps has changed");
    builds.compare(1)?;
    builds.compare(2)?;
    Ok(())
}
