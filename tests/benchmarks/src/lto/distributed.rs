//! Thin LTO in actions of their own against one action: what it takes in all, after a change, and at
//! most in one action.

use super::{Bench, Call, LEAF, TEXT, size_of, with_extension};
use anyhow::{Context, Result, ensure};
use splitlink_tests::rustc_fixture::tools::names_in;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What an action takes: seconds, those of processors, and the most memory in KiB.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Cost {
    pub(super) wall: f64,
    pub(super) seconds: f64,
    pub(super) peak: u64,
}

/// A link in parts.
#[derive(Default)]
struct Parts {
    thin_link: Cost,
    /// Those that ran, in the order of their names.
    back_ends: Vec<Cost>,
    link: Cost,
}

impl Parts {
    fn all(&self) -> impl Iterator<Item = &Cost> {
        [&self.thin_link, &self.link].into_iter().chain(&self.back_ends)
    }

    fn seconds(&self) -> f64 {
        self.all().map(|cost| cost.seconds).sum()
    }

    fn peak(&self) -> u64 {
        self.all().map(|cost| cost.peak).max().unwrap_or_default()
    }

    /// How long each action took by itself, for `simulate_schedules.py lto`.
    fn schedule(&self, in_one_action: &Cost) -> serde_json::Value {
        serde_json::json!({
            "thin_link": self.thin_link.wall,
            "back_ends": self.back_ends.iter().map(|back_end| back_end.wall).collect::<Vec<_>>(),
            "link": self.link.wall,
            "in_one_action": in_one_action.wall,
        })
    }
}

/// What was optimised before a change.
pub(super) struct Before {
    one: Cost,
    parts: Parts,
    dir: PathBuf,
}

impl Bench {
    /// Links in one action and in parts.
    pub(super) fn in_parts_before(&self, call: &Call) -> Result<Before> {
        let one = self.link_with(call, &["--lto".into(), "thin".into()])?;
        let dir = self.dir.join("parts-before");
        let parts = self.in_parts(call, &dir, None)?;
        Ok(Before { one, parts, dir })
    }

    /// Links likewise after a change, has rustc do thin LTO, and prints all.
    #[expect(clippy::cast_precision_loss, reason = "for people")]
    pub(super) fn in_parts_after(&self, call: &Call, before: &Before) -> Result<()> {
        let one = self.link_with(call, &["--lto".into(), "thin".into()])?;
        let parts = self.in_parts(call, &self.dir.join("parts-after"), Some(&before.dir))?;
        let rustc = self.rustc_cost(call, "thin")?;
        println!("  distributed thin LTO, processor seconds and the largest action's memory:");
        println!(
            "    from nothing: {:.1} s in one action, {:.1} s in parts ({} back ends), ratio {:.2}; {} and {} MiB, ratio {:.2}",
            before.one.seconds,
            before.parts.seconds(),
            before.parts.back_ends.len(),
            before.parts.seconds() / before.one.seconds,
            before.one.peak >> 10,
            before.parts.peak() >> 10,
            before.parts.peak() as f64 / before.one.peak as f64
        );
        println!(
            "    after a change in `{LEAF}`: {:.1} s in one action, {:.1} s in parts ({} back ends), ratio {:.2}; rustc {:.1} s, its own crate included, ratio {:.2}",
            one.seconds,
            parts.seconds(),
            parts.back_ends.len(),
            parts.seconds() / one.seconds,
            rustc.seconds,
            parts.seconds() / rustc.seconds
        );
        let longest = before.parts.back_ends.iter().map(|back_end| back_end.wall).fold(0.0, f64::max);
        println!(
            "    from start to end: rustc {:.1} s after the change; in one action {:.1} s and {:.1} s; from nothing the thin link {:.1} s, the longest back end {longest:.1} s, the link {:.1} s",
            rustc.wall, before.one.wall, one.wall, before.parts.thin_link.wall, before.parts.link.wall
        );
        let schedules = self.dir.join("distributed.json");
        let times = serde_json::json!({
            "name": self.program.package,
            "from nothing": before.parts.schedule(&before.one),
            "after a change": parts.schedule(&one),
        });
        fs::write(&schedules, serde_json::to_vec_pretty(&times)?)?;
        println!("    with more processors: tests/benchmarks/simulate_schedules.py lto {}", schedules.display());
        let [in_one, in_parts] = [self.out("one"), self.out("splitlink")].map(|program| size_of(&program, TEXT));
        let (in_one, in_parts) = (in_one?, in_parts?);
        println!("    text {in_one} and {in_parts} bytes, ratio {:.4}", in_parts as f64 / in_one as f64);
        Ok(())
    }

    /// Links in parts in the folder `dir`; what is the same as in `before` is taken from there.
    fn in_parts(&self, call: &Call, dir: &Path, before: Option<&Path>) -> Result<Parts> {
        let _ = fs::remove_dir_all(dir);
        let (thin, objects) = (dir.join("thin"), dir.join("objects"));
        let mut args = self.linked("thin-link")?;
        args.extend(["--output-dir".into(), thin.clone().into()]);
        let mut parts = Parts { thin_link: self.cost(&args, call)?, ..Parts::default() };
        let inside = |of: &str| names_in(&thin.join(of)).into_iter().map(|name| format!("{of}/{name}")).collect::<Vec<_>>();
        for folder in [inside("crates"), vec!["own".to_owned()], inside("std")].concat() {
            let same = |before: &Path| -> Result<bool> {
                let mut diff = Command::new("diff");
                Ok(diff.args(["-rq"]).arg(before.join("thin").join(&folder)).arg(thin.join(&folder)).output()?.status.success())
            };
            let to = objects.join(&folder);
            match before {
                Some(before) if same(before)? => {
                    fs::create_dir_all(to.parent().context("a folder is in another")?)?;
                    let copied = Command::new("cp").arg("-a").arg(before.join("objects").join(&folder)).arg(&to).status()?;
                    ensure!(copied.success(), "cannot copy `{folder}`");
                }
                _ => {
                    let mut args: Vec<OsString> = vec![self.splitlink.clone().into(), "thin-backend".into(), "--threads=1".into()];
                    args.extend(["--index".into(), thin.join(&folder).into(), "--std-bitcode".into(), thin.join("std-bitcode").into()]);
                    args.extend(["--output-dir".into(), to.into(), "--sysroot".into(), (&self.sysroot).into()]);
                    parts.back_ends.push(self.cost(&args, call)?);
                }
            }
        }
        let given = ["--thin-link".into(), thin.join("link.json").into(), "--thin-objects".into(), objects.into()];
        // In the place of what one action linked.
        fs::rename(self.out("splitlink"), self.out("one"))?;
        parts.link = self.link_with(call, &[&["--lto".into(), "thin".into()][..], &given].concat())?;
        Ok(parts)
    }

    fn link_with(&self, call: &Call, more: &[OsString]) -> Result<Cost> {
        let mut args = self.linked("link-only")?;
        args.extend(["--output".into(), self.out("splitlink").into()]);
        args.extend(more.iter().cloned());
        self.cost(&args, call)
    }

    /// The subcommand `name` with what is linked.
    fn linked(&self, name: &str) -> Result<Vec<OsString>> {
        let mut args: Vec<OsString> = vec![self.splitlink.clone().into(), name.into(), "--sysroot".into(), (&self.sysroot).into()];
        args.extend(["--plan".into(), self.dir.join("plan.json").into(), "--modules".into(), self.dir.join("modules").into()]);
        for rlib in with_extension(&self.deps(), "rlib")? {
            args.extend(["--rlib".into(), rlib.into()]);
        }
        Ok(args)
    }
}
