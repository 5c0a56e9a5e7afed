#[unsafe(no_mangle)]
pub extern "C" fn sum_of_next() -> i32 {
    let (one, other) = twice::next();
    one + other
}
