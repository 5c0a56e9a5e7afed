"""Finds the action with which rules_rust builds a crate."""

load("@rules_rust//rust:defs.bzl", "rust_common")

def crate_info_of(target):
    """Finds what rules_rust says of a target's crate.

    Args:
        target: A target.

    Returns:
        A CrateInfo; None if the target is no crate.
    """
    if rust_common.crate_info in target:
        return target[rust_common.crate_info]
    if rust_common.test_crate_info in target:
        return target[rust_common.test_crate_info].crate
    return None

def find_rustc_action(target, crate):
    """Finds the action that compiles a target's crate.

    Args:
        target: A target, as an aspect sees it.
        crate: The target's CrateInfo.

    Returns:
        A struct of `action` (the action, or None), `outputs` (all files that rules_rust's compiler
        actions for the target write), `unsplit` (why the action cannot be split, as the end of a
        sentence; empty if it can) and `help` (what to do then).
    """
    found = None
    any_rustc = False
    outputs = []
    for action in target.actions:
        if not action.mnemonic.startswith("Rustc"):
            continue
        files = action.outputs.to_list()
        outputs += files
        if action.mnemonic == "Rustc":
            any_rustc = True
            if crate.output in files:
                found = action

    unsplit = ""
    if not found and any_rustc:
        unsplit = "rustc does not link it (experimental_use_cc_common_link)"
        outputs.append(crate.output)
    return struct(
        action = found,
        help = "leave out experimental_use_cc_common_link",
        outputs = outputs,
        unsplit = unsplit,
    )
