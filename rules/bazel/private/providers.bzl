"""What the split knows about a Rust target."""

SplitInfo = provider(
    doc = "How a Rust target is built through the split, for its dependents and for the rule that publishes it.",
    fields = {
        "artifact": "File: the linked artifact of a proc macro, which compilers load; None for all others: what is linked, the publishing " +
                    "rule links, at its own place and with the dylibs that it is given.",
        "crates": "Crate set (see crate_set.bzl): what a target that lists this one among its deps or proc_macro_deps sees.",
        "deps": "Crate set: what this target's own compilation sees.",
        "library": "struct: of a library, its `rmeta` and `rlib` (File); None for all others.",
        "link": "struct: what link_only.bzl needs to link the crate; None for a library and for a target that is not split.",
        "originals": "list[File]: what rules_rust's own actions for this target write, which must not be asked for.",
        "runfiles": "list[runfiles]: the runfiles of the target's data.",
        "unsplit": "str: why rules_rust builds this target after all; empty when the split does.",
    },
)
