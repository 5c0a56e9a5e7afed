"""The attributes of rules_rust's rules, as the published targets have them.

An aspect (clippy, rust-analyzer) reads a target's attributes by name, and `$(location)` looks for
labels in them. The union over rules_rust 0.54.1 to 0.73 stands here. What rules_rust's own rule
does not know, it refuses, for a user's attribute goes to both. What is not here goes to it alone.
"""

_CRATE = {
    "aliases": attr.label_keyed_string_dict(doc = "As of rules_rust."),
    "alwayslink": attr.bool(doc = "As of rules_rust."),
    "compile_data": attr.label_list(
        doc = "As of rules_rust.",
        allow_files = True,
    ),
    "crate_features": attr.string_list(doc = "As of rules_rust."),
    "crate_name": attr.string(doc = "As of rules_rust."),
    "crate_root": attr.label(
        doc = "As of rules_rust.",
        allow_single_file = [".rs"],
    ),
    "deps": attr.label_list(doc = "As of rules_rust."),
    "edition": attr.string(doc = "As of rules_rust."),
    "link_deps": attr.label_list(doc = "As of rules_rust."),
    "lint_config": attr.label(doc = "As of rules_rust."),
    "proc_macro_deps": attr.label_list(
        doc = "As of rules_rust.",
        cfg = "exec",
    ),
    "require_explicit_unstable_features": attr.int(
        doc = "As of rules_rust.",
        default = -1,
    ),
    "root_path": attr.string(doc = "As of rules_rust."),
    "rustc_env": attr.string_dict(doc = "As of rules_rust."),
    "rustc_env_files": attr.label_list(
        doc = "As of rules_rust.",
        allow_files = True,
    ),
    "rustc_flags": attr.string_list(doc = "As of rules_rust."),
    "srcs": attr.label_list(
        doc = "As of rules_rust.",
        allow_files = [".rs"],
        # For --compile_one_dependency.
        flags = ["DIRECT_COMPILE_TIME_INPUT"],
    ),
    "stamp": attr.int(
        doc = "As of rules_rust.",
        default = 0,
        values = [-1, 0, 1],
    ),
    "unstable_rust_features_config": attr.label(doc = "As of rules_rust."),
    "version": attr.string(
        doc = "As of rules_rust.",
        default = "0.0.0",
    ),
    "zself_profile_events": attr.label(doc = "As of rules_rust."),
}

_EXECUTABLE = {
    "env": attr.string_dict(doc = "As of rules_rust."),
}

# By rule class. Each rule has them, and its macro gives them to rules_rust's rule, too.
RUST_ATTRS = {
    "rust_binary": _CRATE | _EXECUTABLE | {
        "binary_name": attr.string(doc = "As of rules_rust."),
        "crate_type": attr.string(
            doc = "As of rules_rust.",
            default = "bin",
        ),
        "linker_script": attr.label(
            doc = "As of rules_rust.",
            allow_single_file = True,
        ),
        "out_binary": attr.bool(doc = "As of rules_rust."),
        "stamp": attr.int(
            doc = "As of rules_rust.",
            default = -1,
            values = [-1, 0, 1],
        ),
    },
    "rust_library": _CRATE | {
        "disable_pipelining": attr.bool(doc = "As of rules_rust."),
    },
    "rust_proc_macro": _CRATE,
    "rust_shared_library": _CRATE,
    "rust_static_library": _CRATE,
    "rust_test": _CRATE | _EXECUTABLE | {
        "crate": attr.label(doc = "As of rules_rust."),
        "env_inherit": attr.string_list(doc = "As of rules_rust."),
        "use_libtest_harness": attr.bool(
            doc = "As of rules_rust.",
            default = True,
        ),
    },
}
