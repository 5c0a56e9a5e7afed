//! Mach-O: the same programs and libraries for macOS linked by rustc and through splitlink, by zig
//! (a driver) and by rust-lld (a linker), the same byte for byte. They cannot be run here. `dev/test`
//! installs the standard libraries; zig is installed here.

use anyhow::{Context, Result, ensure};
use splitlink_tests::real_programs::cache;
use splitlink_tests::rustc_fixture::mach_o::describe;
use splitlink_tests::rustc_fixture::project::{Project, refused, words};
use splitlink_tests::rustc_fixture::tools::{Failure, Toolchain, run, skip, succeed, write_program};
use splitlink_tests::rustc_fixture::two_ways::TwoWays;
use splitlink_tests::zig;
use std::fs;
use std::process::{Command, Output};

const ARM: &str = "aarch64-apple-darwin";

const DEP: &str = "unsafe extern \"C\" { safe fn inside() -> i32; }
pub fn value<T: Into<u64>>(x: T) -> u64 { x.into() + 33 + inside() as u64 }
pub fn plain() -> u64 { value(2u8) }
";

/// zig as the linker, which has a copy of what macOS has for libraries. It notes the variables of
/// the environment that are Apple's.
const ZIG: &str = r#"#!/bin/sh
export ZIG_GLOBAL_CACHE_DIR="@CACHE@" ZIG_LOCAL_CACHE_DIR="@CACHE@"
env | grep -E '^(ZERO_AR_DATE|[A-Z]*_DEPLOYMENT_TARGET|SDKROOT|LC_ALL|VSLANG)=' | sort >environment
exec "@ZIG@/ziglang/zig" @COMMAND@ "$@"
"#;

/// By what is linked. Without debug information, for linkers write the paths of rlibs into it.
const BY_ZIG: &str = "-Clinker=./zigcc -Clink-arg=-Wl,-S";
const BY_LLD: &str = "-Clinker=rust-lld -Clinker-flavor=ld64.lld -Clink-arg=-Lstubs -Clink-arg=-S";

struct Build {
    ways: TwoWays<'static>,
}

impl Build {
    fn new(name: &str, target: &str) -> Result<Option<Self>> {
        let zig = match zig::install() {
            Ok(folder) => folder,
            Err(why) => {
                skip(&format!("no linker for {target}: {why}; python3 with pip and its package index enables it"));
                return Ok(None);
            }
        };
        let Some(ways) = TwoWays::new(Toolchain::stable(), &format!("mach_o-{name}"), target, "--edition=2024")? else { return Ok(None) };
        ways.write(&[
            ("dep.rs", DEP),
            ("app.rs", "fn main() { println!(\"{}\", dep::plain()); }\n"),
            ("library.rs", "#[unsafe(no_mangle)]\npub extern \"C\" fn answer() -> u64 { dep::plain() }\n"),
            // The second is defined as C has it without a value: an archive's index names it.
            ("c.c", "int inside(void) { return 7; }\n__attribute__((common)) int tentative;\n"),
            ("main.c", "extern unsigned long answer(void);\nint main(void) { return answer() != 42; }\n"),
        ])?;
        fs::create_dir_all(ways.dir.join("stubs"))?;
        for library in ["System", "c", "m"] {
            let stub = zig.join("ziglang/lib/libc/darwin/libSystem.tbd");
            fs::copy(stub, ways.dir.join(format!("stubs/lib{library}.tbd"))).context("zig's library of macOS")?;
        }
        let zig_cache = cache()?.join("mach_o.zig_cache");
        let architecture = target.split('-').next().unwrap_or_default();
        for (name, command) in [("zigcc", format!("cc -target {architecture}-macos")), ("zigar", "ar".to_owned())] {
            let script = ZIG.replace("@CACHE@", &zig_cache.to_string_lossy()).replace("@ZIG@", &zig.to_string_lossy());
            write_program(&ways.dir.join(name), script.replace("@COMMAND@", &command))?;
        }
        ways.run("./zigcc -c c.c -o c.o")?;
        ways.run("./zigar rcs libinside.a c.o")?;
        Ok(Some(Self { ways }))
    }

    /// Builds the library `dep` in both ways, with a native one inside: object by object, or as it
    /// is.
    fn dep(&self, modifiers: &str) -> Result<()> {
        self.ways.library("dep", &format!("-Lnative=. -lstatic{modifiers}=inside"))
    }

    /// rustc's arguments for a linked crate.
    fn linked(source: &str, crate_type: &str, name: &str, flags: &str) -> String {
        format!("{source}.rs --crate-type={crate_type} -Cmetadata=2 --extern=dep=reference/libdep.rlib -o reference/{name} {flags}")
    }

    fn no_link(&self, name: &str, args: &str) -> Command {
        self.ways.phase(&format!("no-link --plan split/{name}.json --modules split/{name}.modules --metadata-dir split"), args)
    }

    fn link_only(&self, name: &str, options: &str) -> Command {
        let plan = format!("--plan split/{name}.json --modules split/{name}.modules");
        self.ways.link_only(&format!("{plan} --rlib-dir split --output split/{name} {options}"))
    }

    /// Links a crate in both ways; what splitlink and the linker said at last.
    fn link(&self, source: &str, crate_type: &str, name: &str, flags: &str) -> Result<Output> {
        let args = Self::linked(source, crate_type, name, flags);
        self.ways.rustc(&args)?;
        succeed(&mut self.no_link(name, &args))?;
        succeed(&mut self.link_only(name, &format!("--report split/{name}.report")))
    }

    fn described(&self, path: &str) -> Result<Vec<String>> {
        describe(&self.ways.dir.join(path))
    }

    fn check(&self) -> Result<()> {
        let named = format!("{BY_LLD} -Clink-arg=-install_name -Clink-arg=@rpath/library.dylib");
        for modifiers in ["", ":+whole-archive"] {
            self.dep(modifiers)?;
            for (source, crate_type, name, flags, holds) in [
                ("app", "bin", "app", BY_ZIG, "_main"),
                ("library", "staticlib", "liblibrary.a", "", ""),
                ("app", "bin", "app_by_lld", BY_LLD, "_main"),
                ("library", "cdylib", "library.dylib", named.as_str(), "_answer"),
            ] {
                let said = self.link(source, crate_type, name, flags).and_then(|said| self.ways.same(name).map(|()| said));
                let said = said.with_context(|| format!("the {crate_type} `{name}` with `-lstatic{modifiers}`"))?;
                let said = String::from_utf8_lossy(&said.stderr);
                ensure!(!said.contains("two sections"), "{said}");
                if !holds.is_empty() {
                    let symbol = format!("symbol {holds} at ");
                    ensure!(
                        self.described(&format!("split/{name}"))?.iter().any(|fact| fact.starts_with(&symbol)),
                        "no `{holds}` in `{name}`"
                    );
                }
            }
        }
        // Which the staticlib's index must be good for.
        self.ways.run("./zigcc main.c split/liblibrary.a -o split/of_c")?;
        ensure!(self.described("split/of_c")?.iter().any(|fact| fact.starts_with("symbol _answer at ")), "no `_answer` in the program");
        Ok(())
    }
}

#[test]
fn of_arm() -> Result<(), Failure> {
    let Some(build) = Build::new("arm", ARM)? else { return Ok(()) };
    Ok(build.check()?)
}

#[test]
fn of_x86() -> Result<(), Failure> {
    let Some(build) = Build::new("x86", "x86_64-apple-darwin")? else { return Ok(()) };
    Ok(build.check()?)
}

/// What the bytes alone do not show to be the same: names that depend on where something is, and the
/// linker's environment.
#[test]
fn names_and_places() -> Result<(), Failure> {
    let Some(build) = Build::new("places", ARM)? else { return Ok(()) };
    build.dep("")?;
    for flags in ["-Clinker=./zigcc", "-Clinker=./zigcc -g -Csplit-debuginfo=off", "-Clinker=./zigcc -Clink-dead-code"] {
        build.link("app", "bin", "app", flags)?;
        let [reference, split] = ["reference/app", "split/app"].map(|path| build.described(path));
        assert_eq!(reference?, split?, "{flags}");
    }
    // A library is called by its path, which is another one for each of the two.
    build.link("library", "cdylib", "library.dylib", BY_LLD)?;
    for folder in ["reference", "split"] {
        let facts = build.described(&format!("{folder}/library.dylib"))?;
        assert!(facts.contains(&format!("own name {folder}/library.dylib")), "{facts:#?}");
    }
    let bytes = fs::read(build.ways.dir.join("split/library.dylib"))?;
    assert!(!bytes.windows(8).any(|window| window == b".scratch"), "the library names the folder that it was made in");

    // rustc's variables for Apple's linkers, and none of those that it hides from them.
    let args = Build::linked("app", "bin", "app", BY_ZIG);
    let environment = || fs::read_to_string(build.ways.dir.join("environment"));
    let apples = |command: &mut Command| {
        let variables =
            [("IPHONEOS_DEPLOYMENT_TARGET", "16.0"), ("MACOSX_DEPLOYMENT_TARGET", "12.0"), ("WATCHOS_DEPLOYMENT_TARGET", "9.0")];
        succeed(command.envs(variables)).map(drop)
    };
    apples(&mut build.ways.rustc_command(&args))?;
    let rustcs = environment()?;
    assert!(rustcs.contains("ZERO_AR_DATE=1") && !rustcs.contains("IPHONEOS"), "{rustcs}");
    apples(&mut build.no_link("app", &args))?;
    apples(&mut build.link_only("app", ""))?;
    assert_eq!(environment()?, rustcs);
    build.ways.same("app")?;
    let output = succeed(&mut build.link_only("app", "--print-command"))?;
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(printed.starts_with("env -u IPHONEOS_DEPLOYMENT_TARGET") && printed.contains(" ZERO_AR_DATE=1 "), "{printed}");
    Ok(())
}

/// The SDK, which rustc asks `xcrun` for where the environment does not name it.
#[test]
fn sdks() -> Result<(), Failure> {
    let Some(build) = Build::new("sdks", ARM)? else { return Ok(()) };
    build.dep("")?;
    let sdk = build.ways.dir.join("MacOSX.sdk");
    for folder in ["MacOSX.sdk", "programs"] {
        fs::create_dir_all(build.ways.dir.join(folder))?;
    }
    write_program(&build.ways.dir.join("programs/xcrun"), format!("#!/bin/sh\necho {}\n", sdk.display()))?;
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths([build.ways.dir.join("programs")].into_iter().chain(std::env::split_paths(&path))).context("PATH")?;
    let args = Build::linked("app", "bin", "app", BY_ZIG);
    let output = run(build.no_link("app", &args).env("PATH", &path).env_remove("SDKROOT"))?;
    refused(&output, &["rustc links the crate `app` with the SDK", "MacOSX.sdk`, and `SDKROOT` names no SDK"])?;
    assert!(!build.ways.dir.join("split/app.json").exists());
    succeed(build.ways.rustc_command(&args).env("SDKROOT", &sdk))?;
    succeed(build.no_link("app", &args).env("SDKROOT", &sdk))?;
    succeed(build.link_only("app", "").env("SDKROOT", &sdk))?;
    Ok(build.ways.same("app")?)
}

#[test]
fn broken_and_unknown_files() -> Result<(), Failure> {
    let Some(build) = Build::new("files", ARM)? else { return Ok(()) };
    build.dep("")?;
    let name = "liblibrary.a";
    // Only how a universal file begins: rustc itself takes a part out of one.
    fs::write(build.ways.dir.join("libuniversal.a"), b"\xca\xfe\xba\xbe\0\0\0\x01")?;
    let args = Build::linked("library", "staticlib", name, "-lstatic=universal -Lnative=.");
    succeed(&mut build.no_link(name, &args))?;
    refused(&run(&mut build.link_only(name, ""))?, &["libuniversal.a` is a universal file", "lipo -thin"])?;

    let args = Build::linked("app", "bin", "app", BY_ZIG);
    succeed(&mut build.no_link("app", &args))?;
    refused(&run(&mut build.link_only("app", "--linker lld"))?, &["the bin `app` is linked for macOS", "leave out `--linker`"])?;
    let rlib = build.ways.dir.join("split/libdep.rlib");
    let whole = fs::read(&rlib)?;
    fs::write(&rlib, &whole[..whole.len() / 2])?;
    refused(&run(&mut build.link_only("app", ""))?, &["libdep.rlib", "not a whole Rust library"])?;
    Ok(())
}

/// The allocator shim has no name of its own in an incremental run.
#[test]
fn incremental() -> Result<(), Failure> {
    let Some(build) = Build::new("incremental", ARM)? else { return Ok(()) };
    build.dep("")?;
    for (source, crate_type, name) in [("app", "bin", "app"), ("library", "staticlib", "liblibrary.a")] {
        let args = Build::linked(source, crate_type, name, &format!("{BY_ZIG} -Cincremental=kept"));
        for run in ["the first", "the second"] {
            succeed(&mut build.no_link(name, &args))?;
            succeed(&mut build.link_only(name, ""))?;
            let plan = fs::read_to_string(build.ways.dir.join(format!("split/{name}.json")))?;
            assert!(plan.contains("\"allocator-shim\""), "no shim in {run} plan of `{name}`");
        }
    }
    Ok(())
}

#[test]
fn what_is_refused_by_name() -> Result<()> {
    let project = Project::new("mach_o_refused")?;
    for (options, says) in [
        ("--crate-type=dylib", "is a dylib for `aarch64-apple-darwin`, whose objects are Mach-O"),
        ("--crate-type=proc-macro", "is a proc-macro for `aarch64-apple-darwin`, whose objects are Mach-O"),
        ("-g", "`dsymutil`"),
        ("-Csplit-debuginfo=packed", "`-Csplit-debuginfo=packed`"),
        ("-g -Csplit-debuginfo=unpacked", "`-Csplit-debuginfo=unpacked`"),
        ("-Cstrip=symbols", "`-Cstrip=symbols`"),
        ("-Crpath", "`-Crpath`"),
        ("-Cprefer-dynamic", "`-Cprefer-dynamic`"),
        ("-Clinker-flavor=ld64.lld", "`-Clinker-flavor`"),
        ("-Clto=thin", "`-Clto=thin`"),
    ] {
        let output = project.no_link(&words(&format!("app.rs --crate-name=app --edition=2024 --target={ARM} {options}")))?;
        refused(&output, &["the crate `app`", says]).with_context(|| options.to_owned())?;
        ensure!(!project.dir.join("out/plan.json").exists(), "{options}");
    }
    let args = words(&format!("app.rs --crate-name=app --edition=2024 --target={ARM}"));
    let output = project.compile("no-link --lto --plan out/plan.json --modules out/modules", &args)?;
    refused(&output, &["the crate `app` is compiled for LTO, and its objects are Mach-O"])
}
