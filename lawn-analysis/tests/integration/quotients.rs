//! Counts divided by a total, rounded by whatever wrote them: the p-values of the counts.

use std::fs;
use std::path::Path;

use lawn_analysis::records::Results;
use lawn_analysis::{Records, Report, ReportRequest};

/// How a number of hits is written.
type Form = fn(u32) -> String;

/// Hits out of 24 of seeds 1 to 8: baseline, treatment.
const HITS: [(u32, u32); 8] = [
    (16, 17),
    (15, 17),
    (17, 16),
    (12, 14),
    (14, 15),
    (17, 16),
    (13, 16),
    (16, 17),
];

/// Results whose metric is written so, with more columns at the end.
fn read(metric: impl Fn(u32) -> String, more: (&str, Form)) -> Results {
    let mut text = format!("task,arm,batch_size,seed,test_metric{}\n", more.0);
    for (seed, (baseline, treatment)) in (1..).zip(HITS) {
        for (arm, hits) in [("sgd", baseline), ("mine", treatment)] {
            let (metric, more) = (metric(hits), more.1(hits));
            text.push_str(&format!("t,{arm},256,{seed},{metric}{more}\n"));
        }
    }
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("results.csv");
    fs::write(&path, text).unwrap();
    Results::read(Path::new(&path)).unwrap()
}

/// The p-value of the exact test and the advantage.
fn answer(records: &Records) -> (f64, f64) {
    let request = ReportRequest::new("quotients", 256).contrast("sgd", "mine");
    let report = Report::new(records, &request).unwrap();
    let verdicts = report.verdicts();
    let answer = &verdicts.answers[0];
    (answer.p.unwrap(), answer.advantage.unwrap())
}

/// By counting all patterns of signs of the differences in hits.
fn counted() -> f64 {
    let differences = HITS.map(|(b, t)| i64::from(t) - i64::from(b));
    let observed: i64 = differences.iter().sum();
    let extreme = (0..1 << HITS.len()).filter(|signs: &i64| {
        let signed = differences.iter().enumerate();
        let sum: i64 = signed
            .map(|(i, d)| if signs >> i & 1 == 1 { -d } else { *d })
            .sum();
        sum.abs() >= observed.abs()
    });
    extreme.count() as f64 / (1 << HITS.len()) as f64
}

#[test]
fn rounded_quotients_have_the_p_values_of_their_counts() {
    let plain: (&str, Form) = ("", |_| String::new());
    let forms: [(&str, Form, f64); 7] = [
        ("six digits", |k| format!("{:.6}", f64::from(k) / 24.0), 1.0),
        (
            "four digits",
            |k| format!("{:.4}", f64::from(k) / 24.0),
            1.0,
        ),
        ("32 bits", |k| (k as f32 / 24.0).to_string(), 1.0),
        (
            "32 as 64 bits",
            |k| f64::from(k as f32 / 24.0).to_string(),
            1.0,
        ),
        (
            "percent",
            |k| format!("{:.2}", 100.0 * f64::from(k) / 24.0),
            100.0,
        ),
        ("all digits", |k| (f64::from(k) / 24.0).to_string(), 1.0),
        (
            "percent, 32 bits",
            |k| (100.0 * (k as f32 / 24.0)).to_string(),
            100.0,
        ),
    ];
    let expected = counted();
    // Eight differences in hits: +1 +2 −1 +2 +1 −1 +3 +1.
    let mean = 8.0 / 8.0 / 24.0;
    for (name, form, scale) in forms {
        let results = read(form, plain);
        let (p, advantage) = answer(&results.records);
        assert_eq!(p, expected, "{name}");
        assert!((advantage - scale * mean).abs() < 1e-12 * scale, "{name}");
        let said = results.notes.join(" ");
        let inferred = said.contains("looks like rounded fractions with denominator 24");
        assert_eq!(inferred, name != "all digits", "{name}: {said}");
    }
}

#[test]
fn counts_beside_a_metric_in_percent_say_its_digits() {
    let counts: (&str, Form) = (",test_count,test_total", |k| format!(",{k},24"));
    let results = read(|k| format!("{:.1}", 100.0 * f64::from(k) / 24.0), counts);
    let [note] = &results.notes[..] else {
        panic!("{:?}", results.notes)
    };
    assert!(note.starts_with("Nothing names the metric"), "{note}");
    let (p, advantage) = answer(&results.records);
    assert_eq!(p, counted());
    assert!((advantage - 100.0 / 24.0).abs() < 1e-10);
}
