//! The sources of a graph's crates. Each counts its calls in a static of its own, so that a program
//! that has a crate twice prints other numbers than one that has it once.

use super::case::Shape;
use std::fmt::Write;

/// The name of the inner crate at `place`.
pub fn name(place: usize) -> String {
    format!("unit_{}", (b'a'..).nth(place).map_or('?', char::from))
}

/// The identity of the inner crate at `place`: its name and the extra file name that every crate is
/// given.
pub fn identity(place: usize) -> String {
    format!("{}-1", name(place))
}

/// The source of the inner crate at `place`.
pub fn inner(shape: &Shape, place: usize) -> String {
    let mut source = String::from(
        "use std::sync::atomic::{AtomicU32, Ordering};\n\
         pub static CALLS: AtomicU32 = AtomicU32::new(0);\n\
         pub fn shown<T: std::fmt::Debug>(value: T) -> String { format!(\"<{value:?}>\") }\n\
         pub fn call() -> String {\n",
    );
    let _ = writeln!(source, "    let own = format!(\"{}{{}}\", CALLS.fetch_add(1, Ordering::SeqCst));", name(place));
    source.push_str(&sum("    own", shape.inner[place]));
    source.push_str("}\n");
    source
}

/// `start`, and what the crates at `places` give.
fn sum(start: &str, places: &[usize]) -> String {
    let calls: Vec<String> = places.iter().map(|&place| format!(" + &{0}::shown({0}::call())", name(place))).collect();
    format!("{start}{}\n", calls.concat())
}

/// The source of the linked crate.
pub fn top(shape: &Shape, crate_type: &str) -> String {
    let calls = sum("String::new()", shape.top);
    let text = format!("fn text() -> String {{ {calls} }}\n");
    match crate_type {
        "bin" => {
            // Every crate's count, by way of whichever crates the top sees.
            let counts: Vec<String> =
                shape.top.iter().map(|&place| format!("{}::CALLS.load(std::sync::atomic::Ordering::SeqCst)", name(place))).collect();
            format!(
                "{text}fn main() {{\n    println!(\"{{}} {{}}\", text(), text());\n    println!(\"{{:?}}\", [{}]);\n    \
                 println!(\"{{:?}}\", std::panic::catch_unwind(|| panic!(\"{{}}\", text().len())).is_err());\n}}\n",
                counts.join(", ")
            )
        }
        "proc-macro" => {
            format!(
                "{text}#[proc_macro]\npub fn top(_: proc_macro::TokenStream) -> proc_macro::TokenStream {{ text().parse().unwrap() }}\n"
            )
        }
        "dylib" => format!("{text}pub fn top() -> String {{ text() }}\n"),
        _ => format!("{text}#[unsafe(no_mangle)]\npub extern \"C\" fn top() -> usize {{ text().len() }}\n"),
    }
}
