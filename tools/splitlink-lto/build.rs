//! Links the LLVM of the Rust toolchain that compiles this, or the one that `SPLITLINK_LLVM` names:
//! its version must be the one that wrote the bitcode.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=RUSTC");
    println!("cargo::rerun-if-env-changed=SPLITLINK_LLVM");
    // The LLVM of another toolchain than the one that compiles this.
    let named = env::var_os("SPLITLINK_LLVM").map(PathBuf::from);
    let library = named.unwrap_or_else(of_toolchain);
    let (Some(dir), Some(name)) = (library.parent(), library.file_name()) else { panic!("`{}` names no library", library.display()) };
    println!("cargo::rustc-link-search=native={}", dir.display());
    println!("cargo::rustc-link-lib=dylib:+verbatim={}", name.display());
    // For whoever runs it by hand; link-only says itself where the toolchain is that it was given.
    println!("cargo::rustc-link-arg-bins=-Wl,-rpath,{}", dir.display());
}

/// The LLVM of the toolchain that compiles this.
fn of_toolchain() -> PathBuf {
    let version = ask_rustc(&["-vV"]);
    let says = |what: &str| version.lines().find_map(|line| line.strip_prefix(what)).map(str::trim);
    let (Some(host), Some(llvm)) = (says("host:"), says("LLVM version:")) else { panic!("`rustc -vV` names no LLVM:\n{version}") };
    let lib = Path::new(ask_rustc(&["--print", "sysroot"]).trim()).join("lib");
    // rustup's toolchains, and Debian's rustc, whose LLVM is the system's.
    let mut parts: Vec<&str> = host.split('-').collect();
    if let [_, _, _, _] = parts[..] {
        parts.remove(1);
    }
    let dirs = [lib.clone(), lib.join(parts.join("-"))];
    let major = llvm.split('.').next().unwrap_or(llvm);
    dirs.iter().find_map(|dir| Some(dir.join(llvm_in(dir, major)?))).unwrap_or_else(|| {
        panic!(
            "there is no libLLVM.so.{major}* in `{}` or `{}`\n  help: the engine of fat LTO needs a Rust toolchain that brings LLVM as a shared library, \
             as those of rustup and of Debian do on Linux; SPLITLINK_LLVM names another file",
            dirs[0].display(),
            dirs[1].display()
        )
    })
}

fn ask_rustc(args: &[&str]) -> String {
    let rustc = env::var_os("RUSTC").unwrap_or("rustc".into());
    let output = Command::new(&rustc).args(args).output().expect("rustc cannot be started");
    String::from_utf8(output.stdout).expect("rustc says what is no text")
}

fn llvm_in(dir: &Path, major: &str) -> Option<String> {
    let names = fs::read_dir(dir).ok()?.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    names.filter(|name| name.strip_prefix("libLLVM.so.").is_some_and(|version| version.split(['.', '-']).next() == Some(major))).max()
}
