//! Small crate graphs whose inner crates are offered as rlib, as dylib or as both: what rustc takes
//! of each, and what splitlink takes when it is offered exactly the same.
//!
//! | module | what is in it |
//! |---|---|
//! | [`case`] | the graphs, the forms, the linked crate types; which cases are run |
//! | [`source`] | the crates' sources |
//! | [`random`] | random sources for the crates |
//! | [`outcome`] | what a link took, or why it was refused, in words that both sides share |
//! | [`lab`] | a toolchain with a folder to work in, and a linker that does not link |
//! | [`reference`] | rustc builds every crate in its forms and links the top |
//! | [`split`] | splitlink compiles every crate once and links it in the forms |
//! | [`special`] | single graphs with sources and flags of their own |
//! | [`sweep`] | runs many cases on all cores and counts |

pub mod case;
pub mod lab;
pub mod outcome;
pub mod random;
pub mod reference;
pub mod source;
pub mod special;
pub mod split;
pub mod sweep;
