"""The program behind `bazel run @splitlink//:explain -- TARGET`."""

load("//rules/bazel/private:toolchains.bzl", "SPLIT_TOOLCHAINS", "find_toolchains")
load(":newest.bzl", "FIND_NEWEST")

_SCRIPT = """#!/usr/bin/env bash
# Shows how the crates of a target are linked: explain [OPTION...] TARGET, or the path of a report;
# with --sizes TARGET, what is in it.
set -euo pipefail
tool=$(realpath "{tool}")
{find_newest}
arguments=()
kind=("link report" report.json report)
for argument; do
  case $argument in
  --sizes=//* | --sizes=:*)
    arguments+=(--sizes)
    argument=${{argument#--sizes=}}
    kind=("sizes file" sizes.json sizes)
    ;;
  --sizes | --diff) kind=("sizes file" sizes.json sizes) ;;
  esac
  find_newest "$argument" "${{kind[@]}}"
  arguments+=("$found")
done
exec "$tool" explain "${{arguments[@]}}"
"""

def _explain_impl(ctx):
    tool = find_toolchains(ctx).tool
    if not tool:
        fail("no splitlink toolchain is registered for this platform (see register_toolchains in the README)")
    script = ctx.actions.declare_file(ctx.label.name)
    content = _SCRIPT.format(find_newest = FIND_NEWEST, tool = tool.executable.short_path)
    ctx.actions.write(script, content, is_executable = True)
    return [DefaultInfo(
        executable = script,
        runfiles = ctx.runfiles(files = [tool.executable]),
    )]

explain = rule(
    implementation = _explain_impl,
    doc = "Shows the link report or the sizes of a target, with the tool that the actions run.",
    executable = True,
    toolchains = SPLIT_TOOLCHAINS,
)
