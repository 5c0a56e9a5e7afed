//! The `splitlink` command: see `splitlink --help`, and the library for how it works.

use std::process::ExitCode;

fn main() -> ExitCode {
    splitlink::cli::main()
}
