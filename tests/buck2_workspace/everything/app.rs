//! Prints what it makes of the resource beside it.

use std::path::Path;

unsafe extern "C" {
    fn c_thrice(value: u32) -> u32;
}

fn main() {
    let program = std::env::current_exe().expect("the program");
    let listed = std::fs::read_to_string(program.with_added_extension("resources.json")).expect("the list of resources");
    // {"everything/text": "text.txt"}, the file from the program's folder.
    let file = listed.split('"').nth(3).expect("a resource");
    let folder = program.parent().unwrap_or(Path::new("."));
    let text = std::fs::read_to_string(folder.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
    let most = words::most_frequent(&text);
    let caught = std::panic::catch_unwind(|| [0_u8][text.len()]);
    // SAFETY: C takes and gives a number.
    println!("{} {} {} {}", words::words(), unsafe { c_thrice(most) }, words::asked(), caught.is_err());
}
