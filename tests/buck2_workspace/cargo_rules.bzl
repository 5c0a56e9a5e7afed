"""What the BUCK files of programs from crates.io are made of (tests/src/real_programs/buck2_files.rs).

`-c program.rules=prelude` takes the prelude's own rules for all that is linked, in place of splitlink's.
"""

load("@prelude//rust:cargo_buildscript.bzl", "buildscript_run")
load("@splitlink//rules/buck2:defs.bzl", "rust_binary", "rust_proc_macro")

_is_ours = read_root_config("program", "rules", "splitlink") == "splitlink"

# What Cargo tells build scripts of the profile; the toolchain has the same level.
_OPT_LEVEL = read_root_config("program", "opt_level", "0")

def _quiet(attributes):
    return attributes | {"rustc_flags": ["--cap-lints=allow"] + attributes.get("rustc_flags", [])}

def library(**kwargs):
    native.rust_library(doctests = False, **_quiet(kwargs))

def proc_macro(**kwargs):
    if _is_ours:
        rust_proc_macro(**_quiet(kwargs))
    else:
        native.rust_library(doctests = False, proc_macro = True, **_quiet(kwargs))

def program(**kwargs):
    (rust_binary if _is_ours else native.rust_binary)(**_quiet(kwargs))

build_script = program

def build_script_run(env, **kwargs):
    buildscript_run(
        env = env | {
            # In place of the prelude's scripts around the compilers, which take a Python of 3.12 or newer.
            "AR": "ar",
            "CC": "gcc",
            "CXX": "g++",
            "DEBUG": "false",
            "NUM_JOBS": "1",
            "OPT_LEVEL": _OPT_LEVEL,
            "PROFILE": "debug" if _OPT_LEVEL == "0" else "release",
        },
        rustc_link_lib = True,
        rustc_link_search = True,
        **kwargs
    )
