//! A link report for people: tables, or a graph for Graphviz.

use crate::formats::Linkage;
use crate::report::{Artifact, LinkReport, LtoGroup, Milliseconds};
use anyhow::{Context, Result};
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;

/// What to show, and how.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// The link report that `link-only --report` wrote
    #[arg(value_name = "REPORT")]
    pub report: PathBuf,
    /// Show the report as JSON
    #[arg(long, conflicts_with = "dot")]
    pub json: bool,
    /// Show a graph in Graphviz's language, a colour for each linkage: `splitlink explain --dot REPORT | dot -Tsvg`
    #[arg(long)]
    pub dot: bool,
}

/// Shows the report.
///
/// # Errors
/// If it cannot be read or shown.
pub fn run(options: &Options) -> Result<()> {
    let report = LinkReport::read(&options.report)?;
    let text = if options.json {
        report.to_text()
    } else if options.dot {
        dot(&report)
    } else {
        tables(&report)
    };
    std::io::stdout().write_all(text.as_bytes()).context("cannot write to the standard output")
}

fn name(linkage: Linkage) -> &'static str {
    match linkage {
        Linkage::Static => "static",
        Linkage::Dynamic => "dynamic",
        Linkage::IncludedFromDylib => "included-from-dylib",
        Linkage::NotLinked => "not-linked",
    }
}

/// A table for each artifact.
pub fn tables(report: &LinkReport) -> String {
    let mut text = String::new();
    for artifact in &report.artifacts {
        let preference = if artifact.prefer_dynamic { "dylibs" } else { "rlibs" };
        writeln!(text, "{} `{}` ({}), {preference} preferred", artifact.crate_type, report.crate_name, artifact.file_name)
            .expect(IN_MEMORY);
        let head = ["crate", "linkage", "from", "why"].map(str::to_owned);
        let rows = artifact
            .crates
            .iter()
            .map(|c| [c.id.clone(), name(c.linkage).to_owned(), c.from.clone().unwrap_or_else(|| "-".to_owned()), c.reason.clone()]);
        let rows: Vec<[String; 4]> = std::iter::once(head).chain(rows).collect();
        let width = |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap_or(0);
        let widths = [width(0), width(1), width(2)];
        for [id, linkage, from, reason] in &rows {
            writeln!(text, "  {id:<0$}  {linkage:<1$}  {from:<2$}  {reason}", widths[0], widths[1], widths[2]).expect(IN_MEMORY);
        }
        for left_out in &artifact.left_out {
            writeln!(text, "  left out: {}: {}", left_out.what, left_out.reason).expect(IN_MEMORY);
        }
        text.push('\n');
    }
    for (number, group) in report.lto.iter().enumerate() {
        lto_group(&mut text, number + 1, group);
    }
    text
}

/// How many kept symbols are shown.
const SHOWN: usize = 10;

fn lto_group(text: &mut String, number: usize, group: &LtoGroup) {
    let LtoGroup { mode, crate_types, threshold, crates, modules, kept, objects, milliseconds } = group;
    writeln!(text, "LTO group {number} ({mode}): {}", crate_types.join(", ")).expect(IN_MEMORY);
    writeln!(text, "  took part: {modules} modules, its own and of {} crates: {}", crates.len(), crates.join(", ")).expect(IN_MEMORY);
    let more = if kept.len() > SHOWN { format!(" and {} more (--json shows all)", kept.len() - SHOWN) } else { String::new() };
    let shown = kept[..kept.len().min(SHOWN)].join(", ");
    writeln!(text, "  kept: {} symbols for others ({threshold} names count): {shown}{more}", kept.len()).expect(IN_MEMORY);
    let kib = |bytes: u64| bytes.div_ceil(1024);
    let largest = objects.iter().copied().max().unwrap_or(0);
    writeln!(text, "  made: {} objects of {} KiB, the largest of {} KiB", objects.len(), kib(objects.iter().sum()), kib(largest))
        .expect(IN_MEMORY);
    if let Some(Milliseconds { total, merge, optimise, generate }) = milliseconds {
        write!(text, "  took: {total} ms").expect(IN_MEMORY);
        for (what, time) in [("merging", merge), ("optimising", optimise), ("generating code", generate)] {
            if let Some(time) = time {
                write!(text, ", {what} {time}").expect(IN_MEMORY);
            }
        }
        text.push('\n');
    }
    text.push('\n');
}

const IN_MEMORY: &str = "a string takes it";

/// A graph of all artifacts: what each is linked with, and what is inside each dylib.
pub fn dot(report: &LinkReport) -> String {
    let mut text = String::from("digraph link {\n  rankdir=LR;\n  node [shape=box, style=filled, fontname=\"sans-serif\"];\n");
    for artifact in &report.artifacts {
        writeln!(text, "  \"{}\" [fillcolor=white, penwidth=2];", artifact.crate_type).expect(IN_MEMORY);
        for edge in edges(artifact) {
            text.push_str(&edge);
        }
    }
    text.push_str("}\n");
    text
}

fn edges(artifact: &Artifact) -> Vec<String> {
    let top = &artifact.crate_type;
    let mut edges = Vec::new();
    for c in &artifact.crates {
        let node = format!("{top}/{}", c.id);
        let colour = match c.linkage {
            Linkage::Static => "palegreen",
            Linkage::Dynamic => "lightskyblue",
            Linkage::IncludedFromDylib => "lightgrey",
            Linkage::NotLinked => "white",
        };
        edges.push(format!("  \"{node}\" [label=\"{}\\n{}\", fillcolor={colour}];\n", c.id, name(c.linkage)));
        // What is inside a dylib hangs on the crate whose dylib it is.
        let inside = artifact.crates.iter().find(|d| d.linkage == Linkage::Dynamic && d.from == c.from);
        match (c.linkage, inside) {
            (Linkage::IncludedFromDylib, Some(dylib)) => edges.push(format!("  \"{top}/{}\" -> \"{node}\";\n", dylib.id)),
            (Linkage::NotLinked, _) => edges.push(format!("  \"{top}\" -> \"{node}\" [style=dotted];\n")),
            _ => edges.push(format!("  \"{top}\" -> \"{node}\";\n")),
        }
    }
    edges
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{CrateFormat, LeftOut, VERSION};

    fn report() -> LinkReport {
        let format = |id: &str, linkage, from: Option<&str>| CrateFormat {
            id: id.into(),
            linkage,
            from: from.map(str::to_owned),
            sysroot: false,
            reason: format!("because of {id}"),
        };
        let crates = vec![
            format("a-1", Linkage::Dynamic, Some("liba-1.so")),
            format("b-1", Linkage::IncludedFromDylib, Some("liba-1.so")),
            format("c-1", Linkage::NotLinked, None),
        ];
        let left_out = vec![LeftOut { what: "allocator shim".into(), reason: "there is one".into() }];
        let artifact = Artifact { crate_type: "bin".into(), file_name: "app".into(), prefer_dynamic: true, crates, left_out };
        LinkReport { version: VERSION, crate_name: "app".into(), artifacts: vec![artifact], lto: Vec::new() }
    }

    #[test]
    fn a_table() {
        let expected = "\
bin `app` (app), dylibs preferred
  crate  linkage              from       why
  a-1    dynamic              liba-1.so  because of a-1
  b-1    included-from-dylib  liba-1.so  because of b-1
  c-1    not-linked           -          because of c-1
  left out: allocator shim: there is one

";
        assert_eq!(tables(&report()), expected);
    }

    #[test]
    fn groups_of_lto() {
        let group = |milliseconds| LtoGroup {
            mode: "fat".into(),
            crate_types: vec!["cdylib".into(), "staticlib".into()],
            threshold: "C".into(),
            crates: vec!["a-1".into()],
            modules: 3,
            kept: vec!["answer".into()],
            objects: vec![5 * 1024, 1],
            milliseconds,
        };
        let fat = Milliseconds { total: 9, merge: Some(1), optimise: Some(2), generate: Some(5) };
        let thin = Milliseconds { total: 7, merge: None, optimise: None, generate: None };
        let lto = vec![group(None), group(Some(fat)), group(Some(thin))];
        let tables = tables(&LinkReport { version: VERSION, crate_name: "x".into(), artifacts: Vec::new(), lto });
        let head = |number| format!("LTO group {number} (fat): cdylib, staticlib\n  took part: 3 modules, its own and of 1 crates: a-1\n");
        let kept = "  kept: 1 symbols for others (C names count): answer\n  made: 2 objects of 6 KiB, the largest of 5 KiB\n";
        let times = ["", "  took: 9 ms, merging 1, optimising 2, generating code 5\n", "  took: 7 ms\n"];
        let expected: String = (1..).zip(times).map(|(number, times)| format!("{}{kept}{times}\n", head(number))).collect();
        assert_eq!(tables, expected);
    }

    #[test]
    fn a_graph() {
        let dot = dot(&report());
        for part in ["\"bin\" -> \"bin/a-1\";", "\"bin/a-1\" -> \"bin/b-1\";", "lightskyblue", "style=dotted"] {
            assert!(dot.contains(part), "{part} in {dot}");
        }
    }
}
