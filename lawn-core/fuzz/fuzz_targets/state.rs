//! The state reader on any bytes, in `lawn-core`:
//!
//! ```text
//! LD_LIBRARY_PATH=$LIBTORCH/lib cargo +nightly fuzz run state -- -detect_leaks=0
//! ```

#![no_main]

#[path = "../check.rs"]
mod check;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| check::check(bytes));
