//! What `metadata --interface` promises, shown on many crates: random ones, and those of published
//! programs. `dev/interfaces_proof` runs all of it; `cargo test` a sample.

mod bodies;
mod graphs;
mod leaks;
mod programs;
mod traps;

use std::io::Write;

/// Whether all is run, and not a sample.
fn is_whole() -> bool {
    std::env::var_os("SPLITLINK_ALL_INTERFACES").is_some_and(|value| value != "0")
}

/// Says what was counted; libtest hides what passing tests print through `println!`, but not this.
fn say(what: &str) {
    let _ = writeln!(std::io::stderr(), "interfaces: {what}");
}
