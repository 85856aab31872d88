//! Times image files on their way to a network, on one thread: read, decoded, cut, resized and
//! normalized. `peers/images.py` times PyTorch's in the same run.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Parser;
use lawn_models::{TaskConfig, train_dataset};
use serde_json::json;

#[derive(Parser)]
#[command(about = "Times image files on their way to a network, on one thread")]
struct Arguments {
    /// Folder that holds the data sets.
    #[arg(long)]
    data_root: PathBuf,
    /// Name of the data set: an image folder, or a pack of one.
    #[arg(long)]
    data: String,
    /// Height and width that the network is given.
    #[arg(long, default_value_t = 224)]
    size: u32,
    /// Seconds to measure for.
    #[arg(long, default_value_t = 3)]
    seconds: u64,
    /// Whether images are shown as evaluation sees them.
    #[arg(long)]
    plain: bool,
    /// Whether nothing is measured but the seconds to the first batch.
    #[arg(long)]
    first_batch: bool,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments = Arguments::parse();
    lawn_models::set_threads(1);
    let task = TaskConfig::from_table(
        "image",
        json!({
            "data": arguments.data,
            "augment": !arguments.plain,
            "validation_fraction": 0.01,
            "transform": { "size": arguments.size },
        }),
    )?;
    let began = Instant::now();
    let dataset = train_dataset(&task, Some(&arguments.data_root), 0)?;
    let batch = |epoch| dataset.batch(0..dataset.len().min(64), epoch);
    batch(1)?;
    if arguments.first_batch {
        let seconds = began.elapsed().as_secs_f64();
        println!("{seconds:.3} s from opening it to the first batch of 64 images");
        return Ok(());
    }
    let (began, mut images, mut epoch) = (Instant::now(), 0, 1);
    while began.elapsed() < Duration::from_secs(arguments.seconds) {
        epoch += 1;
        images += batch(epoch)?.targets.size()[0];
    }
    println!("{:.1}", images as f64 / began.elapsed().as_secs_f64());
    Ok(())
}
