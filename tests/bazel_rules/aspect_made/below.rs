//! Below the runtime, and used by itself.

pub struct Number(pub i32);
