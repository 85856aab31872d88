use super::*;
use crate::data::clicks::hash::bucket;

fn reader(format: ClickFormat, missing: i64) -> LineReader {
    LineReader::new(format, vec![1_000; format.columns()], missing)
}

fn criteo(fields: &[(usize, &str)]) -> String {
    let mut line = vec![""; 40];
    line[0] = "1";
    for &(place, text) in fields {
        line[place] = text;
    }
    line.join("\t")
}

fn avazu(fields: &[(usize, &str)]) -> String {
    let mut line = vec!["1005"; 24];
    (line[1], line[2]) = ("0", "14102123");
    for &(place, text) in fields {
        line[place] = text;
    }
    line.join(",")
}

fn fault(format: ClickFormat, line: &str) -> LineFault {
    let mut words = vec![[0; 4]; 1 + format.dense() + format.columns()];
    let read = reader(format, -1).read(line.as_bytes(), &mut words);
    read.expect_err("it cannot be read")
}

fn words(reader: &LineReader, line: &str) -> Vec<[u8; 4]> {
    let mut words = vec![[0; 4]; 1 + reader.format.dense() + reader.format.columns()];
    reader.read(line.as_bytes(), &mut words).unwrap();
    words
}

#[test]
fn what_is_wrong_with_a_line_is_named() {
    use ClickFormat::{Avazu, Criteo};
    let commas = criteo(&[]).replace('\t', ",");
    let spaces = criteo(&[]).replace('\t', " ");
    let header = criteo(&[(0, "label"), (1, "I1")]);
    let long = criteo(&[(5, &"9".repeat(60))]);
    for (format, line, field, value) in [
        (Criteo, commas.as_str(), "number of columns", "1"),
        (Criteo, &spaces, "number of columns", "1"),
        (Criteo, &criteo(&[])[1..], "label", ""),
        (Criteo, &criteo(&[])[..20], "number of columns", "20"),
        (Criteo, &(criteo(&[]) + "\t"), "number of columns", "41"),
        (Criteo, &header, "label", "label"),
        (Criteo, &criteo(&[(0, "2")]), "label", "2"),
        (Criteo, &criteo(&[(3, "1.5")]), "integer", "1.5"),
        (Criteo, &criteo(&[(3, "+1")]), "integer", "+1"),
        (Criteo, &criteo(&[(3, "-")]), "integer", "-"),
        (Criteo, &criteo(&[(20, "red")]), "category", "red"),
        (
            Criteo,
            &criteo(&[(39, "0123456789abcdef0")]),
            "category",
            "0123456789abcdef0",
        ),
        (Criteo, &long, "integer", &("9".repeat(40) + "…")),
        (
            Avazu,
            &avazu(&[]).replace(',', "\t"),
            "number of columns",
            "1",
        ),
        (Avazu, &avazu(&[(1, "click")]), "click", "click"),
        (Avazu, &avazu(&[(2, "2014-10-21")]), "hour", "2014-10-21"),
        (Avazu, &avazu(&[(2, "14102199")]), "hour", "14102199"),
        (Avazu, &avazu(&[(2, "14023023")]), "hour", "14023023"),
        (Avazu, &avazu(&[(2, "14022900")]), "hour", "14022900"),
        (Avazu, &avazu(&[(2, "14130100")]), "hour", "14130100"),
        (Avazu, &avazu(&[(7, "\"a")]), "category", "\"a"),
    ] {
        let fault = fault(format, line);
        assert_eq!(
            (fault.field, fault.value.as_str()),
            (field, value),
            "{line}"
        );
        assert!(!fault.allowed.is_empty());
    }
}

/// ln(1 + max(n, 0)), as AlgoPerf computes it with −1 for what is not there.
#[test]
fn integers_are_logarithms_and_none_is_negative() {
    let line = criteo(&[
        (1, "0"),
        (2, "-3"),
        (3, "1"),
        (4, "4095"),
        (5, "5000"),
        (6, "-0"),
    ]);
    for (missing, expected) in [(-1, 0.0), (0, 0.0), (7, 8f32.ln())] {
        let words = words(&reader(ClickFormat::Criteo, missing), &line);
        let found: Vec<f32> = words[1..14]
            .iter()
            .map(|word| f32::from_le_bytes(*word))
            .collect();
        let mut by_hand = vec![0.0, 0.0, 2f32.ln(), 4096f32.ln(), 5001f32.ln(), 0.0];
        by_hand.resize(13, expected);
        for (found, by_hand) in found.iter().zip(by_hand) {
            assert!((found - by_hand).abs() < 1e-6, "{found} {by_hand}");
        }
    }
}

#[test]
fn line_ends_of_windows_and_letters_in_upper_case_are_the_same() {
    let reader = reader(ClickFormat::Criteo, -1);
    let line = criteo(&[(14, "68fd1e64"), (39, "b28479f6")]);
    let plain = words(&reader, &line);
    assert_eq!(words(&reader, &(line.clone() + "\r")), plain);
    assert_eq!(words(&reader, &line.to_uppercase()), plain);
    let id = |place: usize| u32::from_le_bytes(plain[place]);
    assert_eq!(id(14), bucket(b"68fd1e64", 0, 1_000));
    assert_eq!(id(15), bucket(b"", 1, 1_000));
    assert_eq!(id(39), bucket(b"b28479f6", 25, 1_000));
}

#[test]
fn of_avazu_the_hour_of_the_day_is_the_first_category() {
    let words = words(
        &reader(ClickFormat::Avazu, -1),
        &avazu(&[(3, "1002"), (23, "79")]),
    );
    let id = |place: usize| u32::from_le_bytes(words[place]);
    assert_eq!(id(1), bucket(b"23", 0, 1_000));
    assert_eq!(id(2), bucket(b"1002", 1, 1_000));
    assert_eq!(id(22), bucket(b"79", 21, 1_000));
    assert_eq!(words.len(), 23);
}

#[test]
fn quotes_around_fields_and_labels_with_a_point_change_nothing() {
    for (format, line) in [
        (ClickFormat::Criteo, criteo(&[(2, "7"), (14, "68fd1e64")])),
        (
            ClickFormat::Avazu,
            avazu(&[(1, "1"), (9, "a,b")]).replace("a,b", "ab"),
        ),
    ] {
        let reader = reader(format, -1);
        let plain = words(&reader, &line);
        let separator = char::from(format.separator());
        let quoted: Vec<String> = line
            .split(separator)
            .map(|one| format!("\"{one}\""))
            .collect();
        assert_eq!(words(&reader, &quoted.join(&separator.to_string())), plain);
        let label = format
            .fields()
            .iter()
            .position(|name| name == "label" || name == "click");
        let mut fields: Vec<&str> = line.split(separator).collect();
        fields[label.unwrap()] = "1.0";
        assert_eq!(words(&reader, &fields.join(&separator.to_string())), plain);
    }
}
