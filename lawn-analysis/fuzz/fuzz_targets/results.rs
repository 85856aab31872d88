//! The reader of CSV files made elsewhere on any bytes, in `lawn-analysis`:
//!
//! ```text
//! cargo +nightly fuzz run -O -s none results fuzz/corpus/results fuzz/seeds/results
//! ```

#![no_main]

#[path = "../check.rs"]
#[allow(dead_code, reason = "the other target needs the rest")]
mod check;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| check::results(bytes));
