//! Classification: cross entropy, and how often the right logit is the greatest, or among five.

use tch::{Device, Kind, Reduction, Tensor};

use super::measurement::{Measurement, Split};
use super::{Assessment, Forward, Objective};
use crate::data::{Batch, DataError, Dataset};
use crate::trial::TestPermit;

/// Logits among which the right one is looked for, beside the greatest.
pub(crate) const TOP: usize = 5;

/// Samples that a process evaluates at once.
const AT_ONCE: u64 = 500;

/// Reads the samples of the test split.
type ReadTest = dyn Fn(&TestPermit) -> Result<Box<dyn Dataset>, DataError>;

/// Learns by cross entropy, and counts the right answers.
///
/// ```text
/// loss = −Σ y log softmax(logits)     y = (1 − s) onehot(target) + s / classes
/// ```
/// with the label smoothing `s`, 0 unless it is set (Szegedy et al. 2016, arXiv 1512.00567). A
/// target is a class, or a probability of each, which takes the place of `onehot`.
pub(crate) struct Accuracy {
    label_smoothing: f64,
    device: Device,
    train: Box<dyn Dataset>,
    validation: Box<dyn Dataset>,
    read_test: Box<ReadTest>,
}

/// What a model answers on a set of samples.
struct Answers {
    right: u64,
    among_five: u64,
    total: u64,
    logit_mean_abs: f64,
    logit_max_abs: f64,
}

/// Samples of a batch that are answered rightly.
pub(crate) struct Right {
    /// By the greatest logit.
    pub(crate) first: u64,
    /// By one of the five greatest.
    pub(crate) among_five: u64,
}

impl Right {
    /// Of logits `[N, classes]` and targets `[N]`.
    pub(crate) fn count(logits: &Tensor, targets: &Tensor) -> Self {
        let sum = |found: Tensor| found.sum(Kind::Int64).int64_value(&[]) as u64;
        let most = logits.size()[1].min(TOP as i64);
        let (_, greatest) = logits.topk(most, 1, true, false);
        Self {
            first: sum(logits.argmax(1, false).eq_tensor(targets)),
            among_five: sum(greatest.eq_tensor(&targets.unsqueeze(1))),
        }
    }
}

impl Accuracy {
    /// Answers on `device`; `read_test` is called by whoever has the permit.
    pub(crate) fn new(
        device: Device,
        [train, validation]: [Box<dyn Dataset>; 2],
        read_test: impl Fn(&TestPermit) -> Result<Box<dyn Dataset>, DataError> + 'static,
    ) -> Self {
        Self {
            label_smoothing: 0.0,
            device,
            train,
            validation,
            read_test: Box::new(read_test),
        }
    }

    /// With targets that lean towards all classes alike.
    pub(crate) fn with_label_smoothing(self, label_smoothing: f64) -> Self {
        Self {
            label_smoothing,
            ..self
        }
    }

    fn answers(
        &self,
        split: Split,
        samples: &dyn Dataset,
        forward: &dyn Forward,
    ) -> Result<Answers, DataError> {
        let _guard = tch::no_grad_guard();
        let total = samples.len();
        let mut answers = Answers {
            right: 0,
            among_five: 0,
            total,
            logit_mean_abs: 0.0,
            logit_max_abs: 0.0,
        };
        let at_once = AT_ONCE * forward.ranks();
        let mut start = 0;
        while start < total {
            let end = total.min(start + at_once);
            let part = forward.part(start..end);
            let Batch { inputs, targets } = samples.batch_on(part.own.clone(), 0, self.device)?;
            let logits = forward.answer(split, &inputs, &part);
            let targets = forward.gather(targets, &part);
            let Right { first, among_five } = Right::count(&logits, &targets);
            answers.right += first;
            answers.among_five += among_five;
            let size = logits.abs();
            let mean = size.mean(Kind::Double).double_value(&[]);
            answers.logit_mean_abs += mean * (end - start) as f64 / total as f64;
            // `max` passes a NaN on, which `f64::max` would swallow.
            let most = size.max().double_value(&[]);
            if most.is_nan() || most > answers.logit_max_abs {
                answers.logit_max_abs = most;
            }
            start = end;
        }
        Ok(answers)
    }
}

impl Objective for Accuracy {
    fn loss(&self, logits: &Tensor, targets: &Tensor) -> Tensor {
        let smoothing = self.label_smoothing;
        logits.cross_entropy_loss::<Tensor>(targets, None, Reduction::Sum, -100, smoothing)
    }

    fn samples(&self) -> u64 {
        self.train.len() + self.validation.len()
    }

    fn measure(&self, forward: &dyn Forward) -> Result<Assessment, DataError> {
        let train = self.answers(Split::Train, &*self.train, forward)?;
        let validation = self.answers(Split::Validation, &*self.validation, forward)?;
        Ok(Assessment {
            measurements: [
                train.measurements(Split::Train),
                validation.measurements(Split::Validation),
            ]
            .concat(),
            logit_mean_abs: train.logit_mean_abs,
            logit_max_abs: train.logit_max_abs,
        })
    }

    fn measure_test(
        &self,
        forward: &dyn Forward,
        permit: &TestPermit,
    ) -> Result<Vec<Measurement>, DataError> {
        let test = (self.read_test)(permit)?;
        let answers = self.answers(Split::Test, &*test, forward)?;
        Ok(answers.measurements(Split::Test).into())
    }
}

impl Answers {
    fn measurements(&self, split: Split) -> [Measurement; 2] {
        [("top-1", self.right), ("top-5", self.among_five)]
            .map(|(metric, right)| part(split, metric, right, self.total))
    }
}

/// The part of the samples that are answered rightly.
pub(crate) fn part(split: Split, metric: &str, right: u64, total: u64) -> Measurement {
    Measurement {
        split,
        metric: metric.to_owned(),
        value: right as f64 / total as f64,
        count: Some(right),
        total: Some(total),
    }
}

#[cfg(test)]
mod tests {
    use std::ops::Range;

    use super::*;
    use crate::measure::objective::{Quarter, ReadRanges};
    use crate::models::golden::{assert_close, entry, values};

    struct Nothing;

    impl Dataset for Nothing {
        fn len(&self) -> u64 {
            0
        }

        fn batch(&self, _: Range<u64>, _: u64) -> Result<Batch, DataError> {
            panic!("nobody asks for it")
        }
    }

    /// Sample `i` is of class `i mod 7`, and its logits are those of `one_hot`.
    struct Sevens(ReadRanges);

    impl Dataset for Sevens {
        fn len(&self) -> u64 {
            6003
        }

        fn batch(&self, samples: Range<u64>, _: u64) -> Result<Batch, DataError> {
            self.0.lock().unwrap().push(samples.clone());
            let numbers: Vec<i64> = samples.map(|i| i as i64 % 7).collect();
            let numbers = Tensor::from_slice(&numbers);
            Ok(Batch {
                inputs: vec![numbers.shallow_clone()],
                targets: numbers,
            })
        }
    }

    /// Each of four ranks reads its quarter of each block and nothing else, and all together each sample once.
    #[test]
    fn ranks_read_what_they_answer() {
        let mut all = Vec::new();
        for rank in 0..4 {
            let read = ReadRanges::default();
            let nothing = [(); 2].map(|()| Box::new(Nothing) as Box<dyn Dataset>);
            let objective = Accuracy::new(Device::Cpu, nothing, |_| Ok(Box::new(Nothing)));
            let forward = Quarter {
                rank,
                answer: |inputs: &[Tensor]| inputs[0].one_hot(7).to_kind(Kind::Float),
            };
            let found = objective
                .answers(Split::Train, &Sevens(read.clone()), &forward)
                .unwrap();
            assert_eq!(found.total, 6003);
            let read = read.lock().unwrap();
            // The last three samples are fewer than the ranks: all have all of them.
            assert_eq!(read.last(), Some(&(6000..6003)));
            let own = &read[..read.len() - 1];
            let count: u64 = own.iter().map(|one| one.end - one.start).sum();
            assert_eq!(count, 1500);
            assert!(own.iter().all(|one| one.end - one.start <= AT_ONCE));
            all.extend(own.iter().flat_map(Clone::clone));
        }
        all.sort_unstable();
        assert!(all.into_iter().eq(0..6000));
    }

    /// What PyTorch computes, of smoothed targets and of mixed ones.
    #[derive(serde::Deserialize)]
    struct CrossEntropy {
        smoothing: f64,
        /// The part that a sample has of its own class.
        share: f64,
        loss: f64,
        gradient: Vec<f64>,
    }

    #[test]
    fn smoothed_and_mixed_targets_cost_what_they_cost_in_pytorch() {
        let cases: Vec<CrossEntropy> = entry("cross_entropy");
        assert_eq!(cases.len(), 4);
        for case in cases {
            let place = Tensor::arange(6 * 5, (Kind::Double, Device::Cpu));
            let logits = ((place * 1.3).sin() * 3.0).to_kind(Kind::Float);
            let logits = logits.view([6, 5]).set_requires_grad(true);
            let number = Tensor::arange(6, (Kind::Int64, Device::Cpu));
            let likely = |of: Tensor| of.remainder(5).one_hot(5).to_kind(Kind::Float);
            let own = likely(number.shallow_clone());
            let mixed = own * case.share + likely(&number * 3) * (1.0 - case.share);
            let nothing = [(); 2].map(|()| Box::new(Nothing) as Box<dyn Dataset>);
            let objective = Accuracy::new(Device::Cpu, nothing, |_| Ok(Box::new(Nothing)))
                .with_label_smoothing(case.smoothing);
            let mut targets = vec![mixed];
            if case.share == 1.0 {
                targets.push(number.remainder(5));
            }
            for targets in targets {
                let what = format!("{}, {}", case.smoothing, case.share);
                let mut logits = logits.shallow_clone();
                logits.zero_grad();
                let loss = objective.loss(&logits, &targets);
                loss.backward();
                assert_close(&what, &values(&loss), &[case.loss]);
                assert_close(&what, &values(&logits.grad()), &case.gradient);
            }
        }
    }
}
