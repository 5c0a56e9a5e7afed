fn main() {
    println!("{}", env!("TEN"));
}
