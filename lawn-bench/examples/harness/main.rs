//! What the harness itself costs, printed: `cargo run --release --example harness -- WHAT`.
//!
//! - `plan`: seconds and memory of planning 100,000 trials;
//! - `status`: seconds of `lawn status` on a run with 10,000 finished trials, its files in
//!   memory and, where this process may empty the cache, not;
//! - `overhead LAWN`: seconds of a trial of one step by the command `LAWN`, over those of
//!   `LAWN --version`, which loads libtorch and does nothing else where that is `lawn-torch`, in a
//!   plan of 20 trials and in one of 100,000;
//! - `estimate LAWN [DATA]`: seconds that `lawn plan` estimates for a trial over those that the
//!   trial takes, on data made in the process and, with the folder of data sets, on MovieLens-1M. It
//!   fails where a cell that was measured is not within 1.5×; what is derived from others may be;
//! - `phases LAWN`: seconds of each phase of a trial until its first step is over: process, device,
//!   data, kernels, step; on the CPU, and on CUDA where it is, there with kernels compiled and found;
//! - `workers LAWN`: time of a sweep of one-thread trials with two workers over that with
//!   one, by the command `LAWN`.

mod estimate;
mod overhead;
mod phases;
mod plan;
mod status;
mod workers;

use std::path::Path;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["plan"] => plan::run(),
        ["status"] => status::run(),
        ["overhead", lawn] => overhead::run(Path::new(lawn)),
        ["estimate", lawn] => estimate::run(Path::new(lawn), None),
        ["estimate", lawn, data] => estimate::run(Path::new(lawn), Some(Path::new(data))),
        ["phases", lawn] => phases::run(Path::new(lawn)),
        ["workers", lawn] => workers::run(Path::new(lawn)),
        _ => Err(
            "allowed: `plan`, `status`, `overhead LAWN`, `estimate LAWN [DATA]`, `phases LAWN`, \
             `workers LAWN`"
                .into(),
        ),
    }
}

/// The middle one; of an even number the higher of the two.
fn median(mut seconds: Vec<f64>) -> f64 {
    seconds.sort_by(f64::total_cmp);
    seconds[seconds.len() / 2]
}
