//! What `bazel aquery` tells of a build: its actions, what each reads, and which must run before.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use serde_json::Value;
use splitlink_tests::rules_rust::End;
use splitlink_tests::rustc_fixture::tools::repository;

/// One action as `bazel aquery` tells of it.
pub struct Action {
    pub mnemonic: String,
    pub inputs: Vec<String>,
    pub outputs: Vec<String>,
    /// The whole command line, parameter files included.
    pub arguments: Vec<String>,
}

/// The actions of some targets and of everything they depend on.
pub struct Graph {
    pub actions: Vec<Action>,
    /// The action that writes a file.
    pub writer: HashMap<String, usize>,
}

impl Graph {
    /// Asks Bazel for the actions of `targets` with the oldest rules_rust.
    pub fn of(targets: &str, flags: &[&str]) -> Self {
        Self::with_end(&End::OLDEST, targets, flags)
    }

    /// Asks Bazel for the actions of `targets`.
    pub fn with_end(end: &End, targets: &str, flags: &[&str]) -> Self {
        Self::in_workspace(end, repository(), targets, flags)
    }

    /// Asks Bazel for the actions of `targets` of the workspace `root`.
    pub fn in_workspace(end: &End, root: &Path, targets: &str, flags: &[&str]) -> Self {
        let targets = format!("deps({targets})");
        let args = [&["aquery", "--output=jsonproto"], flags, &[targets.as_str()]].concat();
        let (printed, _) = end.prints_in(root, &args).expect("bazel aquery succeeds");
        Self::parse(&serde_json::from_str(&printed).expect("bazel aquery prints JSON"))
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

    pub fn with(&self, mnemonic: &str) -> impl Iterator<Item = &Action> {
        self.actions.iter().filter(move |action| action.mnemonic == mnemonic)
    }

    /// The mnemonic of the action that really makes a file, behind the links that Bazel puts before
    /// it.
    pub fn made_by(&self, file: &str) -> &str {
        let mut file = file;
        loop {
            let Some(action) = self.writer.get(file).map(|&index| &self.actions[index]) else { return "" };
            match (action.mnemonic.as_str(), action.inputs.as_slice()) {
                ("Symlink" | "SolibSymlink", [target]) => file = target,
                (mnemonic, _) => return mnemonic,
            }
        }
    }

    /// Every action that must run before `action` can, not looking behind files for which `stop`
    /// holds.
    pub fn before(&self, action: &Action, stop: impl Fn(&str) -> bool) -> Vec<&Action> {
        self.makers(&action.inputs, stop)
    }

    /// Every action that must run for `files` to be there, not looking behind files for which
    /// `stop` holds.
    pub fn makers(&self, files: &[String], stop: impl Fn(&str) -> bool) -> Vec<&Action> {
        let mut found = Vec::new();
        let mut seen = HashSet::new();
        let mut pending: Vec<&String> = files.iter().collect();
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
