"""Calls of Cargo by repository rules."""

def find_cargo(ctx):
    """Finds Cargo: $CARGO, else the one on the PATH, else rules_rust's for the host.

    Args:
        ctx: The repository context.

    Returns:
        A tuple of the path of cargo and a dict of what to add to its environment.
    """
    cargo = ctx.getenv("CARGO")
    cargo = ctx.path(cargo) if cargo else ctx.which("cargo")
    if cargo:
        return cargo, {}

    # Downloaded only if it comes to this.
    return ctx.path(Label("@rust_host_tools//:bin/cargo")), {"RUSTC": str(ctx.path(Label("@rust_host_tools//:bin/rustc")))}

def run_cargo(ctx, cargo, arguments, doing):
    """Runs Cargo.

    Args:
        ctx: The repository context.
        cargo: What `find_cargo` returned.
        arguments: Cargo's arguments (list of string).
        doing: What Cargo is to do, for the error if it cannot.

    Returns:
        What Cargo prints on standard output.
    """
    path, environment = cargo
    result = ctx.execute([path] + arguments, environment = environment, timeout = 1800)
    if result.return_code:
        fail("""

splitlink: Cargo cannot {doing}.

{cargo} {arguments}
{stderr}
Possible fixes:
- If Cargo is too old for the tool (see rust-version in splitlink's Cargo.toml), put a newer one on the PATH or name it with --repo_env=CARGO=<path>.
- If it cannot reach its registry, check the network and Cargo's own configuration.
- Or use a prebuilt tool: see splitlink_toolchain in @splitlink//rules/bazel:toolchain.bzl.
""".format(doing = doing, cargo = path, arguments = " ".join(arguments), stderr = result.stderr))
    return result.stdout
