//! The call of the linker itself, and what it says.

use super::line::Line;
use super::linker_choice::LinkerChoice;
use super::linking::Linking;
use super::{pitfalls, retry};
use crate::files::scratch;
use crate::plan::linker_flavor::LinkerFlavor;
use crate::plan::{Item, LinkerMessages};
use crate::rustc::command::ChildFailed;
use crate::rustc::response_file;
use anyhow::{Context, Result, bail};
use std::ffi::OsString;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

/// Above this many bytes the linker's arguments go through a response file: well below what any
/// Linux allows in one call.
const LONGEST_COMMAND: usize = 64 * 1024;

/// What the linker's messages are kept from the language of this machine by
/// (`rustc_codegen_ssa::back::linker::disable_localization`, 1.95).
const ENVIRONMENT: [(&str, &str); 2] = [("LC_ALL", "C"), ("VSLANG", "1033")];

/// What else the linker's variables are for macOS, and which ones it must not see: those of Apple's
/// other systems (`rustc_target::spec::base::apple`, 1.95).
const ENVIRONMENT_OF_MACOS: (&str, &str) = ("ZERO_AR_DATE", "1");
const NOT_OF_MACOS: [&str; 3] = ["IPHONEOS_DEPLOYMENT_TARGET", "TVOS_DEPLOYMENT_TARGET", "XROS_DEPLOYMENT_TARGET"];

/// A call of the linker.
#[derive(Debug)]
pub(crate) struct Called {
    /// The linker.
    pub(crate) program: String,
    /// What it was given.
    pub(crate) args: Vec<String>,
    /// How long it took, calls included that failed for arguments that it does not know.
    pub(crate) took: Duration,
}

impl Linking<'_> {
    /// Calls the linker with `args`, which `line` is, and without those that it does not know. It
    /// makes `artifact`, whose place will be `output`.
    pub(crate) fn call_linker(&self, line: &Line<'_>, args: Vec<String>, artifact: &Path, output: &Path) -> Result<Called> {
        let mut args = self.for_chosen_linker(args)?;
        let linker = self.link.linker.as_deref().context("the plan names no linker\n  help: run the no-link action again")?;
        // Whoever chose lld does not want another.
        let prefers_lld = self.options.linker == LinkerChoice::Default
            && self.link.line.iter().any(|item| matches!(item, Item::TargetFlag { arg } if arg == "-fuse-ld=lld"));
        if self.plan.print_link_args {
            // As rustc has it.
            print_line(&format!("{:?}", self.command(linker, &args)?))?;
        }
        let mut took = Duration::ZERO;
        let result = loop {
            if self.options.print_command {
                self.print_command(linker, &args, artifact, output)?;
            }
            let began = Instant::now();
            let result = self.start(linker, &args)?;
            took += began.elapsed();
            let again = if result.status.success() || self.link.linker_flavor() != LinkerFlavor::Driver {
                None
            } else {
                retry::other_arguments(&args, &said(&result), prefers_lld)
            };
            match again {
                Some(other) => args = other,
                None => break result,
            }
        };
        if !result.status.success() {
            let mut notes = self.unreadable_libraries(line);
            notes.extend(pitfalls::left_out_by_wild(&args, &said(&result)));
            return Err(self.failed(linker, &result, &notes));
        }
        self.show_messages(linker, &result)?;
        if !artifact.exists() {
            bail!(
                "the linker `{linker}` says that all went well, and has written no {} to `{}`{}\n  \
                 help: is it a linker, and does it know `-o`? `--print-command` shows how it is called",
                self.link.crate_type,
                output.display(),
                if said(&result).is_empty() { String::new() } else { format!("; it says: {}", said(&result).trim()) }
            );
        }
        let (twice, maker) = pitfalls::sections_that_are_there_twice(artifact);
        for section in twice {
            eprintln!(
                "warning: {maker} has made two sections `{section}` of the {} `{}`, which finds by that name only what is in one of them\n  \
                 help: use another linker; mold does so before its version 2",
                self.link.crate_type, self.plan.crate_name
            );
        }
        Ok(Called { program: linker.to_owned(), args, took })
    }

    fn start(&self, linker: &str, args: &[String]) -> Result<Output> {
        let mut command = self.command(linker, &self.shortened(args)?)?;
        command.output().with_context(|| {
            format!("cannot start the linker `{linker}`\n  help: it is what rustc was told with `-Clinker`, or its default; is it installed and among the inputs?")
        })
    }

    fn command(&self, linker: &str, args: &[String]) -> Result<Command> {
        let mut command = Command::new(linker);
        command.args(args).envs(self.environment()).env("PATH", self.search_path()?);
        for name in self.unset() {
            command.env_remove(name);
        }
        Ok(command)
    }

    fn environment(&self) -> Vec<(&'static str, &'static str)> {
        ENVIRONMENT.into_iter().chain(self.link.is_for_macos().then_some(ENVIRONMENT_OF_MACOS)).collect()
    }

    /// The variables that the linker does not see.
    fn unset(&self) -> &'static [&'static str] {
        if self.link.is_for_macos() { &NOT_OF_MACOS } else { &[] }
    }

    /// Says how the linker is called, as a line for a shell.
    fn print_command(&self, linker: &str, args: &[String], artifact: &Path, output: &Path) -> Result<()> {
        let mut words = Vec::new();
        if !self.unset().is_empty() {
            words.push("env".to_owned());
            words.extend(self.unset().iter().map(|name| format!("-u {name}")));
        }
        words.extend(self.environment().iter().map(|(name, value)| format!("{name}={value}")));
        let own = self.own_programs().iter().map(|dir| quoted(&dir.to_string_lossy())).collect::<Vec<_>>().join(":");
        if !own.is_empty() {
            words.push(format!("PATH={own}:\"$PATH\""));
        }
        words.push(quoted(linker));
        // Where the artifact will be, and not where it is made first.
        let made = artifact.to_string_lossy();
        words.extend(args.iter().map(|arg| quoted(if *arg == made { output.to_str().unwrap_or(arg) } else { arg })));
        print_line(&words.join(" "))?;
        let scratch = self.scratch.path().to_string_lossy();
        if args.iter().any(|arg| *arg != made && arg.contains(&*scratch)) {
            eprintln!("note: the command names files that link-only makes for it, in `{scratch}`, and removes afterwards");
        }
        Ok(())
    }

    fn failed(&self, linker: &str, result: &Output, notes: &[String]) -> anyhow::Error {
        let mut stderr = std::io::stderr().lock();
        let _ = stderr.write_all(&result.stdout).and_then(|()| stderr.write_all(&result.stderr));
        let _ = writeln!(
            stderr,
            "error: the linker `{linker}` failed for the {} `{}` ({}); its message is above\n  \
             help: the link line is in `{}`, and `link-only --print-command` shows it as a command",
            self.link.crate_type,
            self.plan.crate_name,
            result.status,
            self.options.plan.display()
        );
        for note in notes {
            let _ = writeln!(stderr, "{note}");
        }
        ChildFailed::from_status(result.status).into()
    }

    /// Shows what the linker said although it succeeded, if rustc would
    /// (`rustc_codegen_ssa::back::link::link_natively`, 1.95).
    fn show_messages(&self, linker: &str, result: &Output) -> Result<()> {
        let level = match self.plan.linker_messages {
            LinkerMessages::Allow => return Ok(()),
            LinkerMessages::Warn => "warning",
            LinkerMessages::Deny => "error",
        };
        let stderr = String::from_utf8_lossy(&result.stderr);
        let stderr = stderr.strip_prefix("warning: ").unwrap_or(&stderr).replace(": warning: ", ": ");
        let texts = [("stderr", stderr), ("stdout", String::from_utf8_lossy(&result.stdout).into_owned())];
        let said: Vec<_> = texts.iter().filter(|(_, text)| !text.trim().is_empty()).collect();
        for (stream, text) in &said {
            let below = format!("\n{}", " ".repeat(level.len() + 2));
            eprintln!("{level}: linker {stream}: {}", text.trim_end().replace('\n', &below));
        }
        if level == "error" && !said.is_empty() {
            bail!(
                "the linker `{linker}` has something to say, which `-Dlinker-messages` denies; it is above\n  \
                 help: mend what it says, or use `-Wlinker-messages`"
            );
        }
        Ok(())
    }

    /// The folders of the toolchain's own programs.
    pub(super) fn own_programs(&self) -> Vec<PathBuf> {
        let Some(sysroot) = &self.options.sysroot else { return Vec::new() };
        let targets = fs::read_dir(sysroot.join("lib/rustlib")).into_iter().flatten().flatten();
        let mut dirs: Vec<PathBuf> = targets.map(|target| target.path().join("bin")).filter(|dir| dir.is_dir()).collect();
        dirs.sort();
        dirs
    }

    /// Where programs are looked for: first among the toolchain's own, as rustc does, so that
    /// `-Clinker=rust-lld` is found.
    pub(super) fn search_path(&self) -> Result<OsString> {
        let path = std::env::var_os("PATH");
        let dirs = self.own_programs().into_iter().chain(path.iter().flat_map(std::env::split_paths));
        std::env::join_paths(dirs).context("the search path for programs cannot be made: does the sysroot's path have a `:` in it?")
    }

    fn shortened(&self, args: &[String]) -> Result<Vec<String>> {
        if args.iter().map(|arg| arg.len() + 1).sum::<usize>() < LONGEST_COMMAND {
            return Ok(args.to_vec());
        }
        let lines: String = args.iter().map(|arg| response_file::escaped(arg) + "\n").collect();
        let file = self.scratch.path().join("linker-arguments");
        fs::write(&file, lines).with_context(|| scratch::cannot_write(&file))?;
        Ok(vec![format!("@{}", file.display())])
    }
}

fn print_line(command: &str) -> Result<()> {
    writeln!(std::io::stdout().lock(), "{command}").context("cannot print the linker's command")
}

/// All that the linker has said, in the order in which rustc looks at it.
fn said(result: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&result.stderr), String::from_utf8_lossy(&result.stdout))
}

/// `word` as a shell takes it.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_@%+=:,./-".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) { word.to_owned() } else { format!("'{}'", word.replace('\'', "'\\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_for_a_shell() {
        for (word, expected) in
            [("-Wl,-z,now", "-Wl,-z,now"), ("$ORIGIN/a", "'$ORIGIN/a'"), ("it's", "'it'\\''s'"), ("", "''"), ("a b", "'a b'")]
        {
            assert_eq!(quoted(word), expected);
        }
    }
}
