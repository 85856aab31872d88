//! Steps in libtorch operations, parameter by parameter: of any rule, on any device.

mod equations;
mod staged;

pub(crate) use equations::{constrained, free, norm};
pub(crate) use staged::stage;
