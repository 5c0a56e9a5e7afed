//! A program that is a library for C, too.

use shapes::Square;

#[unsafe(no_mangle)]
pub extern "C" fn engine_area(side: u32) -> u32 {
    // Allocates, so that the allocator is there in every artifact.
    let squares: Vec<Square> = (1..=side).map(Square).collect();
    squares.last().map_or(0, Square::area)
}

/// The whole program; also what a dylib offers to Rust.
pub fn run() -> String {
    format!("area: {}", engine_area(7))
}

#[allow(dead_code, reason = "only a program begins here")]
fn main() {
    println!("{}", run());
}
