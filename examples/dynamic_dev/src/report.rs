//! What is printed of a journey.

use journey::Journey;
use units::Metres;

pub fn report(journey: &Journey) -> String {
    let total: f64 = journey.stages().map(|(_, Metres(metres))| metres).sum();
    let lines: Vec<String> = journey.stages().map(|(name, Metres(metres))| format!("{name}: {metres} m")).collect();
    format!("{}\ntotal: {total} m\nlongest: {} km", lines.join("\n"), journey::longest())
}
