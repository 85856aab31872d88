//! Times image files on their way to a network, on one thread: read, decoded, cut, resized and
//! normalized. `peers/images.py` times PyTorch's in the same run.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Parser;
use lawn_models::{Dataset, TaskConfig, train_dataset};
use serde_json::json;
use tch::Kind;

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
    /// A policy of augmentation by its name.
    #[arg(long)]
    augment: Option<String>,
    /// Whether JPEG files are decoded to a part of their size where that is enough.
    #[arg(long)]
    reduced: bool,
    /// Whether nothing is measured but the grey levels by which images differ with that, on
    /// average over 512 of them, and how many of them do.
    #[arg(long)]
    difference: bool,
}

impl Arguments {
    fn dataset(&self, is_reduced: bool) -> Result<Arc<dyn Dataset>, Box<dyn std::error::Error>> {
        let augment = match &self.augment {
            Some(policy) => json!(policy),
            None => json!(!self.plain),
        };
        let task = TaskConfig::from_table(
            "image",
            json!({
                "data": self.data,
                "augment": augment,
                "validation_fraction": 0.01,
                "transform": {
                    "size": self.size,
                    "normalization": if self.difference { "half" } else { "imagenet" },
                    "reduced_decoding": is_reduced,
                },
            }),
        )?;
        Ok(train_dataset(&task, Some(&self.data_root), 0)?)
    }

    fn difference(&self) -> Result<(), Box<dyn std::error::Error>> {
        let (whole, reduced) = (self.dataset(false)?, self.dataset(true)?);
        let (mut sum, mut other, mut count) = (0.0, 0, 0);
        for epoch in 1.. {
            let samples = 0..whole.len().min(64);
            let [one, two] = [&whole, &reduced].map(|set| set.batch(samples.clone(), epoch));
            // Values go from -1 to 1.
            let levels = (&one?.inputs[0] - &two?.inputs[0]).abs() * 127.5;
            let each = levels.mean_dim([1, 2, 3].as_slice(), false, Kind::Double);
            sum += each.sum(Kind::Double).double_value(&[]);
            other += each.ne(0.0).sum(Kind::Int64).int64_value(&[]);
            count += each.size()[0];
            if count >= 512 {
                break;
            }
        }
        println!(
            "{:.2} grey levels on average over the {other} of {count} images that differ",
            sum / f64::from(other.max(1) as u32)
        );
        Ok(())
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments = Arguments::parse();
    lawn_models::set_threads(1);
    if arguments.difference {
        return arguments.difference();
    }
    let began = Instant::now();
    let dataset = arguments.dataset(arguments.reduced)?;
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
