//! The library crates of `tests/fixtures`, each built by rustc and through splitlink with the same
//! command.

use super::tools::{Once, Toolchain, splitlink, succeed, workplace};
use anyhow::{Context, Result, ensure};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A library of the fixtures.
#[derive(Debug, Clone, Copy)]
pub struct Library {
    /// What tests call it; also what tells its files apart, as `-Cextra-filename` does in a real
    /// build.
    pub id: &'static str,
    /// The crate's name, which is also its source file's.
    pub crate_name: &'static str,
    /// The libraries that it depends on, by id; `name=id` renames.
    pub deps: &'static [&'static str],
    /// Its own flags; `{native}` is a folder with the C libraries.
    pub flags: &'static [&'static str],
    /// A proc macro, and the libraries below it, run on the host: flags for the target are not for
    /// them.
    pub host: bool,
}

const fn library(id: &'static str, deps: &'static [&'static str]) -> Library {
    Library { id, crate_name: id, deps, flags: &["--edition=2024"], host: false }
}

const fn sum_sys(id: &'static str, flags: &'static [&'static str]) -> Library {
    Library { id, crate_name: "sum_sys", deps: &[], flags, host: false }
}

const LIBRARIES: &[Library] = &[
    library("shapes", &[]),
    library("report", &["shapes"]),
    library("facade", &["report", "shapes"]),
    library("counting_allocator", &[]),
    library("exports", &[]),
    library("bare", &[]),
    sum_sys("sum_static", &["--edition=2024", "-lstatic=sum", "-Lnative={native}"]),
    sum_sys("sum_whole", &["--edition=2024", "-lstatic:+whole-archive=sum", "-L", "native={native}"]),
    sum_sys("sum_unbundled", &["--edition=2024", "-lstatic:-bundle=sum", "-Lnative={native}"]),
    sum_sys("sum_dynamic", &["--edition=2024", "-ldylib=sumdyn", "-Lnative={native}"]),
    Library { id: "sum_attribute", crate_name: "sum_attribute", deps: &[], flags: &["--edition=2024", "-Lnative={native}"], host: false },
    Library { id: "twice_old", crate_name: "twice", deps: &[], flags: &["--edition=2024", "--cfg=old"], host: false },
    Library { id: "twice_new", crate_name: "twice", deps: &[], flags: &["--edition=2024"], host: false },
    library("uses_old", &["twice=twice_old"]),
    Library { id: "naming", crate_name: "naming", deps: &[], flags: &["--edition=2024"], host: true },
    Library { id: "describe_macro", crate_name: "describe_macro", deps: &["naming"], flags: &["--edition=2024"], host: true },
    library("described", &["describe_macro"]),
];

impl Library {
    /// The library `id`, which may be renamed (`name=id`).
    ///
    /// # Panics
    /// If there is none.
    pub fn named(id: &str) -> &'static Self {
        let id = id.split_once('=').map_or(id, |(_, id)| id);
        LIBRARIES.iter().find(|library| library.id == id).unwrap_or_else(|| panic!("no library `{id}` in the fixtures"))
    }

    fn is_proc_macro(&self) -> bool {
        self.crate_name.ends_with("_macro")
    }

    /// The name of its file with the given extension; a proc macro has only an `.so`.
    pub fn file_name(&self, extension: &str) -> String {
        let extension = if self.is_proc_macro() { "so" } else { extension };
        format!("lib{}-{}.{extension}", self.crate_name, self.id)
    }
}

/// Every library below `deps`, dependencies first, once each.
pub fn closure(deps: &[&str]) -> Vec<&'static Library> {
    let mut found: Vec<&'static Library> = Vec::new();
    for dep in deps {
        let library = Library::named(dep);
        for below in closure(library.deps).into_iter().chain([library]) {
            if !found.iter().any(|f| f.id == below.id) {
                found.push(below);
            }
        }
    }
    found
}

/// The flags under which a whole graph is built, and where its files are.
#[derive(Debug, Clone, Copy)]
pub struct Graph<'a> {
    /// The toolchain.
    pub toolchain: &'a Toolchain,
    /// Flags for every crate that is not for the host.
    pub flags: &'a [&'a str],
    /// Whether splitlink compiles every crate that is not for the host for LTO.
    pub lto: bool,
    /// The working folder of every command.
    pub cwd: &'a Path,
}

/// The two builds of a library.
#[derive(Debug)]
pub struct Built {
    /// rustc's rlib (a proc macro's `.so`).
    pub reference: PathBuf,
    /// splitlink's `.rmeta`; a proc macro's `.so`.
    pub metadata: PathBuf,
    /// splitlink's rlib; a proc macro's `.so`.
    pub code: PathBuf,
}

impl<'a> Graph<'a> {
    /// A graph with the given flags, in the workplace.
    pub fn new(toolchain: &'a Toolchain, flags: &'a [&'a str], lto: bool) -> Self {
        Self { toolchain, flags, lto, cwd: workplace() }
    }

    /// `flag` with the working folder for `{cwd}`, the toolchain's folder for `{sysroot}` and its
    /// triple for `{host}`.
    pub fn filled_in(&self, flag: &str) -> String {
        let sysroot = self.toolchain.sysroot.to_string_lossy();
        flag.replace("{cwd}", &self.cwd.to_string_lossy()).replace("{sysroot}", &sysroot).replace("{host}", &self.toolchain.host)
    }

    /// The folder, relative to the working folder, of the files of crates that are built with these
    /// flags.
    pub fn folder(&self, host: bool) -> String {
        let flags = if host { &[] } else { self.flags };
        let name: String = flags.join(" ").chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
        let lto = if self.lto && !host { "/lto" } else { "" };
        format!("{}/graph{name}{lto}", self.toolchain.name)
    }

    /// Where a build of `library` puts its files: `reference`, `split`, or `absent`, which does not
    /// exist.
    fn folder_of(&self, library: &Library, way: &str) -> String {
        format!("{}/{way}", self.folder(library.host))
    }

    /// The arguments that turn to the dependencies `deps` in the folders `way`.
    pub fn dependency_args(&self, deps: &[&str], way: &str) -> Vec<String> {
        let mut args = Vec::new();
        for dep in deps {
            let library = Library::named(dep);
            let name = dep.split_once('=').map_or(library.crate_name, |(name, _)| name);
            args.push(format!("--extern={name}={}/{}", self.folder_of(library, way), library.file_name("rlib")));
        }
        for host in [false, true] {
            if closure(deps).iter().any(|library| library.host == host) {
                args.push(format!("-Ldependency={}/{way}", self.folder(host)));
            }
        }
        args
    }

    /// splitlink's options that give it the dependencies of a compiling action.
    pub fn metadata_options(&self, deps: &[&str]) -> Result<Vec<String>> {
        let mut options = Vec::new();
        for library in closure(deps) {
            let option = if library.is_proc_macro() { "--proc-macro" } else { "--metadata" };
            options.extend([option.to_owned(), self.build(library.id)?.metadata.to_string_lossy().into_owned()]);
        }
        Ok(options)
    }

    /// splitlink's options that give it the dependencies of a linking action.
    pub fn rlib_options(&self, deps: &[&str]) -> Result<Vec<String>> {
        let mut options = Vec::new();
        for library in closure(deps).iter().filter(|library| !library.is_proc_macro()) {
            options.extend(["--rlib".to_owned(), self.build(library.id)?.code.to_string_lossy().into_owned()]);
        }
        Ok(options)
    }

    /// Builds the library `id` in both ways, once for each set of flags, and compares the files.
    pub fn build(&self, id: &str) -> Result<&'static Built> {
        static BUILT: Once<Built> = Once::new();
        let library = Library::named(id);
        let key = format!("{}|{}|{id}", self.cwd.display(), self.folder(library.host));
        BUILT.get(&key, || self.build_now(library).with_context(|| format!("cannot build the library `{id}`")))
    }

    fn build_now(&self, library: &'static Library) -> Result<Built> {
        let native = format!("{}/native/{}", self.folder(library.host), library.id);
        let command = |way: &str| -> Vec<String> {
            let name = library.crate_name;
            let crate_type = if library.is_proc_macro() { "proc-macro" } else { "rlib" };
            let mut args = vec![format!("--crate-name={name}"), format!("src/{name}.rs"), format!("--crate-type={crate_type}")];
            args.push(if library.is_proc_macro() { "--emit=link" } else { "--emit=metadata,link" }.to_owned());
            args.extend([format!("-Cmetadata={}", library.id), format!("-Cextra-filename=-{}", library.id)]);
            args.extend(library.flags.iter().map(|flag| flag.replace("{native}", &native)));
            if !library.host {
                args.extend(self.flags.iter().map(|flag| self.filled_in(flag)));
            }
            if library.is_proc_macro() {
                args.push("--extern=proc_macro".to_owned());
            }
            args.push(format!("--out-dir={}", self.folder_of(library, way)));
            args.extend(self.dependency_args(library.deps, way));
            args
        };
        let path = |way: &str, extension: &str| PathBuf::from(self.folder_of(library, way)).join(library.file_name(extension));
        let (metadata, code, reference) = (path("split", "rmeta"), path("split", "rlib"), path("reference", "rlib"));
        for dir in [&metadata, &reference] {
            fs::create_dir_all(self.cwd.join(dir.parent().expect("a file is in a folder")))?;
        }

        // The first phase sees no C library, as it would in a build where that is compiled at the
        // same time. Except for `+whole-archive`: the metadata holds the library's file name, so
        // rustc looks for the file.
        if library.flags.iter().any(|flag| flag.contains("+whole-archive")) {
            build_native(&self.cwd.join(&native))?;
        }
        let below = self.metadata_options(library.deps)?;
        let modules = format!("{}.modules", metadata.display());
        let plan = format!("{}.json", metadata.display());
        if library.is_proc_macro() {
            let mut no_link = self.splitlink(&["no-link", "--plan", &plan, "--modules", &modules]);
            succeed(no_link.args(&below).arg("--").arg(&self.toolchain.rustc).args(command("absent")))?;
        } else {
            let mut first = self.splitlink(&["metadata", "--output", &metadata.to_string_lossy()]);
            succeed(first.args(self.lto_option(library)).args(&below).arg("--").arg(&self.toolchain.rustc).args(command("absent")))?;
        }
        build_native(&self.cwd.join(&native))?;
        if library.is_proc_macro() {
            let mut link = self.splitlink(&["link-only", "--plan", &plan, "--modules", &modules, "--output", &code.to_string_lossy()]);
            succeed(link.arg("--sysroot").arg(&self.toolchain.sysroot).args(self.rlib_options(library.deps)?))?;
        } else {
            let (output, published) = (code.to_string_lossy(), metadata.to_string_lossy());
            let mut second = self.splitlink(&["codegen", "--output", &output, "--published-metadata", &published]);
            succeed(second.args(self.lto_option(library)).args(&below).arg("--").arg(&self.toolchain.rustc).args(command("absent")))?;
        }

        for dep in library.deps {
            self.build(Library::named(dep).id)?;
        }
        let mut rustc = self.toolchain.command(self.cwd);
        rustc.args(command("reference"));
        if !library.is_proc_macro() {
            // splitlink asks for these, and they are in rustc's hash of the crate.
            rustc.args(["--error-format=json", "--json=artifacts"]);
            if self.lto_option(library).is_empty() {
                rustc.arg("-Cembed-bitcode=no");
            }
        }
        succeed(&mut rustc)?;
        let same = fs::read(self.cwd.join(&reference))? == fs::read(self.cwd.join(&code))?;
        // Compiled for LTO there is bitcode where rustc has machine code.
        ensure!(same || (self.lto && !library.host), "`{}` and `{}` differ", reference.display(), code.display());
        Ok(Built { reference, metadata, code })
    }

    fn lto_option(&self, library: &Library) -> &'static [&'static str] {
        if self.lto && !library.host { &["--lto"] } else { &[] }
    }

    /// splitlink with `args`, in the working folder.
    pub fn splitlink(&self, args: &[&str]) -> Command {
        let mut command = Command::new(splitlink());
        command.args(args).current_dir(self.cwd);
        command
    }
}

/// Compiles the C libraries into `dir`: `libsum.a` with two members, `libsumthin.a`, which only
/// names them, and `libsumdyn.so`.
pub fn build_native(dir: &Path) -> Result<()> {
    fs::create_dir_all(dir)?;
    let c = workplace().join("c");
    let gcc = |args: &[&str]| -> Result<()> {
        succeed(Command::new("gcc").current_dir(dir).args(["-O1", "-fPIC"]).args(args))?;
        Ok(())
    };
    for name in ["sum", "unused"] {
        gcc(&["-c", &c.join(format!("{name}.c")).to_string_lossy(), "-o", &format!("{name}.o")])?;
    }
    gcc(&["-shared", "sum.o", "-o", "libsumdyn.so", "-Wl,-soname,libsumdyn.so"])?;
    fs::write(dir.join("objects.rsp"), format!("{0}/sum.o {0}/unused.o\n", dir.display()))?;
    for (operation, archive) in [("crsD", "libsum.a"), ("crsDT", "libsumthin.a")] {
        succeed(Command::new("ar").current_dir(dir).args([operation, archive, "sum.o", "unused.o"]))?;
    }
    Ok(())
}
