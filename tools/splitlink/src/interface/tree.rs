//! The interface of a crate on disk: a copy of its tree of sources.

use super::conditions::holds;
use super::cutter::is_for_tests;
use super::hidden::named;
use super::kept;
use super::known::Known;
use super::source::{Parts, Source};
use crate::files::definitions::Definitions;
use anyhow::{Context, Result};
use proc_macro2::TokenStream;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Component, Path, PathBuf};
use syn::punctuated::Punctuated;

/// A crate's interface, as rustc can compile it.
#[derive(Debug)]
pub(crate) struct Tree {
    /// The root.
    pub root: PathBuf,
    /// The folder that stands for the working folder.
    pub folder: PathBuf,
    /// Whether functions that nothing names are left out.
    pub is_reduced: bool,
    /// The files that it was made of.
    pub(super) files: BTreeSet<PathBuf>,
    /// Where its definitions are, by the paths of the sources.
    pub definitions: Definitions,
}

/// What of a crate is in its interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    /// All but bodies, and functions that nothing names which others see.
    Reduced,
    /// All but bodies.
    Full,
}

/// A file that was read.
struct Parsed {
    text: String,
    tokens: TokenStream,
    file: syn::File,
    has_modules_beside: bool,
    /// How many modules of its own were found that are files.
    modules: usize,
}

impl Parsed {
    /// None for what is not to be understood, and for what would not be in its place.
    fn read(path: &Path, has_modules_beside: bool) -> Option<Self> {
        let text = fs::read_to_string(path).ok()?;
        let is_plain = !text.starts_with('\u{feff}') && (!text.starts_with("#!") || text.starts_with("#![")) && !text.contains('\r');
        let tokens: TokenStream = is_plain.then(|| text.parse().ok())??;
        let file = syn::parse2(tokens.clone()).ok()?;
        Some(Self { text, tokens, file, has_modules_beside, modules: 0 })
    }
}

impl Tree {
    /// The tree that the last build has left in `folder`, if [`Tree::write`] would make the same.
    pub(crate) fn kept(root: &Path, conditions: &BTreeSet<String>, externs: &BTreeSet<String>, folder: &Path) -> Option<Self> {
        kept::find(folder, root, [conditions, externs])
    }

    /// Takes note of what the tree was made of, so that the next build may find it.
    pub(crate) fn keep(&self, root: &Path, conditions: &BTreeSet<String>, externs: &BTreeSet<String>) {
        kept::write(self, root, [conditions, externs]);
    }

    /// Makes the interface of the crate with the root `root`, under `conditions`, in `folder`, which
    /// is empty. It names those of the crates `externs` that bodies name. None if the crate has no
    /// interface but itself.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub(crate) fn write(
        root: &Path,
        conditions: &BTreeSet<String>,
        externs: &BTreeSet<String>,
        extent: Extent,
        folder: &Path,
    ) -> Result<Option<Self>> {
        if !is_below_here(root) {
            return Ok(None);
        }
        let Some(files) = parse(root, conditions) else { return Ok(None) };
        let known = Known::of(files.values().map(|parsed| &parsed.file));
        let parts = files.iter().map(|(path, Parsed { text, file, tokens, .. })| (path, Parts::new(text, file, tokens.clone(), &known)));
        let parts: BTreeMap<_, _> = parts.collect();
        // What a file has that was not read might name anything.
        let is_complete = parts.iter().all(|(path, parts)| parts.declared_modules() == files[*path].modules && !parts.includes_code());
        let named = (extent == Extent::Reduced && is_complete).then(|| named(&parts.values().map(Parts::names).collect::<Vec<_>>()));
        let interface = |parts: &Parts<'_>| parts.interface(named.as_ref());
        let mut sources: BTreeMap<PathBuf, Source> =
            parts.iter().filter_map(|(path, parts)| Some(((*path).clone(), interface(parts)?))).collect();
        // A macro of another crate may name one that no word here does.
        let names_any = parts.values().any(Parts::calls_macros_of_others);
        let used: BTreeSet<String> = if names_any {
            externs.clone()
        } else {
            sources.values().flat_map(|source| source.words.intersection(externs)).cloned().collect()
        };
        match sources.get_mut(root) {
            // The root has to name them: rustc takes no notice of a crate that nothing names, and
            // the link would lack it.
            None if !used.is_empty() => return Ok(None),
            None => {}
            Some(source) => used.iter().for_each(|name| source.add(&format!("extern crate {name} as _;"))),
        }
        if sources.is_empty() {
            return Ok(None);
        }
        write(&sources, folder)?;
        let lines = sources.into_iter().filter(|(_, source)| !source.lines.is_empty());
        Ok(Some(Self {
            definitions: Definitions(lines.map(|(path, source)| (path.to_string_lossy().into_owned(), source.lines)).collect()),
            root: folder.join(root),
            folder: folder.to_owned(),
            is_reduced: named.is_some(),
            files: files.into_keys().collect(),
        }))
    }
}

/// Whether the crate with the root `root` has an interface other than itself, as far as its sources
/// tell: the root alone decides it.
pub(crate) fn is_possible(root: &Path, conditions: &BTreeSet<String>) -> bool {
    is_below_here(root) && parse_root(root, conditions).is_some()
}

fn is_below_here(root: &Path) -> bool {
    root.components().all(|part| matches!(part, Component::Normal(_)))
}

/// A crate's root; none if it uses features of rustc's by which bodies may be seen elsewhere.
fn parse_root(root: &Path, conditions: &BTreeSet<String>) -> Option<Parsed> {
    Parsed::read(root, true).filter(|parsed| !parsed.file.attrs.iter().any(|attribute| has_features(attribute, conditions)))
}

/// The files of a crate that are found from its root; none where [`parse_root`] gives none.
fn parse(root: &Path, conditions: &BTreeSet<String>) -> Option<BTreeMap<PathBuf, Parsed>> {
    let mut files = BTreeMap::new();
    let mut pending = vec![(root.to_owned(), parse_root(root, conditions)?)];
    while let Some((path, mut parsed)) = pending.pop() {
        for module in modules(&parsed.file.items, &mut Vec::new()) {
            let Some((found, has_modules_beside)) = find_module(&path, parsed.has_modules_beside, &module) else { continue };
            if files.contains_key(&found) {
                parsed.modules += 1;
            } else if let Some(module) = Parsed::read(&found, has_modules_beside) {
                parsed.modules += 1;
                pending.push((found, module));
            }
        }
        files.insert(path, parsed);
    }
    Some(files)
}

/// Whether an attribute of the root allows features of rustc's: `#![feature(…)]`, or the same under a
/// condition that may hold.
fn has_features(attribute: &syn::Attribute, conditions: &BTreeSet<String>) -> bool {
    if !attribute.path().is_ident("cfg_attr") {
        return attribute.path().is_ident("feature");
    }
    let Ok(parts) = attribute.parse_args_with(Punctuated::<syn::Meta, syn::Token![,]>::parse_terminated) else { return true };
    let mut parts = parts.iter();
    let is_off = parts.next().is_some_and(|condition| holds(condition, conditions) == Some(false));
    !is_off && parts.any(|part| part.path().is_ident("feature") || part.path().is_ident("cfg_attr"))
}

/// A module that is a file of its own.
struct Module {
    /// The names on the way to it in the file that declares it.
    path: Vec<String>,
    /// Where `#[path]` says that it is.
    named: Option<String>,
}

/// The modules among `items` that are files of their own. A `#[path]` below others in the file, or
/// one with a condition, is not followed.
fn modules(items: &[syn::Item], path: &mut Vec<String>) -> Vec<Module> {
    let mut found = Vec::new();
    for item in items {
        let syn::Item::Mod(module) = item else { continue };
        if is_for_tests(&module.attrs) {
            continue;
        }
        let has = |name: &str| module.attrs.iter().any(|attribute| attribute.path().is_ident(name));
        let named = module.attrs.iter().find_map(path_in);
        if has("cfg_attr") || (has("path") && (named.is_none() || !path.is_empty() || module.content.is_some())) {
            continue;
        }
        path.push(module.ident.to_string().trim_start_matches("r#").to_owned());
        match &module.content {
            Some((_, items)) => found.extend(modules(items, path)),
            None => found.push(Module { path: path.clone(), named }),
        }
        path.pop();
    }
    found
}

/// The path in an attribute `#[path = "…"]`.
fn path_in(attribute: &syn::Attribute) -> Option<String> {
    let value = attribute.meta.require_name_value().ok().filter(|value| value.path.is_ident("path"))?;
    match &value.value {
        syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(path), .. }) => Some(path.value()),
        _ => None,
    }
}

/// The file of a module that the file `path` declares, and whether the modules of that file are
/// beside it (`rustc_expand::module`, 1.95); none where rustc would complain.
fn find_module(path: &Path, has_modules_beside: bool, module: &Module) -> Option<(PathBuf, bool)> {
    if let Some(named) = &module.named {
        let file = path.parent()?.join(named);
        return (is_below_here(Path::new(named)) && file.is_file()).then_some((file, true));
    }
    let mut folder = if has_modules_beside { path.parent()?.to_owned() } else { path.with_extension("") };
    let (name, outer) = module.path.split_last()?;
    folder.extend(outer);
    let files = [(folder.join(format!("{name}.rs")), false), (folder.join(name).join("mod.rs"), true)];
    let mut found = files.into_iter().filter(|(file, _)| file.is_file());
    found.next().filter(|_| found.next().is_none())
}

/// Writes `sources` below `folder`, with links to everything that is beside them.
fn write(sources: &BTreeMap<PathBuf, Source>, folder: &Path) -> Result<()> {
    let mut folders = BTreeSet::new();
    for path in sources.keys() {
        folders.extend(path.ancestors().skip(1).map(Path::to_owned));
    }
    let here = std::env::current_dir().context("cannot tell the working folder")?;
    for dir in &folders {
        let copy = folder.join(dir);
        fs::create_dir_all(&copy).with_context(|| format!("cannot make the folder `{}`", copy.display()))?;
        let original = here.join(dir);
        let entries = fs::read_dir(&original).with_context(|| format!("cannot list `{}`", original.display()))?;
        for entry in entries.flatten() {
            let path = dir.join(entry.file_name());
            if !folders.contains(&path) && !sources.contains_key(&path) {
                let link = folder.join(&path);
                std::os::unix::fs::symlink(entry.path(), &link).with_context(|| format!("cannot make the link `{}`", link.display()))?;
            }
        }
    }
    for (path, source) in sources {
        let file = folder.join(path);
        fs::write(&file, &source.text).with_context(|| format!("cannot write `{}`", file.display()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_are_found_where_rustc_looks() {
        let dir = std::env::temp_dir().join(format!("splitlink-interface-{}", std::process::id()));
        let write = |path: &str, text: &str| {
            let path = dir.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write(
            "lib.rs",
            "mod a; mod b; mod c { mod d; } mod none; #[path = \"elsewhere.rs\"] mod e; mod both; #[path = \"../up.rs\"] mod up; mod f { #[path = \"deep.rs\"] mod g; } #[cfg_attr(unix, path = \"u.rs\")] mod u; #[cfg(test)] mod tests;",
        );
        write("a.rs", "mod inner;");
        write("a/inner.rs", "");
        write("b/mod.rs", "mod beside;");
        write("b/beside.rs", "");
        write("c/d.rs", "mod deep;");
        write("c/d/deep.rs", "fn (");
        write("elsewhere.rs", "mod beside_that;");
        write("beside_that.rs", "");
        write("tests.rs", "");
        write("both.rs", "");
        write("both/mod.rs", "");
        let files = parse(&dir.join("lib.rs"), &BTreeSet::new()).unwrap();
        let found: Vec<_> = files.keys().map(|path| path.strip_prefix(&dir).unwrap().to_str().unwrap()).collect();
        assert_eq!(found, ["a/inner.rs", "a.rs", "b/beside.rs", "b/mod.rs", "beside_that.rs", "c/d.rs", "elsewhere.rs", "lib.rs"]);
        fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn crates_with_features_have_no_interface() {
        let dir = std::env::temp_dir().join(format!("splitlink-features-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        let root = dir.join("lib.rs");
        let conditions = BTreeSet::from(["nightly".to_owned(), "feature=\"unstable\"".to_owned()]);
        for (text, expected) in [
            ("#![feature(a)]", false),
            ("#![cfg_attr(nightly, feature(a))]", false),
            ("#![cfg_attr(feature = \"unstable\", feature(a))]", false),
            ("#![cfg_attr(any(docsrs, other), feature(a))]", true),
            ("#![cfg_attr(all(doc, feature = \"unstable\"), feature(doc_cfg))]", true),
            ("#![cfg_attr(any(docsrs, nightly), feature(a))]", false),
            ("#![cfg_attr(unix, feature(a))]", false),
            ("#![cfg_attr(nightly, cfg_attr(docsrs, feature(a)))]", false),
            ("#![cfg_attr(docsrs, doc = include_str!(\"x.md\"), feature(a))]", true),
            ("#![cfg_attr(nightly, doc = include_str!(\"feature\"), no_std)]", true),
            ("#![cfg_attr(docsrs, feature(doc_cfg))]", true),
            ("#![cfg_attr(feature = \"other\", feature(a))]", true),
            ("#![cfg_attr(feature = \"unstable\", no_std)]", true),
            ("#![no_std]", true),
            ("fn (", false),
            ("#!/usr/bin/env run\nfn f() {}", false),
            ("fn f() {}\r\n", false),
        ] {
            fs::write(&root, text).unwrap();
            assert_eq!(parse(&root, &conditions).is_some(), expected, "{text}");
        }
        fs::remove_dir_all(dir).unwrap();
    }
}
