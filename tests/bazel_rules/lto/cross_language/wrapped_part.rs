unsafe extern "C" {
    pub safe fn c_triple(x: i32) -> i32;
    pub safe fn c_calls(x: i32) -> i32;
}
