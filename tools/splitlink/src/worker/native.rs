//! Native libraries, which rustc reads last.
//!
//! rustc reads them when it puts a library together, long after the sandbox that it started in is
//! gone.

use crate::files::scratch::{self, Scratch};
use crate::rustc::args::RustcArgs;
use anyhow::{Context, Result};
use std::fs;
use std::path::Path;

/// Has rustc look for native libraries in folders of `scratch`, which hold what is in the command's
/// own folders.
///
/// # Errors
/// If they cannot be made.
pub fn keep(args: &mut RustcArgs, scratch: &Scratch) -> Result<()> {
    let sandbox = std::env::current_dir().context("cannot tell the working folder")?;
    let values: Vec<_> = args.values("library-path").map(str::to_owned).collect();
    for (number, value) in values.iter().enumerate() {
        let (kind, dir) = match value.split_once('=') {
            Some((kind @ ("native" | "all"), dir)) => (kind, dir),
            Some(("crate" | "dependency" | "framework", _)) => continue,
            _ => ("all", value.as_str()),
        };
        // rustc itself complains of a missing folder.
        if !Path::new(dir).is_dir() {
            continue;
        }
        let kept = scratch.subdir(&format!("native/{number}"))?;
        fill(&kept, Path::new(dir), &sandbox).with_context(|| format!("cannot keep the native libraries in `{dir}`"))?;
        args.exchange("library-path", |other| (other == value).then(|| format!("native={}", kept.display())));
        if kind == "all" {
            // Crates are looked for at once.
            args.push("library-path", format!("crate={dir}"));
            args.push("library-path", format!("dependency={dir}"));
        }
    }
    Ok(())
}

/// Puts the files of `dir` into `kept`, so that they are there when `sandbox` is no more.
fn fill(kept: &Path, dir: &Path, sandbox: &Path) -> Result<()> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        // A link that leads nowhere is as good as no file.
        let Ok(real) = fs::canonicalize(entry.path()) else { continue };
        if !real.is_file() {
            continue;
        }
        let to = kept.join(entry.file_name());
        if real.starts_with(sandbox) {
            scratch::link_or_copy(&real, &to).with_context(|| scratch::cannot_write(&to))?;
        } else {
            // The sandbox is made of links to files that outlast it.
            std::os::unix::fs::symlink(&real, &to).with_context(|| scratch::cannot_write(&to))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_of_native_libraries_alone() {
        let dir = std::env::temp_dir().join(format!("splitlink-native-{}", std::process::id()));
        let libs = dir.join("libs");
        fs::create_dir_all(libs.join("folder")).unwrap();
        fs::write(libs.join("libx.a"), "x").unwrap();
        std::os::unix::fs::symlink(dir.join("absent"), libs.join("liby.a")).unwrap();
        let scratch = Scratch::at(&dir.join("scratch")).unwrap();
        let libs = libs.display();
        let line = format!("a.rs -Lnative={libs} -Ldependency=d -L{libs} -Lnative={dir}/absent -Lall={libs}", dir = dir.display());
        let mut args = RustcArgs::parse(line.split(' ').map(str::to_owned).collect());
        keep(&mut args, &scratch).unwrap();
        let kept = |number: u8| format!("{}/native/{number}", scratch.path().display());
        let expected = format!(
            "a.rs -Lnative={} -Ldependency=d -Lnative={} -Lnative={}/absent -Lnative={} -Lcrate={libs} -Ldependency={libs} -Lcrate={libs} -Ldependency={libs}",
            kept(0),
            kept(2),
            dir.display(),
            kept(4)
        );
        assert_eq!(args.into_args().join(" "), expected);
        let names: Vec<_> = fs::read_dir(kept(0)).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, ["libx.a"]);
        // From outside of the sandbox, as here, a link will do; from inside it must be the file.
        assert!(fs::symlink_metadata(format!("{}/libx.a", kept(0))).unwrap().is_symlink());
        let inside = scratch.subdir("inside").unwrap();
        fill(&inside, Path::new(&libs.to_string()), &fs::canonicalize(&dir).unwrap()).unwrap();
        assert!(fs::symlink_metadata(inside.join("libx.a")).unwrap().is_file());
        drop(scratch);
        fs::remove_dir_all(&dir).unwrap();
    }
}
