//! Debug information of what is linked: what is packed, and what becomes of it after the link.
//! Nothing is compiled here.

pub(crate) mod dwp;
pub(crate) mod skeletons;
pub(crate) mod strip;
