//! A shared library of several crates that thin LTO is quick with, for it has no standard library.

use super::project::{Project, good, words};
use super::tools::{Toolchain, names_in, run, succeed};
use anyhow::{Context, Result, ensure};
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

/// Nobody calls it; only that it is exported brings it in.
const FIRST: &str = "#![no_std]
#[unsafe(no_mangle)]
pub extern \"C\" fn first_kept(x: u64) -> u64 { x.wrapping_mul(11).rotate_left(3) }
";

const SECOND: &str = "#![no_std]
#[inline(never)]
pub fn mixed(x: u64) -> u64 { x.rotate_left(7) ^ x.wrapping_mul(31) }
";

/// How many modules the library's own crate has.
pub const PARTS: usize = 6;

/// The folder of a library: the crates `first` and `second`, and `parts`, which is linked.
#[derive(Debug)]
pub struct LtoLibrary {
    /// The folder.
    pub project: Project,
}

impl LtoLibrary {
    /// Makes the folder `name`, with all of it compiled to bitcode.
    ///
    /// # Errors
    /// If it cannot be compiled.
    pub fn compiled(name: &str) -> Result<Self> {
        let library = Self { project: Project::new(name)? };
        library.project.write("first.rs", FIRST)?;
        library.project.write("second.rs", SECOND)?;
        let part = |n: usize| {
            format!(
                "mod m{n} {{ #[unsafe(no_mangle)] pub extern \"C\" fn part{n}(x: u64) -> u64 {{ second::mixed(x.wrapping_add({n})) }} }}\n"
            )
        };
        let parts: String = (1..=PARTS).map(part).collect();
        let start = "#![no_std]\nextern crate first as _;\n#[panic_handler]\nfn panic(_: &core::panic::PanicInfo) -> ! { loop {} }\n";
        library.project.write("parts.rs", format!("{start}{parts}"))?;
        fs::create_dir_all(library.project.dir.join("out"))?;
        for name in ["first", "second"] {
            library.compile_dependency(name)?;
        }
        library.no_link(&[])?;
        Ok(library)
    }

    /// Compiles `first` or `second`.
    ///
    /// # Errors
    /// If it cannot be compiled.
    pub fn compile_dependency(&self, name: &str) -> Result<()> {
        let project = &self.project;
        let rustc = words(&format!(
            "--crate-name={name} {name}.rs --crate-type=rlib --edition=2024 --emit=metadata,link -Cmetadata=1 -Cextra-filename=-1 \
             --out-dir=absent -Copt-level=2 -Cpanic=abort"
        ));
        good(&project.compile(&format!("metadata --lto --output out/lib{name}-1.rmeta"), &rustc)?)?;
        let codegen = format!("codegen --lto --output out/lib{name}-1.rlib --published-metadata out/lib{name}-1.rmeta");
        good(&project.compile(&codegen, &rustc)?)
    }

    /// Compiles the crate that is linked, with `flags` as well.
    ///
    /// # Errors
    /// If it cannot be compiled.
    pub fn no_link(&self, flags: &[&str]) -> Result<()> {
        let metadata = "--metadata out/libfirst-1.rmeta --metadata out/libsecond-1.rmeta";
        let mut rustc = words(
            "--crate-name=parts parts.rs --crate-type=cdylib --edition=2024 --emit=link --out-dir=absent -Cmetadata=2 \
             --extern=first=absent/libfirst-1.rlib --extern=second=absent/libsecond-1.rlib -Ldependency=absent \
             -Copt-level=2 -Cpanic=abort -Ccodegen-units=64",
        );
        rustc.extend(flags.iter().map(|&flag| flag.to_owned()));
        good(&self.project.compile(&format!("no-link --lto --plan out/plan.json --modules out/modules {metadata}"), &rustc)?)
    }

    /// The call of link-only with thin LTO and `options`, by way of `launcher`.
    pub fn link_command(&self, launcher: &[&str], options: &str) -> Command {
        let rlibs = "--rlib out/libfirst-1.rlib --rlib out/libsecond-1.rlib";
        let line = format!("link-only --plan out/plan.json --modules out/modules {rlibs} --lto thin {options}");
        let mut link = self.project.splitlink(&words(&line));
        link.arg("--sysroot").arg(&Toolchain::stable().sysroot);
        let Some((program, args)) = launcher.split_first() else { return link };
        let mut command = Command::new(program);
        command.current_dir(&self.project.dir).args(args).arg(link.get_program()).args(link.get_args());
        command
    }

    /// Links `out/parts.so` with `options`.
    ///
    /// # Errors
    /// If that fails.
    pub fn link(&self, options: &str) -> Result<Linked> {
        self.link_by(&[], options)
    }

    /// Links `out/parts.so` with `options`, by way of `launcher`.
    ///
    /// # Errors
    /// If that fails.
    pub fn link_by(&self, launcher: &[&str], options: &str) -> Result<Linked> {
        let output = run(&mut self.link_command(launcher, &format!("{options} --output out/parts.so")))?;
        self.linked(&output, "out/parts.so")
    }

    /// What the link that ended with `output` has made and said.
    ///
    /// # Errors
    /// If it failed.
    pub fn linked(&self, output: &Output, artifact: &str) -> Result<Linked> {
        good(output)?;
        Ok(Linked { bytes: self.project.read(artifact)?, said: String::from_utf8_lossy(&output.stderr).into_owned() })
    }

    /// Checks that the linked library does what its sources say.
    ///
    /// # Errors
    /// If not.
    pub fn check(&self) -> Result<()> {
        let source = "#include <stdio.h>\nunsigned long first_kept(unsigned long), part2(unsigned long);\n\
                      int main(void) { printf(\"%lu %lu\\n\", first_kept(5), part2(5)); }\n";
        self.project.write("main.c", source)?;
        succeed(Command::new("gcc").current_dir(&self.project.dir).args([
            "main.c",
            "-o",
            "out/main",
            "out/parts.so",
            "-Wl,-rpath,$ORIGIN",
        ]))?;
        let printed = succeed(Command::new("out/main").current_dir(&self.project.dir))?.stdout;
        let expected = format!("{} {}\n", (5u64 * 11).rotate_left(3), 7u64.rotate_left(7) ^ (7 * 31));
        ensure!(printed == expected.as_bytes(), "it prints {:?} and not {expected:?}", String::from_utf8_lossy(&printed));
        Ok(())
    }

    /// The entries of the cache in the folder `cache`, sorted.
    ///
    /// # Errors
    /// If it has none: such a cache proves nothing.
    pub fn entries(&self, cache: &str) -> Result<Vec<PathBuf>> {
        let folder = self.project.dir.join(cache);
        let names = names_in(&folder).into_iter().filter(|name| name.ends_with(".o"));
        let entries: Vec<PathBuf> = names.map(|name| folder.join(name)).collect();
        entries.first().with_context(|| format!("`{cache}` has no entries"))?;
        Ok(entries)
    }
}

/// What a link has made.
#[derive(Debug)]
pub struct Linked {
    /// The library.
    pub bytes: Vec<u8>,
    /// What it said besides.
    pub said: String,
}

impl Linked {
    /// Checks that it is `expected`, and that there was nothing to say.
    ///
    /// # Errors
    /// If not.
    pub fn is_silent(&self, expected: &[u8]) -> Result<()> {
        ensure!(self.bytes == expected, "its bytes are others");
        ensure!(self.said.is_empty(), "it says: {}", self.said);
        Ok(())
    }

    /// Checks that it is `expected`, and that one warning says all of `texts`.
    ///
    /// # Errors
    /// If not.
    pub fn warns(&self, expected: &[u8], texts: &[&str]) -> Result<()> {
        ensure!(self.bytes == expected, "its bytes are others");
        ensure!(self.said.starts_with("warning: the LTO cache `"), "it does not begin with a warning of the cache: {:?}", self.said);
        ensure!(self.said.matches("warning").count() == 1, "there are several warnings: {}", self.said);
        for text in texts.iter().chain(&["\n  help: "]) {
            ensure!(self.said.contains(text), "it does not say `{text}`: {}", self.said);
        }
        Ok(())
    }
}
