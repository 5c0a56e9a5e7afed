"""A rule that hands on a library in a way that no aspect follows."""

load("@rules_rust//rust:defs.bzl", "rust_common")

def _wrapped_library_impl(ctx):
    library = ctx.attr.library
    return [library[rust_common.crate_info], library[rust_common.dep_info], library[DefaultInfo]]

wrapped_library = rule(
    implementation = _wrapped_library_impl,
    doc = "Stands for a library.",
    attrs = {
        "library": attr.label(doc = "The library.", mandatory = True),
    },
)
