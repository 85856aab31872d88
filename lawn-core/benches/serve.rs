//! Times steps on request, for `peers/optimizer.py`, which times others in turn.
//!
//! Reads one request a line from standard input, JSON, and answers each with
//! one line:
//!
//! ```text
//! {"threads": 2}                                          → {"threads": 2}
//! {"configs": {"a": {…}, …}, "shapes": [[3, 4], …]}       → {"ready": 8}
//! {"name": "a", "steps": 10}                              → {"seconds": […]}
//! {"extra_memory": "a"}                                   → {"bytes": 4096}
//! ```
//!
//! The optimizers of one request share their tensors, and replace those of the
//! request before. Without the argument `serve`, as under `cargo bench`, it ends
//! at once.

mod common;
#[path = "common/memory.rs"]
mod memory;

use std::collections::{BTreeMap, HashMap};
use std::io::{BufRead, Write};
use std::time::Instant;

use lawn_core::{Optimizer, OptimizerConfig};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(untagged, deny_unknown_fields)]
enum Request {
    Threads {
        threads: i32,
    },
    Ready {
        configs: BTreeMap<String, OptimizerConfig>,
        shapes: Vec<Vec<i64>>,
    },
    Time {
        name: String,
        steps: usize,
    },
    ExtraMemory {
        extra_memory: String,
    },
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let input = std::io::stdin();
    if !std::env::args().any(|argument| argument == "serve") {
        return Ok(());
    }
    let mut optimizers: HashMap<String, Optimizer> = HashMap::new();
    for line in input.lock().lines() {
        let answer = match serde_json::from_str(&line?)? {
            Request::Threads { threads } => {
                tch::set_num_threads(threads);
                serde_json::json!({ "threads": tch::get_num_threads() })
            }
            Request::Ready { configs, shapes } => {
                optimizers.clear();
                let tensors = common::tensors(&shapes);
                for (name, config) in &configs {
                    optimizers.insert(name.clone(), common::optimizer(config, &tensors));
                }
                serde_json::json!({ "ready": optimizers.len() })
            }
            Request::Time { name, steps } => {
                let optimizer = optimizers.get_mut(&name).ok_or("unknown name")?;
                let mut seconds = Vec::with_capacity(steps);
                for _ in 0..steps {
                    let start = Instant::now();
                    optimizer.step()?;
                    seconds.push(start.elapsed().as_secs_f64());
                }
                serde_json::json!({ "seconds": seconds })
            }
            Request::ExtraMemory { extra_memory: name } => {
                let optimizer = optimizers.get_mut(&name).ok_or("unknown name")?;
                let mut result = Ok(());
                let bytes = memory::extra_bytes(|| result = optimizer.step().map(drop))?;
                result?;
                serde_json::json!({ "bytes": bytes })
            }
        };
        println!("{answer}");
        std::io::stdout().flush()?;
    }
    Ok(())
}
