//! Prints where in a page its linker scripts put two symbols; where the page is changes with every run.

unsafe extern "C" {
    static set_by_attribute: u8;
    static set_by_flag: u8;
}

fn main() {
    let address = |symbol: *const u8| symbol.addr() & 0xfff;
    println!("{:x} {:x}", address(&raw const set_by_attribute), address(&raw const set_by_flag));
}
