//! Sweeps whose truth is known, for calibration, for samples of figures and for tests.

use crate::records::{
    BudgetUnit, EpochRow, MeasurementRow, Outcome, Phase, Records, Split, Stage, TrialRow, UnitRow,
};
use crate::stats::{Philox, normal_draw};

/// How the noise of a trial is distributed; each has unit scale.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Noise {
    /// Standard normal.
    Normal,
    /// Student's t with three degrees of freedom. A trial is rarely, but then far, off.
    HeavyTailed,
}

/// A simulated sweep: a baseline and its LAWN form, on one task.
///
/// ```text
/// test(arm, B, s) = 0.66 − drop · doublings(B) + advantage · [arm is the treatment]
///                   + 0.006 (ρ zₛ + √(1 − ρ²) e)
/// ```
///
/// zₛ is shared by the arms of a seed, e is not. ρ² is the share of the variance that pairing
/// removes.
#[derive(Clone, Debug, PartialEq)]
pub struct Simulation {
    /// Name of the task.
    pub task: String,
    /// Names of the baseline and of the treatment.
    pub arms: [String; 2],
    /// Batch sizes, rising.
    pub batch_sizes: Vec<i64>,
    /// Seeds of each cell.
    pub seeds: usize,
    /// Epochs of each trial.
    pub epochs: i64,
    /// Fall of the test metric with each doubling of the batch, in both arms.
    pub drop: f64,
    /// True advantage of the treatment in the test metric, at every batch size.
    pub advantage: f64,
    /// True advantage of the treatment with each doubling of the batch.
    pub advantage_per_doubling: f64,
    /// Distribution of the noise.
    pub noise: Noise,
    /// Probability that a trial of the baseline diverges.
    pub divergence: f64,
    /// Probability that a trial of the treatment diverges.
    pub treatment_divergence: f64,
    /// The noise, in unit scale, below which the treatment diverges, whatever its probability. The
    /// treatment then loses its worst trials, and the others look better than it is.
    pub treatment_loses_below: Option<f64>,
    /// Whether the metric is a count out of 6,040.
    pub counts: bool,
    /// Whether test loss and test metric are measured at the end of every epoch.
    pub test_curves: bool,
    /// Settings tried in tuning; 0 for none.
    pub settings: i64,
    /// Seed of the simulation.
    pub seed: u64,
}

impl Default for Simulation {
    /// Five seeds at four batch sizes. The advantage grows with the batch.
    fn default() -> Self {
        Self {
            task: "sample".into(),
            arms: ARMS.map(str::to_owned),
            batch_sizes: vec![1024, 4096, 16_384, 65_536],
            seeds: 5,
            epochs: 20,
            drop: 0.006,
            advantage: 0.0,
            advantage_per_doubling: 0.003,
            noise: Noise::Normal,
            divergence: 0.0,
            treatment_divergence: 0.0,
            treatment_loses_below: None,
            counts: true,
            test_curves: false,
            settings: 6,
            seed: 0,
        }
    }
}

/// The arms of a simulated sweep, where it names no others: the baseline, and the treatment.
pub const ARMS: [&str; 2] = ["base", "base-lawn"];

const SCALE: f64 = 0.006;
const TOTAL: i64 = 6040;
/// Weight of the noise that the arms of a seed share. Its square is their correlation.
const SHARED: f64 = 0.7;

impl Simulation {
    /// Standard deviation of a paired difference of the test metric, with normal noise.
    pub const DEVIATION: f64 = 0.006_059_702_963_017_247;

    /// The true advantage of the treatment in the test metric at each batch size.
    pub fn true_advantages(&self) -> Vec<f64> {
        (0..self.batch_sizes.len())
            .map(|cell| self.gain(cell))
            .collect()
    }

    /// Probability that `n` pairs of a cell end well, where divergence is random.
    pub fn chance_of_pairs(&self, n: usize) -> f64 {
        let ways = (0..n).fold(1.0, |ways, i| {
            ways * (self.seeds - i) as f64 / (i + 1) as f64
        });
        let missing = (self.seeds - n) as i32;
        let whole = (1.0 - self.divergence) * (1.0 - self.treatment_divergence);
        ways * whole.powi(n as i32) * (1.0 - whole).powi(missing)
    }

    fn gain(&self, cell: usize) -> f64 {
        self.advantage + self.advantage_per_doubling * self.doublings(cell)
    }

    /// The records of the sweep; the same simulation gives the same records.
    pub fn records(&self) -> Records {
        let mut records = Records::default();
        for (arm, name) in self.arms.iter().enumerate() {
            for (cell, batch_size) in self.batch_sizes.iter().enumerate() {
                for setting in 0..self.settings {
                    records.trials.push(self.tuning(name, *batch_size, setting));
                }
                for seed in 0..self.seeds {
                    self.trial(&mut records, arm, cell, seed);
                }
            }
        }
        records
    }

    /// The noise of one place in the sweep, in unit scale.
    fn draw(&self, purpose: u32, place: [u32; 3]) -> f64 {
        let words = Philox::new(self.seed).block_of([purpose, place[0], place[1], place[2]]);
        let z = normal_draw(words[0], words[1]);
        match self.noise {
            Noise::Normal => z,
            Noise::HeavyTailed => {
                let more = Philox::new(self.seed ^ u64::MAX)
                    .block_of([purpose, place[0], place[1], place[2]]);
                // Student's t with 3 degrees of freedom: z over the root of the mean of three
                // squares.
                let squares: f64 = [(more[0], more[1]), (more[2], more[3]), (words[2], words[3])]
                    .into_iter()
                    .map(|(a, b)| normal_draw(a, b).powi(2))
                    .sum();
                z / (squares / 3.0).sqrt()
            }
        }
    }

    fn doublings(&self, cell: usize) -> f64 {
        (self.batch_sizes[cell] as f64 / self.batch_sizes[0] as f64).log2()
    }

    fn trial(&self, records: &mut Records, arm: usize, cell: usize, seed: usize) {
        let doublings = self.doublings(cell);
        let gain = self.gain(cell);
        let shared = self.draw(0, [0, cell as u32, seed as u32]);
        let own = self.draw(1, [arm as u32, cell as u32, seed as u32]);
        let noise = SHARED * shared + (1.0 - SHARED * SHARED).sqrt() * own;
        let mut test = 0.66 - self.drop * doublings + SCALE * noise;
        if arm == 1 {
            test += gain;
        }
        let chance = Philox::new(self.seed).block_of([2, arm as u32, cell as u32, seed as u32])[0];
        let chance = f64::from(chance) / 4_294_967_296.0;
        let lost = self
            .treatment_loses_below
            .is_some_and(|bound| arm == 1 && noise < bound);
        let diverged = lost || chance < [self.divergence, self.treatment_divergence][arm];
        let mut row = self.row(&self.arms[arm], self.batch_sizes[cell], Stage::Confirm);
        row.seed = 1000 + seed as i64;
        row.trial_id = format!("{}-{}-{cell}-{seed}", self.task, self.arms[arm]);
        if diverged {
            row.outcome = Outcome::Diverged;
            row.detail = Some("loss is not finite".into());
            row.epochs = 3.0;
        } else {
            let count = (test * TOTAL as f64).round() as i64;
            if self.counts {
                test = count as f64 / TOTAL as f64;
                (row.test_count, row.test_total) = (Some(count), Some(TOTAL));
            }
            let gap = 0.03 + 0.004 * doublings - if arm == 1 { gain } else { 0.0 };
            row.test_metric = Some(test);
            row.train_metric = Some(test + gap + 0.1 * SCALE * own);
            row.validation_metric = Some(test + 0.2 * SCALE * shared);
            row.train_loss = Some(0.25 - 0.5 * gap + 0.2 * SCALE * shared);
        }
        for epoch in 1..=row.epochs as i64 {
            self.epoch(records, &row, arm == 1, doublings, epoch);
        }
        records.trials.push(row);
    }

    fn row(&self, arm: &str, batch_size: i64, stage: Stage) -> TrialRow {
        let steps = self.epochs * 1_000_000 / batch_size.max(1);
        TrialRow {
            sweep: "simulated".into(),
            task: self.task.clone(),
            arm: arm.into(),
            batch_size,
            stage,
            setting: 2.min((self.settings - 1).max(0)),
            seed: 0,
            trial_id: String::new(),
            hyperparameters: r#"{"learning_rate":0.003}"#.into(),
            outcome: Outcome::Ok,
            detail: None,
            ranks: Some(1),
            rank_backend: None,
            frozen_at_step: None,
            budget_unit: Some(BudgetUnit::Epochs),
            budget_amount: Some(self.epochs),
            epochs: self.epochs as f64,
            steps,
            samples: steps * batch_size,
            metric: "hit rate".into(),
            higher_is_better: true,
            train_metric: None,
            validation_metric: None,
            test_metric: None,
            test_count: None,
            test_total: None,
            train_loss: Some(0.25),
            seconds_train: 30.0,
            seconds_data: 2.0,
            seconds_evaluate: 4.0,
            seconds_total: 36.0,
            samples_per_second: Some(5e5),
        }
    }

    /// A tuning trial. The metric peaks at the third of the learning rates, each of which is three
    /// times the one before.
    fn tuning(&self, arm: &str, batch_size: i64, setting: i64) -> TrialRow {
        let mut row = self.row(arm, batch_size, Stage::Tune);
        let rate = 3e-4 * 3.0_f64.powi(setting as i32);
        row.setting = setting;
        row.trial_id = format!("{}-{arm}-{batch_size}-tune-{setting}", self.task);
        row.hyperparameters = format!("{{\"learning_rate\":{rate:.6}}}");
        if setting == self.settings - 1 && self.settings > 3 {
            row.outcome = Outcome::Diverged;
            row.detail = Some("loss is not finite".into());
        } else {
            row.validation_metric = Some(0.65 - 0.01 * (setting - 2).abs() as f64);
        }
        row
    }

    fn epoch(&self, records: &mut Records, row: &TrialRow, lawn: bool, doublings: f64, epoch: i64) {
        let freeze = (self.epochs / 4).max(1);
        let held = if lawn { epoch.min(freeze) } else { epoch } as f64;
        let wobble = 1.0 + 0.02 * ((row.seed % 7) as f64 - 3.0);
        let weight_norm = (8.0 + 1.5 * (held * (1.0 + 0.1 * doublings)).sqrt()) * wobble;
        let place = [u32::from(lawn), doublings as u32, row.seed as u32];
        let growth = 0.35 + 0.03 * self.draw(3, place);
        let logit = (0.3 + growth * held * (1.0 + 0.15 * doublings)) * wobble;
        // Weights whose norm is held turn at a steady rate. Free weights grow, so that each step
        // turns them less.
        let since = (epoch - freeze) as f64;
        let turn = if lawn { 0.6 } else { 0.3 };
        let pace = turn * (1.0 + 0.1 * doublings) * wobble;
        let distance_from_freeze = (epoch > freeze).then(|| pace * since.sqrt());
        let phase = if lawn && epoch > freeze {
            Phase::Constrained
        } else {
            Phase::Free
        };
        let last = row.train_loss.unwrap_or(0.25);
        let start = 0.4 + 0.02 * self.draw(4, place);
        let loss = last + start / epoch as f64 - start / self.epochs as f64;
        let metric = row.validation_metric.map(|last| last - 0.2 / epoch as f64);
        records.epochs.push(EpochRow {
            trial_id: row.trial_id.clone(),
            epoch: epoch as f64,
            step: row.steps * epoch / self.epochs,
            samples: row.samples * epoch / self.epochs,
            phase,
            learning_rate: 3e-3,
            train_loss: loss,
            train_metric: metric.map(|metric| metric + 0.03),
            validation_metric: metric,
            logit_mean_abs: logit,
            logit_max_abs: 4.0 * logit,
            gradient_norm: 0.1 / epoch as f64,
            weight_norm,
            distance_from_freeze,
            function_distance: None,
            samples_per_second: 5e5,
            seconds_train: 1.5,
            seconds_data: 0.1,
            seconds_evaluate: 0.2,
            seconds_checkpoint: 0.01,
        });
        records.units.push(UnitRow {
            trial_id: row.trial_id.clone(),
            epoch: epoch as f64,
            parameter: "output.weight".into(),
            weight_norm,
            constrained: phase == Phase::Constrained,
        });
        let measured = |split, name: &str, value| MeasurementRow {
            trial_id: row.trial_id.clone(),
            epoch: epoch as f64,
            split,
            metric: name.to_owned(),
            value,
            count: None,
            total: None,
        };
        let Some(value) = metric else { return };
        let rows = &mut records.measurements;
        rows.push(measured(Split::Validation, &row.metric, value));
        if self.test_curves {
            let gap = 0.04 + 0.002 * doublings * held.sqrt();
            rows.push(measured(Split::Test, "loss", loss + gap));
            rows.push(measured(Split::Test, &row.metric, value - 0.005));
        }
    }
}
