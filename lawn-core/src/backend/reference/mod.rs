//! Steps in libtorch operations, parameter by parameter: of any rule, on any device.

pub(crate) mod equations;
pub(crate) mod staged;
pub(crate) mod update;
