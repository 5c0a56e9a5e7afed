"""The actions that say what is in an artifact, each run only when it is asked for."""

load(":html_report.bzl", "declare_html_report")
load(":sbom.bzl", "declare_sbom")
load(":sizes.bzl", "declare_sizes")

def declare_about(ctx, toolchains, link, target, artifact, report, crate_type):
    """Declares the actions that say what is in an artifact.

    Args:
        ctx: The context of a rule with DYLIB_ATTRS.
        toolchains: What `find_toolchains` returned.
        link: What `new_link` returned.
        target: The rules_rust target whose crate is linked.
        artifact: What was linked (File).
        report: The report of that link (File).
        crate_type: The artifact's crate type.

    Returns:
        Output groups (dict from name to depset).
    """
    sizes = declare_sizes(ctx, toolchains, link, artifact, report, crate_type)
    sizes = [sizes] if sizes else []
    return {
        "html_report": depset([declare_html_report(ctx, toolchains, target, link.edges, report, sizes, link.description)]),
        "report": depset([report]),
        "sbom": depset([declare_sbom(ctx, toolchains, link.edges, report, artifact, crate_type)]),
        "sizes": depset(sizes),
    }
