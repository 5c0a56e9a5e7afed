//! A cache of thin LTO that is damaged, full, read-only or somebody else's: the link is right all
//! the same, and says so in one warning.

use anyhow::{Context, Result, ensure};
use splitlink_tests::rustc_fixture::lto_library::LtoLibrary;
use splitlink_tests::rustc_fixture::project::good;
use splitlink_tests::rustc_fixture::small_disk::SmallDisk;
use splitlink_tests::rustc_fixture::tools::{Failure, names_in, run, skip};
use std::fs::{self, File, FileTimes, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime};

type Outcome = Result<(), Failure>;

const CACHE: &str = "--lto-cache out/cache";

/// Runs a program as root without what root may do more than others: modes count for it.
const WITHOUT_RIGHTS: &[&str] = &["setpriv", "--bounding-set=-all", "--inh-caps=-all"];

const ANOTHER_USER: u32 = 12345;

/// A library and its bytes, linked without a cache.
fn library(name: &str) -> Result<(LtoLibrary, Vec<u8>)> {
    let library = LtoLibrary::compiled(name)?;
    let plain = library.link("")?.bytes;
    library.check()?;
    Ok((library, plain))
}

/// Whether this is root; that the rest is not tested otherwise is said aloud.
fn is_root(what: &str) -> Result<bool> {
    let is_root = fs::metadata("/proc/self")?.uid() == 0;
    if !is_root {
        skip(&format!("no right to give files to another user: {what} is not tested; run the tests as root for it"));
    }
    Ok(is_root)
}

fn set_mode(path: &Path, mode: u32) -> Result<()> {
    Ok(fs::set_permissions(path, Permissions::from_mode(mode))?)
}

type Damage = fn(&Path) -> Result<()>;

/// What can become of an entry, and what the warning says of it.
const DAMAGES: &[(&str, Damage)] = &[
    ("it is damaged", |entry| {
        let mut bytes = fs::read(entry)?;
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        Ok(fs::write(entry, bytes)?)
    }),
    ("it is too short", |entry| Ok(fs::write(entry, "")?)),
    ("it is damaged", |entry| {
        let bytes = fs::read(entry)?;
        Ok(fs::write(entry, &bytes[..bytes.len() / 2])?)
    }),
    ("it is damaged", |entry| {
        let bytes = fs::read(entry)?;
        Ok(fs::write(entry, [bytes, vec![0]].concat())?)
    }),
    ("it is a symbolic link", |entry| {
        let elsewhere = entry.with_extension("elsewhere");
        fs::rename(entry, &elsewhere)?;
        Ok(symlink(elsewhere.file_name().context("it has a name")?, entry)?)
    }),
    ("has mode 0620, so others may write to it", |entry| set_mode(entry, 0o620)),
    ("has mode 0602, so others may write to it", |entry| set_mode(entry, 0o602)),
    ("it is no plain file", |entry| {
        fs::remove_file(entry)?;
        good(&run(Command::new("mkfifo").arg(entry))?)
    }),
];

#[test]
fn entries_that_cannot_be_used_are_made_anew() -> Outcome {
    let (library, plain) = library("lto_cache_damaged")?;
    library.link(CACHE)?.is_silent(&plain)?;
    let entries = library.entries("out/cache")?;
    let of_another_user: Damage = |entry| Ok(chown(entry, Some(ANOTHER_USER), None)?);
    let mut damages = DAMAGES.to_vec();
    if is_root("an entry of another user")? {
        damages.push(("it belongs to user 12345 and has mode 0600, and this is user 0", of_another_user));
    }
    let contents = || entries.iter().map(fs::read).collect::<std::io::Result<Vec<_>>>();
    let whole = contents()?;
    for (number, (says, damage)) in damages.iter().enumerate() {
        let what = || format!("damage {number}, `{says}`");
        for damaged in [1, entries.len()] {
            entries[..damaged].iter().try_for_each(|entry| damage(entry)).with_context(what)?;
            let others = if damaged == 1 { "\n" } else { &format!(", and {} more\n", damaged - 1) };
            let name = entries[0].file_name().context("it has a name")?.to_string_lossy();
            // Which of all is looked for first does not matter.
            let name = if damaged == 1 { format!("made anew: `{name}`: ") } else { "made anew: `".into() };
            library.link(CACHE)?.warns(&plain, &["`out/cache`", says, &name, others]).with_context(what)?;
            assert!(contents()? == whole, "{}: the entries are not repaired", what());
            library.link(CACHE)?.is_silent(&plain).with_context(what)?;
        }
    }
    Ok(())
}

/// The damage is found before a byte of it is linked, and without a right to repair it, too.
#[test]
fn entries_that_cannot_be_repaired() -> Outcome {
    let (library, plain) = library("lto_cache_unrepaired")?;
    library.link(CACHE)?.is_silent(&plain)?;
    let Some(disk) = SmallDisk::mount(library.project.dir.join("disk"), 1024)? else { return Ok(()) };
    for entry in library.entries("out/cache")? {
        let copy = disk.path().join(entry.file_name().context("it has a name")?);
        fs::write(&copy, "damaged, and long enough for a digest")?;
        set_mode(&copy, 0o600)?;
    }
    disk.make_read_only()?;
    library
        .link("--lto-cache disk")?
        .warns(&plain, &["`disk`", "it is damaged, and ", "; it cannot be written", "Read-only file system"])?;
    Ok(())
}

#[test]
fn folder_that_cannot_be_written() -> Outcome {
    let (library, plain) = library("lto_cache_read_only")?;
    let cache = library.project.dir.join("out/cache");
    fs::create_dir(&cache)?;
    set_mode(&cache, 0o555)?;
    let launcher = if fs::metadata("/proc/self")?.uid() == 0 { WITHOUT_RIGHTS } else { &[] };
    let texts = ["`out/cache`: it cannot be written", "Permission denied", "is the folder writable"];
    library.link_by(launcher, CACHE)?.warns(&plain, &texts)?;
    assert!(names_in(&cache).is_empty());
    // What is in it is used.
    set_mode(&cache, 0o755)?;
    library.link_by(launcher, CACHE)?.is_silent(&plain)?;
    set_mode(&cache, 0o555)?;
    let before = names_in(&cache);
    library.link_by(launcher, CACHE)?.is_silent(&plain)?;
    assert_eq!(names_in(&cache), before);
    Ok(())
}

#[test]
fn read_only_disk() -> Outcome {
    let (library, plain) = library("lto_cache_read_only_disk")?;
    let Some(disk) = SmallDisk::mount(library.project.dir.join("disk"), 1024)? else { return Ok(()) };
    disk.make_read_only()?;
    library.link("--lto-cache disk")?.warns(&plain, &["`disk`: it cannot be written", "Read-only file system"])?;
    // It cannot even be made.
    library.link("--lto-cache disk/below")?.warns(&plain, &["`disk/below` is not used: it cannot be made", "Read-only file system"])?;
    Ok(())
}

#[test]
fn full_disk() -> Outcome {
    let (library, plain) = library("lto_cache_full_disk")?;
    let Some(disk) = SmallDisk::mount(library.project.dir.join("disk"), 64)? else { return Ok(()) };
    let filler = disk.path().join("filler");
    let fill = |bytes: usize| {
        let _ = fs::write(&filler, vec![1; bytes]);
    };
    fill(1 << 20);
    let no_room = ["`disk`: it cannot be written", "No space left on device", "is there room on the disk"];
    library.link("--lto-cache disk")?.warns(&plain, &no_room)?;
    assert_eq!(names_in(disk.path()), ["filler"]);
    // Room for the first ones.
    fs::remove_file(&filler)?;
    fill(52 << 10);
    library.link("--lto-cache disk")?.warns(&plain, &no_room)?;
    let some = library.entries("disk")?;
    assert_eq!(names_in(disk.path()).len(), some.len() + 1, "something unfinished is left");
    fs::remove_file(&filler)?;
    library.link("--lto-cache disk")?.is_silent(&plain)?;
    let all = library.entries("disk")?;
    assert!(all.len() > some.len(), "{} entries fit into a full disk, of {}", some.len(), all.len());
    library.link("--lto-cache disk")?.is_silent(&plain)?;
    Ok(())
}

/// Links with a cache that is not to be trusted: nothing in it is used or changed.
fn bypasses(library: &LtoLibrary, plain: &[u8], launcher: &[&str], says: &str) -> Result<()> {
    let folder = library.project.dir.join("out/cache");
    let used = || -> Result<Vec<SystemTime>> { library.entries("out/cache")?.iter().map(|e| Ok(fs::metadata(e)?.modified()?)).collect() };
    let (names, before) = (names_in(&folder), used()?);
    let linked = library.link_by(launcher, CACHE)?;
    linked.warns(plain, &["`out/cache` is not used: it belongs to user ", says, "belongs to this user or to root", "--lto-cache"])?;
    ensure!(names_in(&folder) == names, "something was written to it");
    ensure!(used()? == before, "an entry of it was used");
    Ok(())
}

/// Fills the cache, and takes away one entry, which a link that uses the cache makes anew.
fn almost_full(library: &LtoLibrary, plain: &[u8]) -> Result<()> {
    library.link(CACHE)?.is_silent(plain)?;
    let entries = library.entries("out/cache")?;
    fs::remove_file(&entries[0])?;
    for entry in &entries[1..] {
        File::open(entry)?.set_times(FileTimes::new().set_modified(SystemTime::now() - Duration::from_secs(1000)))?;
    }
    Ok(())
}

#[test]
fn folders_that_others_may_write() -> Outcome {
    let (library, plain) = library("lto_cache_writable")?;
    almost_full(&library, &plain)?;
    let cache = library.project.dir.join("out/cache");
    let own = fs::metadata("/proc/self")?.uid();
    for mode in [0o770, 0o707, 0o722, 0o1777, 0o2775] {
        set_mode(&cache, mode)?;
        bypasses(&library, &plain, &[], &format!("{own} and has mode {mode:04o}, so others may write to it"))?;
    }
    set_mode(&cache, 0o755)?;
    let before = library.entries("out/cache")?.len();
    library.link(CACHE)?.is_silent(&plain)?;
    assert_eq!(library.entries("out/cache")?.len(), before + 1);
    Ok(())
}

#[test]
fn folder_of_another_user() -> Outcome {
    /// There no user has a number of its own.
    const NAMESPACE: &[&str] = &["unshare", "--user"];
    let (library, plain) = library("lto_cache_of_another")?;
    if !is_root("a cache in another user's folder")? {
        return Ok(());
    }
    let cache = library.project.dir.join("out/cache");
    let mut launchers = vec![(&[][..], "and this is user 0"), (WITHOUT_RIGHTS, "and this is user 0")];
    if run(Command::new(NAMESPACE[0]).args(&NAMESPACE[1..]).arg("true")).is_ok_and(|output| output.status.success()) {
        launchers.push((NAMESPACE, " without a number here and has mode 0755"));
    } else {
        skip("no user namespace can be made: a cache of a user who has no number there is not tested");
    }
    for (launcher, says) in launchers {
        almost_full(&library, &plain)?;
        chown(&cache, Some(ANOTHER_USER), None)?;
        set_mode(&cache, 0o755)?;
        // Entries of one's own do not help: whose folder it is chooses among them.
        bypasses(&library, &plain, launcher, says).with_context(|| format!("{launcher:?}"))?;
        chown(&cache, Some(0), None)?;
        let before = library.entries("out/cache")?.len();
        library.link_by(launcher, CACHE)?.is_silent(&plain).with_context(|| format!("{launcher:?}"))?;
        assert_eq!(library.entries("out/cache")?.len(), before + 1, "{launcher:?}: a folder of its own is not used");
    }
    Ok(())
}

#[test]
fn what_is_no_folder() -> Outcome {
    let (library, plain) = library("lto_cache_no_folder")?;
    library.project.write("out/file", "kept")?;
    symlink("nowhere", library.project.dir.join("out/dangling"))?;
    for name in ["out/file", "out/file/below", "out/dangling"] {
        let says = format!("`{name}` is not used: it cannot be made");
        library.link(&format!("--lto-cache {name}"))?.warns(&plain, &[&says])?;
    }
    assert_eq!(library.project.read("out/file")?, b"kept");
    // A link to a folder is one, for what is checked is where it leads.
    fs::create_dir(library.project.dir.join("out/folder"))?;
    set_mode(&library.project.dir.join("out/folder"), 0o700)?;
    symlink("folder", library.project.dir.join("out/link"))?;
    library.link("--lto-cache out/link")?.is_silent(&plain)?;
    library.entries("out/folder")?;
    Ok(())
}
