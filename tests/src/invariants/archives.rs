//! Archives and rlibs.

use splitlink::files::archive::{Archive, Builder, Kind};
use splitlink::files::rlib;
use std::io::Cursor;

/// What is in an archive.
type Members = Vec<(String, Vec<u8>)>;

/// An archive: what is read from one that was built is what went in, be that another archive's
/// members or any bytes under any names. In one with Mach-O objects members have line ends behind
/// them, so that all lengths are multiples of 8.
pub fn archive(bytes: &[u8]) {
    if !bytes.starts_with(b"!<") {
        built(&parts(bytes));
        return;
    }
    let Ok((archive, is_thin)) = Archive::parse(bytes.to_vec()) else { return };
    let members = members_of(&archive);
    if is_thin {
        assert!(members.iter().all(|(_, contents)| contents.is_empty()), "a thin archive has no contents");
        return;
    }
    let mut builder = Builder::default();
    builder.add_archive(&archive, |_| true);
    same(&builder, &members);
}

/// Names and contents in turn.
fn parts(bytes: &[u8]) -> Members {
    let parts: Vec<_> = bytes.split(|&byte| byte == 0xff).collect();
    let member = |pair: &[&[u8]]| (String::from_utf8_lossy(pair[0]).into_owned(), pair.get(1).copied().unwrap_or_default().to_vec());
    parts.chunks(2).map(member).collect()
}

fn built(members: &Members) {
    let mut builder = Builder::default();
    for (name, contents) in members {
        builder.add_bytes(name, contents.clone());
    }
    same(&builder, members);
}

/// Checks that `builder`, unless it refuses, makes an archive of these members.
fn same(builder: &Builder, members: &Members) {
    let Ok(bytes) = builder.to_bytes() else { return };
    let (archive, is_thin) = Archive::parse(bytes).expect("an archive that was built can be read");
    assert!(!is_thin);
    let got = members_of(&archive);
    let padding = if members.iter().any(|(_, contents)| contents.starts_with(b"\xcf\xfa\xed\xfe")) { 8 } else { 1 };
    assert_eq!(got.len(), members.len());
    for ((got_name, got), (name, contents)) in got.iter().zip(members) {
        let behind = got.strip_prefix(contents.as_slice()).expect("a member begins as it went in");
        assert!(got_name == name && behind.len() < padding && behind.iter().all(|byte| *byte == b'\n'), "the member `{name}` is another");
    }
}

fn members_of(archive: &Archive) -> Members {
    archive.members.iter().map(|member| (member.name.clone(), archive.contents(member).to_vec())).collect()
}

/// An rlib: its metadata has one stamp wherever it is, in an rlib, a hollow one, one with markers
/// or by itself, and comes out of a hollow one as it went in.
pub fn rlib(bytes: &[u8]) {
    let symbols = rlib::symbols_in_rlib(Cursor::new(bytes));
    assert!(symbols.into_iter().flatten().all(|name| !name.contains(&0)), "a symbol's name goes on");
    let stamp = rlib::stamp_in_rlib(Cursor::new(bytes)).ok();
    if let Ok(metadata) = rlib::metadata_in_rlib(Cursor::new(bytes)) {
        let len = metadata.len() as u64;
        assert_eq!(rlib::stamp_in_metadata(Cursor::new(metadata), len).ok(), stamp);
    }
    let Ok(member) = rlib::member_in_rlib(Cursor::new(bytes)) else { return };
    let mut hollow = Vec::new();
    rlib::write_hollow_to(&mut hollow, &member).expect("memory can be written");
    assert_eq!(rlib::member_in_rlib(Cursor::new(&hollow)).expect("a hollow rlib can be read"), member);
    assert_eq!(rlib::stamp_in_rlib(Cursor::new(&hollow)).ok(), stamp);
    let (archive, _) = Archive::parse(hollow).expect("a hollow rlib can be read");
    assert_eq!(members_of(&archive), [(rlib::METADATA_MEMBER.to_owned(), member.clone())]);

    for kind in [Kind::Gnu, Kind::Bsd] {
        let Ok((builder, libraries)) = rlib::marked(member.clone(), "splitlink.1", kind) else { return };
        let Ok(marked) = builder.to_bytes() else { return };
        assert_eq!(rlib::stamp_in_rlib(Cursor::new(&marked)).ok(), stamp);
        let members = members_of(&Archive::parse(marked).expect("an archive that was built can be read").0);
        let names: Vec<_> = members.iter().map(|(name, _)| name.as_str()).collect();
        let expected = [rlib::METADATA_MEMBER, "splitlink.1"].into_iter().chain(libraries.iter().map(String::as_str));
        assert_eq!(names, expected.collect::<Vec<_>>());
        assert_eq!(members[0].1, member);
    }
}
