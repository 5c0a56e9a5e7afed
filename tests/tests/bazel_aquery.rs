//! What Bazel knows of the split before anything runs: which files each action may read.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// Left to rules_rust on purpose: it depends on a crate that the split cannot build.
const UNSPLIT: &str = "/unsplit_program";

/// One action as `bazel aquery` tells of it.
struct Action {
    mnemonic: String,
    inputs: Vec<String>,
    outputs: Vec<String>,
    /// The whole command line, parameter files included.
    arguments: Vec<String>,
}

/// The actions of some targets and of everything they depend on.
struct Graph {
    actions: Vec<Action>,
    /// The action that writes a file.
    writer: HashMap<String, usize>,
}

impl Graph {
    /// Asks Bazel for the actions of `targets`.
    fn of(targets: &str, flags: &[&str]) -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the package lies in the repository");
        let output = Command::new(root.join("dev/bazel"))
            .args(["aquery", "--output=jsonproto"])
            .args(flags)
            .arg(format!("deps({targets})"))
            .current_dir(root)
            .output()
            .expect("dev/bazel starts");
        assert!(output.status.success(), "bazel aquery failed:\n{}", String::from_utf8_lossy(&output.stderr));
        Self::parse(&serde_json::from_slice(&output.stdout).expect("bazel aquery prints JSON"))
    }

    fn parse(graph: &Value) -> Self {
        let by_id = |key: &str| -> HashMap<u64, &Value> { list(graph, key).map(|entry| (id(&entry["id"]), entry)).collect() };
        let fragments = by_id("pathFragments");
        let path = |artifact: &Value| {
            let mut names = Vec::new();
            let mut next = artifact["pathFragmentId"].as_u64();
            while let Some(fragment) = next.map(|id| fragments[&id]) {
                names.push(fragment["label"].as_str().expect("a path fragment has a label"));
                next = fragment["parentId"].as_u64();
            }
            names.reverse();
            names.join("/")
        };
        let artifacts: HashMap<u64, String> = list(graph, "artifacts").map(|entry| (id(&entry["id"]), path(entry))).collect();
        let sets = by_id("depSetOfFiles");

        let mut actions = Vec::new();
        let mut writer = HashMap::new();
        for action in list(graph, "actions") {
            let outputs: Vec<String> = list(action, "outputIds").map(|output| artifacts[&id(output)].clone()).collect();
            writer.extend(outputs.iter().map(|output| (output.clone(), actions.len())));
            let mut inputs = Vec::new();
            let mut seen = HashSet::new();
            let mut pending: Vec<u64> = list(action, "inputDepSetIds").map(id).collect();
            while let Some(set) = pending.pop() {
                if seen.insert(set) {
                    inputs.extend(list(sets[&set], "directArtifactIds").map(|input| artifacts[&id(input)].clone()));
                    pending.extend(list(sets[&set], "transitiveDepSetIds").map(id));
                }
            }
            let mnemonic = action["mnemonic"].as_str().expect("an action has a mnemonic").to_owned();
            let strings = |value, key| list(value, key).filter_map(|text| text.as_str().map(str::to_owned));
            let files = list(action, "paramFiles").flat_map(|file| strings(file, "arguments"));
            let arguments = strings(action, "arguments").chain(files).collect();
            actions.push(Action { mnemonic, inputs, outputs, arguments });
        }
        Self { actions, writer }
    }

    fn with(&self, mnemonic: &str) -> impl Iterator<Item = &Action> {
        self.actions.iter().filter(move |action| action.mnemonic == mnemonic)
    }

    /// The mnemonic of the action that really makes a file, behind the links that Bazel puts before it.
    fn made_by(&self, file: &str) -> &str {
        let mut file = file;
        loop {
            let Some(action) = self.writer.get(file).map(|&index| &self.actions[index]) else { return "" };
            match (action.mnemonic.as_str(), action.inputs.as_slice()) {
                ("Symlink" | "SolibSymlink", [target]) => file = target,
                (mnemonic, _) => return mnemonic,
            }
        }
    }

    /// Every action that must run before `action` can, not looking behind files for which `stop` holds.
    fn before(&self, action: &Action, stop: impl Fn(&str) -> bool) -> Vec<&Action> {
        let mut found = Vec::new();
        let mut seen = HashSet::new();
        let mut pending: Vec<&String> = action.inputs.iter().collect();
        while let Some(file) = pending.pop() {
            if stop(file) {
                continue;
            }
            if let Some(&index) = self.writer.get(file)
                && seen.insert(index)
            {
                found.push(&self.actions[index]);
                pending.extend(&self.actions[index].inputs);
            }
        }
        found
    }
}

fn id(value: &Value) -> u64 {
    value.as_u64().expect("an id is a number")
}

fn list<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    value[key].as_array().map_or(&[][..], Vec::as_slice).iter()
}

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
    let graph = Graph::of("//examples/... + //tests/bazel_rules/...", &["--include_commandline=false"]);
    compiling_waits_for_no_code(&graph);
    linking_waits_for_no_compiler(&graph);
    rules_rust_compiles_nothing_that_is_split(&graph);
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

fn compiling_waits_for_no_code(graph: &Graph) {
    let mut checked = 0;
    for action in graph.with("SplitlinkNoLink") {
        for input in action.inputs.iter().filter(|input| !of_sysroot(input)) {
            let maker = graph.made_by(input);
            assert!(!input.ends_with(".rlib"), "{:?} reads the code of a Rust library: {input}", action.outputs);
            assert!(!maker.starts_with("Cpp"), "{:?} reads what {maker} makes: {input}", action.outputs);
            assert!(
                !matches!(maker, "SplitlinkCodegen" | "Rustc") || for_exec(input) || input.ends_with(UNSPLIT),
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

fn rules_rust_compiles_nothing_that_is_split(graph: &Graph) {
    for action in graph.with("SplitlinkLink") {
        let before = graph.before(action, |file| file.ends_with(UNSPLIT));
        let own =
            before.iter().filter(|before| before.mnemonic == "Rustc" && !before.outputs.iter().any(|output| output.contains("/external/")));
        // Build scripts stay rules_rust's, with all that they are made of.
        let own: Vec<_> =
            own.filter(|before| !before.outputs.iter().any(|output| for_exec(output))).map(|before| &before.outputs).collect();
        assert!(own.is_empty(), "{:?} waits for rules_rust to build {own:?}", action.outputs);
    }
}
