"""The configurations in which a target and all that it links are compiled for LTO."""

load("//rules/common:lto.bzl", "LTO_MODES", "take_lto_flag")
load(":settings.bzl", "default_lto")

def _lto_transition_impl(ctx: AnalysisContext) -> list[Provider]:
    value = ctx.attrs.constraint[ConstraintValueInfo]

    def transition(platform: PlatformInfo) -> PlatformInfo:
        # Buck2 applies a transition to its own result, and expects the same again.
        if platform.configuration.constraints.get(value.setting.label) == value:
            return platform
        constraints = dict(platform.configuration.constraints)
        constraints[value.setting.label] = value
        return PlatformInfo(
            label = "{}-{}".format(platform.label, value.label.name),
            configuration = ConfigurationInfo(constraints = constraints, values = platform.configuration.values),
        )

    return [DefaultInfo(), TransitionInfo(impl = transition)]

lto_transition = rule(
    doc = "A transition to a configuration with LTO.",
    impl = _lto_transition_impl,
    attrs = {
        "constraint": attrs.dep(
            providers = [ConstraintValueInfo],
            doc = "The constraint value that stands for the mode of LTO. Mandatory.",
        ),
    },
    is_configuration_rule = True,
)

# The mode of LTO that the toolchain compiles for.
LTO_OF_CONFIGURATION = select({"@splitlink//rules/buck2:lto_" + mode: mode for mode in LTO_MODES if mode != "off"} | {"DEFAULT": "off"})

def with_lto(attributes: dict[str, typing.Any], lto: str | None) -> dict[str, typing.Any]:
    """Puts a target into the configuration that its `lto` asks for.

    Args:
        attributes: The target's attributes.
        lto: One of LTO_MODES; None for what `-Clto` among the target's `rustc_flags` says, or else
            what the configuration says.

    Returns:
        The attributes to declare it with.
    """
    attributes = take_lto_flag(attributes.get("name"), attributes | {"lto": lto})
    lto = attributes.pop("lto")
    mode = lto or default_lto
    if mode not in LTO_MODES:
        fail("{}: lto is `{}`; it takes {}".format(attributes.get("name"), mode, " or ".join(LTO_MODES)))
    if mode == "off":
        return attributes
    if attributes.get("incoming_transition"):
        if not lto:
            return attributes
        fail("{}: it has both `lto` and an `incoming_transition`, and there can be only one; let the transition set the constraint @splitlink//rules/buck2:lto_{}".format(attributes.get("name"), mode))
    return attributes | {"incoming_transition": "@splitlink//rules/buck2:with_lto_" + mode}
