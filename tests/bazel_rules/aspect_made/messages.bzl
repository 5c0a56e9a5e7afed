"""Crates that an aspect generates and compiles, as rust_prost_library's are."""

load("@rules_rust//:version.bzl", "VERSION")
load("@rules_rust//rust:defs.bzl", "rust_common")

# buildifier: disable=bzl-visibility
load("@rules_rust//rust/private:rust.bzl", "RUSTC_ATTRS")

# buildifier: disable=bzl-visibility
load("@rules_rust//rust/private:rustc.bzl", "rustc_compile_action")

def _set(items):
    # Newer versions take lists.
    return depset(items) if [int(number) for number in VERSION.split(".")] < [0, 60, 0] else items

_RUST = Label("@rules_rust//rust:toolchain_type")

MessageInfo = provider(
    doc = "The crate of a message.",
    fields = {"crate": "DepVariantInfo"},
)

def _message_impl(_ctx):
    return []

message = rule(
    implementation = _message_impl,
    doc = "What crates are generated from; it has no Rust of its own.",
    attrs = {
        "runtime": attr.label(
            doc = "A library that the crate uses and hands on.",
            providers = [rust_common.crate_info],
        ),
        "deps": attr.label_list(doc = "Other messages."),
        "number": attr.int(doc = "What the crate's function returns, beside what those of its dependencies do."),
    },
)

def _crate_of(target, ctx):
    messages = [dep[MessageInfo].crate for dep in ctx.rule.attr.deps]
    runtime = ctx.rule.attr.runtime
    deps = messages + ([rust_common.dep_variant_info(
        build_info = None,
        cc_info = None,
        crate_info = runtime[rust_common.crate_info],
        dep_info = runtime[rust_common.dep_info],
    )] if runtime else [])
    name = ctx.label.name
    source = ctx.actions.declare_file(name + ".generated.rs")
    hands_on = "pub use {}::*;\n".format(runtime[rust_common.crate_info].name) if runtime else ""
    ctx.actions.write(source, hands_on + "pub fn number() -> i32 {{ {} }}\n".format(" + ".join(
        [str(ctx.rule.attr.number)] + [dep.crate_info.name + "::number()" for dep in messages],
    )))
    output_hash = repr(hash(source.path))
    providers = rustc_compile_action(
        ctx = ctx,
        attr = ctx.rule.attr,
        toolchain = ctx.toolchains[_RUST],
        crate_info_dict = {
            "aliases": {},
            "compile_data": depset(),
            "compile_data_targets": depset(),
            "deps": _set(deps),
            "edition": "2021",
            "is_test": False,
            "name": name,
            "output": ctx.actions.declare_file("lib{}-{}.rlib".format(name, output_hash)),
            "owner": target.label,
            "proc_macro_deps": _set([]),
            "root": source,
            "rustc_env": {},
            "srcs": _set([source]),
            "type": "rlib",
        },
        output_hash = output_hash,
    )
    found = {}
    for provider in providers:
        if hasattr(provider, "rustc_env_files"):
            found["crate"] = provider
        elif hasattr(provider, "transitive_crate_outputs"):
            found["dep"] = provider
    return rust_common.dep_variant_info(
        build_info = None,
        cc_info = None,
        crate_info = found["crate"],
        dep_info = found["dep"],
    )

def _message_aspect_impl(target, ctx):
    return [MessageInfo(crate = _crate_of(target, ctx))]

_message_aspect = aspect(
    implementation = _message_aspect_impl,
    attr_aspects = ["deps"],
    attrs = RUSTC_ATTRS,
    fragments = ["cpp"],
    toolchains = [
        config_common.toolchain_type("@bazel_tools//tools/cpp:toolchain_type", mandatory = False),
        _RUST,
    ],
)

def _message_library_impl(ctx):
    crate = ctx.attr.message[MessageInfo].crate
    return [
        DefaultInfo(files = depset([crate.crate_info.output])),
        rust_common.crate_group_info(dep_variant_infos = depset([crate])),
    ]

message_library = rule(
    implementation = _message_library_impl,
    doc = "The crate of a message, for `deps`.",
    attrs = {
        "message": attr.label(
            doc = "The message.",
            aspects = [_message_aspect],
            mandatory = True,
        ),
    },
)
