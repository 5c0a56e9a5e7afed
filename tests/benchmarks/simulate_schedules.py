#!/usr/bin/env python3
"""Computes how long a build would take with more processors than this machine has, from the times of its actions.

    tests/benchmarks/simulate_schedules.py record FILE.json WORKSPACE TARGET [BAZEL_FLAG...]
    tests/benchmarks/simulate_schedules.py show [--svg FILE.svg] FILE.json...
    tests/benchmarks/simulate_schedules.py lto [--svg FILE.svg] FILE.json...

`record` builds TARGET, a split_binary or a rule of splitlink's in a Bazel workspace, from clean, one action at a time and all on one
processor, and keeps what each action took and what it needs. Nothing else may run meanwhile. What is built but once on a machine is left out:
the splitlink tool and rules_rust's process wrapper. `show` simulates the builds that it is given and prints a table of makespans in seconds; with several
builds also the geometric means of their ratios. `lto` prints makespans of distributed thin LTO against
one action's time, of what `dev/bench lto 1 PROGRAM distributed` writes.

What is simulated, with codegen less metadata for the time of code generation:

    rules_rust            one action a crate, which waits for the code of all dependencies
    rules_rust pipelined  two rustc runs a library, metadata and all; one a linked crate, which waits for all code
    Cargo                 one run a library, which lets its dependents start when its metadata is out; linked crates wait for all code
    splitlink             the actions as they were recorded
    splitlink, worker     the same, but codegen only generates code

Assumptions: an action takes as long whatever runs beside it, and occupies one processor (rustc generates code on several, which is left out
for all alike); setting up an action costs nothing but what was recorded with it; Bazel starts actions in the order in which they
become ready, Cargo first what most waits for; Cargo's crates take what Bazel's take; no suspended process is ended; build scripts and native code are the same for all.
"""

import collections
import heapq
import json
import math
import os
import pathlib
import shlex
import subprocess
import sys
import tempfile

# As it is called from the repository.
PROGRAM = "tests/benchmarks/simulate_schedules.py"

WORKERS = [2, 4, 8, 16, None]

# How many actions of a link run at a time.
EXECUTORS = [1, 2, 8, 32, 128]

MODELS = ["rules_rust", "rules_rust pipelined", "Cargo", "splitlink", "splitlink, worker"]

# Of each model, on a light background and on a dark one.
COLORS = [("#9aa5b1", "#6b7683"), ("#5b7083", "#9fb3c6"), ("#d98e04", "#e0a33a"), ("#7db46c", "#5c9150"), ("#1f7a33", "#7fd492")]

PHASES = {"SplitlinkMetadata": "metadata", "SplitlinkCodegen": "codegen", "SplitlinkNoLink": "no-link", "SplitlinkLink": "link"}


def bazel(workspace, *args):
    command = [str(pathlib.Path(__file__).resolve().parents[2] / "dev/bazel"), *args]
    done = subprocess.run(command, cwd=workspace, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if done.returncode:
        sys.exit(f"simulate_schedules: error: {' '.join(args)} failed in {workspace}\n{done.stderr.decode()}")
    return done.stdout


def record(file, workspace, target, *flags):
    """Builds the target and writes [{phase, output, seconds, inputs}] of the actions that took time."""
    # Without workers: what codegen does in a worker is then computed.
    flags = [f"--strategy={mnemonic}=sandboxed,local" for mnemonic in PHASES] + list(flags)
    # All that is fetched but once, and loading and analysis, before there is but one processor.
    bazel(workspace, "build", "--nobuild", *flags, target)
    bazel(workspace, "clean")
    bazel(workspace, "shutdown")
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    try:
        record_build(file, workspace, target, flags)
    finally:
        # A server keeps its processor, and would build all else on that one.
        bazel(workspace, "shutdown")


def record_build(file, workspace, target, flags):
    with tempfile.TemporaryDirectory() as folder:
        profile = pathlib.Path(folder) / "profile.json"
        measuring = ["--jobs=1", f"--profile={profile}", "--experimental_profile_include_primary_output", "--noslim_profile"]
        bazel(workspace, "build", *measuring, *flags, target)
        events = json.loads(profile.read_text())["traceEvents"]
    seconds = {
        event["out"]: event["dur"] / 1e6
        for event in events
        if event.get("cat") == "action processing" and "out" in event
    }

    graph = json.loads(bazel(workspace, "aquery", "--output=jsonproto", *flags, f"deps({target})"))
    fragments = {fragment["id"]: fragment for fragment in graph["pathFragments"]}

    def path(id):
        parts = []
        while id:
            parts.append(fragments[id]["label"])
            id = fragments[id].get("parentId")
        return "/".join(reversed(parts))

    paths = {artifact["id"]: path(artifact["pathFragmentId"]) for artifact in graph["artifacts"]}
    sets = {depset["id"]: depset for depset in graph["depSetOfFiles"]}

    def files(ids):
        found, seen, open_sets = set(), set(), list(ids)
        while open_sets:
            id = open_sets.pop()
            if id not in seen:
                seen.add(id)
                found.update(paths[a] for a in sets[id].get("directArtifactIds", []))
                open_sets += sets[id].get("transitiveDepSetIds", [])
        return found

    # What makes the tool is no part of the build.
    maker = {paths[number]: action for action in graph["actions"] for number in action["outputIds"]}
    tools = {action["arguments"][0] for action in graph["actions"] if action["mnemonic"] in PHASES and action.get("arguments")}
    left_out, open_files = set(), list(tools)
    while open_files:
        action = maker.get(open_files.pop())
        if action and id(action) not in left_out:
            left_out.add(id(action))
            open_files += files(action.get("inputDepSetIds", []))

    actions = []
    for action in graph["actions"]:
        if id(action) in left_out:
            continue
        outputs = [paths[number] for number in action["outputIds"]]
        took = [seconds[output] for output in outputs if output in seconds]
        # The toolchain's files and rules_rust's process wrapper are made once on a machine, not in each build.
        if took and "/external/rules_rust" not in outputs[0]:
            phase = PHASES.get(action["mnemonic"], "other")
            inputs = files(action.get("inputDepSetIds", []))
            actions.append({"phase": phase, "outputs": outputs, "seconds": max(took), "inputs": inputs})
    made = {output for action in actions for output in action["outputs"]}
    for action in actions:
        action["inputs"] = sorted(action["inputs"] & made)
    if not any(action["phase"] == "codegen" for action in actions):
        sys.exit(f"simulate_schedules: error: the build of {target} compiled no library through splitlink")
    pathlib.Path(file).write_text(json.dumps({"name": pathlib.Path(file).stem, "actions": actions}, indent=1) + "\n")
    print(f"{len(actions)} actions, {sum(action['seconds'] for action in actions):.1f} s, in {file}")


class Job:
    """Something to run: `early` seconds until what needs only its metadata may start, `late` more until all may."""

    def __init__(self, early, late, needs):
        self.early, self.late, self.needs = early, late, needs


def jobs_of(model, actions):
    """The jobs of a build: name → Job, whose needs are (name, whether the metadata will do)."""
    maker = {output: at for at, action in enumerate(actions) for output in action["outputs"]}
    needs = [sorted({maker[file] for file in action["inputs"]} - {at}) for at, action in enumerate(actions)]
    phase = [action["phase"] for action in actions]
    took = [action["seconds"] for action in actions]
    metadata_of, codegen_of, no_link_of = {}, {}, {}
    for at, name in enumerate(phase):
        if name == "codegen":
            metadata_of[at] = next(n for n in needs[at] if phase[n] == "metadata" and same_crate(actions[n], actions[at]))
            codegen_of[metadata_of[at]] = at
        elif name == "link":
            found = [n for n in needs[at] if phase[n] == "no-link"]
            if found:
                no_link_of[at] = found[0]
    front = lambda at: min(took[metadata_of[at]], took[at])

    if model.startswith("splitlink"):
        jobs = {}
        for at in range(len(actions)):
            time = took[at] - front(at) if phase[at] == "codegen" and "worker" in model else took[at]
            jobs[at] = Job(time, 0, [(n, False) for n in needs[at]])
        return jobs

    def code(n, early):
        """What stands for action n where there is no metadata action and no no-link action."""
        if phase[n] == "metadata" and n in codegen_of:
            return (codegen_of[n], early)
        return (n, False) if phase[n] != "no-link" else None

    jobs = {}
    for at in range(len(actions)):
        if phase[at] == "codegen":
            own = [n for n in needs[at] if n != metadata_of[at]]
            if model == "Cargo":
                jobs[at] = Job(front(at), took[at] - front(at), [code(n, True) for n in own])
            elif model == "rules_rust":
                jobs[at] = Job(took[at], 0, [code(n, False) for n in own])
            else:
                above = [(n, False) if phase[n] == "metadata" else code(n, False) for n in own]
                jobs[metadata_of[at]] = Job(took[metadata_of[at]], 0, above)
                jobs[at] = Job(took[at], 0, above)
        elif phase[at] == "link":
            compile = no_link_of.get(at)
            own = needs[at] + (needs[compile] if compile is not None else [])
            jobs[at] = Job(took[at] + (took[compile] if compile is not None else 0), 0, [code(n, False) for n in own if n != compile])
        elif phase[at] == "other":
            jobs[at] = Job(took[at], 0, [code(n, False) for n in needs[at]])
    for job in jobs.values():
        job.needs = [need for need in job.needs if need and need[0] in jobs]
    return jobs


def same_crate(metadata, codegen):
    stem = lambda action: action["outputs"][0].rsplit(".", 1)[0]
    return stem(metadata) == stem(codegen)


def makespan(jobs, workers, by_weight):
    """Runs the jobs on so many workers (None: on as many as it takes) and returns the time at which the last one ends."""
    followers = collections.defaultdict(list)
    missing = {}
    for name, job in jobs.items():
        needs = set(job.needs)
        missing[name] = len(needs)
        for need, early in needs:
            followers[need].append((name, early))
    weight = {}

    def weigh(name):
        if name not in weight:
            weight[name] = 0
            weight[name] = jobs[name].early + jobs[name].late + sum(weigh(n) for n, _ in followers[name])
        return weight[name]

    sys.setrecursionlimit(10000)
    count = 0
    ready, events = [], []

    def add_ready(name):
        nonlocal count
        count += 1
        heapq.heappush(ready, (-weigh(name) if by_weight else 0, count, name))

    for name in jobs:
        if not missing[name]:
            add_ready(name)
    now, running, done = 0.0, 0, 0
    while ready or events:
        while ready and (workers is None or running < workers):
            name = heapq.heappop(ready)[2]
            running += 1
            heapq.heappush(events, (now + jobs[name].early, 0, name, True))
            heapq.heappush(events, (now + jobs[name].early + jobs[name].late, 1, name, False))
        now, _, name, early = heapq.heappop(events)
        if not early:
            running -= 1
            done += 1
        for follower, wants_early in followers[name]:
            if wants_early == early:
                missing[follower] -= 1
                if not missing[follower]:
                    add_ready(follower)
    assert done == len(jobs), "the graph has a cycle"
    return now


def read(args):
    """The file for the picture, if one is asked for, and what the others hold."""
    svg = None
    if args[:1] == ["--svg"]:
        svg, args = args[1], args[2:]
    if not args:
        sys.exit(__doc__)
    return svg, args, [json.loads(pathlib.Path(file).read_text()) for file in args]


def show(args):
    svg, args, builds = read(args)
    header = "| | " + " | ".join("unlimited" if w is None else str(w) for w in WORKERS) + " |\n|---|" + "---|" * len(WORKERS)
    ratios = {model: [[] for _ in WORKERS] for model in MODELS}
    for build in builds:
        spans = {model: [makespan(jobs_of(model, build["actions"]), w, model == "Cargo") for w in WORKERS] for model in MODELS}
        print(f"{build['name']}, seconds with so many processors\n\n{header}")
        for model in MODELS:
            print(f"| {model} | " + " | ".join(f"{span:.1f}" for span in spans[model]) + " |")
            for at, span in enumerate(spans[model]):
                ratios[model][at].append(span / spans["Cargo"][at])
        print()
    means = {model: [math.exp(sum(map(math.log, many)) / len(many)) for many in ratios[model]] for model in MODELS}
    print(f"Against Cargo's model{', geometric means' if len(builds) > 1 else ''}\n\n{header}")
    for model in MODELS:
        print(f"| {model} | " + " | ".join(f"{mean:.2f}" for mean in means[model]) + " |")
    command = shlex.join([PROGRAM, "show"] + (["--svg", svg] if svg else []) + args)
    print(f"\nMade by `{command}`; `{PROGRAM}` says what it assumes.")
    if svg:
        names = ", ".join(build["name"] for build in builds)
        groups = ["unlimited" if w is None else f"{w} processors" for w in WORKERS]
        title = f"Simulated time of a clean build against Cargo's: {names}"
        pathlib.Path(svg).write_text(chart(title, dict(zip(MODELS, COLORS)), groups, means, command))


def lto(args):
    svg, args, links = read(args)
    # Thin link, back ends, link: each back end waits for the first, and the last one for all.
    spans = {}
    for link in links:
        for when in ["from nothing", "after a change"]:
            times = link[when]
            ends = range(1, len(times["back_ends"]) + 1)
            jobs = {0: Job(times["thin_link"], 0, [])} | {at: Job(time, 0, [(0, False)]) for at, time in zip(ends, times["back_ends"])}
            jobs[len(jobs)] = Job(times["link"], 0, [(at, False) for at in [0, *ends]])
            spans[f"{link['name']}, {when}"] = [makespan(jobs, executors, False) / times["in_one_action"] for executors in EXECUTORS]
    print("Against thin LTO in one action on this machine\n\n| | " + " | ".join(map(str, EXECUTORS)) + " |\n|---|" + "---|" * len(EXECUTORS))
    for name, values in spans.items():
        print(f"| {name} | " + " | ".join(f"{value:.2f}" for value in values) + " |")
    command = shlex.join([PROGRAM, "lto"] + (["--svg", svg] if svg else []) + [pathlib.Path(file).name for file in args])
    if svg:
        groups = [f"{executors} at a time" for executors in EXECUTORS]
        title = "Simulated time of distributed thin LTO against one action's"
        pathlib.Path(svg).write_text(chart(title, dict(zip(spans, COLORS)), groups, spans, command))


def chart(title, series, groups, values, command):
    """Bars of `values`, name → one for each of `groups`; `series`: name → its colors."""
    width, height, left, top, bottom = 760, 340, 50, 56, 40
    highest = max(1.2, max(map(max, values.values())) * 1.05)
    y = lambda value: top + (height - top - bottom) * (1 - value / highest)
    group = (width - left - 10) / len(groups)
    bar = group * 0.8 / len(series)
    rules = lambda shade: "".join(f".m{at}{{fill:{colors[shade]}}}" for at, colors in enumerate(series.values()))
    light = "text{fill:#1f2328}.ground{fill:#fff}line{stroke:#ddd}.one{stroke:#444}" + rules(0)
    dark = "text{fill:#e6edf3}.ground{fill:#0d1117}line{stroke:#30363d}.one{stroke:#b1bac4}" + rules(1)
    parts = [
        # A comment may not contain two hyphens.
        f"<!-- {command.replace('--', '- -')} -->",
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="12">',
        f"<style>{light}@media (prefers-color-scheme:dark){{{dark}}}</style>",
        f'<rect class="ground" width="{width}" height="{height}"/>',
        f'<text x="{left}" y="16">{title}</text>',
    ]
    for at, name in enumerate(series):
        x = left + at * 700 // len(series)
        parts.append(f'<rect class="m{at}" x="{x}" y="26" width="11" height="11"/><text x="{x + 16}" y="36">{name}</text>')
    for tick in range(int(highest / 0.25) + 1):
        value = tick * 0.25
        kind = ' class="one"' if value == 1 else ""
        parts.append(f'<line{kind} x1="{left}" x2="{width - 10}" y1="{y(value):.1f}" y2="{y(value):.1f}"/>')
        parts.append(f'<text x="{left - 8}" y="{y(value) + 4:.1f}" text-anchor="end">{value:.2f}</text>')
    for column, label in enumerate(groups):
        x = left + column * group + group * 0.1
        for at, name in enumerate(series):
            value = values[name][column]
            parts.append(
                f'<rect class="m{at}" x="{x + at * bar:.1f}" y="{y(value):.1f}" width="{bar - 2:.1f}" height="{y(0) - y(value):.1f}">'
                f"<title>{name}: {value:.2f}</title></rect>"
            )
        parts.append(f'<text x="{x + group * 0.4:.1f}" y="{height - 18}" text-anchor="middle">{label}</text>')
    return "\n".join(parts + ["</svg>"]) + "\n"


def main():
    match sys.argv[1:]:
        case ["record", file, workspace, target, *flags]:
            record(file, workspace, target, *flags)
        case ["show", *args]:
            show(args)
        case ["lto", *args]:
            lto(args)
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main()
