pub fn table() -> Vec<u32> {
    squares::squares!().to_vec()
}
