//! How long every benchmark of the crate is measured, and on how many threads.

use std::time::Duration;

use criterion::Criterion;

/// Criterion with times that keep the whole of `cargo bench` under ten minutes; its own options
/// override them. Work is on one thread, so that two commits compare on a busy machine too.
pub(crate) fn criterion() -> Criterion {
    lawn_models::keep_host_memory();
    lawn_models::set_threads(1);
    Criterion::default()
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(3))
        .sample_size(10)
}
