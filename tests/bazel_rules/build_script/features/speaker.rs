fn main() {
    print!("the tool speaks");
}
