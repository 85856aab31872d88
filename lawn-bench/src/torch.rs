//! The whole `lawn` command, with libtorch. `lawn` becomes it where a verb needs tensors.

fn main() -> std::process::ExitCode {
    lawn_bench::cli::main()
}
