//! Published programs whose own crates are compiled in several ways, to be compared: with and
//! without interfaces, and with edits in their bodies.
//!
//! | module | what is in it |
//! |---|---|
//! | [`recorded`] | a program as Cargo builds it: the commands of its own crates, the others compiled |
//! | [`build`] | its own crates compiled and linked by splitlink, in a way of one's choice |
//! | [`edits`] | edits of bodies |

pub mod build;
pub mod edits;
pub mod recorded;
