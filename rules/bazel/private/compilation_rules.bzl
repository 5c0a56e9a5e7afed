"""rules_rust's rules under another rule class, for the targets that nobody builds.

A target of the split has rules_rust's own behind it. Of rules_rust's rule classes, both would be
found by queries, and both would be tests. So each rule is declared once more, from the same
implementation and with the same attributes, as `crate_compilation`, which is no test. Only
rules_rust's own file can name these, so the repository that is made here holds a copy of it.

Where that file does not look as expected, the rule is rules_rust's own, and queries find both
targets.
"""

_SOURCE = Label("@rules_rust//rust/private:rust.bzl")

_RULES = [
    "rust_binary",
    "rust_library",
    "rust_proc_macro",
    "rust_shared_library",
    "rust_static_library",
    "rust_test",
]

_LABELS = [
    # rules_rust's own list allows its own packages only.
    ("Label(\"//tools/allowlists/function_transition_allowlist", "Label(\"@bazel_tools//tools/allowlists/function_transition_allowlist"),
    ("Label(\"//", "Label(\"@rules_rust//"),
    # Transitions name settings by strings.
    ("\"//rust/private:", "\"@rules_rust//rust/private:"),
]

_FALLBACK = """\
load("@rules_rust//rust:defs.bzl", "{rule}")

crate_compilation = {rule}
"""

_NAMES = """\
load("@rules_rust//rust/private:utils.bzl", _encode_label_as_crate_name = "encode_label_as_crate_name")

encode_label_as_crate_name = _encode_label_as_crate_name
"""

def _elsewhere(line):
    """Makes a line mean the same in another repository."""
    bare = line.strip()
    if bare.startswith("load(\"//"):
        line = line.replace("\"//", "\"@rules_rust//", 1)
    elif bare.startswith("load(\":") or (bare.startswith("\":") and bare.endswith(".bzl\",")):
        line = line.replace("\":", "\"@rules_rust//rust/private:", 1)

    for own, apparent in _LABELS:
        line = line.replace(own, apparent)
    return line

def _declaration(text, rule):
    """Finds what declares a rule, up to its documentation; None if it is not as expected."""
    _, found, rest = text.partition("\n{} = rule(\n".format(rule))
    body, end, _ = rest.partition("\n)\n")
    if not found or not end or "    implementation = " not in body:
        return None
    body, _, _ = body.partition("\n    doc = ")
    return "crate_compilation = rule(\n{}\n    doc = \"A crate that the split compiles.\",\n)\n".format(
        body.replace("\n    test = True,", ""),
    )

def _compilation_rules_impl(ctx):
    text = "\n".join([_elsewhere(line) for line in ctx.read(_SOURCE).splitlines()]) + "\n"
    for rule in _RULES:
        declaration = _declaration(text, rule)
        ctx.file(
            rule + ".bzl",
            text + "\n" + declaration if declaration else _FALLBACK.format(rule = rule),
            executable = False,
        )

    # 0.70 and later put it behind the names of a suite's tests.
    suffix = "_test" if "src[:-3] + \"_test\"" in text else ""
    ctx.file("rust_test_suite.bzl", "TEST_SUFFIX = \"{}\"\n".format(suffix), executable = False)
    ctx.file("names.bzl", _NAMES, executable = False)
    ctx.file("BUILD.bazel", "", executable = False)

_compilation_rules = repository_rule(
    implementation = _compilation_rules_impl,
    doc = "A file for each rule of rules_rust with that rule as `crate_compilation`.",
)

def _extension_impl(ctx):
    _compilation_rules(name = "splitlink_compilation_rules")
    return ctx.extension_metadata(reproducible = True)

compilation_rules = module_extension(
    implementation = _extension_impl,
    doc = "Makes the repository `splitlink_compilation_rules`.",
)
