//! `--incremental`: the worker keeps what rustc may use again, and every build is right, whatever
//! has happened to it.

use anyhow::{Context, Result, ensure};
use splitlink_tests::rustc_fixture::project::{Project, good, words};
use splitlink_tests::rustc_fixture::tools::{names_in, succeed};
use splitlink_tests::rustc_fixture::worker::{Action, Client};
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

type Outcome = Result<()>;

/// What is done to builds.
type Change = fn(&mut Builds) -> Outcome;

/// What is done to a file; the other one is somebody else's.
type Damage = fn(&Path, &Path) -> std::io::Result<()>;

/// A library and a program that uses it, built by a worker.
struct Builds {
    project: Project,
    worker: Client,
    options: &'static str,
    id: i64,
}

impl Builds {
    fn new(name: &str, options: &'static str) -> Result<Self> {
        let project = Project::new(name)?;
        project.write_scripts()?;
        let worker = Client::start(&project, &[])?;
        let mut builds = Self { project, worker, options, id: 0 };
        builds.edit(1)?;
        Ok(builds)
    }

    fn edit(&mut self, value: u32) -> Outcome {
        self.project.write(
            "dep.rs",
            format!(
                "pub mod one {{ pub fn list(x: u32) -> Vec<u32> {{ vec![x, {value}] }} }}\n\
                 pub mod two {{ pub fn text(x: &[u32]) -> String {{ format!(\"{{x:?}}\") }} }}\n\
                 pub fn generic<T: Into<u64>>(x: T) -> u64 {{ x.into() + {value} }}\n"
            ),
        )?;
        self.project.write(
            "app.rs",
            format!("mod a {{ pub fn b() -> u32 {{ {value} }} }}\nfn main() {{ println!(\"{{}} {{}} {{}}\", dep::two::text(&dep::one::list(7)), dep::generic(1u8), a::b()); }}\n"),
        )
    }

    fn actions(&self) -> Vec<Action> {
        let mut made = vec![
            self.project.metadata_action("dep", &[]),
            self.project.codegen_action("dep", &[]),
            self.project.action(
                "no-link --plan out/plan.json --modules out/modules --metadata out/libdep-1.rmeta",
                &self.project.linked("app", "bin"),
                "app.rs out/libdep-1.rmeta",
            ),
        ];
        for action in &mut made {
            let is_library = action.lines[0] != "no-link";
            for option in words(self.options).into_iter().filter(|option| is_library || option != "--interface").rev() {
                action.lines.insert(1, option);
            }
        }
        made
    }

    /// Builds all, and checks that the program says what is in the sources.
    fn build(&mut self, value: u32) -> Outcome {
        self.edit(value)?;
        for action in self.actions() {
            self.id += 1;
            self.worker.perform(self.id, &action)?.silent().with_context(|| action.lines[0].clone())?;
        }
        self.check(value)
    }

    fn check(&self, value: u32) -> Outcome {
        good(&self.project.link_only()?)?;
        let output = succeed(&mut Command::new(self.project.dir.join("out/artifact")))?;
        let (said, expected) = (String::from_utf8_lossy(&output.stdout).into_owned(), format!("[7, {value}] {} {value}\n", value + 1));
        ensure!(said == expected, "the program says {said:?} and not {expected:?}");
        Ok(())
    }

    /// The folders in which rustc keeps what it may use again.
    fn kept(&self) -> Vec<PathBuf> {
        let out = self.project.dir.join("out");
        let places =
            names_in(&out).into_iter().filter(|name| name.starts_with("splitlink-worker-")).map(|name| out.join(name).join("incremental"));
        places.flat_map(|place| names_in(&place).into_iter().map(move |name| place.join(name))).collect()
    }

    fn files(&self) -> Vec<PathBuf> {
        let (mut files, mut folders) = (Vec::new(), self.kept());
        while let Some(folder) = folders.pop() {
            for path in names_in(&folder).into_iter().map(|name| folder.join(name)) {
                // The sources of an interface have links to what is beside the crate's own.
                if path.is_symlink() {
                } else if path.is_dir() {
                    folders.push(path);
                } else {
                    files.push(path);
                }
            }
        }
        files
    }

    /// Gives each object that is kept in a folder that fits a second name, so that no other file
    /// gets its number.
    fn hold_objects(&self, fits: fn(&Path) -> bool) -> Result<BTreeSet<u64>> {
        let mut numbers = BTreeSet::new();
        for path in self.files().into_iter().filter(|path| path.extension().is_some_and(|extension| extension == "o") && fits(path)) {
            let number = fs::metadata(&path)?.ino();
            let held = self.project.dir.join("held");
            fs::create_dir_all(&held)?;
            if numbers.insert(number) && !held.join(number.to_string()).exists() {
                fs::hard_link(path, held.join(number.to_string()))?;
            }
        }
        Ok(numbers)
    }
}

fn is_of_interface(path: &Path) -> bool {
    path.iter().any(|part| part == "interface")
}

/// Those of the library's code.
fn is_of_library(path: &Path) -> bool {
    !is_of_interface(path) && path.iter().any(|part| part.to_string_lossy().starts_with("dep-"))
}

#[test]
fn builds_go_on_from_the_last() -> Outcome {
    for (name, options, crates) in [("incremental_plain", "--incremental", 2), ("incremental_interface", "--incremental --interface", 2)] {
        let mut builds = Builds::new(name, options)?;
        builds.build(1)?;
        ensure!(builds.kept().len() == crates, "{options}: {:?}", builds.kept());
        for values in [[1, 2], [3, 2], [1, 1]] {
            let before = builds.hold_objects(is_of_library)?;
            // rustc keeps what is of the last build but one until the next.
            for value in values {
                builds.build(value).context(options)?;
            }
            let after = builds.hold_objects(is_of_library)?;
            ensure!(after.intersection(&before).count() > 0, "{options}: no object was used again: {before:?} {after:?}");
        }
        // A mistake, and its repair.
        builds.project.write("dep.rs", "pub fn wrong( {")?;
        let action = builds.actions().swap_remove(0);
        ensure!(builds.worker.perform(1000, &action)?.code == 1);
        builds.build(4).context(options)?;
        let Builds { worker, project, .. } = builds;
        worker.close()?;
        let left: Vec<_> = names_in(&project.dir.join("out")).into_iter().filter(|name| name.contains("worker")).collect();
        ensure!(left.is_empty(), "the worker has left {left:?}");
    }
    Ok(())
}

/// What rustc takes from the last build names its `.dwo` file as that build did; it is found all the
/// same, and nobody gets the file that rustc keeps.
#[test]
fn split_debug_information() -> Outcome {
    for options in ["--incremental", "--incremental --interface"] {
        let mut builds = Builds::new("incremental_dwo", options)?;
        for value in [1, 2, 2, 3] {
            builds.edit(value)?;
            for dir in ["out/dep.dwo", "out/own.dwo"].map(|dir| builds.project.dir.join(dir)).iter().filter(|dir| dir.exists()) {
                fs::remove_dir_all(dir)?;
            }
            for mut action in builds.actions() {
                let dir = if action.lines[0] == "no-link" { "out/own.dwo" } else { "out/dep.dwo" };
                action.lines.splice(1..1, ["--dwo-dir".to_owned(), dir.to_owned()]);
                action.lines.extend(words("-Cdebuginfo=2"));
                builds.id += 1;
                builds.worker.perform(builds.id, &action)?.silent().with_context(|| format!("{options} {value} {}", action.lines[0]))?;
            }
            builds.check(value)?;
            let dwp = "dwp --output out/artifact.dwp --artifact out/artifact --dwo-dir out/dep.dwo --dwo-dir out/own.dwo";
            succeed(&mut builds.project.splitlink(&words(dwp))).with_context(|| format!("{options} {value}"))?;
            for name in names_in(&builds.project.dir.join("out/own.dwo")) {
                let file = builds.project.dir.join("out/own.dwo").join(name);
                ensure!(fs::metadata(&file)?.nlink() == 1, "rustc keeps `{}`", file.display());
            }
        }
        builds.worker.close()?;
    }
    Ok(())
}

/// Metadata that goes on from the last build is that of a build from nothing, or dependents would
/// be compiled again for no reason, or linked with code that they were not compiled against.
#[test]
fn interfaces_are_the_same_from_nothing() -> Outcome {
    let mut builds = Builds::new("incremental_interfaces", "--incremental --interface")?;
    builds.build(1)?;
    let before = builds.hold_objects(is_of_interface)?;
    for value in [2, 3, 1] {
        builds.build(value)?;
        let kept = builds.project.read("out/libdep-1.rmeta")?;
        good(&builds.project.run_plain(&builds.actions()[0])?)?;
        ensure!(builds.project.read("out/libdep-1.rmeta")? == kept, "{value}: the metadata shows what was built before");
    }
    let after = builds.hold_objects(is_of_interface)?;
    ensure!(after.intersection(&before).count() > 0, "no object of the interface was used again: {before:?} {after:?}");
    Ok(())
}

/// The sources of an interface are written again only if something that they were made of changes.
#[test]
fn sources_of_interfaces_stay() -> Outcome {
    let mut builds = Builds::new("incremental_sources", "--incremental --interface")?;
    let held = builds.project.dir.with_extension("held");
    fs::create_dir_all(&held)?;
    // Does the action, and returns the number of the file that rustc saw, which no other gets.
    let number = |builds: &mut Builds| -> Result<u64> {
        builds.id += 1;
        let action = builds.actions().swap_remove(0);
        builds.worker.perform(builds.id, &action)?.silent()?;
        let file = source_of_interface(builds)?;
        let number = fs::metadata(&file)?.ino();
        if !held.join(number.to_string()).exists() {
            fs::hard_link(file, held.join(number.to_string()))?;
        }
        Ok(number)
    };
    let edits: [(&str, Change); 3] = [
        ("a body", |builds| builds.edit(2)),
        ("a file more in the folder", |builds| builds.project.write("beside.txt", "")),
        ("what rustc sees", |builds| Ok(fs::write(source_of_interface(builds)?, "pub fn other() {}\n")?)),
    ];
    let mut before = number(&mut builds)?;
    for (what, edit) in edits {
        ensure!(number(&mut builds)? == before, "before {what}: nothing has changed");
        edit(&mut builds)?;
        let after = number(&mut builds)?;
        ensure!(after != before, "{what} does nothing");
        before = after;
    }
    Ok(fs::remove_dir_all(held)?)
}

fn source_of_interface(builds: &Builds) -> Result<PathBuf> {
    builds.files().into_iter().find(|path| path.ends_with("sources/dep.rs")).context("there is no interface")
}

#[test]
fn without_the_option_nothing_is_kept() -> Outcome {
    let mut builds = Builds::new("incremental_off", "")?;
    builds.build(1)?;
    ensure!(builds.kept().is_empty(), "{:?}", builds.kept());
    let before = builds.project.read("out/libdep-1.rlib")?;
    builds.options = "--incremental";
    builds.build(2)?;
    builds.options = "";
    builds.build(1)?;
    ensure!(builds.project.read("out/libdep-1.rlib")? == before, "a build without the option shows that one with it was before");
    Ok(())
}

#[test]
fn a_damaged_folder() -> Outcome {
    let mut builds = Builds::new("incremental_damaged", "--incremental --interface")?;
    builds.build(1)?;
    // Nothing may be written to where a link leads.
    let bystander = builds.project.dir.with_extension("bystander");
    fs::write(&bystander, "of somebody else")?;
    let damages: [(&str, Damage); 4] = [
        ("cut off", |path, _| fs::write(path, b"")),
        ("another", |path, _| fs::write(path, b"something else that is no file of rustc's")),
        ("removed", |path, _| fs::remove_file(path)),
        ("a link to another file", |path, bystander| {
            fs::remove_file(path)?;
            std::os::unix::fs::symlink(bystander, path)
        }),
    ];
    for (value, (what, damage)) in (2..).zip(damages) {
        let files = builds.files();
        ensure!(files.len() > 4, "{what}: there is nothing to damage: {files:?}");
        for file in files {
            damage(&file, &bystander).with_context(|| file.display().to_string())?;
        }
        builds.build(value).context(what)?;
        ensure!(fs::read(&bystander)? == b"of somebody else", "{what}: a file that a link led to was written");
    }
    fs::remove_file(bystander)?;
    // Folders of somebody else's.
    for folder in builds.kept() {
        fs::remove_dir_all(&folder)?;
        fs::create_dir_all(folder.join("sessions/dep-0/s-0-0-0"))?;
        fs::write(folder.join("list"), "")?;
    }
    builds.build(9)
}

#[test]
fn a_rustc_that_is_killed() -> Outcome {
    for options in ["--incremental", "--incremental --interface"] {
        let mut builds = Builds::new(if options.len() > 15 { "incremental_killed_interface" } else { "incremental_killed" }, options)?;
        builds.build(1)?;
        // After this time it may be anywhere.
        for (round, delay) in (0u32..).zip(["0.02", "0.1", "0.2", "0.3"]) {
            builds.edit(2 + round)?;
            let victim = format!("(sleep {delay}; kill -9 $$) >/dev/null 2>&1 &\n");
            builds.project.write("before_rustc", victim)?;
            for action in builds.actions() {
                builds.id += 1;
                // Whether it fails depends on how fast rustc is.
                builds.worker.perform(builds.id, &action)?;
            }
            fs::remove_file(builds.project.dir.join("before_rustc"))?;
            builds.build(2 + round).with_context(|| format!("{options}: killed after {delay} s"))?;
        }
    }
    Ok(())
}

#[test]
fn two_at_once() -> Outcome {
    let mut builds = Builds::new("incremental_two", "--incremental --interface")?;
    builds.build(1)?;
    builds.edit(2)?;
    let actions = builds.actions();
    builds.worker.perform(100, &actions[0])?.silent()?;
    for action in &actions[1..] {
        let ids = [builds.id + 200, builds.id + 201];
        for id in ids {
            builds.worker.send(id, action)?;
        }
        for id in ids {
            builds.worker.answer(id)?.silent()?;
        }
        builds.id += 10;
    }
    builds.check(2)?;
    // A second worker beside it has folders of its own.
    let mut other = Client::start(&builds.project, &[])?;
    for (id, action) in (1..).zip(&actions) {
        other.perform(id, action)?.silent()?;
    }
    builds.check(2)?;
    builds.build(3)
}

/// Without a worker nothing is kept, and the phases agree all the same.
#[test]
fn without_a_worker() -> Outcome {
    let mut builds = Builds::new("incremental_no_worker", "--incremental")?;
    for value in [1, 2] {
        builds.edit(value)?;
        for action in builds.actions() {
            good(&builds.project.run_plain(&action)?)?;
        }
        builds.check(value)?;
        // The code may be made in a worker, and the metadata not.
        let code = builds.actions().swap_remove(1);
        builds.id += 1;
        builds.worker.perform(builds.id, &code)?.silent()?;
        builds.check(value)?;
    }
    builds.project.nothing_left(&[])
}
