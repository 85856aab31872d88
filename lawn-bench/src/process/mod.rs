//! This process: its streams, its signals, how it is stopped, and the commands that it starts or shows.

pub(crate) mod beside;
pub(crate) mod shell;
pub(crate) mod signals;
pub(crate) mod spawn;
pub mod stop;
pub(crate) mod streams;
