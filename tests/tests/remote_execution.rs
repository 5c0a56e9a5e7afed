//! With a real remote executor: what the split's actions read is what they declare, so they run on a machine that has none of it, and write
//! what they write here.

use std::collections::BTreeSet;
use std::fs;

use anyhow::{Context, Result, ensure};
use splitlink_tests::buck2::Project;
use splitlink_tests::checkout::Checkout;
use splitlink_tests::execution_log;
use splitlink_tests::real_programs::cache;
use splitlink_tests::rustc_fixture::tools::skip;
use splitlink_tests::watched::same;

/// What says where the executor is.
const VARIABLE: &str = "SPLITLINK_REMOTE_EXECUTOR";

/// The executor, if there is one; else says aloud what is not tested.
fn executor() -> Option<String> {
    let found = std::env::var(VARIABLE).ok();
    if found.is_none() {
        skip(&format!(
            "no remote executor: nothing is built remotely; set {VARIABLE} to one (grpc://HOST:PORT, of the remote execution API, whose workers have \
             gcc, python3 and this rustc on their PATH) to enable these tests"
        ));
    }
    found
}

#[test]
fn with_bazel() -> Result<()> {
    let Some(executor) = executor() else { return Ok(()) };
    let targets = ["//examples/hello", "//examples/proc_macro/...", "//examples/c_interop/...", "//examples/multi_crate_type/..."];
    let folder = cache()?.join("remote_execution");
    let clone = Checkout::make(folder.join("clone"))?;
    let mut local = clone.build(&[], &targets)?;
    // Of an action that runs remotely, Bazel writes the response file there only.
    local.retain(|name, _| !name.ends_with(".params"));
    ensure!(clone.bazel().arg("clean").status()?.success(), "bazel clean failed");
    let log = folder.join("execution_log.json");
    let flags = [
        format!("--remote_executor={executor}"),
        "--spawn_strategy=remote".to_owned(),
        "--noremote_accept_cached".to_owned(),
        "--remote_download_outputs=all".to_owned(),
        format!("--execution_log_json_file={}", log.display()),
    ];
    let flags: Vec<_> = flags.iter().map(String::as_str).collect();
    same(&local, &clone.build(&flags, &targets)?, "built remotely")?;
    let spawns = execution_log::read(&log)?;
    let ours: Vec<_> = spawns.iter().filter(|spawn| spawn.mnemonic.starts_with("Splitlink")).collect();
    let kinds: BTreeSet<_> = ours.iter().map(|spawn| spawn.mnemonic.as_str()).collect();
    for kind in ["SplitlinkMetadata", "SplitlinkCodegen", "SplitlinkNoLink", "SplitlinkLink"] {
        ensure!(kinds.contains(kind), "no {kind} among {kinds:?}");
    }
    let elsewhere = ours.iter().find(|spawn| spawn.runner != "remote");
    ensure!(elsewhere.is_none(), "this did not run remotely: {elsewhere:?}");
    eprintln!("remote execution: {} actions of the split with Bazel", ours.len());
    Ok(())
}

/// The execution platform of the tests' project, by which actions run remotely.
const PLATFORM: &str = r#"
def _platforms(ctx):
    platform = ExecutionPlatformInfo(
        label = ctx.label.raw_target(),
        configuration = ctx.attrs.base[PlatformInfo].configuration,
        executor_config = CommandExecutorConfig(
            local_enabled = True,
            remote_enabled = True,
            use_limited_hybrid = True,
            remote_execution_properties = {},
            remote_execution_use_case = "buck2-default",
            remote_output_paths = "output_paths",
        ),
    )
    return [DefaultInfo(), ExecutionPlatformRegistrationInfo(platforms = [platform])]

platforms = rule(
    impl = _platforms,
    attrs = {"base": attrs.dep(providers = [PlatformInfo], default = "prelude//platforms:default")},
)
"#;

#[test]
fn with_buck2() -> Result<()> {
    let Some(executor) = executor() else { return Ok(()) };
    let Some(project) = Project::new("remote_execution")? else { return Ok(()) };
    let folder = project.root.join("remote");
    fs::create_dir(&folder)?;
    fs::write(folder.join("defs.bzl"), PLATFORM)?;
    fs::write(folder.join("BUCK"), "load(\":defs.bzl\", \"platforms\")\n\nplatforms(name = \"platforms\")\n")?;
    let settings = project.root.join(".buckconfig");
    let local = "execution_platforms = prelude//platforms:default";
    let text = fs::read_to_string(&settings)?;
    ensure!(text.contains(local), "{text}");
    let client: String = ["action_cache", "engine", "cas"].iter().map(|service| format!("{service}_address = {executor}\n")).collect();
    let text = text.replace(local, "execution_platforms = root//remote:platforms");
    fs::write(&settings, format!("{text}\n[buck2]\n  digest_algorithms = SHA256\n\n[buck2_re_client]\n{client}tls = false\n"))?;

    let targets = ["hello:hello", "hello:greeting", "multi_crate_type:engine[cdylib]"].map(|name| format!("splitlink//examples/{name}"));
    let built = |how: &str| targets.iter().map(|target| Ok(fs::read(project.build_with(&[how], target)?)?)).collect::<Result<Vec<_>>>();
    let local = built("--local-only")?;
    project.buck2(&["clean"])?;
    let remote = built("--no-remote-cache")?;
    ensure!(local == remote, "what was built remotely differs");

    project.buck2(&["clean"])?;
    project.buck2(&["build", "--no-remote-cache", "splitlink//examples/..."])?;
    let ran = project.ran()?;
    for kind in ["rustc metadata", "rustc rlib", "splitlink_no_link", "splitlink_link_only"] {
        let of_kind: Vec<_> = ran.iter().filter(|ran| ran.action.starts_with(kind)).collect();
        let elsewhere = of_kind.iter().find(|ran| ran.executor != "Re");
        ensure!(!of_kind.is_empty() && elsewhere.is_none(), "{kind} did not run remotely: {elsewhere:?}");
        eprintln!("remote execution: {} times {kind} with Buck2", of_kind.len());
    }
    project.passed("splitlink//examples/...", &[]).context("what was built remotely does not run here")?;
    Ok(())
}
