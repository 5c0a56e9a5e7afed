fn main() {
    println!("{}", branch::ten());
}
