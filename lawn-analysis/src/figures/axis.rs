//! Scales and the ticks that belong on them.

use crate::text;

/// A tick: where, and what stands beside it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Tick {
    pub(crate) at: f64,
    pub(crate) label: String,
}

/// How values map onto an axis.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Scale {
    Linear,
    /// Equal ratios at equal distances.
    Log,
}

/// An axis: its range and its ticks.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Axis {
    pub(crate) low: f64,
    pub(crate) high: f64,
    pub(crate) scale: Scale,
    pub(crate) ticks: Vec<Tick>,
}

impl Axis {
    /// Where a value lies: 0 at the low end, 1 at the high end.
    pub(crate) fn place(&self, value: f64) -> f64 {
        let (low, high, value) = match self.scale {
            Scale::Linear => (self.low, self.high, value),
            Scale::Log => (self.low.ln(), self.high.ln(), value.ln()),
        };
        (value - low) / (high - low)
    }

    /// A linear axis that holds all values, with a margin and round ticks.
    pub(crate) fn linear(values: impl Iterator<Item = f64>, most_ticks: usize) -> Self {
        let (low, high) = padded(values);
        let step = round_step((high - low) / most_ticks as f64);
        let first = (low / step).ceil() as i64;
        let last = (high / step).floor() as i64;
        let decimals = (-step.log10().floor()).clamp(0.0, 12.0) as usize;
        let label = |value: f64| format!("{value:.decimals$}").replace('-', "−");
        let ticks = (first..=last).map(|index| {
            let at = index as f64 * step;
            Tick {
                at,
                label: label(if index == 0 { 0.0 } else { at }),
            }
        });
        Self {
            low,
            high,
            scale: Scale::Linear,
            ticks: ticks.collect(),
        }
    }

    /// An axis from zero that holds all values, none of which is negative.
    pub(crate) fn from_zero(values: impl Iterator<Item = f64>, most_ticks: usize) -> Self {
        let high = values.fold(0.0, f64::max);
        let high = if high > 0.0 { high * 1.06 } else { 1.0 };
        let mut axis = Self::linear([0.0, high].into_iter(), most_ticks);
        (axis.low, axis.high) = (0.0, high);
        axis.ticks.retain(|tick| tick.at >= 0.0 && tick.at <= high);
        axis
    }

    /// A logarithmic axis of positive values, with ticks at 1, 2 and 5 of each decade, or fewer.
    pub(crate) fn log(values: impl Iterator<Item = f64>, most_ticks: usize) -> Self {
        let (low, high) = values
            .filter(|value| *value > 0.0)
            .fold((f64::INFINITY, 0.0_f64), |(low, high), v| {
                (low.min(v), high.max(v))
            });
        let (low, high) = if low <= high {
            (low, high)
        } else {
            (0.1, 10.0)
        };
        let (low, high) = (low / 1.15, high * 1.15);
        let decades = low.log10().floor() as i32..=high.log10().ceil() as i32;
        let choices: [&[f64]; 3] = [&[1.0, 2.0, 5.0], &[1.0, 3.0], &[1.0]];
        let candidates = choices.map(|digits| {
            let all = decades.clone().flat_map(|decade| {
                digits
                    .iter()
                    .map(move |digit| digit * 10.0_f64.powi(decade))
            });
            all.filter(|tick| (low..=high).contains(tick))
                .collect::<Vec<f64>>()
        });
        let fits = |ticks: &&Vec<f64>| ticks.len() <= most_ticks;
        let ticks = candidates.iter().find(fits).unwrap_or(&candidates[2]);
        // Many decades: every second, third, … one.
        let skip = ticks.len().div_ceil(most_ticks).max(1);
        let ticks = ticks.iter().step_by(skip);
        Self {
            low,
            high,
            scale: Scale::Log,
            ticks: ticks
                .map(|at| Tick {
                    at: *at,
                    label: log_label(*at),
                })
                .collect(),
        }
    }

    /// A logarithmic axis whose ticks are the batch sizes themselves.
    pub(crate) fn batches(sizes: &[i64]) -> Self {
        let low = sizes.first().map_or(1.0, |size| *size as f64);
        let high = sizes.last().map_or(1.0, |size| *size as f64);
        // Room beside the outermost sizes for intervals that stand side by side.
        let room = ((high / low).powf(0.12)).max(1.3);
        let tick = |size: &i64| Tick {
            at: *size as f64,
            label: text::batch(*size),
        };
        Self {
            low: low / room,
            high: high * room,
            scale: Scale::Log,
            ticks: sizes.iter().map(tick).collect(),
        }
    }

    /// An axis of epochs: whole numbers only.
    pub(crate) fn epochs(last: i64, most_ticks: usize) -> Self {
        let span = last.max(1) as f64;
        let step = round_step(span / most_ticks as f64).max(1.0);
        let count = (span / step).floor() as i64;
        let ticks = (0..=count).map(|index| {
            let at = index as f64 * step;
            Tick {
                at,
                label: format!("{at:.0}"),
            }
        });
        Self {
            low: 0.0,
            high: span * 1.02,
            scale: Scale::Linear,
            ticks: ticks.collect(),
        }
    }
}

fn log_label(value: f64) -> String {
    if (1e-3..1e5).contains(&value) {
        let decimals = (-value.log10().floor()).max(0.0) as usize;
        return format!("{value:.decimals$}");
    }
    format!("{value:e}").replace("e-", "e−")
}

/// The range of the values with a margin of a twentieth; a single value gets room about it.
fn padded(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let (low, high) = values
        .filter(|value| value.is_finite())
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| {
            (low.min(v), high.max(v))
        });
    if low > high {
        return (0.0, 1.0);
    }
    let span = high - low;
    let margin = if span > 0.0 {
        0.05 * span
    } else if low == 0.0 {
        1.0
    } else {
        0.05 * low.abs()
    };
    (low - margin, high + margin)
}

/// The smallest of 1, 2, 5 times a power of ten that is not below the number.
fn round_step(least: f64) -> f64 {
    let power = 10.0_f64.powf(least.log10().floor());
    [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .map(|digit| digit * power)
        .find(|step| *step >= least * (1.0 - 1e-9))
        .unwrap_or(10.0 * power)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(axis: &Axis) -> Vec<&str> {
        axis.ticks.iter().map(|tick| tick.label.as_str()).collect()
    }

    #[test]
    fn linear_ticks_are_round() {
        let axis = Axis::linear([0.641, 0.672].into_iter(), 5);
        assert_eq!(labels(&axis), ["0.64", "0.65", "0.66", "0.67"]);
        let axis = Axis::linear([-1.0, 1.0].into_iter(), 5);
        assert_eq!(labels(&axis), ["−1.0", "−0.5", "0.0", "0.5", "1.0"]);
    }

    #[test]
    fn batch_ticks_are_the_sizes_at_equal_ratios() {
        let axis = Axis::batches(&[256, 1024, 4096]);
        assert_eq!(labels(&axis), ["256", "1024", "4096"]);
        let at = |size: f64| axis.place(size);
        assert!((at(1024.0) - at(256.0) - (at(4096.0) - at(1024.0))).abs() < 1e-12);
    }

    #[test]
    fn log_ticks_neither_vanish_nor_repeat() {
        let axis = Axis::log([0.03, 40.0].into_iter(), 8);
        assert_eq!(labels(&axis), ["0.03", "0.1", "0.3", "1", "3", "10", "30"]);
        let axis = Axis::log([1e-8, 1e8].into_iter(), 6);
        assert!(
            axis.ticks.len() <= 6 && axis.ticks.len() >= 4,
            "{:?}",
            labels(&axis)
        );
    }

    #[test]
    fn one_value_and_none_still_make_an_axis() {
        for axis in [
            Axis::linear([0.5].into_iter(), 5),
            Axis::linear(std::iter::empty(), 5),
            Axis::from_zero([0.0].into_iter(), 5),
            Axis::log(std::iter::empty(), 5),
            Axis::batches(&[32]),
            Axis::epochs(1, 5),
        ] {
            assert!(axis.high > axis.low && !axis.ticks.is_empty(), "{axis:?}");
        }
    }
}
