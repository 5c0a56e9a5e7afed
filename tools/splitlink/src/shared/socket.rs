//! Where a server listens: a socket in a folder that nobody but its user can enter.
//!
//! A request carries a command, so whoever reaches the socket runs what he likes as the server's
//! user. The folder's owner and mode keep others out; both sides check them, and each other's user.

use crate::files::private::PrivateFolder;
use anyhow::{Context, Result, bail};
use std::fs::{self, File, TryLockError};
use std::io;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

/// What the folder of sockets is called in the user's runtime folder, and with the user's number
/// behind it in an output tree.
const NAME: &str = "splitlink";

/// Where one server's socket is.
#[derive(Debug)]
pub(super) struct ServerSocket {
    folder: PrivateFolder,
    name: String,
}

impl ServerSocket {
    /// The socket of the server `name`: in the user's runtime folder (`XDG_RUNTIME_DIR`) if that is
    /// the user's alone, else in the folder `output_tree`. The folder is made if it is not there.
    ///
    /// # Errors
    /// If it cannot be made, or is not the user's alone.
    pub(super) fn choose(output_tree: &Path, name: &str) -> Result<Self> {
        let runtime = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|dir| dir.is_absolute());
        let user = rustix::process::geteuid().as_raw();
        let folder = match runtime.filter(|dir| PrivateFolder::open(dir).is_ok()) {
            Some(runtime) => runtime.join(NAME),
            None => output_tree.join(format!(".{NAME}-{user}")),
        };
        Ok(Self { folder: PrivateFolder::make(&folder)?, name: name.to_owned() })
    }

    /// The socket of the server `name` in the folder `folder`, which must be there.
    ///
    /// # Errors
    /// If it is not the user's alone.
    pub(super) fn in_folder(folder: &Path, name: &str) -> Result<Self> {
        // It goes into paths.
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            bail!("`{name}` names no server");
        }
        Ok(Self { folder: PrivateFolder::open(folder)?, name: name.to_owned() })
    }

    /// The folder.
    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The socket's path, which is short enough for a socket's address however deep the folder is.
    fn socket(&self) -> PathBuf {
        self.folder.entry(&self.name)
    }

    fn lock_file(&self) -> PathBuf {
        self.folder.entry(&format!("{}.lock", self.name))
    }

    /// Connects to the server that listens here, and checks that it is the user's own.
    ///
    /// # Errors
    /// If none listens, or another user's does.
    pub(super) fn connect(&self) -> Result<UnixStream> {
        let stream = UnixStream::connect(self.socket()).context("no server listens")?;
        if !is_own(&stream) {
            bail!("the server that listens in `{}` is another user's", self.folder().display());
        }
        Ok(stream)
    }

    /// Listens here; none if another server does.
    ///
    /// # Errors
    /// If there can be no socket here.
    pub(super) fn listen(self) -> Result<Option<Listening>> {
        let lock = match self.lock() {
            Ok(Some(lock)) => lock,
            Ok(None) => return Ok(None),
            Err(error) => return Err(error).with_context(|| format!("cannot lock `{}.lock` in `{}`", self.name, self.folder().display())),
        };
        // Left by a server that was killed.
        let _ = fs::remove_file(self.socket());
        let listener =
            UnixListener::bind(self.socket()).with_context(|| format!("cannot make a socket in `{}`", self.folder().display()))?;
        Ok(Some(Listening { socket: self, listener, _lock: lock }))
    }

    /// Takes the lock of the one server that listens here; none if another has it.
    fn lock(&self) -> io::Result<Option<File>> {
        loop {
            let lock = File::create(self.lock_file())?;
            match lock.try_lock() {
                Ok(()) if PrivateFolder::is_same_file(&lock, &self.lock_file()) => return Ok(Some(lock)),
                // Removed by a server that has just ended.
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Ok(None),
                Err(TryLockError::Error(error)) => return Err(error),
            }
        }
    }
}

/// A socket that its server listens at.
#[derive(Debug)]
pub(super) struct Listening {
    socket: ServerSocket,
    listener: UnixListener,
    _lock: File,
}

impl Listening {
    /// Waits for the next call of the user's own. Another user's is dropped before a byte of it is
    /// read.
    ///
    /// # Errors
    /// If the system gives no more of them.
    pub(super) fn accept(&self) -> io::Result<UnixStream> {
        loop {
            let (stream, _) = self.listener.accept()?;
            if is_own(&stream) {
                return Ok(stream);
            }
        }
    }

    /// Leaves nothing: no socket, and no folder unless another server uses it.
    pub(super) fn remove(&self) {
        let _ = fs::remove_file(self.socket.socket());
        let _ = fs::remove_file(self.socket.lock_file());
        let _ = fs::remove_dir(self.socket.folder());
    }
}

/// Whether the process at the other end is of this process's user.
fn is_own(stream: &UnixStream) -> bool {
    rustix::net::sockopt::socket_peercred(stream).is_ok_and(|peer| peer.uid == rustix::process::geteuid())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_server_listens_and_leaves_nothing() {
        let tree = std::env::temp_dir().join(format!("splitlink-socket-{}", std::process::id())).join("deep".repeat(40));
        fs::create_dir_all(&tree).unwrap();
        let folder = tree.join("sockets");
        PrivateFolder::make(&folder).unwrap();
        let socket = || ServerSocket::in_folder(&folder, "0a").unwrap();
        assert!(socket().connect().is_err());
        // What a killed server leaves.
        drop(UnixListener::bind(socket().socket()).unwrap());
        let listening = socket().listen().unwrap().unwrap();
        assert!(socket().listen().unwrap().is_none(), "a second one");
        let call = socket().connect().unwrap();
        listening.accept().unwrap();
        drop(call);
        listening.remove();
        assert!(!folder.exists());
        for name in ["", "../a", "x"] {
            assert!(ServerSocket::in_folder(&tree, name).unwrap_err().to_string().contains("names no server"));
        }
        fs::remove_dir_all(tree.parent().unwrap()).unwrap();
    }
}
