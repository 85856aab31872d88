//! Results of the statistics, as structs with named fields.

use serde::Serialize;

/// The direction in which a test looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Alternative {
    /// The effect is not zero.
    #[default]
    TwoSided,
    /// The effect is above zero.
    Greater,
    /// The effect is below zero.
    Less,
}

/// An interval with its nominal coverage.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Interval {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// Nominal coverage, such as 0.95.
    pub level: f64,
    /// How it was computed.
    pub method: &'static str,
}

impl Interval {
    /// Whether `value` lies in the interval, ends included.
    pub fn contains(&self, value: f64) -> bool {
        self.low <= value && value <= self.high
    }

    /// Whether the interval has any width. One without would claim certainty.
    pub fn has_width(&self) -> bool {
        self.low < self.high
    }

    /// The interval of the negated quantity.
    #[must_use]
    pub fn negated(self) -> Self {
        Self {
            low: -self.high,
            high: -self.low,
            ..self
        }
    }
}

/// An estimate with its interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Estimate {
    /// The estimate.
    pub value: f64,
    /// Its interval, where enough values give one.
    pub interval: Option<Interval>,
    /// How many values it rests on.
    pub n: usize,
    /// What is estimated, and how.
    pub method: &'static str,
}

/// A probability as a fraction of equally likely cases.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Ratio {
    /// Cases at least as extreme.
    pub numerator: u128,
    /// Cases in all.
    pub denominator: u128,
}

impl Ratio {
    /// The p-value of both tails of a distribution of `all` cases. Cases equal to the observed one
    /// count in each tail.
    pub(crate) fn of_tails(up_to: u128, from: u128, all: u128, alternative: Alternative) -> Self {
        let numerator = match alternative {
            Alternative::TwoSided => (2 * up_to.min(from)).min(all),
            Alternative::Greater => from,
            Alternative::Less => up_to,
        };
        Self {
            numerator,
            denominator: all,
        }
    }

    /// Twice the fraction, at most 1. Of the smaller of two tails this is the two-sided p.
    pub(crate) fn doubled(self) -> Self {
        Self {
            numerator: (2 * self.numerator).min(self.denominator),
            ..self
        }
    }

    /// The fraction as a number.
    pub fn value(self) -> f64 {
        self.numerator as f64 / self.denominator as f64
    }
}

/// The result of a test.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct TestResult {
    /// Probability, under the null hypothesis, of a statistic at least as extreme.
    pub statistic: f64,
    /// Probability, under the null, of a statistic at least as extreme.
    pub p: f64,
    /// The same as a fraction, where the test counts cases.
    pub exact: Option<Ratio>,
    /// How many values or pairs it rests on.
    pub n: usize,
    /// The direction in which it looked.
    pub alternative: Alternative,
    /// Name of the test.
    pub method: &'static str,
}
