"""All artifacts of a crate that is linked as several crate types."""

def _artifact_group_impl(ctx):
    groups = {
        crate_type: target[DefaultInfo].files
        for target, crate_type in ctx.attr.artifacts.items()
    }
    with_groups = [target for target in ctx.attr.artifacts if OutputGroupInfo in target]
    about = {
        name: depset(transitive = [
            target[OutputGroupInfo][name]
            for target in with_groups
            if hasattr(target[OutputGroupInfo], name)
        ])
        for name in ("html_report", "report", "sizes")
    }
    return [
        DefaultInfo(files = depset(transitive = groups.values())),
        OutputGroupInfo(**(groups | about)),
    ]

artifact_group = rule(
    implementation = _artifact_group_impl,
    doc = "Joins the artifacts of a crate. Each is an output group of its own, too.",
    attrs = {
        "artifacts": attr.label_keyed_string_dict(
            doc = "The artifacts, and the crate type of each, which names its output group.",
            mandatory = True,
        ),
    },
)
