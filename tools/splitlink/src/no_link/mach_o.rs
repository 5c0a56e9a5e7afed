//! What is asked of a Mach-O target and is not done.

use super::capture::{Invocation, SDK_ROOT};
use crate::plan::crate_type::CrateType;
use crate::rustc::args::RustcArgs;
use crate::rustc::target_format::{self, Format};
use anyhow::{Result, bail};

/// Refuses options for which rustc does more than call the linker
/// (`rustc_codegen_ssa::back::link::link_natively`, 1.95), and those for what needs dylibs.
///
/// # Errors
/// If `args` have such an option for a Mach-O target.
pub(crate) fn refuse_unsupported(name: &str, crate_types: &[CrateType], args: &RustcArgs) -> Result<()> {
    if target_format::of_command(args) != Some(Format::MachO) {
        return Ok(());
    }
    let target = args.values("target").next_back().unwrap_or_default();
    if !crate_types.iter().any(|crate_type| crate_type.is_made_by_linker()) {
        return Ok(());
    }
    let is_on = |key: &str| args.codegen(key).is_some_and(|value| !matches!(value, "no" | "off" | "n" | "false"));
    let has_debug_info = args.has("-g") || args.codegen("debuginfo").is_some_and(|level| !matches!(level, "0" | "none"));
    let refused = if has_debug_info && args.codegen("split-debuginfo").is_none() {
        Some((
            "with debug information, which rustc has `dsymutil` put beside what is linked (`-Csplit-debuginfo=packed`, the default there)"
                .to_owned(),
            "add `-Csplit-debuginfo=off`; or leave out `-g` and `-Cdebuginfo`",
        ))
    } else if let Some(strip) = args.codegen("strip").filter(|strip| *strip != "none") {
        Some((
            format!("with `-Cstrip={strip}`, for which rustc has `rust-objcopy` change what the linker has made"),
            "leave it out; `-Clink-arg=-Wl,-S` has the linker leave debug information out",
        ))
    } else if is_on("rpath") {
        Some((
            "with `-Crpath`, and splitlink does not know run paths of Mach-O, which begin with `@loader_path`".to_owned(),
            "leave it out",
        ))
    } else if is_on("prefer-dynamic") {
        Some(("with `-Cprefer-dynamic`, and of Mach-O splitlink links no dylibs".to_owned(), "leave it out"))
    } else if let Some(sanitizer) = args.unstable("sanitizer") {
        Some((
            format!("with `-Zsanitizer={sanitizer}`, whose library is a dylib on Apple's systems, and splitlink links none of Mach-O"),
            "leave it out",
        ))
    } else if args.codegen("linker-flavor").is_some() && args.codegen("linker").is_none() {
        Some(("with `-Clinker-flavor` and without `-Clinker`".to_owned(), "name the linker, too"))
    } else {
        None
    };
    let Some((how, help)) = refused else { return Ok(()) };
    bail!("the crate `{name}` is compiled for `{target}` {how}\n  help: {help}; or let rustc link it")
}

/// Refuses a link with an SDK that rustc has found by itself (by `xcrun`), or has not let the
/// linker see: link-only calls the linker in its own environment.
///
/// # Errors
/// If one of the `calls` is such a link.
pub(crate) fn refuse_other_sdk(name: &str, calls: &[Invocation]) -> Result<()> {
    let own = std::env::var(SDK_ROOT).ok();
    let Some(call) = calls.iter().find(|call| call.sdk_root != own) else { return Ok(()) };
    let says = |root: &Option<String>| root.as_ref().map_or_else(|| "no SDK".to_owned(), |root| format!("the SDK `{root}`"));
    bail!(
        "rustc links the crate `{name}` with {}, and `{SDK_ROOT}` names {}\n  \
         help: set `{SDK_ROOT}` to the SDK's folder, the same for no-link and link-only, or unset it",
        says(&call.sdk_root),
        says(&own)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(line: &str, crate_types: &[CrateType]) -> Option<String> {
        let args = RustcArgs::parse(line.split(' ').map(str::to_owned).collect());
        refuse_unsupported("app", crate_types, &args).err().map(|error| error.to_string())
    }

    #[test]
    fn what_is_refused_by_name() {
        use CrateType::{Bin, Cdylib, Staticlib};
        let table: &[(&str, &[CrateType], Option<&str>)] = &[
            ("", &[Bin], None),
            ("", &[Bin, Staticlib], None),
            ("", &[Cdylib, Staticlib], None),
            ("-g", &[Staticlib, Cdylib], Some("`dsymutil`")),
            ("-g", &[Bin], Some("`dsymutil`")),
            ("-Cdebuginfo=line-tables-only", &[Bin], Some("`dsymutil`")),
            ("-Cdebuginfo=0", &[Bin], None),
            ("-g -Csplit-debuginfo=off", &[Bin], None),
            ("-g", &[Staticlib], None),
            ("-Cstrip=debuginfo", &[Bin], Some("`-Cstrip=debuginfo`")),
            ("-Cstrip=symbols", &[Staticlib], None),
            ("-Cstrip=none", &[Bin], None),
            ("-Crpath", &[Bin], Some("`-Crpath`")),
            ("-Crpath=no", &[Bin], None),
            ("-Cprefer-dynamic", &[Bin], Some("`-Cprefer-dynamic`")),
            ("-Zsanitizer=address", &[Bin], Some("`-Zsanitizer=address`")),
            ("-Clinker-flavor=ld64.lld", &[Bin], Some("`-Clinker-flavor`")),
            ("-Clinker-flavor=ld64.lld -Clinker=rust-lld", &[Bin], None),
        ];
        for (options, crate_types, expected) in table {
            let message = refused(&format!("--target=aarch64-apple-darwin {options}"), crate_types);
            let is_expected = match (&message, expected) {
                (Some(message), Some(expected)) => message.contains(expected) && message.contains("\n  help: "),
                (message, expected) => message.is_none() && expected.is_none(),
            };
            assert!(is_expected, "{options} of {crate_types:?}: {message:?}");
            assert_eq!(refused(&format!("--target=x86_64-unknown-linux-gnu {options}"), crate_types), None);
        }
    }

    #[test]
    fn sdks() {
        let own = std::env::var(SDK_ROOT).ok();
        let call = |sdk_root| [Invocation { sdk_root, ..Invocation::default() }];
        refuse_other_sdk("app", &call(own)).unwrap();
        let message = refuse_other_sdk("app", &call(Some("/found/MacOSX.sdk".to_owned()))).unwrap_err().to_string();
        assert!(message.contains("`/found/MacOSX.sdk`") && message.contains("`SDKROOT`"), "{message}");
    }
}
