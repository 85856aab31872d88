use super::*;

fn split(text: &str, config: &RawRatings) -> Result<RawSplit, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.csv");
    std::fs::write(&path, text).unwrap();
    read(&path, config, 0.0, Ids::Auto, 0, Room::ENDLESS).map_err(|error| error.to_string())
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
    assert_eq!(split.test.0, [(4, 100), (9, 300)]);
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
        split.test.0
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
    let of = |seed| {
        read(&path, &config, 0.0, Ids::Auto, seed, Room::ENDLESS)
            .unwrap()
            .test
            .0
    };
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
    // Item 7 is in test alone now, and has no row.
    assert_eq!((two.rows.users.len(), two.rows.items.len()), (2, 2));
    assert_eq!(two.test.0, [(1, 7), (2, 7)]);
    let error = of(4).unwrap_err();
    assert!(
        error.contains("no interaction within the 4-core"),
        "{error}"
    );
}

#[test]
fn files_are_found_by_their_publishers_names() {
    let folder = tempfile::tempdir().unwrap();
    let set = folder.path().join("ml");
    std::fs::create_dir(&set).unwrap();
    assert_eq!(find(&set, "ml").unwrap(), None);
    std::fs::write(set.join("ratings.csv.gz"), "").unwrap();
    assert_eq!(find(&set, "ml").unwrap(), Some(set.join("ratings.csv.gz")));
    // `ratings.csv` in a folder of another name may be another's.
    assert_eq!(find(&set, "other").unwrap(), None);
    for other in ["ratings.dat", "ml.tsv", "ratings.csv", "ml.parquet"] {
        std::fs::write(set.join(other), "").unwrap();
        let error = find(&set, "ml").unwrap_err().to_string();
        let rest = error.replace("ratings.csv.gz", "");
        assert!(rest != error && rest.contains(other), "{error}");
        std::fs::remove_file(set.join(other)).unwrap();
    }
}

#[test]
fn one_file_of_recbole_has_any_name_and_among_several_the_folders() {
    let folder = tempfile::tempdir().unwrap();
    let set = folder.path().join("ml");
    std::fs::create_dir(&set).unwrap();
    let write = |file: &str| std::fs::write(set.join(file), "").unwrap();
    write("ml-100k.item");
    write("ml-100k.inter.gz");
    assert_eq!(
        find(&set, "ml").unwrap(),
        Some(set.join("ml-100k.inter.gz"))
    );
    // In a folder of another name it may be another's.
    assert_eq!(find(&set, "other").unwrap(), None);
    write("a.inter");
    write("b.inter");
    let error = find(&set, "ml").unwrap_err().to_string();
    assert!(
        error.contains("found a.inter and b.inter and ml-100k.inter.gz")
            && error.contains("or among several ml.inter, which is taken"),
        "{error}"
    );
    write("ml.inter");
    assert_eq!(find(&set, "ml").unwrap(), Some(set.join("ml.inter")));
    write("ml.csv");
    std::fs::remove_file(set.join("ml.inter")).unwrap();
    assert_eq!(find(&set, "ml").unwrap(), Some(set.join("ml.csv")));
    write("ml.inter");
    let error = find(&set, "ml").unwrap_err().to_string();
    assert!(
        error.contains("found ml.csv and ml.inter, expected one file of ratings"),
        "{error}"
    );
}

/// With the rows of `text`, and what is told of them.
#[test]
fn a_parquet_file_is_split_as_the_same_lines_are() {
    let folder = tempfile::tempdir().unwrap();
    let text = folder.path().join("x.csv");
    for name in ["kinds", "spark"] {
        let table = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/parquet");
        std::fs::copy(table.join("ratings.csv"), &text).unwrap();
        let config = RawRatings::default();
        let of = |path: &Path| read(path, &config, 0.0, Ids::Auto, 0, Room::ENDLESS).unwrap();
        let (mut found, expected) = (of(&table.join(format!("{name}.parquet"))), of(&text));
        // Some are in microseconds.
        found.counts.times = expected.counts.times;
        assert_eq!(found.counts, expected.counts);
        assert_eq!(found.test.0, expected.test.0);
        assert!(found.train.pairs().eq(expected.train.pairs()));
    }
}

/// Item 3 is once train and once test, item 4 test alone, item 9 between them nobody's.
#[test]
fn an_item_of_test_alone_has_no_row() {
    let text = "1,1,3,1\n1,2,3,2\n1,3,3,3\n2,2,3,1\n2,3,3,2\n2,4000,3,3\n3,1,3,1\n3,2,3,2\n";
    let split = split(text, &RawRatings::default()).unwrap();
    assert_eq!(split.test.0, [(1, 3), (2, 4000), (3, 2)]);
    let items = &split.rows.items;
    assert_eq!((items.len(), items.range(), items.row(4000)), (3, 4, None));
    let train: Vec<(u32, u32)> = split.train.pairs().collect();
    assert_eq!(
        pairs(&split, &train),
        [(1, 1), (1, 2), (2, 2), (2, 3), (3, 1)]
    );
}

/// As one at a time is taken from the end, which is what it must come to.
#[test]
fn many_latest_are_those_that_are_taken_one_by_one() {
    let time = |n: u64| (n * 7_919) % 13;
    let text: String = (0..600)
        .map(|n| format!("{},{},3,{}\n", n % 7, n / 7, time(n)))
        .collect();
    let config = RawRatings {
        test_ratio: Some(0.4),
        ..RawRatings::default()
    };
    let found = split(&text, &config).unwrap();
    let mut expected = Vec::new();
    for user in 0..7 {
        let mut left: Vec<u64> = (0..600).filter(|n| n % 7 == user).collect();
        let count = (left.len() as f64 * 0.4).round() as usize;
        let mut taken = Vec::new();
        for _ in 0..count {
            let latest = (0..left.len()).max_by_key(|&place| (time(left[place]), place));
            taken.push((user, left.remove(latest.unwrap()) / 7));
        }
        taken.reverse();
        expected.extend(taken);
    }
    assert_eq!(found.test.0, expected);
}

#[test]
fn a_stray_id_is_refused_with_its_line_where_ids_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.csv");
    let of = |text: &str, ids| {
        std::fs::write(&path, text).unwrap();
        let config = RawRatings::default();
        read(&path, &config, 0.0, ids, 0, Room::ENDLESS).map_err(|error| error.to_string())
    };
    // The first rating is left out, and a line of the file all the same.
    for far in [1_048_576, 1_000_000_000, 3_000_000_000u64] {
        let text = format!("user,item,rating\n0,1,0\n0,1,3\n0,2,3\n1,{far},3\n1,2,3\n");
        let error = of(&text, Ids::Kept).unwrap_err();
        let expected = format!("x.csv:5: item is \"{far}\", allowed is up to 1048575 with ids");
        assert!(error.contains(&expected), "{error}");
        assert!(error.contains("3 items occur"), "{error}");
        of(&text, Ids::Auto).unwrap();
    }
    let text = "0,1\n0,2\n1,1048575\n1,2\n2,1048575\n2,1\n";
    let split = of(text, Ids::Kept).unwrap();
    assert_eq!(split.rows.items.len(), 1_048_576);
}

#[test]
fn users_whose_latest_the_file_alone_decides_are_counted() {
    let text = "user,item,time\n1,1,5\n1,2,5\n2,1,4\n2,2,5\n3,1,9\n3,2,9\n3,3,8\n";
    let tied = |config: &RawRatings| split(text, config).unwrap().counts.tied;
    assert_eq!(tied(&RawRatings::default()), 2);
    let random = RawRatings {
        test: ValidationItem::Random,
        ..RawRatings::default()
    };
    assert_eq!(tied(&random), 0);
}
