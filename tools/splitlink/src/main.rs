//! The `splitlink` command. `splitlink --help` says what it does, the library how it works.

use std::process::ExitCode;

fn main() -> ExitCode {
    splitlink::cli::main()
}
