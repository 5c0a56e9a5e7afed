"""The program behind `bazel run @splitlink//:explain -- TARGET`."""

load("//rules/bazel/private:toolchains.bzl", "SPLIT_TOOLCHAINS", "find_toolchains")

_SCRIPT = """#!/usr/bin/env bash
# Shows how the crates of a target are linked: explain [OPTION...] TARGET, or the path of a report;
# with --sizes TARGET, what is in it.
set -euo pipefail
tool=$(realpath "{tool}")
cd "${{BUILD_WORKING_DIRECTORY:-.}}"
arguments=()
file=report.json
what="link report" group=report
for argument; do
  case $argument in
  --sizes=//* | --sizes=:*)
    arguments+=(--sizes)
    argument=${{argument#--sizes=}}
    file=sizes.json what="sizes file" group=sizes
    ;;
  --sizes | --diff) file=sizes.json what="sizes file" group=sizes ;;
  esac
  case $argument in
  //* | :*)
    package=${{argument#//}}
    package=${{package%%:*}}
    name=${{argument##*:}}
    [[ $argument == *:* ]] || name=${{argument##*/}}
    root=${{BUILD_WORKSPACE_DIRECTORY:-.}}
    # A label without a package is of the working folder's. (`bazel run` says both folders.)
    [[ $argument == //* ]] || {{ package=${{PWD#"$root"}} package=${{package#/}}; }}
    # With LTO or a platform of its own a target is built into another configuration's folder; the newest file counts.
    report=$(ls -t "$root"/bazel-out/*/bin/"${{package:+$package/}}$name.splitlink/$file" 2>/dev/null | head -1) || true
    if [ -z "$report" ]; then
      printf '%s\\n' "error: there is no $what of $argument" "  help: build it: bazel build $argument --output_groups=+$group" >&2
      exit 1
    fi
    arguments+=("$report")
    ;;
  *) arguments+=("$argument") ;;
  esac
done
exec "$tool" explain "${{arguments[@]}}"
"""

def _explain_impl(ctx):
    tool = find_toolchains(ctx).tool
    if not tool:
        fail("no splitlink toolchain is registered for this platform (see register_toolchains in the README)")
    script = ctx.actions.declare_file(ctx.label.name)
    ctx.actions.write(script, _SCRIPT.format(tool = tool.executable.short_path), is_executable = True)
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
