//! Thin LTO in actions of their own against one action: what it takes in all, after a change, and at
//! most in one action.

use super::{Bench, Call, LEAF, with_extension};
use anyhow::{Context, Result, ensure};
use splitlink_tests::rustc_fixture::tools::names_in;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Processor seconds, and the most memory of one action in KiB.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Cost {
    pub(super) seconds: f64,
    pub(super) peak: u64,
}

impl Cost {
    fn add(&mut self, other: Self) {
        self.seconds += other.seconds;
        self.peak = self.peak.max(other.peak);
    }
}

/// What was optimised before a change.
pub(super) struct Before {
    one: Cost,
    parts: Cost,
    dir: PathBuf,
}

impl Bench {
    /// Links in one action and in parts.
    pub(super) fn in_parts_before(&self, call: &Call) -> Result<Before> {
        let one = self.link_with(call, &["--lto".into(), "thin".into()])?;
        let dir = self.dir.join("parts-before");
        let (parts, _) = self.in_parts(call, &dir, None)?;
        Ok(Before { one, parts, dir })
    }

    /// Links likewise after a change, and prints both.
    #[expect(clippy::cast_precision_loss, reason = "for people")]
    pub(super) fn in_parts_after(&self, call: &Call, before: &Before) -> Result<()> {
        let one = self.link_with(call, &["--lto".into(), "thin".into()])?;
        let (parts, ran) = self.in_parts(call, &self.dir.join("parts-after"), Some(&before.dir))?;
        println!("  distributed thin LTO, processor seconds and the largest action's memory:");
        println!(
            "    from nothing: {:.1} s in one action, {:.1} s in parts, ratio {:.2}; {} and {} MiB, ratio {:.2}",
            before.one.seconds,
            before.parts.seconds,
            before.parts.seconds / before.one.seconds,
            before.one.peak >> 10,
            before.parts.peak >> 10,
            before.parts.peak as f64 / before.one.peak as f64
        );
        println!(
            "    after a change in `{LEAF}`: {:.1} s in one action, {:.1} s in parts ({ran} back ends), ratio {:.2}",
            one.seconds,
            parts.seconds,
            parts.seconds / one.seconds
        );
        Ok(())
    }

    /// Links in parts in the folder `dir`; what is the same as in `before` is taken from there. Also
    /// says how many back ends ran.
    fn in_parts(&self, call: &Call, dir: &Path, before: Option<&Path>) -> Result<(Cost, usize)> {
        let _ = fs::remove_dir_all(dir);
        let (thin, objects) = (dir.join("thin"), dir.join("objects"));
        let mut args = self.linked("thin-link")?;
        args.extend(["--output-dir".into(), thin.clone().into()]);
        let mut cost = self.cost(&args, call)?.1;
        let mut ran = 0;
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
                    cost.add(self.cost(&args, call)?.1);
                    ran += 1;
                }
            }
        }
        let given = ["--thin-link".into(), thin.join("link.json").into(), "--thin-objects".into(), objects.into()];
        cost.add(self.link_with(call, &[&["--lto".into(), "thin".into()][..], &given].concat())?);
        Ok((cost, ran))
    }

    fn link_with(&self, call: &Call, more: &[OsString]) -> Result<Cost> {
        let mut args = self.linked("link-only")?;
        args.extend(["--output".into(), self.out("splitlink").into()]);
        args.extend(more.iter().cloned());
        Ok(self.cost(&args, call)?.1)
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
