"""What the prelude's rules for Rust take and the split does not carry out.

A target or toolchain that sets one of these fails with its name, so that nothing is left undone in
silence.
"""

# Attribute → why it is refused, and what to do. Each is refused where it is set to anything but
# nothing.
_ATTRIBUTES = {
    "bolt_flags": "nothing runs BOLT after the link; take the attribute away, or `load` the prelude's own rule",
    "bolt_profile": "nothing runs BOLT after the link; take the attribute away, or `load` the prelude's own rule",
    "extra_dwp_flags": "splitlink packs debug information by itself, and has no such flags; take the attribute away, or `load` the prelude's own rule",
    "has_content_based_path": "the program's path is by configuration; take the attribute away",
    "link_group": "there are no link groups; take the attribute away, or `load` the prelude's own rule",
    "link_group_map": "there are no link groups; take the attribute away, or `load` the prelude's own rule",
    "link_group_min_binary_node_count": "there are no link groups; take the attribute away, or `load` the prelude's own rule",
    "separate_debug_info": "debug information is in the artifact, or in its `[dwp]` if the C++ toolchain's `split_debug_mode` is `split`; take the attribute away",
    "transformation_spec": "native dependencies are linked as they are; take the attribute away, or `load` the prelude's own rule",
    "_build_info": "nothing is stamped after the link; take the attribute away, or `load` the prelude's own rule",
}

def refuse_attributes(ctx: AnalysisContext):
    """Fails if a target sets an attribute that would do nothing.

    Args:
        ctx: The context of a rule with the attributes of one of the prelude's rules for Rust.
    """
    for name, why in _ATTRIBUTES.items():
        if getattr(ctx.attrs, name, None):
            fail("{}: splitlink's rules do not support `{}`: {}".format(ctx.label.raw_target(), name, why))

def refuse_linkage(ctx: AnalysisContext, linkage: str):
    """Fails if a library is asked to be linked in another way than its rule links it.

    Args:
        ctx: The context of a rule with the attributes of the prelude's `rust_library`.
        linkage: How its users link it: `shared` or `static`.
    """
    asked = ctx.attrs.preferred_linkage
    if asked not in ["any", linkage]:
        fail(
            "{}: `preferred_linkage` is `{}`, and this rule makes a {} library; take the attribute away, or take the other one of `rust_shared_library` and `rust_static_library`".format(
                ctx.label.raw_target(),
                asked,
                linkage,
            ),
        )
