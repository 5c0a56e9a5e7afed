//! The phases that compile a library, and what no-link has in common with them.

pub(crate) mod codegen;
pub(crate) mod dependencies;
pub(crate) mod dlltool;
pub(crate) mod emitted;
pub(crate) mod incremental;
pub(crate) mod interface;
pub(crate) mod library;
pub(crate) mod metadata;
mod prepared;
pub(crate) mod rustc_stand_in;
pub(crate) mod split_debug_info;

/// What shortens the builds after an edit; the same for `metadata` and `codegen` of a crate.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct ForEdits {
    /// Compile dependents against the interface of the crate: bodies that no other crate can see are
    /// no part of the metadata that `metadata` writes and `codegen` is given, so a change in one
    /// changes nothing for dependents. The same for both phases of a crate. It counts at opt-level 0.
    /// [default: off]
    #[arg(long)]
    pub interface: bool,
    /// Compile incrementally: in a worker, rustc takes from the last build of the crate what has not
    /// changed. The same for all phases of a crate. [default: off]
    #[arg(long)]
    pub incremental: bool,
}
