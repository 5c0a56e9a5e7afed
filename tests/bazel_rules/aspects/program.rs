//! A program that wants its feature.

#[cfg(not(feature = "asked"))]
compile_error!("feature missing");

fn main() {
    println!("{}", featured::seven());
}
