fn main() {
    println!("{} {}", user::unwrap(user::seven()), user::unwrap(runtime::wrap(8)));
}
