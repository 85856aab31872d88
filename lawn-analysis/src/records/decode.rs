//! Decoding of Parquet files that may be damaged.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use polars::error::{PolarsError, PolarsResult};

use crate::error::Error;

/// Runs `step` of decoding the file `path`.
///
/// The decoder panics at some damaged files. Here such a panic is an error like any other.
///
/// # Errors
/// [`Error::Parquet`].
pub(super) fn guarded<T>(path: &Path, step: impl FnOnce() -> PolarsResult<T>) -> Result<T, Error> {
    let outcome = catch_unwind(AssertUnwindSafe(step));
    outcome
        .unwrap_or_else(|panic| Err(PolarsError::ComputeError(said(&*panic).into())))
        .map_err(|source| Error::Parquet {
            path: path.to_owned(),
            source,
        })
}

fn said(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    format!("the decoder failed: {}", text.unwrap_or("without a reason"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decoder_that_panics_is_an_error_that_names_the_file() {
        let step = || -> PolarsResult<()> { panic!("not {}", "implemented") };
        let error = guarded(Path::new("x.parquet"), step).unwrap_err();
        let said = error.to_string();
        assert!(
            said.starts_with("x.parquet: not a readable parquet file"),
            "{said}"
        );
        assert!(
            said.ends_with("the decoder failed: not implemented"),
            "{said}"
        );
    }
}
