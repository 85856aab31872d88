use super::*;
use crate::data::ratings::delimited;
use crate::data::ratings::interactions::Line;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/parquet")
}

fn read_as(name: &str, names: &ColumnNames, above: f64) -> Result<Lines, String> {
    let path = folder().join(format!("{name}.parquet"));
    read(&path, names, above, Room::ENDLESS).map_err(|error| error.to_string())
}

fn read_named(name: &str) -> Result<Lines, String> {
    read_as(name, &ColumnNames::default(), 0.0)
}

/// The lines of the text that says the same.
fn expected(above: f64) -> Lines {
    let path = folder().join("ratings.csv");
    delimited::read(&path, &ColumnNames::default(), above, Room::ENDLESS).unwrap()
}

/// A line less than in text, where the header is one.
fn rows(lines: &Lines, header: usize) -> Vec<(u64, u64, usize)> {
    let row = |line: &Line| (line.user, line.item, line.number - header);
    lines.lines.iter().map(row).collect()
}

#[test]
fn columns_of_all_types_say_what_the_text_says() {
    for above in [0.0, 2.0] {
        let expected = expected(above);
        assert!(expected.not_above > 0 && expected.lines.len() > 20);
        for (name, unit) in [
            ("kinds", 1_000_000),
            ("spark", 1),
            ("gaps", 1),
            ("checked", 1),
            ("checked2", 1),
        ] {
            let found = read_as(name, &ColumnNames::default(), above).unwrap();
            assert_eq!(rows(&found, 0), rows(&expected, 1), "{name}");
            assert_eq!(found.not_above, expected.not_above);
            for (found, expected) in found.lines.iter().zip(&expected.lines) {
                assert_eq!(found.time, expected.time * unit, "{name}");
            }
        }
    }
    // Integers are ratings, too.
    let whole = read_named("whole").unwrap();
    assert_eq!(rows(&whole, 0), rows(&expected(-1.0), 1));
    assert!(read_as("whole", &ColumnNames::default(), 3.0).is_err());
}

/// As those of a text file, whose lines they are.
#[test]
fn strings_are_read_as_the_fields_of_a_text_are() {
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("x.csv");
    let text = std::fs::read_to_string(folder().join("ratings.csv")).unwrap();
    let lines = text.lines().skip(1).map(|line| {
        let (user, rest) = line.split_once(',').unwrap();
        format!("u{user},B{rest}\n")
    });
    let text = format!("user,item,rating,time\n{}", lines.collect::<String>());
    std::fs::write(&path, text).unwrap();
    for above in [0.0, 2.0] {
        let of_text = delimited::read(&path, &ColumnNames::default(), above, Room::ENDLESS);
        let (expected, found) = (
            of_text.unwrap(),
            read_as("strings", &ColumnNames::default(), above).unwrap(),
        );
        assert_eq!(rows(&found, 0), rows(&expected, 1));
        assert_eq!(found.not_above, expected.not_above);
        let times = |lines: &Lines| -> Vec<i64> { lines.lines.iter().map(|l| l.time).collect() };
        assert_eq!(times(&found), times(&expected));
        assert_eq!(found.taken.texts(), ["user", "item"]);
        assert_eq!(found.taken, expected.taken);
    }
    // Strings are texts, whatever they are of: users 1 to 7 in this order.
    let texts = read_named("texts").unwrap();
    let numbered = expected(-1.0);
    let numbered = numbered.lines.iter().map(|line| (line.user - 1, line.item));
    let found = texts.lines.iter().map(|line| (line.user, line.item));
    assert!(found.eq(numbered));
    assert_eq!(texts.taken.texts(), ["user"]);
}

#[test]
fn times_are_dates_timestamps_and_fractions_of_seconds() {
    let expected = expected(-1.0);
    let fractions = read_named("fractions").unwrap();
    assert_eq!(fractions.unit, Unit::Microseconds);
    let long = read_named("int96").unwrap();
    assert_eq!(long.lines.len(), expected.lines.len());
    for (place, line) in expected.lines.iter().enumerate() {
        let micros = 1_000_000 * line.time;
        assert_eq!(long.lines[place].time, micros);
        let part = 250_000 * (place as i64 % 4);
        assert_eq!(fractions.lines[place].time, micros + part);
    }
    // Whole seconds of Double stay seconds.
    assert_eq!(read_named("gaps").unwrap().unit, Unit::Seconds);
    let days = read_named("days").unwrap();
    assert_eq!(days.unit, Unit::Seconds);
    assert!(days.lines.iter().all(|line| line.time == 1_704_067_200));
}

#[test]
fn columns_have_the_names_that_those_of_text_have() {
    let names = ColumnNames {
        user: Some("buyer".to_owned()),
        ..ColumnNames::default()
    };
    let pairs = read_as("pairs", &names, 0.0).unwrap();
    assert_eq!(rows(&pairs, 0), rows(&expected(-1.0), 1));
    let times: Vec<i64> = pairs.lines.iter().map(|line| line.time).collect();
    assert!(times.into_iter().eq(0..pairs.lines.len() as i64));
    let error = read_named("pairs").unwrap_err();
    assert!(
        error.contains("pairs.parquet: found the columns buyer, item_id")
            && error.contains("raw.columns.user = \"NAME\""),
        "{error}"
    );
    let error = read_as("spark", &names, 0.0).unwrap_err();
    assert!(
        error.contains("a column \"buyer\", which raw.columns.user names"),
        "{error}"
    );
    let headless = ColumnNames {
        header: Some(false),
        ..ColumnNames::default()
    };
    let error = read_as("spark", &headless, 0.0).unwrap_err();
    assert!(error.contains("its columns have names"), "{error}");
    assert!(is_of_ratings(&folder().join("spark.parquet")));
    assert!(!is_of_ratings(&folder().join("pairs.parquet")));
    // What is wrong with it is said when it is read.
    assert!(is_of_ratings(&folder().join("lists.parquet")));
}

#[test]
fn what_ratings_do_not_have_is_named_with_what_they_may_have() {
    for (name, parts) in [
        (
            "null_item",
            [
                "null_item.parquet:25: item is \"null\"",
                "an integer from 0",
            ],
        ),
        (
            "below_zero",
            ["below_zero.parquet:31: user is \"-5\"", "an integer from 0"],
        ),
        (
            "not_finite",
            ["not_finite.parquet:1: rating is \"NaN\"", "a finite number"],
        ),
        (
            "parts",
            ["parts.parquet:1: user is \"1.5\"", "an integer from 0"],
        ),
        (
            "empty_id",
            ["empty_id.parquet:31: item is \"\"", "allowed is an id"],
        ),
        (
            "null_time",
            [
                "null_time.parquet:25: time is \"null\", allowed is seconds since 1970",
                "a line without a time has no place among the others",
            ],
        ),
        (
            "words",
            [
                "words.parquet:5: time is \"soon\", allowed is seconds since 1970",
                "or a date such as",
            ],
        ),
        (
            "bytes",
            [
                "the column \"user\" of type ByteArray",
                "or strings for a column of users",
            ],
        ),
        (
            "decimals",
            [
                "the column \"rating\" of type Decimal",
                "integers, Float or Double",
            ],
        ),
        (
            "hours",
            ["the column \"time\" of type Time", "or timestamps"],
        ),
        (
            "lists",
            ["the column \"item\" of type group", "integers of any width"],
        ),
    ] {
        let error = read_named(name).unwrap_err();
        assert!(parts.iter().all(|part| error.contains(part)), "{error}");
    }
}

#[test]
fn a_damaged_file_is_an_error_that_names_it() {
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("x.parquet");
    let of = |bytes: &[u8]| {
        std::fs::write(&path, bytes).unwrap();
        let room = Room(1 << 26);
        read(&path, &ColumnNames::default(), 0.0, room).map_err(|error| error.to_string())
    };
    for name in ["kinds", "spark", "whole", "strings"] {
        let whole = std::fs::read(folder().join(format!("{name}.parquet"))).unwrap();
        for cut in [0, 3, 11, whole.len() / 2, whole.len() - 1] {
            let error = of(&whole[..cut]).unwrap_err();
            assert!(error.contains("x.parquet"), "{error}");
        }
        // Read, or refused by name; never more.
        let (mut refused, step) = (0, 7);
        for at in (0..whole.len()).step_by(step) {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x5a;
            if let Err(error) = of(&bytes) {
                assert!(error.contains("x.parquet"), "{error}");
                refused += 1;
            }
        }
        assert!(refused > whole.len() / step / 10, "{refused}");
    }
    assert!(of(b"user,item\n1,2\n").is_err());
}

/// The decoder would have room made for them.
#[test]
fn a_dictionary_of_more_values_than_it_has_bytes_is_refused() {
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("x.parquet");
    let mut bytes = std::fs::read(folder().join("strings.parquet")).unwrap();
    // Nine items in 72 bytes; numbers are written as twice what they are.
    let header = [0x4c, 0x15, 2 * 9, 0x15, 0];
    let place = bytes.windows(5).position(|five| five == header).unwrap();
    bytes[place + 2] = 2 * 19;
    std::fs::write(&path, &bytes).unwrap();
    let error = read(&path, &ColumnNames::default(), 0.0, Room::ENDLESS).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("a dictionary claims 19 values in 72 bytes"),
        "{error}"
    );
}

#[test]
fn more_rows_than_memory_holds_are_refused_before_they_are_read() {
    let path = folder().join("spark.parquet");
    let names = ColumnNames::default();
    let error = read(&path, &names, 0.0, Room(1 << 10))
        .unwrap_err()
        .to_string();
    assert!(error.contains("more than 16 interactions"), "{error}");
}

/// The last bytes of every column, in files of both kinds of pages.
#[test]
fn a_page_that_is_not_what_was_written_is_refused_by_its_checksum() {
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("x.parquet");
    for name in ["checked", "checked2"] {
        let from = folder().join(format!("{name}.parquet"));
        let (whole, table) = (std::fs::read(&from).unwrap(), Table::open(&from).unwrap());
        assert!(table.about.row_groups.len() > 1);
        for chunk in table
            .about
            .row_groups
            .iter()
            .flat_map(|group| group.parquet_columns())
        {
            let end = chunk.byte_range().end as usize;
            for at in [end - 1, end - 2] {
                let mut bytes = whole.clone();
                bytes[at] ^= 0x40;
                std::fs::write(&path, &bytes).unwrap();
                let error = read(&path, &ColumnNames::default(), 0.0, Room::ENDLESS).unwrap_err();
                assert!(
                    error.to_string().contains("its CRC-32 is"),
                    "{name} {at}: {error}"
                );
            }
        }
    }
}

#[test]
fn an_encrypted_file_is_called_one() {
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("x.parquet");
    std::fs::write(&path, b"PARE....PARE").unwrap();
    let error = read(&path, &ColumnNames::default(), 0.0, Room::ENDLESS).unwrap_err();
    assert!(
        error.to_string().contains("an encrypted Parquet file"),
        "{error}"
    );
}
