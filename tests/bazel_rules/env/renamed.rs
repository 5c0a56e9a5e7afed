pub const NAME: &str = "renamed";
