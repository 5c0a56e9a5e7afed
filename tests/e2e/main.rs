fn main() {
    println!("{}", greeting::greeting());
}
