"""Stands in for the extension of the module buildozer, which `bazel mod` loads."""

def _empty(ctx):
    ctx.file("BUILD.bazel")

_empty_repository = repository_rule(implementation = _empty)

buildozer_binary = module_extension(implementation = lambda ctx: _empty_repository(name = "buildozer_binary"))
