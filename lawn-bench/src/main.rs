//! The `lawn` command.

fn main() -> std::process::ExitCode {
    lawn_bench::cli::main()
}
