//! One rustc run for the two calls by which a build system that knows no workers compiles a
//! library: its metadata and its code.
//!
//! Each call is a `splitlink rustc` of its own. The first one of a build starts a server. The
//! server starts rustc for whichever of a library's two calls comes first. Metadata is handed out
//! when rustc has written it. rustc is then suspended until the code is wanted, as in a
//! [`worker`](crate::worker), whose processes and limits these are.
//!
//! ```text
//! build system ─► splitlink rustc ([`client`]) ── socket ──► server ([`server`])
//!                                                              └─► splitlink (attached) ─► rustc
//! ```
//!
//! Two calls belong together if they are of one build and say the same to rustc. A build runs each
//! action once, on inputs that it has determined before, so nothing else needs to be compared.
//! Whatever goes wrong with the server, a call runs rustc by itself.

mod builds;
pub(crate) mod client;
pub(crate) mod server;
mod socket;

use crate::rustc::args::RustcArgs;
use crate::rustc::command::ChildFailed;
use crate::worker::suspended::Limits;
use anyhow::Result;
use serde::{Deserialize, Serialize};
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// The argument by which a process learns that it is the server.
pub const NAME: &str = "shared";

/// What a hollow rlib is called before it is in its place.
pub(crate) const HOLLOW: &str = "hollow.rlib";

/// How calls share.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Compile a library once for both calls of a build that want it, which are those in which this
    /// environment variable, or their parent process's, has one value. A server does it, which ends
    /// when no call has come for --max-idle, or by --share-while-open. Calls on several machines
    /// share nothing, nor do any without --stable. [default: each call runs rustc]
    #[arg(long = "share-within", value_name = "VARIABLE")]
    pub within: Option<String>,
    /// How the end of a build shows: from then on no process of the same user has a file open whose
    /// name (folders not counted) contains this, with the value of --share-within's VARIABLE for
    /// `{}`. What is left for the build then ends, and the server with its last build. Where no
    /// such file is seen, --max-idle counts alone. [default: nothing shows it]
    #[arg(long = "share-while-open", value_name = "PART", requires = "within", value_parser = part_of_name)]
    pub while_open: Option<String>,
    /// How much may stand still.
    #[command(flatten)]
    pub limits: Limits,
}

impl Options {
    /// The build that this call is of; none if nothing says so.
    fn build(&self) -> Option<String> {
        let name = self.within.as_ref()?;
        std::env::var(name).ok().or_else(|| of_parent(name))
    }
}

/// A part of a file's name, which is another in every build.
fn part_of_name(value: &str) -> Result<String, String> {
    if !value.contains("{}") {
        return Err("`{}` must stand in it for the build's name\n  help: for a file `log-BUILD.txt` it is `log-{}.`".into());
    }
    if value.contains('/') {
        return Err("it is part of a file's name, and `/` is in none".into());
    }
    Ok(value.to_owned())
}

/// A variable of the parent process. A wrapper around rustc may hand on a part of its environment
/// only, as the one of Buck2's prelude does.
fn of_parent(name: &str) -> Option<String> {
    let parent = rustix::process::getppid()?;
    let environment = fs::read(format!("/proc/{}/environ", parent.as_raw_nonzero())).ok()?;
    let of_name = |variable: &[u8]| Some(variable.strip_prefix(name.as_bytes())?.strip_prefix(b"=")?.to_vec());
    environment.split(|&byte| byte == 0).find_map(of_name).and_then(|value| String::from_utf8(value).ok())
}

/// A call: what it wants of a library.
#[derive(Debug, Serialize, Deserialize)]
pub struct Call {
    /// What it says to rustc other than its outputs, and its build.
    identity: Vec<String>,
    /// The build's name.
    build: String,
    /// A part of the name of a file that is open until the build ends, if there is one.
    while_open: Option<String>,
    /// Whether the code is wanted, and not the metadata.
    code: bool,
    /// Where the rlib goes, hollow or not.
    output: PathBuf,
    cwd: PathBuf,
    env: Vec<(String, String)>,
    /// rustc and its arguments.
    command: Vec<String>,
}

/// What the server answers to a call: what came of it, or that the call has to do it by itself.
type Answer = Option<Reply>;

/// What came of a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reply {
    code: u8,
    /// rustc's messages.
    messages: String,
}

impl Call {
    /// The call for `output`, by way of `program` with `args`, which calls `share` with others of
    /// their build; none if they share with none, or the environment is not valid text.
    pub fn new(share: &Options, program: &str, args: &RustcArgs, code: bool, output: &Path) -> Option<Self> {
        let build = share.build()?;
        let mut identity = identity(args.clone());
        identity.extend([program.to_owned(), build.clone()]);
        // A call's folder for temporary files ends with the call, and rustc may live longer.
        let env = std::env::vars_os().filter(|(name, _)| name != "TMPDIR");
        Some(Self {
            identity,
            while_open: share.while_open.as_ref().map(|part| part.replace("{}", &build)),
            build,
            code,
            output: output.to_owned(),
            cwd: std::env::current_dir().ok()?,
            env: env.map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?))).collect::<Option<_>>()?,
            command: [program.to_owned()].into_iter().chain(args.clone().into_args()).collect(),
        })
    }
}

impl Reply {
    /// Says what rustc has said.
    ///
    /// # Errors
    /// [`ChildFailed`] with rustc's exit code, if it failed.
    pub fn show(&self) -> Result<()> {
        // Nobody may be listening any more; that must not fail the build.
        let _ = std::io::stderr().write_all(self.messages.as_bytes());
        if self.code == 0 { Ok(()) } else { Err(ChildFailed { code: self.code }.into()) }
    }
}

/// What both calls for a library say alike: they differ in outputs, in order, and in the folders
/// through which they reach one dependency.
fn identity(mut args: RustcArgs) -> Vec<String> {
    for name in ["emit", "out-dir"] {
        args.remove(name, |_| true);
    }
    let real = |path: &Path| fs::canonicalize(path).unwrap_or_else(|_| path.to_owned()).display().to_string();
    args.exchange("extern", |value| value.split_once('=').map(|(name, path)| format!("{name}={}", real(Path::new(path)))));
    args.exchange("library-path", |value| {
        let mut files: Vec<_> = fs::read_dir(value.strip_prefix("dependency=")?)
            .ok()?
            .map(|entry| entry.map(|entry| real(&entry.path())))
            .collect::<Result<_, _>>()
            .ok()?;
        files.sort();
        Some(files.join("\n"))
    });
    let mut args = args.into_args();
    args.sort();
    args
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_names() {
        assert_eq!(part_of_name("_{}_events."), Ok("_{}_events.".to_owned()));
        for (wrong, why) in [("events", "must stand in it"), ("log/{}", "`/` is in none")] {
            assert!(part_of_name(wrong).unwrap_err().contains(why), "{wrong}");
        }
    }
}
