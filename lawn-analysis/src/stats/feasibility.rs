//! Whether a test can reach its level at all, known before any p-value.

/// What an exact paired test can reach with the seeds at hand.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Feasibility {
    /// Paired seeds.
    pub n: usize,
    /// Tests in the family.
    pub family: usize,
    /// Error rate of the family.
    pub alpha: f64,
    /// Smallest two-sided p of an exact sign-flip or signed-rank test.
    pub smallest_p: f64,
    /// The same after Holm.
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
    /// ```
    /// use lawn_analysis::stats::Feasibility;
    ///
    /// let five = Feasibility::new(5, 2, 0.05);
    /// assert_eq!(five.smallest_adjusted_p, 0.125);
    /// assert!(!five.feasible());
    /// assert_eq!(five.seeds_needed, 7);
    /// ```
    pub fn new(n: usize, family: usize, alpha: f64) -> Self {
        let smallest = |n: usize| 2.0_f64.powi(1 - n.min(1000) as i32).min(1.0);
        let adjusted = |n: usize| (family.max(1) as f64 * smallest(n)).min(1.0);
        let reaches = |n: &usize| adjusted(*n) <= alpha;
        Self {
            n,
            family,
            alpha,
            smallest_p: smallest(n),
            smallest_adjusted_p: adjusted(n),
            seeds_needed: (1..1000).find(reaches).unwrap_or(1000),
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
        let tests = if m == 1 {
            "one test".to_owned()
        } else {
            format!("Holm over {m} tests")
        };
        write!(
            f,
            "with {n} paired {seeds} the smallest two-sided p of an exact test is {}, after {tests} {}",
            short(self.smallest_p),
            short(self.smallest_adjusted_p),
        )?;
        if self.feasible() {
            write!(f, ": {} can be reached", self.alpha)
        } else {
            write!(
                f,
                ": {} cannot be reached, {} paired seeds would do",
                self.alpha, self.seeds_needed
            )
        }
    }
}

/// A p-value in as few digits as say what it is.
fn short(p: f64) -> String {
    if p < 1e-3 {
        return format!("{p:.1e}");
    }
    let text = format!("{p:.4}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
