//! Static archives: what is in one, and how a staticlib is put together.

use crate::scratch;
use anyhow::{Context, Result};
use ar_archive_writer::{ArchiveKind, DEFAULT_OBJECT_READER, NewArchiveMember, write_archive_to_stream};
use object::read::archive::ArchiveFile;
use std::fs::{self, File};
use std::io::{BufWriter, Read, Write};
use std::path::Path;
use std::sync::Arc;

/// How an archive begins, and a thin one.
const MAGIC: [&[u8; 8]; 2] = [b"!<arch>\n", b"!<thin>\n"];

/// A member of an archive: its name, and its place among the archive's bytes.
#[derive(Debug, Clone)]
pub struct Member {
    /// The name.
    pub name: String,
    /// Where its contents begin, in bytes.
    pub offset: usize,
    /// How long its contents are, in bytes.
    pub len: usize,
}

/// The bytes of an archive and its members.
#[derive(Debug, Clone)]
pub struct Archive {
    /// The file; behind it, the members that a thin archive only names.
    bytes: Arc<Vec<u8>>,
    /// The members, in order.
    pub members: Vec<Member>,
    is_object: bool,
}

impl Archive {
    /// Reads the archive at `path`, which may be a thin one.
    ///
    /// # Errors
    /// If it cannot be read or is not whole, or a file that it names cannot be read.
    pub fn read(path: &Path) -> Result<Self> {
        let mut bytes = fs::read(path).with_context(|| format!("cannot read the archive `{}`", path.display()))?;
        let (mut members, is_thin) = members(&bytes).with_context(|| {
            format!("`{}` is not a whole archive\n  help: was it truncated? build the library it comes from again", path.display())
        })?;
        if is_thin {
            let folder = path.parent().unwrap_or(Path::new(""));
            for member in &mut members {
                let file = folder.join(&member.name);
                let contents = fs::read(&file).with_context(|| {
                    let (file, path) = (file.display(), path.display());
                    format!("cannot read `{file}`, a member of the thin archive `{path}`\n  help: are an archive's members among the action's inputs?")
                })?;
                *member = Member { name: file_name(&file), offset: bytes.len(), len: contents.len() };
                bytes.extend(contents);
            }
        }
        Ok(Self { bytes: Arc::new(bytes), members, is_object: false })
    }

    /// Reads the archive at `path`, or an object file as if it were an archive's only member.
    ///
    /// # Errors
    /// If it cannot be read or is not whole.
    pub fn read_or_object(path: &Path) -> Result<Self> {
        let mut start = [0; 8];
        let is_archive = File::open(path).and_then(|mut file| file.read_exact(&mut start)).is_ok() && MAGIC.contains(&&start);
        if is_archive {
            return Self::read(path);
        }
        let bytes = fs::read(path).with_context(|| format!("cannot read `{}`", path.display()))?;
        let members = vec![Member { name: file_name(path), offset: 0, len: bytes.len() }];
        Ok(Self { bytes: Arc::new(bytes), members, is_object: true })
    }

    /// Whether it is an object file in truth.
    pub fn is_object(&self) -> bool {
        self.is_object
    }

    /// The contents of `member`.
    pub fn contents(&self, member: &Member) -> &[u8] {
        &self.bytes[member.offset..member.offset + member.len]
    }
}

/// The last part of a path, by which an archive calls a file.
pub(crate) fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// The members that are listed in an archive's bytes, and whether they are only named there.
fn members(bytes: &[u8]) -> Result<(Vec<Member>, bool)> {
    let archive = ArchiveFile::parse(bytes)?;
    let mut members = Vec::new();
    for member in archive.members() {
        let member = member?;
        let (offset, len) = member.file_range();
        member.data(bytes)?;
        members.push(Member {
            name: String::from_utf8_lossy(member.name()).into_owned(),
            offset: usize::try_from(offset)?,
            len: usize::try_from(len)?,
        });
    }
    Ok((members, archive.is_thin()))
}

/// A part of an archive's bytes, as a new archive's member shares it.
struct Part {
    bytes: Arc<Vec<u8>>,
    offset: usize,
    len: usize,
}

impl AsRef<[u8]> for Part {
    fn as_ref(&self) -> &[u8] {
        &self.bytes[self.offset..self.offset + self.len]
    }
}

/// A new archive in the making.
#[derive(Default)]
pub struct Builder {
    members: Vec<NewArchiveMember<'static>>,
}

impl std::fmt::Debug for Builder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.members.iter().map(|m| &m.member_name)).finish()
    }
}

impl Builder {
    /// Adds a file under the name `name`.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn add_file(&mut self, name: &str, path: &Path) -> Result<()> {
        let bytes = fs::read(path).with_context(|| format!("cannot read `{}`", path.display()))?;
        self.add_bytes(name, bytes);
        Ok(())
    }

    /// Adds `bytes` under the name `name`.
    pub fn add_bytes(&mut self, name: &str, bytes: Vec<u8>) {
        let len = bytes.len();
        self.add(name, Part { bytes: Arc::new(bytes), offset: 0, len });
    }

    /// Adds the members of `archive` that `wanted` picks by name.
    pub fn add_archive(&mut self, archive: &Archive, wanted: impl Fn(&str) -> bool) {
        self.add_members(archive, |member| wanted(&member.name));
    }

    /// Adds the members of `archive` that `wanted` picks.
    pub fn add_members(&mut self, archive: &Archive, wanted: impl Fn(&Member) -> bool) {
        for member in archive.members.iter().filter(|member| wanted(member)) {
            self.add(&member.name, Part { bytes: Arc::clone(&archive.bytes), offset: member.offset, len: member.len });
        }
    }

    fn add(&mut self, name: &str, part: Part) {
        // No time and no owner: the same members give the same bytes.
        self.members.push(NewArchiveMember {
            buf: Box::new(part),
            object_reader: &DEFAULT_OBJECT_READER,
            member_name: name.to_owned(),
            mtime: 0,
            uid: 0,
            gid: 0,
            perms: 0o644,
        });
    }

    /// Writes the archive, with the symbol index that linkers look things up in.
    ///
    /// # Errors
    /// If the file cannot be written or a member's symbols not be read.
    pub fn write(&self, path: &Path) -> Result<()> {
        let write = || -> std::io::Result<()> {
            let mut output = BufWriter::with_capacity(1 << 20, File::create(path)?);
            write_archive_to_stream(&mut output, &self.members, ArchiveKind::Gnu, false, None)?;
            output.flush()
        };
        write().with_context(|| scratch::cannot_write(path))
    }

    /// The archive's bytes.
    ///
    /// # Errors
    /// If a member's symbols cannot be read.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let mut bytes = std::io::Cursor::new(Vec::new());
        write_archive_to_stream(&mut bytes, &self.members, ArchiveKind::Gnu, false, None)?;
        Ok(bytes.into_inner())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn written_and_read_again() {
        let dir = std::env::temp_dir().join(format!("splitlink-archive-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        let mut builder = Builder::default();
        builder.add_bytes("a name that is longer than a header has room for.o", b"odd".to_vec());
        builder.add_bytes("b.o", b"even".to_vec());
        builder.write(&dir.join("one.a")).unwrap();
        let one = Archive::read(&dir.join("one.a")).unwrap();
        let mut again = Builder::default();
        again.add_archive(&one, |name| name == "b.o");
        again.add_file("c.o", &dir.join("one.a")).unwrap();
        fs::write(dir.join("two.a"), again.to_bytes().unwrap()).unwrap();
        let two = Archive::read(&dir.join("two.a")).unwrap();
        assert_eq!(two.members.iter().map(|m| m.name.as_str()).collect::<Vec<_>>(), ["b.o", "c.o"]);
        assert_eq!((one.contents(&one.members[0]), two.contents(&two.members[0])), (&b"odd"[..], &b"even"[..]));
        fs::write(dir.join("cut.a"), &fs::read(dir.join("two.a")).unwrap()[..100]).unwrap();
        assert!(format!("{:#}", Archive::read(&dir.join("cut.a")).unwrap_err()).contains("not a whole archive"));
        fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn a_thin_archive_names_its_members() {
        let dir = std::env::temp_dir().join(format!("splitlink-thin-archive-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        let thin = dir.join("thin.a");
        fs::write(&thin, format!("!<thin>\n{:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n", "one.o/", 0, 0, 0, 644, 3)).unwrap();
        let missing = format!("{:#}", Archive::read(&thin).unwrap_err());
        assert!(missing.contains("one.o`, a member of the thin archive"), "{missing}");
        fs::write(dir.join("one.o"), "one").unwrap();
        let archive = Archive::read_or_object(&thin).unwrap();
        assert_eq!((archive.members[0].name.as_str(), archive.contents(&archive.members[0])), ("one.o", &b"one"[..]));
        assert!(!archive.is_object());
        fs::remove_dir_all(&dir).unwrap();
    }
}
