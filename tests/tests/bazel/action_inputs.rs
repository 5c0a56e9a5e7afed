//! What Bazel knows of the split before anything runs: which files each action may read.

use std::collections::{BTreeMap, HashSet};

use splitlink_tests::rules_rust::End;

use crate::action_graph::{Action, Graph};

/// Left to rules_rust on purpose, made by an aspect, or built by it for a target that is split, or for C and C++.
const UNSPLIT: [&str; 7] = [
    "/aspect_made/",
    "/build_script/features/plain",
    "/forwarding/optimised_on_wrapped",
    "/forwarding/diamond",
    "/forwarding/lib",
    "/forwarding/script_on_wrapped",
    "/through_c/lib",
];

fn is_unsplit(file: &str) -> bool {
    UNSPLIT.iter().any(|part| file.contains(part))
}

/// Of targets whose rules are rules_rust's own (clippy and rustdoc compile against its build, and one
/// is compared with the split's), or that the split cannot build.
const PLAIN: [&str; 5] = ["/aspect_made/", "/aspects/", "/build_script/features/", "/forwarding/", "/through_c/"];

/// What the tests' packages hold.
const EVERYTHING: &str = "//examples/... + //tests/bazel_rules/...";

/// Whether a file belongs to the Rust toolchain.
fn of_sysroot(file: &str) -> bool {
    file.contains("/lib/rustlib/")
}

/// Whether a file was built for the build itself: a tool, a build script, a proc macro.
fn for_exec(file: &str) -> bool {
    file.contains("-exec")
}

#[test]
fn actions_read_no_more_than_they_must() {
    for end in End::all() {
        let graph = Graph::with_end(&end, EVERYTHING, &["--include_commandline=false"]);
        compiling_waits_for_no_code(&graph);
        linking_waits_for_no_compiler(&graph);
        only_linking_reads_the_cc_toolchain(&graph);
        rules_rust_compiles_nothing_that_is_split(&graph);
        building_everything_compiles_each_crate_once(&end, &graph);
    }
}

#[test]
fn what_only_the_build_runs_is_optimised_as_set() {
    for (flag, level) in
        [("", Some("0")), ("--//rules/bazel:host_opt_level=2", Some("2")), ("--//rules/bazel:host_opt_level=as_configured", None)]
    {
        let flags = ["--include_param_files", flag];
        let graph = Graph::of("//examples/proc_macro/...", &flags[..flags.len() - usize::from(flag.is_empty())]);
        let (mut for_build, mut for_user) = (0, 0);
        let compiling = ["SplitlinkMetadata", "SplitlinkCodegen", "SplitlinkNoLink"];
        for action in compiling.iter().flat_map(|mnemonic| graph.with(mnemonic)) {
            let given = action.arguments.windows(2).find(|pair| pair[0] == "--opt-level").map(|pair| pair[1].as_str());
            let expected = if for_exec(&action.outputs[0]) { level } else { None };
            assert_eq!(given, expected, "{flag}: {:?}", action.outputs);
            *(if for_exec(&action.outputs[0]) { &mut for_build } else { &mut for_user }) += 1;
        }
        assert!(for_build >= 3 && for_user >= 1, "a library and a macro for the build and a program for the user: is the query right?");
    }
}

/// A folder may have `-exec` in its name because the platform has.
#[test]
fn a_platform_whose_name_has_exec_in_it() {
    let platform = "--platforms=//tests/bazel_rules/names:an-exec-platform";
    let graph = Graph::of("//examples/proc_macro/...", &["--include_param_files", platform, "--experimental_platform_in_output_dir"]);
    let (mut for_build, mut for_user) = (0, 0);
    for action in graph.with("SplitlinkMetadata").chain(graph.with("SplitlinkNoLink")) {
        let folder = action.outputs[0].split('/').nth(1).expect("an output is in a folder of its configuration");
        let is_for_user = folder.starts_with("an-exec-platform-fastbuild");
        assert!(is_for_user || folder.contains("-opt-exec"), "{folder}");
        assert_eq!(action.arguments.iter().any(|arg| arg == "--opt-level"), !is_for_user, "{:?}", action.outputs);
        *(if is_for_user { &mut for_user } else { &mut for_build }) += 1;
    }
    assert!(for_build >= 2 && for_user >= 1, "a library and a macro for the build and a program for the user: is the query right?");
}

/// Times make a report different each time, so they are in it on request only.
#[test]
fn times_are_in_reports_on_request() {
    for flag in ["--//rules/bazel:report_times=no", "--//rules/bazel:report_times"] {
        let graph = Graph::of("//examples/lto/...", &["--include_param_files", flag]);
        let timed = |action: &&Action| action.arguments.iter().any(|arg| arg == "--report-times");
        let links = || graph.with("SplitlinkLink").filter(|action| action.arguments.iter().any(|arg| arg == "--report"));
        assert!(links().count() >= 3, "there are few links: is the query right?");
        let expected = if flag.ends_with("=no") { 0 } else { links().count() };
        assert_eq!(graph.actions.iter().filter(timed).count(), expected, "{flag}");
        assert_eq!(links().filter(timed).count(), expected, "{flag}");
    }
}

#[test]
fn with_and_without_a_worker_the_commands_are_the_same() {
    let commands = |flag: &str| -> BTreeMap<Vec<String>, Vec<String>> {
        let graph = Graph::of("//examples/hello/...", &["--include_param_files", flag]);
        let ours = graph.actions.into_iter().filter(|action| action.mnemonic.starts_with("Splitlink"));
        ours.map(|action| (action.outputs, action.arguments)).collect()
    };
    let [with, without] = ["--//rules/bazel:worker", "--//rules/bazel:worker=false"].map(commands);
    let kinds = ["metadata", "codegen", "no-link"];
    assert!(kinds.iter().all(|kind| with.values().any(|words| words.iter().any(|word| word == kind))), "{with:?}");
    assert_eq!(with, without);
}

fn compiling_waits_for_no_code(graph: &Graph) {
    let mut checked = 0;
    for action in graph.with("SplitlinkNoLink") {
        for input in action.inputs.iter().filter(|input| !of_sysroot(input)) {
            let maker = graph.made_by(input);
            assert!(!input.ends_with(".rlib") || is_unsplit(input), "{:?} reads the code of a Rust library: {input}", action.outputs);
            assert!(!maker.starts_with("Cpp"), "{:?} reads what {maker} makes: {input}", action.outputs);
            assert!(
                !matches!(maker, "SplitlinkCodegen" | "Rustc") || for_exec(input) || is_unsplit(input),
                "{:?} reads what {maker} makes: {input}",
                action.outputs
            );
        }
        checked += 1;
    }
    for action in graph.with("SplitlinkMetadata").chain(graph.with("SplitlinkCodegen")) {
        // Code may be behind a proc macro, a build script or a tool: those run while compiling.
        let before = graph.before(action, |file| for_exec(file) || file.contains(".out_dir") || file.contains(".cargo_runfiles"));
        let code = before.iter().find(|before| before.mnemonic == "SplitlinkCodegen");
        assert!(code.is_none(), "{:?} waits for the code of {:?}", action.outputs, code.map(|code| &code.outputs));
        checked += 1;
    }
    assert!(checked >= 20, "only {checked} actions to check: is the query right?");
}

fn linking_waits_for_no_compiler(graph: &Graph) {
    let mut checked = 0;
    for action in graph.with("SplitlinkLink") {
        for input in &action.inputs {
            let name = input.rsplit('/').next().expect("a path has a last part");
            let unwanted = name.ends_with(".rs") || name.ends_with(".rmeta") || name == "rustc" || name.starts_with("librustc_driver");
            assert!(!unwanted, "{:?} reads {input}", action.outputs);
        }
        assert!(action.inputs.iter().any(|input| input.ends_with("/plan.json")), "{:?} has no plan", action.outputs);
        checked += 1;
    }
    assert!(checked >= 20, "only {checked} actions to check: is the query right?");
}

/// rules_rust 0.65 and later count the C++ toolchain's files among the Rust toolchain's.
fn only_linking_reads_the_cc_toolchain(graph: &Graph) {
    let of_cc =
        |action: &Action| -> HashSet<String> { action.inputs.iter().filter(|input| input.contains("local_config_cc/")).cloned().collect() };
    let all: HashSet<String> = graph.with("SplitlinkLink").flat_map(of_cc).collect();
    assert!(all.iter().any(|file| file.ends_with("/cc_wrapper.sh")), "no link reads the C++ toolchain: {all:?}");
    for action in graph.with("SplitlinkLink") {
        assert_eq!(of_cc(action), all, "{:?} lacks files of the C++ toolchain", action.outputs);
    }
    for mnemonic in ["SplitlinkMetadata", "SplitlinkCodegen", "SplitlinkNoLink"] {
        for action in graph.with(mnemonic) {
            assert!(of_cc(action).is_empty(), "{:?} reads {:?}", action.outputs, of_cc(action));
        }
    }
}

/// What `bazel build` of everything asks for makes rules_rust compile only where the split is not
/// asked for.
fn building_everything_compiles_each_crate_once(end: &End, graph: &Graph) {
    // `...` of a build leaves out what is tagged so. What cargo_build_script declares is rules_rust's
    // own, and a build of it by name runs what that declares.
    let asked = format!("({EVERYTHING}) except attr(tags, \"\\bmanual\\b\", {EVERYTHING})");
    let (printed, _) = end.prints(&["cquery", "--output=files", &asked]).expect("bazel cquery succeeds");
    let files: Vec<String> = printed.lines().map(str::to_owned).filter(|file| graph.writer.contains_key(file)).collect();
    assert!(files.len() >= 50, "only {} files are built: is the query right?", files.len());
    let left_to_rules_rust = |file: &str| PLAIN.iter().any(|part| file.contains(part));
    let compiled: Vec<_> = graph
        .makers(&files, |file| for_exec(file) || left_to_rules_rust(file))
        .into_iter()
        .filter(|action| action.mnemonic == "Rustc")
        .map(|action| &action.outputs[0])
        .collect();
    assert!(compiled.is_empty(), "with {}, rules_rust compiles {compiled:?}", end.name);
}

/// Build scripts and all that they are made of included. rules_rust's own programs stay its own, as
/// does the tool, which is built from source here.
fn rules_rust_compiles_nothing_that_is_split(graph: &Graph) {
    let of_the_rules = |file: &str| is_unsplit(file) || file.contains("/external/") || file.contains("/bin/tools/splitlink");
    let mut scripts = 0;
    for action in graph.with("SplitlinkLink").chain(graph.with("SplitlinkBuildScriptRun")) {
        let before = graph.before(action, of_the_rules);
        let own = before.iter().filter(|before| matches!(before.mnemonic.as_str(), "Rustc" | "CargoBuildScriptRun"));
        let own: Vec<_> = own.map(|before| &before.outputs).collect();
        assert!(own.is_empty(), "{:?} waits for rules_rust to build {own:?}", action.outputs);
        scripts += before.iter().filter(|before| before.mnemonic == "SplitlinkBuildScriptRun").count();
    }
    assert!(scripts >= 5, "only {scripts} build scripts are run: is the query right?");
}
