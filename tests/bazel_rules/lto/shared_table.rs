#[unsafe(no_mangle)]
pub extern "C" fn table_sum() -> u32 {
    table::table().iter().sum()
}
