//! The folders in which phases make things: they are beside the outputs, nothing of others is
//! touched for them, and nothing of them shows.

use anyhow::{Context, Result, ensure};
use splitlink_tests::rustc_fixture::project::{Project, good, words};
use splitlink_tests::rustc_fixture::tools::{Toolchain, names_in, run, succeed, write_program};
use std::collections::BTreeMap;
use std::fs;
use std::process::{Child, Command, Stdio};

type Outcome = Result<()>;

/// The phases, with the kinds of crates and of LTO: options, and rustc's arguments if it is run.
/// All that they write is in `out`.
fn phases(project: &Project) -> Vec<(String, Option<Vec<String>>)> {
    let mut phases = Vec::new();
    let flags = words("-Cdebuginfo=1");
    for (end, lto) in [("", ""), ("-lto", "--lto")] {
        let library = [project.library("dep"), flags.clone()].concat();
        phases.push((format!("metadata --output out/libdep-1{end}.rmeta {lto}"), Some(library.clone())));
        let published = format!("--published-metadata out/libdep-1{end}.rmeta");
        phases.push((format!("codegen --output out/libdep-1{end}.rlib {published} {lto}"), Some(library)));
        let crates: &[(&str, &str, &str)] = match lto {
            "" => &[("app", "bin", "off"), ("library", "cdylib", "off"), ("library", "dylib", "off"), ("library", "staticlib", "off")],
            _ => &[("app", "bin", "thin"), ("library", "staticlib", "fat")],
        };
        for (name, crate_type, mode) in crates {
            // The names by which the crate is known.
            let metadata = format!("--metadata out/{crate_type}{end}/libdep-1.rmeta");
            let plan = format!("--plan out/{crate_type}{end}.json --modules out/{crate_type}{end}.modules");
            let args = [project.linked(name, crate_type), flags.clone()].concat();
            phases.push((format!("no-link {plan} {metadata} {lto}"), Some(args)));
            let rlib = format!("--rlib out/{crate_type}{end}/libdep-1.rlib --lto {mode}");
            let outputs = format!("--output out/{crate_type}.{mode} --report out/{crate_type}.{mode}.json");
            phases.push((format!("link-only {plan} {rlib} {outputs} --sysroot {}", Toolchain::stable().sysroot.display()), None));
        }
    }
    phases
}

/// The output files that a phase's options name.
fn outputs(options: &str) -> Vec<String> {
    let words = words(options);
    let named = |pair: &[String]| {
        matches!(pair[0].as_str(), "--output" | "--plan" | "--report") && !(pair[0] == "--plan" && options.starts_with("link-only"))
    };
    words.windows(2).filter(|pair| named(pair)).map(|pair| pair[1].clone()).collect()
}

fn run_phase(project: &Project, options: &str, rustc: Option<&Vec<String>>) -> Result<()> {
    let mut command = project.splitlink(&words(options));
    if let Some(rustc) = rustc {
        command.arg("--").arg(&Toolchain::stable().rustc).args(rustc);
    }
    good(&run(&mut command)?).context(options.to_owned())
}

/// Runs all phases, and returns the bytes of all that they have written.
fn build(project: &Project, before: impl Fn(&str) -> Result<()>) -> Result<BTreeMap<String, Vec<u8>>> {
    let mut files = BTreeMap::new();
    for (options, rustc) in phases(project) {
        for output in outputs(&options) {
            before(&output)?;
        }
        run_phase(project, &options, rustc.as_ref())?;
        for output in outputs(&options) {
            files.insert(output.clone(), project.read(&output)?);
            // Each crate type finds the library under its own name.
            let (stem, extension) = output.rsplit_once('.').unwrap_or((&output, ""));
            if let Some(end) = stem.strip_prefix("out/libdep-1") {
                for crate_type in ["bin", "cdylib", "dylib", "staticlib"] {
                    project.write(&format!("out/{crate_type}{end}/libdep-1.{extension}"), project.read(&output)?)?;
                }
            }
            if output.ends_with(".json") && options.starts_with("no-link") {
                let modules = output.replace(".json", ".modules");
                for name in names_in(&project.dir.join(&modules)).into_iter().filter(|name| name.ends_with(".o")) {
                    files.insert(format!("{modules}/{name}"), project.read(&format!("{modules}/{name}"))?);
                }
            }
        }
    }
    Ok(files)
}

#[test]
fn what_others_have_by_that_name_stays_and_changes_nothing() -> Outcome {
    let project = Project::new("folders_of_others")?;
    let plain = build(&project, |_| Ok(()))?;
    project.nothing_left(&[])?;
    fs::remove_dir_all(project.dir.join("out"))?;
    let kept = |output: &str| [format!("{output}.scratch/kept"), format!("{output}.scratch.1")];
    let occupied = build(&project, |output| kept(output).iter().try_for_each(|file| project.write(file, "kept")))?;
    ensure!(plain.len() > 20 && plain.keys().eq(occupied.keys()), "{:?}\n{:?}", plain.keys(), occupied.keys());
    let different: Vec<_> = plain.iter().filter(|(path, bytes)| occupied[*path] != **bytes).map(|(path, _)| path).collect();
    ensure!(different.is_empty(), "with another folder to work in these are others: {different:?}");
    for (options, _) in phases(&project) {
        for file in outputs(&options).iter().flat_map(|output| kept(output)) {
            ensure!(project.read(&file)? == b"kept", "`{file}` is not as it was");
            fs::remove_file(project.dir.join(file))?;
        }
        for output in outputs(&options) {
            fs::remove_dir(project.dir.join(format!("{output}.scratch")))?;
        }
    }
    project.nothing_left(&[])
}

/// A run that waits as soon as it has called rustc or the linker, both scripts, until it may go on.
/// It is killed when dropped.
struct Waiting<'a> {
    process: Option<Child>,
    project: &'a Project,
}

impl<'a> Waiting<'a> {
    fn start(project: &'a Project, options: &str, rustc: Option<&[String]>) -> Result<Self> {
        for (name, program) in [("rustc", Toolchain::stable().rustc.display().to_string()), ("cc", "/usr/bin/cc".to_owned())] {
            let path = format!("waiting/{name}");
            let wait = "touch waiting/called; while [ ! -e waiting/go ]; do sleep 0.02; done";
            write_program(&project.dir.join(path), format!("#!/bin/sh\n{wait}\nexec {program} \"$@\"\n"))?;
        }
        for file in ["called", "go"] {
            let _ = fs::remove_file(project.dir.join("waiting").join(file));
        }
        Self::start_again(project, options, rustc)
    }

    /// As [`Self::start`], beside one that waits.
    fn start_again(project: &'a Project, options: &str, rustc: Option<&[String]>) -> Result<Self> {
        let mut command = project.splitlink(&words(options));
        if let Some(rustc) = rustc {
            command.args(["--", "waiting/rustc"]).args(rustc);
        }
        let path = std::env::join_paths(
            std::iter::once(project.dir.join("waiting")).chain(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())),
        )?;
        let child = command.env("PATH", path).stderr(Stdio::piped()).spawn()?;
        let waiting = Self { process: Some(child), project };
        project.wait_until("it has called the program", || project.has("waiting/called"))?;
        Ok(waiting)
    }

    fn go_on(mut self) -> Result<()> {
        self.project.write("waiting/go", "")?;
        good(&self.process.take().context("it runs")?.wait_with_output()?)
    }
}

impl Waiting<'_> {
    fn kill(&mut self) -> Result<()> {
        let mut process = self.process.take().context("it runs")?;
        process.kill()?;
        process.wait()?;
        Ok(())
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if let Some(process) = &mut self.process {
            let _ = process.kill();
            let _ = process.wait();
        }
        // The script may have outlived it.
        let _ = self.project.write("waiting/go", "");
    }
}

/// Phases that can be stopped midway: options, rustc's arguments, and the output.
fn stoppable(project: &Project) -> [(&'static str, Option<Vec<String>>, &'static str); 4] {
    [
        ("metadata --output out/libdep-1.rmeta", Some(project.library("dep")), "libdep-1.rmeta"),
        ("codegen --output out/libdep-1.rlib --published-metadata out/libdep-1.rmeta", Some(project.library("dep")), "libdep-1.rlib"),
        (
            "no-link --plan out/plan.json --modules out/modules --metadata out/libdep-1.rmeta",
            Some(project.linked("app", "bin")),
            "plan.json",
        ),
        (
            "link-only --plan out/plan.json --modules out/modules --rlib out/libdep-1.rlib --output out/artifact --sysroot sysroot",
            None,
            "artifact",
        ),
    ]
}

#[test]
fn two_runs_for_one_output_at_a_time() -> Outcome {
    let project = Project::planned("two_runs")?;
    std::os::unix::fs::symlink(&Toolchain::stable().sysroot, project.dir.join("sysroot"))?;
    good(&project.link_only()?)?;
    for (options, rustc, output) in stoppable(&project) {
        let path = format!("out/{output}");
        let expected = project.read(&path)?;
        fs::remove_file(project.dir.join(&path))?;
        let first = Waiting::start(&project, options, rustc.as_deref())?;
        run_phase(&project, options, rustc.as_ref())?;
        ensure!(project.read(&path)? == expected, "{options}: the second run made something else");
        let working = names_in(&project.dir.join("out")).into_iter().filter(|name| name.contains(".scratch")).collect::<Vec<_>>();
        ensure!(working == [format!("{output}.scratch")], "while the first runs there are {working:?}");
        fs::remove_file(project.dir.join(&path))?;
        first.go_on().context(options)?;
        ensure!(project.read(&path)? == expected, "{options}: the first run made something else");
        project.nothing_left(&[])?;
    }
    Ok(())
}

#[test]
fn what_a_killed_run_left_goes_with_the_next() -> Outcome {
    let project = Project::planned("killed_run")?;
    std::os::unix::fs::symlink(&Toolchain::stable().sysroot, project.dir.join("sysroot"))?;
    for (options, rustc, output) in stoppable(&project) {
        Waiting::start(&project, options, rustc.as_deref())?.kill()?;
        project.write("waiting/go", "")?;
        project.wait_until("what it had started is no more", || project.processes(0).is_empty())?;
        ensure!(project.has(&format!("out/{output}.scratch")), "a killed run of `{options}` cannot clean up");
        run_phase(&project, options, rustc.as_ref())?;
        project.nothing_left(&[])?;
    }
    let output = succeed(&mut Command::new(project.dir.join("out/artifact")))?;
    ensure!(output.stdout == b"82\n", "{output:?}");
    Ok(())
}

/// The linker of a run that was killed: it writes into the folder when another run links already.
#[test]
fn a_linker_that_outlives_its_run() -> Outcome {
    let project = Project::planned("outliving")?;
    std::os::unix::fs::symlink(&Toolchain::stable().sysroot, project.dir.join("sysroot"))?;
    good(&project.link_only()?)?;
    let expected = project.read("out/artifact")?;
    let (options, rustc, output) = &stoppable(&project)[3];
    let mut killed = Waiting::start(&project, options, rustc.as_deref())?;
    killed.kill()?;
    fs::remove_file(project.dir.join("waiting/called"))?;
    // Two at a time: one whose linker nobody waits for, and one that waits for its own.
    let next = Waiting::start_again(&project, options, None)?;
    let working: Vec<_> = names_in(&project.dir.join("out")).into_iter().filter(|name| name.contains(".scratch")).collect();
    ensure!(working == [format!("{output}.scratch"), format!("{output}.scratch.1")], "there are {working:?}");
    next.go_on()?;
    ensure!(project.read("out/artifact")? == expected, "the program is another");
    project.wait_until("all linkers have ended", || project.processes(0).is_empty())?;
    ensure!(project.read("out/artifact")? == expected, "the program became another");
    run_phase(&project, options, rustc.as_ref())?;
    project.nothing_left(&[])
}
