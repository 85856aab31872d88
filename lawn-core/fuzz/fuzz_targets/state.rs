//! The state reader on any bytes, in `lawn-core`:
//!
//! ```text
//! LD_LIBRARY_PATH=$LIBTORCH/lib cargo +nightly fuzz run state -- -detect_leaks=0
//! ```

#![no_main]

#[path = "../../tests/common/state_reader.rs"]
mod state_reader;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| state_reader::check(bytes));
