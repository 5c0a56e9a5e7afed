//! With a real remote executor: what the split's actions read is what they declare, so they run on
//! a machine that has none of it, and write what they write here, whatever happens to the machine.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use splitlink_tests::checkout::Checkout;
use splitlink_tests::execution_log::{self, Spawn};
use splitlink_tests::real_programs::{COMMAND_LINES, HYPERFINE, Rules, Tool, Workspace, cache, write_tree};
use splitlink_tests::remote_executor::{Cluster, executor};
use splitlink_tests::rustc_fixture::tools::{splitlink, succeed};
use splitlink_tests::watched::{Files, same};

const TARGETS: [&str; 1] = ["//examples/..."];

/// A clone that is built remotely; one test at a time has it.
struct Remote {
    clone: Checkout,
    executor: String,
    log: PathBuf,
    state: MutexGuard<'static, State>,
}

/// What the tests of this run leave to each other.
struct State {
    /// Whether one has been here: its Bazel server lives on.
    is_known: bool,
    /// Whether Bazel takes for built what is on no disk of this machine.
    is_elsewhere: bool,
}

impl Remote {
    /// The clone, if there is an executor.
    fn make() -> Result<Option<Self>> {
        static STATE: Mutex<State> = Mutex::new(State { is_known: false, is_elsewhere: true });
        let Some(executor) = executor() else { return Ok(None) };
        let mut state = STATE.lock().unwrap_or_else(PoisonError::into_inner);
        let folder = cache()?.join("remote_execution");
        let server = folder.join("clone.output/server");
        if !std::mem::replace(&mut state.is_known, true) && server.exists() {
            // The server of an earlier run has ended with its cluster.
            fs::remove_dir_all(server)?;
        }
        let clone = Checkout::make(folder.join("clone"))?;
        Ok(Some(Self { clone, executor, log: folder.join("execution_log.json"), state }))
    }

    /// What a build here makes of the targets. Nothing of it is left behind.
    fn local(&mut self, targets: &[&str]) -> Result<Files> {
        self.local_with(&[], targets)
    }

    fn local_with(&mut self, flags: &[&str], targets: &[&str]) -> Result<Files> {
        self.forget()?;
        let log = format!("--execution_log_json_file={}", self.log.display());
        let mut files = self.clone.build(&[flags, &[&log]].concat(), targets)?;
        let ran = self.ran()?;
        ensure!(!ran.is_empty() && ran.iter().all(|spawn| !spawn.runner.contains("remote")), "this was not all made here: {ran:?}");
        // Bazel writes the response file of a remote action on the remote machine only.
        files.retain(|name, _| !name.ends_with(".params"));
        self.forget()?;
        Ok(files)
    }

    /// Has the next build make the targets anew.
    fn forget(&mut self) -> Result<()> {
        // Else rules_rust's tools and what Bazel has analysed stay, where most of the time would go.
        if std::mem::replace(&mut self.state.is_elsewhere, false) {
            ensure!(self.clone.bazel().arg("clean").status()?.success(), "bazel clean failed");
        }
        self.clone.remove_outputs()
    }

    /// A command that builds the targets remotely; `flags` come last.
    fn command(&mut self, flags: &[&str], targets: &[&str]) -> Command {
        let mut all = vec![
            format!("--remote_executor={}", self.executor),
            "--spawn_strategy=remote".to_owned(),
            "--noremote_accept_cached".to_owned(),
            "--remote_download_outputs=all".to_owned(),
            format!("--execution_log_json_file={}", self.log.display()),
        ];
        // Bazel 7.7 takes a property only once.
        if !flags.iter().any(|flag| flag.starts_with(Cluster::PROPERTIES)) {
            all.extend(Cluster::properties());
        }
        all.extend(flags.iter().map(|&flag| flag.to_owned()));
        self.state.is_elsewhere |= flags.iter().any(|flag| flag.starts_with("--remote_download_outputs="));
        self.clone.build_command(&all.iter().map(String::as_str).collect::<Vec<_>>(), targets)
    }

    /// Builds the targets remotely.
    fn build(&mut self, flags: &[&str], targets: &[&str]) -> Result<Files> {
        succeed(&mut self.command(flags, targets))?;
        self.clone.written(&[])
    }

    /// The split's actions of the last build.
    fn ran(&self) -> Result<Vec<Spawn>> {
        Ok(execution_log::read(&self.log)?.into_iter().filter(|spawn| spawn.mnemonic.starts_with("Splitlink")).collect())
    }
}

#[test]
fn what_is_built_remotely_is_what_is_built_here() -> Result<()> {
    let Some(mut remote) = Remote::make()? else { return Ok(()) };
    let local = remote.local(&TARGETS)?;
    same(&local, &remote.build(&[], &TARGETS)?, "built remotely")?;
    let ours = remote.ran()?;
    let kinds: BTreeSet<_> = ours.iter().map(|spawn| spawn.mnemonic.as_str()).collect();
    for kind in ["SplitlinkMetadata", "SplitlinkCodegen", "SplitlinkNoLink", "SplitlinkLink"] {
        ensure!(kinds.contains(kind), "no {kind} among {kinds:?}");
    }
    let elsewhere = ours.iter().find(|spawn| spawn.runner != "remote");
    ensure!(elsewhere.is_none(), "this did not run remotely: {elsewhere:?}");
    eprintln!("remote execution: {} actions of the split with Bazel", ours.len());

    // Another who builds the same, and wants no worker, gets all of it from the cache.
    remote.forget()?;
    same(&local, &remote.build(&["--remote_accept_cached", "--//rules/bazel:worker=false"], &TARGETS)?, "from the remote cache")?;
    let (cached, again): (Vec<_>, Vec<_>) = remote.ran()?.into_iter().partition(|spawn| spawn.runner == "remote cache hit");
    ensure!(again.is_empty(), "these ran again: {again:?}");
    // What lies elsewhere is built once: nothing forgets it.
    let outputs = |spawns: &[Spawn]| -> BTreeSet<String> {
        spawns.iter().map(|spawn| spawn.output.clone()).filter(|output| Checkout::removes(output)).collect()
    };
    let (had_run, cached) = (outputs(&ours), outputs(&cached));
    ensure!(had_run.len() > 50 && cached == had_run, "from the cache came {cached:#?}, and these had run: {had_run:#?}");
    Ok(())
}

const PROGRAM: &str = "//examples/hello";
const OUTPUTS: [&str; 2] = ["examples/hello/hello", "examples/hello/hello.splitlink/plan.json"];

#[test]
fn without_the_bytes_the_program_alone_comes_back() -> Result<()> {
    let Some(mut remote) = Remote::make()? else { return Ok(()) };
    let local = remote.local(&[PROGRAM])?;
    let built = remote.build(&["--remote_download_outputs=toplevel"], &[PROGRAM])?;
    let [program, plan] = OUTPUTS;
    ensure!(local.contains_key(plan) && !built.contains_key(plan), "the plan came back, or there is none: {:?}", local.keys());
    ensure!(built[program] == local[program], "the program differs");
    Ok(())
}

#[test]
fn what_the_cluster_has_forgotten_is_built_again() -> Result<()> {
    let Some(mut remote) = Remote::make()? else { return Ok(()) };
    let Some(cluster) = Cluster::of_this_run() else { return Ok(()) };
    let dynamic = "--//rules/bazel:linkage=dynamic";
    let local = remote.local_with(&[dynamic], &[PROGRAM])?;
    // Plan, modules and rlibs are on no machine but the cluster's then; linked differently, the program needs them again.
    remote.build(&["--remote_download_outputs=minimal"], &[PROGRAM])?;
    cluster.forget()?;
    let retries = ["--experimental_remote_cache_eviction_retries=5", "--remote_download_outputs=toplevel", dynamic];
    let built = remote.build(&retries, &[PROGRAM])?;
    ensure!(built[OUTPUTS[0]] == local[OUTPUTS[0]], "the program differs");
    Ok(())
}

#[test]
fn a_worker_that_dies_in_the_middle_of_a_link() -> Result<()> {
    let Some(mut remote) = Remote::make()? else { return Ok(()) };
    let Some(cluster) = Cluster::of_this_run() else { return Ok(()) };
    // The second spends its time in LTO.
    for target in [PROGRAM, "//examples/lto:static_counter_staticlib"] {
        let local = remote.local(&[target])?;
        let mut build = remote.command(&[], &[target]).stdin(Stdio::null()).stderr(Stdio::piped()).spawn()?;
        let killed = kill_worker_of(&cluster, "link-only", || Ok(build.try_wait()?.is_some()));
        let ended = build.wait_with_output()?;
        let killed = killed?;
        ensure!(ended.status.success(), "{target}: the build failed: {}", String::from_utf8_lossy(&ended.stderr));
        ensure!(killed, "{target}: no link-only was seen, so no worker was killed");
        same(&local, &remote.clone.written(&[])?, &format!("{target}, with a worker killed"))?;
        remote.forget()?;
        same(&local, &remote.build(&["--remote_accept_cached"], &[target])?, &format!("{target}, from the cache afterwards"))?;
    }
    Ok(())
}

#[test]
fn machines_of_another_processor() -> Result<()> {
    let Some(mut remote) = Remote::make()? else { return Ok(()) };
    if Cluster::of_this_run().is_none() {
        return Ok(());
    }
    let local = remote.local(&[PROGRAM])?;
    let elsewhere = format!("{}={}", Cluster::PROPERTIES, Cluster::ELSEWHERE);
    // Once before the right machines have built it, and once when all of it is in the cache.
    for when in ["at first", "afterwards"] {
        let ended = remote.command(&["--remote_accept_cached", &elsewhere], &[PROGRAM]).output()?;
        let says = String::from_utf8_lossy(&ended.stderr);
        ensure!(!ended.status.success() && says.contains("No such file or directory"), "{when} it did not fail to start there: {says}");
        remote.forget()?;
        same(&local, &remote.build(&["--remote_accept_cached"], &[PROGRAM])?, &format!("{when}, on machines of this one's processor"))?;
        remote.forget()?;
    }
    Ok(())
}

#[test]
fn a_real_program() -> Result<()> {
    let Some(executor) = executor() else { return Ok(()) };
    let program = std::slice::from_ref(&HYPERFINE);
    let workspace = Workspace::generate(Workspace::REMOTE, program, Tool::Prebuilt(splitlink()))?;
    let log = workspace.root.join("execution_log.json");
    let local_flags = ["--host_compilation_mode=fastbuild"];
    let mut remote_flags: Vec<String> = local_flags.map(str::to_owned).into();
    remote_flags.extend([
        format!("--remote_executor={executor}"),
        "--spawn_strategy=remote".to_owned(),
        "--noremote_accept_cached".to_owned(),
    ]);
    remote_flags.extend(Cluster::properties());
    let remote_flags: Vec<&str> = remote_flags.iter().map(String::as_str).collect();
    // One that nobody has built.
    workspace.begin_round(&format!("{:?}", std::time::UNIX_EPOCH.elapsed()?))?;
    let tree = cache()?.join("remote_execution/tree");
    if tree.exists() {
        fs::remove_dir_all(&tree)?;
    }
    write_tree(&tree)?;
    let mut built = Vec::new();
    for flags in [&local_flags[..], &remote_flags] {
        succeed(workspace.bazel().arg("clean"))?;
        // Every later command would begin a log of its own.
        let log_flag = format!("--execution_log_json_file={}", log.display());
        succeed(workspace.bazel().arg("build").args(flags).args([&log_flag, &HYPERFINE.label(Rules::Splitlink)]))?;
        let executable = workspace.build(program, Rules::Splitlink, flags)?.remove(0);
        built.push(fs::read(&executable)?);
        for line in COMMAND_LINES.iter().filter(|line| line.bin == HYPERFINE.bin && !line.timed) {
            let ran = line.run(&executable, &tree)?;
            ensure!(ran.code == Some(line.code), "{line:?}: {ran:?}");
        }
    }
    ensure!(built[0] == built[1], "what was built remotely differs from what was built here");
    let ran: Vec<_> = execution_log::read(&log)?.into_iter().filter(|spawn| spawn.mnemonic.starts_with("Splitlink")).collect();
    let elsewhere = ran.iter().find(|spawn| spawn.runner != "remote");
    ensure!(ran.len() > 80 && elsewhere.is_none(), "of {} actions this did not run remotely: {elsewhere:?}", ran.len());
    eprintln!("remote execution: {} actions of the split for {}", ran.len(), HYPERFINE.bin);
    Ok(())
}

/// Kills the worker that runs the first process of splitlink's `phase` seen; false if the build
/// `is_over` before.
fn kill_worker_of(cluster: &Cluster, phase: &str, mut is_over: impl FnMut() -> Result<bool>) -> Result<bool> {
    while !is_over()? {
        if let Some(worker) = cluster.worker_that_runs(phase)? {
            succeed(Command::new("kill").args(["-KILL", &worker.to_string()]))?;
            return Ok(true);
        }
        thread::sleep(Duration::from_millis(2));
    }
    Ok(false)
}

#[test]
fn a_link_with_a_cache_folder_stays_here() -> Result<()> {
    let Some(mut remote) = Remote::make()? else { return Ok(()) };
    let target = "//examples/lto:static_counter_staticlib";
    let local = remote.local(&[target])?;
    let folder = cache()?.join("remote_execution/lto_cache");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir(&folder)?;
    let folder = folder.display();
    let flags = [
        &format!("--//rules/bazel:lto_cache={folder}"),
        &format!("--sandbox_writable_path={folder}"),
        "--strategy=SplitlinkLink=remote,sandboxed",
    ];
    same(&local, &remote.build(&flags, &[target])?, "with a cache folder")?;
    let (links, others): (Vec<_>, Vec<_>) = remote.ran()?.into_iter().partition(|spawn| spawn.mnemonic == "SplitlinkLink");
    ensure!(!links.is_empty() && links.iter().all(|spawn| spawn.runner.ends_with("sandbox")), "{links:?}");
    ensure!(!others.is_empty() && others.iter().all(|spawn| spawn.runner == "remote"), "{others:?}");
    Ok(())
}

#[test]
fn a_server_that_does_not_answer_for_a_while() -> Result<()> {
    let Some(mut remote) = Remote::make()? else { return Ok(()) };
    let Some(cluster) = Cluster::of_this_run() else { return Ok(()) };
    let local = remote.local(&[PROGRAM])?;
    let mut build = remote.command(&["--remote_timeout=5s", "--remote_retries=20"], &[PROGRAM]).stderr(Stdio::piped()).spawn()?;
    let began = Instant::now();
    while cluster.worker_that_runs("link-only")?.is_none() && build.try_wait()?.is_none() {
        ensure!(began.elapsed() < Duration::from_secs(600), "no link-only was seen");
        thread::sleep(Duration::from_millis(5));
    }
    ensure!(build.try_wait()?.is_none(), "the build was over before the server could be stopped");
    cluster.signal_server("STOP")?;
    thread::sleep(Duration::from_secs(8));
    cluster.signal_server("CONT")?;
    let ended = build.wait_with_output()?;
    ensure!(ended.status.success(), "the build failed: {}", String::from_utf8_lossy(&ended.stderr));
    same(&local, &remote.clone.written(&[])?, "after the server stood still")
}
