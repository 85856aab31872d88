//! The readers of plans, whole and one trial of them, on any bytes, in `lawn-bench`:
//!
//! ```text
//! LD_LIBRARY_PATH=$LIBTORCH/lib cargo +nightly fuzz run -O -s none plan fuzz/corpus/plan fuzz/seeds/plan
//! ```

#![no_main]

#[path = "../check.rs"]
#[allow(dead_code, reason = "the other targets need the rest")]
mod check;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    check::plan(bytes);
});
