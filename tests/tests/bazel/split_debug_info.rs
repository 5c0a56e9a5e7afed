//! With Bazel: debug information in files of its own, which links do not read and `--output_groups=dwp`
//! packs.

use anyhow::{Context, Result, ensure};
use object::{Object as _, ObjectSection as _};
use splitlink_tests::checkout::Checkout;
use splitlink_tests::execution_log;
use splitlink_tests::rustc_fixture::tools::{names_in, run, skip, succeed};
use std::fs;
use std::process::Command;

const PROGRAM: &str = "//examples/dynamic_dev";

/// How many units the package at `path` has.
fn units(path: &std::path::Path) -> Result<u32> {
    let bytes = fs::read(path).with_context(|| format!("there is no {}", path.display()))?;
    let object = object::File::parse(&*bytes)?;
    let index = object.section_by_name(".debug_cu_index").context("it has no index")?.data()?;
    Ok(u32::from_le_bytes(index[8..12].try_into()?))
}

#[test]
fn packed_when_asked_for() -> Result<()> {
    let clone = Checkout::make_shared()?;
    let log = clone.root.with_extension("split_debug_info.json");
    let log_flag = format!("--execution_log_json_file={}", log.display());
    let build = |flags: &[&str], target: &str| -> Result<Vec<String>> {
        succeed(&mut clone.build_command(&[flags, &["-c", "dbg", &log_flag]].concat(), &[target]))?;
        let mut ran: Vec<_> = execution_log::read(&log)?.into_iter().map(|spawn| spawn.mnemonic).collect();
        ran.retain(|mnemonic| mnemonic.starts_with("Splitlink"));
        ran.dedup();
        Ok(ran)
    };
    let actions = |flags: &[&str]| -> Result<String> {
        let output = succeed(&mut clone.command(
            "aquery",
            &[flags, &["-c", "dbg", "--include_param_files"]].concat(),
            &[&format!("mnemonic(\"Splitlink.*\", deps({PROGRAM}))")],
        ))?;
        Ok(String::from_utf8(output.stdout)?)
    };
    let split = "--//rules/bazel:split_debug_info=on";
    // rules_rust 0.72 and newer know the flag, by ways that Bazel 7 does not have.
    let fission = run(&mut clone.command("aquery", &["--fission=yes", "-c", "dbg"], &[PROGRAM]))?;
    let has_fission = fission.status.success();
    if !has_fission {
        ensure!(String::from_utf8_lossy(&fission.stderr).contains("dwo_objects"), "{}", String::from_utf8_lossy(&fission.stderr));
        skip("this rules_rust and this Bazel do not get along with `--fission`; Bazel 8 or rules_rust 0.71 enables it");
    }
    // What rules_rust then gives rustc.
    let of_rules_rust = "--@rules_rust//:extra_rustc_flags=--codegen=split-debuginfo=unpacked,-Zsplit-dwarf-out-dir=x";
    // Not by default.
    for flags in [&[][..], &[of_rules_rust], &["--fission=opt,fastbuild"], &["--fission=yes", "--//rules/bazel:split_debug_info=off"]] {
        if has_fission || !flags.iter().any(|flag| flag.starts_with("--fission")) {
            let actions = actions(flags)?;
            let is_split = ["dwo", "split-dwarf", "split-debuginfo"].iter().any(|word| actions.contains(word));
            ensure!(actions.contains("SplitlinkLink") && !is_split, "{flags:?}:\n{actions}");
        }
    }
    let mut ways = vec![(split, "static"), (split, "dynamic")];
    if has_fission {
        ways.extend([("--fission=yes", "static"), ("--fission=opt,dbg", "static")]);
    }
    for (flag, linkage) in ways {
        let linkage = format!("--//rules/bazel:linkage={linkage}");
        let flags = [flag, &linkage, of_rules_rust];
        clone.remove_outputs()?;
        let ran = build(&flags, PROGRAM)?;
        ensure!(!ran.iter().any(|mnemonic| mnemonic == "SplitlinkDwp"), "{flags:?}: {ran:?}");
        let ran = build(&[&flags[..], &["--output_groups=dwp"]].concat(), PROGRAM)?;
        ensure!(ran == ["SplitlinkDwp"], "{flags:?}: {ran:?}");
        let bin = clone.bin(&[&flags[..], &["-c", "dbg"]].concat())?.join("examples/dynamic_dev");
        let of_program = units(&bin.join("dynamic_dev.dwp"))?;
        ensure!(of_program > 0, "{flags:?}: the package is empty");
        // What links does not read them.
        for mnemonic in ["SplitlinkLink", "SplitlinkDwp"] {
            let query = format!("mnemonic(\"{mnemonic}\", {PROGRAM})");
            let output = succeed(&mut clone.command("aquery", &[&flags[..], &["-c", "dbg"]].concat(), &[&query]))?;
            let inputs = String::from_utf8(output.stdout)?;
            let inputs = inputs.split("  Inputs: ").nth(1).and_then(|rest| rest.split("  Outputs: ").next()).unwrap_or_default().to_owned();
            ensure!(inputs.contains(".splitlink/dwo") == (mnemonic == "SplitlinkDwp"), "{mnemonic}: {inputs}");
        }
        if linkage.ends_with("dynamic") {
            // Those of a crate in a dylib are beside that.
            let dylib = "//examples/dynamic_dev:journey_dylib";
            build(&[&flags[..], &["--output_groups=dwp"]].concat(), dylib)?;
            let folder = bin.join("journey_dylib.splitlink");
            let names = names_in(&folder);
            let dwp = names.iter().find(|name| name.ends_with(".so.dwp")).with_context(|| format!("{names:?}"))?;
            ensure!(units(&folder.join(dwp))? > 0, "the package of the dylib is empty");
        }
    }
    // With LTO the link writes what it made, in an output of its own.
    for lto in ["thin", "fat"] {
        let lto = format!("--//rules/bazel:lto={lto}");
        let flags = [split, &lto, of_rules_rust];
        build(&flags, PROGRAM)?;
        let ran = build(&[&flags[..], &["--output_groups=dwp,dwo"]].concat(), PROGRAM)?;
        ensure!(ran == ["SplitlinkDwp"], "{lto}: {ran:?}");
        let bin = clone.bin(&[&flags[..], &["-c", "dbg"]].concat())?.join("examples/dynamic_dev");
        ensure!(units(&bin.join("dynamic_dev.dwp"))? > 0, "{lto}: the package is empty");
        let made = names_in(&bin.join("dynamic_dev.splitlink/dwo_of_lto"));
        ensure!(made.iter().any(|name| name.starts_with("bin.lto.")), "{lto}: {made:?}");
    }
    // C code below it, whose debug information Bazel splits.
    if has_fission {
        let flags = ["--fission=yes", "--copt=-gdwarf-4", of_rules_rust];
        build(&[&flags[..], &["--output_groups=+dwp"]].concat(), "//examples/c_interop:sum")?;
        let bin = clone.bin(&[&flags[..], &["-c", "dbg"]].concat())?.join("examples/c_interop");
        let dwp = fs::read(bin.join("sum.dwp"))?;
        let has = |text: &str| dwp.windows(text.len()).any(|part| part == text.as_bytes());
        let program = fs::read(bin.join("sum"))?;
        let is_split = [&b"checksum.pic.dwo"[..], b"checksum.dwo"].iter().any(|name| program.windows(name.len()).any(|part| part == *name));
        if is_split {
            ensure!(has("checksum.c") && has("main.rs"), "the package has nothing of the C code, or nothing else");
        } else {
            skip("this C++ toolchain does not split debug information with `--fission` (the feature per_object_debug_info)");
        }
    }
    // After the link: nothing is compiled or linked again.
    let flags = [split, "--//rules/bazel:linkage=static", of_rules_rust];
    build(&flags, PROGRAM)?;
    let ran = build(&[&flags[..], &["--output_groups=stripped", "--//rules/bazel:debug_compression=zlib"]].concat(), PROGRAM)?;
    ensure!(ran == ["SplitlinkStrip"], "{ran:?}");
    let folder = clone.bin(&[&flags[..], &["-c", "dbg"]].concat())?.join("examples/dynamic_dev");
    let stripped = folder.join("dynamic_dev.splitlink/stripped");
    // Beside Bazel's own files of arguments.
    let names: Vec<_> = names_in(&stripped).into_iter().filter(|name| !name.ends_with(".params")).collect();
    ensure!(names == ["dynamic_dev", "dynamic_dev.debug"], "{names:?}");
    let [before, after] = [folder.join("dynamic_dev"), stripped.join("dynamic_dev")];
    ensure!(succeed(&mut Command::new(&before))?.stdout == succeed(&mut Command::new(&after))?.stdout);
    let [before, after, debug_file] = [before, after, stripped.join("dynamic_dev.debug")].map(fs::metadata);
    let [before, after, debug_file] = [before?.len(), after?.len(), debug_file?.len()];
    ensure!(3 * after < before && debug_file < before - after, "{before} {after} {debug_file}");
    let output = run(&mut clone.build_command(&["--//rules/bazel:split_debug_info=yes"], &[PROGRAM]))?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(!output.status.success() && said.contains("it takes fission or off or on"), "{said}");
    fs::remove_file(log)?;
    Ok(())
}
