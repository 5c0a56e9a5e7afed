//! A program that was given everything a compiler can be given.

fn main() {
    println!("{}", env!("STAMPED"));
}

#[cfg(test)]
mod tests {
    #[test]
    fn environment_reaches_the_compiler() {
        assert_eq!(env!("FROM_RULE"), "a rule");
        assert_eq!(env!("FROM_FILE"), "a file");
    }

    #[test]
    fn package_is_the_published_target_s() {
        assert_eq!(env!("CARGO_PKG_NAME"), "env-printer");
        assert_eq!(env!("CARGO_CRATE_NAME"), "env_printer");
        assert_eq!(env!("CARGO_PKG_VERSION"), "1.2.3");
        assert!(module_path!().starts_with("env_printer::"));
    }

    #[test]
    fn files_and_features_reach_the_compiler() {
        assert_eq!(include_str!(env!("TEXT")), "generated");
        assert_eq!(include_str!(env!("OPAQUE")), "no library");
        assert!(cfg!(feature = "shout"));
    }
}
