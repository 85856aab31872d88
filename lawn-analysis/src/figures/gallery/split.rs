//! Which names stand together where a drawing would hold too many.

use std::collections::BTreeSet;

use crate::request::Contrast;

/// The places of some names in parts of at most `most`, which is 2 or more where names are compared. A
/// treatment stands in a part with each of its baselines, so that a baseline may stand in several;
/// names that are compared with none fill the parts up.
///
/// There are as few parts as a greedy packing finds. Of packings of equally many, the one that
/// repeats the fewest names is taken, then the one of the smallest parts.
pub(super) fn split(names: &[&str], contrasts: &[Contrast], most: usize) -> Vec<Vec<usize>> {
    if names.len() <= most {
        let all: Vec<usize> = (0..names.len()).collect();
        return if all.is_empty() { vec![] } else { vec![all] };
    }
    let packed = |most: usize| packed(names.len(), &groups(names, contrasts, most), most);
    let largest = packed(most);
    // Smaller parts than these cannot hold every name.
    let least = names.len().div_ceil(largest.len()).max(2);
    let smaller = (least..most).map(packed);
    let cost = |parts: &Vec<Vec<usize>>| (parts.len(), parts.iter().map(Vec::len).sum::<usize>());
    let best = smaller.min_by_key(cost);
    match best {
        Some(best) if cost(&best) <= cost(&largest) => best,
        _ => largest,
    }
}

/// Each treatment with its baselines, or where these are too many for a part, with some of them at a
/// time.
fn groups(names: &[&str], contrasts: &[Contrast], most: usize) -> Vec<Vec<usize>> {
    let mut groups = Vec::new();
    for (treatment, name) in names.iter().enumerate() {
        let own = contrasts.iter().filter(|one| one.treatment == *name);
        let place = |one: &Contrast| names.iter().position(|name| one.baseline == *name);
        let baselines: Vec<usize> = own.filter_map(place).collect();
        let some = baselines.chunks(most.saturating_sub(1).max(1));
        groups.extend(some.map(|some| [&[treatment][..], some].concat()));
    }
    groups
}

/// Groups that stand together, in parts. Each part begins with the first group that has no place yet,
/// and takes those that add the fewest names to it.
fn packed(names: usize, groups: &[Vec<usize>], most: usize) -> Vec<Vec<usize>> {
    let mut waiting: Vec<&Vec<usize>> = groups.iter().collect();
    let mut parts: Vec<BTreeSet<usize>> = Vec::new();
    while !waiting.is_empty() {
        let mut part: BTreeSet<usize> = waiting.remove(0).iter().copied().collect();
        loop {
            let added =
                |group: &&Vec<usize>| group.iter().filter(|&one| !part.contains(one)).count();
            let costs = waiting.iter().map(added).enumerate();
            let fitting = costs.filter(|(_, added)| part.len() + added <= most);
            let Some((next, _)) = fitting.min_by_key(|&(_, added)| added) else {
                break;
            };
            part.extend(waiting.remove(next));
        }
        parts.push(part);
    }
    for name in 0..names {
        if parts.iter().any(|part| part.contains(&name)) {
            continue;
        }
        match parts.iter_mut().find(|part| part.len() < most) {
            Some(part) => {
                part.insert(name);
            }
            None => parts.push(BTreeSet::from([name])),
        }
    }
    let sorted = |part: BTreeSet<usize>| part.into_iter().collect();
    parts.into_iter().map(sorted).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The parts of names, and contrasts written as `baseline<treatment`.
    fn parts(names: &str, contrasts: &str, most: usize) -> Vec<String> {
        let names: Vec<&str> = names.split_whitespace().collect();
        let contrast = |pair: &str| {
            let (baseline, treatment) = pair.split_once('<').unwrap();
            Contrast {
                baseline: baseline.to_owned(),
                treatment: treatment.to_owned(),
            }
        };
        let contrasts: Vec<Contrast> = contrasts.split_whitespace().map(contrast).collect();
        let found = split(&names, &contrasts, most);
        let named = |part: &Vec<usize>| {
            let part: Vec<&str> = part.iter().map(|&place| names[place]).collect();
            part.join(" ")
        };
        let found: Vec<String> = found.iter().map(named).collect();
        // Whatever the example: every name has its place, and every pair stands together.
        let has = |part: &String, name: &str| part.split(' ').any(|one| one == name);
        for name in &names {
            assert!(
                found.iter().any(|part| has(part, name)),
                "{name}: {found:?}"
            );
        }
        for Contrast {
            baseline,
            treatment,
        } in &contrasts
        {
            let known = |name: &String| names.contains(&name.as_str());
            let mut parts = found.iter();
            let together = parts.any(|part| has(part, baseline) && has(part, treatment));
            assert!(
                together || !known(baseline) || !known(treatment),
                "{baseline} and {treatment}: {found:?}"
            );
        }
        assert!(found.iter().all(|part| part.split(' ').count() <= most));
        found
    }

    #[test]
    fn few_names_are_one_part_and_none_are_no_part() {
        assert_eq!(parts("a b c", "a<b", 3), ["a b c"]);
        assert!(parts("", "", 3).is_empty());
    }

    #[test]
    fn treatments_stand_beside_their_baseline_wherever_the_file_has_them() {
        // In the order of the file `b` would be parted from its treatments.
        let found = parts("a b c d e f b1 b2", "b<b1 b<b2", 5);
        assert_eq!(found, ["a b b1 b2", "c d e f"]);
    }

    #[test]
    fn a_baseline_of_more_treatments_than_a_part_holds_is_repeated() {
        let found = parts("a 1 2 3 4 5 6", "a<1 a<2 a<3 a<4 a<5 a<6", 4);
        assert_eq!(found, ["a 1 2 3", "a 4 5 6"]);
        // Evenly, though one part could be full.
        let found = parts("a 1 2 3 4", "a<1 a<2 a<3 a<4", 4);
        assert_eq!(found, ["a 1 2", "a 3 4"]);
    }

    #[test]
    fn families_stay_whole_where_no_more_parts_come_of_it() {
        let contrasts = "a<a1 a<a2 a<a3 b<b1 b<b2 b<b3 c<c1 c<c2 c<c3";
        let found = parts("a a1 a2 a3 b b1 b2 b3 c c1 c2 c3", contrasts, 10);
        assert_eq!(found, ["a a1 a2 a3 b b1 b2 b3", "c c1 c2 c3"]);
        let found = parts("a b c d a1 b1 c1 d1", "a<a1 b<b1 c<c1 d<d1", 4);
        assert_eq!(found, ["a b a1 b1", "c d c1 d1"]);
    }

    #[test]
    fn names_without_a_contrast_make_equal_parts() {
        assert_eq!(parts("a b c d e f g", "", 6), ["a b c d", "e f g"]);
        // A contrast with an arm that has no rows is none.
        assert_eq!(parts("a b c", "x<c", 2), ["a b", "c"]);
    }

    #[test]
    fn a_treatment_of_several_baselines_stands_beside_each() {
        assert_eq!(parts("a b c d e", "a<e b<e", 3), ["a b e", "c d"]);
        assert_eq!(parts("a b c d", "a<d b<d c<d", 3), ["a b d", "c d"]);
        // A treatment that is itself a baseline.
        assert_eq!(parts("a b c d", "a<b b<c", 3), ["a b c", "d"]);
        parts("a b c d e f", "a<b b<c c<d d<e e<f f<a", 2);
    }
}
