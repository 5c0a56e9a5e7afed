"""A target with variables, as a toolchain has them."""

variables = rule(
    implementation = lambda ctx: [platform_common.TemplateVariableInfo(ctx.attr.values)],
    attrs = {"values": attr.string_dict()},
)
