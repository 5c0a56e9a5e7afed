//! With Bazel: a build with workers gives the same bytes as one without, from one rustc process a library, whatever happens on the way.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use anyhow::{Context, Result, ensure};
use splitlink_tests::execution_log::{self, Spawn};
use splitlink_tests::watched::{DAY, Files, Start, WORKER, Watched, kill, same, wait_until};

/// Libraries, programs, tests, a proc macro and its library, a build script with a native library.
const TARGETS: &[&str] = &["//examples/hello/...", "//examples/proc_macro/...", "//tests/bazel_rules/build_script/..."];

/// Alike for both, for they share a worker.
const NONE_SUSPENDED: [&str; 3] =
    [WORKER, "--worker_extra_flag=SplitlinkMetadata=--max-suspended=0", "--worker_extra_flag=SplitlinkCodegen=--max-suspended=0"];

const SANDBOXES: &str = "--experimental_worker_multiplex_sandboxing";

const NO_WORKER: &str = "--//rules/bazel:worker=false";
