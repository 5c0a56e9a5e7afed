//! What `metadata --interface` promises, shown on many crates: random ones, and those of published
//! programs. `dev/interfaces_proof` runs all of it; `cargo test` a sample.

mod bodies;
mod graphs;
mod leaks;
mod programs;
mod traps;

use splitlink_tests::rustc_fixture::tools::skip;
use std::io::Write;

/// Whether all is run, and not a sample.
fn is_whole() -> bool {
    std::env::var_os("SPLITLINK_ALL_INTERFACES").is_some_and(|value| value != "0")
}

/// Whether all is run; else says aloud that `what` is not.
fn is_whole_or_skipped(what: &str) -> bool {
    if !is_whole() {
        skip(&format!("{what} is part of the whole run only; `dev/interfaces_proof` does it"));
    }
    is_whole()
}

/// Says what was counted; libtest hides what passing tests print through `println!`, but not this.
fn say(what: &str) {
    let _ = writeln!(std::io::stderr(), "interfaces: {what}");
}
