pub const IS_ROOT: &str = env!("IS_ROOT");
