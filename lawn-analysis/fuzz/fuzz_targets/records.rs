//! The reader of records on any bytes, in `lawn-analysis`:
//!
//! ```text
//! cargo +nightly fuzz run -O -s none records fuzz/corpus/records fuzz/seeds/records
//! ```

#![no_main]

#[path = "../check.rs"]
#[allow(dead_code, reason = "the other target needs the rest")]
mod check;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    for table in check::TABLES {
        check::records(table, bytes);
    }
});
