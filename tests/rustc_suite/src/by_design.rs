//! Tests that go otherwise with splitlink and are meant to; docs/rustc-suite.md has the same table.

/// Names of tests, and why.
const TESTS: [(&str, &str); 16] = [
    ("run-make/compiler-lookup-paths", "of two builds of a crate in two folders, the build system names the one that is meant"),
    ("run-make/crate-loading-multiple-candidates", "rustc's message names crates where no-link puts them, in its scratch folder"),
    ("run-make/cross-lang-lto", "link-only's LTO of a staticlib makes objects, where rustc leaves bitcode for a plugin"),
    ("run-make/cross-lang-lto-upstream-rlibs", "link-only's LTO of a staticlib makes objects, where rustc leaves bitcode for a plugin"),
    (
        "run-make/embed-metadata",
        "an rlib holds its metadata whatever `-Zembed-metadata` says, so it is not missed where its rmeta is not named",
    ),
    ("run-make/emit-path-unhashed", "what is emitted beside the link does not count in the crate's hash: every phase emits something else"),
    ("run-make/ice-static-mir", "that there is no code of a crate is link-only's to find, in words of its own"),
    ("run-make/long-linker-command-lines", "its linker exits with 0 and writes nothing: link-only says so, rustc is silent"),
    ("run-make/no-builtins-linker-plugin-lto", "`-Csave-temps` keeps what rustc makes, and the objects of its LTO are link-only's"),
    ("run-make/option-output-no-space", "no-link spells options anew, so rustc does not warn of how `-o` was written"),
    ("run-make/output-filename-conflicts-with-directory", "refused, in words of no-link's own"),
    ("run-make/output-filename-overwrites-input", "refused, in words of no-link's and metadata's own"),
    ("run-make/overwrite-input", "refused, in words of no-link's own"),
    ("run-make/reproducible-build", "its linker exits with 0 and writes nothing: link-only says so, rustc is silent"),
    ("run-make/split-debuginfo", "-Csplit-debuginfo=packed and unpacked are refused by name without `--dwo-dir`"),
    (
        "run-make/staticlib-dylib-linkage",
        "-Zstaticlib-allow-rdylib-deps: native-static-libs are printed before it is known which crate is a dylib",
    ),
];

/// What splitlink says where it refuses an unstable option by name, and why it does.
const REFUSED: [(&str, &str); 3] = [
    ("is compiled with `-Zsanitizer=cfi`", "-Zsanitizer=cfi is refused by name: each module's bitcode is two modules then"),
    ("is compiled with `-Zsplit-lto-unit`", "-Zsplit-lto-unit is refused by name: each module's bitcode is two modules then"),
    ("is compiled with `-Zvirtual-function-elimination`", "-Zvirtual-function-elimination is refused by name: it needs LTO of rustc's own"),
];

/// Why `test`, which differs as `how` says, is meant to, if it is.
pub(crate) fn reason(test: &str, how: &str) -> Option<&'static str> {
    let of_test = TESTS.iter().find(|(name, _)| *name == test);
    of_test.or_else(|| REFUSED.iter().find(|(text, _)| how.contains(text))).map(|(_, reason)| *reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_listed_is_meant() {
        assert!(reason("run-make/overwrite-input", "anything").is_some());
        assert!(reason("ui/a.rs", "not built: error: the crate `a` is compiled with `-Zsanitizer=cfi`, for which").is_some());
        assert_eq!(reason("ui/a.rs", "not built: error: `-Zsanitizer=cfi`"), None);
    }
}
