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
data = "generated"
model = "neumf"
generated = { users = 1000, items = 600, interactions = 20 }

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
        let (since, [all, own]) = (Instant::now(), ticks());
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
        let elapsed = since.elapsed().as_secs_f64();
        let [all_now, own_now] = ticks();
        let others = (all_now - all) - (own_now - own);
        println!(
            "{workers} worker(s): {elapsed:.1} s, report included; other work on the machine took \
             {:.2} cores",
            others / TICKS_PER_SECOND / elapsed
        );
        seconds.push(elapsed);
    }
    println!("two over one: {:.3}", seconds[1] / seconds[0]);
    Ok(())
}

/// What the kernel counts the time of processes in, on every Linux.
const TICKS_PER_SECOND: f64 = 100.0;

/// Time that processors were busy, and that of it which the children of this process were: a
/// ratio says something of a machine that nobody else works on.
fn ticks() -> [f64; 2] {
    let sum = |text: Option<&str>, skipped: usize, taken: usize| -> f64 {
        let words = text.unwrap_or_default().split_whitespace();
        let numbers = words.skip(skipped).take(taken);
        numbers.filter_map(|word| word.parse::<f64>().ok()).sum()
    };
    let read = |path| std::fs::read_to_string(path).unwrap_or_default();
    let (machine, own) = (read("/proc/stat"), read("/proc/self/stat"));
    // "cpu user nice system idle iowait irq softirq steal …"
    let line = machine.lines().next();
    let busy = sum(line, 1, 3) + sum(line, 6, 3);
    // Behind "(name)", fields 16 and 17 of proc_pid_stat(5); the first is field 3.
    let fields = own.rsplit_once(')').map(|(_, fields)| fields);
    [busy, sum(fields, 13, 2)]
}
