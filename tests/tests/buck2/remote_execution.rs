//! With a real remote executor: the split's actions run there, and write what they write here.

use std::fs;

use anyhow::{Context, Result, ensure};
use splitlink_tests::buck2::Project;
use splitlink_tests::real_programs::{HYPERFINE, buck2_files};
use splitlink_tests::remote_executor::{Cluster, executor};
use splitlink_tests::rustc_fixture::tools::empty_folder;

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
            remote_execution_properties = {PROPERTIES},
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
fn what_is_built_remotely_is_what_is_built_here() -> Result<()> {
    let Some(executor) = executor() else { return Ok(()) };
    let Some(project) = Project::new("remote_execution")? else { return Ok(()) };
    let folder = project.root.join("remote");
    fs::create_dir(&folder)?;
    // Buck2 says no PATH, and its tests' toolchain wants rustc on it.
    let properties = Cluster::of_this_run().map_or("", |_| r#""runner": "plain""#);
    fs::write(folder.join("defs.bzl"), PLATFORM.replace("PROPERTIES", properties))?;
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

    buck2_files::generate(&empty_folder("remote_execution_sources")?, &project.root, &[HYPERFINE])?;
    let target = format!("root//{}:{}", HYPERFINE.package, HYPERFINE.bin);
    let mut built = Vec::new();
    for how in ["--local-only", "--no-remote-cache"] {
        project.buck2(&["clean"])?;
        built.push(fs::read(project.build_with(&[how], &target)?)?);
    }
    ensure!(built[0] == built[1], "{target}: what was built remotely differs");
    let elsewhere = project.ran()?.into_iter().find(|ran| ran.action.starts_with("splitlink_") && ran.executor != "Re");
    ensure!(elsewhere.is_none(), "{target}: this did not run remotely: {elsewhere:?}");
    Ok(())
}
