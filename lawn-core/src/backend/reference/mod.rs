//! Steps in libtorch operations, parameter by parameter: of any rule, on any device.

mod equations;
mod staged;
mod update;

pub(crate) use equations::norm;
pub(crate) use staged::stage;
pub(crate) use update::{Request, commit, update};
