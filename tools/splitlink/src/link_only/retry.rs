//! A second call of a linker that does not know an argument of rustc's.
//!
//! rustc gives arguments that older compiler drivers and linkers do not know, and tries again
//! without them (`rustc_codegen_ssa::back::link::link_natively`, 1.95). The rules are its own.

use std::path::Path;

/// `args` for another call, after a driver that was given them has failed and `said` something; none
/// if that is no reason for one. `prefers_lld` says whether rustc itself asked for lld.
pub(crate) fn other_arguments(args: &[String], said: &str, prefers_lld: bool) -> Option<Vec<String>> {
    if !names_an_unknown_argument(said) {
        return None;
    }
    let has = |wanted: &str| args.iter().any(|arg| arg == wanted);
    let without = |unwanted: &str| args.iter().filter(|arg| *arg != unwanted).cloned().collect();
    for (flag, may_go) in [("-no-pie", true), ("-fuse-ld=lld", prefers_lld)] {
        if may_go && said.contains(flag) && has(flag) {
            return Some(without(flag));
        }
    }
    // A linker may not know what the driver makes of it.
    let is_unknown = said.contains("-static-pie") || said.contains("--no-dynamic-linker");
    (is_unknown && has("-static-pie")).then(|| args.iter().map(|arg| of_fixed_program(arg)).collect())
}

fn names_an_unknown_argument(said: &str) -> bool {
    ["unknown", "unrecognized"].iter().flat_map(|word| said.match_indices(word).map(move |(at, _)| &said[at + word.len()..])).any(|rest| {
        let rest = rest.strip_prefix(" command line").unwrap_or(rest);
        rest.starts_with(" option") || rest.starts_with(" argument")
    })
}

/// What stands for `arg`, one for a program that is loaded anywhere, in the call for one that is
/// loaded at a fixed place. Of targets that come with start files, these are others then
/// (`rustc_target::spec::crt_objects`, 1.95).
fn of_fixed_program(arg: &str) -> String {
    if arg == "-static-pie" {
        return "-static".to_owned();
    }
    let path = Path::new(arg);
    if !path.parent().is_some_and(|folder| folder.ends_with("self-contained")) {
        return arg.to_owned();
    }
    let other = match path.file_name().and_then(|name| name.to_str()) {
        Some("rcrt1.o") => "crt1.o",
        Some("crtbeginS.o") => "crtbegin.o",
        Some("crtendS.o") => "crtend.o",
        _ => return arg.to_owned(),
    };
    path.with_file_name(other).to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_of_a_second_call() {
        let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let table: &[(&str, &str, bool, Option<&str>)] = &[
            ("a.o -static-pie -o a", "/usr/bin/ld.gold: --no-dynamic-linker: unknown option", true, Some("a.o -static -o a")),
            ("a.o -static-pie", "gcc: error: unrecognized command line option '-static-pie'", true, Some("a.o -static")),
            (
                "s/self-contained/rcrt1.o s/self-contained/crti.o -static-pie s/self-contained/crtendS.o crtendS.o",
                "unknown argument: '-static-pie'",
                true,
                Some("s/self-contained/crt1.o s/self-contained/crti.o -static s/self-contained/crtend.o crtendS.o"),
            ),
            ("a.o -no-pie", "cc: unrecognized option '-no-pie'", true, Some("a.o")),
            ("-fuse-ld=lld a.o", "gcc: error: unrecognized command line option '-fuse-ld=lld'", true, Some("a.o")),
            ("-fuse-ld=lld a.o", "gcc: error: unrecognized command line option '-fuse-ld=lld'", false, None),
            ("a.o", "cc: unrecognized option '-no-pie'", true, None),
            ("a.o -no-pie", "undefined symbol: -no-pie", true, None),
            ("a.o -static-pie", "unknown option --other", true, None),
        ];
        for (args, said, prefers_lld, expected) in table {
            assert_eq!(other_arguments(&words(args), said, *prefers_lld), expected.map(words), "{args}: {said}");
        }
    }
}
