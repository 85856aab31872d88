//! The `lawn` command, without libtorch: what needs it is left to `lawn-torch` beside it.

fn main() -> std::process::ExitCode {
    lawn_bench::cli::front()
}
