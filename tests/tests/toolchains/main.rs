//! Every crate type and kind of LTO with other versions of rustc than this machine's: those that
//! `SPLITLINK_TOOLCHAINS` names, which `dev/test toolchains` installs.

mod crate_types;
mod cross;
mod dylib_of;
mod musl;
mod versions;
