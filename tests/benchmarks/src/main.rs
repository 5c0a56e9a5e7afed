//! Benchmarks of splitlink: `dev/bench NAME [ARGUMENT...]`. Each module says what it measures.

mod analysis;
mod appended;
mod buck2;
mod debug_information;
mod edit_loop;
mod formats;
mod incremental;
mod interface_hits;
mod lto;
mod machine;
mod measure;
mod overhead;
mod real_programs;
mod remote;
mod whole_builds;

use anyhow::{Result, bail};

/// A benchmark: its name, how it is called, and what runs it with the arguments behind its name.
type Benchmark = (&'static str, &'static str, fn(&[String]) -> Result<()>);

const BENCHMARKS: [Benchmark; 11] = [
    ("analysis", analysis::USAGE, analysis::bench),
    ("buck2", buck2::USAGE, buck2::bench),
    ("debug_information", debug_information::USAGE, debug_information::bench),
    ("edit_loop", edit_loop::USAGE, edit_loop::bench),
    ("formats", formats::USAGE, formats::bench),
    ("incremental", incremental::USAGE, incremental::bench),
    ("interface_hits", interface_hits::USAGE, interface_hits::bench),
    ("lto", lto::USAGE, lto::bench),
    ("overhead", overhead::USAGE, overhead::bench),
    ("real_programs", real_programs::USAGE, real_programs::bench),
    ("remote", remote::USAGE, remote::bench),
];

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let name = args.first().map_or("", String::as_str);
    let Some((_, _, bench)) = BENCHMARKS.iter().find(|(known, ..)| *known == name) else {
        let usages: Vec<_> = BENCHMARKS.iter().map(|(_, usage, _)| *usage).collect();
        bail!("there is no benchmark `{name}`\n{}", usages.join("\n"));
    };
    bench(&args[1..])
}
