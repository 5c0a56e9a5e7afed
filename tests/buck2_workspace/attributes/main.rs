fn main() {
    println!("accepted");
}
