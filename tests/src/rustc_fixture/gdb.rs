//! What a debugger says of a program.

use super::tools::{run, skip};
use anyhow::Result;
use std::path::Path;
use std::process::Command;

/// Whether there is a debugger; else says aloud what is not tested.
pub fn is_there() -> bool {
    let is_there = run(Command::new("gdb").arg("--version")).is_ok();
    if !is_there {
        skip("no `gdb` here to look at debug information; `apt-get install gdb` enables it");
    }
    is_there
}

/// What gdb says of the program `name` in `dir` at `commands`, but for lines that are not `wanted`,
/// addresses, and names that differ from copy to copy. What it says on standard error is of sources
/// that it cannot show, and of its own index.
///
/// # Errors
/// If it cannot be started.
pub fn says(dir: &Path, name: &str, commands: &[&str], wanted: impl Fn(&str) -> bool) -> Result<String> {
    let first = ["set debuginfod enabled off", "set confirm off", "set print address off"];
    let mut command = Command::new("gdb");
    command.current_dir(dir).args(["-nx", "-batch"]);
    command.args(first.iter().chain(commands).flat_map(|command| ["-ex", command])).arg(format!("./{name}"));
    let said = String::from_utf8_lossy(&run(&mut command)?.stdout).replace("./", "");
    let said: String = said.split_inclusive('\n').filter(|line| wanted(line)).collect();
    let without = said.split_inclusive(char::is_whitespace).filter(|word| !word.contains("0x") && !word.starts_with("[Inferior"));
    Ok(without.collect::<String>().replace(&*dir.to_string_lossy(), "").replace(name, "program"))
}
