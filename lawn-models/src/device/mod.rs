//! What the process runs on: libtorch, CUDA, threads, memory.

mod autocast;
mod host_memory;
mod kernels;
mod libtorch;
mod memory;
mod probe;

pub use autocast::{Autocast, HalfKind};
pub use host_memory::keep_host_memory;
pub(crate) use host_memory::let_go_of_host_memory;
pub use kernels::kernel_threads;
pub(crate) use memory::{Failure, available_memory, catch_out_of_memory};
pub use probe::{CudaProbe, Probe, probe, set_threads};
pub(crate) use probe::{DeviceError, require_device};
