//! The `lawn` command.

use clap::Parser;

fn main() -> std::process::ExitCode {
    lawn_bench::cli::Cli::parse().run()
}
