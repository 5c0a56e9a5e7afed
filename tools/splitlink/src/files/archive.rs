//! Static archives: what is in one, and how a staticlib is put together.

use crate::files::{mach_o, object_symbols, scratch};
use anyhow::{Context, Result, bail};
use ar_archive_writer::{ArchiveKind, DEFAULT_OBJECT_READER, NewArchiveMember, ObjectReader, write_archive_to_stream};
use object::read::archive::ArchiveFile;
use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
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
    /// Where it was read from, for messages.
    path: PathBuf,
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
        let bytes = fs::read(path).with_context(|| format!("cannot read the archive `{}`", path.display()))?;
        if mach_o::UNIVERSAL.iter().any(|magic| bytes.starts_with(*magic)) {
            bail!(
                "`{0}` is a universal file, with a library for each of several architectures\n  \
                 help: take the one for this target out of it, with `lipo -thin`, and name that in the place of `{0}`",
                path.display()
            );
        }
        let (mut archive, is_thin) = Self::parse(bytes).with_context(|| {
            format!("`{}` is not a whole archive\n  help: was it truncated? build the library it comes from again", path.display())
        })?;
        if is_thin {
            archive.read_named(path)?;
        }
        archive.path = path.to_owned();
        Ok(archive)
    }

    /// Takes the `bytes` of an archive apart, and says whether it is a thin one, whose members are
    /// only names.
    ///
    /// # Errors
    /// If it is not whole.
    pub fn parse(bytes: Vec<u8>) -> Result<(Self, bool)> {
        let (members, is_thin) = members(&bytes)?;
        Ok((Self { path: PathBuf::new(), bytes: Arc::new(bytes), members, is_object: false }, is_thin))
    }

    /// Reads the files that the thin archive at `path` names.
    fn read_named(&mut self, path: &Path) -> Result<()> {
        let folder = path.parent().unwrap_or(Path::new(""));
        let bytes = Arc::make_mut(&mut self.bytes);
        for member in &mut self.members {
            let file = folder.join(&member.name);
            let contents = fs::read(&file).with_context(|| {
                let (file, path) = (file.display(), path.display());
                format!("cannot read `{file}`, a member of the thin archive `{path}`\n  help: are an archive's members among the action's inputs?")
            })?;
            *member = Member { name: file_name(&file), offset: bytes.len(), len: contents.len() };
            bytes.extend(contents);
        }
        Ok(())
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
        Ok(Self { path: path.to_owned(), bytes: Arc::new(bytes), members, is_object: true })
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

/// Whether `bytes` begin as an archive does.
pub(crate) fn is_archive(bytes: &[u8]) -> bool {
    MAGIC.iter().any(|magic| bytes.starts_with(*magic))
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
        let (offset, _) = member.file_range();
        members.push(Member {
            name: String::from_utf8_lossy(member.name()).into_owned(),
            offset: usize::try_from(offset)?,
            // None for one that is only named.
            len: member.data(bytes)?.len(),
        });
    }
    Ok((members, archive.is_thin()))
}

/// How members are looked at for the symbols that go into an archive's index. Only objects of the
/// formats that are linked here are, and a broken one is an error, where `DEFAULT_OBJECT_READER`
/// panics or takes it for something without symbols.
static OBJECTS: ObjectReader = ObjectReader { get_symbols: symbols, ..DEFAULT_OBJECT_READER };

/// Gives the name of each symbol that `object` defines for others to `add`, and says whether it is
/// an object.
fn symbols(object: &[u8], add: &mut dyn FnMut(&[u8]) -> io::Result<()>) -> io::Result<bool> {
    let Some(names) = object_symbols::defined(object).map_err(io::Error::other)? else { return Ok(false) };
    names.into_iter().try_for_each(add).map(|()| true)
}

/// Whether a member of this name is found again. For short names ar_archive_writer 0.5.5 counts
/// characters where the format counts bytes. Long names end at a line break. Some names are those
/// of an index (`object::read::archive`, 0.39).
pub(crate) fn can_be_named(name: &str) -> bool {
    let is_short = name.len() < 16 && !name.contains('/');
    !(name.is_empty() || name.contains(['\n', '\0']) || name.starts_with("__.SYMDEF") || (is_short && !name.is_ascii()))
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

/// How an archive is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// As GNU's and most linkers have it.
    Gnu,
    /// As Apple's know it, too. What they write (`Darwin`) makes members longer, which metadata cannot
    /// be.
    Bsd,
}

/// A new archive in the making, of the kind that its objects are for, if none is given.
#[derive(Default)]
pub struct Builder {
    kind: Option<Kind>,
    members: Vec<NewArchiveMember<'static>>,
    /// Where each member is from, for messages.
    from: Vec<PathBuf>,
}

impl std::fmt::Debug for Builder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.members.iter().map(|m| &m.member_name)).finish()
    }
}

impl Builder {
    /// For an archive of the given kind.
    pub fn of_kind(kind: Kind) -> Self {
        Self { kind: Some(kind), ..Self::default() }
    }

    /// Adds a file under the name `name`.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn add_file(&mut self, name: &str, path: &Path) -> Result<()> {
        let bytes = fs::read(path).with_context(|| format!("cannot read `{}`", path.display()))?;
        self.add_all(name, bytes, path);
        Ok(())
    }

    /// Adds `bytes` under the name `name`.
    pub fn add_bytes(&mut self, name: &str, bytes: Vec<u8>) {
        self.add_all(name, bytes, Path::new(""));
    }

    fn add_all(&mut self, name: &str, bytes: Vec<u8>, from: &Path) {
        let len = bytes.len();
        self.add(name, Part { bytes: Arc::new(bytes), offset: 0, len }, from);
    }

    /// Adds the members of `archive` that `wanted` picks by name.
    pub fn add_archive(&mut self, archive: &Archive, wanted: impl Fn(&str) -> bool) {
        self.add_members(archive, |member| wanted(&member.name));
    }

    /// Adds the members of `archive` that `wanted` picks.
    pub fn add_members(&mut self, archive: &Archive, wanted: impl Fn(&Member) -> bool) {
        for member in archive.members.iter().filter(|member| wanted(member)) {
            let part = Part { bytes: Arc::clone(&archive.bytes), offset: member.offset, len: member.len };
            self.add(&member.name, part, &archive.path);
        }
    }

    fn add(&mut self, name: &str, part: Part, from: &Path) {
        self.from.push(from.to_owned());
        // No time and no owner: the same members give the same bytes.
        self.members.push(NewArchiveMember {
            buf: Box::new(part),
            object_reader: &OBJECTS,
            member_name: name.to_owned(),
            mtime: 0,
            uid: 0,
            gid: 0,
            perms: 0o644,
        });
    }

    /// The given kind, or the one that rustc writes for the target that the objects are for
    /// (`archive_format` of `rustc_target::spec`, 1.95).
    fn kind(&self) -> ArchiveKind {
        let is_mach_o = |member: &NewArchiveMember<'_>| (*member.buf).as_ref().starts_with(mach_o::MAGIC);
        match self.kind {
            Some(Kind::Gnu) => ArchiveKind::Gnu,
            Some(Kind::Bsd) => ArchiveKind::Bsd,
            None if self.members.iter().any(is_mach_o) => ArchiveKind::Darwin,
            None => ArchiveKind::Gnu,
        }
    }

    /// Writes the archive to `output`; all members are looked at before a byte is written.
    fn write_to(&self, output: &mut (impl Write + io::Seek), unwritable: impl FnOnce() -> String) -> Result<()> {
        for (member, from) in self.members.iter().zip(&self.from) {
            if !can_be_named(&member.member_name) {
                let (name, from) = (&member.member_name, from.display());
                bail!(
                    "the member `{name}` of `{from}` has a name that no archive can hold\n  help: give it one of letters, digits, `.` and `_`"
                );
            }
        }
        let Err(error) = write_archive_to_stream(output, &self.members, self.kind(), false, None) else { return Ok(()) };
        for (member, from) in self.members.iter().zip(&self.from) {
            if let Err(why) = symbols((*member.buf).as_ref(), &mut |_| Ok(())) {
                let (name, from) = (&member.member_name, from.display());
                bail!("the object `{name}` of `{from}` is broken: {why}\n  help: was it cut short? build `{from}` again");
            }
        }
        Err(error).with_context(unwritable)
    }

    /// Writes the archive, with the symbol index that linkers look things up in.
    ///
    /// # Errors
    /// If the file cannot be written or a member's symbols not be read.
    pub fn write(&self, path: &Path) -> Result<()> {
        let unwritable = || scratch::cannot_write(path);
        let mut output = BufWriter::with_capacity(1 << 20, File::create(path).with_context(unwritable)?);
        self.write_to(&mut output, unwritable)?;
        output.flush().with_context(unwritable)
    }

    /// The archive's bytes.
    ///
    /// # Errors
    /// If a member's symbols cannot be read.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let mut bytes = io::Cursor::new(Vec::new());
        self.write_to(&mut bytes, || "cannot put an archive together".to_owned())?;
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
    fn names_that_can_be_found_again() {
        let built = |name: &str| {
            let mut builder = Builder::default();
            builder.add_bytes(name, b"contents".to_vec());
            builder.to_bytes()
        };
        for name in ["a.o", "a b.o", "a/b", "/", " ", "the lengthy name of größe.o"] {
            let (archive, _) = Archive::parse(built(name).unwrap()).unwrap();
            assert_eq!(
                archive.members.iter().map(|m| (m.name.as_str(), archive.contents(m))).collect::<Vec<_>>(),
                [(name, &b"contents"[..])]
            );
        }
        for kind in [Kind::Gnu, Kind::Bsd] {
            let mut builder = Builder::of_kind(kind);
            builder.add_bytes("a name that is longer than a header has room for.o", b"odd".to_vec());
            let (archive, _) = Archive::parse(builder.to_bytes().unwrap()).unwrap();
            assert_eq!(archive.contents(&archive.members[0]), b"odd", "{kind:?}");
        }
        for name in ["", "größe.o", "a\nb", "a\0b", "a long name with\n a line's end", "__.SYMDEF"] {
            assert!(built(name).unwrap_err().to_string().contains(&format!("the member `{name}`")), "{name}");
        }
    }

    #[test]
    fn a_broken_object_is_named() {
        let dir = std::env::temp_dir().join(format!("splitlink-broken-object-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        let mut object = object::write::Object::new(object::BinaryFormat::Elf, object::Architecture::X86_64, object::Endianness::Little);
        object.add_file_symbol(b"file.c".to_vec());
        for (name, scope) in [("f", object::SymbolScope::Dynamic), ("local", object::SymbolScope::Compilation)] {
            object.add_symbol(object::write::Symbol {
                name: name.into(),
                value: 1,
                size: 0,
                kind: object::SymbolKind::Data,
                scope,
                weak: false,
                section: object::write::SymbolSection::Absolute,
                flags: object::SymbolFlags::None,
            });
        }
        let object = object.write().unwrap();
        let written = |bytes: &[u8]| {
            fs::write(dir.join("x.o"), bytes).unwrap();
            let mut builder = Builder::default();
            builder.add_file("x.o", &dir.join("x.o"))?;
            builder.write(&dir.join("x.a"))
        };
        written(&object).unwrap();
        let archive = fs::read(dir.join("x.a")).unwrap();
        let index = ArchiveFile::parse(&*archive).unwrap().symbols().unwrap().unwrap();
        assert_eq!(index.map(|symbol| symbol.unwrap().name().to_owned()).collect::<Vec<_>>(), [b"f"]);
        for end in [60, 64, object.len() / 2, object.len() - 1] {
            let message = written(&object[..end]).unwrap_err().to_string();
            assert!(message.contains("the object `x.o` of `") && message.contains("x.o` is broken"), "{end}: {message}");
        }
        // Anything but an object of this kind has no symbols.
        for other in [&b""[..], b"\x7fEL", b"BC\xc0\xde", b"!<arch>\n", b"text"] {
            written(other).unwrap();
        }
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
