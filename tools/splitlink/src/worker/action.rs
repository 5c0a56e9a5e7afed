//! A whole action in a response file: options, environment and command, one a line.
//!
//! ```text
//! codegen                      the phase and its options, as on a command line
//! --output
//! libfoo.rlib
//! --env=NAME=VALUE             the environment of the command, a variable a line
//! --
//! rustc                        the command, a word a line
//! \@flags                      an escaped word, see below
//! ```
//!
//! These are escaped: a line break (`\n`, `\r`), an empty word (`\e`), a backslash, and an `@` at
//! the beginning. Each would be taken for something else.
//!
//! So a command line is as short as `splitlink @file`, and the same for every action but for that
//! file. That lets a [`worker`](crate::worker) take them all.

use crate::files::exchange::Exchange;
use crate::rustc::command::{self, ChildFailed, Given};
use anyhow::{Context, Result, bail};
use std::path::Path;
use std::process::Command;

/// What begins a line of the environment.
const ENV: &str = "--env=";

/// An action as its response file has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Action {
    /// The phase and its options.
    pub options: Vec<String>,
    /// The environment of the command, beside what it inherits.
    pub env: Vec<(String, String)>,
    /// The original command: rustc and its arguments, or a wrapper with a `--` of its own before
    /// them.
    pub command: Vec<String>,
}

impl Action {
    /// Takes the `lines` of a response file apart.
    ///
    /// # Errors
    /// If there is no `--` among them, or a variable without a value.
    pub fn parse(lines: &[String]) -> Result<Self> {
        let Some(end) = lines.iter().position(|line| line == "--") else {
            bail!("the action has no command\n  help: put `--` and rustc with its arguments behind the options");
        };
        let mut env = Vec::new();
        for line in lines[..end].iter().filter_map(|line| line.strip_prefix(ENV)) {
            let line = unescaped(line);
            let (name, value) = line
                .split_once('=')
                .with_context(|| format!("the environment variable `{line}` has no value\n  help: write `{ENV}NAME=VALUE`"))?;
            env.push((name.to_owned(), value.to_owned()));
        }
        let options = options(&lines[..end]);
        // A wrapper must see the paths that hold.
        let command = Exchange::among(&options).apply_all(lines[end + 1..].iter().map(|line| unescaped(line)).collect());
        Ok(Self { options, env, command })
    }

    /// Reads the response file that `argument` names as `@file`.
    ///
    /// # Errors
    /// If it cannot be read or holds no action.
    pub fn read(argument: &str) -> Result<Self> {
        let Some(path) = argument.strip_prefix('@') else {
            bail!("`{argument}` names no response file\n  help: write `@{argument}`");
        };
        let text = std::fs::read_to_string(path).with_context(|| format!("cannot read the response file `{path}`"))?;
        Self::parse(&text.lines().map(str::to_owned).collect::<Vec<_>>())
            .with_context(|| format!("the response file `{path}` is no action"))
    }

    /// The phase: `metadata`, say.
    pub fn phase(&self) -> &str {
        self.options.first().map_or("", String::as_str)
    }

    /// The value of the option `name`, if it is there.
    pub fn option(&self, name: &str) -> Option<&str> {
        let at = self.options.iter().position(|option| option == name)?;
        self.options.get(at + 1).map(String::as_str)
    }

    /// The command line that runs the action's command with `program` (splitlink) and its arguments
    /// `own` around rustc, in the folder `cwd` if that is another than this process's.
    ///
    /// # Errors
    /// If there is no command.
    pub fn to_command(&self, program: &str, own: &[String], cwd: Option<&Path>) -> Result<Command> {
        let mut command = match Given::split(&self.command) {
            Some((wrapper, wrapped)) => {
                let mut wrapper = wrapper.to_vec();
                if let (Some(cwd), Some(name)) = (cwd, wrapper.first_mut())
                    && name.contains('/')
                {
                    *name = cwd.join(&name).to_string_lossy().into_owned();
                }
                command::wrapped(&wrapper, program, own, wrapped)?
            }
            None => {
                let mut command = Command::new(program);
                command.args(own).arg("--").args(&self.command);
                command
            }
        };
        if let Some(cwd) = cwd {
            command.current_dir(cwd);
        }
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
        Ok(command)
    }

    /// Runs the action to its end, by way of this program with the arguments `own` around rustc.
    ///
    /// # Errors
    /// [`ChildFailed`], if the command fails, or that it cannot be started.
    pub fn run(&self, own: &[String]) -> Result<()> {
        let mut command = self.to_command(&command::own_program()?, own, None)?;
        let status = command.status().with_context(|| command::cannot_start("the command", &command.get_program().to_string_lossy()))?;
        if status.success() { Ok(()) } else { Err(ChildFailed::from_status(status).into()) }
    }
}

/// The phase and its options, from the lines before an action's `--`.
pub fn options(lines: &[String]) -> Vec<String> {
    lines.iter().filter(|line| !line.starts_with(ENV)).cloned().collect()
}

fn unescaped(line: &str) -> String {
    let mut text = String::with_capacity(line.len());
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match (c, chars.clone().next()) {
            ('\\', Some('n')) => {
                chars.next();
                text.push('\n');
            }
            ('\\', Some('r')) => {
                chars.next();
                text.push('\r');
            }
            // A build system may leave out empty lines.
            ('\\', Some('e')) => drop(chars.next()),
            ('\\', Some(next)) => {
                chars.next();
                text.push(next);
            }
            _ => text.push(c),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(lines: &[&str]) -> Result<Action> {
        Action::parse(&lines.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn options_environment_and_command() {
        let lines = [
            "codegen",
            "--output",
            "o",
            r"--env=A=two\nlines",
            "--env=B=x=y",
            "--",
            "wrap",
            "--",
            "rustc",
            r"\@f",
            r"a\\b\n",
            r"\e",
            r"c\r",
        ];
        let action = parse(&lines).unwrap();
        assert_eq!(action.options, ["codegen", "--output", "o"]);
        assert_eq!((action.phase(), action.option("--output"), action.option("--plan")), ("codegen", Some("o"), None));
        assert_eq!(action.env, [("A".to_owned(), "two\nlines".to_owned()), ("B".to_owned(), "x=y".to_owned())]);
        assert_eq!(action.command, ["wrap", "--", "rustc", "@f", "a\\b\n", "", "c\r"]);
        let command = action.to_command("splitlink", &["attached".to_owned()], None).unwrap();
        let words: Vec<_> = command.get_args().map(|word| word.to_string_lossy()).collect();
        assert_eq!(words[..4], ["--", "splitlink", "attached", "--"]);
    }

    #[test]
    fn what_is_no_action() {
        assert!(parse(&["codegen"]).unwrap_err().to_string().contains("no command"));
        assert!(parse(&["codegen", "--env=A", "--", "rustc"]).unwrap_err().to_string().contains("`A`"));
    }
}
