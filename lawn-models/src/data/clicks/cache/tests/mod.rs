mod counts;

use std::fs::File;
use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::identity::IDENTITY;
use super::*;
use crate::data::clicks::encode::BadLines;

/// Lines of a few hundred bytes in blocks of three and parts of about nine.
const CUT: Cut = Cut {
    block: 1_000,
    part: 3_000,
};

const QUIET: CacheProgress<'_> = &|_, _| ();

/// A line that no other is.
fn line(number: usize) -> String {
    let numbers = (0..13).map(|place| match (number + place) % 4 {
        0 => String::new(),
        _ => format!("{}", number * (place + 1)),
    });
    let categories = (0..26).map(|place| match (number + place) % 5 {
        0 => String::new(),
        _ => format!("{:08x}", (number % 7) * 1_000 + place),
    });
    let fields: Vec<String> = numbers.chain(categories).collect();
    format!(
        "{}\t{}\n",
        u8::from(number.is_multiple_of(3)),
        fields.join("\t")
    )
}

fn text(lines: std::ops::Range<usize>) -> String {
    lines.map(line).collect()
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

/// A folder with files.
fn folder(files: &[(&str, &[u8])]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in files {
        std::fs::write(folder.path().join(name), content).unwrap();
    }
    folder
}

fn encoding() -> ClickEncoding {
    ClickEncoding {
        hash_size: 50,
        ..ClickEncoding::default()
    }
}

/// Beside its text.
fn open_at(
    files: &ClickFiles,
    encoding: &ClickEncoding,
    trust: Trust,
    progress: CacheProgress<'_>,
) -> Result<Cache, String> {
    let place = std::slice::from_ref(&files.folder);
    let cache = Cache::open_cut(files, encoding, CUT, trust, place, progress);
    cache.map_err(|error| error.to_string())
}

fn open_with(folder: &Path, encoding: &ClickEncoding) -> Result<Cache, String> {
    let files = ClickFiles::in_folder(folder).map_err(|error| error.to_string())?;
    let files = files.expect("there are files");
    open_at(&files, encoding, Trust::Times, QUIET)
}

/// With a look at every byte.
fn open_whole(folder: &Path) -> Cache {
    let files = ClickFiles::in_folder(folder).unwrap().unwrap();
    open_at(&files, &encoding(), Trust::Checksums, QUIET).unwrap()
}

fn open(folder: &Path) -> Result<Cache, String> {
    open_with(folder, &encoding())
}

/// Label, first number and ids of each row.
fn rows(cache: &Cache) -> Vec<(f32, Vec<f32>, Vec<u32>)> {
    let table = cache.table().unwrap();
    let row = |number| {
        let row = table.row(number);
        (row.label(), row.dense().collect(), row.ids().collect())
    };
    (0..table.len()).map(row).collect()
}

/// The rows of 40 lines, from one block.
fn expected() -> Vec<(f32, Vec<f32>, Vec<u32>)> {
    let folder = folder(&[("train.txt", text(0..40).as_bytes())]);
    let files = ClickFiles::in_folder(folder.path()).unwrap().unwrap();
    rows(&Cache::open(&files, &encoding(), Trust::Times, QUIET).unwrap())
}

#[test]
fn the_same_rows_come_of_text_however_it_lies() {
    let all = text(0..40);
    let expected = expected();
    assert_eq!(expected.len(), 40);
    assert!(expected.iter().filter(|row| row.0 == 1.0).count() == 14);
    let two = [gzip(&text(0..11)), gzip(&text(11..40))].concat();
    let days: [(&str, &[u8]); 3] = [
        ("day_0", &text(0..9).into_bytes()),
        ("day_1.gz", &gzip(&text(9..10))),
        ("day_2", &text(10..40).into_bytes()),
    ];
    for files in [
        &[("train.txt", all.as_bytes())][..],
        &[("train.txt", all.trim_end().as_bytes())],
        &[("train.txt", all.replace('\n', "\r\n").as_bytes())],
        &[("train.txt", format!("\u{feff}{all}").as_bytes())],
        &[("train.txt", format!("{all}\n\r\n").as_bytes())],
        &[(
            "train.txt",
            format!("{}\n{}", text(0..7), text(7..40)).as_bytes(),
        )],
        &[("train.txt.gz", &gzip(&all))],
        &[("train.txt.gz", &two)],
        // What is compressed is known by its first bytes.
        &[("train.txt", &gzip(&all))],
        &days,
    ] {
        let folder = folder(files);
        let cache = open(folder.path()).unwrap();
        assert!(cache.files.iter().flatten().count() >= 3);
        assert_eq!(rows(&cache), expected, "{}", files[0].0);
        // It is opened again as it is.
        assert_eq!(rows(&open(folder.path()).unwrap()), expected);
    }
    let folder = folder(&days);
    assert_eq!(open(folder.path()).unwrap().last_file(), 10);
}

#[test]
fn what_cannot_be_read_is_named_with_file_and_line() {
    let all = text(0..40);
    let after =
        |lines: usize, bad: &str| (text(0..lines) + bad + "\n" + &text(lines..40)).into_bytes();
    let short = gzip(&all);
    let utf_16: Vec<u8> = std::iter::once(0xfeff)
        .chain(all.encode_utf16())
        .flat_map(u16::to_le_bytes)
        .collect();
    let header = line(0).replacen('1', "label", 1);
    for (name, content, parts) in [
        (
            "train.txt",
            after(0, header.trim_end_matches('\n')),
            &["train.txt:1", "label", "0 or 1"][..],
        ),
        (
            "train.txt",
            after(25, "1\t2\t3"),
            &["train.txt:26", "is \"3\"", "40 columns"],
        ),
        (
            "train.txt",
            after(40, "0,1,2"),
            &["train.txt:41", "is \"1\"", "tabs"],
        ),
        ("train.txt", utf_16, &["train.txt", "UTF-16"]),
        (
            "train.txt",
            b"PK\x03\x04rest".to_vec(),
            &["train.txt", "a zip archive"],
        ),
        ("train.txt", Vec::new(), &["train.txt", "no line"]),
        (
            "train.txt",
            b"\xef\xbb\xbf".to_vec(),
            &["train.txt", "no line"],
        ),
        (
            "train.txt",
            vec![b'0'; 5_000],
            &["train.txt:1", "up to 1000 bytes"],
        ),
        (
            "train.txt.gz",
            short[..short.len() / 2].to_vec(),
            &["train.txt.gz", "gzip", "whole"],
        ),
        (
            "train.txt.gz",
            short[..short.len() - 3].to_vec(),
            &["train.txt.gz", "gzip", "whole"],
        ),
        (
            "train.csv",
            after(0, "id,click"),
            &["train.csv:1", "header", "id,click,hour"],
        ),
    ] {
        let folder = folder(&[(name, &content)]);
        let error = open(folder.path()).unwrap_err();
        for part in parts {
            assert!(error.contains(part), "{part:?} is not in: {error}");
        }
    }
}

fn modified(path: &Path) -> std::time::SystemTime {
    std::fs::metadata(path).unwrap().modified().unwrap()
}

/// What a failure leaves is gone on with: parts before it stay as they are.
#[test]
fn a_conversion_goes_on_behind_the_parts_that_it_finished() {
    for is_gzip in [false, true] {
        let name = if is_gzip { "train.txt.gz" } else { "train.txt" };
        let bytes = |text: &str| if is_gzip { gzip(text) } else { text.into() };
        let bad = text(0..25) + "1\t2\n" + &text(26..40);
        let folder = folder(&[(name, &bytes(&bad))]);
        let error = open(folder.path()).unwrap_err();
        assert!(error.contains(&format!("{name}:26")), "{error}");
        let files = ClickFiles::in_folder(folder.path()).unwrap().unwrap();
        assert!(Cache::there(&files).unwrap().is_none(), "it is not whole");
        // The same again, and nothing is converted twice.
        let cache = std::fs::read_dir(folder.path()).unwrap().flatten();
        let cache = cache
            .map(|entry| entry.path())
            .find(|path| path.is_dir())
            .unwrap();
        let first = PartFiles::new(&cache, 0, 0);
        let before = modified(&first.rows);
        assert_eq!(open(folder.path()).unwrap_err(), error);
        assert_eq!(modified(&first.rows), before);

        std::fs::write(folder.path().join(name), bytes(&text(0..40))).unwrap();
        assert_eq!(rows(&open(folder.path()).unwrap()), expected());
        assert_eq!(modified(&first.rows), before, "the first part stays");
    }
}

/// Nobody can set when the system noted a change.
#[test]
fn another_text_of_the_same_size_and_time_is_noticed() {
    let folder = folder(&[("train.txt", text(0..30).as_bytes())]);
    let path = folder.path().join("train.txt");
    let before = rows(&open(folder.path()).unwrap());
    let then = modified(&path);
    let other = text(0..30).replace("\n0\t", "\n1\t");
    assert_ne!(other, text(0..30));
    std::fs::write(&path, other).unwrap();
    let file = std::fs::File::options().append(true).open(&path).unwrap();
    file.set_modified(then).unwrap();
    assert_eq!(modified(&path), then);
    assert_ne!(rows(&open(folder.path()).unwrap()), before);
}

#[test]
fn a_file_that_changed_is_converted_from_where_it_differs() {
    let folder = folder(&[("train.txt", text(0..30).as_bytes())]);
    let path = folder.path().join("train.txt");
    let cache = open(folder.path()).unwrap();
    let parts = cache.files[0].len();
    let first = PartFiles::new(&cache.folder, 0, 0);
    let before = modified(&first.rows);
    // Longer, then shorter.
    std::fs::write(&path, text(0..40)).unwrap();
    let longer = open(folder.path()).unwrap();
    assert_eq!(rows(&longer), expected());
    assert!(longer.files[0].len() > parts);
    assert_eq!(modified(&first.rows), before);
    std::fs::write(&path, text(0..12)).unwrap();
    let shorter = open(folder.path()).unwrap();
    assert_eq!(rows(&shorter), expected()[..12]);
    let left = PartFiles::new(&cache.folder, 0, shorter.files[0].len());
    assert!(!left.rows.exists(), "parts of before are gone");
    // Of the same length, with another row in its first part.
    std::fs::write(&path, line(12) + &text(1..12)).unwrap();
    let other = rows(&open(folder.path()).unwrap());
    assert_ne!(other[0], expected()[0]);
    assert_eq!(other[1..], expected()[1..12]);
}

#[test]
fn a_part_that_is_cut_short_or_gone_is_made_again() {
    let folder = folder(&[("train.txt", text(0..40).as_bytes())]);
    let cache = open(folder.path()).unwrap();
    let second = PartFiles::new(&cache.folder, 0, 1);
    let whole = std::fs::read(&second.rows).unwrap();
    std::fs::write(&second.rows, &whole[..whole.len() - 1]).unwrap();
    assert_eq!(rows(&open(folder.path()).unwrap()), expected());
    std::fs::remove_file(&second.seen).unwrap();
    assert_eq!(rows(&open(folder.path()).unwrap()), expected());
}

/// A byte of each file of a part, with another time than before and with the same.
#[test]
fn a_part_that_is_not_what_was_written_is_made_again() {
    let folder = folder(&[("train.txt", text(0..40).as_bytes())]);
    let cache = open(folder.path()).unwrap();
    let [first, second] = [0, 1].map(|part| PartFiles::new(&cache.folder, 0, part));
    let before = modified(&first.rows);
    let counts = cache.counts().unwrap();
    for path in [&second.rows, &second.seen] {
        for is_hidden in [false, true] {
            let (written, mut bytes) = (modified(path), std::fs::read(path).unwrap());
            // The last byte: an id, or the ids of the last column.
            let last = bytes.len() - 8;
            bytes[last] ^= 1;
            std::fs::write(path, bytes).unwrap();
            if is_hidden {
                let file = File::options().write(true).open(path).unwrap();
                file.set_modified(written).unwrap();
            }
            let opened = match is_hidden {
                true => open_whole(folder.path()),
                false => open(folder.path()).unwrap(),
            };
            assert_eq!(rows(&opened), expected(), "{}", path.display());
            // Not its bytes: a record has times, of more digits or fewer.
            let now = opened.counts().unwrap();
            assert_eq!((now.rows, now.clicks), (counts.rows, counts.clicks));
            assert_eq!(now.ids, counts.ids);
            assert_eq!(modified(&first.rows), before, "the first part stays");
        }
    }
}

/// As a copy has other times.
#[test]
fn a_part_of_another_time_stays_where_its_checksum_is_right() {
    let folder = folder(&[("train.txt", text(0..40).as_bytes())]);
    let cache = open(folder.path()).unwrap();
    let part = PartFiles::new(&cache.folder, 0, 1);
    let time = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1);
    for path in [&part.rows, &part.seen] {
        let file = File::options().write(true).open(path).unwrap();
        file.set_modified(time).unwrap();
    }
    let files = ClickFiles::in_folder(folder.path()).unwrap().unwrap();
    assert!(
        Cache::there(&files).unwrap().is_none(),
        "who only looks cannot know"
    );
    assert_eq!(rows(&open(folder.path()).unwrap()), expected());
    assert_eq!(modified(&part.rows), time);
    assert!(Cache::there(&files).unwrap().is_some());
}

#[test]
fn a_record_without_checksums_is_made_again_and_a_newer_one_is_refused() {
    let folder = folder(&[("train.txt", text(0..40).as_bytes())]);
    let cache = open(folder.path()).unwrap();
    let record = cache.folder.join("part-000-00001.json");
    let change = |change: &dyn Fn(&mut serde_json::Value)| {
        let mut json = serde_json::from_slice(&std::fs::read(&record).unwrap()).unwrap();
        change(&mut json);
        std::fs::write(&record, json.to_string()).unwrap();
    };
    change(&|json| {
        json["version"] = 1.into();
        let table = json.as_object_mut().unwrap();
        assert!(table.remove("rows_seal").is_some() && table.remove("seen_seal").is_some());
    });
    let again = open(folder.path()).unwrap();
    assert_eq!((rows(&again), &again.folder), (expected(), &cache.folder));
    assert!(
        std::fs::read_to_string(&record)
            .unwrap()
            .contains("rows_seal")
    );
    change(&|json| json["version"] = 4.into());
    let error = open(folder.path()).unwrap_err();
    assert!(
        error.contains("version 4") && error.contains("newer"),
        "{error}"
    );
}

/// Its name and its parts say what it is of.
#[test]
fn a_cache_that_does_not_say_what_it_is_of_is_mended() {
    let folder = folder(&[("train.txt", text(0..40).as_bytes())]);
    let cache = open(folder.path()).unwrap();
    let first = modified(&PartFiles::new(&cache.folder, 0, 0).rows);
    let said = cache.folder.join(IDENTITY);
    let before = std::fs::read(&said).unwrap();
    for damaged in ["{}", "", "no JSON"] {
        std::fs::write(&said, damaged).unwrap();
        assert_eq!(rows(&open(folder.path()).unwrap()), expected());
        assert_eq!(std::fs::read(&said).unwrap(), before);
    }
    assert_eq!(modified(&PartFiles::new(&cache.folder, 0, 0).rows), first);
}

/// Another modulus has a cache of its own, and one of other sizes in its place is refused.
#[test]
fn a_cache_of_other_sizes_is_refused() {
    let folder = folder(&[("train.txt", text(0..40).as_bytes())]);
    let other = ClickEncoding {
        hash_size: 60,
        ..encoding()
    };
    let (one, two) = (
        open(folder.path()).unwrap(),
        open_with(folder.path(), &other).unwrap(),
    );
    assert_ne!(one.folder, two.folder);
    assert!(
        rows(&two)
            .iter()
            .any(|row| row.2.iter().any(|&id| id >= 50))
    );
    // Its rows in the other's place.
    for (from, to) in one.parts().zip(two.parts()) {
        std::fs::copy(&from.0.rows, &to.0.rows).unwrap();
    }
    let error = open_with(folder.path(), &other).unwrap_err();
    assert!(
        error.contains("[50, 50") && error.contains("[60, 60"),
        "{error}"
    );
    std::fs::copy(one.folder.join(IDENTITY), two.folder.join(IDENTITY)).unwrap();
    let error = open_with(folder.path(), &other).unwrap_err();
    assert!(
        error.contains("[50,50") && error.contains("[60,60"),
        "{error}"
    );
}

#[test]
fn bad_lines_are_left_out_and_counted_where_that_is_asked_for() {
    let bad = "label\n".to_owned() + &text(0..20) + "\n1\t2\n" + &text(20..40) + "x";
    let folder = folder(&[("train.txt", bad.as_bytes())]);
    let exclude = ClickEncoding {
        bad_lines: BadLines::Exclude,
        ..encoding()
    };
    let cache = open_with(folder.path(), &exclude).unwrap();
    assert_eq!(rows(&cache), expected());
    let counts = cache.counts().unwrap();
    assert_eq!((counts.rows, counts.excluded), (40, 3));
    let first = counts.first_excluded.unwrap();
    assert!(first.contains("train.txt:1:"), "{first}");
    assert!(open(folder.path()).unwrap_err().contains("train.txt:1:"));
}

#[test]
fn those_who_need_the_same_cache_wait_for_it() {
    let folder = folder(&[("train.txt", text(0..40).as_bytes())]);
    let all = std::thread::scope(|scope| {
        let open = || scope.spawn(|| rows(&open(folder.path()).unwrap()));
        let threads = [open(), open(), open()];
        threads.map(|thread| thread.join().unwrap())
    });
    assert!(all.iter().all(|rows| *rows == expected()));
}

#[test]
fn progress_ends_where_the_files_do() {
    let days: [(&str, &[u8]); 2] = [
        ("day_0", &text(0..20).into_bytes()),
        ("day_1.gz", &gzip(&text(20..40))),
    ];
    let folder = folder(&days);
    let files = ClickFiles::in_folder(folder.path()).unwrap().unwrap();
    let told = std::sync::Mutex::new(Vec::new());
    let tell = |done, total| told.lock().unwrap().push((done, total));
    open_at(&files, &encoding(), Trust::Checksums, &tell).unwrap();
    let told = told.into_inner().unwrap();
    let size = (days[0].1.len() + days[1].1.len()) as u64;
    assert!(told.len() > 4);
    assert!(told.is_sorted() && told.iter().all(|&(_, total)| total == size));
    assert_eq!(told[told.len() - 1], (size, size));
}
