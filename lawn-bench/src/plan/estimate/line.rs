//! What takes longer with larger batches, between and beyond the batch sizes that were measured.

/// Points of batch size and value, the batch sizes ascending.
pub(super) type Points = std::collections::BTreeMap<u64, f64>;

/// How far a value may be from one in proportion, beyond the largest point.
const SURE: f64 = 1.5;

/// The value at `batch_size`: measured, or on the line through the nearest two points. Beyond the
/// largest it is on the line through that and the next of at most half its size: closer ones would
/// tell more of noise. Where there is one point, a value above it is in proportion: a part that
/// does not grow with the batch would show in a second.
pub(super) fn at(points: &Points, batch_size: u64) -> Option<f64> {
    if let Some(&value) = points.get(&batch_size) {
        return Some(value);
    }
    let size = batch_size as f64;
    let (&first, &least) = points.first_key_value()?;
    let (&last, &most) = points.last_key_value()?;
    let (first, last) = (first as f64, last as f64);
    let on_line = |(a, from): (f64, f64), (b, to): (f64, f64)| {
        from + (to - from).max(0.0) / (b - a) * (size - a)
    };
    if points.len() == 1 {
        return Some(match size > last {
            true => most * size / last,
            false => least,
        });
    }
    if size < first {
        // No less than in proportion.
        return Some(on_line((first, least), (last, most)).max(least * size / first));
    }
    if size > last {
        let half = below(points, last as u64);
        let from = half.map_or((first, least), |(from, value)| (from as f64, value));
        return Some(on_line(from, (last, most)));
    }
    let below = points.range(..batch_size).next_back()?;
    let above = points.range(batch_size..).next()?;
    Some(on_line(
        (*below.0 as f64, *below.1),
        (*above.0 as f64, *above.1),
    ))
}

/// The nearest point of at most half this batch size.
pub(super) fn below(points: &Points, batch_size: u64) -> Option<(u64, f64)> {
    let below = points.range(..=batch_size / 2).next_back();
    below.map(|(&size, &value)| (size, value))
}

/// Whether the value at `batch_size` is more than a guess: it lies among the points, or so far up
/// that it hardly matters what of the largest one does not grow with the batch.
pub(super) fn is_sure(points: &Points, batch_size: u64) -> bool {
    let (Some((&last, &most)), Some(value)) = (points.last_key_value(), at(points, batch_size))
    else {
        return false;
    };
    let in_proportion = most * batch_size as f64 / last as f64;
    let ratio = in_proportion / value;
    batch_size <= last || (points.len() > 1 && (1.0 / SURE..=SURE).contains(&ratio))
}

/// The value of an arm: one of its `own` points, or that of another arm, `base`, moved by how much
/// they differ where this one was measured.
pub(super) fn of_arm(own: &Points, base: &Points, batch_size: u64) -> Option<f64> {
    if own.contains_key(&batch_size) || base.is_empty() {
        return at(own, batch_size);
    }
    let usual = at(base, batch_size)?;
    let mut differences = Points::new();
    for (&size, value) in own {
        differences.insert(size, value - at(base, size)?);
    }
    let Some((&first, _)) = differences.first_key_value() else {
        return Some(usual);
    };
    let (&last, _) = differences.last_key_value()?;
    // What an optimizer adds does not grow with the batch, beyond what was measured.
    let place = batch_size.clamp(first, last);
    let (below, least) = differences.range(..=place).next_back()?;
    let (above, most) = differences.range(place..).next()?;
    let part = (place - below) as f64 / (above - below).max(1) as f64;
    Some((usual + least + part * (most - least)).max(usual / 4.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_lie_on_the_line_of_those_measured() {
        // 1 second, and a hundredth a sample.
        let points = Points::from([(100, 2.0), (300, 4.0), (1000, 11.0)]);
        for (size, value) in [(100, 2.0), (200, 3.0), (650, 7.5), (2000, 21.0), (50, 1.5)] {
            let found = at(&points, size).expect("there are points");
            assert!((found - value).abs() < 1e-9, "{size}: {found}");
        }
        // Nothing takes less than in proportion, and one point says no more than that.
        let steep = Points::from([(10, 1.0), (20, 9.0)]);
        assert_eq!(at(&steep, 5), Some(0.5));
        let one = Points::from([(10, 1.0)]);
        assert_eq!([at(&one, 40), at(&one, 5)], [Some(4.0), Some(1.0)]);
        assert_eq!(at(&Points::new(), 5), None);
        // Two that are close tell nothing of what is far beyond them.
        let close = Points::from([(100, 2.0), (1000, 11.0), (1001, 13.0)]);
        assert!(at(&close, 10_000).is_some_and(|value| value < 130.0));
        // Noise makes no larger batch faster.
        assert_eq!(at(&Points::from([(10, 1.0), (20, 0.9)]), 40), Some(1.0));
    }

    #[test]
    fn an_arm_differs_from_another_by_its_optimizer() {
        let base = Points::from([(100, 2.0), (1000, 11.0)]);
        let own = Points::from([(100, 2.5)]);
        assert_eq!(of_arm(&own, &base, 1000), Some(11.5));
        assert_eq!(of_arm(&Points::new(), &base, 1000), Some(11.0));
        assert_eq!(of_arm(&own, &Points::new(), 200), Some(5.0));
        // Between two points, and beyond them, where it is what it is at the nearer one.
        let two = Points::from([(100, 2.5), (300, 5.5)]);
        assert_eq!(of_arm(&two, &base, 200), Some(4.0));
        assert_eq!(of_arm(&two, &base, 1000), Some(12.5));
        assert_eq!(of_arm(&two, &base, 50), Some(2.0));
        let faster = Points::from([(100, 0.1)]);
        assert_eq!(of_arm(&faster, &base, 100), Some(0.1));
    }

    #[test]
    fn far_beyond_what_was_measured_is_a_guess_where_the_batch_hardly_counts() {
        let points = Points::from([(4, 0.030), (64, 0.031)]);
        assert!(is_sure(&points, 16) && !is_sure(&points, 10_000));
        let grown = Points::from([(4, 0.05), (64, 0.8)]);
        assert!(is_sure(&grown, 1024));
        assert!(!is_sure(&Points::from([(4, 2.0)]), 64));
        assert!(!is_sure(&Points::new(), 64));
    }
}
