//! Paths as others read them: in arguments of other programs, and as the names of what an action
//! reads and writes.

use anyhow::{Context, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};

/// `path` as an argument of another program, which would take a leading `-` for a flag and a
/// leading `@` for a response file.
pub(crate) fn as_argument(path: &Path) -> String {
    let text = path.to_string_lossy();
    if text.starts_with(['-', '@']) { format!("./{text}") } else { text.into_owned() }
}

/// What an action reads and writes, to be checked before it writes anything.
#[derive(Debug, Default)]
pub(crate) struct Places {
    outputs: Vec<Place>,
    inputs: Vec<Place>,
}

#[derive(Debug)]
struct Place {
    /// What it is, for messages.
    what: String,
    /// As the action was told.
    path: PathBuf,
    is_folder: bool,
}

impl Places {
    /// Adds a file that is written.
    pub(crate) fn output(&mut self, what: &str, path: &Path) {
        self.outputs.push(Place { what: what.to_owned(), path: path.to_owned(), is_folder: false });
    }

    /// Adds a folder that is filled.
    pub(crate) fn output_folder(&mut self, what: &str, path: &Path) {
        self.outputs.push(Place { what: what.to_owned(), path: path.to_owned(), is_folder: true });
    }

    /// Adds files that are read.
    pub(crate) fn inputs<P: AsRef<Path>>(&mut self, what: &str, paths: impl IntoIterator<Item = P>) {
        let place = |path: P| Place { what: what.to_owned(), path: path.as_ref().to_owned(), is_folder: false };
        self.inputs.extend(paths.into_iter().map(place));
    }

    /// Adds a folder that is read.
    pub(crate) fn input_folder(&mut self, what: &str, path: &Path) {
        self.inputs.push(Place { what: what.to_owned(), path: path.to_owned(), is_folder: true });
    }

    /// Whether any output is there already, so that it may be an input.
    pub(crate) fn any_output_is_there(&self) -> Result<bool> {
        let there: Vec<bool> = self.outputs.iter().map(|output| Ok(output.is_there(&output.entry()?))).collect::<Result<_>>()?;
        Ok(there.contains(&true))
    }

    /// Checks that no output takes the place of an input or of another output.
    ///
    /// # Errors
    /// If one does.
    pub(crate) fn check(&self) -> Result<()> {
        let outputs: Vec<(&Place, PathBuf)> = self.outputs.iter().map(|output| Ok((output, output.entry()?))).collect::<Result<_>>()?;
        for (at, (output, path)) in outputs.iter().enumerate() {
            for (other, other_path) in &outputs[..at] {
                if path == other_path {
                    bail!(
                        "`{}` is asked for twice, as {} and as {}\n  help: give each a file of its own",
                        output.path.display(),
                        other.what,
                        output.what
                    );
                }
                let inside = [(output, path, other, other_path), (other, other_path, output, path)];
                if let Some((inner, _, outer, _)) = inside.into_iter().find(|(_, inner, _, outer)| inner.starts_with(outer)) {
                    bail!(
                        "`{}`, {}, would be inside `{}`, which is {}\n  help: give each a place of its own",
                        inner.path.display(),
                        inner.what,
                        outer.path.display(),
                        outer.what
                    );
                }
            }
        }
        // Only a file that exists can be an input. Outputs hardly ever exist before an action runs.
        let there: Vec<_> = outputs.iter().filter(|(output, path)| output.is_there(path)).collect();
        for input in &self.inputs {
            let outputs = if input.is_folder { outputs.iter().collect() } else { there.clone() };
            if outputs.is_empty() {
                continue;
            }
            let [named, real] = [input.entry()?, fs::canonicalize(&input.path).unwrap_or_default()];
            for (output, path) in outputs {
                let is_inside = |inner: &Path, outer: &Path| !outer.as_os_str().is_empty() && inner.starts_with(outer);
                let overwrites = [&named, &real].into_iter().any(|input_path| {
                    path == input_path
                        || (output.is_folder && is_inside(input_path, path))
                        || (input.is_folder && is_inside(path, input_path))
                });
                if overwrites {
                    bail!(
                        "{} would be written to `{}`, over {} that is read, `{}`\n  help: write it elsewhere",
                        output.what,
                        output.path.display(),
                        input.what,
                        input.path.display()
                    );
                }
            }
        }
        Ok(())
    }
}

impl Place {
    /// The entry that is written or read; of a folder the folder itself, also where it is reached
    /// by a link.
    fn entry(&self) -> Result<PathBuf> {
        if !self.is_folder {
            return entry(&self.path);
        }
        let inside = entry(&self.path.join("file"))?;
        Ok(inside.parent().unwrap_or(&inside).to_owned())
    }

    /// Whether there is anything yet, at `path`, that an input could be.
    fn is_there(&self, path: &Path) -> bool {
        if self.is_folder { fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_some()) } else { path.symlink_metadata().is_ok() }
    }
}

/// The entry that `path` names in its folder, a symbolic link as itself; `path` need not exist.
fn entry(path: &Path) -> Result<PathBuf> {
    let cwd = std::env::current_dir().context("cannot tell the working folder")?;
    let path = cwd.join(path);
    let (folder, name) = match (path.parent(), path.file_name()) {
        (Some(folder), Some(name)) => (folder, Some(name)),
        _ => (path.as_path(), None),
    };
    let found = folder.ancestors().find_map(|ancestor| Some((fs::canonicalize(ancestor).ok()?, ancestor)));
    let (mut entry, ancestor) = found.unwrap_or_else(|| (PathBuf::from("/"), folder));
    // A missing file is no link either.
    for component in folder.strip_prefix(ancestor).unwrap_or(folder) {
        if component == ".." {
            entry.pop();
        } else {
            entry.push(component);
        }
    }
    entry.extend(name);
    Ok(entry)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_flag() {
        for (path, argument) in [("-o", "./-o"), ("@file", "./@file"), ("a/-o", "a/-o"), ("/-o", "/-o"), ("", "")] {
            assert_eq!(as_argument(Path::new(path)), argument);
        }
    }

    #[test]
    fn outputs_over_others() {
        let dir = std::env::temp_dir().join(format!("splitlink-places-{}", std::process::id()));
        fs::create_dir_all(dir.join("folder")).unwrap();
        for name in ["plan", "folder/module", "rlib"] {
            fs::write(dir.join(name), "").unwrap();
        }
        std::os::unix::fs::symlink("plan", dir.join("link")).unwrap();
        std::os::unix::fs::symlink("folder", dir.join("folder-link")).unwrap();
        let check = |outputs: &[&str]| {
            let mut places = Places::default();
            for (number, output) in outputs.iter().enumerate() {
                match output.strip_suffix('/') {
                    Some(folder) => places.output_folder(&format!("folder {number}"), &dir.join(folder)),
                    None => places.output(&format!("file {number}"), &dir.join(output)),
                }
            }
            places.inputs("the plan", [dir.join("plan")]);
            places.inputs("an rlib", [dir.join("rlib"), dir.join("none")]);
            places.input_folder("the folder of modules", &dir.join("folder"));
            places.check().map_err(|error| error.to_string())
        };
        let fine: &[&[&str]] =
            &[&["a", "b"], &["link"], &["folder-link"], &["plan.json"], &["new/a", "new/b"], &["empty/", "plan2"], &["none"]];
        for outputs in fine {
            assert_eq!(check(outputs), Ok(()), "{outputs:?}");
        }
        let refused: &[(&[&str], &str)] = &[
            (&["plan"], "over the plan that is read"),
            (&["new/../plan"], "over the plan that is read"),
            (&["a", "rlib"], "file 1 would be written to"),
            (&["folder"], "over the folder of modules"),
            (&["folder/new"], "over the folder of modules"),
            (&["folder-link/module"], "over the folder of modules"),
            (&["a", "a"], "as file 0 and as file 1"),
            (&["folder/../a", "a"], "as file 0 and as file 1"),
            (&["new/", "new/plan"], "file 1, would be inside"),
            (&["new/a/plan", "new/a"], "file 0, would be inside"),
        ];
        for (outputs, message) in refused {
            let said = check(outputs).unwrap_err();
            assert!(said.contains(message) && said.contains("help: "), "{outputs:?}: {said}");
        }
        for folder in [dir.join("folder"), dir.join("folder-link")] {
            let mut places = Places::default();
            places.output_folder("the folder of modules", &folder);
            places.inputs("the metadata", [dir.join("folder/module")]);
            assert!(places.check().unwrap_err().to_string().contains("over the metadata that is read"));
        }
        fs::remove_dir_all(&dir).unwrap();
    }
}
