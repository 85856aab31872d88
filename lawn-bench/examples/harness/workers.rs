//! What a second worker brings.

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use super::Outcome;

/// Eight trials of one thread, some seconds each.
const EIGHT: &str = r#"
name = "eight"
batch_sizes = [256]

[tasks.feedback]
kind = "ncf"
data = "synthetic"
model = "neumf"
synthetic = { users = 1000, items = 600, interactions = 20 }

[budget]
epochs = 12

[arms.adam]
rule = "adam"
learning_rate = 0.003

[confirmation]
seeds = [1, 2, 3, 4, 5, 6, 7, 8]

[resources]
threads = 1
"#;

pub(super) fn run(lawn: &Path) -> Outcome<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("eight.toml");
    std::fs::write(&file, EIGHT)?;
    let cores = std::thread::available_parallelism()?;
    println!("8 trials of one thread on {cores} cores");
    let mut seconds = Vec::new();
    for workers in ["1", "2"] {
        let since = Instant::now();
        let status = Command::new(lawn)
            .arg("sweep")
            .arg(&file)
            .arg("--out")
            .arg(folder.path().join(workers))
            .args(["--quiet", "--workers", workers])
            .stdout(std::process::Stdio::null())
            .status()?;
        if !status.success() {
            return Err(format!("{} ended with {status}", lawn.display()).into());
        }
        seconds.push(since.elapsed().as_secs_f64());
        println!(
            "{workers} worker(s): {:.1} s, report included",
            since.elapsed().as_secs_f64()
        );
    }
    println!("two over one: {:.3}", seconds[1] / seconds[0]);
    Ok(())
}
