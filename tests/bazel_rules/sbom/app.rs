fn main() {
    println!("{}", own::answer());
}
