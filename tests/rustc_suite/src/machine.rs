//! What the directives ask of the machine, the target and the toolchain.

use crate::directives::Directives;
use anyhow::{Context, Result};
use splitlink_tests::rustc_fixture::tools::Toolchain;
use std::path::PathBuf;
use std::process::Command;

/// What is true here.
pub(crate) struct Machine {
    /// The toolchain's own folder of the standard library.
    libdir: PathBuf,
    bindir: PathBuf,
    /// The names that `only-NAME` and `ignore-NAME` may say.
    names: Vec<String>,
    /// `key="value"` and `key`, as `rustc --print=cfg` has them.
    cfg: Vec<String>,
    sanitizers: bool,
}

/// The names of the targets' oses, environments, architectures and so on that tests speak of.
const ALWAYS: [&str; 3] = ["test", "auxiliary", "elf"];

impl Machine {
    /// Asks `toolchain`.
    ///
    /// # Errors
    /// If rustc does not answer.
    pub(crate) fn new(toolchain: &Toolchain) -> Result<Self> {
        let cfg = Command::new(&toolchain.rustc).arg("--print=cfg").output().context("cannot ask rustc for its cfg")?;
        let cfg: Vec<_> = String::from_utf8(cfg.stdout)?.lines().map(str::to_owned).collect();
        let mut names: Vec<String> = ALWAYS.map(str::to_owned).to_vec();
        names.extend([toolchain.host.clone(), "stable".into(), "stage2".into()]);
        let mut values = Vec::new();
        for line in &cfg {
            let (key, value) = line.split_once('=').unwrap_or((line, ""));
            let value = value.trim_matches('"');
            match key {
                "target_os" | "target_env" | "target_arch" | "target_family" | "target_vendor" => values.push(value.to_owned()),
                "target_pointer_width" => values.push(format!("{value}bit")),
                _ => {}
            }
        }
        // compiletest's names of architectures are the targets' own: `x86` is 32 bits.
        names.extend(values.iter().filter(|value| !value.is_empty()).cloned());
        names.push(format!("{}-{}", of(&cfg, "target_os"), of(&cfg, "target_env")));
        let libdir = toolchain.libdir();
        let sanitizers = libdir.join("librustc-stable_rt.asan.a").exists();
        Ok(Self { bindir: libdir.with_file_name("bin"), libdir, names, cfg, sanitizers })
    }

    /// Why the test with these directives does not apply here, if it does not.
    pub(crate) fn refuses(&self, directives: &Directives, revision: Option<&str>) -> Option<String> {
        directives.of(revision).find_map(|found| {
            let name = found.name.as_str();
            let value = found.value.trim();
            let refused = if let Some(name) = name.strip_prefix("only-") {
                !self.is(name)
            } else if let Some(name) = name.strip_prefix("ignore-") {
                match name {
                    "backends" => value.split_whitespace().any(|backend| backend == "llvm"),
                    "pass" | "llvm-version" | "gdb-version" => false,
                    _ => self.is(name),
                }
            } else if let Some(need) = name.strip_prefix("needs-") {
                !self.has(need, value)
            } else {
                match name {
                    "min-llvm-version" | "exact-llvm-major-version" => false,
                    "max-llvm-major-version" => value.parse::<u32>().is_ok_and(|most| most < LLVM),
                    _ => false,
                }
            };
            refused.then(|| {
                if value.is_empty() || name.starts_with("ignore") || name.starts_with("only") {
                    name.to_owned()
                } else {
                    format!("{name}: {value}")
                }
            })
        })
    }

    fn is(&self, name: &str) -> bool {
        self.names.iter().any(|found| found == name)
    }

    fn has(&self, need: &str, value: &str) -> bool {
        let words = || value.split([',', ' ']).filter(|word| !word.is_empty());
        match need {
            "target-has-atomic" => words().all(|width| self.cfg.contains(&format!("target_has_atomic=\"{width}\""))),
            "backends" => words().any(|backend| backend == "llvm"),
            "llvm-components" => words().all(|component| COMPONENTS.contains(&component)),
            "rust-lld" => self.bindir.join("rust-lld").exists(),
            "profiler-runtime" => std::fs::read_dir(&self.libdir).is_ok_and(|mut files| {
                files.any(|file| file.is_ok_and(|file| file.file_name().to_string_lossy().starts_with("libprofiler_builtins-")))
            }),
            "sanitizer-support"
            | "sanitizer-address"
            | "sanitizer-dataflow"
            | "sanitizer-leak"
            | "sanitizer-memory"
            | "sanitizer-thread"
            | "sanitizer-realtime"
            | "sanitizer-safestack" => self.sanitizers,
            // These need no runtime library.
            "sanitizer-cfi" | "sanitizer-kcfi" => true,
            "asm-support"
            | "run-enabled"
            | "threads"
            | "subprocess"
            | "unwind"
            | "git-hash"
            | "dynamic-linking"
            | "relocation-model-pic"
            | "deterministic-layouts"
            | "symlink"
            | "target-std"
            | "crate-type"
            | "xray" => true,
            _ => false,
        }
    }
}

/// LLVM's major version in rustc 1.95.
const LLVM: u32 = 22;

/// The components of LLVM that rustc as it is distributed has.
pub(crate) const COMPONENTS: [&str; 20] = [
    "aarch64",
    "amdgpu",
    "arm",
    "avr",
    "bpf",
    "csky",
    "hexagon",
    "loongarch",
    "m68k",
    "mips",
    "msp430",
    "nvptx",
    "powerpc",
    "riscv",
    "sparc",
    "systemz",
    "webassembly",
    "x86",
    "xtensa",
    "core",
];

fn of(cfg: &[String], key: &str) -> String {
    let value = cfg.iter().find_map(|line| line.split_once('=').filter(|(found, _)| *found == key));
    value.map_or(String::new(), |(_, value)| value.trim_matches('"').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_applies_here() {
        let machine = Machine::new(Toolchain::stable()).unwrap();
        let refused = |text: &str| machine.refuses(&Directives::parse(text), None);
        for text in ["//@ only-linux", "//@ ignore-windows", "//@ needs-unwind", "//@ needs-target-has-atomic: 8, ptr", "//@ only-64bit"] {
            assert_eq!(refused(text), None, "{text}");
        }
        for text in
            ["//@ ignore-linux", "//@ only-windows", "//@ needs-enzyme", "//@ ignore-64bit why", "//@ ignore-test", "//@ only-nightly"]
        {
            assert_eq!(refused(text).as_deref(), text["//@ ".len()..].split(' ').next(), "{text}");
        }
    }
}
