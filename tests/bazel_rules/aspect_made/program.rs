fn main() {
    println!("{} {}", asker::ask(), answer::number());
}
