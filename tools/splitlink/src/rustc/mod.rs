//! What is known of rustc: its command line, its messages, how it is started, and what it says of a
//! crate.

pub(crate) mod args;
pub(crate) mod command;
pub(crate) mod crate_listing;
pub(crate) mod diagnostics;
pub(crate) mod processors;
pub mod response_file;
pub(crate) mod target_format;
pub mod version;
