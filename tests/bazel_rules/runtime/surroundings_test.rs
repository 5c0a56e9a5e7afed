//! A test without libtest, which sees its arguments.

use std::{env, fs};

fn main() {
    let args: Vec<String> = env::args().skip(1).collect();
    assert_eq!(args.len(), 2, "{args:?}");
    assert_eq!(fs::read_to_string(&args[1]).expect("the argument is a path"), "of the test\n");
    assert_eq!(env::var("DATA").expect("the rule sets it"), args[1]);
    assert!(env::var_os("PATH").is_some());
    assert_eq!(with_data::of_library(), "of the library\n");
}
