//! What is missing, damaged or another's where thin LTO is done in actions of their own: each is
//! told, with the file, and nothing is left.

use crate::distributed::importing;
use anyhow::{Context, Result, ensure};
use splitlink_tests::rustc_fixture::distributed::{back_end, optimise};
use splitlink_tests::rustc_fixture::lto_library::LtoLibrary;
use splitlink_tests::rustc_fixture::project::{good, refused, words};
use splitlink_tests::rustc_fixture::tools::{Failure, Toolchain, names_in, run, succeed};
use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

type Outcome = Result<(), Failure>;

/// A library whose objects are made, in `out/parts`.
struct Made {
    library: LtoLibrary,
    /// The options with which link-only takes them.
    given: String,
}

impl Made {
    fn new(name: &str) -> Result<Self> {
        let library = importing(name)?;
        let given = optimise(Toolchain::stable(), &library.project.dir, &options(&library), &[], "out/parts")?.join(" ");
        Ok(Self { library, given })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.library.project.dir.join("out/parts").join(name)
    }

    /// The file in `folder` whose name begins with `start`.
    fn file(&self, folder: &str, start: &str) -> Result<PathBuf> {
        let name = names_in(&self.path(folder)).into_iter().find(|name| name.starts_with(start));
        Ok(self.path(folder).join(name.with_context(|| format!("no `{start}` in `{folder}`"))?))
    }

    /// Runs the back end of the crate itself, whose objects are not there.
    fn back_end(&self) -> Result<Output> {
        let objects = self.path("objects/own");
        if objects.exists() {
            fs::remove_dir_all(objects)?;
        }
        run(&mut back_end(Toolchain::stable(), &self.library.project.dir, "out/parts", "own"))
    }

    fn link(&self, given: &str) -> Result<Output> {
        run(&mut self.library.link_command(&[], &format!("{given} --output out/parts.so")))
    }

    /// Checks that the back end says `texts` while the contents of `file` are `contents`, none for a
    /// file that is not there.
    fn back_end_refuses(&self, file: &PathBuf, contents: Option<&[u8]>, texts: &[&str]) -> Result<()> {
        let before = fs::read(file)?;
        // It may have another name elsewhere.
        fs::remove_file(file)?;
        if let Some(contents) = contents {
            fs::write(file, contents)?;
        }
        let name = file.file_name().context("a file")?.to_string_lossy().into_owned();
        refused(&self.back_end()?, &[texts, &[name.as_str()]].concat()).with_context(|| format!("{texts:?}"))?;
        ensure!(names_in(&self.path("objects/own")).is_empty(), "objects were left");
        if contents.is_some() {
            fs::remove_file(file)?;
        }
        fs::write(file, before)?;
        Ok(())
    }
}

fn options(library: &LtoLibrary) -> Vec<OsString> {
    let mut options: Vec<OsString> = library.link_command(&[], "").get_args().map(ToOwned::to_owned).collect();
    options.remove(0);
    options
}

#[test]
fn what_the_back_end_reads() -> Outcome {
    let made = Made::new("lto_distributed_back_end_faults")?;
    let list = made.path("thin/own/modules.json");
    let index = made.file("thin/own/0/indexes", "parts.")?;
    let bitcode = made.file("thin/own/0/modules", "parts.")?;
    let import = made.file("thin/own/0/modules", "second-1")?;
    let other = fs::read(made.file("thin/crates/second-1/0/indexes", "second-1")?)?;
    let text = String::from_utf8_lossy(&fs::read(&list)?).into_owned();
    let changed = |file: &PathBuf| -> Result<Vec<u8>> {
        let mut bytes = fs::read(file)?;
        let middle = bytes.len() / 2;
        bytes[middle] ^= 16;
        Ok(bytes)
    };
    made.back_end_refuses(&list, None, &["cannot read", "is it among the action's inputs?"])?;
    made.back_end_refuses(&list, Some(&text.as_bytes()[..text.len() / 2]), &["it is not JSON"])?;
    made.back_end_refuses(&list, Some(text.replace("\"version\": 1", "\"version\": 7").as_bytes()), &["it is of version 7"])?;
    let elsewhere = text.replace("\"bitcode\": \"modules/", "\"bitcode\": \"../modules/");
    assert_ne!(elsewhere, text);
    refused_with_list(&made, &list, &elsewhere, &["names `../modules/", "run that again"])?;
    for (file, what) in [(&index, "the index"), (&bitcode, "the bitcode"), (&import, "what it imports from")] {
        made.back_end_refuses(file, None, &["cannot read", what, "cannot optimise `parts`", "is it among the action's inputs?"])?;
        let not_written = [what, "is not what the thin link wrote", "run the thin link again"];
        made.back_end_refuses(file, Some(&changed(file)?), &not_written)?;
        made.back_end_refuses(file, Some(b""), &not_written)?;
    }
    made.back_end_refuses(&index, Some(&other), &["is not what the thin link wrote"])?;
    // Whole again.
    good(&made.back_end()?)?;
    good(&made.link(&made.given)?)?;
    Ok(made.library.check()?)
}

fn refused_with_list(made: &Made, list: &PathBuf, text: &str, says: &[&str]) -> Result<()> {
    let before = fs::read(list)?;
    fs::write(list, text)?;
    refused(&made.back_end()?, says)?;
    fs::write(list, before)?;
    Ok(())
}

#[test]
fn what_the_link_takes() -> Outcome {
    let made = Made::new("lto_distributed_link_faults")?;
    let (library, given) = (&made.library, made.given.as_str());
    let refuses = |given: &str, texts: &[&str]| -> Result<()> {
        refused(&made.link(given)?, texts).with_context(|| format!("{texts:?}"))?;
        library.project.nothing_left(&["out/parts.so"])
    };
    refuses(&format!("{given} --dwo-dir out/dwo"), &["`--dwo-dir` is given for `parts`", "in parts", "leave out `--dwo-dir`"])?;
    let object = made.file("objects/own/0", "parts.")?;
    let name = object.file_name().context("a file")?.to_string_lossy().into_owned();
    let bytes = fs::read(&object)?;
    fs::remove_file(&object)?;
    refuses(given, &[&name, "cannot be read", "`splitlink thin-backend` makes it"])?;
    fs::write(&object, &bytes[..20])?;
    refuses(given, &[&name, "is no object"])?;
    fs::write(&object, bytes)?;
    let list = made.path("thin/link.json");
    let text = String::from_utf8_lossy(&fs::read(&list)?).into_owned();
    for (from, to, says) in [
        ("\"own/0/", "\"own/../own/0/", "which is not below its folder"),
        ("\"crate_name\": \"parts\"", "\"crate_name\": \"others\"", "is of `others` in 1 groups, and what is linked is `parts` in 1"),
        ("\"version\": 1", "\"version\": 2", "it is of version 2"),
    ] {
        assert!(text.contains(from), "{text}");
        fs::write(&list, text.replace(from, to))?;
        refuses(given, &[says])?;
    }
    fs::remove_file(&list)?;
    refuses(given, &["link.json", "`splitlink thin-link` writes it"])?;
    fs::write(&list, text)?;
    // Of another crate than was optimised.
    library.project.write("first.rs", String::from_utf8_lossy(&library.project.read("first.rs")?).replace("11", "13"))?;
    library.compile_dependency("first")?;
    library.no_link(&[])?;
    refuses(given, &["the thin link was made of other modules", "run the thin link again"])?;
    Ok(())
}

#[test]
fn what_cannot_be_done_in_parts() -> Outcome {
    let library = LtoLibrary::compiled("lto_distributed_refused")?;
    let project = &library.project;
    let thin_link = |more: &str| -> Result<Output> {
        let mut command = project.splitlink(&["thin-link".to_owned()]);
        run(command.args(options(&library)).args(words(&format!("--output-dir out/thin {more}"))))
    };
    let refuses = |more: &str, texts: &[&str]| -> Result<()> {
        refused(&thin_link(more)?, texts).with_context(|| format!("{texts:?}"))?;
        project.nothing_left(&["out/thin/link.json"])
    };
    refuses("--lto-cache out/cache", &["`--lto-cache` is for link-only"])?;
    refuses("--report out/report.json", &["`--report` is for link-only"])?;
    refuses("--dwo-dir out/dwo", &["`--dwo-dir` is for link-only"])?;
    refuses("--crate-type cdylib --crate-type cdylib", &["`--crate-type cdylib` is given twice"])?;
    refuses("--crate-type bin", &["the plan of `parts` has no bin"])?;
    // A file that LLVM is to read.
    project.write("list.txt", "part1\n")?;
    library.no_link(&["-Cllvm-args=-internalize-public-api-file=list.txt"])?;
    refuses("", &["`-Cllvm-args=-internalize-public-api-file=list.txt` names a file", "in one action"])?;
    // Bitcode of the same LLVM without what thin LTO goes by: rustc writes some before it optimises.
    project.write("plain/plain.rs", "#![no_std]\n#[unsafe(no_mangle)]\npub extern \"C\" fn plain(x: u32) -> u32 { x ^ 3 }\n")?;
    let plain = words("--crate-type lib --edition 2024 -Csave-temps plain.rs");
    succeed(Toolchain::stable().command(&project.dir.join("plain")).args(plain))?;
    let names = names_in(&project.dir.join("plain"));
    let bitcode = names.iter().find(|name| name.ends_with(".no-opt.bc")).with_context(|| format!("{names:?}"))?;
    fs::rename(project.dir.join("plain").join(bitcode), project.dir.join("plain.o"))?;
    library.no_link(&["-Clink-arg=plain.o", "-Clink-arg=-Wl,--undefined=plain"])?;
    refuses("", &["without a summary", "`plain.o(plain.o)`", "-flto=thin", "in one action"])?;
    // C, by another LLVM.
    project.write("c.c", "int c_function(int x) { return x * 3; }\n")?;
    let clang = Command::new("clang").current_dir(&project.dir).args(words("-O1 -fPIC -flto=thin -c c.c -o c.o")).output();
    if clang.is_ok_and(|output| output.status.success()) {
        library.no_link(&["-Clink-arg=c.o"])?;
        refuses("", &["`c.o(c.o)` is bitcode that LLVM", "and the Rust toolchain has LLVM", "in one action"])?;
    } else {
        splitlink_tests::rustc_fixture::tools::skip("no clang here: bitcode of C is not tried; Debian's `clang` enables it");
    }
    // What is there already stays.
    library.no_link(&[])?;
    good(&thin_link("")?)?;
    let link = project.read("out/thin/link.json")?;
    refused(&thin_link("")?, &["is there already", "a folder that is empty"])?;
    assert!(project.read("out/thin/link.json")? == link, "it was written over");
    succeed(Command::new("rm").current_dir(&project.dir).args(["-r", "out/thin"]))?;
    // Without the programs that it takes.
    refuses("--lto-linker out/none", &["the linker for thin LTO", "out/none"])?;
    good(&thin_link("")?)?;
    fs::create_dir_all(project.dir.join("out/parts"))?;
    fs::rename(project.dir.join("out/thin"), project.dir.join("out/parts/thin"))?;
    let mut back_end = back_end(Toolchain::stable(), &project.dir, "out/parts", "own");
    refused(&run(back_end.args(["--lto-engine", "out/none"]))?, &["the engine of thin LTO in parts", "out/none"])?;
    Ok(())
}
