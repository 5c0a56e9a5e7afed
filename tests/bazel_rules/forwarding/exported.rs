#[unsafe(no_mangle)]
pub extern "C" fn exported_ten() -> u32 {
    branch::ten()
}
