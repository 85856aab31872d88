use serde::{Deserialize, Serialize};

/// What lines have that their rows do not show.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::data::clicks) struct LineFacts {
    /// Integers below 0, which count as 0.
    pub(in crate::data::clicks) below_zero: u64,
    /// Integers that are not there.
    pub(in crate::data::clicks) absent: u64,
    /// Of a format that has a time.
    pub(in crate::data::clicks) hours: Option<Hours>,
}

/// In which order rows have their hours, as `YYMMDDHH`.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::data::clicks) struct Hours {
    first: u32,
    last: u32,
    /// Rows whose hour is before that of the row ahead of them.
    pub(in crate::data::clicks) back: u64,
}

impl Hours {
    /// Of one row.
    pub(super) fn of(hour: u32) -> Self {
        Self {
            first: hour,
            last: hour,
            back: 0,
        }
    }

    fn and(self, behind: Self) -> Self {
        Self {
            first: self.first,
            last: behind.last,
            back: self.back + behind.back + u64::from(behind.first < self.last),
        }
    }
}

impl LineFacts {
    /// Adds those of the lines that follow.
    pub(in crate::data::clicks) fn add(&mut self, behind: Self) {
        self.below_zero += behind.below_zero;
        self.absent += behind.absent;
        self.hours = match (self.hours, behind.hours) {
            (Some(hours), Some(behind)) => Some(hours.and(behind)),
            (hours, behind) => hours.or(behind),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_that_go_back_are_counted_however_lines_are_cut() {
        let hours = [3, 3, 5, 4, 6, 1];
        let of = |hours: &[u32]| {
            let mut facts = LineFacts::default();
            for &hour in hours {
                facts.add(LineFacts {
                    hours: Some(Hours::of(hour)),
                    ..LineFacts::default()
                });
            }
            facts
        };
        for cut in 0..=hours.len() {
            let (one, other) = hours.split_at(cut);
            let mut joined = of(one);
            joined.add(of(other));
            assert_eq!(joined, of(&hours), "{cut}");
            assert_eq!(joined.hours.map(|hours| hours.back), Some(2));
        }
    }
}
