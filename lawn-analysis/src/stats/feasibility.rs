//! Whether a test can reach its level at all, which is known before any p-value.

use super::sign_flip::{DRAWS, MOST_EXACT};

/// What an exact paired test can reach with the seeds at hand.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Feasibility {
    /// Paired seeds.
    pub n: usize,
    /// Tests in the family.
    pub family: usize,
    /// Error rate of the family.
    pub alpha: f64,
    /// Smallest two-sided p of an exact sign-flip or signed-rank test. Where there are too many
    /// patterns to count, it is that of a Monte Carlo test.
    pub smallest_p: f64,
    /// `smallest_p` after Holm's adjustment.
    pub smallest_adjusted_p: f64,
    /// Fewest paired seeds with which the adjusted p can reach `alpha`.
    pub seeds_needed: usize,
}

impl Feasibility {
    /// What `n` paired seeds allow in a family of `family` tests at `alpha`.
    ///
    /// ```text
    /// smallest two-sided p = 2/2ⁿ,   after Holm over m tests = min(1, 2m/2ⁿ)
    /// ```
    ///
    /// Beyond 44 pairs the sign-flip test is a Monte Carlo test of 100,000 draws. Its p is never
    /// below 1/100,000.
    ///
    /// ```
    /// use lawn_analysis::stats::Feasibility;
    ///
    /// let five = Feasibility::new(5, 2, 0.05);
    /// assert_eq!(five.smallest_adjusted_p, 0.125);
    /// assert!(!five.feasible());
    /// assert_eq!(five.seeds_needed, 7);
    /// ```
    pub fn new(n: usize, family: usize, alpha: f64) -> Self {
        let smallest = |n: usize| {
            if n > MOST_EXACT {
                1.0 / DRAWS as f64
            } else {
                2.0_f64.powi(1 - n as i32).min(1.0)
            }
        };
        let adjusted = |n: usize| (family.max(1) as f64 * smallest(n)).min(1.0);
        let reaches = |n: &usize| adjusted(*n) <= alpha;
        Self {
            n,
            family,
            alpha,
            smallest_p: smallest(n),
            smallest_adjusted_p: adjusted(n),
            seeds_needed: (1..=MOST_EXACT).find(reaches).unwrap_or(MOST_EXACT),
        }
    }

    /// Whether the adjusted p can reach `alpha`.
    pub fn feasible(&self) -> bool {
        self.smallest_adjusted_p <= self.alpha
    }
}

impl std::fmt::Display for Feasibility {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (n, m) = (self.n, self.family);
        let seeds = if n == 1 { "seed" } else { "seeds" };
        let test = if n > MOST_EXACT {
            "a Monte Carlo test"
        } else {
            "an exact test"
        };
        write!(
            f,
            "with {n} paired {seeds} the smallest two-sided p of {test} is {}",
            short(self.smallest_p)
        )?;
        if m == 1 {
            write!(f, " in a family of one test")?;
        } else {
            let adjusted = short(self.smallest_adjusted_p);
            write!(f, ", and {adjusted} after Holm over {m} tests")?;
        }
        if self.feasible() {
            write!(f, ": {} can be reached", self.alpha)
        } else {
            write!(
                f,
                ": {} cannot be reached, it needs {} paired seeds",
                self.alpha, self.seeds_needed
            )
        }
    }
}

/// A p-value in few digits.
fn short(p: f64) -> String {
    if p < 1e-3 {
        return format!("{p:.1e}");
    }
    let text = format!("{p:.4}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::Feasibility;

    #[test]
    fn a_drawn_test_reaches_no_further_than_its_draws() {
        let many = Feasibility::new(1250, 4, 0.05);
        assert_eq!((many.smallest_p, many.smallest_adjusted_p), (1e-5, 4e-5));
        assert!(
            many.to_string().contains("of a Monte Carlo test is 1.0e-5"),
            "{many}"
        );
        let one = Feasibility::new(5, 1, 0.05).to_string();
        assert!(
            one.contains(
                "of an exact test is 0.0625 in a family of one test: 0.05 cannot be reached"
            ),
            "{one}"
        );
    }
}
