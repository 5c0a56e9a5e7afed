mod part;

fn main() {
    println!("{} {}", module_path!(), part::TEXT);
}
