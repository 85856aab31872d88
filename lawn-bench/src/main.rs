//! The `lawn` command.

fn main() {}
