//! What of a body others see after all, one way each: rustc itself makes something else of a
//! dependent when it changes. So the interface is another, and the program or the refusal is that of
//! rustc alone, before and after.

use anyhow::{Context, Result, ensure};
use splitlink_tests::rustc_fixture::project::{Project, good, words};
use splitlink_tests::rustc_fixture::tools::{Toolchain, run};
use std::process::Command;

/// A way by which others see a change in a library.
struct Leak {
    what: &'static str,
    dep: &'static str,
    old: &'static str,
    new: &'static str,
    app: &'static str,
}

const fn leak(what: &'static str, dep: &'static str, old: &'static str, new: &'static str, app: &'static str) -> Leak {
    Leak { what, dep, old, new, app }
}

/// The dependent asks whether a type may be sent to another thread.
const SENDS: &str = "fn send<T: Send>(_: T) {}\nfn main() { send(dep::f()); println!(\"sent\"); }\n";
const SIZE: &str = "fn main() { println!(\"{}\", size_of_val(&dep::f())); }\n";
const PRINTS: &str = "fn main() { println!(\"{:?}\", dep::f()); }\n";
const PRINTS_OF_ONE: &str = "fn main() { println!(\"{:?}\", dep::f(1u8)); }\n";

const LEAKS: &[Leak] = &[
    leak("auto traits through impl Trait", "pub fn f() -> impl Sized { 1u8 }", "1u8", "std::rc::Rc::new(1u8)", SENDS),
    leak(
        "auto traits through a nested impl Trait",
        "pub fn f() -> Option<Box<impl Fn() -> u8>> { let x = 1u8; Some(Box::new(move || x)) }",
        "move || x",
        "{ let x = std::rc::Rc::new(x); move || *x }",
        SENDS,
    ),
    leak(
        "auto traits through async fn",
        "pub async fn f() { let x = 1u8; std::future::ready(()).await; drop(x) }",
        "1u8;",
        "std::rc::Rc::new(1u8);",
        SENDS,
    ),
    leak(
        "auto traits through a future in impl Trait",
        "pub fn f() -> impl Future<Output = ()> { async { let x = 1u8; std::future::ready(()).await; drop(x) } }",
        "1u8;",
        "std::rc::Rc::new(1u8);",
        SENDS,
    ),
    leak(
        "auto traits through a method of a trait",
        "pub trait T { fn make(&self) -> impl Sized; }\nimpl T for u8 { fn make(&self) -> impl Sized { 1u8 } }\npub fn f() -> impl Sized { 0u8.make() }",
        "{ 1u8 }",
        "{ std::rc::Rc::new(1u8) }",
        "use dep::T;\nfn send<T: Send>(_: T) {}\nfn main() { send(0u8.make()); println!(\"sent\"); }\n",
    ),
    leak("layout of a hidden type", "pub fn f() -> impl Sized { 1u8 }", "1u8", "1u64", SIZE),
    leak(
        "layout of a future",
        "pub async fn f() { let x = [1u8; 4]; std::future::ready(()).await; drop(x) }",
        "[1u8; 4]",
        "[1u8; 40]",
        SIZE,
    ),
    leak(
        "layout of a closure",
        "pub fn f() -> impl Fn() -> u8 { let x = 1u8; move || x }",
        "1u8; move || x",
        "1u64; move || x as u8",
        SIZE,
    ),
    leak("layout by a field", "pub struct S(u8);\npub fn f() -> S { S(1) }", "S(u8)", "S(u64)", SIZE),
    leak("layout by an attribute", "#[repr(align(2))]\npub struct S(u8);\npub fn f() -> S { S(1) }", "align(2)", "align(16)", SIZE),
    leak(
        "drop glue",
        "pub struct S;\npub fn f() -> S { S }\n",
        "pub fn f",
        "impl Drop for S { fn drop(&mut self) { println!(\"dropped\") } }\npub fn f",
        "fn main() { let _held = dep::f(); println!(\"{}\", std::mem::needs_drop::<dep::S>()); }\n",
    ),
    leak(
        "a constant function",
        "pub const fn f() -> u8 { 1 }",
        "{ 1 }",
        "{ 2 }",
        "const MADE: u8 = dep::f();\nfn main() { println!(\"{MADE}\"); }\n",
    ),
    leak(
        "a private constant function",
        "const fn inner() -> u8 { 1 }\npub const F: u8 = inner();",
        "{ 1 }",
        "{ 2 }",
        "fn main() { println!(\"{}\", [0; dep::F as usize].len()); }\n",
    ),
    leak(
        "a private constant function named by a generic one",
        "const fn inner() -> u8 { 1 }\npub fn f<T>(_: T) -> u8 { const { inner() } }",
        "{ 1 }",
        "{ 2 }",
        PRINTS_OF_ONE,
    ),
    leak("an inline function", "#[inline]\npub fn f() -> u8 { 1 }", "{ 1 }", "{ 2 }", PRINTS),
    leak("an inline function under a condition", "#[cfg_attr(all(), inline)]\npub fn f() -> u8 { 1 }", "{ 1 }", "{ 2 }", PRINTS),
    leak("a generic function", "pub fn f<T>(_: T) -> u8 { 1 }", "{ 1 }", "{ 2 }", PRINTS_OF_ONE),
    leak(
        "a function of a constant",
        "pub fn g<const N: u8>() -> u8 { N + 1 }\n",
        "N + 1",
        "N + 2",
        "fn main() { println!(\"{}\", dep::g::<3>()); }\n",
    ),
    leak("an argument of any type", "pub fn f(x: impl Into<u64>) -> u64 { x.into() + 1 }", "+ 1", "+ 2", PRINTS_OF_ONE),
    leak(
        "a private generic function that a generic one calls",
        "fn inner<T>(_: T) -> u8 { 1 }\npub fn f<T>(x: T) -> u8 { inner(x) }",
        "{ 1 }",
        "{ 2 }",
        PRINTS_OF_ONE,
    ),
    leak(
        "a method of a generic type",
        "pub struct S<T>(pub T);\nimpl<T> S<T> { pub fn g(&self) -> u8 { 1 } }",
        "{ 1 }",
        "{ 2 }",
        "fn main() { println!(\"{}\", dep::S(1u8).g()); }\n",
    ),
    leak(
        "a default of a trait",
        "pub trait T { fn g(&self) -> u8 { 1 } }",
        "{ 1 }",
        "{ 2 }",
        "struct S;\nimpl dep::T for S {}\nfn main() { use dep::T; println!(\"{}\", S.g()); }\n",
    ),
    leak(
        "an exported macro",
        "#[macro_export]\nmacro_rules! m { () => { 1 } }",
        "{ 1 }",
        "{ 2 }",
        "fn main() { println!(\"{}\", dep::m!()); }\n",
    ),
    leak(
        "a macro in a body",
        "pub fn g() {\n    #[macro_export]\n    macro_rules! m { () => { 1 } }\n}",
        "{ 1 }",
        "{ 2 }",
        "fn main() { println!(\"{}\", dep::m!()); }\n",
    ),
    leak(
        "an impl in a body",
        "pub struct S;\npub fn g() { impl Default for S { fn default() -> Self { S } } }",
        "impl Default for S { fn default() -> Self { S } }",
        "",
        "fn main() { let _: dep::S = Default::default(); println!(\"made\"); }\n",
    ),
    leak(
        "an impl in a constant in a body",
        "pub struct S;\npub fn g() { const _: () = { impl Default for S { fn default() -> Self { S } } }; }",
        "impl Default for S { fn default() -> Self { S } }",
        "",
        "fn main() { let _: dep::S = Default::default(); println!(\"made\"); }\n",
    ),
    leak(
        "an impl of a macro in a body",
        "macro_rules! make { ($t:ty) => { impl Default for $t { fn default() -> Self { S } } } }\npub struct S;\npub struct Other;\npub fn g() { make! { S } }\n",
        "{ make! { S } }",
        "{ }",
        "fn main() { let _: dep::S = Default::default(); println!(\"made\"); }\n",
    ),
    leak(
        "an impl of a macro that is called as one of the standard library's",
        "macro_rules! println { ($t:ty) => { impl Default for $t { fn default() -> Self { S } } } }\npub struct S;\npub fn g() { println!(S); }\n",
        "{ println!(S); }",
        "{ }",
        "fn main() { let _: dep::S = Default::default(); println!(\"made\"); }\n",
    ),
    leak(
        "an impl of a macro that is brought in under such a name",
        "mod macros {\n    macro_rules! make { ($t:ty) => { impl Default for $t { fn default() -> Self { S } } } }\n    pub(crate) use make;\n}\nuse macros::make as println;\npub struct S;\npub fn g() { println!(S); }\n",
        "{ println!(S); }",
        "{ }",
        "fn main() { let _: dep::S = Default::default(); println!(\"made\"); }\n",
    ),
    leak(
        "where a function is defined, which a pointer to it tells",
        "pub fn above() {}\n#[track_caller]\npub fn f() -> u32 { std::panic::Location::caller().line() }\n",
        "above() {}",
        "above() {\n}",
        "fn main() { let f: fn() -> u32 = dep::f; println!(\"{}\", f()); }\n",
    ),
    leak(
        "where a method is defined, which a pointer to it tells",
        "pub trait T {\n    #[track_caller]\n    fn g(&self) -> u32;\n}\npub fn above() {}\nimpl T for u8 {\n    fn g(&self) -> u32 { std::panic::Location::caller().line() }\n}\n",
        "above() {}",
        "above() {\n}",
        "fn main() { let f: fn(&u8) -> u32 = <u8 as dep::T>::g; println!(\"{}\", f(&1)); }\n",
    ),
    leak(
        "where a method is defined, which a table of methods tells",
        "pub trait T {\n    fn g(&self) -> u32;\n}\npub fn above() {}\nimpl T for u8 {\n    #[track_caller]\n    fn g(&self) -> u32 { std::panic::Location::caller().line() }\n}\n",
        "above() {}",
        "above() {\n}",
        "fn main() { let object: Box<dyn dep::T> = Box::new(1u8); println!(\"{}\", object.g()); }\n",
    ),
    leak(
        "a global allocator in a body",
        "pub fn g() {\n    #[global_allocator]\n    static A: std::alloc::System = std::alloc::System;\n}",
        "#[global_allocator]\n",
        "",
        "#[global_allocator]\nstatic A: std::alloc::System = std::alloc::System;\nfn main() { dep::g(); println!(\"ran\"); }\n",
    ),
    leak("a signature", "pub fn f() -> u8 { 1 }", "-> u8", "-> u16", SIZE),
    leak(
        "a variant",
        "#[derive(Debug)]\npub enum E { A, B }\npub fn f() -> E { E::A }",
        "A, B",
        "A, B, C",
        "fn main() { match dep::f() { dep::E::A | dep::E::B => println!(\"matched\") } }\n",
    ),
];

const LIBRARY: &str =
    "--crate-name=dep dep.rs --edition=2024 --crate-type=rlib -Cmetadata=1 -Cextra-filename=-1 -Csymbol-mangling-version=v0";
const PROGRAM: &str = "--crate-name=app app.rs --edition=2024 -Csymbol-mangling-version=v0";

/// What the program prints; none if one of its crates does not compile.
type Outcome = Option<String>;

fn printed(program: &std::path::Path) -> Result<Outcome> {
    let output = run(&mut Command::new(program))?;
    good(&output)?;
    Ok(Some(String::from_utf8(output.stdout)?))
}

/// What comes of rustc alone, and the dependent's code.
fn of_rustc(project: &Project) -> Result<(Outcome, Option<Vec<u8>>)> {
    project.write("plain/.keep", "")?;
    good(&project.rustc(&words(&format!("{LIBRARY} --out-dir=plain")))?)?;
    let program = format!("{PROGRAM} --extern=dep=plain/libdep-1.rlib --cap-lints=allow");
    let object = words(&format!("{program} --emit=obj -o plain/app.o -Ccodegen-units=1 -Cdebuginfo=2 -Zshare-generics=no"));
    let compiled = run(Toolchain::stable().command(&project.dir).args(object).env("RUSTC_BOOTSTRAP", "1"))?;
    if !compiled.status.success() {
        return Ok((None, None));
    }
    let linked = project.rustc(&words(&format!("{program} --out-dir=plain")))?;
    let outcome = if linked.status.success() { printed(&project.dir.join("plain/app"))? } else { None };
    Ok((outcome, Some(project.read("plain/app.o")?)))
}

/// What comes of splitlink with interfaces, and the interface's metadata.
fn of_interface(project: &Project) -> Result<(Outcome, Vec<u8>)> {
    let library = words(&format!("{LIBRARY} --out-dir=absent"));
    good(&project.compile("metadata --output out/libdep-1.rmeta --interface", &library)?)?;
    let metadata = project.read("out/libdep-1.rmeta")?;
    good(&project.compile("codegen --output out/libdep-1.rlib --published-metadata out/libdep-1.rmeta --interface", &library)?)?;
    let program = words(&format!("{PROGRAM} --extern=dep=absent/libdep-1.rlib --out-dir=absent --cap-lints=allow"));
    if !project.no_link(&program)?.status.success() || !project.link_only()?.status.success() {
        return Ok((None, metadata));
    }
    Ok((printed(&project.dir.join("out/artifact"))?, metadata))
}

#[test]
fn what_others_see_is_in_the_interface() -> Result<()> {
    let project = Project::new("leaks")?;
    project.write("out/.keep", "")?;
    let mut faults = Vec::new();
    for Leak { what, dep, old, new, app } in LEAKS {
        ensure!(dep.matches(old).count() == 1, "{what}: `{old}` is not in the source once");
        project.write("app.rs", app)?;
        let mut metadata = Vec::new();
        let mut code = Vec::new();
        for source in [(*dep).to_owned(), dep.replacen(old, new, 1)] {
            project.write("dep.rs", &source)?;
            let (expected, object) = of_rustc(&project).context(*what)?;
            let (found, of_this) = of_interface(&project).context(*what)?;
            if found != expected {
                faults.push(format!("{what}: {found:?}, and with rustc {expected:?}\n{source}"));
            }
            metadata.push(of_this);
            code.push((object, expected));
        }
        if code[0] == code[1] {
            faults.push(format!("{what}: rustc makes the same of the dependent, so this is no leak: {:?}", code[0].1));
        }
        if metadata[0] == metadata[1] {
            faults.push(format!("{what}: the interface is as before"));
        }
    }
    ensure!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
    Ok(())
}
