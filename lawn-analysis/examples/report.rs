//! Reports on a folder of records, or on a CSV or Parquet file of results:
//! `cargo run --example report -- PATH BASELINE TREATMENT REFERENCE_BATCH [DIR]`.

use std::path::{Path, PathBuf};

use lawn_analysis::records::Results;
use lawn_analysis::{Records, ReportRequest, write_report};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [path, baseline, treatment, reference, rest @ ..] = arguments.as_slice() else {
        return Err("usage: report PATH BASELINE TREATMENT REFERENCE_BATCH [DIR]".into());
    };
    let path = Path::new(path);
    let records = if path.is_dir() {
        Records::load(path)?
    } else {
        Results::read(path)?.records
    };
    let request = ReportRequest::new(path.display().to_string(), reference.parse()?)
        .contrast(baseline, treatment);
    let dir = rest
        .first()
        .map_or_else(|| PathBuf::from("report"), PathBuf::from);
    let files = write_report(&records, &request, &dir)?;
    print!("{}", std::fs::read_to_string(files.summary)?);
    Ok(())
}
