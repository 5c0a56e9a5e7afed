//! Links to this very program, by which it knows what it is called as.
//!
//! rustc calls other programs by a path that it is told. The link lies in a scratch folder, in a
//! folder of its own; no variable of the environment says so, for the compiled crate could read it.

use crate::files::scratch;
use anyhow::{Context, Result};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

/// Makes, in the folder `folder` of the scratch folder `scratch`, a link called `name`, and returns
/// its path.
///
/// # Errors
/// If it cannot be made.
pub(crate) fn make(scratch: &Path, folder: &str, name: &str) -> Result<PathBuf> {
    let folder = scratch.join(folder);
    fs::create_dir_all(&folder).with_context(|| scratch::cannot_write(&folder))?;
    let link = folder.join(name);
    let own = std::env::current_exe().context("cannot find the splitlink program itself")?;
    // A scratch folder may be used again.
    let _ = fs::remove_file(&link);
    symlink(own, &link).with_context(|| format!("cannot make the link `{}`", link.display()))?;
    Ok(link)
}

/// The scratch folder of the link in a folder `folder` that this program was called as, if `program`
/// is one.
pub(crate) fn scratch_of<'p>(program: &'p Path, folder: &str) -> Option<&'p Path> {
    let scratch = program.parent().filter(|parent| parent.ends_with(folder))?.parent()?;
    let is_link = fs::symlink_metadata(program).is_ok_and(|file| file.is_symlink());
    (is_link && scratch::is_scratch(scratch)).then_some(scratch)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::scratch::Scratch;

    #[test]
    fn only_the_link_is_one() {
        let dir = std::env::temp_dir().join(format!("splitlink-link-to-self-{}", std::process::id()));
        let scratch = Scratch::beside(&dir.join("plan")).unwrap();
        let link = make(scratch.path(), "linker", "cc").unwrap();
        assert_eq!(make(scratch.path(), "linker", "cc").unwrap(), link, "made again");
        assert_eq!(scratch_of(&link, "linker"), Some(scratch.path()));
        assert_eq!(scratch_of(&link, "dlltool"), None);
        // A file of that name, a link in a folder of that name that is in no scratch folder, and
        // this program by other names.
        let file = scratch.path().join("linker/ld");
        fs::write(&file, "").unwrap();
        let elsewhere = dir.join("elsewhere/linker");
        fs::create_dir_all(&elsewhere).unwrap();
        symlink(&link, elsewhere.join("cc")).unwrap();
        for other in [file, elsewhere.join("cc"), "splitlink".into(), "linker/cc".into(), "".into()] {
            assert_eq!(scratch_of(&other, "linker"), None, "{}", other.display());
        }
        drop(scratch);
        fs::remove_dir_all(&dir).unwrap();
    }
}
