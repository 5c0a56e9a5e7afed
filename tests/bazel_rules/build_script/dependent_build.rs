fn main() {
    let version = std::env::var("DEP_ANSWER_VERSION").expect("the other script published a version");
    println!("cargo:rustc-env=ANSWER_VERSION={version}");
}
