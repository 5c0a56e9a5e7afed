//! Counts directly and by way of C.

unsafe extern "C" {
    safe fn middle_count() -> i32;
}

fn main() {
    println!("{} {} {}", lower::lower_count(), middle_count(), lower::lower_count());
}
