//! How long a plan of a hundred thousand trials takes, and how much memory.

use std::fmt::Write;
use std::time::Instant;

use lawn_bench::config::parse;
use lawn_bench::plan::{Excerpt, Plan};
use lawn_bench::run::run_dir::RunDir;

use super::Outcome;

/// Ten tasks, arms and batch sizes, each tuned over 90 settings and confirmed with 10 seeds,
/// of one step.
pub(super) fn sweep() -> String {
    let mut text = String::from(
        "name = \"scale\"\n\
         batch_sizes = [16, 32, 48, 64, 80, 96, 112, 128, 144, 160]\n\
         [budget]\nsteps = 1\n\
         [defaults.tune]\nlearning_rate = { min = 1e-4, max = 1.0, scale = \"log\" }\n\
         [tuning]\nsettings = 90\n\
         [confirmation]\nseeds = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]\n",
    );
    for one in 0..10 {
        let _ = write!(
            text,
            "[tasks.task-{one}]\nkind = \"ncf\"\nmodel = \"gmf\"\nfactors = {}\n\
             generated = {{ users = 60, items = 220, interactions = 10 }}\n\
             [arms.arm-{one}]\nrule = \"adam\"\nbeta1 = 0.9{one}\n",
            one + 1
        );
    }
    text
}

/// The high-water mark of this process's resident memory, in mebibytes.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let digits = line.map_or("", str::trim).trim_end_matches(" kB");
    digits.parse::<u64>().unwrap_or(0) / 1024
}

pub(super) fn run() -> Outcome<()> {
    let folder = tempfile::tempdir()?;
    let run = RunDir::new(folder.path());
    let text = sweep();
    let before = peak();
    let mut clock = Instant::now();
    let mut lap = |what: &str| {
        println!("{what:<8} {:>6.3} s", clock.elapsed().as_secs_f64());
        clock = Instant::now();
    };
    let began = Instant::now();
    let sweep = parse("scale.toml", &text)?;
    lap("parse");
    let plan = Plan::new(sweep, Default::default());
    lap("list");
    plan.write(&run, "scale.toml".as_ref(), &text)?;
    lap("write");
    let all = began.elapsed().as_secs_f64();
    let read = Plan::read(&run)?;
    lap("read");
    let last = plan.trials.len() - 1;
    let excerpt = Excerpt::read(&run, last)?;
    lap("excerpt");
    assert_eq!((&excerpt.trial, &read), (&plan.trials[last], &plan));
    let files = [run.plan(), run.planned_trials()].map(std::fs::metadata);
    let bytes: u64 = files.into_iter().flatten().map(|file| file.len()).sum();
    println!(
        "{} trials planned in {all:.3} s; {} MiB of memory, {before} before; the plan has {:.1} MB",
        plan.trials.len(),
        peak(),
        bytes as f64 / 1e6
    );
    Ok(())
}
