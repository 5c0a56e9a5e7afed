//! Dependency formats: in which form each crate takes part in a link, decided from what link-only
//! is given.
//!
//! The rules are rustc's (`rustc_metadata::dependency_format`, 1.95); each step names its function
//! there. `docs/dependency-formats.md` states them in full.

pub mod dylib_manifest;
pub mod edges;
pub(crate) mod explain;
pub(crate) mod link_line;
pub(crate) mod metadata_formats;
pub(crate) mod offered;
pub mod purl;
pub mod report;
pub mod short_names;
pub(crate) mod std_manifest;

use crate::plan::crate_type::CrateType;
use anyhow::{Result, bail};
use dylib_manifest::DylibManifest;
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, HashSet};
use std::fmt;

/// How a crate takes part in a link (`rustc_middle::middle::dependency_format::Linkage`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Linkage {
    /// Its rlib's code goes into the artifact.
    Static,
    /// Its dylib is needed at run time.
    Dynamic,
    /// Its code is inside the dylib of another crate.
    IncludedFromDylib,
    /// It has no part in the artifact.
    NotLinked,
}

/// What a crate is to the one that is linked (`rustc_session::cstore::CrateDepKind`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DependencyKind {
    /// Its code is needed.
    Unconditional,
    /// A panic runtime, needed if no other is linked.
    PanicRuntime,
    /// Nothing of its code is needed: only its macros are used, or nothing at all.
    Unlinked,
}

/// A crate, and the forms in which it is offered.
#[derive(Debug, Clone, Copy)]
pub struct Candidate<'a> {
    /// Its identity ([`crate::files::crates::identity`]).
    pub id: &'a str,
    /// What it is to the crate that is linked.
    pub kind: DependencyKind,
    /// Whether there is an rlib of it.
    pub rlib: bool,
    /// What its dylib contains, if there is one.
    pub dylib: Option<&'a DylibManifest>,
}

/// A link whose formats are wanted.
#[derive(Debug, Clone)]
pub struct FormatsRequest<'a> {
    /// The name of the crate that is linked, for messages.
    pub crate_name: &'a str,
    /// The crate type.
    pub crate_type: CrateType,
    /// The identity of the library crate whose dylib form this is, if it is one.
    pub own: Option<&'a str>,
    /// Whether dylibs are preferred to rlibs (`-Cprefer-dynamic`).
    pub prefer_dynamic: bool,
    /// Whether the artifact is an executable without an interpreter
    /// (`-Ctarget-feature=+crt-static`).
    pub crt_static: bool,
    /// What a `#[global_allocator]` in the crate, or below it, means for dylibs.
    pub own_allocator: OwnAllocator,
    /// Every crate, each once.
    pub crates: Vec<Candidate<'a>>,
}

/// What a `#[global_allocator]` means for the dylibs that allocate by the standard library's: what
/// the one allocates, the other would free.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OwnAllocator {
    /// There is none.
    No,
    /// Such dylibs are an error.
    Refuses,
    /// Such dylibs count as not offered.
    LeavesOut,
}

/// What was decided for a crate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Format {
    /// How it takes part.
    pub linkage: Linkage,
    /// Why.
    pub reason: Reason,
}

/// Why a crate is linked as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// Static is preferred, and every crate has an rlib.
    AllStatic,
    /// No dylib of it is offered.
    OnlyRlib,
    /// Dylibs are preferred, and it has one.
    DynamicPreferred,
    /// These crates have no rlib, so not all can be static, and this one has a dylib.
    NotAllStatic(Vec<String>),
    /// The dylib of this crate contains it.
    Inside(String),
    /// No other panic runtime is linked.
    PanicRuntimeActivated,
    /// The panic runtime is another, inside this dylib or a crate of its own.
    OtherPanicRuntime(String),
    /// At most its macros are used.
    NothingUsed,
    /// Its dylib would allocate in another way than the crate.
    OwnAllocator,
    /// Linked statically into everything, even next to a dylib that has it inside.
    AlwaysStatic,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AllStatic => f.write_str("static is preferred, and every crate has an rlib"),
            Self::OnlyRlib => f.write_str("no dylib of it is offered"),
            Self::DynamicPreferred => f.write_str("dylibs are preferred, and it has one"),
            Self::NotAllStatic(without) => {
                write!(f, "it has a dylib, and not all crates can be static: there is no rlib of {}", without.join(", "))
            }
            Self::Inside(dylib) => write!(f, "the dylib of {dylib} contains it"),
            Self::PanicRuntimeActivated => f.write_str("no other panic runtime is linked"),
            Self::OtherPanicRuntime(other) => write!(f, "the panic runtime is {other}"),
            Self::NothingUsed => f.write_str("none of its code is used: only its macros, or nothing"),
            Self::OwnAllocator => {
                f.write_str("there is a `#[global_allocator]`, and its dylib would bring the standard library's allocator along")
            }
            Self::AlwaysStatic => f.write_str("part of it is needed in every artifact, whatever dylib contains it"),
        }
    }
}

/// Decides the formats of `request`, in the order of its crates (`calculate_type`, then
/// `verify_ok`).
///
/// # Errors
/// rustc's own: a crate that would be there twice, a crate in no usable form, a panic runtime of
/// another strategy.
pub fn calculate(request: &FormatsRequest<'_>) -> Result<Vec<Format>> {
    if request.own_allocator == OwnAllocator::LeavesOut {
        return calculate_without_second_allocator(request);
    }
    let formats = calculate_type(request)?;
    verify_panic_runtime(request, &formats)?;
    if request.own_allocator == OwnAllocator::Refuses {
        verify_one_allocator(request, &formats)?;
    }
    Ok(formats)
}

/// Whether a crate of the sysroot brings an allocator into the dylib that has it inside: the shim
/// of whatever is linked with `alloc`.
fn allocates(id: &str) -> bool {
    matches!(id.rsplit_once('-'), Some(("alloc" | "std", _)))
}

/// Calculates as if the dylibs that bring an allocator were not offered, nor those that need them.
fn calculate_without_second_allocator(request: &FormatsRequest<'_>) -> Result<Vec<Format>> {
    let mut without = FormatsRequest { own_allocator: OwnAllocator::No, ..request.clone() };
    let mut left_out: HashSet<&str> = HashSet::new();
    loop {
        let before = left_out.len();
        for candidate in &request.crates {
            let Some(dylib) = candidate.dylib else { continue };
            let inside = allocates(candidate.id) || dylib.contains.iter().any(|id| allocates(id));
            if inside || dylib.needs.iter().any(|id| left_out.contains(id.as_str()) || allocates(id)) {
                left_out.insert(candidate.id);
            }
        }
        if left_out.len() == before {
            break;
        }
    }
    for candidate in &mut without.crates {
        if left_out.contains(candidate.id) {
            candidate.dylib = None;
        }
    }
    let mut formats = calculate(&without)?;
    for (candidate, format) in without.crates.iter().zip(&mut formats) {
        if left_out.contains(candidate.id) && format.linkage == Linkage::Static && prefers_dynamic(request) {
            format.reason = Reason::OwnAllocator;
        }
    }
    Ok(formats)
}

/// A crate with an allocator of its own, and a dylib with the standard library's: rustc links them,
/// and what one allocates the other frees.
fn verify_one_allocator(request: &FormatsRequest<'_>, formats: &[Format]) -> Result<()> {
    let second = request.crates.iter().zip(formats).filter(|(_, format)| format.linkage == Linkage::Dynamic).find(|(candidate, _)| {
        allocates(candidate.id) || candidate.dylib.is_some_and(|dylib| dylib.contains.iter().any(|id| allocates(id)))
    });
    let Some((candidate, _)) = second else { return Ok(()) };
    bail!(
        "`{}` has a `#[global_allocator]`, itself or below, and would share the dylib of `{}`, which allocates by the standard library's: \
         what one of them allocates, the other would free\n  \
         help: link it statically (without `--prefer-dynamic` and `-Cprefer-dynamic`; in a build file, `prefer_dynamic = False`)",
        request.crate_name,
        candidate.id
    )
}

fn calculate_type(request: &FormatsRequest<'_>) -> Result<Vec<Format>> {
    let without_rlib: Vec<&str> = request.crates.iter().filter(|c| c.kind != DependencyKind::Unlinked && !c.rlib).map(|c| c.id).collect();
    if !prefers_dynamic(request) {
        if without_rlib.is_empty() {
            return Ok(all_static(request));
        }
        if must_be_static(request) {
            bail!(
                "{} `{}` can only be linked from rlibs, and there is none of: {}\n  help: give `--rlib` for each; a dylib cannot go into it",
                if request.crate_type == CrateType::Staticlib { "the staticlib" } else { "the statically linked program" },
                request.crate_name,
                without_rlib.join(", ")
            );
        }
    }
    Mixed::new(request, &without_rlib).formats()
}

/// The preferred linkage of the crate type; static for all but programs, dylibs and cdylibs.
fn prefers_dynamic(request: &FormatsRequest<'_>) -> bool {
    let is_static_program = request.crate_type == CrateType::Bin && request.crt_static;
    request.prefer_dynamic && request.crate_type.may_prefer_dylibs() && !is_static_program
}

fn must_be_static(request: &FormatsRequest<'_>) -> bool {
    request.crate_type == CrateType::Staticlib || (request.crate_type == CrateType::Bin && request.crt_static)
}

/// `attempt_static`, when every crate has an rlib.
fn all_static(request: &FormatsRequest<'_>) -> Vec<Format> {
    let format = |candidate: &Candidate<'_>| match candidate.kind {
        DependencyKind::Unconditional => Format { linkage: Linkage::Static, reason: Reason::AllStatic },
        DependencyKind::PanicRuntime => Format { linkage: Linkage::Static, reason: Reason::PanicRuntimeActivated },
        DependencyKind::Unlinked => Format { linkage: Linkage::NotLinked, reason: Reason::NothingUsed },
    };
    request.crates.iter().map(format).collect()
}

/// A link that may take dylibs: first all dylibs and what they contain, then rlibs for the rest.
struct Mixed<'a> {
    request: &'a FormatsRequest<'a>,
    without_rlib: &'a [&'a str],
    /// Crate → whether it is a dylib itself (else inside one), and the crate whose dylib asked for
    /// that.
    required: HashMap<&'a str, (bool, &'a str)>,
}

impl<'a> Mixed<'a> {
    fn new(request: &'a FormatsRequest<'a>, without_rlib: &'a [&'a str]) -> Self {
        let required = request.own.iter().map(|own| (*own, (false, *own))).collect();
        Self { request, without_rlib, required }
    }

    fn formats(mut self) -> Result<Vec<Format>> {
        for candidate in &self.request.crates {
            if let (Some(dylib), true) = (candidate.dylib, candidate.kind != DependencyKind::Unlinked) {
                self.add(candidate.id, true, candidate.id)?;
                for id in &dylib.needs {
                    self.add(id, true, candidate.id)?;
                }
                for id in &dylib.contains {
                    self.add(id, false, candidate.id)?;
                }
            }
        }
        let mut formats = Vec::with_capacity(self.request.crates.len());
        for candidate in &self.request.crates {
            formats.push(self.format(candidate)?);
        }
        let dylibs: HashSet<&str> = self.request.crates.iter().filter(|c| c.dylib.is_some()).map(|c| c.id).collect();
        let missing = self.required.iter().filter(|(id, (is_dylib, _))| *is_dylib && !dylibs.contains(*id));
        // The first by name, so that the message is always the same.
        if let Some((id, (_, by))) = missing.min() {
            bail!(
                "the dylib of `{by}` needs the dylib of `{id}`, and none was given\n  help: `{by}` was linked against it; \
                 add `--dylib` for it (for the standard library: `--std-manifest`)"
            );
        }
        Ok(formats)
    }

    /// `add_library`: a crate may be relied on twice only if both rely on its dylib.
    fn add(&mut self, id: &'a str, is_dylib: bool, by: &'a str) -> Result<()> {
        let Some(&(was_dylib, other)) = self.required.get(id) else {
            self.required.insert(id, (is_dylib, by));
            return Ok(());
        };
        if was_dylib && is_dylib {
            return Ok(());
        }
        let place = |is_dylib: bool, by: &str| match is_dylib {
            true if by == id => "as a dylib of its own".to_owned(),
            true => format!("as a dylib of its own, which the dylib of `{by}` needs"),
            false => format!("inside the dylib of `{by}`"),
        };
        let also = match self.without_rlib {
            [] => String::new(),
            without => format!("\n  note: these crates have no rlib, or all could be static: {}", without.join(", ")),
        };
        bail!(
            "the crate `{id}` would be in `{}` twice: {}, and {}{also}\n  \
             help: have every dylib link `{id}` dynamically, or give rlibs for the dylibs that contain it",
            self.request.crate_name,
            place(was_dylib, other),
            place(is_dylib, by)
        )
    }

    fn format(&self, candidate: &Candidate<'_>) -> Result<Format> {
        if candidate.kind == DependencyKind::Unlinked {
            return Ok(Format { linkage: Linkage::NotLinked, reason: Reason::NothingUsed });
        }
        match self.required.get(candidate.id) {
            Some((true, _)) => {
                let reason = if prefers_dynamic(self.request) {
                    Reason::DynamicPreferred
                } else {
                    Reason::NotAllStatic(self.without_rlib.iter().map(|&id| id.to_owned()).collect())
                };
                return Ok(Format { linkage: Linkage::Dynamic, reason });
            }
            Some((false, by)) => {
                return Ok(Format { linkage: Linkage::IncludedFromDylib, reason: Reason::Inside((*by).to_owned()) });
            }
            None => {}
        }
        if candidate.kind == DependencyKind::PanicRuntime {
            // `activate_injected_dep`
            let other = self.required.iter().filter(|(id, _)| panic_strategy(id).is_some()).min();
            if let Some((other, _)) = other {
                return Ok(Format { linkage: Linkage::NotLinked, reason: Reason::OtherPanicRuntime((*other).to_owned()) });
            }
        }
        if !candidate.rlib {
            bail!(
                "`{}` needs the crate `{}`, and neither an rlib nor a dylib of it was given\n  help: add `--rlib` or `--dylib` for it, or `--rlib-dir` with its folder; is it missing from the action's inputs?",
                self.request.crate_name,
                candidate.id
            );
        }
        let reason = if candidate.kind == DependencyKind::PanicRuntime { Reason::PanicRuntimeActivated } else { Reason::OnlyRlib };
        Ok(Format { linkage: Linkage::Static, reason })
    }
}

/// The panic strategy of the crate `id`, if that is one of the sysroot's two panic runtimes.
pub fn panic_strategy(id: &str) -> Option<&'static str> {
    match id.rsplit_once('-')?.0 {
        "panic_unwind" => Some("unwind"),
        "panic_abort" => Some("abort"),
        _ => None,
    }
}

/// `verify_ok`: the one panic runtime is of the strategy that the crate was compiled for, which is
/// that of the runtime that rustc itself would have linked.
fn verify_panic_runtime(request: &FormatsRequest<'_>, formats: &[Format]) -> Result<()> {
    let Some(wanted) = request.crates.iter().find(|c| c.kind == DependencyKind::PanicRuntime) else { return Ok(()) };
    let linked: Vec<(&str, Option<&str>)> = request
        .crates
        .iter()
        .zip(formats)
        .filter(|(candidate, format)| panic_strategy(candidate.id).is_some() && format.linkage != Linkage::NotLinked)
        .map(|(candidate, _)| (candidate.id, None))
        .chain(request.crates.iter().zip(formats).filter(|(_, format)| format.linkage == Linkage::Dynamic).flat_map(|(candidate, _)| {
            let contains = candidate.dylib.iter().flat_map(|dylib| &dylib.contains);
            contains.filter(|id| panic_strategy(id).is_some()).map(|id| (id.as_str(), Some(candidate.id)))
        }))
        .collect();
    let mut runtimes: Vec<&str> = linked.iter().map(|(id, _)| *id).collect();
    runtimes.sort_unstable();
    runtimes.dedup();
    if let [one, other, ..] = runtimes[..] {
        bail!(
            "`{}` would have two panic runtimes: `{one}` and `{other}`\n  help: compile everything that goes into it with one `-Cpanic`",
            request.crate_name
        );
    }
    let strategy = panic_strategy(wanted.id).unwrap_or_default();
    for (runtime, by) in linked {
        if panic_strategy(runtime) != Some(strategy) {
            let place = by.map(|by| format!(", which the dylib of `{by}` contains,")).unwrap_or_default();
            bail!(
                "the panic runtime `{runtime}`{place} is not of `{}`'s panic strategy, `{strategy}`\n  \
                 help: compile both with the same `-Cpanic`; with `abort`, the standard library must be linked statically",
                request.crate_name
            );
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use Linkage::{Dynamic, IncludedFromDylib, NotLinked, Static};

    /// Crates in short: `a` has an rlib, `a!` a dylib, `a?` both; behind `=` what is inside, behind
    /// `>` what is needed.
    fn calculated(crate_type: &str, prefer_dynamic: bool, crates: &[&str]) -> Result<Vec<Linkage>> {
        let parsed: Vec<(String, bool, Option<DylibManifest>)> = crates
            .iter()
            .map(|text| {
                let (head, needs) = text.split_once('>').unwrap_or((text, ""));
                let (name, contains) = head.split_once('=').unwrap_or((head, ""));
                let list = |text: &str| text.split(',').filter(|id| !id.is_empty()).map(str::to_owned).collect();
                let id = name.trim_end_matches(['!', '?']).to_owned();
                let dylib = name.ends_with(['!', '?']).then(|| DylibManifest {
                    id: id.clone(),
                    contains: list(contains),
                    needs: list(needs),
                    ..DylibManifest::default()
                });
                (id, !name.ends_with('!'), dylib)
            })
            .collect();
        let crates = parsed.iter().map(|(id, rlib, dylib)| {
            let kind = match id.as_str() {
                "macros" => DependencyKind::Unlinked,
                id if panic_strategy(id).is_some() => DependencyKind::PanicRuntime,
                _ => DependencyKind::Unconditional,
            };
            Candidate { id, kind, rlib: *rlib, dylib: dylib.as_ref() }
        });
        let request = FormatsRequest {
            crate_name: "app",
            crate_type: crate_type.parse().unwrap(),
            own: None,
            prefer_dynamic,
            crt_static: false,
            own_allocator: OwnAllocator::No,
            crates: crates.collect(),
        };
        Ok(calculate(&request)?.into_iter().map(|format| format.linkage).collect())
    }

    #[test]
    fn what_rustc_would_choose() {
        let table: &[(&str, bool, &[&str], &[Linkage])] = &[
            ("bin", false, &["a?", "std?=core", "core"], &[Static, Static, Static]),
            ("bin", true, &["a?>std", "std?=core", "core"], &[Dynamic, Dynamic, IncludedFromDylib]),
            ("bin", true, &["a", "std?=core", "core"], &[Static, Dynamic, IncludedFromDylib]),
            ("bin", false, &["a!>std", "b", "std?=core", "core"], &[Dynamic, Static, Dynamic, IncludedFromDylib]),
            ("bin", false, &["a!=b,std,core", "b", "std", "core"], &[Dynamic, IncludedFromDylib, IncludedFromDylib, IncludedFromDylib]),
            ("cdylib", true, &["a?>std", "std?"], &[Dynamic, Dynamic]),
            ("staticlib", true, &["a?>std", "std?"], &[Static, Static]),
            ("proc-macro", true, &["a?", "std?"], &[Static, Static]),
            ("bin", false, &["macros", "a"], &[NotLinked, Static]),
            ("bin", false, &["std", "panic_unwind-1"], &[Static, Static]),
            ("bin", true, &["std?=panic_unwind-1", "panic_unwind-1"], &[Dynamic, IncludedFromDylib]),
        ];
        for (crate_type, prefer_dynamic, crates, expected) in table {
            assert_eq!(calculated(crate_type, *prefer_dynamic, crates).unwrap(), *expected, "{crate_type} {prefer_dynamic} {crates:?}");
        }
    }

    #[test]
    fn what_rustc_would_refuse() {
        let table: &[(&str, bool, &[&str], &[&str])] = &[
            ("bin", true, &["a!=c", "b!=c", "c"], &["`c` would be in `app` twice", "dylib of `a`", "dylib of `b`", "help:"]),
            ("bin", true, &["a!=std", "std?"], &["`std` would be in `app` twice", "of its own", "dylib of `a`"]),
            ("staticlib", false, &["a!", "b"], &["the staticlib `app`", "none of: a"]),
            ("bin", false, &["a!>b", "b"], &["dylib of `a` needs the dylib of `b`"]),
            ("bin", true, &["std?=panic_unwind-1", "panic_abort-1"], &["panic_unwind-1", "dylib of `std`", "`abort`"]),
            ("bin", true, &["a!=panic_unwind-1", "b!=panic_abort-1", "panic_unwind-1"], &["two panic runtimes"]),
        ];
        for (crate_type, prefer_dynamic, crates, parts) in table {
            let message = calculated(crate_type, *prefer_dynamic, crates).unwrap_err().to_string();
            for part in *parts {
                assert!(message.contains(part), "{crates:?}: {message}");
            }
        }
    }
}
