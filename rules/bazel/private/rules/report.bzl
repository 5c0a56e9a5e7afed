"""The program behind `bazel run @splitlink//:report -- TARGET`."""

load(":newest.bzl", "FIND_NEWEST")

_SCRIPT = """#!/usr/bin/env bash
# Opens the page of a target's link report, and prints where it is: report TARGET, or the path of a page.
set -euo pipefail
{find_newest}
if [ $# -ne 1 ]; then
  printf '%s\\n' "error: $# arguments were given, and not one target" "  help: bazel run @splitlink//:report -- //some:target" >&2
  exit 1
fi
find_newest "$1" "page of the link report" report.html html_report
page=$(realpath "$found")
echo "$page"
# Without a display somebody else will open it.
if [ -n "${{DISPLAY:-}}${{WAYLAND_DISPLAY:-}}" ] && command -v xdg-open >/dev/null; then exec xdg-open "$page"; fi
"""

def _report_impl(ctx):
    script = ctx.actions.declare_file(ctx.label.name)
    content = _SCRIPT.format(find_newest = FIND_NEWEST)
    ctx.actions.write(script, content, is_executable = True)
    return [DefaultInfo(executable = script)]

report = rule(
    implementation = _report_impl,
    doc = "Opens the page of a target's link report.",
    executable = True,
)
