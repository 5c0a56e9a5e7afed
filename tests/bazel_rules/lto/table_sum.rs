#[unsafe(no_mangle)]
pub extern "C" fn table_sum() -> u32 {
    table::table().iter().sum()
}

#[allow(dead_code, reason = "only a program begins here")]
fn main() {
    println!("{}", table_sum());
}
