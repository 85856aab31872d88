//! Writes the reports of simulated sweeps, large and thin, the figures of the large ones in every
//! named width:
//! `cargo run --example sample_report -- DIR`.

use std::path::PathBuf;

use lawn_analysis::records::{Outcome, Stage, TrialRow, Word};
use lawn_analysis::simulate::{ARMS, Simulation};
use lawn_analysis::{Records, ReportRequest, Width, write_report};

/// One task of two arms with some divergence, and one of other batch sizes without.
fn two_tasks() -> Records {
    let simulation = Simulation {
        seeds: 12,
        divergence: 0.05,
        test_curves: true,
        ..Simulation::default()
    };
    let mut records = simulation.records();
    records.append(second().records());
    records
}

fn second() -> Simulation {
    Simulation {
        task: "second".into(),
        batch_sizes: vec![10_000, 100_000, 1_000_000],
        seed: 7,
        counts: false,
        ..Simulation::default()
    }
}

/// Two further arms, so that ranks and claims over several contrasts are drawn too.
fn four_arms() -> Records {
    let others = Simulation {
        arms: ["other", "other-lawn"].map(str::to_owned),
        seed: 8,
        advantage_per_doubling: 0.001,
        ..second()
    };
    let mut records = second().records();
    records.append(others.records());
    records
}

/// Eight arms of long names at six batch sizes, of which some trials diverge.
fn eight_arms() -> (Records, Vec<[String; 2]>) {
    let rules = [
        "sgd-momentum",
        "adam",
        "lamb_exclude-1d",
        "adamw_decoupled-decay",
    ];
    let arms = rules.map(|rule| [rule.to_owned(), format!("{rule}-lawn")]);
    let mut records = Records::default();
    for (seed, arms) in arms.iter().enumerate() {
        let simulation = Simulation {
            task: "image_net & more".into(),
            arms: arms.clone(),
            batch_sizes: vec![256, 1024, 4096, 16_384, 65_536, 1_048_576],
            seeds: 6,
            advantage_per_doubling: 0.001 * seed as f64,
            divergence: 0.2,
            test_curves: true,
            settings: 14,
            seed: seed as u64,
            ..Simulation::default()
        };
        records.append(simulation.records());
    }
    (records, arms.to_vec())
}

/// Many arms at three batch sizes: what legends and parts are like.
fn many_arms(arms: usize) -> (Records, ReportRequest) {
    let mut records = Records::default();
    let mut request = ReportRequest::new(format!("A simulated sweep of {arms} arms"), 1024);
    for pair in 0..arms / 2 {
        let names = [format!("rule-{pair}"), format!("rule-{pair}-lawn")];
        let simulation = Simulation {
            arms: names.clone(),
            batch_sizes: vec![1024, 8192, 65_536],
            seeds: 4,
            epochs: 8,
            advantage_per_doubling: 0.0005 * pair as f64,
            seed: pair as u64,
            ..Simulation::default()
        };
        records.append(simulation.records());
        let [baseline, treatment] = names;
        request = request.contrast(baseline, treatment);
    }
    (records, request)
}

/// Two tasks of one slug, and names beyond the typeface and of great length.
fn strange_names() -> (Records, ReportRequest) {
    let long = "adam(lr=0.001;betas=(0.9;0.999);eps=1e-08;weight_decay=0.0;amsgrad=False)";
    let arms = [long.to_owned(), "Łódź-数据".to_owned()];
    let mut records = Records::default();
    for (seed, task) in ["resnet-18", "ResNet_18"].into_iter().enumerate() {
        let simulation = Simulation {
            task: task.into(),
            arms: arms.clone(),
            seed: seed as u64,
            ..Simulation::default()
        };
        records.append(simulation.records());
    }
    let [baseline, treatment] = arms;
    let request = ReportRequest::new("A simulated sweep of strange names", 1024);
    (records, request.contrast(baseline, treatment))
}

/// Few seeds: what has no interval, and what an interval of two values is like.
fn few_seeds(seeds: usize) -> Records {
    let simulation = Simulation {
        seeds,
        ..Simulation::default()
    };
    simulation.records()
}

/// Four arms, of which one diverges in every confirmation trial.
fn one_arm_diverges() -> Records {
    let mut records = four_arms();
    let confirmed = |trial: &&mut TrialRow| trial.arm == "other" && trial.stage == Stage::Confirm;
    for trial in records.trials.iter_mut().filter(confirmed) {
        trial.outcome = Outcome::Diverged;
        trial.detail = Some("loss is not finite".into());
        (trial.test_metric, trial.train_metric) = (None, None);
        (trial.validation_metric, trial.train_loss) = (None, None);
    }
    records
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let dir = std::env::args_os()
        .nth(1)
        .map_or_else(|| "sample-report".into(), PathBuf::from);
    let [baseline, treatment] = ARMS;
    let mut two = ReportRequest::new("A simulated sweep", 1024).contrast(baseline, treatment);
    two.margins.insert("hit rate".into(), 0.005);
    two.provenance = vec![("Source".into(), "simulated, not measured".into())];
    let four = ReportRequest::new("A simulated sweep of four arms", 10_000)
        .contrast("other", "other-lawn")
        .contrast(baseline, treatment);
    let (eight_arms, arms) = eight_arms();
    let mut eight = ReportRequest::new("A simulated sweep of eight arms", 256);
    for [baseline, treatment] in arms {
        eight = eight.contrast(baseline, treatment);
    }
    let plain =
        ReportRequest::new("A simulated sweep of few seeds", 1024).contrast(baseline, treatment);
    let mut diverging = four.clone();
    diverging.title = "A simulated sweep of which an arm diverges".into();
    let one_width = &[Width::default()][..];
    let [(ten_arms, ten), (fifty_arms, fifty)] = [10, 50].map(many_arms);
    let (strange_names, strange) = strange_names();
    for (name, records, mut request, widths) in [
        ("two-arms", two_tasks(), two, Width::ALL),
        ("four-arms", four_arms(), four, Width::ALL),
        ("eight-arms", eight_arms, eight, Width::ALL),
        ("one-seed", few_seeds(1), plain.clone(), one_width),
        ("two-seeds", few_seeds(2), plain, one_width),
        ("diverging", one_arm_diverges(), diverging, one_width),
        ("ten-arms", ten_arms, ten, one_width),
        ("fifty-arms", fifty_arms, fifty, one_width),
        ("strange-names", strange_names, strange, one_width),
    ] {
        for width in widths {
            request.width = *width;
            let files = write_report(&records, &request, &dir.join(name).join(width.as_str()))?;
            println!("{}", files.html.display());
        }
    }
    Ok(())
}
