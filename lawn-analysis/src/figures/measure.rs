//! What a vertical axis measures.

use super::axis::Axis;

/// The ends of a share of a whole.
const SHARE: [f64; 2] = [0.0, 1.0];

/// What a vertical axis measures: its label, and the ends that no value passes.
#[derive(Clone, Debug)]
pub(crate) struct Measure {
    pub(crate) label: String,
    bounds: Option<[f64; 2]>,
}

impl Measure {
    /// Something that may have any value.
    pub(crate) fn unbounded(label: impl Into<String>) -> Self {
        Self {
            label: label.into(),
            bounds: None,
        }
    }

    /// A share of a whole, such as an error rate.
    pub(crate) fn share(label: impl Into<String>) -> Self {
        Self {
            label: label.into(),
            bounds: Some(SHARE),
        }
    }

    /// A metric with these values. It is a share, as hit rates, accuracies and AUCs are, where more of
    /// it is better and all of them are from 0 to 1.
    pub(crate) fn metric(
        label: impl Into<String>,
        more_is_better: bool,
        mut values: impl Iterator<Item = f64>,
    ) -> Self {
        let [least, most] = SHARE;
        match more_is_better && values.all(|value| (least..=most).contains(&value)) {
            true => Self::share(label),
            false => Self::unbounded(label),
        }
    }

    /// The part of an axis on which values can lie.
    pub(crate) fn on(&self, axis: Axis) -> Axis {
        match self.bounds {
            Some(bounds) => axis.within(bounds),
            None => axis,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ends(measure: &Measure, values: &[f64]) -> [f64; 2] {
        let axis = measure.on(Axis::linear(values.iter().copied(), 6));
        assert!(axis.ticks.len() > 1, "{axis:?}");
        let is_on = |at: f64| axis.low - 1e-9 <= at && at <= axis.high + 1e-9;
        assert!(axis.ticks.iter().all(|tick| is_on(tick.at)), "{axis:?}");
        [axis.low, axis.high]
    }

    #[test]
    fn an_axis_of_a_rate_ends_where_rates_do() {
        let of = |values: &[f64]| {
            let rate = Measure::metric("hr@10", true, values.iter().copied());
            ends(&rate, values)
        };
        assert_eq!(of(&[0.0, 1.0]), [0.0, 1.0]);
        assert_eq!(of(&[0.0]), [0.0, 1.0]);
        let [low, high] = of(&[0.01, 0.41]);
        assert!(low == 0.0 && (high - 0.43).abs() < 1e-9, "{low}, {high}");
        let [low, high] = of(&[1.0]);
        assert!(low > 0.9 && high == 1.0, "{low}, {high}");
        // Far from its ends it is as any other axis.
        let values = [0.4, 0.6];
        assert_eq!(of(&values), ends(&Measure::unbounded(""), &values));
    }

    #[test]
    fn what_is_no_rate_has_room_below_zero_and_above_one() {
        let bounds = |more_is_better, values: &[f64]| {
            Measure::metric("", more_is_better, values.iter().copied()).bounds
        };
        assert_eq!(bounds(true, &[0.2, 0.9]), Some(SHARE));
        // A loss, percent, and a coefficient of determination.
        assert_eq!(bounds(false, &[0.2, 0.9]), None);
        assert_eq!(bounds(true, &[0.2, 90.0]), None);
        assert_eq!(bounds(true, &[-0.2, 0.9]), None);
        let [low, high] = ends(&Measure::unbounded(""), &[0.0, 1.0]);
        assert!(low < 0.0 && high > 1.0);
    }
}
