pub const SHARED: u32 = 5;
