//! Crates of which some import functions of others in thin LTO, and one does not.

/// Functions that call another are not inlined by rustc itself.
pub const LEAF: &str = "use std::sync::atomic::{AtomicU64, Ordering};
static SEEN: AtomicU64 = AtomicU64::new(0);
pub fn leaf(x: u64) -> u64 { seen(x.rotate_left(5)).wrapping_mul(77) }
#[inline(never)]
fn seen(x: u64) -> u64 { SEEN.fetch_add(x, Ordering::Relaxed); x }
#[inline(never)]
pub fn not_imported(x: u64) -> u64 { x ^ 5 }
";

/// What nobody imports.
pub const APART: &str = "#[inline(never)]\npub fn apart(x: u64) -> u64 { x.rotate_left(9) ^ 1234 }\n";

/// The sources by name: `app.rs` is a program of `apart` and `middle`, `library.rs` one for C of
/// `middle`; `leaf` is inlined into `middle`, which is in nobody.
pub const SOURCES: [(&str, &str); 5] = [
    ("apart.rs", APART),
    ("leaf.rs", LEAF),
    ("middle.rs", "#[inline(never)]\npub fn middle(x: u64) -> u64 { leaf::leaf(x) + leaf::not_imported(x) }\n"),
    ("app.rs", "fn main() { println!(\"{}\", middle::middle(3) ^ apart::apart(4)); }\n"),
    ("library.rs", "#[unsafe(no_mangle)]\npub extern \"C\" fn answer(x: u64) -> u64 { middle::middle(x) }\n"),
];

/// The folders of their back ends, without the hashes of their names.
pub const BACK_ENDS: [&str; 8] = ["crates/apart", "crates/leaf", "crates/middle", "own", "std/alloc", "std/core", "std/rest", "std/std"];

/// What the program prints, as the sources say, with `factor` for 77 in the leaf.
pub fn printed(factor: u64) -> String {
    let middle = 3u64.rotate_left(5).wrapping_mul(factor) + (3 ^ 5);
    format!("{}\n", middle ^ 4u64.rotate_left(9) ^ 1234)
}

/// The folder of a back end, without the hash of its name.
pub fn without_hash(folder: &str) -> &str {
    folder.rsplit_once('-').filter(|_| folder.starts_with("crates/")).map_or(folder, |(name, _)| name)
}
