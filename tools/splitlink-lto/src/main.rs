//! The engine of LTO. In fat LTO it merges bitcode, optimises it as one module and generates code for
//! its parts in parallel; in distributed thin LTO it makes the objects of single modules.
//!
//! It is a program of its own, so that nothing else needs LLVM. It links the LLVM of the Rust
//! toolchain, which wrote the bitcode.

mod codegen;
mod llvm;
mod merge;
mod partition;
mod thin;

use anyhow::{Context, Result};
use clap::Parser;
use splitlink::lto::request::{self, Answer, Request};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

/// Optimises bitcode modules and generates their code: what `splitlink link-only --lto fat` and
/// `splitlink thin-backend` start.
#[derive(Debug, Parser)]
#[command(name = "splitlink-lto", version, max_term_width = 110)]
struct Options {
    /// Make an object of each module, as distributed thin LTO does; the request is one of that.
    /// [default: all modules become one]
    #[arg(long)]
    thin: bool,
    /// What to do: a file that splitlink wrote (JSON)
    #[arg(long, value_name = "JSON")]
    request: PathBuf,
    /// Where to put the objects; the folder exists
    #[arg(long, value_name = "DIR")]
    output_dir: PathBuf,
    /// Where to write what was done (JSON)
    #[arg(long, value_name = "JSON")]
    answer: PathBuf,
    /// How many threads generate code. What comes out is the same for any number. [default: one for
    /// each processor]
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
}

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<()> {
    let threads = options.threads.or_else(|| std::thread::available_parallelism().ok().map(Into::into)).unwrap_or(1);
    let answer = if options.thin {
        let objects = thin::run(&request::read(&options.request)?, &options.output_dir, threads)?;
        Answer { version: request::VERSION, objects, merged: 0, milliseconds: [0; 3] }
    } else {
        fat(&request::read(&options.request)?, &options.output_dir, threads)?
    };
    let text = serde_json::to_string(&answer).expect("plain data");
    std::fs::write(&options.answer, text).with_context(|| format!("cannot write `{}`", options.answer.display()))
}

fn fat(request: &Request, output_dir: &Path, threads: usize) -> Result<Answer> {
    llvm::initialize(&request.options.llvm_args);
    let began = Instant::now();
    let context = llvm::Context::new();
    let (module, merged) = merge::merge(&context, &merge::Unit::read_all(&request.modules)?, &request.keep, threads)?;
    llvm::trim_memory();
    let merging = began.elapsed();

    let began = Instant::now();
    let machine = codegen::machine(&module, &request.options);
    let late = codegen::optimise(&module, &machine, &request.keep, &request.options)?;
    let optimising = began.elapsed();

    let began = Instant::now();
    let parts = partition::divide(&module);
    drop(module);
    drop(context);
    llvm::trim_memory();
    let objects = partition::generate(&parts, &machine, &late, threads, request.as_bitcode)?;
    let extension = if request.as_bitcode { "bc" } else { "o" };
    for (number, object) in objects.iter().enumerate() {
        let path = output_dir.join(format!("{number}.{extension}"));
        std::fs::write(&path, object.bytes()).with_context(|| format!("cannot write `{}`", path.display()))?;
    }
    let milliseconds = [merging, optimising, began.elapsed()].map(|time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX));
    Ok(Answer { version: request::VERSION, objects: objects.len(), merged, milliseconds })
}
