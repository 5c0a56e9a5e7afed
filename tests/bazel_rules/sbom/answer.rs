#[unsafe(no_mangle)]
pub extern "C" fn sbom_answer() -> u64 {
    own::answer()
}
