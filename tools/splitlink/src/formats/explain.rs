//! A link report for people: counts and what deviates from them, tables, or a graph for Graphviz.

use crate::formats::Linkage;
use crate::formats::report::{
    Artifact, ArtifactTimes, CrateFormat, LinkReport, LinkerCall, LtoGroup, Milliseconds, NativeLibrary, PhaseTimes,
};
use crate::formats::short_names::ShortNames;
use anyhow::{Context, Result};
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;

/// What to show, and how.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// The link report that `link-only --report` wrote
    #[arg(value_name = "REPORT", required_unless_present_any = ["sizes", "diff"])]
    pub report: Option<PathBuf>,
    /// Show the report as JSON
    #[arg(long, conflicts_with = "dot")]
    pub json: bool,
    /// Show a graph in Graphviz's language, a colour for each linkage: `splitlink explain --dot
    /// REPORT | dot -Tsvg`
    #[arg(long)]
    pub dot: bool,
    /// List all crates and symbols, in place of counting those that are alike
    #[arg(long, conflicts_with_all = ["json", "dot"])]
    pub all: bool,
    /// List only crates with this in their names or labels
    #[arg(long = "crate", value_name = "TEXT", conflicts_with_all = ["json", "dot"])]
    pub named: Option<String>,
    /// List only crates that are linked so
    #[arg(long, value_name = "LINKAGE", conflicts_with_all = ["json", "dot"], value_parser = ["static", "dynamic", "included-from-dylib", "not-linked"])]
    pub linkage: Option<String>,
}

/// Shows the report.
///
/// # Errors
/// If it cannot be read or shown.
pub fn run(options: &Options) -> Result<()> {
    let path = options.report.as_deref().context("no link report was given")?;
    let report = LinkReport::read(path)?;
    let text = if options.json {
        report.to_text()
    } else if options.dot {
        dot(&report)
    } else {
        tables(&report, options)
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

/// As many crates that are alike are listed without being asked for.
const LISTED: usize = 8;

/// How many kept symbols are shown.
const SHOWN: usize = 10;

/// Counts, and a table of what deviates from them, for each artifact.
pub fn tables(report: &LinkReport, options: &Options) -> String {
    let mut text = String::new();
    for artifact in &report.artifacts {
        let preference = if artifact.prefer_dynamic { "dylibs" } else { "rlibs" };
        let Artifact { crate_type, file_name, bytes, .. } = artifact;
        writeln!(text, "{crate_type} `{}` ({file_name}, {}), {preference} preferred", report.crate_name, kib(*bytes)).expect(IN_MEMORY);
        let short = ShortNames::of(&artifact.crates);
        crates(&mut text, &artifact.crates, &short, options);
        native_libraries(&mut text, &artifact.native_libraries, &short);
        for left_out in &artifact.left_out {
            writeln!(text, "  left out: {}: {}", left_out.what, short.text(&left_out.reason)).expect(IN_MEMORY);
        }
        loader(&mut text, artifact);
        linker(&mut text, artifact, options.all);
        text.push('\n');
    }
    for (number, group) in report.lto.iter().enumerate() {
        lto_group(&mut text, number + 1, group, options.all);
    }
    if let Some(PhaseTimes { total, formats, lto }) = report.milliseconds {
        write!(text, "link-only took {total} ms: formats {formats}").expect(IN_MEMORY);
        let made =
            |time: fn(&ArtifactTimes) -> Option<u64>| report.artifacts.iter().filter_map(move |made| time(made.milliseconds.as_ref()?));
        let sum = |times: Vec<u64>| (!times.is_empty()).then(|| times.iter().sum::<u64>());
        let linker = sum(made(|times| times.linker).collect());
        let archive = sum(made(|times| times.archive).collect());
        for (what, time) in [("LTO", lto), ("the linker", linker), ("writing the archive", archive)] {
            if let Some(time) = time {
                write!(text, ", {what} {time}").expect(IN_MEMORY);
            }
        }
        text.push('\n');
    }
    text
}

/// What an artifact asks the loader for.
fn loader(text: &mut String, artifact: &Artifact) {
    for (what, list) in [("run paths", &artifact.run_paths), ("needs at run time", &artifact.needed)] {
        if !list.is_empty() {
            writeln!(text, "  {what}: {}", list.join(", ")).expect(IN_MEMORY);
        }
    }
}

/// How an artifact's linker was called.
fn linker(text: &mut String, artifact: &Artifact, all: bool) {
    let Some(LinkerCall { program, arguments }) = &artifact.linker else { return };
    let more = if all { ":" } else { " (--all lists them)" };
    writeln!(text, "  linker: {program}, with {} arguments{more}", arguments.len()).expect(IN_MEMORY);
    for argument in arguments.iter().filter(|_| all) {
        writeln!(text, "    {argument}").expect(IN_MEMORY);
    }
}

/// How many crates there are of each linkage.
fn counts(crates: &[CrateFormat]) -> String {
    let of = |linkage| crates.iter().filter(|c| c.linkage == linkage).count();
    let all = [Linkage::Static, Linkage::Dynamic, Linkage::IncludedFromDylib, Linkage::NotLinked];
    let counted: Vec<_> = all.into_iter().filter(|&l| of(l) > 0).map(|l| format!("{} {}", of(l), name(l))).collect();
    let of_std = crates.iter().filter(|c| c.sysroot).count();
    format!("{} crates, {of_std} of them the standard library's: {}", crates.len(), counted.join(", "))
}

/// The crates of an artifact: their number, then a table of those that few others are like.
fn crates(text: &mut String, crates: &[CrateFormat], short: &ShortNames<'_>, options: &Options) {
    if crates.is_empty() {
        return;
    }
    writeln!(text, "  {}", counts(crates)).expect(IN_MEMORY);
    let filtered = options.named.is_some() || options.linkage.is_some();
    let asked = |c: &&CrateFormat| {
        let names = || [Some(&c.id), c.label.as_ref()].into_iter().flatten();
        options.named.as_ref().is_none_or(|part| names().any(|name| name.contains(part.as_str())))
            && options.linkage.as_ref().is_none_or(|linkage| name(c.linkage) == linkage)
    };
    // Kept in the order of the first of each group.
    let mut groups: Vec<Vec<&CrateFormat>> = Vec::new();
    for c in crates.iter().filter(asked) {
        match groups.iter_mut().find(|group| group[0].linkage == c.linkage && group[0].reason == c.reason) {
            Some(group) => group.push(c),
            None => groups.push(vec![c]),
        }
    }
    let counted = |group: &Vec<&CrateFormat>| !options.all && !filtered && group.len() > LISTED;
    let head = ["crate", "linkage", "size", "from", "why"].map(str::to_owned);
    let listed = groups.iter().filter(|group| !counted(group)).flatten().map(|c| {
        // The label says more than the name of an rlib.
        let from = c.label.as_ref().filter(|_| c.linkage == Linkage::Static).or(c.from.as_ref());
        let or_none = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
        [short.name(&c.id).to_owned(), name(c.linkage).to_owned(), or_none(c.bytes.map(kib)), or_none(from.cloned()), short.text(&c.reason)]
    });
    let rows: Vec<[String; 5]> = std::iter::once(head).chain(listed).collect();
    if rows.len() > 1 {
        let width = |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap_or(0);
        let widths = [width(0), width(1), width(2), width(3)];
        for [id, linkage, size, from, reason] in &rows {
            writeln!(text, "  {id:<0$}  {linkage:<1$}  {size:>2$}  {from:<3$}  {reason}", widths[0], widths[1], widths[2], widths[3])
                .expect(IN_MEMORY);
        }
    } else if groups.is_empty() {
        writeln!(text, "  no crate is as asked").expect(IN_MEMORY);
    }
    for group in groups.iter().filter(|group| counted(group)) {
        let (linkage, reason) = (name(group[0].linkage), short.text(&group[0].reason));
        writeln!(text, "  {} crates are {linkage} (--all lists them): {reason}", group.len()).expect(IN_MEMORY);
    }
}

/// The native libraries of an artifact, in one line.
fn native_libraries(text: &mut String, libraries: &[NativeLibrary], short: &ShortNames<'_>) {
    if libraries.is_empty() {
        return;
    }
    let shown = libraries.iter().map(|library| match &library.carried_by {
        Some(id) => format!("{} (in {})", library.name, short.name(id)),
        None => library.name.clone(),
    });
    writeln!(text, "  native libraries: {}", shown.collect::<Vec<_>>().join(", ")).expect(IN_MEMORY);
}

fn kib(bytes: u64) -> String {
    format!("{} KiB", bytes.div_ceil(1024))
}

fn lto_group(text: &mut String, number: usize, group: &LtoGroup, all: bool) {
    let LtoGroup { mode, crate_types, threshold, crates, modules, kept, objects, milliseconds } = group;
    writeln!(
        text,
        "LTO group {number} ({mode}): {}",
        crate_types.iter().map(|crate_type| crate_type.name()).collect::<Vec<_>>().join(", ")
    )
    .expect(IN_MEMORY);
    let list = |names: &[String], most: usize| match names.len() {
        0 => String::new(),
        count if all || count <= most => format!(": {}", names.join(", ")),
        _ => " (--all lists them)".to_owned(),
    };
    writeln!(text, "  took part: {modules} modules, its own and of {} crates{}", crates.len(), list(crates, LISTED)).expect(IN_MEMORY);
    writeln!(text, "  kept: {} symbols for others, {threshold} names count{}", kept.len(), list(kept, SHOWN)).expect(IN_MEMORY);
    let largest = objects.iter().copied().max().unwrap_or(0);
    writeln!(text, "  made: {} objects of {}, the largest of {}", objects.len(), kib(objects.iter().sum()), kib(largest)).expect(IN_MEMORY);
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
    let top = artifact.crate_type;
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
    use crate::formats::report::{CrateFormat, LeftOut, VERSION};
    use crate::plan::crate_type::CrateType;

    fn report() -> LinkReport {
        let format = |id: &str, linkage, from: Option<&str>| CrateFormat {
            id: id.into(),
            label: None,
            version: None,
            purl: None,
            bytes: None,
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
        let of_crate = |name: &str, id: Option<&str>| NativeLibrary { name: name.into(), carried_by: id.map(str::to_owned) };
        let artifact = Artifact {
            crate_type: CrateType::Bin,
            file_name: "app".into(),
            bytes: 1025,
            prefer_dynamic: true,
            crates,
            native_libraries: vec![of_crate("libz.a", Some("a-1")), of_crate("c", None)],
            left_out,
            linker: Some(LinkerCall { program: "cc".into(), arguments: ["-o", "{output}"].map(str::to_owned).into() }),
            run_paths: vec!["$ORIGIN".into(), "/opt".into()],
            needed: vec!["libc.so.6".into()],
            milliseconds: None,
        };
        LinkReport {
            version: VERSION,
            crate_name: "app".into(),
            crate_version: None,
            crate_purl: None,
            artifacts: vec![artifact],
            lto: Vec::new(),
            milliseconds: None,
        }
    }

    fn options(all: bool, named: Option<&str>, linkage: Option<&str>) -> Options {
        let [named, linkage] = [named, linkage].map(|text| text.map(str::to_owned));
        Options { report: None, json: false, dot: false, all, named, linkage }
    }

    #[test]
    fn a_table() {
        let expected = "\
bin `app` (app, 2 KiB), dylibs preferred
  3 crates, 0 of them the standard library's: 1 dynamic, 1 included-from-dylib, 1 not-linked
  crate  linkage              size  from       why
  a      dynamic                 -  liba-1.so  because of a
  b      included-from-dylib     -  liba-1.so  because of b
  c      not-linked              -  -          because of c
  native libraries: libz.a (in a), c
  left out: allocator shim: there is one
  run paths: $ORIGIN, /opt
  needs at run time: libc.so.6
  linker: cc, with 2 arguments (--all lists them)

";
        assert_eq!(tables(&report(), &options(false, None, None)), expected);
        assert!(tables(&report(), &options(true, None, None)).contains("\n  linker: cc, with 2 arguments:\n    -o\n    {output}\n"));
    }

    #[test]
    fn times_of_the_phases() {
        let mut report = report();
        let archive = Artifact { linker: None, ..report.artifacts[0].clone() };
        report.artifacts.push(archive);
        report.milliseconds = Some(PhaseTimes { total: 90, formats: 5, lto: None });
        report.artifacts[0].milliseconds = Some(ArtifactTimes { linker: Some(40), archive: None });
        let last = |report: &LinkReport| tables(report, &options(false, None, None)).lines().next_back().map(str::to_owned);
        assert_eq!(last(&report).as_deref(), Some("link-only took 90 ms: formats 5, the linker 40"));
        report.milliseconds = Some(PhaseTimes { total: 90, formats: 5, lto: Some(20) });
        report.artifacts[1].milliseconds = Some(ArtifactTimes { linker: None, archive: Some(7) });
        assert_eq!(last(&report).as_deref(), Some("link-only took 90 ms: formats 5, LTO 20, the linker 40, writing the archive 7"));
    }

    fn linked(id: String, sysroot: bool, reason: &str) -> CrateFormat {
        let from = Some(format!("lib{id}.rlib"));
        CrateFormat {
            id,
            label: None,
            version: None,
            purl: None,
            bytes: Some(2048),
            linkage: Linkage::Static,
            from,
            sysroot,
            reason: reason.into(),
        }
    }

    #[test]
    fn names_that_people_know() {
        let mut report = report();
        report.artifacts[0].crates = [("1", "0.14.5"), ("2", "0.15.2"), ("3", "0.15.2")]
            .map(|(hash, version)| CrateFormat {
                label: Some(format!("//hashbrown-{version}:{hash}")),
                version: Some(version.into()),
                ..linked(format!("hashbrown-{hash}"), false, "because of hashbrown-1")
            })
            .into();
        let shown = tables(&report, &options(false, None, None));
        // Two of one version keep what tells them apart.
        let expected = "
  crate             linkage   size  from                  why
  hashbrown 0.14.5  static   2 KiB  //hashbrown-0.14.5:1  because of hashbrown 0.14.5
  hashbrown-2       static   2 KiB  //hashbrown-0.15.2:2  because of hashbrown 0.14.5
  hashbrown-3       static   2 KiB  //hashbrown-0.15.2:3  because of hashbrown 0.14.5
";
        assert!(shown.contains(expected), "{shown}");
        let shown = tables(&report, &options(false, Some("//hashbrown-0.14"), None));
        assert!(shown.contains("0.14.5") && !shown.contains("0.15.2"), "{shown}");
    }

    #[test]
    fn crates_that_are_alike_are_counted() {
        let mut report = report();
        let crates = &mut report.artifacts[0].crates;
        for number in 0..300 {
            crates.push(linked(format!("like{number}-1"), false, "as all"));
        }
        // Two of one name keep what tells them apart.
        for hash in ["7", "8"] {
            crates.push(linked(format!("twice-{hash}"), true, "because of a-1"));
        }
        let shown = tables(&report, &options(false, None, None));
        assert!(shown.contains("  305 crates, 2 of them the standard library's: 302 static, 1 dynamic"), "{shown}");
        assert!(shown.contains("\n  300 crates are static (--all lists them): as all\n"), "{shown}");
        assert!(shown.contains("\n  twice-7  static") && shown.contains("\n  twice-8  static") && !shown.contains("like7"), "{shown}");
        for (options, lines, row) in [
            (options(true, None, None), 316, "  like299  static"),
            (options(false, Some("like29"), None), 20, "  like29   static"),
            (options(false, None, Some("dynamic")), 10, "  a      dynamic"),
            (options(false, Some("none"), None), 9, "  no crate is as asked"),
        ] {
            let shown = tables(&report, &options);
            assert_eq!(shown.lines().count(), lines, "{options:?}: {shown}");
            assert!(shown.contains(row), "{options:?}: {shown}");
        }
    }

    #[test]
    fn groups_of_lto() {
        let group = |milliseconds| LtoGroup {
            mode: "fat".into(),
            crate_types: vec![CrateType::Cdylib, CrateType::Staticlib],
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
        let report = LinkReport { artifacts: Vec::new(), lto, ..report() };
        let tables = tables(&report, &options(false, None, None));
        let head = |number| format!("LTO group {number} (fat): cdylib, staticlib\n  took part: 3 modules, its own and of 1 crates: a-1\n");
        let kept = "  kept: 1 symbols for others, C names count: answer\n  made: 2 objects of 6 KiB, the largest of 5 KiB\n";
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
