//! A wrapper of rustc, for Cargo: it records how crates are compiled, each in a file of its own in
//! the folder that `RECORDS` names, and is rustc then.

use serde_json::json;
use std::error::Error;
use std::fs;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;

fn main() -> Result<(), Box<dyn Error>> {
    let mut all = std::env::args().skip(1);
    let rustc = all.next().ok_or("called without rustc")?;
    let args: Vec<String> = all.collect();
    let behind = |name: &str| args.iter().position(|arg| arg == name).and_then(|at| args.get(at + 1)).cloned();
    let extra = args.iter().find_map(|arg| arg.strip_prefix("extra-filename=")).unwrap_or_default();
    if let (Some(name), Some(_)) = (behind("--crate-name"), args.iter().find(|arg| arg.ends_with(".rs"))) {
        let folder = PathBuf::from(std::env::var_os("RECORDS").ok_or("RECORDS names no folder")?);
        let environment: Vec<(String, String)> = std::env::vars().collect();
        let record = json!({ "folder": std::env::current_dir()?, "environment": environment, "args": args });
        fs::write(folder.join(format!("{name}{extra}.json")), record.to_string())?;
    }
    Err(Command::new(rustc).args(args).exec().into())
}
