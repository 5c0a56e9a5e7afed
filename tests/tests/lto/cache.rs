//! The cache of thin LTO: the same bytes with and without, shared by targets, used by many links at
//! a time.

use anyhow::{Context, Result, ensure};
use object::{Object, ObjectSymbol, SymbolKind};
use splitlink_tests::rustc_fixture::disassembly::defined;
use splitlink_tests::rustc_fixture::lto_library::{LtoLibrary, PARTS};
use splitlink_tests::rustc_fixture::project::{Project, good, words};
use splitlink_tests::rustc_fixture::tools::{Failure, names_in, run, skip, succeed};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

type Outcome = Result<(), Failure>;

const CACHE: &str = "--lto-cache out/cache";

/// Links without a cache, with an empty one and with a full one: the same bytes, and in the full
/// one nothing is made anew.
fn links_alike(library: &LtoLibrary) -> Result<Vec<u8>> {
    let plain = library.link("")?;
    plain.is_silent(&plain.bytes)?;
    library.link(CACHE)?.is_silent(&plain.bytes).context("with a cache that lacks something")?;
    let entries = library.entries("out/cache")?;
    library.link(CACHE)?.is_silent(&plain.bytes).context("with a full cache")?;
    ensure!(library.entries("out/cache")? == entries, "a module was optimised again");
    Ok(plain.bytes)
}

/// Two archives of bitcode, of which the one that comes first on the link line is needed only by
/// the other: rust-lld takes that one first.
fn add_archives(library: &LtoLibrary) -> Result<()> {
    let inner = "#![no_std]\n#[unsafe(no_mangle)]\n#[inline(never)]\npub extern \"C\" fn inner(x: u64) -> u64 { x.rotate_left(5) ^ x }\n";
    let outer = "#![no_std]\nunsafe extern \"C\" { fn inner(x: u64) -> u64; }\n#[unsafe(no_mangle)]\n#[inline(never)]\n\
                 pub extern \"C\" fn outer(x: u64) -> u64 { unsafe { inner(x) ^ inner(x + 1) } }\n";
    for (name, source) in [("inner", inner), ("outer", outer)] {
        library.project.write(&format!("{name}.rs"), source)?;
        let options = "--crate-type=lib --edition=2024 -Copt-level=2 -Cpanic=abort -Clinker-plugin-lto --emit=obj -o";
        good(&library.project.rustc(&words(&format!("{name}.rs {options} {name}.o")))?)?;
        succeed(Command::new("ar").current_dir(&library.project.dir).args(["crsD", &format!("lib{name}.a"), &format!("{name}.o")]))?;
    }
    let parts = String::from_utf8(library.project.read("parts.rs")?)?;
    let calls = "unsafe extern \"C\" { fn outer(x: u64) -> u64; }\n#[unsafe(no_mangle)]\n\
                 pub extern \"C\" fn part0(x: u64) -> u64 { unsafe { outer(x) } }\n";
    library.project.write("parts.rs", parts + calls)
}

#[test]
fn the_same_bytes_with_and_without() -> Outcome {
    let library = LtoLibrary::compiled("lto_cache_same")?;
    add_archives(&library)?;
    let archives = &["-L.", "-lstatic=inner", "-lstatic=outer"];
    library.no_link(archives)?;
    let before = links_alike(&library)?;
    library.check()?;
    let functions = defined(&library.project.dir.join("out/parts.so"))?;
    assert!(["inner", "outer", "part0"].iter().all(|name| functions.iter().any(|function| function == name)), "{functions:?}");
    let entries = library.entries("out/cache")?.len();
    assert!(entries > PARTS, "{entries}");
    // A change where the cache has most of it.
    let source = String::from_utf8_lossy(&library.project.read("first.rs")?).replace("11", "13");
    library.project.write("first.rs", source)?;
    library.compile_dependency("first")?;
    library.no_link(archives)?;
    let after = links_alike(&library)?;
    assert!(after != before);
    assert_eq!(library.entries("out/cache")?.len(), entries + 1);
    Ok(())
}

/// Whether a symbol is near decides what is made of the modules that use it, and their bitcode does
/// not say it.
#[test]
fn where_the_linker_finds_a_symbol_counts() -> Outcome {
    let project = Project::new("lto_cache_found")?;
    project.write("far.rs", "#![no_std]\n#[unsafe(no_mangle)]\n#[inline(never)]\npub extern \"C\" fn far(n: &mut i32) -> i32 { while *n > 3 { *n = *n / 2 + 1; } *n }\n")?;
    project.write("near.rs", "#![no_std]\n#![no_main]\nunsafe extern \"C\" { fn far(n: &mut i32) -> i32; }\n#[unsafe(no_mangle)]\npub extern \"C\" fn main() -> i32 { let mut n = 9; unsafe { far(&mut n) + far(&mut n) } }\n#[panic_handler]\nfn panic(_: &core::panic::PanicInfo) -> ! { loop {} }\n")?;
    let options = "--crate-type=lib --edition=2024 -Copt-level=2 -Cpanic=abort --emit=obj -o";
    good(&project.rustc(&words(&format!("far.rs {options} bitcode.o -Clinker-plugin-lto")))?)?;
    good(&project.rustc(&words(&format!("far.rs {options} code.o")))?)?;
    fs::copy(project.dir.join("bitcode.o"), project.dir.join("far.o"))?;
    let flags = "--crate-name=near near.rs --crate-type=bin --edition=2024 --emit=link --out-dir=absent -Copt-level=2 -Cpanic=abort -Clink-arg=far.o -Clink-arg=-lc";
    good(&project.compile("no-link --lto --plan out/plan.json --modules out/modules", &words(flags))?)?;
    let mut artifacts = Vec::new();
    for kind in ["bitcode", "code", "bitcode"] {
        fs::copy(project.dir.join(format!("{kind}.o")), project.dir.join("far.o"))?;
        for cache in ["", CACHE, CACHE] {
            good(&project.link_only_with(&format!("--lto thin {cache} --output out/{kind}"))?)?;
            let ended = run(&mut Command::new(project.dir.join("out").join(kind)))?.status;
            assert_eq!(ended.code(), Some(6), "{kind}");
            artifacts.push((kind, project.read(&format!("out/{kind}"))?));
        }
    }
    for (kind, bytes) in &artifacts {
        let first = artifacts.iter().find(|(other, _)| other == kind).context("there is a first one")?;
        assert!(*bytes == first.1, "{kind}: the cache's is another");
    }
    Ok(())
}

/// The names of the modules that the objects in `cache` were made of.
fn modules_in(cache: &Path) -> Result<BTreeSet<String>> {
    let mut modules = BTreeSet::new();
    for name in names_in(cache) {
        let bytes = fs::read(cache.join(&name))?;
        let object = object::File::parse(&*bytes).with_context(|| format!("`{name}` holds no object"))?;
        let file = object.symbols().find(|symbol| symbol.kind() == SymbolKind::File).context("an object names its module")?;
        modules.insert(format!("{name} {}", file.name()?));
    }
    Ok(modules)
}

#[test]
fn targets_share_what_is_the_same() -> Outcome {
    let cache = Project::new("lto_cache_shared")?.dir.join("cache");
    let mut known = BTreeSet::new();
    for (folder, name, number) in [("one", "app", 1), ("other/and/deeper", "tool", 2)] {
        let project = Project::new(&format!("lto_cache_shared/{folder}"))?;
        project.write(&format!("{name}.rs"), format!("fn main() {{ println!(\"{{}}\", dep::value({number}u8)); }}\n"))?;
        fs::create_dir_all(project.dir.join("out"))?;
        let dep = [project.library("dep"), words("-Copt-level=2")].concat();
        good(&project.compile("metadata --lto --output out/libdep-1.rmeta", &dep)?)?;
        good(&project.compile("codegen --lto --output out/libdep-1.rlib --published-metadata out/libdep-1.rmeta", &dep)?)?;
        let rustc = [project.linked(name, "bin"), words("-Copt-level=2")].concat();
        good(&project.compile("no-link --lto --plan out/plan.json --modules out/modules --metadata out/libdep-1.rmeta", &rustc)?)?;
        let link = |cache: &str| project.link_only_with(&format!("--rlib out/libdep-1.rlib --lto thin {cache} --output out/{name}"));
        good(&link(&format!("--lto-cache {}", cache.display()))?)?;
        let printed = succeed(&mut Command::new(project.dir.join("out").join(name)))?.stdout;
        assert_eq!(printed, format!("{}\n", 40 + number).as_bytes());
        let shared = project.read(&format!("out/{name}"))?;
        good(&link("")?)?;
        assert!(project.read(&format!("out/{name}"))? == shared, "{name}: what is made from another's entries differs");
        let modules = modules_in(&cache)?;
        let new: Vec<_> = modules.difference(&known).cloned().collect();
        if known.is_empty() {
            assert!(new.len() > 5, "the standard library did not take part: {new:?}");
        } else {
            let is_own = |module: &String| module.contains(&format!(" {name}."));
            assert!(!new.is_empty() && new.iter().all(is_own), "made anew: {new:?}");
        }
        known = modules;
    }
    Ok(())
}

/// What an argument of LLVM's names is found although rust-lld works in another folder, and its
/// contents count.
#[test]
fn files_that_llvm_is_told_of() -> Outcome {
    let library = LtoLibrary::compiled("lto_cache_llvm_arguments")?;
    library.project.write("lists/inlined", "")?;
    library.no_link(&["-Cllvm-args=-cgscc-inline-replay=lists/inlined"])?;
    links_alike(&library)?;
    let entries = library.entries("out/cache")?;
    library.project.write("lists/inlined", "\n")?;
    links_alike(&library)?;
    assert!(library.entries("out/cache")?.len() >= 2 * entries.len(), "the entries of before were used");
    Ok(())
}

#[test]
fn what_it_makes_is_its_users_alone() -> Outcome {
    use std::os::unix::fs::PermissionsExt;
    let library = LtoLibrary::compiled("lto_cache_modes")?;
    let plain = library.link("")?.bytes;
    let without_umask = ["sh", "-c", "umask 0 && exec \"$@\"", "sh"];
    library.link_by(&without_umask, "--lto-cache out/made/cache")?.is_silent(&plain)?;
    let mode = |path: &Path| -> Result<u32> { Ok(fs::metadata(path)?.permissions().mode() & 0o7777) };
    for folder in ["out/made", "out/made/cache"] {
        assert_eq!(mode(&library.project.dir.join(folder))?, 0o700, "{folder}");
    }
    for entry in library.entries("out/made/cache")? {
        assert_eq!(mode(&entry)?, 0o600, "{}", entry.display());
    }
    Ok(())
}

/// Links that share a cache, each with room for next to nothing in it, and each the first process
/// of a container where one can be made.
#[test]
fn many_links_at_a_time() -> Outcome {
    const CONTAINER: &[&str] = &["unshare", "--pid", "--fork", "--kill-child"];
    let library = LtoLibrary::compiled("lto_cache_many")?;
    let plain = library.link("")?.bytes;
    library.check()?;
    let can_contain = run(Command::new(CONTAINER[0]).args(&CONTAINER[1..]).arg("true")).is_ok_and(|output| output.status.success());
    if !can_contain {
        skip(
            "no PID namespace can be made, so the links have process numbers of their own; run the tests as root, with util-linux's `unshare`",
        );
    }
    let launcher = if can_contain { CONTAINER } else { &[] };
    library.link(CACHE)?;
    let size = fs::metadata(&library.entries("out/cache")?[0])?.len();
    for round in 0..6 {
        let link = |number: usize| {
            let options = format!("{CACHE} --lto-cache-size {} --output out/{number}.so", size * (number as u64 % 3));
            library.link_command(launcher, &options).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()
        };
        let links = (0..8).map(link).collect::<std::io::Result<Vec<_>>>()?;
        for (number, link) in links.into_iter().enumerate() {
            let linked = library.linked(&link.wait_with_output()?, &format!("out/{number}.so"));
            linked.and_then(|linked| linked.is_silent(&plain)).with_context(|| format!("link {number} of round {round}"))?;
        }
    }
    let left: Vec<_> = names_in(&library.project.dir.join("out/cache")).into_iter().filter(|name| !name.ends_with(".o")).collect();
    assert!(left.is_empty(), "{left:?}");
    Ok(())
}
