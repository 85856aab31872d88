//! What the process runs on: libtorch, CUDA, threads, memory.

mod autocast;
mod determinism;
mod driver;
mod graph;
mod host_memory;
mod kernels;
mod libtorch;
mod memory;
mod probe;
mod shortage;

pub use autocast::{Autocast, HalfKind};
pub(crate) use determinism::Deterministic;
pub(crate) use driver::cuda_device_id;
pub use driver::{Card, Driver, cuda_compiler, cuda_driver};
pub(crate) use graph::{Graph, SideStream, set_gradient};
pub use host_memory::keep_host_memory;
pub(crate) use host_memory::let_go_of_host_memory;
pub use kernels::kernel_threads;
pub(crate) use memory::{
    available_memory, free_device_memory, let_go_of_device_memory, own_memory,
};
pub use probe::{CudaProbe, Probe, probe, set_threads};
pub(crate) use probe::{DeviceError, require_device};
pub use shortage::memory_shortage;
pub(crate) use shortage::{Failure, catch_out_of_memory};
