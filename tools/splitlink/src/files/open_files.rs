//! Which of the user's own processes has a file open, by what the system says in `/proc`.

use rustix::fd::OwnedFd;
use rustix::fs::{Dir, Mode, OFlags, PROC_SUPER_MAGIC};
use std::ffi::{CStr, CString};
use std::fmt::Debug;

/// A file that a process has open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenFile {
    /// The process, and its number of the file, as `/proc` spells them.
    process: CString,
    number: CString,
}

impl OpenFile {
    /// A file with `part` in its name, folders not counted, that a process of this process's user
    /// has open; none if there is none, or none that may be seen. Other users' processes are never
    /// looked into, whoever asks.
    pub fn find(part: &str) -> Option<Self> {
        if part.is_empty() {
            return None;
        }
        let mut all: Vec<_> = numbers(&processes()?).collect();
        // What is looked for is most often among the latest, which have the highest numbers.
        all.sort_by(|a, b| (b.as_bytes().len(), b).cmp(&(a.as_bytes().len(), a)));
        all.into_iter().find_map(|process| {
            let files = files_of(&process)?;
            let number = numbers(&files).find(|number| is_called(&files, number, part))?;
            Some(Self { process, number })
        })
    }

    /// Whether the process still has a file with `part` in its name open under the number.
    pub fn is_open(&self, part: &str) -> bool {
        files_of(&self.process).is_some_and(|files| is_called(&files, &self.number, part))
    }
}

/// The folder of all processes; none if something else is mounted, or nothing.
fn processes() -> Option<OwnedFd> {
    let folder = rustix::fs::open(c"/proc", FOLDER, Mode::empty()).ok()?;
    (rustix::fs::fstatfs(&folder).ok()?.f_type == PROC_SUPER_MAGIC).then_some(folder)
}

/// The folder of the files that `process` has open; none if it is not the user's own.
fn files_of(process: &CStr) -> Option<OwnedFd> {
    let of = rustix::fs::openat(processes()?, process, FOLDER, Mode::empty()).ok()?;
    if rustix::fs::fstat(&of).ok()?.st_uid != rustix::process::geteuid().as_raw() {
        return None;
    }
    rustix::fs::openat(of, c"fd", FOLDER, Mode::empty()).ok()
}

/// No link is followed on the way to a folder.
const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// The entries of `folder` that are numbers.
fn numbers(folder: &OwnedFd) -> impl Iterator<Item = CString> {
    let entries = Dir::read_from(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.file_name().to_owned()).filter(|name| name.to_bytes().iter().all(u8::is_ascii_digit))
}

/// Whether what is open under `number` is a file with `part` in its name. The link is read as text
/// and not followed.
fn is_called(files: &OwnedFd, number: &CStr, part: &str) -> bool {
    let Ok(path) = rustix::fs::readlinkat(files, number, Vec::new()) else { return false };
    // Of pipes and the like the text is no path.
    let name = path.to_bytes().strip_prefix(b"/").and_then(|path| path.rsplit(|&byte| byte == b'/').next());
    name.is_some_and(|name| name.windows(part.len()).any(|window| window == part.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::io::Write;
    use std::os::unix::fs::PermissionsExt;
    use std::path::PathBuf;
    use std::process::{Child, Command, Stdio};
    use std::time::Duration;

    /// A process that has the file `path` open until its input ends, which it opens itself: what
    /// this process has open, processes that other tests start would have for a moment, too.
    fn holder(path: &str, as_user: Option<u32>) -> Child {
        use std::os::unix::process::CommandExt;
        let mut command = Command::new("sh");
        command.args(["-c", r#"exec cat >>"$1""#, "sh", path]).stdin(Stdio::piped());
        if let Some(user) = as_user {
            command.uid(user);
        }
        let mut holder = command.spawn().unwrap();
        // What it got is in the file once it is open.
        holder.stdin.as_mut().unwrap().write_all(b"x").unwrap();
        while !fs::metadata(path).is_ok_and(|file| file.len() == 1) {
            assert!(holder.try_wait().unwrap().is_none(), "{path} is not written");
            std::thread::sleep(Duration::from_millis(1));
        }
        holder
    }

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("splitlink-open-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        // Other users write there, too.
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o777)).unwrap();
        folder
    }

    #[test]
    fn a_file_is_open_until_it_is_closed() {
        let folder = folder("closed");
        let path = folder.join("1_build_0af3-77_events.zst").display().to_string();
        let mut holder = holder(&path, None);
        let found = OpenFile::find("_0af3-77_events.").unwrap();
        assert_eq!(found.process.to_str().unwrap(), holder.id().to_string());
        assert!(found.is_open("_0af3-77_events."));
        // Of a folder, of another name, of nothing.
        for part in ["splitlink-open-closed", "_0af3-78_events.", "_build_0af3-77_events.zst.old", ""] {
            assert_eq!(OpenFile::find(part), None, "{part}");
        }
        assert!(!found.is_open("_0af3-78_events."));
        // It may be removed or have another name.
        fs::remove_file(&path).unwrap();
        assert!(found.is_open("_0af3-77_events."));
        drop(holder.stdin.take());
        holder.wait().unwrap();
        assert!(!found.is_open("_0af3-77_events.") && OpenFile::find("_0af3-77_events.").is_none());
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn nobody_elses_file() {
        // Only root can start another user's process, and could look into it.
        if !rustix::process::geteuid().is_root() {
            eprintln!("skipped: a file of another user's process; run the tests as root for it");
            return;
        }
        let folder = folder("others");
        let path = folder.join("0af3-79").display().to_string();
        let mut holder = holder(&path, Some(12345));
        let process = CString::new(holder.id().to_string()).unwrap();
        assert!(fs::read_link(format!("/proc/{}/fd/1", holder.id())).unwrap().ends_with("0af3-79"));
        assert_eq!(OpenFile::find("0af3-79"), None);
        assert!(!OpenFile { process, number: c"1".into() }.is_open("0af3-79"));
        drop(holder.stdin.take());
        holder.wait().unwrap();
        fs::remove_dir_all(&folder).unwrap();
    }
}
