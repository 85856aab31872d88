use super::*;

fn split(text: &str, config: &RawRatings) -> Result<RawSplit, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.csv");
    std::fs::write(&path, text).unwrap();
    read(&path, config, 0.0, Ids::Auto, 0).map_err(|error| error.to_string())
}

/// Pairs by the ids of the file.
fn pairs(split: &RawSplit, of: &[(u32, u32)]) -> Vec<(u64, u64)> {
    let Rows { users, items } = &split.rows;
    of.iter()
        .map(|&(user, item)| (users.id(user), items.id(item)))
        .collect()
}

const TEXT: &str = "user,item,time\n\
    9,100,5\n9,200,7\n9,300,7\n9,100,6\n\
    4,200,1\n4,100,3\n4,500000000000,2\n\
    2,300,1\n";

#[test]
fn the_latest_is_held_out_and_of_equal_ones_the_last_in_the_file() {
    let split = split(TEXT, &RawRatings::default()).unwrap();
    // The single interaction of user 2 stays.
    assert_eq!(pairs(&split, &split.test.0), [(4, 100), (9, 300)]);
    let train: Vec<(u32, u32)> = split.train.pairs().collect();
    assert_eq!(
        pairs(&split, &train),
        [(2, 300), (4, 200), (4, 500_000_000_000), (9, 200), (9, 100)]
    );
    let counts = &split.counts;
    assert_eq!(
        (
            counts.lines,
            counts.repeated,
            counts.single,
            counts.held_out
        ),
        (8, 1, 1, 2)
    );
    assert_eq!(
        (split.rows.items.len(), split.rows.items.range()),
        (4, 500_000_000_001)
    );
}

#[test]
fn a_ratio_holds_out_the_latest_part_and_leaves_one() {
    let text: String = (0..10).map(|item| format!("1,{item},3,{item}\n")).collect();
    let text = format!("{text}2,0,3,1\n2,1,3,2\n3,0,3,1\n");
    let of = |ratio| {
        let config = RawRatings {
            test_ratio: Some(ratio),
            ..RawRatings::default()
        };
        let split = split(&text, &config).unwrap();
        pairs(&split, &split.test.0)
    };
    assert_eq!(of(0.2), [(1, 8), (1, 9), (2, 1)]);
    assert_eq!(of(0.99).len(), 9 + 1);
    assert_eq!(of(0.001), [(1, 9), (2, 1)]);
}

#[test]
fn random_test_items_are_decided_by_the_seed_alone() {
    let config = RawRatings {
        test: ValidationItem::Random,
        ..RawRatings::default()
    };
    let text: String = (0..400)
        .map(|n| format!("{},{}\n", n / 20, n % 20))
        .collect();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.csv");
    std::fs::write(&path, text).unwrap();
    let of = |seed| read(&path, &config, 0.0, Ids::Auto, seed).unwrap().test.0;
    assert_eq!(of(1), of(1));
    assert_ne!(of(1), of(2));
    assert_eq!(of(1).len(), 20);
}

/// Item 8 has one interaction; without it user 3 has one, and then item 7 has two.
#[test]
fn the_core_is_taken_until_nothing_changes() {
    let text = "1,5,3,1\n1,6,3,2\n1,7,3,3\n2,5,3,1\n2,6,3,2\n2,7,3,3\n3,7,3,1\n3,8,3,2\n";
    let of = |core| {
        let config = RawRatings {
            core,
            ..RawRatings::default()
        };
        split(text, &config)
    };
    let two = of(2).unwrap();
    assert_eq!(two.counts.outside_core, [1, 1, 2]);
    assert_eq!((two.rows.users.len(), two.rows.items.len()), (2, 3));
    assert_eq!(pairs(&two, &two.test.0), [(1, 7), (2, 7)]);
    let error = of(4).unwrap_err();
    assert!(
        error.contains("no interaction within the 4-core"),
        "{error}"
    );
}

#[test]
fn files_are_found_by_their_publishers_names_and_parquet_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let set = folder.path().join("ml");
    std::fs::create_dir(&set).unwrap();
    assert_eq!(find(&set, "ml").unwrap(), None);
    std::fs::write(set.join("ml.parquet"), "PAR1").unwrap();
    let error = find(&set, "ml").unwrap_err().to_string();
    assert!(
        error.contains("a Parquet file") && error.contains("write_csv"),
        "{error}"
    );
    std::fs::write(set.join("ratings.csv.gz"), "").unwrap();
    assert_eq!(find(&set, "ml").unwrap(), Some(set.join("ratings.csv.gz")));
    // `ratings.csv` in a folder of another name may be another's.
    assert_eq!(find(&set, "other").unwrap(), None);
}

#[test]
fn a_stray_id_is_refused_with_its_line_where_ids_are_kept() {
    let line = |user, item| Line {
        user,
        item,
        time: 0,
    };
    let lines = [line(0, 1), line(1, 3_000_000_000)];
    let error = rows(Path::new("x"), &lines, Ids::Kept)
        .unwrap_err()
        .to_string();
    assert!(error.contains("x:2: item is \"3000000000\""), "{error}");
    assert_eq!(
        rows(Path::new("x"), &lines, Ids::Auto).unwrap().items.len(),
        2
    );
}
