//! The sweeps that are drawn: thin and large, tame and wild.

use crate::records::{Outcome, Records};
use crate::simulate::{Noise, Simulation};

/// Arms in pairs of a baseline and its LAWN form.
fn pairs(of: usize, name: impl Fn(usize) -> String) -> Vec<[String; 2]> {
    (0..of / 2)
        .map(|index| [name(index), format!("{}-lawn", name(index))])
        .collect()
}

/// The records of a task for every pair of arms.
fn records(simulation: &Simulation, arms: &[[String; 2]]) -> Records {
    let mut all = Records::default();
    for (index, pair) in arms.iter().enumerate() {
        let one = Simulation {
            arms: pair.clone(),
            seed: simulation.seed + index as u64,
            advantage_per_doubling: 0.001 * (index as f64 + 1.0),
            ..simulation.clone()
        };
        all.append(one.records());
    }
    all
}

/// A sweep to draw: its name, its records and its contrasts.
pub(super) type Case = (&'static str, Records, Vec<[String; 2]>);

pub(super) fn case(name: &'static str, arms: usize, simulation: Simulation) -> Case {
    let arms = pairs(arms, |index| {
        ["adam", "sgd", "lamb", "lars"][index % 4].to_owned()
    });
    (name, records(&simulation, &arms), arms)
}

/// The case with every metric and curve changed by a function.
pub(super) fn mapped((name, mut records, arms): Case, change: impl Fn(f64) -> f64) -> Case {
    let some = |value: &mut Option<f64>| *value = value.map(&change);
    for trial in &mut records.trials {
        some(&mut trial.test_metric);
        some(&mut trial.train_metric);
        some(&mut trial.validation_metric);
        some(&mut trial.train_loss);
        (trial.test_count, trial.test_total) = (None, None);
    }
    for epoch in &mut records.epochs {
        some(&mut epoch.validation_metric);
        for value in [
            &mut epoch.train_loss,
            &mut epoch.logit_mean_abs,
            &mut epoch.weight_norm,
        ] {
            *value = change(*value);
        }
        epoch.seconds_train = change(epoch.seconds_train).abs();
    }
    for row in &mut records.measurements {
        row.value = change(row.value);
    }
    (name, records, arms)
}

pub(super) fn cases() -> Vec<Case> {
    let plain = Simulation::default;
    let six = vec![256, 1024, 4096, 16_384, 65_536, 1_048_576];
    let curved = || Simulation {
        test_curves: true,
        ..plain()
    };
    let seeds = |seeds| Simulation { seeds, ..plain() };
    let long = pairs(8, |index| {
        format!("adamw-decoupled-{index}_with-a-very-long-name-of-an-arm")
    });
    let unbroken = pairs(4, |index| format!("{index}{}", "x".repeat(28)));
    let of_length = |arms, length: usize| {
        pairs(arms, |index| {
            format!("rule{index}{}", "abcdefgh".repeat(5))[..length].to_owned()
        })
    };
    let [twelve, more, forty] = [(2, 12), (4, 24), (8, 40)].map(|(n, length)| of_length(n, length));
    let mut two_tasks = records(&plain(), &pairs(4, |i| format!("arm{i}")));
    two_tasks.append(records(
        &Simulation {
            task: "a second task whose name is rather long".into(),
            batch_sizes: vec![10_000, 100_000, 1_000_000],
            ..plain()
        },
        &pairs(4, |i| format!("arm{i}")),
    ));
    let mut one_arm_lost = case("one arm all diverged", 4, plain());
    for trial in one_arm_lost
        .1
        .trials
        .iter_mut()
        .filter(|trial| trial.arm == "adam")
    {
        trial.outcome = Outcome::Diverged;
        (
            trial.test_metric,
            trial.train_metric,
            trial.validation_metric,
        ) = (None, None, None);
    }
    let three = vec![1024, 8192, 65_536];
    let ten = pairs(10, |i| format!("rule-{i}"));
    let fifty = pairs(50, |i| format!("optimizer-{i}"));
    let few = || Simulation {
        seeds: 3,
        epochs: 3,
        batch_sizes: vec![1024, 65_536],
        ..plain()
    };
    // Names beyond the typeface, names with control characters, and names of one slug.
    let strange = vec![
        ["адам".to_owned(), "Łódź→数据-模型".to_owned()],
        ["sgd\u{1b}[2J\n".to_owned(), "Sgd [2j".to_owned()],
    ];
    let endless = pairs(4, |i| {
        format!(
            "adam{i}(lr=0.001;betas=(0.9;0.999);eps=1e-08;weight_decay=0.0;amsgrad=False;foreach=None;maximize=False)"
        )
    });
    vec![
        ("ten arms", records(&few(), &ten), ten),
        ("fifty arms", records(&few(), &fifty), fifty),
        ("strange", records(&plain(), &strange), strange),
        ("endless", records(&plain(), &endless), endless),
        case("two arms", 2, curved()),
        case("four arms", 4, plain()),
        case("eight arms", 8, plain()),
        case(
            "eight arms, six batch sizes",
            8,
            Simulation {
                batch_sizes: six.clone(),
                ..curved()
            },
        ),
        case(
            "three batch sizes",
            2,
            Simulation {
                batch_sizes: three,
                ..plain()
            },
        ),
        case(
            "six batch sizes",
            2,
            Simulation {
                batch_sizes: six,
                ..plain()
            },
        ),
        case(
            "one batch size",
            2,
            Simulation {
                batch_sizes: vec![1024],
                ..plain()
            },
        ),
        case("one seed", 2, seeds(1)),
        case("two seeds", 4, seeds(2)),
        case(
            "many seeds",
            2,
            Simulation {
                epochs: 3,
                ..seeds(200)
            },
        ),
        case(
            "one epoch",
            2,
            Simulation {
                epochs: 1,
                ..curved()
            },
        ),
        case(
            "a thousand epochs",
            2,
            Simulation {
                epochs: 1000,
                seeds: 2,
                ..plain()
            },
        ),
        case(
            "half diverged",
            4,
            Simulation {
                divergence: 0.5,
                ..plain()
            },
        ),
        case(
            "heavy tails",
            4,
            Simulation {
                noise: Noise::HeavyTailed,
                ..plain()
            },
        ),
        case(
            "many settings",
            4,
            Simulation {
                settings: 12,
                ..plain()
            },
        ),
        case(
            "eight arms of many settings",
            8,
            Simulation {
                settings: 14,
                batch_sizes: vec![256, 1024, 4096, 16_384, 65_536, 1_048_576],
                ..plain()
            },
        ),
        one_arm_lost,
        ("long names", records(&plain(), &long), long),
        ("unbroken names", records(&plain(), &unbroken), unbroken),
        ("names of 12", records(&plain(), &twelve), twelve),
        ("names of 24", records(&plain(), &more), more),
        ("names of 40", records(&plain(), &forty), forty),
        ("two tasks", two_tasks, pairs(4, |i| format!("arm{i}"))),
        mapped(case("tiny values", 2, curved()), |x| 1e-9 * x),
        mapped(case("huge values", 2, curved()), |x| 1e12 * x),
        mapped(case("negative values", 2, curved()), |x| -1e3 * x),
        mapped(case("equal values", 2, curved()), |_| 0.5),
        mapped(case("nearly equal values", 2, curved()), |x| {
            0.5 + 1e-13 * x
        }),
        mapped(case("many decades", 2, curved()), |x| {
            (40.0 * (x - 0.3)).exp()
        }),
    ]
}
