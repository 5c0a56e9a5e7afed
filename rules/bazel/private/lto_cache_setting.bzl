"""The build setting that names a cache of thin LTO."""

LtoCacheInfo = provider(
    doc = "Where thin LTO keeps what it made of each module.",
    fields = {"folder": "str: The path of a folder, or empty for none."},
)

def _lto_cache_setting_impl(ctx):
    folder = ctx.build_setting_value
    if folder and not folder.startswith("/"):
        fail("{} is '{}'; it takes the absolute path of a folder, and sandboxed actions may write there with the same path as --sandbox_writable_path".format(
            ctx.label,
            folder,
        ))
    return [LtoCacheInfo(folder = folder)]

lto_cache_setting = rule(
    implementation = _lto_cache_setting_impl,
    doc = "A folder of this machine for what thin LTO made of each module, from which later links take what has not changed. The links then " +
          "run on this machine only. Sandboxed ones may write to it if Bazel is told so by `--sandbox_writable_path`.",
    build_setting = config.string(flag = True),
)
