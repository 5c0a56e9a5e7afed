"""The build setting that puts times into link reports."""

ReportTimesInfo = provider(
    doc = "Whether link reports have times.",
    fields = {"enabled": "bool: Whether they have."},
)

def _report_times_setting_impl(ctx):
    return [ReportTimesInfo(enabled = ctx.build_setting_value)]

report_times_setting = rule(
    implementation = _report_times_setting_impl,
    doc = "Whether link reports say how long each run of link-time optimisation took. Such a report has other bytes each time.",
    build_setting = config.bool(flag = True),
)
