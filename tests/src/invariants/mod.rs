//! What must hold of the readers and writers of every format for any bytes whatever.
//!
//! Each function takes bytes that may be anything, and panics if something does not hold. A reader
//! may refuse them; what it accepts must come back the same from the writer. `dev/fuzz` looks for
//! bytes that break one of them, with the targets in `tests/fuzz`; the test `invariants` checks
//! them over real files and damaged ones.

mod archives;
mod bitcode;
pub mod corpus;
mod json;
mod response_file;
mod sizes;
mod worker_protocol;

pub use archives::{archive, rlib};
pub use bitcode::bitcode;
pub use json::{dylib_manifest, engine_request, link_plan, link_report};
pub use response_file::response_file;
pub use sizes::{artifact, sizes};
pub use worker_protocol::worker_protocol;

/// What panics where something does not hold of the bytes that it is given.
pub type Invariant = fn(&[u8]);

/// All of them, by the name of the fuzz target.
pub const ALL: &[(&str, Invariant)] = &[
    ("archive", archive),
    ("artifact", artifact),
    ("bitcode", bitcode),
    ("dylib_manifest", dylib_manifest),
    ("engine_request", engine_request),
    ("link_plan", link_plan),
    ("link_report", link_report),
    ("response_file", response_file),
    ("rlib", rlib),
    ("sizes", sizes),
    ("worker_protocol", worker_protocol),
];

/// Takes `bytes` apart into texts, as many as there may be.
fn texts(bytes: &[u8]) -> Vec<String> {
    bytes.split(|&byte| byte == 0).map(|part| String::from_utf8_lossy(part).into_owned()).collect()
}
