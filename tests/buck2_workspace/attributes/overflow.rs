//! Reads a byte behind an allocation, which an address sanitizer sees.

fn main() {
    let bytes = vec![1u8; std::env::args().count() * 7];
    let end = std::hint::black_box(bytes.as_ptr().wrapping_add(bytes.len()));
    println!("{}", unsafe { end.read_volatile() });
}
