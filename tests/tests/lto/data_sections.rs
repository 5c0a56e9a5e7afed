//! Each variable and each jump table has a section of its own, so that the linker leaves out what
//! nothing needs, and is where rustc has it.

use anyhow::{Context, Result, ensure};
use object::{Object, ObjectSection, ObjectSymbol};
use splitlink_tests::rustc_fixture::distributed;
use splitlink_tests::rustc_fixture::project::{Project, good, words};
use splitlink_tests::rustc_fixture::tools::{Failure, Toolchain, succeed};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::process::Command;

type Outcome = Result<(), Failure>;

/// Links `source` both ways with the LTO `mode`: `out/reference`, `out/split`.
fn link(project: &Project, source: &str, crate_type: &str, mode: &str, flags: &str) -> Result<()> {
    project.write("kinds.rs", source)?;
    fs::create_dir_all(project.dir.join("out"))?;
    let args = words(&format!(
        "--crate-name=kinds kinds.rs --crate-type={crate_type} --edition=2024 --emit=link -Copt-level=2 -Cmetadata=1 {flags}"
    ));
    good(&project.compile("no-link --lto --plan out/plan.json --modules out/modules", &args)?)?;
    good(&project.link_only_with(&format!("--lto {mode} --output out/split"))?)?;
    good(&project.rustc(&[args, words(&format!("-Clto={mode} -o out/reference"))].concat())?)
}

/// A variable or function that nothing needs may refer to what is nowhere. Without the standard
/// library, so that LTO is quick.
#[test]
fn what_nothing_needs_is_left_out() -> Outcome {
    // What is needed lies in the same kinds of sections.
    let source = "
#![no_std]
#![no_main]
unsafe extern \"C\" {
    static NOWHERE: usize;
    fn printf(format: *const core::ffi::c_char, ...) -> i32;
}
#[unsafe(no_mangle)]
pub static KEPT: unsafe fn() = || _ = unsafe { printf(c\"%lu\\n\".as_ptr(), NOWHERE) };
#[unsafe(no_mangle)]
pub static mut TABLE: [(&str, unsafe fn()); 2] = [(\"one\", || unsafe { KEPT() }), (\"two\", || {})];
#[unsafe(no_mangle)]
pub static NEEDED: unsafe fn() -> i32 = || unsafe { printf(c\"main\".as_ptr()) };
#[unsafe(no_mangle)]
pub static mut NEEDED_TABLE: [(&str, unsafe fn() -> i32); 1] = [(\"three\", || unsafe { printf(c\"\\n\".as_ptr()) })];
// Branches are found by jump tables.
macro_rules! jumps { ($name:ident, $first:expr) => {
    #[unsafe(no_mangle)]
    #[inline(never)]
    pub extern \"C\" fn $name(x: u32) -> u32 {
        use core::hint::black_box;
        match x {
            0 => unsafe { printf(c\"%lu\\n\".as_ptr(), $first) as u32 },
            1 => black_box(black_box(x) + 1),
            2 => x.rotate_left(black_box(3)),
            3 => black_box(x) / 7,
            4 => black_box(x) * black_box(x),
            5 => black_box(x) ^ 21,
            _ => 0,
        }
    }
} }
jumps!(jumps, NOWHERE);
jumps!(needed_jumps, 5_usize);
#[unsafe(no_mangle)]
pub extern \"C\" fn main(_: i32, _: *const *const u8) -> i32 {
    let (needed, table) = unsafe { ((&raw const NEEDED).read_volatile(), (&raw const NEEDED_TABLE).read_volatile()) };
    unsafe { needed() + table[0].1() - 5 + needed_jumps(core::hint::black_box(9)) as i32 }
}
#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! { loop {} }
";
    let project = Project::new("lto_left_out")?;
    for (mode, several) in [("thin", &[""][..]), ("fat", &["", "-Crelocation-model=static", "-Clink-arg=-fuse-ld=bfd"])] {
        for flags in several {
            link(&project, source, "bin", mode, &format!("-Cpanic=abort -Clink-arg=-lc {flags}"))
                .with_context(|| format!("{mode} {flags}"))?;
            let mut programs = vec!["out/reference", "out/split"];
            if mode == "thin" {
                let given = "--plan out/plan.json --modules out/modules --sysroot".split(' ').map(OsString::from);
                let given: Vec<OsString> = given.chain([Toolchain::stable().sysroot.clone().into()]).collect();
                let objects = distributed::optimise(Toolchain::stable(), &project.dir, &given, &["bin"], "out/in_parts")?;
                good(&project.link_only_with(&format!("--lto thin {} --output out/distributed", objects.join(" ")))?)?;
                programs.push("out/distributed");
            }
            for program in programs {
                let printed = succeed(&mut Command::new(project.dir.join(program)))?.stdout;
                assert_eq!(String::from_utf8_lossy(&printed), "main\n", "{mode} {flags} {program}");
            }
        }
    }
    Ok(())
}

/// Variables of every kind, each with a symbol that a cdylib exports.
const KINDS: &str = "
use std::cell::Cell;
use std::sync::atomic::AtomicU64;
#[unsafe(no_mangle)]
pub static NUMBER: u64 = 7;
#[unsafe(no_mangle)]
pub static NUMBERS: [u16; 5] = [1, 2, 3, 4, 5];
#[unsafe(no_mangle)]
pub static ZERO: [u8; 100] = [0; 100];
#[unsafe(no_mangle)]
pub static TEXT: &str = \"some text\";
#[unsafe(no_mangle)]
pub static C_TEXT: [u8; 3] = *b\"ab\\0\";
#[unsafe(no_mangle)]
pub static FUNCTION: extern \"C\" fn(u64) -> u64 = count;
#[unsafe(no_mangle)]
pub static CHANGES: AtomicU64 = AtomicU64::new(5);
#[unsafe(no_mangle)]
pub static CHANGES_FROM_ZERO: AtomicU64 = AtomicU64::new(0);
#[unsafe(no_mangle)]
pub static mut MAYBE: std::mem::MaybeUninit<[u64; 9]> = std::mem::MaybeUninit::uninit();
#[unsafe(no_mangle)]
pub static mut POINTER: &u64 = &NUMBER;
#[unsafe(no_mangle)]
pub static mut PAIR: (u64, *const u8) = (0, std::ptr::null());
#[unsafe(no_mangle)]
#[unsafe(link_section = \".data.of_its_own\")]
pub static OWN_SECTION: u64 = 1;
thread_local! {
    static COUNT: Cell<u64> = const { Cell::new(0) };
    static FROM_ONE: Cell<u64> = const { Cell::new(1) };
}
#[unsafe(no_mangle)]
pub extern \"C\" fn count(by: u64) -> u64 {
    COUNT.with(|count| count.set(count.get() + by));
    FROM_ONE.with(|count| { count.set(count.get() + by); count.get() }) * COUNT.with(Cell::get)
}
#[unsafe(no_mangle)]
pub extern \"C\" fn describe(at: u8) -> u64 {
    let text = format!(\"{at} {:?} {:?}\", [\"zero\", \"one\", \"two\"].get(at as usize), Some(&TEXT[1..]));
    text.len() as u64
}
";

/// The artifact's section of each of its symbols in capitals, and the sizes of sections.
fn sections(path: &Path) -> Result<(BTreeMap<String, String>, BTreeMap<String, u64>)> {
    let bytes = fs::read(path)?;
    let file = object::File::parse(&*bytes)?;
    let mut places = BTreeMap::new();
    for symbol in file.dynamic_symbols().filter(|symbol| !symbol.is_undefined()) {
        let name = symbol.name()?.to_owned();
        if let Some(index) = symbol.section_index()
            && name.bytes().all(|b| b.is_ascii_uppercase() || b == b'_')
        {
            places.insert(name, file.section_by_index(index)?.name()?.to_owned());
        }
    }
    let sizes = file.sections().map(|section| Ok((section.name()?.to_owned(), section.size()))).collect::<Result<_>>()?;
    Ok((places, sizes))
}

#[test]
fn each_kind_is_where_rustc_has_it() -> Outcome {
    let project = Project::new("lto_kinds_of_data")?;
    for flags in ["", "-Clink-arg=-Wl,--no-gc-sections"] {
        link(&project, KINDS, "cdylib", "fat", flags)?;
        let [reference, split] = ["out/reference", "out/split"].map(|name| sections(&project.dir.join(name)));
        let ((expected, expected_sizes), (places, sizes)) = (reference?, split?);
        assert_eq!(expected.len(), 12, "{expected:?}");
        assert_eq!(places, expected, "{flags}");
        for (name, size) in &expected_sizes {
            if [".rodata", ".data", ".data.rel.ro", ".bss", ".tbss", ".tdata"].contains(&&**name) {
                let ours = sizes.get(name).copied().unwrap_or(0);
                // Code differs a little, and with it the constants that it refers to.
                assert!(ours <= size + size / 10 + 64, "{flags}: `{name}` has {ours} bytes, rustc's {size}");
            }
        }
    }
    Ok(())
}

/// As above, for a program that is loaded at one place, and for a code model in which LLVM itself
/// tells near sections from far ones.
#[test]
fn other_models() -> Outcome {
    let project = Project::new("lto_data_models")?;
    let source = format!("{KINDS}\nfn main() {{ println!(\"{{}} {{}}\", count(2), describe(1)); }}\n");
    for flags in ["-Crelocation-model=static", "-Ccode-model=medium"] {
        link(&project, &source, "bin", "fat", flags)?;
        let printed =
            ["out/reference", "out/split"].map(|program| succeed(&mut Command::new(project.dir.join(program))).map(|out| out.stdout));
        let [reference, split] = printed;
        let expected = reference?;
        ensure_same(&expected, &split?).context(flags)?;
    }
    Ok(())
}

fn ensure_same(expected: &[u8], found: &[u8]) -> Result<()> {
    ensure!(!expected.is_empty() && expected == found, "{:?} and {:?}", String::from_utf8_lossy(expected), String::from_utf8_lossy(found));
    Ok(())
}
