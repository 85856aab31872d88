//! What takes longer with larger batches, between and beyond the batch sizes that were measured.

/// Points of batch size and value, the batch sizes ascending.
pub(super) type Points = std::collections::BTreeMap<u64, f64>;

/// The value at `batch_size`: measured, or on the line through the nearest two points. Beyond the
/// largest it is on the line through the first and the last. Where there is one point, a value
/// above it is in proportion: a part that does not grow with the batch would show in a second.
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
        return Some(on_line((first, least), (last, most)));
    }
    let below = points.range(..batch_size).next_back()?;
    let above = points.range(batch_size..).next()?;
    Some(on_line(
        (*below.0 as f64, *below.1),
        (*above.0 as f64, *above.1),
    ))
}

/// The value of an arm: `own` points where it has enough of them, else those of another arm, `base`, moved by how
/// much they differ where both were measured.
pub(super) fn of_arm(own: &Points, base: &Points, batch_size: u64) -> Option<f64> {
    if own.contains_key(&batch_size) || own.len() > 1 || base.is_empty() {
        return at(own, batch_size);
    }
    let usual = at(base, batch_size)?;
    let Some((&place, &value)) = own.first_key_value() else {
        return Some(usual);
    };
    let difference = value - at(base, place)?;
    // What an optimizer adds does not grow with the batch.
    Some((usual + difference).max(usual / 4.0))
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
        let faster = Points::from([(100, 0.1)]);
        assert_eq!(of_arm(&faster, &base, 100), Some(0.1));
    }
}
