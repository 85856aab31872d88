//! What the process runs on: libtorch, CUDA, threads, memory.

mod dynamic;
mod memory;
mod probe;

pub(crate) use memory::catch_out_of_memory;
pub(crate) use probe::require_device;
pub use probe::{CudaProbe, Probe, probe, set_threads};
