fn main() {
    println!("cargo:rustc-env=TEN={}", leaf::three() + 7);
}
