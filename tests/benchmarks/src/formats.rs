//! How long the calculation of dependency formats takes, and how that grows: `dev/bench formats`.
//!
//! A program with 500 crates: 400 have an rlib and a dylib, 100 are inside one of these dylibs.
//! What grows is the number of edges: of how many other dylibs each dylib's manifest says that it
//! needs them. Wanted: under 50 ms, and no more than linear in the edges.

use crate::measure::median;
use anyhow::{Context, Result, ensure};
use splitlink::formats::dylib_manifest::{DylibManifest, VERSION};
use splitlink::formats::{Candidate, DependencyKind, FormatsRequest, Linkage, OwnAllocator, calculate};
use splitlink::plan::crate_type::CrateType;
use std::hint::black_box;
use std::time::{Duration, Instant};

const CRATES: usize = 500;
const DYLIBS: usize = 400;
/// How many dylibs each dylib needs in the smallest graph.
const NEEDS: usize = 25;
const GROWTH: [usize; 4] = [1, 2, 4, 8];
const LIMIT: Duration = Duration::from_millis(50);
/// How much more than the edges the time may grow: measuring is not exact.
const TOLERANCE: f64 = 1.5;

pub const USAGE: &str = "usage: dev/bench formats [ROUNDS]";

pub fn bench(args: &[String]) -> Result<()> {
    let rounds: usize = args.first().map_or(Ok(101), |n| n.parse()).context(USAGE)?;
    println!("dependency formats of a program with {CRATES} crates, {DYLIBS} of them dylibs; medians of {rounds} rounds");
    println!("  {:>8} {:>10} {:>12} {:>12}", "edges", "ms", "edges, ratio", "time, ratio");
    let mut first: Option<(usize, Duration)> = None;
    for growth in GROWTH {
        let graph = Graph::new(NEEDS * growth);
        let taken = graph.measure(rounds)?;
        let &mut (edges, time) = first.get_or_insert((graph.edges(), taken));
        let (edge_ratio, time_ratio) = (graph.edges() as f64 / edges as f64, taken.as_secs_f64() / time.as_secs_f64());
        println!("  {:>8} {:>10.3} {edge_ratio:>12.2} {time_ratio:>12.2}", graph.edges(), taken.as_secs_f64() * 1e3);
        ensure!(taken < LIMIT, "it took {taken:?}, more than {LIMIT:?}");
        ensure!(time_ratio < edge_ratio * TOLERANCE, "{edge_ratio:.2} times the edges took {time_ratio:.2} times the time");
    }
    Ok(())
}

/// The crates: identities, and the manifests of the dylibs.
struct Graph {
    ids: Vec<String>,
    dylibs: Vec<DylibManifest>,
}

impl Graph {
    /// Each dylib needs `needs` others.
    fn new(needs: usize) -> Self {
        let ids: Vec<String> = (0..CRATES).map(|n| format!("a_crate_with_a_long_name_{n}-{:016x}", n * 0x9e37_79b9)).collect();
        let dylibs = (0..DYLIBS).map(|n| {
            let mut needed: Vec<String> = (1..=needs).map(|step| ids[(n + step) % DYLIBS].clone()).collect();
            needed.sort();
            // Every fourth dylib has a crate inside.
            let contains = if n % 4 == 0 { vec![ids[DYLIBS + n / 4].clone()] } else { Vec::new() };
            let file_name = format!("lib{}.so", ids[n]);
            DylibManifest { version: VERSION, id: ids[n].clone(), file_name, contains, needs: needed, ..DylibManifest::default() }
        });
        let dylibs = dylibs.collect();
        Self { ids, dylibs }
    }

    fn edges(&self) -> usize {
        self.dylibs.iter().map(|dylib| dylib.needs.len() + dylib.contains.len()).sum()
    }

    fn measure(&self, rounds: usize) -> Result<Duration> {
        let crates = self.ids.iter().enumerate().map(|(n, id)| Candidate {
            id,
            kind: DependencyKind::Unconditional,
            rlib: true,
            dylib: self.dylibs.get(n),
        });
        let request = FormatsRequest {
            crate_name: "app",
            crate_type: CrateType::Bin,
            own: None,
            prefer_dynamic: true,
            crt_static: false,
            own_allocator: OwnAllocator::No,
            crates: crates.collect(),
        };
        let mut taken = Vec::with_capacity(rounds);
        for _ in 0..rounds {
            let start = Instant::now();
            let formats = calculate(black_box(&request))?;
            taken.push(start.elapsed());
            let of = |linkage| formats.iter().filter(|format| format.linkage == linkage).count();
            let counts = (of(Linkage::Dynamic), of(Linkage::IncludedFromDylib));
            ensure!(counts == (DYLIBS, CRATES - DYLIBS), "it chose {counts:?}");
        }
        Ok(median(taken))
    }
}
