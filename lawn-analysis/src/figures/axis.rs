//! Scales and the ticks that belong on them.

use crate::text;

/// A tick: its position, and the text beside it.
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

    /// The same axis with room at each end: `share` of its length, for what stands beside a value.
    pub(crate) fn with_room(mut self, share: f64) -> Self {
        let beyond = share / (1.0 - 2.0 * share.min(0.4));
        (self.low, self.high) = match self.scale {
            Scale::Linear => {
                let room = beyond * (self.high - self.low);
                (self.low - room, self.high + room)
            }
            Scale::Log => {
                let room = (self.high / self.low).powf(beyond);
                (self.low / room, self.high * room)
            }
        };
        self
    }

    /// The part of the axis between two bounds, where it goes beyond them.
    pub(crate) fn within(mut self, [least, most]: [f64; 2]) -> Self {
        (self.low, self.high) = (self.low.max(least), self.high.min(most));
        // A tick at a bound may be a rounding error beyond it.
        let rounding = 1e-9 * (most - least);
        let ends = least - rounding..=most + rounding;
        self.ticks.retain(|tick| ends.contains(&tick.at));
        self
    }

    /// A linear axis that holds all values, with a margin and round ticks.
    pub(crate) fn linear(values: impl Iterator<Item = f64>, most_ticks: usize) -> Self {
        let (low, high) = padded(values);
        let ticks = linear_ticks(low, high, most_ticks);
        Self {
            low,
            high,
            scale: Scale::Linear,
            ticks,
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
        if ticks.len() < 2 {
            // Within one octave the ticks of a linear axis are rounder.
            let ticks = linear_ticks(low, high, most_ticks);
            return Self {
                low,
                high,
                scale: Scale::Log,
                ticks,
            };
        }
        // Of many decades only every second, third, … one gets a tick.
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
        // Intervals stand side by side at the outermost sizes, and need room there.
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

    /// An axis from zero for counts, such as epochs or steps. Its ticks are whole numbers.
    pub(crate) fn counts(last: f64, most_ticks: usize) -> Self {
        let span = last.max(1.0);
        let mut step = round_step(span / most_ticks as f64).max(1.0);
        if span < step {
            // A single tick would show no scale.
            step = round_step(step / 2.5).max(1.0);
        }
        let count = (span / step).floor() as i64;
        let ticks = (0..=count).map(|index| {
            let at = index as f64 * step;
            Tick {
                at,
                label: text::batch(at as i64),
            }
        });
        Self {
            low: 0.0,
            high: span * 1.02,
            scale: Scale::Linear,
            ticks: ticks.collect(),
        }
    }

    /// The axis without texts at its ticks, for a panel whose neighbour has them.
    pub(crate) fn unlabelled(mut self) -> Self {
        self.ticks.iter_mut().for_each(|tick| tick.label.clear());
        self
    }

    /// An axis of named places.
    pub(crate) fn places<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        let ticks: Vec<Tick> = names
            .into_iter()
            .enumerate()
            .map(|(at, name)| Tick {
                at: at as f64,
                label: name.to_owned(),
            })
            .collect();
        Self {
            low: -0.5,
            high: ticks.len().max(1) as f64 - 0.5,
            scale: Scale::Linear,
            ticks,
        }
    }
}

/// Ticks at round numbers from a low to a high end.
fn linear_ticks(low: f64, high: f64, most: usize) -> Vec<Tick> {
    let ends = |step: f64| ((low / step).ceil(), (high / step).floor());
    let mut step = round_step((high - low) / most as f64);
    // A single tick would show no scale.
    for _ in 0..2 {
        let (first, last) = ends(step);
        if last - first < 1.0 {
            step = round_step(step / 2.5);
        }
    }
    let (first, last) = ends(step);
    let count = (last - first).clamp(0.0, 20.0) as usize;
    let ticks = (0..=count).map(|index| (first + index as f64) * step);
    let largest = low.abs().max(high.abs());
    // Long numbers are written with an exponent.
    let plain = (1e-3..1e6).contains(&largest);
    let decimals = (-step.log10().floor()).clamp(0.0, 12.0) as usize;
    let digits = (largest.log10().floor() - step.log10().floor()).clamp(0.0, 12.0) as usize;
    let label = |at: f64| match at {
        0.0 if plain => format!("{at:.decimals$}"),
        0.0 => "0".to_owned(),
        _ if plain => format!("{at:.decimals$}"),
        _ => exponent(at, digits),
    };
    ticks
        .map(|at| {
            // A tick shows neither minus zero nor the rounding error of a sum that should be zero.
            let at = if at.abs() < 1e-6 * step { 0.0 } else { at };
            Tick {
                at,
                label: label(at).replace('-', "−"),
            }
        })
        .collect()
}

/// A number with an exponent, with at most so many decimals and no zeros at their end.
fn exponent(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let mantissa = if mantissa.contains('.') {
        mantissa.trim_end_matches('0').trim_end_matches('.')
    } else {
        mantissa
    };
    format!("{mantissa}e{exponent}")
}

fn log_label(value: f64) -> String {
    if (1e3..1e7).contains(&value) {
        return text::batch(value as i64);
    }
    if (1e-3..1e3).contains(&value) {
        let decimals = (-value.log10().floor()).max(0.0) as usize;
        return format!("{value:.decimals$}");
    }
    exponent(value, 1).replace('-', "−")
}

/// The range of the values with a margin of 5 %. A single value gets room around it.
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
    // Differences too small for the digits of a label do not count.
    let margin = if span > 1e-9 * low.abs().max(high.abs()) {
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
    fn long_numbers_are_written_with_an_exponent() {
        let axis = Axis::linear([-2e-5, 4e-5].into_iter(), 5);
        assert_eq!(labels(&axis), ["−2e−5", "0", "2e−5", "4e−5"]);
        let axis = Axis::linear([1.21e9, 1.29e9].into_iter(), 5);
        assert_eq!(labels(&axis), ["1.22e9", "1.24e9", "1.26e9", "1.28e9"]);
        let axis = Axis::log([900.0, 40_000.0].into_iter(), 4);
        assert_eq!(labels(&axis), ["1k", "3k", "10k", "30k"]);
        let axis = Axis::counts(4882.0, 2);
        assert_eq!(labels(&axis), ["0", "2k", "4k"]);
        let axis = Axis::counts(40_000.0, 4);
        assert_eq!(labels(&axis), ["0", "10k", "20k", "30k", "40k"]);
    }

    #[test]
    fn room_is_a_share_of_the_axis_at_each_end() {
        for axis in [
            Axis::linear([2.0, 3.0].into_iter(), 5),
            Axis::log([1e-4, 1.0].into_iter(), 5),
        ] {
            let (low, high) = (axis.low, axis.high);
            let wide = axis.with_room(0.1);
            assert!((wide.place(low) - 0.1).abs() < 1e-12);
            assert!((wide.place(high) - 0.9).abs() < 1e-12);
        }
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
        let axis = Axis::log([6.2, 6.6].into_iter(), 5);
        assert!(axis.ticks.len() >= 2, "{:?}", labels(&axis));
    }

    #[test]
    fn one_value_and_none_still_make_an_axis() {
        for axis in [
            Axis::linear([0.5].into_iter(), 5),
            Axis::linear(std::iter::empty(), 5),
            Axis::from_zero([0.0].into_iter(), 5),
            Axis::log(std::iter::empty(), 5),
            Axis::batches(&[32]),
            Axis::counts(1.0, 5),
            Axis::places(["a", "b"]),
        ] {
            assert!(axis.high > axis.low && !axis.ticks.is_empty(), "{axis:?}");
        }
    }
}
