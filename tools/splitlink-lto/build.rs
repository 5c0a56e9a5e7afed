//! Links the LLVM of the Rust toolchain that compiles this: its version is the one that wrote the bitcode.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=RUSTC");
    let dir = sysroot().join("lib");
    let Some(name) = llvm_in(&dir) else {
        panic!(
            "there is no libLLVM.so.* in `{}`\n  help: the engine of fat LTO needs a Rust toolchain that brings LLVM as a shared library, as those of rustup do on Linux",
            dir.display()
        );
    };
    println!("cargo::rustc-link-search=native={}", dir.display());
    println!("cargo::rustc-link-lib=dylib:+verbatim={name}");
    // For whoever runs it by hand; link-only says itself where the toolchain is that it was given.
    println!("cargo::rustc-link-arg-bins=-Wl,-rpath,{}", dir.display());
}

fn sysroot() -> PathBuf {
    let rustc = env::var_os("RUSTC").unwrap_or("rustc".into());
    let output = Command::new(&rustc).args(["--print", "sysroot"]).output().expect("rustc cannot be started");
    String::from_utf8(output.stdout).expect("the sysroot's path is no text").trim().into()
}

fn llvm_in(dir: &Path) -> Option<String> {
    let names = fs::read_dir(dir).ok()?.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    names.filter(|name| name.starts_with("libLLVM.so.")).max()
}
