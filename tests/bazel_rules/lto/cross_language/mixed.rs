#[unsafe(no_mangle)]
pub extern "C" fn rust_double(x: i32) -> i32 {
    x * 2
}

#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn rust_calls(x: i32) -> i32 {
    wrapped_part::c_triple(x)
}

fn main() {
    let x = i32::try_from(std::env::args().count()).unwrap_or(0);
    println!("{} {}", rust_calls(x), wrapped_part::c_calls(x));
}
