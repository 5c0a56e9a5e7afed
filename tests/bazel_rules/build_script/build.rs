use std::path::Path;
use std::process::Command;
use std::{env, fs};

fn main() {
    let out = env::var("OUT_DIR").expect("OUT_DIR is set");
    let out = Path::new(&out);
    fs::write(out.join("generated.rs"), "pub const GENERATED: u32 = 7;\n").expect("OUT_DIR can be written");

    let run = |program: &str, args: &[&str]| {
        let status = Command::new(program).args(args).current_dir(out).status().expect("the tool starts");
        assert!(status.success(), "{program} {args:?}: {status}");
    };
    let source = env::current_dir().expect("a working folder").join("answer.c");
    run(&env::var("CC").expect("CC is set"), &["-c", "-fPIC", "-o", "answer.o", source.to_str().expect("UTF-8")]);
    run(&env::var("AR").expect("AR is set"), &["rcs", "libanswer.a", "answer.o"]);

    println!("cargo:rustc-link-search=native={}", out.display());
    println!("cargo:rustc-link-lib=static=answer");
    println!("cargo:rustc-cfg=scripted");
    println!("cargo:rustc-env=SCRIPTED=by the script");
    println!("cargo:version=3");
}
