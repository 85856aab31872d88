//! The moving average of weights.

use tch::{Kind, Tensor};

use crate::backend::slot::Slot;
use crate::error::{Error, require};
use crate::libtorch::foreach::{foreach_copy, foreach_lerp};
use crate::optimizer::Optimizer;
use crate::parameters::layout::address;
use crate::swapped;

mod state;

/// The exponential moving average of the weights of a model, often better at the end of training
/// than the weights themselves.
///
/// ```text
/// ā ← ρ ā + (1 − ρ) w        after each step; ā is w at the start
/// ρ = decay                  or, with warm-up, min(decay, (1 + t) / (10 + t)) for the t-th update from 0
/// ```
///
/// It is of whatever tensors it is given: the trainable ones, or running statistics as well. Those
/// that are no floating-point numbers are copied. The average has the kind of its tensor, which has
/// to be f32 or f64: of weights in 16 bits it is of the f32 copies that an optimizer has of them
/// ([`Optimizer::average`]).
///
/// Source: Polyak and Juditsky 1992; the exponential form as in Tarvainen and Valpola 2017, arXiv
/// 1703.01780; warm-up as in TensorFlow's `ExponentialMovingAverage` with `num_updates`.
///
/// *Differs from* PyTorch's `AveragedModel`: no second model is made; [`swap`](Self::swap) puts
/// the average in the place of the weights, and again takes it out.
///
/// The average of weights on a sphere lies inside it. LAWN constrains the weights, not their
/// average.
///
/// ```
/// use lawn_core::WeightAverage;
/// use tch::{Device, nn};
///
/// let vs = nn::VarStore::new(Device::Cpu);
/// let fc = nn::linear(vs.root() / "fc", 4, 2, Default::default());
/// let mut average = WeightAverage::new(vs.variables(), 0.999)?.with_warm_up();
/// for _ in 0..10 {
///     // … an optimizer step …
///     average.update();
/// }
/// average.swap();
/// // … measure the average …
/// average.swap();
/// # Ok::<(), lawn_core::Error>(())
/// ```
#[derive(Debug)]
pub struct WeightAverage {
    decay: f64,
    warms_up: bool,
    updates: u64,
    /// In the order of their names.
    entries: Vec<Entry>,
    is_swapped: bool,
}

#[derive(Debug)]
struct Entry {
    name: String,
    weight: Tensor,
    /// What the average is of, where that is not the weight: its f32 copy.
    master: Option<Tensor>,
    average: Tensor,
    /// The weight, while the average of its copy stands in its place.
    aside: Option<Tensor>,
}

impl Entry {
    fn new(name: String, weight: &Tensor, master: Option<Tensor>) -> Result<Self, Error> {
        let weight = weight.detach();
        let source = master.as_ref().unwrap_or(&weight);
        let found = source.kind();
        if matches!(found, Kind::Half | Kind::BFloat16) {
            return Err(Error::NarrowAverage { name, found });
        }
        Ok(Self {
            average: source.copy(),
            name,
            weight,
            master,
            aside: None,
        })
    }

    /// What the average is of.
    fn source(&self) -> &Tensor {
        self.master.as_ref().unwrap_or(&self.weight)
    }

    /// Where the weight lies, if it has anything.
    fn address(&self) -> Option<usize> {
        (self.weight.numel() > 0).then(|| address(&self.weight))
    }
}

impl Optimizer {
    /// An average of these tensors, as [`WeightAverage::new`] makes it, but of the f32 copies that
    /// the optimizer has of those in 16 bits, with
    /// [`master_weights`](crate::OptimizerConfig::master_weights).
    ///
    /// ```
    /// use lawn_core::{AdamConfig, OptimizerConfig, Parameters, Schedule};
    /// use tch::{Device, Kind, nn};
    ///
    /// let mut vs = nn::VarStore::new(Device::Cpu);
    /// let _fc = nn::linear(vs.root() / "fc", 4, 2, Default::default());
    /// vs.bfloat16();
    /// let config = OptimizerConfig {
    ///     master_weights: true,
    ///     ..OptimizerConfig::new(AdamConfig::default(), Schedule::constant(1e-3))
    /// };
    /// let optimizer = config.build(Parameters::from_var_store(&vs)?)?;
    /// let average = optimizer.average(vs.variables(), 0.999)?;
    /// assert_eq!(average.state().tensors["fc.weight"].kind(), Kind::Float);
    /// # Ok::<(), lawn_core::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`WeightAverage::new`].
    pub fn average(
        &self,
        named: impl IntoIterator<Item = (impl Into<String>, Tensor)>,
        decay: f64,
    ) -> Result<WeightAverage, Error> {
        WeightAverage::of(named, decay, |weight| {
            let is_it = |slot: &&Slot| {
                let same = address(&slot.weight) == address(weight);
                same && slot.weight.size() == weight.size()
            };
            let master = self.slots.iter().find(is_it)?.master.as_ref()?;
            Some(master.shallow_clone())
        })
    }
}

impl WeightAverage {
    /// Starts at the tensors as they are.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`] for a decay outside of 0 to below 1, [`Error::DuplicateParameter`],
    /// [`Error::NarrowAverage`] for f16 and bf16.
    pub fn new(
        named: impl IntoIterator<Item = (impl Into<String>, Tensor)>,
        decay: f64,
    ) -> Result<Self, Error> {
        Self::of(named, decay, |_| None)
    }

    /// The same, of what `master` has for a tensor in its place.
    fn of(
        named: impl IntoIterator<Item = (impl Into<String>, Tensor)>,
        decay: f64,
        master: impl Fn(&Tensor) -> Option<Tensor>,
    ) -> Result<Self, Error> {
        let sound = (0.0..1.0).contains(&decay);
        require(sound, "average.decay", "at least 0 and below 1", decay)?;
        let entry = |(name, weight): (_, Tensor)| {
            let master = master(&weight);
            Entry::new(Into::into(name), &weight, master)
        };
        let mut entries: Vec<Entry> = named.into_iter().map(entry).collect::<Result<_, _>>()?;
        entries.sort_by(|one, next| one.name.cmp(&next.name));
        if let Some(pair) = entries.windows(2).find(|pair| pair[0].name == pair[1].name) {
            return Err(Error::DuplicateParameter {
                name: pair[0].name.clone(),
            });
        }
        Ok(Self {
            decay,
            warms_up: false,
            updates: 0,
            entries,
            is_swapped: false,
        })
    }

    /// With a smaller decay at first, so that the start is soon forgotten.
    #[must_use]
    pub fn with_warm_up(mut self) -> Self {
        self.warms_up = true;
        self
    }

    /// Updates so far.
    pub fn updates(&self) -> u64 {
        self.updates
    }

    /// Takes the weights as they are into the average. On an accelerator it waits for nothing.
    ///
    /// # Panics
    ///
    /// If the average is in the place of the weights.
    pub fn update(&mut self) {
        assert!(
            !self.is_swapped,
            "the average is in the place of the weights"
        );
        let t = self.updates as f64;
        let decay = if self.warms_up {
            self.decay.min((1.0 + t) / (10.0 + t))
        } else {
            self.decay
        };
        let is_float = |entry: &&Entry| entry.weight.is_floating_point();
        let (floats, others): (Vec<_>, Vec<_>) = self.entries.iter().partition(is_float);
        foreach_lerp(
            floats.iter().map(|entry| (&entry.average, entry.source())),
            1.0 - decay,
        );
        foreach_copy(others.iter().map(|entry| (&entry.average, &entry.weight)));
        self.updates += 1;
    }

    /// Puts the average in the place of the weights, or takes it out again, to the bit.
    ///
    /// Until then an optimizer of these weights refuses a step, and whatever else takes them for
    /// those that are trained: [`Error::Averaged`]. Weights that are saved meanwhile are the
    /// average.
    pub fn swap(&mut self) {
        let (copied, own): (Vec<_>, Vec<_>) =
            (self.entries.iter_mut()).partition(|entry| entry.master.is_some());
        let weights: Vec<Tensor> = own.iter().map(|entry| entry.weight.copy()).collect();
        foreach_copy(own.iter().map(|entry| (&entry.weight, &entry.average)));
        foreach_copy(own.iter().map(|entry| &entry.average).zip(&weights));
        for entry in copied {
            match entry.aside.take() {
                Some(weight) => entry.weight.copy_(&weight),
                None => {
                    entry.aside = Some(entry.weight.copy());
                    entry.weight.copy_(&entry.average);
                }
            }
        }
        self.is_swapped = !self.is_swapped;
        let addresses = self.entries.iter().filter_map(Entry::address);
        match self.is_swapped {
            true => swapped::put(addresses),
            false => swapped::take(addresses),
        }
    }
}

impl Drop for WeightAverage {
    /// What is in the place of the weights stays there, and is what is trained from then on.
    fn drop(&mut self) {
        if self.is_swapped {
            swapped::take(self.entries.iter().filter_map(Entry::address));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn tensor(values: &[f32]) -> Tensor {
        Tensor::from_slice(values)
    }

    pub(super) fn values(tensor: &Tensor) -> Vec<f64> {
        Vec::try_from(tensor.to_kind(Kind::Double)).unwrap()
    }

    pub(super) fn set(tensor: &Tensor, value: f64) {
        let _ = tensor.shallow_clone().fill_(value);
    }

    #[test]
    fn it_follows_the_equation() {
        let weight = tensor(&[1.0, 1.0]);
        let mut average = WeightAverage::new([("w", weight.shallow_clone())], 0.75).unwrap();
        for value in [2.0, 3.0] {
            set(&weight, value);
            average.update();
        }
        // 0.75 (0.75 · 1 + 0.25 · 2) + 0.25 · 3
        assert_eq!(values(&average.state().tensors["w"]), [1.6875; 2]);
        assert_eq!(values(&weight), [3.0; 2]);
    }

    #[test]
    fn warm_up_forgets_the_start() {
        let weight = tensor(&[1.0]);
        let average = WeightAverage::new([("w", weight.shallow_clone())], 0.999).unwrap();
        let mut average = average.with_warm_up();
        set(&weight, 2.0);
        average.update();
        // ρ = 1 / 10
        assert!((values(&average.state().tensors["w"])[0] - 1.9).abs() < 1e-6);
    }

    #[test]
    fn two_swaps_change_nothing() {
        let weight = tensor(&[1.0, 5.0]);
        let mut average = WeightAverage::new([("w", weight.shallow_clone())], 0.5).unwrap();
        set(&weight, 3.0);
        average.update();
        average.swap();
        assert_eq!(values(&weight), [2.0, 4.0]);
        average.swap();
        assert_eq!(values(&weight), [3.0, 3.0]);
        assert_eq!(values(&average.state().tensors["w"]), [2.0, 4.0]);
    }

    #[test]
    fn counts_are_copied() {
        let count = Tensor::from(3i64);
        let mut average = WeightAverage::new([("n", count.shallow_clone())], 0.5).unwrap();
        set(&count, 8.0);
        average.update();
        assert_eq!(i64::try_from(&average.state().tensors["n"]).unwrap(), 8);
    }

    /// Transposed, as channels-last weights are.
    #[test]
    fn layouts_are_kept_apart() {
        let weight = tensor(&[1.0, 2.0, 3.0, 4.0]).view([2, 2]).tr();
        let mut average = WeightAverage::new([("w", weight.shallow_clone())], 0.5).unwrap();
        let _ = weight.shallow_clone().g_mul_scalar_(3.0);
        average.update();
        let expected = tensor(&[2.0, 6.0, 4.0, 8.0]).view([2, 2]);
        assert_eq!(average.state().tensors["w"], expected);
    }

    #[test]
    fn impossible_settings_are_refused() {
        for decay in [1.0, -0.1, f64::NAN] {
            assert!(WeightAverage::new([("w", tensor(&[1.0]))], decay).is_err());
        }
        let twice = [("w", tensor(&[1.0])), ("w", tensor(&[1.0]))];
        assert!(WeightAverage::new(twice, 0.5).is_err());
    }
}
