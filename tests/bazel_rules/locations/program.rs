//! A program with data.

fn main() {
    println!("{}", dep::last(&std::env::var("DATA").expect("DATA is set")));
}
