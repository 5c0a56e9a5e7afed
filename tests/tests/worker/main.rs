//! One rustc for a library's metadata and its code: as a persistent worker, and shared by two
//! calls.
//!
//! Processes are counted by the folder that they work in, which is each test's own, so tests may
//! run at the same time.

mod containers;
mod incremental;
mod kills;
mod protocol;
mod shared_rustc;
mod socket;
mod twins;
