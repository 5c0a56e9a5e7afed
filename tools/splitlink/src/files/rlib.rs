//! Rust libraries as files: the metadata inside an rlib, hollow rlibs, and the stamp.
//!
//! The stamp tells link-only whether an rlib is the build that no-link compiled against.

use crate::files::archive::{Builder, Kind};
use crate::files::bundled;
use crate::files::object_symbols::is_object;
use crate::files::scratch;
use crate::files::wasm;
use anyhow::{Context, Result, bail};
use object::read::archive::ArchiveFile;
use object::{Object, ObjectSection, ReadCache, ReadRef};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;

/// The archive member that holds an rlib's metadata (`rustc_metadata::fs::METADATA_FILENAME`,
/// 1.95).
pub const METADATA_MEMBER: &str = "lib.rmeta";

/// The section of that member's object (`rustc_codegen_ssa::back::metadata`, 1.95).
const METADATA_SECTION: &str = ".rmeta";

/// Whether the archive member `name` is metadata of an rlib, which no staticlib takes over; from
/// 1.97 on there are two.
pub fn is_metadata(name: &str) -> bool {
    matches!(name, METADATA_MEMBER | "lib.rmeta-link")
}

/// Whether the member `name` of an rlib is an object that rustc compiled, and not one of a native
/// library (`rustc_session::config::OutputFilenames::temp_path_ext_for_cgu`, 1.95).
pub fn is_of_rust(name: &str) -> bool {
    name.ends_with(".rcgu.o")
}

/// How rustc's metadata begins; the byte after it is the format's version
/// (`rustc_metadata::rmeta::METADATA_HEADER`, 1.95).
const MAGIC: &[u8; 7] = b"rust\0\0\0";

/// How many bytes at the metadata's root position go into a stamp: enough for the crate header
/// (target, strict version hash, crate name), which rustc 1.95 encodes first
/// (`rustc_metadata::rmeta::CrateHeader`).
const HEADER_BYTES: u64 = 128;

/// What tells one build of a crate from every other: a digest of the metadata's length and of the
/// header at its root, which holds rustc's strict version hash. It is read in a few hundred bytes
/// however large the crate is. The file may be an `.rmeta` or an rlib with the same metadata
/// inside; both give the same stamp.
///
/// # Errors
/// If the file cannot be read or is not what its name promises.
pub fn stamp(path: &Path) -> Result<String> {
    if path.extension().is_some_and(|extension| extension == "rlib") { stamp_of_rlib(path) } else { stamp_of_rmeta(path) }
}

fn stamp_of_rmeta(path: &Path) -> Result<String> {
    let file = open(path)?;
    let len = file.metadata().with_context(|| format!("cannot read `{}`", path.display()))?.len();
    stamp_in_metadata(file, len).with_context(|| {
        format!("`{}` is not Rust metadata\n  help: it must be a whole `.rmeta` file written by rustc; was it truncated?", path.display())
    })
}

fn stamp_of_rlib(path: &Path) -> Result<String> {
    stamp_in_rlib(Positioned::open(path)?).with_context(|| {
        format!("`{}` is not a whole Rust library (rlib)\n  help: was it truncated, or made by another tool than rustc?", path.display())
    })
}

/// The [`stamp`] of the `len` bytes of an `.rmeta`.
///
/// # Errors
/// If they cannot be read or are no metadata.
pub fn stamp_in_metadata(mut metadata: impl Read + Seek, len: u64) -> Result<String> {
    digest(len, |offset, buffer| {
        metadata.seek(SeekFrom::Start(offset))?;
        metadata.read_exact(buffer)
    })
}

/// The [`stamp`] of an rlib's bytes.
///
/// # Errors
/// If they cannot be read or are no rlib.
pub fn stamp_in_rlib(rlib: impl Read + Seek) -> Result<String> {
    let data = ReadCache::new(rlib);
    let (offset, len) = metadata_range(&data)?;
    digest(len, |at, buffer| {
        let at = offset.checked_add(at).ok_or(std::io::ErrorKind::UnexpectedEof)?;
        read_at(&data, at, buffer).map_err(std::io::Error::other)
    })
}

/// The names of the symbols that the rlib `path` defines for others, as its symbol index says.
///
/// # Errors
/// If it cannot be read or is no archive.
pub fn symbol_index(path: &Path) -> Result<Vec<Vec<u8>>> {
    symbols_in_rlib(Positioned::open(path)?)
        .with_context(|| format!("`{}` is not a whole Rust library (rlib)\n  help: was it truncated?", path.display()))
}

/// The [`symbol_index`] in an rlib's bytes.
///
/// # Errors
/// If they cannot be read or are no archive.
pub fn symbols_in_rlib(rlib: impl Read + Seek) -> Result<Vec<Vec<u8>>> {
    let data = ReadCache::new(rlib);
    let Some(symbols) = ArchiveFile::parse(&data)?.symbols()? else { return Ok(Vec::new()) };
    symbols.map(|symbol| Ok(symbol?.name().to_owned())).collect()
}

/// The names of the native libraries that the rlib `path` carries inside, each as one member.
///
/// # Errors
/// If it cannot be read or is no archive.
pub fn bundled_libraries(path: &Path) -> Result<Vec<String>> {
    let cache = ReadCache::new(Positioned::open(path)?);
    let read = || -> Result<Vec<String>> {
        let mut names = Vec::new();
        for member in ArchiveFile::parse(&cache)?.members() {
            let member = member?;
            let name = String::from_utf8_lossy(member.name()).into_owned();
            if is_metadata(&name) || is_of_rust(&name) {
                continue;
            }
            if section_range(&cache, member.file_range(), bundled::SECTION).is_ok_and(|found| found.is_some()) {
                names.push(name);
            }
        }
        Ok(names)
    };
    read().with_context(|| format!("`{}` is not a whole Rust library (rlib)\n  help: was it truncated?", path.display()))
}

/// Where in an rlib its metadata is, offset and length in bytes: in the member or, where rustc
/// wrapped it in an object file so that linkers take the archive for an ordinary one, in that.
fn metadata_range(data: &ReadCache<impl Read + Seek>) -> Result<(u64, u64)> {
    let (offset, len) = metadata_member(data)?;
    let mut magic = [0; 4];
    read_at(data, offset, &mut magic)?;
    if !is_object(&magic) {
        return Ok((offset, len));
    }
    let found = section_range(data, (offset, len), METADATA_SECTION).context("its metadata member is broken")?;
    found.with_context(|| format!("its metadata member has no `{METADATA_SECTION}` section"))
}

/// Where the section `name` of an object is that a range of `data` holds, offset and length in
/// bytes; none if it has no such section. Of an ELF object little is read.
fn section_range(data: &ReadCache<impl Read + Seek>, (offset, len): (u64, u64), name: &str) -> Result<Option<(u64, u64)>> {
    let mut magic = [0; wasm::MAGIC.len()];
    if read_at(data, offset, &mut magic).is_ok() && &magic == wasm::MAGIC {
        let Ok(object) = data.read_bytes_at(offset, len) else { bail!("it ends too early") };
        return Ok(wasm::custom_section(object, name)?.map(|found| (offset + found.start, found.end - found.start)));
    }
    let object = object::File::parse(data.range(offset, len))?;
    let Some(section) = object.section_by_name(name) else { return Ok(None) };
    let (start, size) = section.file_range().with_context(|| format!("its section `{name}` is empty"))?;
    if start.checked_add(size).is_none_or(|end| end > len) {
        bail!("its section `{name}` ends outside of it");
    }
    Ok(Some((offset + start, size)))
}

/// How the metadata in the rlib `path` begins.
///
/// # Errors
/// If it cannot be read or has none.
pub fn beginning_of_metadata(path: &Path) -> Result<Vec<u8>> {
    let data = ReadCache::new(Positioned::open(path)?);
    let (offset, len) = metadata_range(&data)?;
    read_range(data.into_inner(), (offset, len.min(HEADER_BYTES)))
}

/// The release of rustc that compiled the rlib `path`, as in 1.95.0 or 1.97.0-nightly; none if its
/// metadata does not begin with it, as rustc's has it
/// (`rustc_metadata::rmeta::decoder::MetadataBlob::get_rustc_version`, 1.95).
///
/// # Errors
/// If the file cannot be read or is no rlib.
pub fn release_of_rustc(path: &Path) -> Result<Option<String>> {
    let beginning = beginning_of_metadata(path)?;
    let text = String::from_utf8_lossy(&beginning);
    let release = text.split_once("rustc ").and_then(|(_, rest)| rest.split_once(" (")).map(|(release, _)| release);
    Ok(release.filter(|release| release.starts_with(|c: char| c.is_ascii_digit())).map(str::to_owned))
}

/// The metadata in the rlib `path`, as it is in an `.rmeta` file.
///
/// # Errors
/// If it cannot be read or has none.
pub fn metadata(path: &Path) -> Result<Vec<u8>> {
    metadata_in_rlib(Positioned::open(path)?)
        .with_context(|| format!("`{}` is not a whole Rust library (rlib)\n  help: was it truncated?", path.display()))
}

/// The last `count` bytes of the metadata in the file `path`, an `.rmeta` or an rlib.
///
/// # Errors
/// If it cannot be read or has no so many.
pub fn end_of_metadata(path: &Path, count: u64) -> Result<Vec<u8>> {
    let mut file = Positioned::open(path)?;
    let (mut offset, mut len) = (0, file.len);
    if path.extension().is_some_and(|extension| extension == "rlib") {
        let data = ReadCache::new(file);
        (offset, len) = metadata_range(&data)?;
        file = data.into_inner();
    }
    let skipped = len.checked_sub(count).context("its metadata is shorter")?;
    read_range(file, (offset + skipped, count))
}

/// The [`metadata`] in an rlib's bytes.
///
/// # Errors
/// If they cannot be read or have none.
pub fn metadata_in_rlib(rlib: impl Read + Seek) -> Result<Vec<u8>> {
    let data = ReadCache::new(rlib);
    let range = metadata_range(&data)?;
    read_range(data.into_inner(), range)
}

/// Whether `metadata` is only the crate's header, as rustc writes it into an rlib by
/// `-Zembed-metadata=no` (`rustc_metadata::rmeta::encoder::encode_metadata`, 1.95). The last field
/// of `rustc_metadata::rmeta::CrateHeader` says so.
pub fn is_stub(metadata: &[u8]) -> bool {
    let root = metadata.get(8..16).and_then(|root| usize::try_from(u64::from_le_bytes(root.try_into().ok()?)).ok());
    let header = root.and_then(|root| metadata.get(root..));
    // The footer comes right behind it.
    header.is_some_and(|header| header.len() as u64 <= 2 * HEADER_BYTES && header.ends_with(b"\x01rust-end-file"))
}

/// The bytes of `from` in a range: offset and length.
fn read_range(mut from: impl Read + Seek, (offset, len): (u64, u64)) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.seek(SeekFrom::Start(offset))?;
    from.take(len).read_to_end(&mut bytes)?;
    if (bytes.len() as u64) < len {
        bail!("it ends too early: after {} of the {len} bytes of its metadata", bytes.len());
    }
    Ok(bytes)
}

/// Where in an rlib its metadata member is: offset and length in bytes.
fn metadata_member<'a, R: ReadRef<'a>>(data: R) -> Result<(u64, u64)> {
    let archive = ArchiveFile::parse(data).context("it is no archive")?;
    for member in archive.members() {
        let member = member.context("its list of members is broken")?;
        if member.name() == METADATA_MEMBER.as_bytes() {
            return Ok(member.file_range());
        }
    }
    bail!("it has no member `{METADATA_MEMBER}`")
}

fn read_at<'a, R: ReadRef<'a>>(data: R, offset: u64, buffer: &mut [u8]) -> Result<()> {
    let Ok(bytes) = data.read_bytes_at(offset, buffer.len() as u64) else { bail!("it ends too early") };
    buffer.copy_from_slice(bytes);
    Ok(())
}

fn digest(len: u64, mut read: impl FnMut(u64, &mut [u8]) -> std::io::Result<()>) -> Result<String> {
    let mut head = [0; 16];
    read(0, &mut head).context("it ends too early")?;
    if &head[..7] != MAGIC {
        bail!("it does not begin as rustc's metadata does");
    }
    let root = u64::from_le_bytes(head[8..].try_into()?);
    if root >= len {
        bail!("it ends too early: the crate's root would be at byte {root} of {len}");
    }
    let mut header = vec![0; (len - root).min(HEADER_BYTES) as usize];
    read(root, &mut header).context("it ends too early")?;
    let mut digest = Fnv128::new();
    digest.update(&[head[7]]);
    digest.update(&len.to_le_bytes());
    digest.update(&header);
    Ok(format!("{:032x}", digest.0))
}

/// FNV-1a with 128 bits: a few hundred trusted bytes need no cryptographic hash.
struct Fnv128(u128);

impl Fnv128 {
    fn new() -> Self {
        Self(0x6c62_272e_07bb_0142_62b8_2175_6295_c58d)
    }

    fn update(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = (self.0 ^ u128::from(byte)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b);
        }
    }
}

/// Writes a hollow rlib: an archive whose one member is the crate's metadata, which rustc takes for
/// an rlib dependency. The metadata comes from `from`, an `.rmeta` or an rlib.
///
/// # Errors
/// If `from` cannot be read or `hollow` not be written.
pub fn write_hollow(from: &Path, hollow: &Path) -> Result<()> {
    let metadata = metadata_of(from)?;
    File::create(hollow).and_then(|output| write_hollow_to(output, &metadata)).with_context(|| scratch::cannot_write(hollow))
}

/// Writes the hollow rlib of `metadata` to `output`.
///
/// # Errors
/// If that is impossible.
pub fn write_hollow_to(mut output: impl Write, metadata: &[u8]) -> std::io::Result<()> {
    output.write_all(b"!<arch>\n")?;
    output.write_all(&member_header(METADATA_MEMBER, metadata.len()))?;
    output.write_all(metadata)?;
    output.write_all(if metadata.len() % 2 == 1 { b"\n" } else { b"" })
}

/// Writes a hollow rlib of the given kind with more empty members, which rustc copies into a staticlib: `marker`
/// shows where the crate's own objects belong; `marker` and a native library's name, where the
/// objects of that library do, which the rlib carries inside. Returns the names of such libraries;
/// some may be none.
///
/// # Errors
/// If `from` cannot be read or `hollow` not be written.
pub fn write_marked(from: &Path, hollow: &Path, marker: &str, kind: Kind) -> Result<Vec<String>> {
    let (archive, libraries) = marked(metadata_of(from)?, marker, kind)?;
    archive.write(hollow)?;
    Ok(libraries)
}

/// What [`write_marked`] writes for `metadata`, and what it returns.
///
/// # Errors
/// If it cannot be made.
pub fn marked(metadata: Vec<u8>, marker: &str, kind: Kind) -> Result<(Builder, Vec<String>)> {
    let libraries = bundled::names(&metadata);
    let mut archive = Builder::of_kind(kind);
    archive.add_bytes(METADATA_MEMBER, metadata);
    archive.add_bytes(marker, Vec::new());
    for library in &libraries {
        archive.add_bytes(library, bundled::placeholder(&format!("{marker}.{library}"), kind)?);
    }
    Ok((archive, libraries))
}

/// The metadata in the file `path`, an `.rmeta` or an rlib.
fn metadata_of(path: &Path) -> Result<Vec<u8>> {
    if path.extension().is_some_and(|e| e == "rlib") {
        return member_in_rlib(Positioned::open(path)?)
            .with_context(|| format!("`{}` is not a whole Rust library (rlib)\n  help: was it truncated?", path.display()));
    }
    let mut metadata = Vec::new();
    open(path)?.read_to_end(&mut metadata).with_context(|| format!("cannot read `{}`", path.display()))?;
    Ok(metadata)
}

/// The metadata member in an rlib's bytes, as it is.
///
/// # Errors
/// If they cannot be read or have none.
pub fn member_in_rlib(rlib: impl Read + Seek) -> Result<Vec<u8>> {
    let data = ReadCache::new(rlib);
    let range = metadata_member(&data)?;
    read_range(data.into_inner(), range)
}

/// The 60 bytes before a member of an `ar` archive, with no time and no owner in them.
fn member_header(name: &str, len: usize) -> [u8; 60] {
    let name = format!("{name}/");
    let text = format!("{name:<16}{:<12}{:<6}{:<6}{:<8}{len:<10}`\n", 0, 0, 0, 644);
    text.into_bytes().try_into().expect("an ar header has 60 bytes")
}

/// A file whose position is kept here, so that a seek is no system call: a dozen places are looked
/// at in an rlib.
struct Positioned {
    file: File,
    position: u64,
    len: u64,
}

impl Positioned {
    fn open(path: &Path) -> Result<Self> {
        let file = open(path)?;
        let len = file.metadata().with_context(|| format!("cannot read `{}`", path.display()))?.len();
        Ok(Self { file, position: 0, len })
    }
}

impl Read for Positioned {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.file.read_at(buffer, self.position)?;
        self.position += count as u64;
        Ok(count)
    }
}

impl Seek for Positioned {
    fn seek(&mut self, to: SeekFrom) -> std::io::Result<u64> {
        let position = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::End(by) => self.len.checked_add_signed(by),
            SeekFrom::Current(by) => self.position.checked_add_signed(by),
        };
        self.position = position.ok_or(std::io::ErrorKind::InvalidInput)?;
        Ok(self.position)
    }
}

fn open(path: &Path) -> Result<File> {
    File::open(path).with_context(|| format!("cannot open `{}`\n  help: is it among the action's inputs?", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    /// Metadata with the magic, the root's position and a header there.
    fn metadata(header: &[u8]) -> Vec<u8> {
        [MAGIC, &[10][..], &20_u64.to_le_bytes(), &[0; 4], header].concat()
    }

    #[test]
    fn one_stamp_in_every_form() {
        let dir = std::env::temp_dir().join(format!("splitlink-rlib-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        let rmeta = dir.join("liba.rmeta");
        let stamp_of = |bytes: &[u8]| {
            fs::write(&rmeta, bytes).unwrap();
            stamp(&rmeta)
        };
        // Its length is odd, so that padding shows.
        let expected = stamp_of(&metadata(b"strict version hash")).unwrap();
        write_hollow(&rmeta, &dir.join("liba.rlib")).unwrap();
        assert_eq!(stamp(&dir.join("liba.rlib")).unwrap(), expected);
        assert_eq!(write_marked(&rmeta, &dir.join("libb.rlib"), "splitlink.1", Kind::Gnu).unwrap(), [""; 0]);
        assert_eq!(stamp(&dir.join("libb.rlib")).unwrap(), expected);
        write_hollow(&dir.join("libb.rlib"), &dir.join("libc.rlib")).unwrap();
        assert_eq!(fs::read(dir.join("libc.rlib")).unwrap(), fs::read(dir.join("liba.rlib")).unwrap());
        for other in [&b"strict version hasi"[..], b"strict version hash."] {
            assert_ne!(stamp_of(&metadata(other)).unwrap(), expected);
        }
        for broken in [&b""[..], b"rust\0\0\0\x0a", &metadata(b"x")[..20], b"something else entirely"] {
            assert!(stamp_of(broken).is_err(), "{broken:?}");
        }
        let whole = fs::read(dir.join("liba.rlib")).unwrap();
        fs::write(dir.join("liba.rlib"), &whole[..whole.len() - 3]).unwrap();
        for refused in [metadata_of(&dir.join("liba.rlib")), super::metadata(&dir.join("liba.rlib"))] {
            let message = format!("{:#}", refused.unwrap_err());
            assert!(message.contains("not a whole Rust library") && message.contains("ends too early"), "{message}");
        }
        fs::remove_dir_all(&dir).unwrap();
    }
}
