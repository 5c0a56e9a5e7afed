//! Edits of the bodies of published crates: each by itself, as to what becomes of the interface, and
//! many at once: where the sources of interfaces stay as they are, so does their metadata, and the
//! edited code links with dependents as they were. The sample edits splitlink's own bodies.

use crate::{is_whole, is_whole_or_skipped, say};
use anyhow::{Context, Result, bail, ensure};
use splitlink::interface;
use splitlink_tests::formats_graph::random::Random;
use splitlink_tests::interface_proofs::build::{COMPARABLE, Place, Sources, Way, compare_code, compare_files};
use splitlink_tests::interface_proofs::edits::{Body, Change, Edit, bodies, changed};
use splitlink_tests::interface_proofs::recorded::{Developed, GIX, RIPGREP_ALONE, Recorded, Unit};
use splitlink_tests::rustc_fixture::project::words;
use splitlink_tests::rustc_fixture::tools::{empty_folder, names_in};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A file of a library, and what can be done to its bodies.
struct File {
    /// Below the folder of the package.
    path: PathBuf,
    text: String,
    bodies: Vec<Body>,
    /// The edits that leave the interface as it is, each with the number of the body.
    unseen: Vec<(usize, Edit)>,
}

/// What became of edits, counted.
#[derive(Default)]
struct Counts {
    bodies: usize,
    /// By edit: tried, and those that leave the interface as it is.
    edits: BTreeMap<Edit, [usize; 2]>,
    /// Edits that others see, and the interface does not.
    leaks: Vec<String>,
    /// Bodies in files that are kept whole.
    whole: usize,
}

/// The files of the library with the root `root` in `folder`, its programs apart.
fn files(folder: &Path, root: &Path) -> Result<Vec<File>> {
    let mut pending = vec![root.parent().unwrap_or(Path::new("")).to_owned()];
    let mut found = Vec::new();
    while let Some(dir) = pending.pop() {
        for name in names_in(&folder.join(&dir)) {
            let path = dir.join(&name);
            if folder.join(&path).is_dir() {
                if !matches!(name.as_str(), "bin" | "tests" | "benches" | "examples") {
                    pending.push(path);
                }
            } else if name.ends_with(".rs") && !matches!(name.as_str(), "main.rs" | "build.rs") {
                let text = fs::read_to_string(folder.join(&path))?;
                found.push(File { bodies: bodies(&text), path, text, unseen: Vec::new() });
            }
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(found)
}

/// Makes every edit of every body, or of one in `one_in`, by itself, and takes down those that leave
/// the interface as it is.
fn try_edits(files: &mut [File], one_in: usize, counts: &mut Counts) {
    let names: Vec<_> = files.iter().map(|file| interface::names_in(&file.text)).collect();
    let results = Mutex::new(Vec::new());
    let next = AtomicUsize::new(0);
    let work = || {
        loop {
            let at = next.fetch_add(1, Ordering::SeqCst);
            let Some(file) = files.get(at) else { break };
            let others: Vec<_> =
                names.iter().enumerate().filter(|(other, _)| *other != at).filter_map(|(_, names)| names.as_ref()).collect();
            let before = interface::of_file(&file.text, &others);
            let mut of_file = Vec::new();
            for (number, body) in file.bodies.iter().enumerate().filter(|(number, _)| (number + at).is_multiple_of(one_in)) {
                for edit in Edit::ALL {
                    let Some(change) = body.change(edit) else { continue };
                    let after = before.as_ref().map(|_| interface::of_file(&changed(&file.text, &[change]), &others));
                    of_file.push((number, edit, after.map(|after| after == before)));
                }
            }
            results.lock().expect("no worker panics").push((at, of_file));
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(work);
        }
    });
    for (at, of_file) in results.into_inner().expect("no worker panics") {
        let file = &mut files[at];
        let edited: BTreeSet<usize> = of_file.iter().map(|(number, ..)| *number).collect();
        counts.bodies += edited.len();
        for (number, edit, is_same) in of_file {
            let Some(is_same) = is_same else {
                counts.whole += 1;
                continue;
            };
            let of_edit = counts.edits.entry(edit).or_default();
            of_edit[0] += 1;
            if is_same {
                of_edit[1] += 1;
                file.unseen.push((number, edit));
                if file.bodies[number].shows {
                    counts.leaks.push(format!("{}: `{}`: {}", file.path.display(), file.bodies[number].name, edit.name()));
                }
            }
        }
    }
}

impl Counts {
    fn said(&self, of: &str) -> String {
        let of_edit = |(edit, [tried, same]): (&Edit, &[usize; 2])| format!("{}: {same} of {tried}", edit.name());
        let edits: Vec<_> = self.edits.iter().map(of_edit).collect();
        format!(
            "{of}: {} bodies, edited one at a time; these edits leave the interface as it is: {} ({} edits in files that are kept whole)",
            self.bodies,
            edits.join("; "),
            self.whole
        )
    }
}

/// The sources of splitlink itself: every edit of some bodies.
#[test]
fn every_edit_of_our_own_bodies() -> Result<()> {
    let folder = splitlink_tests::rustc_fixture::tools::repository().join("tools/splitlink");
    let (mut files, mut counts) = (files(&folder, Path::new("src/lib.rs"))?, Counts::default());
    try_edits(&mut files, if is_whole() { 1 } else { 12 }, &mut counts);
    say(&counts.said("splitlink"));
    ensure!(counts.leaks.is_empty(), "{:#?}", counts.leaks);
    let seen: usize = counts.edits.values().map(|[tried, same]| tried - same).sum();
    let unseen: usize = counts.edits.values().map(|[_, same]| same).sum();
    ensure!(seen > 20 && unseen > 100, "{seen} edits are seen and {unseen} are not: the test sees too little");
    Ok(())
}

/// A program with its sources, and the files of its own libraries.
struct Bench<'a> {
    recorded: &'a Recorded,
    sources: Sources,
    /// The files of each library, by its number.
    files: Vec<Vec<File>>,
    dir: PathBuf,
}

/// Changes of files: by the library's number and the file's, those of each body.
type Changes = BTreeMap<(usize, usize), Vec<(usize, Change)>>;

impl<'a> Bench<'a> {
    fn new(recorded: &'a Recorded, name: &str) -> Result<Self> {
        let dir = empty_folder(name)?;
        let sources = Sources::copy(recorded, &dir.join("sources"))?;
        let of_unit = |unit: &Unit| files(sources.folder(unit), &unit.root);
        let files = recorded.libraries().iter().map(of_unit).collect::<Result<_>>()?;
        Ok(Self { recorded, sources, files, dir })
    }

    fn place(&self, with_interfaces: bool) -> Result<Place<'_>> {
        let flags = words(&format!("{COMPARABLE} -Cdebuginfo=0"));
        let out = self.dir.join(if with_interfaces { "with-interfaces" } else { "without" });
        Place::new(self.recorded, &self.sources, &out, Way { with_interfaces, flags })
    }

    /// The edits that `choose` picks among those that leave the interfaces as they are.
    fn changes(&self, choose: impl Fn(usize, &File, usize, Edit) -> bool) -> Changes {
        let mut changes = Changes::new();
        for (library, files) in self.files.iter().enumerate() {
            for (number, file) in files.iter().enumerate() {
                for &(body, edit) in file.unseen.iter().filter(|(body, edit)| choose(library, file, *body, *edit)) {
                    let change = file.bodies[body].change(edit).map(|change| (body, change));
                    changes.entry((library, number)).or_default().extend(change);
                }
            }
        }
        changes
    }

    /// Writes the sources with `changes`, and all others as they were.
    fn write(&self, changes: &Changes) -> Result<()> {
        for (library, files) in self.files.iter().enumerate() {
            let folder = self.sources.folder(&self.recorded.units[library]);
            for (number, file) in files.iter().enumerate() {
                let of_file: Vec<Change> =
                    changes.get(&(library, number)).into_iter().flatten().map(|(_, change)| change.clone()).collect();
                let path = folder.join(&file.path);
                let text = changed(&file.text, &of_file);
                if fs::read_to_string(&path)? != text {
                    fs::write(path, text)?;
                }
            }
        }
        Ok(())
    }

    /// Has `compile` done with `changes`, of which those are left out that rustc refuses.
    fn with_those_that_compile(&self, changes: &mut Changes, compile: impl Fn() -> Result<()>) -> Result<()> {
        for _ in 0..60 {
            self.write(changes)?;
            let Err(error) = compile() else { return Ok(()) };
            let text = format!("{error:#}");
            if !self.leave_out(changes, &text)? {
                bail!("{text}");
            }
        }
        bail!("rustc refuses too many of the edits")
    }

    /// Leaves the edits out of which rustc complains in `text`; whether there are any.
    fn leave_out(&self, changes: &mut Changes, text: &str) -> Result<bool> {
        let Some(library) = (0..self.files.len()).find(|&at| text.contains(&format!("of {}", self.recorded.units[at].id))) else {
            return Ok(false);
        };
        let mut left_out = false;
        for place in text.lines().filter_map(|line| line.trim_start().strip_prefix("--> ")) {
            let mut parts = place.split(':');
            let (path, line) = (parts.next().unwrap_or_default(), parts.next().and_then(|line| line.parse::<usize>().ok()));
            let (Some(line), Some(number)) = (line, self.files[library].iter().position(|file| file.path == Path::new(path))) else {
                continue;
            };
            let file = &self.files[library][number];
            let Some(of_file) = changes.get_mut(&(library, number)) else { continue };
            let all: Vec<Change> = of_file.iter().map(|(_, change)| change.clone()).collect();
            let line_of = |at: usize| {
                let before: Vec<Change> = all.iter().filter(|(range, _)| range.end <= at).cloned().collect();
                1 + changed(&file.text[..at], &before).matches('\n').count()
            };
            let is_there = |body: &usize| {
                let range = &file.bodies[*body].range;
                (line_of(range.start)..=line_of(range.end)).contains(&line)
            };
            let wrong: BTreeSet<usize> = of_file.iter().map(|(body, _)| *body).filter(is_there).collect();
            left_out |= !wrong.is_empty();
            of_file.retain(|(body, _)| !wrong.contains(body));
        }
        Ok(left_out)
    }
}

fn count(changes: &Changes) -> usize {
    changes.values().map(Vec::len).sum()
}

/// Which programs, which edits of them at once, and how many libraries are edited alone.
fn edited(developed: &Developed, name: &str) -> Result<()> {
    let recorded = Recorded::new(developed)?;
    let mut bench = Bench::new(&recorded, &format!("bodies-{name}"))?;
    let mut counts = Counts::default();
    for files in &mut bench.files {
        try_edits(files, 1, &mut counts);
    }
    say(&counts.said(name));
    ensure!(counts.leaks.is_empty(), "{:#?}", counts.leaks);
    let bench = &bench;
    let all: Vec<usize> = (0..bench.files.len()).collect();
    let (with, without) = (bench.place(true)?, bench.place(false)?);
    with.compile(&all, &[])?;
    let metadata = |place: &Place<'_>| -> Result<Vec<Vec<u8>>> {
        recorded.libraries().iter().map(|unit| Ok(fs::read(place.file(unit, "rmeta"))?)).collect()
    };
    let interfaces = metadata(&with)?;

    // Every library edited at once.
    for kind in Edit::ALL {
        let mut changes = bench.changes(|_, _, _, edit| kind == edit);
        let asked = count(&changes);
        bench.with_those_that_compile(&mut changes, || without.compile(&all, &all))?;
        let what = format!("{name}, {}: {} of {asked} edits at once in {} libraries", kind.name(), count(&changes), all.len());
        let plain = without.link()?;
        with.compile(&all, &all).context(what.clone())?;
        let differing: Vec<_> = metadata(&with)?
            .iter()
            .zip(&interfaces)
            .zip(recorded.libraries())
            .filter(|((new, old), _)| new != old)
            .map(|(_, unit)| unit.id.clone())
            .collect();
        ensure!(differing.is_empty(), "{what}: the metadata of interfaces is not as it was: {differing:?}");
        let program = with.link()?;
        let differences = compare_code(&with, &without, &all)?;
        let is_same = compare_files(&plain, &program)?.is_none();
        say(&format!("{what}: {} objects differ; the program is the same: {is_same}", differences.len()));
    }

    // One library edited, with its dependents as they were.
    bench.write(&Changes::new())?;
    with.compile(&[], &all)?;
    let mut random = Random::new(17);
    let mut chosen: Vec<usize> = all.iter().copied().filter(|&at| bench.files[at].iter().any(|file| !file.unseen.is_empty())).collect();
    while chosen.len() > 10 {
        chosen.remove(random.below(chosen.len()));
    }
    let mut stale: Vec<usize> = all.clone();
    for library in chosen {
        let mut changes = bench.changes(|of, _, body, edit| of == library && Edit::ALL[body % 4] == edit);
        let above: Vec<usize> = all.iter().copied().filter(|&at| at == library || without.is_above(at, library)).collect();
        let again: Vec<usize> = all.iter().copied().filter(|at| stale.contains(at) || above.contains(at)).collect();
        bench.with_those_that_compile(&mut changes, || without.compile(&again, &again))?;
        stale = above;
        let what = format!("{name}, {}: {} edits", recorded.units[library].id, count(&changes));
        let plain = without.link()?;
        with.compile(&[], &[library]).context(what.clone())?;
        let program = with.link()?;
        let differences = compare_code(&with, &without, &all)?;
        let is_same = compare_files(&plain, &program)?.is_none();
        say(&format!("{what}: {} objects differ; the program is the same: {is_same}", differences.len()));
        bench.write(&Changes::new())?;
        with.compile(&[], &[library])?;
    }
    fs::remove_dir_all(&bench.dir)?;
    Ok(())
}

#[test]
fn edited_bodies_of_ripgrep() -> Result<()> {
    if is_whole_or_skipped("edits of the bodies of ripgrep") { edited(&RIPGREP_ALONE, "ripgrep") } else { Ok(()) }
}

#[test]
fn edited_bodies_of_gitoxide() -> Result<()> {
    if is_whole_or_skipped("edits of the bodies of gitoxide") { edited(&GIX, "gitoxide") } else { Ok(()) }
}
