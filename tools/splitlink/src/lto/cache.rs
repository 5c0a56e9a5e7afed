//! A folder for what thin LTO made of each module, which any number of links may use at a time.
//!
//! An entry's name is a digest of all that its contents follow from, so an entry is right for ever and nothing ever changes one.

use crate::scratch;
use anyhow::{Context, Result};
use std::fs::{self, File, FileTimes};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};
use twox_hash::XxHash3_128;

/// Entries that no link used for so long are removed.
const UNUSED_FOR: Duration = Duration::from_secs(30 * 24 * 60 * 60);

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
    dir: &'a Path,
    bytes: u64,
}

impl<'a> Cache<'a> {
    /// The cache in `dir`, which is made if it is not there; it keeps at most `bytes` bytes.
    ///
    /// # Errors
    /// If it cannot be made.
    pub fn open(dir: &'a Path, bytes: u64) -> Result<Self> {
        fs::create_dir_all(dir).with_context(|| format!("cannot make the cache `{}`", dir.display()))?;
        Ok(Self { dir, bytes })
    }

    fn entry(&self, key: u128) -> PathBuf {
        self.dir.join(format!("{key:032x}.o"))
    }

    /// Puts the entry of `key` at `to`; false if there is none.
    ///
    /// # Errors
    /// If it cannot be read, or `to` not be written.
    pub fn get(&self, key: u128, to: &Path) -> Result<bool> {
        let entry = self.entry(key);
        // A link of its own, so that it stays when another process removes the entry.
        match fs::hard_link(&entry, to).or_else(|_| fs::copy(&entry, to).map(drop)) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(error).with_context(|| format!("cannot take `{}` from the cache", entry.display())),
        }
        // Where that is not possible it only goes earlier.
        let _ = File::open(&entry).and_then(|file| file.set_times(FileTimes::new().set_modified(SystemTime::now())));
        Ok(true)
    }

    /// Keeps `object` as the entry of `key`.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn put(&self, key: u128, object: &Path) -> Result<()> {
        let entry = self.entry(key);
        let new = self.dir.join(format!("{key:032x}.{}.new", std::process::id()));
        fs::copy(object, &new).and_then(|_| fs::rename(&new, &entry)).with_context(|| scratch::cannot_write(&entry))
    }

    /// Removes what was not used for long, and the longest unused as long as there is too much.
    pub fn prune(&self) {
        let now = SystemTime::now();
        let files = fs::read_dir(self.dir).into_iter().flatten().flatten();
        let mut files: Vec<(SystemTime, u64, PathBuf)> = files
            .filter_map(|entry| {
                let metadata = entry.metadata().ok().filter(fs::Metadata::is_file)?;
                Some((metadata.modified().ok()?, metadata.len(), entry.path()))
            })
            .filter(|(.., path)| path.extension().is_some_and(|extension| extension == "o" || extension == "new"))
            .collect();
        files.sort();
        let mut total: u64 = files.iter().map(|(_, bytes, _)| bytes).sum();
        for (used, bytes, path) in files {
            let is_old = now.duration_since(used).is_ok_and(|age| age > UNUSED_FOR);
            if (is_old || total > self.bytes) && fs::remove_file(path).is_ok() {
                total -= bytes;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_what_was_used_last() {
        let dir = std::env::temp_dir().join(format!("splitlink-lto-cache-{}", std::process::id()));
        let cache = Cache::open(&dir, 25).unwrap();
        let object = dir.join("object");
        fs::write(&object, [0; 10]).unwrap();
        let ago = |key: u128, age: Duration| {
            File::open(cache.entry(key)).unwrap().set_times(FileTimes::new().set_modified(SystemTime::now() - age)).unwrap();
        };
        for (key, seconds) in [(1, 30), (2, 20), (3, 10)] {
            cache.put(key, &object).unwrap();
            ago(key, Duration::from_secs(seconds));
        }
        let taken = dir.join("taken");
        assert!(cache.get(1, &taken).unwrap());
        assert_eq!(fs::read(&taken).unwrap(), [0; 10]);
        cache.prune();
        let there = || [1, 2, 3].map(|key| cache.entry(key).exists());
        assert_eq!(there(), [true, false, true]);
        ago(3, UNUSED_FOR + Duration::from_secs(60));
        cache.prune();
        assert_eq!(there(), [true, false, false]);
        assert!(!cache.get(2, &dir.join("none")).unwrap());
        fs::remove_dir_all(dir).unwrap();
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
