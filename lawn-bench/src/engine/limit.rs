//! How many trials may fail, as `--max-failures` says it.

use std::str::FromStr;

/// How many trials of a plan may fail. One that diverged does not count: a learning rate that is
/// too high makes trials diverge, and tuning tries such rates.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Limit {
    /// So many.
    Count(usize),
    /// A share of the plan in percent, 0 to 100, rounded down.
    Percent(f64),
}

impl Limit {
    /// As a number, of a plan of `trials`.
    #[must_use]
    pub fn of(self, trials: usize) -> usize {
        match self {
            Self::Count(count) => count,
            Self::Percent(percent) => (percent * trials as f64 / 100.0).floor() as usize,
        }
    }
}

impl FromStr for Limit {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const ALLOWED: &str =
            "must be a whole number of 0 or more, or a share from 0% to 100%, as 20%";
        match text.strip_suffix('%') {
            None => text.parse().map(Self::Count).map_err(|_| ALLOWED),
            Some(percent) => match percent.trim().parse::<f64>() {
                Ok(percent) if (0.0..=100.0).contains(&percent) => Ok(Self::Percent(percent)),
                _ => Err(ALLOWED),
            },
        }
    }
}

impl std::fmt::Display for Limit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Count(count) => count.fmt(f),
            Self::Percent(percent) => write!(f, "{percent}%"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_a_count_or_a_share_of_the_plan() {
        let of = |text: &str| text.parse::<Limit>().map(|limit| limit.of(100));
        assert_eq!(of("0"), Ok(0));
        assert_eq!(of("7"), Ok(7));
        assert_eq!(of("20%"), Ok(20));
        assert_eq!(of("29%"), Ok(29));
        assert_eq!(of("0.5%"), Ok(0));
        for wrong in ["", "-1", "1.5", "101%", "%", "NaN%", "0.2x"] {
            let said = of(wrong).expect_err(wrong);
            assert!(said.contains("20%"), "{said}");
        }
        for text in ["3", "12.5%"] {
            let limit: Limit = text.parse().expect("it is one");
            assert_eq!(limit.to_string(), text);
        }
    }
}
