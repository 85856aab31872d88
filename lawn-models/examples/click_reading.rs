//! Times how text of clicks becomes rows that can be trained on, and prints a line of JSON.
//! `peers/clicks.py` times polars doing the same in the same run.

use std::path::PathBuf;
use std::time::Instant;

use clap::Parser;
use lawn_models::{Dataset, Files, TaskConfig, train_dataset};
use serde_json::json;

#[derive(Parser)]
#[command(about = "Times how text of clicks becomes rows that can be trained on")]
struct Arguments {
    /// Folder that holds the data sets.
    #[arg(long)]
    data_root: PathBuf,
    /// Name of the data set. What was made of it before is removed.
    #[arg(long)]
    data: String,
    /// Ids of each column of categories.
    #[arg(long, default_value_t = 1 << 18)]
    hash_size: u32,
    /// Threads that gather a batch.
    #[arg(long, default_value_t = 1)]
    threads: u32,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments = Arguments::parse();
    lawn_models::set_threads(arguments.threads);
    let encoding = json!({ "hash_size": arguments.hash_size });
    let table = json!({ "data": arguments.data, "encoding": encoding });
    let task = TaskConfig::from_table("ctr", table)?;
    for entry in std::fs::read_dir(arguments.data_root.join(&arguments.data))? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with(".lawn-clicks-") {
            std::fs::remove_dir_all(path)?;
        }
    }
    let began = Instant::now();
    task.scan(&arguments.data_root, &[Files::Train], &|_, _| ())?;
    let converted = began.elapsed().as_secs_f64();
    let set = train_dataset(&task, Some(&arguments.data_root), 0)?;
    // The split keeps 81 of 100 rows for training.
    let rows = set.len() as f64 / 0.81;
    println!(
        "{}",
        json!({
            "rows_per_second": rows / converted,
            "gathered_per_second": gathered(set.as_ref())?,
        })
    );
    Ok(())
}

/// Shuffled rows that become batches in a second.
fn gathered(set: &dyn Dataset) -> Result<f64, lawn_models::DataError> {
    let size = set.len().min(16_384);
    let began = Instant::now();
    let mut rows = 0;
    while began.elapsed().as_secs_f64() < 1.0 {
        let start = rows % (set.len() - size + 1);
        rows += set.batch(start..start + size, 1)?.targets.size()[0] as u64;
    }
    Ok(rows as f64 / began.elapsed().as_secs_f64())
}
