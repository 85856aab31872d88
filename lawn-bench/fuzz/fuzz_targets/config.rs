//! The reader of sweep files and of what is set over them on any text, in `lawn-bench`:
//!
//! ```text
//! LD_LIBRARY_PATH=$LIBTORCH/lib cargo +nightly fuzz run -O -s none config fuzz/corpus/config fuzz/seeds/config
//! ```

#![no_main]

#[path = "../check.rs"]
#[allow(dead_code, reason = "the other targets need the rest")]
mod check;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(text) = std::str::from_utf8(bytes) {
        check::config(text);
    }
});
