//! Random sources for a graph's crates: of each kind of item that a crate's interface treats in its
//! own way, with and without what other crates see of it. Of one seed they are always the same.

use super::case::Shape;
use super::source::{self, name};
use std::fmt::Write;

/// Numbers that look random.
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// The numbers of a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5851_f42d_4c95_7f2d)
    }

    /// A number below `end`.
    pub fn below(&mut self, end: usize) -> usize {
        // splitmix64
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let of_usize = usize::try_from((mixed ^ (mixed >> 31)) >> 33).unwrap_or_default();
        of_usize % end.max(1)
    }
}

/// A kind of items: their source, and an expression by which other crates use them. `NN` stands for
/// a letter of their own, `CRATE` for the crate, `BODY` for an expression of `x: u64` that is a
/// `u64`, `7` for a random number.
const KINDS: &[(&str, &str)] = &[
    ("pub fn plainNN(x: u64) -> u64 { BODY }", "CRATE::plainNN(7)"),
    ("fn helperNN(x: u64) -> u64 {\n    BODY\n}\n\npub fn overNN(x: u64) -> u64 {\n    helperNN(x).wrapping_add(7)\n}", "CRATE::overNN(7)"),
    (
        "pub fn genericNN<T: Clone + std::fmt::Debug>(value: T) -> String {\n    let x = 7u64;\n    format!(\"{:?} {}\", vec![value.clone(); 2], BODY)\n}",
        "CRATE::genericNN((7, 'c'))",
    ),
    (
        "fn inner_ofNN<T: Into<u64>>(x: T) -> u64 { let x = x.into(); BODY }\n\n/// Documented.\n#[inline]\npub fn inlineNN(x: u8) -> u64 { inner_ofNN(x) }",
        "CRATE::inlineNN(7)",
    ),
    (
        "const fn partNN(x: u64) -> u64 { x.wrapping_mul(7) ^ 7 }\npub const fn constNN(x: u64) -> u64 { partNN(x) }\npub const TABLENN: [u64; 3] = [constNN(1), constNN(2), 7];",
        "{ const MADE: u64 = CRATE::constNN(7); (MADE, CRATE::TABLENN) }",
    ),
    (
        "/// Counts.\npub struct DroppedNN(pub u64);\n\nimpl DroppedNN {\n    pub fn new(x: u64) -> Self { Self(BODY) }\n\n    fn secret(&self) -> u64 { self.0 ^ 7 }\n    pub fn shown(&self) -> u64 { self.secret() }\n}\n\nimpl Drop for DroppedNN {\n    fn drop(&mut self) {\n        CALLS.fetch_add(7, Ordering::SeqCst);\n    }\n}",
        "{ let made = CRATE::DroppedNN::new(7); (made.shown(), made.0) }",
    ),
    (
        "pub trait TraitNN {\n    fn value(&self) -> u64;\n    fn twice(&self) -> u64 { self.value().wrapping_add(self.value()) ^ 7 }\n}\n\nimpl TraitNN for u64 {\n    fn value(&self) -> u64 { let x = *self; BODY }\n}\n\nimpl TraitNN for &str {\n    fn value(&self) -> u64 { self.len() as u64 + 7 }\n    fn twice(&self) -> u64 { let x = 7u64; BODY }\n}\n\npub fn objectNN(x: u64) -> Box<dyn TraitNN> {\n    if x > 7 { Box::new(x) } else { Box::new(\"text\") }\n}",
        "(CRATE::TraitNN::twice(&7u64), CRATE::TraitNN::twice(&\"ab\"), CRATE::TraitNN::twice(&*CRATE::objectNN(7)))",
    ),
    (
        "pub fn hiddenNN(x: u64) -> impl Iterator<Item = u64> + Clone {\n    let start = BODY;\n    (0..3).map(move |n| start.wrapping_add(n * 7))\n}",
        "{ let made = CRATE::hiddenNN(7); (size_of_val(&made), made.collect::<Vec<_>>()) }",
    ),
    (
        "pub fn closureNN(y: u64) -> impl Fn(u64) -> u64 { move |x| y ^ BODY }\npub fn boxedNN(y: u64) -> Box<dyn Fn(u64) -> u64> { Box::new(move |x| y.wrapping_mul(BODY)) }",
        "(CRATE::closureNN(7)(3), CRATE::boxedNN(7)(5))",
    ),
    (
        "#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]\npub enum ChoiceNN {\n    #[default]\n    None,\n    One(u64),\n    Named { x: u8, y: Option<Box<ChoiceNN>> },\n}\n\nimpl ChoiceNN {\n    pub fn of(x: u64) -> Self {\n        match BODY % 3 {\n            0 => Self::None,\n            1 => Self::One(7),\n            _ => Self::Named { x: 7, y: Some(Box::new(Self::One(x))) },\n        }\n    }\n}",
        "(CRATE::ChoiceNN::of(7), CRATE::ChoiceNN::of(8) < CRATE::ChoiceNN::default(), Some(7).map(CRATE::ChoiceNN::One))",
    ),
    (
        "pub fn of_macroNN(x: u64) -> u64 { BODY }\n#[macro_export]\nmacro_rules! CRATE_macroNN {\n    ($x:expr) => { $crate::of_macroNN($x).wrapping_sub(7) };\n}",
        "CRATE::CRATE_macroNN!(7)",
    ),
    (
        "thread_local! { static LOCALNN: std::cell::Cell<u64> = const { std::cell::Cell::new(7) }; }\npub fn localNN(x: u64) -> u64 {\n    LOCALNN.with(|cell| { cell.set(cell.get() ^ BODY); cell.get() })\n}",
        "(CRATE::localNN(7), CRATE::localNN(3))",
    ),
    (
        "pub fn panicsNN(x: u64) -> u64 {\n    if x > 2 { std::panic::panic_any(BODY); }\n    x\n}",
        "std::panic::catch_unwind(|| CRATE::panicsNN(7)).map_err(|error| error.downcast_ref::<u64>().copied())",
    ),
    (
        "#[track_caller]\npub fn placeNN() -> (u32, u32) {\n    let place = std::panic::Location::caller();\n    (place.line(), place.column() + 7)\n}",
        "CRATE::placeNN()",
    ),
    (
        "pub struct StackNN<T> { items: Vec<T> }\n\nimpl<T: Copy + Into<u64>> StackNN<T> {\n    pub fn new() -> Self { Self { items: Vec::new() } }\n    fn sum(&self) -> u64 { self.items.iter().map(|&x| -> u64 { let x: u64 = x.into(); BODY }).fold(0, u64::wrapping_add) }\n    pub fn with(mut self, item: T) -> Self { self.items.push(item); self }\n    pub fn total(&self) -> u64 { self.sum() ^ 7 }\n}",
        "CRATE::StackNN::new().with(7u8).with(3).total()",
    ),
    (
        "pub static STATICNN: AtomicU32 = AtomicU32::new(7);\npub static NAMESNN: [&str; 2] = [\"a7\", \"b\"];\npub fn bumpNN(x: u64) -> u32 { STATICNN.fetch_add((BODY % 7) as u32, Ordering::SeqCst) }",
        "(CRATE::bumpNN(7), CRATE::STATICNN.load(std::sync::atomic::Ordering::SeqCst), CRATE::NAMESNN)",
    ),
    (
        "pub fn nestedNN(x: u64) -> u64 {\n    const STEP: u64 = 7;\n    static SEEN: AtomicU32 = AtomicU32::new(7);\n    struct Inner { x: u64 }\n    fn inside(inner: &Inner) -> u64 { let x = inner.x; BODY }\n    inside(&Inner { x: x ^ STEP }).wrapping_add(u64::from(SEEN.fetch_add(1, Ordering::SeqCst)))\n}",
        "(CRATE::nestedNN(7), CRATE::nestedNN(7))",
    ),
    (
        "pub struct HeldNN(u64);\npub fn holdNN(x: u64) -> HeldNN {\n    impl Clone for HeldNN {\n        fn clone(&self) -> Self { Self(self.0 ^ 7) }\n    }\n    HeldNN(BODY)\n}\nimpl std::fmt::Display for HeldNN {\n    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { write!(f, \"held {}\", self.0) }\n}",
        "CRATE::holdNN(7).clone().to_string()",
    ),
    ("pub fn lineNN<T>(_: T) -> (u32, u32) { (line!(), column!()) }", "CRATE::lineNN(7)"),
    (
        "pub async fn laterNN(x: u64) -> u64 {\n    let kept = [x; 7];\n    std::future::ready(()).await;\n    kept.iter().fold(BODY, |a, b| a ^ b)\n}",
        "size_of_val(&CRATE::laterNN(7))",
    ),
    (
        "mod moduleNN {\n    fn deep(x: u64) -> u64 { BODY }\n    pub(super) fn near(x: u64) -> u64 { deep(x) }\n    pub mod open {\n        pub fn seen(x: u64) -> u64 { super::deep(x).rotate_left(7) }\n    }\n}\npub use moduleNN::open as openNN;\npub fn nearNN(x: u64) -> u64 { moduleNN::near(x) }",
        "(CRATE::openNN::seen(7), CRATE::nearNN(3))",
    ),
    ("#[unsafe(no_mangle)]\npub extern \"C\" fn CRATE_exportedNN(x: u64) -> u64 { BODY }", "CRATE::CRATE_exportedNN(7)"),
    (
        "#[derive(Debug)]\npub struct ErrorNN(u64);\nimpl From<std::num::ParseIntError> for ErrorNN {\n    fn from(error: std::num::ParseIntError) -> Self { let x = error.to_string().len() as u64; Self(BODY) }\n}\npub fn parseNN(text: &str) -> Result<u64, ErrorNN> {\n    let x: u64 = text.parse()?;\n    if x > 7 { Err(ErrorNN(x)) } else { Ok(BODY) }\n}",
        "(CRATE::parseNN(\"7\").map_err(|error| format!(\"{error:?}\")), CRATE::parseNN(\"x\").is_err())",
    ),
    (
        "#[derive(Debug, Clone, Copy, PartialEq)]\npub struct PairNN { pub a: u64, b: u8 }\nimpl std::ops::Add for PairNN {\n    type Output = Self;\n    fn add(self, other: Self) -> Self { let x = other.a; Self { a: self.a.wrapping_add(BODY), b: self.b ^ 7 } }\n}\nimpl PairNN {\n    pub const ONE: Self = Self { a: 7, b: 1 };\n    pub fn with<'a>(&'a mut self, x: &'a u64) -> &'a u64 { self.b ^= 7; if self.a > 7 { x } else { &self.a } }\n}",
        "{ let mut sum = CRATE::PairNN::ONE + CRATE::PairNN::ONE; (sum.with(&7).to_owned(), sum, size_of_val(&sum)) }",
    ),
];

/// The items that a crate has beside its counter, and expressions by which others use them.
fn items(seed: u64, shape: &Shape, place: usize) -> (String, Vec<String>) {
    let bytes = shape.name.bytes().chain([u8::try_from(place).unwrap_or_default()]);
    let mut random = Random::new(bytes.fold(seed, |hash, byte| hash.wrapping_mul(31).wrapping_add(u64::from(byte))));
    let below: Vec<String> = shape.inner[place].iter().flat_map(|&below| items(seed, shape, below).1).collect();
    let (mut source, mut uses) = (String::new(), Vec::new());
    for number in 0..4 + random.below(7) {
        let (made, used) = KINDS[random.below(KINDS.len())];
        let letter = (b'a'..).nth(number).map_or('?', char::from).to_string();
        let numbered = |text: &str| text.replace("NN", &letter).replace("CRATE", &name(place));
        if random.below(3) == 0 {
            source.push_str(["\n", "// A comment.\n", "\n\n/* and\nmore */\n"][random.below(3)]);
        }
        source.push_str(&filled(&numbered(made), &mut random, &below));
        source.push('\n');
        uses.push(filled(&numbered(used), &mut random, &[]));
    }
    (source, uses)
}

/// `text` with its own random numbers and bodies, which may use what is in `below`.
fn filled(text: &str, random: &mut Random, below: &[String]) -> String {
    let mut filled = String::new();
    for (at, part) in text.split("BODY").enumerate() {
        if at > 0 {
            let made = body(random, 2, below);
            let _ = write!(filled, "({made})");
        }
        for (at, part) in part.split('7').enumerate() {
            if at > 0 {
                let _ = write!(filled, "{}", 3 + random.below(90));
            }
            filled.push_str(part);
        }
    }
    filled
}

/// An expression of `x: u64` that is a `u64`.
fn body(random: &mut Random, depth: usize, below: &[String]) -> String {
    let number = 1 + random.below(1000);
    if depth == 0 {
        return match random.below(3) {
            0 => format!("{number}u64"),
            1 => "x".to_owned(),
            _ => format!("x.rotate_left({})", number % 64),
        };
    }
    let mut next = || body(random, depth - 1, below);
    let (a, b) = (next(), next());
    let used = if below.is_empty() { format!("\"{number}\"") } else { below[random.below(below.len())].clone() };
    match random.below(10) {
        0 => format!("({a}).wrapping_add({b})"),
        1 => format!("({a}) ^ ({b})"),
        2 => format!("if x > {number} {{ {a} }} else {{ {b} }}"),
        3 => format!("match x % 3 {{ 0 => {a}, 1 => {{ let x = x >> 1; {b} }} _ => {number} }}"),
        4 => format!("(0..{}u64).map(|x| {a}).fold({b}, u64::wrapping_add)", number % 5),
        5 => format!("{{ let held: Vec<u64> = vec![{a}, {b}]; held.iter().copied().max().unwrap_or({number}) }}"),
        6 => format!("{{ let of = |x: u64| {a}; of({b}) ^ of({number}) }}"),
        7 => format!("{{\n        // {number}\n        let mut y = {a};\n        while y > 100 {{ y /= 3; }}\n        y\n    }}"),
        8 => format!("(crate::shown({used}).len() as u64).wrapping_add({a})"),
        _ => format!("crate::shown(({a}, [{number}u16; {}])).bytes().map(u64::from).sum::<u64>()", 1 + number % 4),
    }
}

/// The source of the inner crate at `place`: that of [`source::inner`], and random items.
pub fn inner(seed: u64, shape: &Shape, place: usize) -> String {
    format!("{}{}", source::inner(shape, place), items(seed, shape, place).0)
}

/// The source of the linked program: that of [`source::top`], which also prints what comes of using
/// the items of the crates that it depends on.
pub fn top(seed: u64, shape: &Shape) -> String {
    let mut text = source::top(shape, "bin");
    let uses: Vec<String> = shape.top.iter().flat_map(|&place| items(seed, shape, place).1).collect();
    let lines: String = uses.iter().map(|used| format!("    println!(\"{{:?}}\", {used});\n")).collect();
    let _ = writeln!(text, "#[allow(unused)]\nfn uses() {{\n{lines}}}");
    text.replacen("fn main() {\n", "fn main() {\n    uses();\n", 1)
}

#[cfg(test)]
mod tests {
    use super::super::case::SHAPES;
    use super::*;

    #[test]
    fn sources_depend_on_the_seed_alone() {
        let shape = SHAPES.iter().find(|shape| shape.name == "kite").unwrap();
        assert_eq!(inner(1, shape, 3), inner(1, shape, 3));
        assert_ne!(inner(1, shape, 3), inner(2, shape, 3));
        assert_ne!(items(1, shape, 1), items(1, shape, 2));
        assert!(top(1, shape).contains("    uses();\n    println!"), "{}", top(1, shape));
    }

    #[test]
    fn every_kind_comes_up() {
        let all: String = (0..60).flat_map(|seed| SHAPES.iter().map(move |shape| items(seed, shape, 0).0)).collect();
        for (made, _) in KINDS {
            let beginning: String = made.split("NN").next().unwrap().replace("CRATE", "unit_a");
            let beginning = beginning.rsplit(['7', '\n']).next().unwrap();
            assert!(all.contains(beginning), "{beginning}");
        }
    }
}
