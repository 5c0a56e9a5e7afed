//! Writes down all that it sees, and says all that a build script can say.

mod more;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

fn main() {
    let variable = |name: &str| env::var(name).unwrap_or_else(|_| panic!("{name} is set"));
    let out = PathBuf::from(variable("OUT_DIR"));
    let manifest = variable("CARGO_MANIFEST_DIR");
    // Sandboxes have folders of their own.
    let root = manifest.split_once("/bazel-out/").expect("the manifest is in the output folder").0.to_owned();
    let mut seen: Vec<(String, String)> = env::vars().filter(|(name, _)| !["PWD", "TMPDIR", "RUNFILES_DIR", "RUNFILES_MANIFEST_FILE"].contains(&name.as_str())).collect();
    let mut see = |name: &str, value: String| seen.push((name.to_owned(), value));
    see("the working folder", env::current_dir().expect("a working folder").display().to_string());
    see("data", fs::read_to_string("data.txt").expect("data lie in the working folder"));
    see("data by path", fs::read_to_string(variable("DATA")).expect("data have a path"));
    see("the tool", String::from_utf8(Command::new(variable("SPEAKER")).output().expect("the tool runs").stdout).expect("text"));
    see("deps, renamed", renamed::WORD.to_owned());
    see("proc_macro_deps", helper_macro::word!().to_owned());
    see("a second source", more::more().to_owned());
    see("compile_data", include_str!("compiled.txt").to_owned());
    see("rustc_env", env!("COMPILED_WITH").to_owned());
    see("rustc_env_files", env!("FROM_FILE").to_owned());
    see("rustc_flags", cfg!(flagged).to_string());
    see("the feature", cfg!(feature = "some-feature").to_string());
    see("the program", Path::new(&env::args().next().expect("a name")).file_name().expect("a name").display().to_string());
    if let Ok(folder) = env::var("RUNFILES_DIR") {
        let tool = Path::new(&folder).join("_main/tests/bazel_rules/build_script/features/speaker");
        see("the tool among the runfiles", String::from_utf8(Command::new(tool).output().expect("it runs").stdout).expect("text"));
        let script = env::current_exe().expect("a path").file_name().expect("a name").to_owned();
        let found = Path::new(&folder).join("_main/tests/bazel_rules/build_script/features").join(script).exists();
        see("the program among the runfiles", found.to_string());
        see("the mapping of repositories", Path::new(&folder).join("_repo_mapping").exists().to_string());
    }
    seen.sort();
    let text: Vec<String> = seen.iter().map(|(name, value)| format!("{name}: {}\n", value.trim().replace(&root, "ROOT"))).collect();
    fs::write(out.join("seen.txt"), text.concat()).expect("OUT_DIR can be written");
    fs::create_dir(out.join("folder")).expect("OUT_DIR can have folders");
    fs::write(out.join("folder/generated.rs"), "pub const GENERATED: u32 = 8;\n").expect("and files in them");

    let run = |program: &str, args: &[&str]| {
        let status = Command::new(program).args(args).current_dir(&out).status().expect("the tool starts");
        assert!(status.success(), "{program} {args:?}: {status}");
    };
    let source = env::current_dir().expect("a working folder").join("answer.c");
    run(&variable("CC"), &["-c", "-fPIC", "-o", "answer.o", source.to_str().expect("UTF-8")]);
    run(&variable("AR"), &["rcs", "libfeatures_answer.a", "answer.o"]);
    fs::remove_file(out.join("answer.o")).expect("it was there");

    println!("cargo:rustc-link-search=native={}", out.display());
    println!("cargo:rustc-link-lib=static=features_answer");
    println!("cargo:rustc-link-arg=-Wl,-rpath,/by/the/link/argument");
    println!("cargo:rustc-cfg=scripted");
    println!("cargo:rustc-cfg=valued=\"a value\"");
    println!("cargo:rustc-env=SAID=by the script");
    println!("cargo:rustc-env=PATH_SAID={}", out.join("seen.txt").display());
    println!("cargo:version=4");
}
