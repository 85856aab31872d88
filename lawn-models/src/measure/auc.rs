/// Area under the ROC curve: the probability that a click scores above another row that is none,
/// a tie counting half.
///
/// ```text
/// AUC = (#{s⁺ > s⁻} + #{s⁺ = s⁻} / 2) / (P·N)          over all P·N pairs
/// ```
/// Exact: scores are sorted, not put into buckets, and equal ones are counted together, in
/// integers. NaN where a score is, and where there are not both clicks and others.
///
/// Source: Hanley and McNeil 1982, *The meaning and use of the area under a receiver operating
/// characteristic (ROC) curve*, which is the statistic of Mann and Whitney over P·N.
pub(crate) fn auc(mut clicks: Vec<f64>, mut others: Vec<f64>) -> f64 {
    if clicks.is_empty() || others.is_empty() {
        return f64::NAN;
    }
    if clicks.iter().chain(&others).any(|score| score.is_nan()) {
        return f64::NAN;
    }
    // By value: −0 and 0 are a tie.
    let order = |a: &f64, b: &f64| a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal);
    clicks.sort_unstable_by(order);
    others.sort_unstable_by(order);
    // Twice the number of pairs, so that halves are whole.
    let (mut twice, mut below, mut equal_from) = (0u128, 0, 0);
    while equal_from < clicks.len() {
        let score = clicks[equal_from];
        let equal_to = equal_from + run(&clicks[equal_from..], score);
        below += others[below..].partition_point(|&other| other < score);
        let ties = run(&others[below..], score);
        twice += (equal_to - equal_from) as u128 * (2 * below + ties) as u128;
        equal_from = equal_to;
    }
    twice as f64 / 2.0 / (clicks.len() as f64 * others.len() as f64)
}

/// How many at the start of sorted scores are this one.
fn run(sorted: &[f64], score: f64) -> usize {
    sorted.iter().take_while(|&&other| other == score).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Over all pairs.
    fn by_hand(clicks: &[f64], others: &[f64]) -> f64 {
        let mut sum = 0.0;
        for click in clicks {
            for other in others {
                sum += if click > other {
                    1.0
                } else if click == other {
                    0.5
                } else {
                    0.0
                };
            }
        }
        sum / (clicks.len() * others.len()) as f64
    }

    #[test]
    fn ties_count_half() {
        let clicks = [0.5, 0.5, 2.0, -1.0, 0.0, 3.0];
        let others = [0.5, -0.0, 2.0, 2.0, -3.0];
        let expected = by_hand(&clicks, &others);
        assert_eq!(auc(clicks.to_vec(), others.to_vec()), expected);
        assert_eq!(auc(vec![1.0; 4], vec![1.0; 7]), 0.5);
        assert_eq!(auc(vec![2.0], vec![1.0; 7]), 1.0);
        assert_eq!(auc(vec![0.0], vec![1.0; 7]), 0.0);
    }

    #[test]
    fn infinite_scores_have_their_place_and_nan_has_none() {
        let clicks = [f64::INFINITY, 0.0];
        let others = [f64::NEG_INFINITY, f64::INFINITY];
        assert_eq!(
            auc(clicks.to_vec(), others.to_vec()),
            by_hand(&clicks, &others)
        );
        assert!(auc(vec![f64::NAN], vec![0.0]).is_nan());
        assert!(auc(vec![1.0], vec![]).is_nan());
    }
}
