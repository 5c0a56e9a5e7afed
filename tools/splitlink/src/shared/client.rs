//! The side of the call.

use super::{NAME, Reply, Request};
use crate::worker::channel;
use crate::worker::suspended::Limits;
use anyhow::{Context, Result, bail};
use std::fs;
use std::io::BufReader;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::{SocketAddr, UnixStream};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// How long a server may take to start; a machine that is so busy may as well compile twice.
const PATIENCE: Duration = Duration::from_secs(5);

/// Has the server do what `request` asks for, one with these `limits` if it is started for this; none if the call has to do it by itself.
pub fn ask(request: &Request, limits: &Limits) -> Option<Reply> {
    try_ask(request, limits).ok().flatten()
}

fn try_ask(request: &Request, limits: &Limits) -> Result<Option<Reply>> {
    let name = name(&request.cwd, limits)?;
    let stream = match connect(&name) {
        Ok(stream) => stream,
        Err(_) => start(&name, limits, &request.cwd)?,
    };
    let peer = rustix::net::sockopt::socket_peercred(&stream).context("cannot tell whose server it is")?;
    if peer.uid != rustix::process::getuid() {
        bail!("the server is another user's");
    }
    channel::send(request, &stream)?;
    channel::receive(&mut BufReader::new(stream))
}

/// The server's name: one for each user, working folder, splitlink and limits.
fn name(cwd: &Path, limits: &Limits) -> Result<String> {
    let program = fs::metadata("/proc/self/exe").context("cannot find the splitlink program itself")?;
    let whose = (rustix::process::getuid().as_raw(), program.dev(), program.ino(), program.mtime(), program.mtime_nsec(), cwd, limits);
    Ok(format!("splitlink-{:032x}", twox_hash::XxHash3_128::oneshot(format!("{whose:?}").as_bytes())))
}

fn connect(name: &str) -> std::io::Result<UnixStream> {
    UnixStream::connect_addr(&SocketAddr::from_abstract_name(name)?)
}

/// Starts a server that outlives this call, with nothing of the call's: several calls may do so at a time, and one server stays.
fn start(name: &str, limits: &Limits, cwd: &Path) -> Result<UnixStream> {
    let program = std::env::current_exe().context("cannot find the splitlink program itself")?;
    let mut command = Command::new(program);
    command.args([NAME, name, &serde_json::to_string(limits)?]).env_clear().current_dir(cwd);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    // SAFETY: between fork and exec it makes one system call and touches no memory.
    #[allow(unsafe_code, reason = "no safe way to have a child outlive the processes that are ended with this one")]
    unsafe {
        command.pre_exec(|| Ok(rustix::process::setsid().map(drop)?));
    }
    command.spawn().context("cannot start a server")?;
    let since = Instant::now();
    loop {
        match connect(name) {
            Ok(stream) => return Ok(stream),
            Err(error) if since.elapsed() > PATIENCE => return Err(error).context("the server does not answer"),
            Err(_) => std::thread::sleep(Duration::from_millis(2)),
        }
    }
}
