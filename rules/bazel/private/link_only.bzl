"""The action that links a crate from its plan, its modules and the compiled crates."""

load(":arguments.bzl", "new_arguments")
load(":toolchains.bzl", "RUST_TOOLCHAIN_TYPE")

def new_link(plan, modules, inputs, rlibs, sysroot, env, description):
    """Gathers what it takes to link a crate.

    Args:
        plan: The link plan (File).
        modules: The crate's modules (a directory File).
        inputs: What else the linker reads (list of File): native libraries, linker scripts, the standard library, the linker.
        rlibs: The code of the libraries that the crate depends on (depset of File).
        sysroot: The path of the Rust sysroot that the crate is linked with.
        env: The environment of the linker (dict).
        description: The crate's type and name, for progress messages.

    Returns:
        A struct to be given to `declare_link_only`.
    """
    return struct(
        description = description,
        env = env,
        inputs = inputs,
        modules = modules,
        plan = plan,
        rlibs = rlibs,
        sysroot = sysroot,
    )

def declare_link_only(ctx, tool, link, output):
    """Declares the action that links a crate.

    Args:
        ctx: The context of a rule or aspect.
        tool: What runs as splitlink.
        link: What `new_link` returned.
        output: The artifact to write (File).
    """
    args = new_arguments(ctx)
    args.add("--plan", link.plan)
    args.add_all("--modules", [link.modules], expand_directories = False)
    args.add_all(link.rlibs, before_each = "--rlib")
    args.add("--sysroot", link.sysroot)
    args.add("--output", output)
    ctx.actions.run(
        executable = tool,
        arguments = ["link-only", args],
        inputs = depset(link.inputs + [link.plan, link.modules], transitive = [link.rlibs]),
        outputs = [output],
        env = link.env,
        mnemonic = "SplitlinkLink",
        progress_message = "Linking Rust " + link.description,
        toolchain = RUST_TOOLCHAIN_TYPE,
    )
