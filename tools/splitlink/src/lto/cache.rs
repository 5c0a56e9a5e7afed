//! A folder for what thin LTO made of each module, which any number of links may use at a time.
//!
//! An entry's name is a digest of all that its contents follow from, so an entry is right for ever
//! and nothing ever changes one. It is an object and, behind it, a digest of key and object. That
//! digest is against damage only: whoever may write an entry can make one that fits. Against other
//! users stand the owner and the mode of folder and entries ([`TrustedDir`]). What this user runs
//! may change all of it.
//!
//! A link that cannot use the cache, or not all of it, goes on without, and says so once.

use crate::files::scratch;
use crate::files::trusted_dir::TrustedDir;
use anyhow::{Context, Result, bail};
use std::cell::RefCell;
use std::fs::{self, FileTimes};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};
use twox_hash::XxHash3_128;

/// Entries that no link used for so long are removed.
const UNUSED_FOR: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// What was not finished for so long never will be. All else may be another process's, which is
/// still writing it.
const UNFINISHED_FOR: Duration = Duration::from_secs(24 * 60 * 60);

/// How many entries are written before the first of them is waited for: the disk may take them
/// together.
const AT_ONCE: usize = 64;

/// The length of the digest behind an object.
const DIGEST: usize = size_of::<u128>();

/// What an entry follows from.
pub struct Key(XxHash3_128);

impl Key {
    /// The key of nothing.
    pub fn new() -> Self {
        Self(XxHash3_128::with_seed(0))
    }

    /// Adds a part; its length is added as well, so that no two lists of parts look the same.
    pub fn add(&mut self, part: &[u8]) {
        self.0.write(&(part.len() as u64).to_le_bytes());
        self.0.write(part);
    }

    /// The digest.
    pub fn digest(&self) -> u128 {
        self.0.finish_128()
    }
}

impl Default for Key {
    fn default() -> Self {
        Self::new()
    }
}

/// The cache.
#[derive(Debug)]
pub struct Cache<'a> {
    path: &'a Path,
    bytes: u64,
    dir: TrustedDir,
    problems: RefCell<Problems>,
}

/// What a link has to say of it.
#[derive(Debug, Default)]
struct Problems {
    /// The first entry that could not be used.
    unusable: Option<String>,
    others: usize,
    /// Why nothing more was written.
    unwritable: Option<String>,
}

impl<'a> Cache<'a> {
    /// The cache in `path`, which is made if it is not there; it keeps at most `bytes` bytes.
    ///
    /// # Errors
    /// The warning to give, if the folder cannot be made or is not to be trusted.
    pub fn open(path: &'a Path, bytes: u64) -> Result<Self, String> {
        match TrustedDir::open_or_make(path) {
            Ok(dir) => Ok(Self { path, bytes, dir, problems: RefCell::default() }),
            Err(why) => Err(format!(
                "warning: the LTO cache `{}` is not used: {why:#}\n  \
                 help: it takes a folder that belongs to this user or to root, and that nobody else may write to (`chmod go-w`); name another with `--lto-cache`",
                path.display()
            )),
        }
    }

    /// Puts the object of `key` at `to`; false if there is none that can be used. It is a copy of
    /// the bytes that were checked: a linker may write to it, and another process may remove the
    /// entry.
    ///
    /// # Errors
    /// If `to` cannot be written.
    pub fn get(&self, key: u128, to: &Path) -> Result<bool> {
        let object = match self.read(key) {
            Ok(Some(object)) => object,
            Ok(None) => return Ok(false),
            Err(why) => {
                let problems = &mut *self.problems.borrow_mut();
                match problems.unusable {
                    None => problems.unusable = Some(format!("`{}`: {why:#}", entry(key))),
                    Some(_) => problems.others += 1,
                }
                return Ok(false);
            }
        };
        fs::write(to, object).with_context(|| scratch::cannot_write(to))?;
        Ok(true)
    }

    fn read(&self, key: u128) -> Result<Option<Vec<u8>>> {
        let Some(mut file) = self.dir.open(&entry(key))? else { return Ok(None) };
        let mut object = Vec::new();
        file.read_to_end(&mut object).context("it cannot be read")?;
        let Some(at) = object.len().checked_sub(DIGEST) else { bail!("it is too short") };
        if object[at..] != digest(key, &object[..at]) {
            bail!("it is damaged");
        }
        object.truncate(at);
        // Where that is not possible it only goes earlier.
        let _ = file.set_times(FileTimes::new().set_modified(SystemTime::now()));
        Ok(Some(object))
    }

    /// Keeps objects as the entries of their keys. Those that cannot be written are left out.
    pub fn put(&self, objects: &[(u128, PathBuf)]) {
        for objects in objects.chunks(AT_ONCE) {
            let unwritable = &mut self.problems.borrow_mut().unwritable;
            // After one that failed the next would not fare better.
            if unwritable.is_none() {
                *unwritable = self.write(objects).err().map(|error| error.to_string());
            }
        }
    }

    fn write(&self, objects: &[(u128, PathBuf)]) -> io::Result<()> {
        let mut new = Vec::with_capacity(objects.len());
        let mut whole = 0;
        let written = objects.iter().try_for_each(|(key, object)| {
            let object = fs::read(object)?;
            let (name, file) = self.dir.create_new()?;
            let (_, _, file) = new.push_mut((*key, name, file));
            file.write_all(&object)?;
            file.write_all(&digest(*key, &object))?;
            whole += 1;
            io::Result::Ok(())
        });
        // Those that were written are kept, whatever became of the next.
        let published = new[..whole].iter().try_for_each(|(key, name, file)| self.dir.publish(file, name, &entry(*key)));
        let result = written.and(published).and_then(|()| self.dir.sync());
        if result.is_err() {
            for (_, name, _) in &new {
                // What was published has this name no more; what stays is removed by a link of
                // tomorrow.
                let _ = self.dir.remove(name);
            }
        }
        result
    }

    /// Removes what was not used for long, and the longest unused as long as there is too much.
    pub fn prune(&self) {
        let now = SystemTime::now();
        let is_old = |used: SystemTime, age: Duration| now.duration_since(used).is_ok_and(|unused| unused > age);
        let (mut entries, others): (Vec<_>, Vec<_>) = self.dir.entries().into_iter().partition(|file| is_entry(&file.name));
        // Nothing else in the folder is the cache's to remove.
        for file in others.iter().filter(|file| is_unfinished(&file.name) && is_old(file.used, UNFINISHED_FOR)) {
            let _ = self.dir.remove(&file.name);
        }
        entries.sort_by(|one, other| (one.used, &one.name).cmp(&(other.used, &other.name)));
        let mut total: u64 = entries.iter().map(|entry| entry.bytes).sum();
        for entry in entries {
            if (is_old(entry.used, UNUSED_FOR) || total > self.bytes) && self.dir.remove(&entry.name).is_ok() {
                total -= entry.bytes;
            }
        }
    }

    /// One warning of all that went wrong, if anything did.
    pub fn warning(&self) -> Option<String> {
        let Problems { unusable, others, unwritable } = &*self.problems.borrow();
        let mut says = Vec::new();
        if let Some(first) = unusable {
            let others = if *others > 0 { format!(", and {others} more") } else { String::new() };
            says.push(format!("what cannot be used was made anew: {first}{others}"));
        }
        let mut help = "if that comes again, is the disk sound, and does anything else write there?";
        if let Some(why) = unwritable {
            says.push(format!("it cannot be written, and later links will lack what this one made: {why}"));
            help = "is the folder writable, and is there room on the disk? `--lto-cache` names another";
        }
        (!says.is_empty()).then(|| format!("warning: the LTO cache `{}`: {}\n  help: {help}", self.path.display(), says.join("; ")))
    }
}

/// The name of an entry.
fn entry(key: u128) -> String {
    format!("{key:032x}.o")
}

fn is_entry(name: &str) -> bool {
    name.strip_suffix(".o").is_some_and(is_number)
}

fn is_unfinished(name: &str) -> bool {
    name.strip_prefix("new.").is_some_and(is_number)
}

fn is_number(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f'))
}

/// What stands behind `object` in the entry of `key`. With the key in it no entry passes for
/// another.
fn digest(key: u128, object: &[u8]) -> [u8; DIGEST] {
    let mut digest = XxHash3_128::with_seed(0);
    digest.write(&key.to_le_bytes());
    digest.write(object);
    digest.finish_128().to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::OpenOptions;

    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            Self(std::env::temp_dir().join(format!("splitlink-lto-cache-{name}-{}", std::process::id())))
        }

        fn cache(&self, bytes: u64) -> Cache<'_> {
            Cache::open(&self.0, bytes).unwrap()
        }

        /// Puts `contents` into it by way of an object, which is left beside it.
        fn put(&self, key: u128, contents: &[u8]) {
            let object = self.0.join("object");
            let cache = self.cache(0);
            fs::write(&object, contents).unwrap();
            cache.put(&[(key, object)]);
            assert_eq!(cache.warning(), None);
        }

        fn path(&self, key: u128) -> PathBuf {
            self.0.join(entry(key))
        }

        /// What is taken out of it, and the warning.
        fn take(&self, key: u128) -> (Option<Vec<u8>>, Option<String>) {
            let (cache, to) = (self.cache(0), self.0.join("taken"));
            let taken = cache.get(key, &to).unwrap().then(|| fs::read(&to).unwrap());
            (taken, cache.warning())
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn set_age(path: &Path, age: Duration) {
        let file = OpenOptions::new().append(true).open(path).unwrap();
        file.set_times(FileTimes::new().set_modified(SystemTime::now() - age)).unwrap();
    }

    #[test]
    fn keeps_what_was_used_last() {
        let folder = Folder::new("prune");
        let cache = folder.cache(2 * (10 + DIGEST as u64) + 5);
        for (key, seconds) in [(1, 30), (2, 20), (3, 10)] {
            folder.put(key, &[0; 10]);
            set_age(&folder.path(key), Duration::from_secs(seconds));
        }
        assert_eq!(folder.take(1), (Some(vec![0; 10]), None));
        cache.prune();
        let there = || [1, 2, 3].map(|key| folder.path(key).exists());
        assert_eq!(there(), [true, false, true]);
        set_age(&folder.path(3), UNUSED_FOR + Duration::from_secs(60));
        cache.prune();
        assert_eq!(there(), [true, false, false]);
        assert_eq!(folder.take(2), (None, None));
    }

    #[test]
    fn removes_nothing_that_is_not_its_own() {
        let folder = Folder::new("foreign");
        let cache = folder.cache(0);
        let (young, old) = (format!("new.{:032x}", 1), format!("new.{:032x}", 2));
        let foreign = ["a.o", "new.o", "0123456789abcdef.o", "0123456789abcdef0123456789ABCDEF.o", "new.0123456789abcdef", "new.o.new"];
        for name in foreign.iter().copied().chain([&*young, &*old]) {
            fs::write(folder.0.join(name), "contents").unwrap();
            set_age(&folder.0.join(name), if name == young { UNFINISHED_FOR / 2 } else { UNUSED_FOR * 2 });
        }
        folder.put(1, b"object");
        cache.prune();
        for name in foreign {
            assert!(folder.0.join(name).exists(), "{name}");
        }
        assert!(folder.0.join(young).exists() && !folder.0.join(old).exists() && !folder.path(1).exists());
    }

    #[test]
    fn damage_is_a_miss_and_repaired() {
        let folder = Folder::new("damage");
        let object = b"what thin LTO made";
        folder.put(1, object);
        let whole = fs::read(folder.path(1)).unwrap();
        folder.put(2, object);
        let of_another_key = fs::read(folder.path(2)).unwrap();
        let flipped = (0..whole.len()).map(|at| {
            let mut bytes = whole.clone();
            bytes[at] ^= 1;
            bytes
        });
        let cut = (0..whole.len()).map(|length| whole[..length].to_vec());
        let longer = [whole.iter().copied().chain([0]).collect(), of_another_key, vec![0; whole.len()]];
        for damaged in flipped.chain(cut).chain(longer) {
            fs::write(folder.path(1), &damaged).unwrap();
            let (taken, warning) = folder.take(1);
            assert_eq!(taken, None, "{damaged:?}");
            let warning = warning.unwrap();
            for part in [folder.0.to_str().unwrap(), &entry(1), "made anew", "it is ", "help: "] {
                assert!(warning.contains(part), "{part}: {warning}");
            }
            folder.put(1, object);
            assert_eq!(folder.take(1), (Some(object.to_vec()), None));
        }
        folder.put(3, b"");
        assert_eq!(folder.take(3), (Some(vec![]), None));
    }

    #[test]
    fn one_warning_of_many_entries() {
        let folder = Folder::new("warning");
        let cache = folder.cache(0);
        for key in 1..=5 {
            fs::write(folder.path(key), "too short").unwrap();
            assert!(!cache.get(key, &folder.0.join("taken")).unwrap());
        }
        // Something that cannot be replaced stands where the entry belongs.
        fs::create_dir_all(folder.path(6).join("inside")).unwrap();
        fs::write(folder.0.join("object"), "object").unwrap();
        let objects = [7, 6, 8].map(|key| (key, folder.0.join("object")));
        cache.put(&objects);
        cache.put(&objects);
        let warning = cache.warning().unwrap();
        for part in [&*format!("`{}`: it is too short, and 4 more", entry(1)), "; it cannot be written", "is there room"] {
            assert!(warning.contains(part), "{part}: {warning}");
        }
        assert_eq!((warning.matches("warning:").count(), warning.lines().count()), (1, 2));
        assert_eq!([7, 8].map(|key| folder.take(key).0), [Some(b"object".to_vec()), None]);
        let left = fs::read_dir(&folder.0).unwrap().flatten().filter(|file| file.file_name().to_string_lossy().starts_with("new."));
        assert_eq!(left.count(), 0);
    }

    #[test]
    fn keys_tell_parts_apart() {
        let digest = |parts: &[&[u8]]| {
            let mut key = Key::new();
            parts.iter().for_each(|part| key.add(part));
            key.digest()
        };
        assert_ne!(digest(&[b"ab", b"c"]), digest(&[b"a", b"bc"]));
        assert_eq!(digest(&[b"a", b""]), digest(&[b"a", b""]));
    }
}
