//! The original command of an action: rustc, or a wrapper that runs rustc.

use crate::rustc::args::RustcArgs;
use crate::rustc::response_file;
use anyhow::{Context, Result, bail};
use std::process::{Command, ExitStatus};

/// A child process failed and has said why; its exit code is passed on.
#[derive(Debug)]
pub struct ChildFailed {
    /// The exit code to leave with.
    pub code: u8,
}

impl std::fmt::Display for ChildFailed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "a command failed with exit code {}", self.code)
    }
}

impl std::error::Error for ChildFailed {}

impl ChildFailed {
    /// The failure that `status` stands for: 128 + the signal's number where there was one, as
    /// shells have it.
    pub fn from_status(status: ExitStatus) -> Self {
        use std::os::unix::process::ExitStatusExt;
        let code = status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0));
        Self { code: u8::try_from(code).unwrap_or(1) }
    }
}

/// The command behind our own `--`.
#[derive(Debug)]
pub enum Given {
    /// A wrapper: its own command line, and the command behind its `--`.
    Wrapper {
        /// The wrapper and its options, without the `--`.
        wrapper: Vec<String>,
        /// The command that it wraps.
        wrapped: Vec<String>,
    },
    /// rustc itself.
    Rustc {
        /// How rustc is called.
        program: String,
        /// Its arguments, response files expanded.
        args: RustcArgs,
    },
}

impl Given {
    /// The wrapper in `command` and what it wraps, if there is one.
    pub(crate) fn split(command: &[String]) -> Option<(&[String], &[String])> {
        let split = command.iter().position(|arg| arg == "--")?;
        Some((&command[..split], &command[split + 1..]))
    }

    /// Takes `command` apart: a wrapper is told from rustc by having a `--` of its own.
    ///
    /// # Errors
    /// If the command is empty or a response file cannot be read.
    pub fn parse(command: &[String]) -> Result<Self> {
        if let Some((wrapper, wrapped)) = Self::split(command) {
            return Ok(Self::Wrapper { wrapper: wrapper.to_vec(), wrapped: wrapped.to_vec() });
        }
        let Some((program, args)) = command.split_first() else {
            bail!("no command was given\n  help: put rustc and its arguments behind `--`");
        };
        Ok(Self::Rustc { program: program.clone(), args: RustcArgs::parse(response_file::expand_lines(args.to_vec())?) })
    }
}

/// Runs `wrapper` with this very phase between it and the command it wraps: wrapper → splitlink →
/// rustc. The wrapper has its say first (environment files, substitutions), so that we see rustc's
/// final arguments.
///
/// # Errors
/// [`ChildFailed`], if the wrapper fails, or that it cannot be started.
pub fn run_wrapped(wrapper: &[String], own_args: &[String], wrapped: &[String]) -> Result<()> {
    let mut command = self::wrapped(wrapper, &own_program()?, own_args, wrapped)?;
    let status = command.status().with_context(|| cannot_start("the wrapper", &command.get_program().to_string_lossy()))?;
    if status.success() { Ok(()) } else { Err(ChildFailed::from_status(status).into()) }
}

/// The command line that runs `wrapper` with `own_program` and `own_args` between it and the
/// command it wraps.
pub(crate) fn wrapped(wrapper: &[String], own_program: &str, own_args: &[String], wrapped: &[String]) -> Result<Command> {
    // A wrapper may be told to write rustc's messages to a file that belongs to the action we stand
    // in for.
    let mut flags = Vec::with_capacity(wrapper.len());
    let mut args = wrapper.iter().skip(1);
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--output-file" => drop(args.next()),
            _ => flags.push(arg),
        }
    }
    let program =
        wrapper.first().context("nothing stands before the command's own `--`\n  help: expected a wrapper such as process_wrapper")?;
    let mut command = Command::new(program);
    command.args(flags).arg("--").arg(own_program).args(own_args).arg("--").args(wrapped);
    Ok(command)
}

/// Has the kernel end the command's process when its parent ends, for whatever reason. The thread
/// that starts it must live as long.
pub(crate) fn tie(command: &mut Command) -> &mut Command {
    use std::os::unix::process::CommandExt;
    let parent = rustix::process::getpid();
    let tie = move || {
        rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))?;
        // The parent may have ended before it was asked for.
        if rustix::process::getppid() == Some(parent) { Ok(()) } else { Err(std::io::ErrorKind::BrokenPipe.into()) }
    };
    // SAFETY: between fork and exec it makes three system calls and touches no memory that is not its own.
    #[allow(unsafe_code, reason = "no safe way to set a child's death signal")]
    unsafe {
        command.pre_exec(tie)
    }
}

/// The message for a program that is not there.
pub(crate) fn cannot_start(what: &str, program: &str) -> String {
    format!("cannot start {what} as `{program}`\n  help: is it on the PATH, or among the action's inputs?")
}

/// How this program was called: a relative path stays one, so that it works in a sandbox.
pub(crate) fn own_program() -> Result<String> {
    let called = std::env::args().next().unwrap_or_default();
    if called.contains('/') {
        return Ok(called);
    }
    let path = std::env::current_exe().context("cannot find the splitlink program itself")?;
    Ok(path.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Given> {
        Given::parse(&line.split_ascii_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn rustc_and_wrappers() {
        assert!(matches!(parse("rustc a.rs").unwrap(), Given::Rustc { program, .. } if program == "rustc"));
        let Given::Wrapper { wrapper, wrapped } = parse("wrap --flag -- rustc a.rs -- b").unwrap() else { panic!("no wrapper") };
        assert_eq!((wrapper.join(" ").as_str(), wrapped.join(" ").as_str()), ("wrap --flag", "rustc a.rs -- b"));
        assert!(parse("").is_err());
    }

    #[test]
    fn exit_codes() {
        use std::os::unix::process::ExitStatusExt;
        for (raw, code) in [(101 << 8, 101), (9, 137), (1 << 8, 1)] {
            assert_eq!(ChildFailed::from_status(ExitStatus::from_raw(raw)).code, code);
        }
    }
}
