//! What the statistics return: numbers that carry their names.

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

/// An interval with the level it is meant to cover at.
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

    /// Whether it says anything: one of no width claims to be certain.
    pub fn has_width(&self) -> bool {
        self.low < self.high
    }

    /// The same interval seen from the other side of zero.
    #[must_use]
    pub fn negated(self) -> Self {
        Self {
            low: -self.high,
            high: -self.low,
            ..self
        }
    }
}

/// An estimate, and how sure it is.
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
    /// The p-value of the cases in both tails of a distribution of `all` cases, those equal to the
    /// observed one counted in each.
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

    /// Twice the fraction, at most 1: the two-sided p of the smaller of two tails.
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
    /// The statistic, named in the test's own documentation.
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
