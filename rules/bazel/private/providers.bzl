"""What the split knows about a Rust target."""

SplitInfo = provider(
    doc = "How a Rust target is built through the split, for its dependents and for the rule " +
          "that publishes it.",
    fields = {
        "artifact": "File: the linked artifact of a proc macro, which compilers load. None for " +
                    "all others: the publishing rule links those, at its own place and with the " +
                    "dylibs that it is given.",
        "as_asked": "bool: whether it is the user's choice that rules_rust builds this target.",
        "crates": "Crate set (see crate_set.bzl): what a target sees that lists this one among " +
                  "its deps or proc_macro_deps.",
        "deps": "Crate set: what this target's own compilation sees.",
        "help": "str: what to do where `unsplit` says something.",
        "library": "struct: of a library, its `rmeta` and `rlib` (File). None for all others.",
        "link": "struct: what link_only.bzl needs to link the crate. None for a library and for " +
                "a target that is not split.",
        "originals": "list[File]: what rules_rust's own actions for this target write; nobody " +
                     "may ask for it.",
        "program": "struct: of a program for the machine that builds, its `file` as the split " +
                   "builds it (File) and the `originals` that it stands for (list[File]). None " +
                   "for all others.",
        "runfiles": "list[runfiles]: the runfiles of the target's data.",
        "told": "bool: whether a target has said already why this one is not split.",
        "unsplit": "str: why rules_rust builds this target after all; empty when the split does.",
    },
)

DylibInfo = provider(
    doc = "A Rust dylib and those that it may need.",
    fields = {
        "dylibs": "depset[File]: it and the others.",
        "manifests": "depset[File]: the manifests of all of them, each beside its dylib.",
    },
)

StdDylibInfo = provider(
    doc = "The standard library's dylib.",
    fields = {
        "dylib": "File: libstd-*.so, or None if the toolchain has none.",
        "manifest": "File: which crates it contains (docs/dependency-formats.md), or None.",
    },
)
