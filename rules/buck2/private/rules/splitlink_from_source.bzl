"""`splitlink_from_source`: the tool, built from its source."""

# Cargo writes more than the program, so all of it goes to a folder that is then removed. Whatever
# the caller's umask is, nobody else may write to the tool, which the build then runs.
_BUILD = """
set -e
umask 022
sources=$1 output=$2 package=$3
CARGO_TARGET_DIR="$output.target" cargo build --quiet --release --locked --package "$package" --manifest-path "$sources/Cargo.toml"
cp "$output.target/release/$package" "$output"
rm -r "$output.target"
"""

def _splitlink_from_source_impl(ctx: AnalysisContext) -> list[Provider]:
    sources = ctx.actions.copied_dir("sources", {file.short_path: file for file in ctx.attrs.srcs})
    output = ctx.actions.declare_output(ctx.attrs.package)
    ctx.actions.run(
        cmd_args("sh", "-c", _BUILD, "sh", sources, output.as_output(), ctx.attrs.package),
        category = "cargo_build",
        # Cargo fetches the crates, and the Rust on this machine's PATH compiles them.
        local_only = True,
    )
    return [
        DefaultInfo(default_output = output),
        RunInfo(args = [output]),
    ]

splitlink_from_source = rule(
    doc = "Builds a program of splitlink with the `cargo` on the PATH, which also fetches its " +
          "crates.",
    impl = _splitlink_from_source_impl,
    attrs = {
        "package": attrs.string(doc = "The Cargo package, which is named as its program. Mandatory."),
        "srcs": attrs.list(
            attrs.source(),
            doc = "The files of the Cargo workspace. Mandatory.",
        ),
    },
)
