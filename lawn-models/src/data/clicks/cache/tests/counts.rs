//! What is counted of rows, and what caches take.

use super::*;

#[test]
fn counts_are_those_of_the_rows() {
    let folder = folder(&[("train.txt", text(0..40).as_bytes())]);
    let cache = open(folder.path()).unwrap();
    let counts = cache.counts().unwrap();
    let rows = rows(&cache);
    assert_eq!((counts.rows, counts.clicks, counts.excluded), (40, 14, 0));
    for (column, &count) in counts.ids.iter().enumerate() {
        let mut ids: Vec<u32> = rows.iter().map(|row| row.2[column]).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(count, ids.len() as u64, "column {column}");
    }
}

#[test]
fn what_rows_do_not_show_is_counted_over_all_parts() {
    let all = text(0..40);
    let folder = folder(&[("train.txt", all.trim_end().as_bytes())]);
    let counts = open(folder.path()).unwrap().counts().unwrap();
    // Of thirteen integers of forty lines each fourth is absent.
    assert_eq!((counts.facts.absent, counts.facts.below_zero), (130, 0));
    assert_eq!(counts.endless, ["train.txt"]);
    let negative = all.replacen("0\t1\t", "0\t-1\t", 1);
    assert_ne!(negative, all);
    std::fs::write(folder.path().join("train.txt"), negative).unwrap();
    let other = ClickEncoding {
        hash_size: 60,
        ..encoding()
    };
    open_with(folder.path(), &other).unwrap();
    let counts = open(folder.path()).unwrap().counts().unwrap();
    assert_eq!((counts.facts.absent, counts.facts.below_zero), (130, 1));
    assert!(counts.endless.is_empty());
    assert_eq!(counts.room.others, 1);
    assert!(counts.room.bytes > 40 * 160 && counts.room.others_bytes > 40 * 160);
}

/// A bit for each id of each column would be 3.5 GB a part.
#[test]
fn ids_that_do_not_occur_take_no_room() {
    let folder = folder(&[("train.txt", text(0..40).as_bytes())]);
    let encoding = ClickEncoding {
        hash_size: 1 << 30,
        ..encoding()
    };
    let cache = open_with(folder.path(), &encoding).unwrap();
    let counts = cache.counts().unwrap();
    assert!(counts.ids.iter().all(|&ids| (2..=8).contains(&ids)));
    assert!(counts.room.bytes < 100_000, "{}", counts.room.bytes);
}
