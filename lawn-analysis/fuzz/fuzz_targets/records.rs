//! The reader of records on any bytes, in `lawn-analysis`:
//!
//! ```text
//! cargo +nightly fuzz run -O -s none records fuzz/corpus/records fuzz/seeds/records
//! ```

#![no_main]

#[path = "../check.rs"]
#[allow(dead_code, reason = "the other target needs the rest")]
mod check;

/// The decoder of Parquet panics, and the reader says so; any other panic is a find.
fn expect_those_of_the_decoder() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map_or("", |place| place.file());
        if !place.contains("/polars-") {
            eprintln!("{panic}");
            std::process::abort();
        }
    }));
}

libfuzzer_sys::fuzz_target!(init: expect_those_of_the_decoder(), |bytes: &[u8]| {
    for table in check::TABLES {
        check::records(table, bytes);
    }
});
