//! What the process runs on: libtorch, CUDA, threads, memory.

mod autocast;
mod cudnn;
mod determinism;
mod driver;
mod graph;
mod host_memory;
mod kernels;
mod libtorch;
mod memory;
mod nvml;
mod probe;
mod room;
mod shortage;

pub use autocast::{Autocast, HalfKind};
pub use cudnn::CudnnMeasuring;
pub(crate) use cudnn::measures;
pub use determinism::Deterministic;
pub(crate) use driver::cuda_device_id;
pub use driver::{Card, Driver, cuda_compiler, cuda_driver};
pub use graph::cuda_graphs;
pub(crate) use graph::{Graph, SideStream, captures_begun, set_gradient};
pub use host_memory::keep_host_memory;
pub(crate) use host_memory::let_go_of_host_memory;
pub use kernels::kernel_threads;
pub use memory::host_memory;
pub(crate) use memory::{
    DeviceMemory, available_memory, bounded_memory, free_device_memory, let_go_of_device_memory,
    own_memory,
};
pub use nvml::gpu_memory_left;
pub use probe::{CudaProbe, Probe, probe, set_threads};
pub(crate) use probe::{DeviceError, require_device, wake};
pub use room::NoRoom;
pub(crate) use room::require_room;
pub use shortage::memory_shortage;
pub(crate) use shortage::{Failure, asked_for, catch_out_of_memory};
