use super::*;

fn read_text(name: &str, text: &[u8], above: f64) -> Result<Lines, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, text).unwrap();
    read(&path, &ColumnNames::default(), above, Room::ENDLESS).map_err(|error| error.to_string())
}

fn triples(found: &Lines) -> Vec<(u64, u64, i64)> {
    let triple = |line: &Line| (line.user, line.item, line.time);
    found.lines.iter().map(triple).collect()
}

#[test]
fn the_files_of_publishers_are_read() {
    for (name, text) in [
        ("ratings.dat", "1::7::5::90\n2::8::3::80\n"),
        ("u.data", "1\t7\t5\t90\r\n2\t8\t3\t80"),
        (
            "ratings.csv",
            "userId,movieId,rating,timestamp\n1,7,5.0,90\n2,8,3.5,80\n",
        ),
        (
            "x.csv",
            "title,time,rating,item,user\n\"a, \"\"b\n\"\"\",90,5,7,1\nc,80,2.5,8,2\n",
        ),
        ("x.csv", "1,7,4,90\n2,8,1,80\n"),
    ] {
        let found = read_text(name, text.as_bytes(), 0.0).unwrap();
        assert_eq!(triples(&found), [(1, 7, 90), (2, 8, 80)], "{name}: {text}");
    }
    // Separators at the end of a line, and a colon within a field.
    for text in [
        "user,item\n1,7,\n2,8, ,\n",
        "1,7,\n2,8\n",
        "user::item::title\n1::7::a: b\n2::8::c\n",
    ] {
        assert_eq!(
            read_text("x.csv", text.as_bytes(), 0.0)
                .unwrap()
                .lines
                .len(),
            2
        );
    }
    let latin = read_text("x.csv", b"user,item,title\n1,7,caf\xe9\n", 0.0).unwrap();
    assert_eq!(triples(&latin), [(1, 7, 0)]);
}

/// In whichever block a text comes first.
#[test]
fn ids_that_are_texts_are_numbered_as_they_first_occur() {
    for text in [
        "user_id:token\titem_id:token\trating:float\ttimestamp:float\nu9\tB01\t5.0\t7\nu1\tB02\t0\t8\nu9\tB02\t1\t9\n",
        "userId,movieId,rating,timestamp\nu9,B01,5.0,7\nu1,\"B02\",0,8\nu9,B02,1,9\n",
        // Of Amazon, without a header.
        "u9,B01,5.0,7\nu1,B02,0.0,8\nu9,B02,1.0,9\n",
    ] {
        let found = read_text("x.csv", text.as_bytes(), 0.0).unwrap();
        assert_eq!(triples(&found), [(0, 0, 7), (0, 1, 9)], "{text}");
        assert_eq!(found.taken.texts(), ["user", "item"]);
    }
    let found = read_text("x.csv", b"user,item\nb,7\na,3\n", 0.0).unwrap();
    assert_eq!(triples(&found), [(0, 7, 0), (1, 3, 1)]);
    assert!(found.taken.sentence().contains("ids of users are texts"));
    let line = |number: u64| format!("user {},{number}\n", number * 7919 % 1_000_003);
    let many: String = (0..1_500_000).map(line).collect();
    let found = read_text("x.csv", format!("user,item\n{many}").as_bytes(), 0.0).unwrap();
    let in_order = found.lines.iter().all(|line| {
        let first = line.item % 1_000_003;
        line.user == first
    });
    assert!(in_order && many.len() > 16 << 20);
}

#[test]
fn a_file_of_texts_without_a_header_is_read_where_that_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.tsv");
    let names = ColumnNames {
        header: Some(false),
        ..ColumnNames::default()
    };
    let of = |text: &str| {
        std::fs::write(&path, text).unwrap();
        read(&path, &names, 0.0, Room::ENDLESS).map_err(|error| error.to_string())
    };
    let found = of("ann\tB7\nbob\tB9\nann\tB9\n").unwrap();
    assert_eq!(triples(&found), [(0, 0, 0), (1, 1, 1), (0, 1, 2)]);
    let told = found.taken.sentence();
    assert!(
        told.starts_with(
            "the file has no header: user is column 1, item 2; ids of users and items"
        ),
        "{told}"
    );
    let error = of("ann\tB7\tgood\n").unwrap_err();
    assert!(error.contains(":1: rating is \"good\""), "{error}");
}

#[test]
fn times_that_are_no_whole_seconds_keep_their_order() {
    let text = b"user,item,time\n1,1,978300001.75\n1,2,978300001.5\n1,3,9.783e8\n1,4,2001-01-01T00:00:02\n";
    let found = read_text("x.csv", text, 0.0).unwrap();
    let mut order: Vec<(i64, u64)> = found.lines.iter().map(|l| (l.time, l.item)).collect();
    order.sort_unstable();
    let items: Vec<u64> = order.iter().map(|&(_, item)| item).collect();
    assert_eq!((items, found.unit), (vec![3, 2, 1, 4], Unit::Microseconds));
    let whole = read_text("x.csv", b"user,item,time\n1,1,978300001.0\n", 0.0).unwrap();
    assert_eq!(
        (whole.lines[0].time, whole.unit),
        (978_300_001, Unit::Seconds)
    );
}

#[test]
fn ratings_that_are_not_above_the_least_are_counted() {
    let text = b"user,item,rating\n1,7,0\n1,8,-2\n1,9,0.5\n2,7,4\n";
    let found = read_text("x.csv", text, 0.0).unwrap();
    assert_eq!(
        (triples(&found), found.not_above),
        (vec![(1, 9, 0), (2, 7, 1)], 2)
    );
    assert_eq!(read_text("x.csv", text, 3.9).unwrap().not_above, 3);
    let error = read_text("x.csv", text, 4.0).unwrap_err();
    assert!(error.contains("no rating above 4 in 4 lines"), "{error}");
}

/// A hundred mebibytes of lines in a hundred kibibytes.
#[test]
fn more_lines_than_memory_holds_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.csv.gz");
    let file = std::fs::File::create(&path).unwrap();
    let mut packer = flate2::write::GzEncoder::new(file, flate2::Compression::new(6));
    let lines = "1,2\n".repeat(1 << 18);
    for _ in 0..100 {
        std::io::Write::write_all(&mut packer, lines.as_bytes()).unwrap();
    }
    packer.finish().unwrap();
    assert!(std::fs::metadata(&path).unwrap().len() < 1 << 20);
    let room = Room(64 << 20);
    let error = read(&path, &ColumnNames::default(), 0.0, room).unwrap_err();
    let error = error.to_string();
    assert!(
        error.contains("x.csv.gz: found more than 1048576 interactions"),
        "{error}"
    );
}

#[test]
fn a_quote_is_one_of_a_field_between_commas_alone() {
    for (name, text) in [
        ("x.tsv", "user\titem\ttitle\n1\t7\t\"a\n2\t8\tb\"\n"),
        ("ratings.dat", "1::7::5::90\n2::8::3::80\n"),
        ("x.csv", "user,item,title\n1,7,12\" single\n2,8,7\"\n"),
        ("x.csv", "user;item;title\n1;7;\"a\nb;\"\n2;8;c\n"),
    ] {
        let found = read_text(name, text.as_bytes(), 0.0).unwrap();
        let pairs: Vec<(u64, u64)> = found.lines.iter().map(|l| (l.user, l.item)).collect();
        assert_eq!(pairs, [(1, 7), (2, 8)], "{name}: {text}");
    }
    let far = "1,7,a\n".repeat(5);
    for (text, expected) in [
        (
            "user,item,title\n1,7,\"a\n2,8,b\n",
            ":2: line is \"1,7,\"a\", allowed is",
        ),
        (
            &*format!("user,item,title\n{far}1,7,\"a\"\n1,7,\"b\"\"\n2,8,c\n"),
            ":8: line is \"1,7,\"b\"\"\", allowed is",
        ),
    ] {
        let error = read_text("x.csv", text.as_bytes(), 0.0).unwrap_err();
        assert!(error.contains(expected), "{error}");
        assert!(error.contains("the end of the file"), "{error}");
    }
}

#[test]
fn lines_have_the_numbers_of_the_file() {
    let text = b"user,item,rating,title\n1,1,5,a\n\n1,2,0,b\n1,3,5,\"c\nd\"\r\n\n\n1,4,5,e\n";
    let found = read_text("x.csv", text, 0.0).unwrap();
    let numbers: Vec<(u64, usize)> = found.lines.iter().map(|l| (l.item, l.number)).collect();
    assert_eq!(numbers, [(1, 2), (3, 5), (4, 9)]);
}

#[test]
fn what_is_wrong_is_named_with_its_line_however_far_it_is() {
    let far = |bad: &str| {
        format!(
            "user,item\n{}{bad}\n1,2\n",
            "12345678,12345678\n".repeat(2_000_000)
        )
    };
    for (text, expected) in [
        (
            "1,2\nx,3\n".to_owned(),
            ":2: user is \"x\", allowed is an integer from 0",
        ),
        (
            "user,item,rating\n1,2,nan\n".to_owned(),
            ":2: rating is \"nan\"",
        ),
        (
            "user,item,time\n1,2,2020-13-01\n".to_owned(),
            ":2: time is \"2020-13-01\", allowed is seconds since 1970, or a date such as",
        ),
        (
            "user,item,time\n1,2,3\n1,3,\n".to_owned(),
            ":3: time is \"\", allowed is seconds since 1970, or a date such as \
             2015-01-01T00:00:00Z; a line without a time has no place among the others",
        ),
        (
            "user,item,time\na,2,3\n,3,4\n".to_owned(),
            ":3: user is \"\", allowed is an id",
        ),
        (
            "user,item\n7,2\na,3\n".to_owned(),
            ":3: user is \"a\", allowed is an integer from 0",
        ),
        (
            "a,b\nc,d\n".to_owned(),
            "raw.columns.header = false, where there is none and ids are texts",
        ),
        (
            "user,item\n1,2\n\n7\n".to_owned(),
            ":4: line is \"7\", allowed is 2 or more columns, separated by commas",
        ),
        (
            "userId,movieId,rating,timestamp\n1,19,4,5,1001\n".to_owned(),
            ":2: line is \"1 19 4 5 1001\", allowed is up to 4 columns, as in line 1",
        ),
        (
            "1::2::3::4\n73::4\n".to_owned(),
            ":2: line is \"73 4\", allowed is 4 or more columns, separated by `::`",
        ),
        (
            "1::2::3::4\n1::2::3::4::5\n".to_owned(),
            "allowed is up to 4 columns, as in line 1, separated by `::`",
        ),
        ("1\t2\n1\t3\t5\n".to_owned(), ":2: line is \"1 3 5\""),
        (far("9,-1"), ":2000002: item is \"-1\""),
    ] {
        let error = read_text("x.csv", text.as_bytes(), 0.0).unwrap_err();
        assert!(error.contains(expected), "{error}");
    }
    assert!(
        read_text("x.csv", b"", 0.0)
            .unwrap_err()
            .contains("no line")
    );
}
