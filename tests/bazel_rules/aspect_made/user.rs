//! Uses a generated crate and what is below its runtime: one type, by both ways.

pub fn unwrap(number: below::Number) -> i32 {
    runtime::wrap(number.0).0
}

pub fn seven() -> seven::Number {
    seven::wrap(seven::number())
}
