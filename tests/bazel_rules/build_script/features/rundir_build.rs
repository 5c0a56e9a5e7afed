fn main() {
    let root = std::env::current_dir().expect("a working folder");
    let is_root = root.join("bazel-out").is_dir();
    println!("cargo:rustc-env=IS_ROOT={is_root}");
}
