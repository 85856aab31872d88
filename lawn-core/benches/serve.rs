//! Times steps on request, for `peers/optimizer.py`, which times others in turn.
//!
//! Reads one request a line from standard input, JSON, and answers each with
//! one line:
//!
//! ```text
//! {"threads": 2}                                          → {"threads": 2}
//! {"name": "a", "config": {…}, "shapes": [[3, 4], …]}     → {"ready": "a"}
//! {"name": "a", "steps": 10}                              → {"seconds": […]}
//! {"drop": "a"}                                           → {"dropped": "a"}
//! ```
//!
//! Without input, as under `cargo bench`, it ends at once.

mod common;

use std::collections::HashMap;
use std::io::{BufRead, IsTerminal, Write};
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
        name: String,
        config: Box<OptimizerConfig>,
        shapes: Vec<Vec<i64>>,
    },
    Time {
        name: String,
        steps: usize,
    },
    Drop {
        drop: String,
    },
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let input = std::io::stdin();
    if input.is_terminal() {
        return Ok(());
    }
    let mut optimizers: HashMap<String, Optimizer> = HashMap::new();
    for line in input.lock().lines() {
        let answer = match serde_json::from_str(&line?)? {
            Request::Threads { threads } => {
                tch::set_num_threads(threads);
                serde_json::json!({ "threads": tch::get_num_threads() })
            }
            Request::Ready {
                name,
                config,
                shapes,
            } => {
                optimizers.insert(name.clone(), common::ready(&config, &shapes));
                serde_json::json!({ "ready": name })
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
            Request::Drop { drop: name } => {
                optimizers.remove(&name);
                serde_json::json!({ "dropped": name })
            }
        };
        println!("{answer}");
        std::io::stdout().flush()?;
    }
    Ok(())
}
