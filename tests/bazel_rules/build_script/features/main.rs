#![allow(unexpected_cfgs)]

include!(concat!(env!("OUT_DIR"), "/folder/generated.rs"));

unsafe extern "C" {
    fn features_answer() -> std::ffi::c_int;
}

fn main() {
    print!("{}", include_str!(concat!(env!("OUT_DIR"), "/seen.txt")));
    println!("generated: {GENERATED}");
    println!("rundir: {}", rundir::IS_ROOT);
    println!("rustc-cfg: {} {}", cfg!(scripted), cfg!(valued = "a value"));
    println!("rustc-env: {}", env!("SAID"));
    println!("a path in rustc-env: {}", include_str!(env!("PATH_SAID")) == include_str!(concat!(env!("OUT_DIR"), "/seen.txt")));
    // SAFETY: it takes nothing and returns a number.
    println!("rustc-link-lib: {}", unsafe { features_answer() });
    let own = std::fs::read(std::env::current_exe().expect("a path")).expect("the program can be read");
    // Else the text would be here, too.
    let argument = ["/by/the", "/link/argument"].concat();
    println!("rustc-link-arg: {}", own.windows(argument.len()).any(|part| part == argument.as_bytes()));
}
