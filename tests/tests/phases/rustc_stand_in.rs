//! `splitlink rustc`, as a build system calls it that asks for hollow rlibs by `-Zno-codegen`.

use splitlink_tests::rustc_fixture::tools::{Failure, Toolchain, empty_folder, names_in, run, splitlink, succeed};
use std::fs;
use std::path::Path;
use std::process::Command;

/// What Buck2's prelude says to rustc about a library, in every call the same.
const LIBRARY: &[&str] =
    &["--crate-name=lib", "--crate-type=rlib", "-Cmetadata=l", "-Cextra-filename=-1", "--error-format=json", "-Zremap-cwd-prefix=."];

fn stand_in(dir: &Path, stable: bool, args: &[&str]) -> Command {
    let mut command = Command::new(splitlink());
    command.arg("rustc").args(stable.then_some("--stable")).arg("--").arg(&Toolchain::stable().rustc).args(args);
    command.current_dir(dir).env("RUSTC_BOOTSTRAP", "1");
    command
}

#[test]
fn hollow_and_compiled_are_one_build() -> Result<(), Failure> {
    for stable in [true, false] {
        let dir = empty_folder(if stable { "stand_in_stable" } else { "stand_in_unstable" })?;
        fs::write(dir.join("lib.rs"), "pub fn f() -> u32 { let unused = 1; 42 }")?;
        fs::write(dir.join("main.rs"), "fn main() { println!(\"{}\", lib::f()) }")?;
        for (folder, more) in [("hollow", &["-Zno-codegen"][..]), ("compiled", &[])] {
            let (emit, out) = (format!("--emit=link={folder}/liblib-1.rlib"), format!("--out-dir={folder}/extra"));
            let output = succeed(&mut stand_in(&dir, stable, &[LIBRARY, &["lib.rs", &emit, &out], more].concat()))?;
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(said.contains("unused variable"), "a warning is shown by both: {said}");
            assert!(!said.contains("$message_type\":\"artifact"), "nobody asked for notifications: {said}");
        }
        let hollow = fs::metadata(dir.join("hollow/liblib-1.rlib"))?.len();
        assert!(hollow < fs::metadata(dir.join("compiled/liblib-1.rlib"))?.len(), "it has no code inside");
        let mut no_link = Command::new(splitlink());
        no_link.args(["no-link", "--plan=plan.json", "--modules=modules", "--metadata=hollow/liblib-1.rlib", "--"]);
        no_link.arg(&Toolchain::stable().rustc).args(["main.rs", "--extern=lib=hollow/liblib-1.rlib", "-o", "main"]).current_dir(&dir);
        if !stable {
            no_link.env("RUSTC_BOOTSTRAP", "1");
        }
        succeed(&mut no_link)?;
        let mut link_only = Command::new(splitlink());
        link_only.args(["link-only", "--plan=plan.json", "--modules=modules", "--rlib=compiled/liblib-1.rlib", "--output=main"]);
        link_only.arg(format!("--sysroot={}", Toolchain::stable().sysroot.display())).current_dir(&dir);
        succeed(&mut link_only)?;
        assert_eq!(succeed(&mut Command::new(dir.join("main")))?.stdout, b"42\n");
    }
    Ok(())
}

/// With `--interface` an edit in a body changes the code alone, unless the crate is others'.
#[test]
fn behind_an_interface() -> Result<(), Failure> {
    let dir = empty_folder("stand_in_interface")?;
    fs::write(dir.join("main.rs"), "fn main() { println!(\"{}\", lib::f()) }")?;
    let build = |value: u32, folder: &str, more: &[&str]| -> Result<Vec<u8>, Failure> {
        fs::write(dir.join("lib.rs"), format!("pub fn f() -> u32 {{ let unused = 1; {value} }}"))?;
        let (emit, out) = (format!("--emit=link={folder}/liblib-1.rlib"), format!("--out-dir={folder}/extra"));
        let mut command = Command::new(splitlink());
        command.args(["rustc", "--stable", "--interface", "--"]).arg(&Toolchain::stable().rustc);
        command.args(LIBRARY).args(["lib.rs", &emit, &out]).args(more).current_dir(&dir).env("RUSTC_BOOTSTRAP", "1");
        let said = String::from_utf8_lossy(&succeed(&mut command)?.stderr).into_owned();
        let warns = !more.contains(&"-Zno-codegen") && !more.contains(&"--cap-lints=allow");
        assert_eq!(said.contains("unused variable"), warns, "the code's action warns, and no other: {said}");
        Ok(fs::read(dir.join(folder).join("liblib-1.rlib"))?)
    };
    let hollow = build(42, "hollow", &["-Zno-codegen"])?;
    let code = build(42, "compiled", &[])?;
    let mut no_link = Command::new(splitlink());
    no_link.args(["no-link", "--plan=plan.json", "--modules=modules", "--metadata=hollow/liblib-1.rlib", "--"]);
    no_link.arg(&Toolchain::stable().rustc).args(["main.rs", "--extern=lib=hollow/liblib-1.rlib", "-o", "main"]).current_dir(&dir);
    succeed(&mut no_link)?;
    assert_eq!(build(43, "hollow", &["-Zno-codegen"])?, hollow);
    assert_ne!(build(43, "compiled", &[])?, code);
    let mut link_only = Command::new(splitlink());
    link_only.args(["link-only", "--plan=plan.json", "--modules=modules", "--rlib=compiled/liblib-1.rlib", "--output=main"]);
    link_only.arg(format!("--sysroot={}", Toolchain::stable().sysroot.display())).current_dir(&dir);
    succeed(&mut link_only)?;
    assert_eq!(succeed(&mut Command::new(dir.join("main")))?.stdout, b"43\n");
    let others = ["-Zno-codegen", "--cap-lints=allow"];
    assert_ne!(build(43, "others", &others)?, build(44, "others", &others)?);
    Ok(())
}

/// `.dwo` files are where the command wants them, and nowhere else, whatever else is asked for.
#[test]
fn split_debug_information() -> Result<(), Failure> {
    let dir = empty_folder("stand_in_dwo")?;
    fs::write(dir.join("lib.rs"), "pub fn f() -> u32 { 42 }\npub fn g<T: Copy>(t: T) -> T { t }\n")?;
    let shared = ["--share-within=BUILD", "--max-idle=60"];
    for (folder, options) in [("plain", &[][..]), ("interface", &["--interface"]), ("shared", &shared)] {
        for (kind, more) in [("hollow", &["-Zno-codegen"][..]), ("compiled", &[])] {
            let (emit, out) = (format!("--emit=link={folder}/{kind}/liblib-1.rlib"), format!("--out-dir={folder}/{kind}/extra"));
            let mut command = Command::new(splitlink());
            command.args(["rustc", "--stable"]).args(options).arg("--").arg(&Toolchain::stable().rustc).args(LIBRARY);
            command.args(["lib.rs", "-g", "-Csplit-debuginfo=unpacked", &emit, &out]).args(more);
            succeed(command.current_dir(&dir).env("RUSTC_BOOTSTRAP", "1").env("BUILD", folder))?;
        }
        assert!(names_in(&dir.join(folder).join("hollow/extra")).is_empty(), "{folder}");
        let beside = names_in(&dir.join(folder).join("compiled/extra"));
        assert!(!beside.is_empty() && beside.iter().all(|name| name.ends_with(".rcgu.dwo")), "{folder}: {beside:?}");
        let listed = succeed(Command::new("ar").arg("t").arg(dir.join(folder).join("compiled/liblib-1.rlib")))?;
        let members = String::from_utf8_lossy(&listed.stdout).into_owned();
        let has = |end: &str| members.lines().any(|name| name.ends_with(end));
        assert!(has(".rcgu.o") && has(".rmeta") && !has(".dwo"), "{folder}: {members}");
    }
    Ok(())
}

#[test]
fn a_stable_toolchain_stays_stable() -> Result<(), Failure> {
    let dir = empty_folder("features")?;
    fs::write(dir.join("lib.rs"), "#![feature(never_type)] pub fn f(never: !) -> u32 { never }")?;
    for more in [&["-Zno-codegen"][..], &[]] {
        let args = [LIBRARY, &["lib.rs", "--emit=link=out/liblib-1.rlib"], more].concat();
        let output = run(&mut stand_in(&dir, true, &args))?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && said.contains("E0554"), "{said}");
        succeed(&mut stand_in(&dir, false, &args))?;
    }
    Ok(())
}

#[test]
fn every_other_call_is_rustcs_own() -> Result<(), Failure> {
    let dir = empty_folder("others")?;
    fs::write(dir.join("main.rs"), "fn main() {}")?;
    let rustc = succeed(Toolchain::stable().command(&dir).arg("-vV"))?;
    assert_eq!(succeed(&mut stand_in(&dir, true, &["-vV"]))?.stdout, rustc.stdout);
    succeed(&mut stand_in(&dir, true, &["main.rs", "-Zremap-cwd-prefix=.", "--emit=link=main"]))?;
    succeed(&mut Command::new(dir.join("main")))?;
    let output = run(&mut stand_in(&dir, true, &["main.rs", "--crate-name=app", "-Zno-codegen", "--emit=link=hollow"]))?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && said.contains("`-Zno-codegen` was asked for a crate `app` of the type bin"), "{said}");
    Ok(())
}
