/// What the programs of this package print, after their crate's name.
pub const TEXT: &str = "has a part";
