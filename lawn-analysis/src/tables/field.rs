//! How a field of a row is written: in one cell or several.

use super::value::Value;
use crate::analysis::{Place, Question, Support, Verdict};
use crate::records::{BudgetUnit, Outcome, Phase, Stage};
use crate::stats::{Aggregate, Estimate, Interval};
use crate::word::Word;

/// What the values of a column are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A value that stands by itself.
    Plain,
    /// An estimate. The two columns after it are the ends of its interval. All three are printed as
    /// one.
    Estimate,
    /// A verdict.
    Verdict,
}

/// A field of a row.
pub trait Field {
    /// The kinds of its columns.
    const KINDS: &'static [Kind] = &[Kind::Plain];

    /// Appends its cells to those of its row, one per column.
    fn write(&self, cells: &mut Vec<Value>);
}

/// An absent field has cells without a value, as many as a present one.
impl<T: Field> Field for Option<T> {
    const KINDS: &'static [Kind] = T::KINDS;

    fn write(&self, cells: &mut Vec<Value>) {
        match self {
            Some(field) => field.write(cells),
            None => cells.extend(T::KINDS.iter().map(|_| Value::Absent)),
        }
    }
}

impl Field for f64 {
    fn write(&self, cells: &mut Vec<Value>) {
        cells.push(Value::Number(*self));
    }
}

impl Field for i64 {
    fn write(&self, cells: &mut Vec<Value>) {
        cells.push(Value::Integer(*self));
    }
}

impl Field for usize {
    fn write(&self, cells: &mut Vec<Value>) {
        // Rows in memory cannot have a count beyond i64.
        cells.push(Value::Integer(i64::try_from(*self).unwrap_or(i64::MAX)));
    }
}

impl Field for str {
    fn write(&self, cells: &mut Vec<Value>) {
        cells.push(Value::Text(self.to_owned()));
    }
}

impl Field for String {
    fn write(&self, cells: &mut Vec<Value>) {
        self.as_str().write(cells);
    }
}

impl Field for bool {
    fn write(&self, cells: &mut Vec<Value>) {
        if *self { "yes" } else { "no" }.write(cells);
    }
}

impl Field for Question {
    fn write(&self, cells: &mut Vec<Value>) {
        self.name().write(cells);
    }
}

impl Field for Aggregate {
    fn write(&self, cells: &mut Vec<Value>) {
        self.name().write(cells);
    }
}

impl Field for Verdict {
    const KINDS: &'static [Kind] = &[Kind::Verdict];

    fn write(&self, cells: &mut Vec<Value>) {
        self.as_str().write(cells);
    }
}

impl Field for Support {
    const KINDS: &'static [Kind] = &[Kind::Verdict];

    fn write(&self, cells: &mut Vec<Value>) {
        self.as_str().write(cells);
    }
}

macro_rules! word {
    ($($name:ty),*) => {$(
        impl Field for $name {
            fn write(&self, cells: &mut Vec<Value>) {
                self.as_str().write(cells);
            }
        }
    )*};
}

word!(BudgetUnit, Outcome, Phase, Stage);

/// Task, question, baseline, treatment and batch size.
impl Field for Place {
    const KINDS: &'static [Kind] = &[Kind::Plain; 5];

    fn write(&self, cells: &mut Vec<Value>) {
        self.task.write(cells);
        self.question.write(cells);
        self.contrast.baseline.write(cells);
        self.contrast.treatment.write(cells);
        self.batch_size.write(cells);
    }
}

/// Its low and its high end.
impl Field for Interval {
    const KINDS: &'static [Kind] = &[Kind::Plain; 2];

    fn write(&self, cells: &mut Vec<Value>) {
        self.low.write(cells);
        self.high.write(cells);
    }
}

/// The estimate and the ends of its interval.
impl Field for Estimate {
    const KINDS: &'static [Kind] = &[Kind::Estimate, Kind::Plain, Kind::Plain];

    fn write(&self, cells: &mut Vec<Value>) {
        self.value.write(cells);
        self.interval.write(cells);
    }
}

/// Mean and range of some values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// Their mean.
    pub mean: f64,
    /// The smallest of them.
    pub low: f64,
    /// The largest of them.
    pub high: f64,
}

impl Spread {
    /// The spread of some values; none where there are none.
    pub(crate) fn of(values: &[f64]) -> Option<Self> {
        let all = || values.iter().copied();
        Some(Self {
            mean: all().sum::<f64>() / values.len() as f64,
            low: all().reduce(f64::min)?,
            high: all().reduce(f64::max)?,
        })
    }
}

/// The mean and the ends of the range.
impl Field for Spread {
    const KINDS: &'static [Kind] = &[Kind::Plain; 3];

    fn write(&self, cells: &mut Vec<Value>) {
        self.mean.write(cells);
        self.low.write(cells);
        self.high.write(cells);
    }
}
