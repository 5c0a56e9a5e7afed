//! `fetch_real_program`: gets what the test of a real program on a cluster needs of the internet.

use anyhow::{Result, ensure};
use splitlink_tests::real_programs::{HYPERFINE, Rules, Tool, Workspace};
use splitlink_tests::rustc_fixture::tools::splitlink;

fn main() -> Result<()> {
    let workspace = Workspace::generate(Workspace::REMOTE, &[HYPERFINE], Tool::Prebuilt(splitlink()))?;
    // Whatever rules_rust fetches is fetched by the analysis.
    let analysed = workspace.bazel().args(["build", "--nobuild", &HYPERFINE.label(Rules::Splitlink)]).status()?;
    ensure!(analysed.success(), "Bazel cannot analyse {}", HYPERFINE.bin);
    Ok(())
}
