fn main() {
    let out = std::env::var("OUT_DIR").expect("OUT_DIR is set");
    std::fs::write(format!("{out}/word.rs"), "pub const WORD: &str = \"of the helper's script\";\n").expect("OUT_DIR can be written");
}
