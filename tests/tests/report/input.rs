//! Reports and sizes as large as one likes, and pages of them.

use anyhow::Result;
use serde_json::{Value, json};
use splitlink_tests::rustc_fixture::tools::{empty_folder, splitlink, succeed};
use std::fs;
use std::path::PathBuf;
use std::process::Command;

/// What pages are made of.
pub(crate) struct Input {
    pub(crate) report: Value,
    pub(crate) sizes: Value,
    pub(crate) before: Value,
    pub(crate) edges: Vec<String>,
}

/// Numbers that look like chance and are the same each time (Knuth's multiplier of PCG).
pub(crate) struct Numbers(pub(crate) u64);

impl Numbers {
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }
}

/// A name that a page must not take for anything else.
pub(crate) const HOSTILE: &str = "<img src=x onerror=alert(1)></script>";

fn index(number: u64) -> usize {
    usize::try_from(number).expect("a small number")
}

/// The sizes of a build; `scale` makes them larger, in percent.
fn sizes(owners: &[Value], items: u64, scale: u64) -> Value {
    let modules = ["de", "ser", "io", "fmt", "net", "codec", "parser", HOSTILE];
    let count = owners.len() as u64;
    let mut numbers = Numbers(7);
    let mut made = Vec::new();
    let mut sums = [0, 0];
    for number in 0..items {
        // Some crates are far larger than others, and the last has one item.
        let owner = if number < count { number } else { numbers.below(numbers.0 % (count - 1) + 1) };
        let mut path: Vec<String> = (0..=numbers.below(3)).map(|_| modules[index(numbers.below(8))].to_owned()).collect();
        path.push(format!("function_{}", numbers.below(5000)));
        let is_data = numbers.below(8) == 0;
        let bytes = (numbers.below(40) * numbers.below(40) + 1) * scale / 100 + 1;
        let mut item = json!({
            "owner": owner, "path": path, "symbol": format!("_R{number}"), "kind": if is_data { "data" } else { "text" }, "bytes": bytes,
        });
        if numbers.below(4) == 0 {
            item["instantiated_by"] = numbers.below(count).into();
        }
        sums[usize::from(is_data)] += bytes;
        made.push(item);
    }
    let mut debug: Vec<Value> = (0..count - 1).map(|owner| json!({"owner": owner, "bytes": 1000 + owner})).collect();
    let of_units: u64 = (0..count - 1).map(|owner| 1000 + owner).sum();
    debug.push(json!({"bytes": 5000}));
    let section =
        |name: &str, kind: &str, bytes: u64, attributed: u64| json!({"name": name, "kind": kind, "bytes": bytes, "attributed": attributed});
    json!({
        "version": 1, "crate_name": "app", "crate_type": "bin", "file_name": "app", "bytes": sums[0] + sums[1] + 100_000,
        "sections": [
            section(".text", "text", sums[0] + 321, sums[0]), section(".rodata", "data", sums[1] + 123, sums[1]),
            section(".debug_info", "debug", of_units, of_units), section(".debug_str", "debug", 5000, 0),
            section(".symtab", "other", 777, 0),
        ],
        "owners": owners, "items": made, "debug": debug,
    })
}

impl Input {
    pub(crate) fn new(crates: usize, items: u64) -> Self {
        let mut numbers = Numbers(1);
        let mut listed = Vec::new();
        for number in 0..crates {
            // Two versions of one.
            let name = match number {
                3 | 5 => "twice".to_owned(),
                4 => "zlib_user".to_owned(),
                _ => format!("crate_{number}"),
            };
            let label = if number % 5 == 0 { format!("//lib/{name}") } else { format!("@@crates__{name}//:{name}") };
            listed.push(json!({
                "crate": format!("{name}-{number}"), "label": label, "version": format!("1.{number}.0"), "bytes": 100 + numbers.below(100_000),
                "linkage": "static", "from": format!("lib{name}-{number}.rlib"), "sysroot": false,
                "reason": if number == 2 { format!("because of crate_1-1 {HOSTILE}") } else { "static is preferred, and every crate has an rlib".into() },
            }));
        }
        for name in ["std", "core"] {
            listed.push(json!({
                "crate": format!("{name}-9"), "bytes": 100_000, "linkage": "static", "from": format!("lib{name}-9.rlib"), "sysroot": true,
                "reason": "static is preferred, and every crate has an rlib",
            }));
        }
        let mut owners = vec![json!({"name": "app", "kind": "crate"})];
        for found in &listed {
            let mut owner = json!({
                "name": found["crate"].as_str().unwrap_or_default().split('-').next(), "crate": found["crate"],
                "kind": if found["sysroot"] == true { "std" } else { "crate" },
            });
            if found["sysroot"] == false {
                owner["version"] = found["version"].clone();
            }
            owners.push(owner);
        }
        owners.push(json!({"name": HOSTILE, "kind": "native"}));
        owners.push(json!({"name": "linker", "kind": "linker"}));
        listed.push(json!({
            "crate": "idle-1", "label": "//lib/idle", "linkage": "not-linked", "sysroot": false, "reason": "nothing of it is used",
        }));
        let mut edges = vec!["=libcrate_0-0.rlib".to_owned(), "=libidle-1.rlib".to_owned()];
        let file = |number: usize| listed[number]["from"].as_str().unwrap_or_default().to_owned();
        edges.extend((1..crates).map(|number| format!("{}={}", file((number - 1) / 3), file(number))));
        let report = json!({
            "version": splitlink::formats::report::VERSION, "crate_name": "app",
            "artifacts": [{
                "crate_type": "bin", "file_name": "app", "bytes": 1_234_567, "prefer_dynamic": false, "crates": listed,
                "native_libraries": [{"name": "gcc_s"}, {"name": HOSTILE, "carried_by": "zlib_user-4"}],
                "left_out": [{"what": "allocator shim", "reason": "the dylib of crate_0-0 has one"}],
                "linker": {"program": "cc", "arguments": ["-o", "{output}", HOSTILE, "{modules}/app.o"]},
                "run_paths": ["$ORIGIN/../lib", HOSTILE], "needed": ["libc.so.6"], "milliseconds": {"linker": 700},
            }],
            "milliseconds": {"total": 2000, "formats": 50, "lto": 900},
            "lto": [{
                "mode": "fat", "crate_types": ["bin"], "threshold": "C", "crates": ["crate_0-0"], "modules": 12, "kept": ["main"],
                "objects": [3000, 2000], "milliseconds": {"total": 900, "merge": 100, "optimise": 300, "generate": 450},
            }],
        });
        Self { report, sizes: sizes(&owners, items, 100), before: sizes(&owners, items, 130), edges }
    }

    /// Makes a page in a folder of the test's, with what the options name: `sizes`, `before`, `edges`.
    pub(crate) fn page(&self, name: &str, with: &[&str]) -> Result<PathBuf> {
        let folder = empty_folder(name)?;
        let write = |file: &str, value: &Value| fs::write(folder.join(file), value.to_string());
        write("report.json", &self.report)?;
        write("sizes.json", &self.sizes)?;
        write("before.json", &self.before)?;
        let mut options = vec!["--output", "page.html", "--report", "report.json"];
        for option in with {
            options.extend(match *option {
                "sizes" => &["--sizes", "sizes.json"][..],
                "before" => &["--sizes-before", "before.json"],
                _ => &["--label", "//app", "@edges"],
            });
        }
        let edges: Vec<String> = self.edges.iter().map(|edge| format!("--edge={edge}\n")).collect();
        fs::write(folder.join("edges"), edges.concat())?;
        succeed(Command::new(splitlink()).current_dir(&folder).arg("report").args(options))?;
        Ok(folder.join("page.html"))
    }
}
