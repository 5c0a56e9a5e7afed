//! Small crate graphs, each built twice by the same commands: by rustc itself and through
//! splitlink.
//!
//! | module | what is in it |
//! |---|---|
//! | [`tools`] | the toolchains, the splitlink under test, folders to work in |
//! | [`graph`] | the library crates of `tests/fixtures` |
//! | [`case`] | a linked crate, and its two builds |
//! | [`comparison`] | what two builds of one crate must have in common |
//! | [`link_line`] | the linker's arguments, recorded on both ways |
//! | [`project`] | sources of a test's own, and the four phases run on them |
//! | [`elf`] | what the loader and the linker see of an artifact |
//! | [`mach_o`] | the same of a Mach-O file |
//! | [`disassembly`] | the functions of an artifact, and what they call |
//! | [`distributed`] | thin LTO in actions of their own |
//! | [`gdb`] | what a debugger says of a program |
//! | [`archive`] | the members and the symbol index of a staticlib |
//! | [`small_disk`] | a file system that is easily full, or read-only |
//! | [`lto_library`] | a library of several crates that thin LTO is quick with |
//! | [`schema`] | a small JSON Schema validator |
//! | [`two_ways`] | crates for another target, built on both ways and compared |
//! | [`worker`] | a build system's side of the worker protocol |

pub mod archive;
pub mod case;
pub mod comparison;
pub mod disassembly;
pub mod distributed;
pub mod elf;
pub mod gdb;
pub mod graph;
pub mod link_line;
pub mod lto_library;
pub mod mach_o;
pub mod project;
pub mod schema;
pub mod small_disk;
pub mod tools;
pub mod two_ways;
pub mod worker;
