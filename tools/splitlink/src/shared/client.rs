//! The caller's side: it finds the server, or starts it.

use super::socket::ServerSocket;
use super::{Answer, Call, NAME, Reply};
use crate::files::private::NotPrivate;
use crate::worker::channel;
use crate::worker::place;
use crate::worker::suspended::Limits;
use anyhow::{Context, Result, bail};
use std::fs;
use std::io::BufReader;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long a server may take to start. On a machine that is busier, compiling twice is no worse.
const PATIENCE: Duration = Duration::from_secs(5);

/// How often a call starts a server. One may end at once because another is just ending.
const STARTS: usize = 3;

/// How many servers a call asks. One may end before it has taken the call.
const ASKED: usize = 2;

/// Has the server do what `request` asks for. If there is no server, one with these `limits` is
/// started. None if the call has to do it by itself; a warning says so if another user could be the
/// reason.
pub fn ask(request: &Call, limits: &Limits) -> Option<Reply> {
    try_ask(request, limits).unwrap_or_else(|error| {
        if let Some(why) = error.downcast_ref::<NotPrivate>() {
            eprintln!("warning: this call runs rustc by itself, for its server's socket would not be safe: {why}");
        }
        None
    })
}

fn try_ask(request: &Call, limits: &Limits) -> Result<Option<Reply>> {
    let name = name(&request.cwd, limits)?;
    let output_tree = place::parent_for(&request.cwd, &request.output);
    let socket = || ServerSocket::choose(&output_tree, &name);
    for _ in 0..ASKED {
        let stream = match socket()?.connect() {
            Ok(stream) => stream,
            Err(_) => start(socket, &name, limits, &request.cwd)?,
        };
        if channel::send(request, &stream).is_ok()
            && let Some(answer) = channel::receive::<Answer>(&mut BufReader::new(stream))?
        {
            return Ok(answer);
        }
    }
    Ok(None)
}

/// The server's name: one for each user, working folder, splitlink and limits.
fn name(cwd: &Path, limits: &Limits) -> Result<String> {
    let program = fs::metadata("/proc/self/exe").context("cannot find the splitlink program itself")?;
    let whose = (rustix::process::getuid().as_raw(), program.dev(), program.ino(), program.mtime(), program.mtime_nsec(), cwd, limits);
    Ok(format!("{:032x}", twox_hash::XxHash3_128::oneshot(format!("{whose:?}").as_bytes())))
}

/// Starts a server: several calls may do so at a time, and one server stays.
fn start(socket: impl Fn() -> Result<ServerSocket>, name: &str, limits: &Limits, cwd: &Path) -> Result<UnixStream> {
    let mut server = spawn(socket()?.folder(), name, limits, cwd)?;
    let mut starts = 1;
    let since = Instant::now();
    loop {
        // A server that ends takes the folder with it.
        let socket = socket()?;
        match socket.connect() {
            Ok(stream) => return Ok(stream),
            Err(error) if since.elapsed() > PATIENCE => return Err(error).context("the server does not answer"),
            Err(_) if matches!(server.try_wait(), Ok(None)) => {}
            Err(_) if starts < STARTS => {
                server = spawn(socket.folder(), name, limits, cwd)?;
                starts += 1;
            }
            Err(_) => bail!("no server stays"),
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Starts a server that outlives this call and inherits nothing from it.
fn spawn(folder: &Path, name: &str, limits: &Limits, cwd: &Path) -> Result<Child> {
    let program = std::env::current_exe().context("cannot find the splitlink program itself")?;
    let mut command = Command::new(program);
    command.arg(NAME).arg(folder).args([name, &serde_json::to_string(limits)?]).env_clear().current_dir(cwd);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    // SAFETY: between fork and exec it makes one system call and touches no memory.
    #[allow(unsafe_code, reason = "no safe way to have a child outlive the processes that are ended with this one")]
    unsafe {
        command.pre_exec(|| Ok(rustix::process::setsid().map(drop)?));
    }
    command.spawn().context("cannot start a server")
}
