//! The train rows of a click set.

use std::ops::Range;
use std::sync::Arc;

use super::order::ClickOrder;
use super::split::Clicks;
use crate::data::dataset::{Batch, Dataset};
use crate::data::error::DataError;
use crate::random::Permutation;

/// Rows that are brought to a device together: those of a batch of a thousand are 300 KiB.
const TOGETHER: u64 = 1 << 16;

/// The rows that gradients come from. Inputs of a batch: numbers `[N, D]` f32 and ids `[N, C]`
/// i64; targets: 1 for a click, `[N]` f32.
pub(crate) struct TrainClicks {
    clicks: Arc<Clicks>,
    order: ClickOrder,
    seed: u64,
}

impl TrainClicks {
    pub(crate) fn new(clicks: Arc<Clicks>, order: ClickOrder, seed: u64) -> Self {
        Self {
            clicks,
            order,
            seed,
        }
    }
}

impl Dataset for TrainClicks {
    fn len(&self) -> u64 {
        self.clicks.train().len()
    }

    fn batch(&self, samples: Range<u64>, epoch: u64) -> Result<Batch, DataError> {
        let train = self.clicks.train();
        match self.order {
            ClickOrder::Sequential => train.batch(samples),
            ClickOrder::Shuffled => {
                let order = Permutation::of_epoch(train.len(), self.seed, epoch);
                let mut numbers = vec![0; (samples.end - samples.start) as usize];
                order.fill(samples.start, &mut numbers);
                numbers
                    .iter_mut()
                    .for_each(|number| *number = train.number(*number));
                self.clicks.table().batch(&numbers)
            }
        }
    }

    fn together(&self) -> u64 {
        TOGETHER
    }
}

#[cfg(test)]
mod tests {
    use tch::Tensor;

    use super::*;
    use crate::data::clicks::{ClickSplit, GeneratedClicks, SplitRule, generated};

    fn train(order: ClickOrder, seed: u64, rule: ClickSplit) -> TrainClicks {
        let sizes = GeneratedClicks {
            rows: 900,
            ..GeneratedClicks::default()
        };
        let rule = SplitRule {
            rule,
            test_fraction: 0.2,
            validation_fraction: 0.1,
            test_rows: 0,
            seed: 0,
        };
        let clicks =
            Clicks::new("made".as_ref(), generated::table(&sizes).unwrap(), 0, &rule).unwrap();
        TrainClicks::new(Arc::new(clicks), order, seed)
    }

    fn whole(set: &TrainClicks, epoch: u64) -> Batch {
        set.batch(0..set.len(), epoch).unwrap()
    }

    /// Rows as text, so that they can be sorted.
    fn rows(batch: &Batch) -> Vec<String> {
        let row = |place| {
            let of = |tensor: &Tensor| -> Vec<f64> {
                Vec::try_from(tensor.get(place).to_kind(tch::Kind::Double).reshape([-1])).unwrap()
            };
            format!("{:?} {:?}", of(&batch.inputs[0]), of(&batch.inputs[1]))
        };
        (0..batch.targets.size()[0]).map(row).collect()
    }

    #[test]
    fn batches_of_any_size_cut_up_one_sequence() {
        for order in [ClickOrder::Shuffled, ClickOrder::Sequential] {
            let set = train(order, 3, ClickSplit::Random);
            let all = whole(&set, 2);
            let parts = [0..7, 7..8, 8..set.len()].map(|part| set.batch(part, 2).unwrap());
            for place in 0..2 {
                let joined = Tensor::cat(&parts.each_ref().map(|part| &part.inputs[place]), 0);
                assert_eq!(all.inputs[place], joined);
            }
            let joined = Tensor::cat(&parts.each_ref().map(|part| &part.targets), 0);
            assert_eq!(all.targets, joined);
        }
    }

    #[test]
    fn an_epoch_has_each_train_row_once_in_an_order_of_its_own() {
        let shuffled = train(ClickOrder::Shuffled, 3, ClickSplit::Last);
        let sequential = train(ClickOrder::Sequential, 3, ClickSplit::Last);
        let of = |set: &TrainClicks, epoch| rows(&whole(set, epoch));
        let mut one = of(&shuffled, 1);
        assert_ne!(one, of(&shuffled, 2));
        assert_ne!(
            one,
            of(&train(ClickOrder::Shuffled, 4, ClickSplit::Last), 1)
        );
        let mut in_order = of(&sequential, 1);
        assert_eq!(in_order, of(&sequential, 2));
        assert_ne!(one, in_order);
        one.sort();
        in_order.sort();
        assert_eq!(one, in_order);
        assert_eq!(one.len(), 648);
    }
}
