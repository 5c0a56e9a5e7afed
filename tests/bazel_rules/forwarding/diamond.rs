fn main() {
    println!("{}", branch::ten() + leaf::three() - 3);
}
