//! What times of a file are likely to be.

use super::interactions::Line;
use super::moments::Unit;
use crate::data::by_number::by_number;

/// Beyond it seconds since 1970 are of the year 5138, and milliseconds of 1973.
const MILLISECONDS: i64 = 100_000_000_000;

/// Below it seconds since 1970 are of 1973.
const SECONDS: i64 = 100_000_000;

/// Times that cannot be compared with others, or are likely to be wrong, counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Times {
    below_zero: u64,
    seconds: u64,
    finer: u64,
}

impl Times {
    pub(super) fn of(lines: &[Line], unit: Unit) -> Self {
        let mut times = Self::default();
        for line in lines {
            let time = line.time.div_euclid(unit.of_a_second());
            times.below_zero += u64::from(time < 0);
            times.seconds += u64::from((SECONDS..MILLISECONDS).contains(&time));
            times.finer += u64::from(time >= MILLISECONDS);
        }
        times
    }

    /// What people should know of them, a line each.
    pub(crate) fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        if self.below_zero > 0 {
            let count = self.below_zero;
            lines.push(by_number(
                count,
                "time[ is|s are] below 0, earlier than all others",
            ));
        }
        if self.seconds > 0 && self.finer > 0 {
            let finer = by_number(self.finer, "time[ is|s are] as large as milliseconds");
            lines.push(format!(
                "{finer} since 1970, and {} as seconds: in one order they are compared as they are",
                self.seconds
            ));
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_two_units_and_below_0_are_counted() {
        let said = |times: &[i64]| {
            let line = |&time: &i64| Line {
                user: 0,
                item: 0,
                time,
                number: 1,
            };
            let lines: Vec<Line> = times.iter().map(line).collect();
            Times::of(&lines, Unit::Seconds).lines()
        };
        assert!(said(&[0, 5, 978_300_019, 1_700_000_000]).is_empty());
        assert!(said(&[978_300_019_000, 1_700_000_000_000, 0]).is_empty());
        let mixed = said(&[978_300_019, 978_300_019_000, 978_300_020_000]);
        assert!(mixed[0].starts_with("2 times are as large as milliseconds since 1970, and 1 as"));
        assert!(said(&[-3, 7])[0].starts_with("1 time is below 0"));
    }
}
