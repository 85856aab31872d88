//! What the page and the summary show first, and that they hide nothing that speaks against.

use std::fs;

use lawn_analysis::analysis::Question;
use lawn_analysis::records::Outcome;
use lawn_analysis::simulate::{ARMS, Simulation};
use lawn_analysis::{Records, Report, ReportFiles, ReportRequest, write_report};

fn request() -> ReportRequest {
    ReportRequest::new("A sweep", 1024).contrast(ARMS[0], ARMS[1])
}

fn written(records: &Records) -> (tempfile::TempDir, ReportFiles, String, String) {
    let dir = tempfile::tempdir().unwrap();
    let files = write_report(records, &request(), dir.path()).unwrap();
    let summary = fs::read_to_string(&files.summary).unwrap();
    let page = fs::read_to_string(&files.html).unwrap();
    (dir, files, summary, page)
}

/// The treatment loses at the smallest batch, and gains at the largest.
fn crossing() -> Records {
    let simulation = Simulation {
        seeds: 12,
        advantage: -0.04,
        advantage_per_doubling: 0.015,
        ..Simulation::default()
    };
    simulation.records()
}

#[test]
fn what_is_worse_is_shown_as_what_is_better_is() {
    let records = crossing();
    let (_dir, _, summary, page) = written(&records);
    let request = request();
    let report = Report::new(&records, &request).unwrap();
    let verdicts = report.verdicts();
    let of = |word: &'static str| {
        verdicts
            .answers
            .iter()
            .filter(move |a| a.verdict.as_str() == word)
    };
    assert!(of("worse").count() > 1 && of("better").count() > 1);
    let at_1024 = summary
        .lines()
        .find(|line| line.contains(" at 1024 "))
        .unwrap();
    assert!(at_1024.starts_with("worse"), "{at_1024}");
    // One line each of the worse ones, wherever they were asked.
    let rows = summary.lines().filter(|line| line.starts_with("worse"));
    assert_eq!(rows.count(), of("worse").count(), "{summary}");
    for answer in of("worse") {
        let escaped = answer.sentence.replace('\'', "&#39;");
        assert!(page.contains(&escaped), "{}", answer.sentence);
    }
}

#[test]
fn the_page_begins_with_the_answer_and_ends_with_what_it_rests_on() {
    let mut asked = request();
    asked.provenance = vec![("Host".to_owned(), "somewhere".to_owned())];
    let dir = tempfile::tempdir().unwrap();
    let files = write_report(&crossing(), &asked, dir.path()).unwrap();
    let page = fs::read_to_string(files.html).unwrap();
    let order = [
        "answer",
        "means",
        "primary",
        "figures",
        "comparisons",
        "asked",
        "feasibility",
        "provenance",
    ];
    let places: Vec<usize> = order
        .iter()
        .map(|id| page.find(&format!("<section id=\"{id}\"")).expect(id))
        .collect();
    assert!(places.is_sorted(), "{places:?}");
    let answer = &page[places[0]..places[1]];
    let report = Report::new(&crossing(), &asked)
        .map(|report| report.claims().len())
        .unwrap();
    assert_eq!(answer.matches("<li><span class=\"verdict").count(), report);
    assert!(answer.contains("id=\"figure-sample-test-metric\""));
    for link in ["#feasibility", "#provenance", "#asked"] {
        assert!(answer.contains(&format!("href=\"{link}\"")), "{link}");
    }
    // The main figure stands there and nowhere else.
    assert_eq!(page.matches("id=\"figure-sample-test-metric\"").count(), 1);
}

#[test]
fn means_are_given_for_every_arm_and_batch_with_what_they_leave_out() {
    let mut records = crossing();
    for trial in &mut records.trials {
        if trial.arm == ARMS[1] && trial.batch_size == 65_536 && trial.seed != 1000 {
            trial.outcome = Outcome::Diverged;
            (trial.test_metric, trial.train_metric) = (None, None);
        }
    }
    let (_dir, files, summary, page) = written(&records);
    let table = files
        .tables
        .iter()
        .find(|path| path.ends_with("means.csv"))
        .unwrap();
    let csv = fs::read_to_string(table).unwrap();
    // A header, and two arms at four batch sizes.
    assert_eq!(csv.lines().count(), 1 + 8, "{csv}");
    let last = csv.lines().last().unwrap();
    // One seed is left: a mean, no interval, eleven that diverged.
    assert!(
        last.starts_with("sample,hit rate,base-lawn,65536,1,0.6"),
        "{last}"
    );
    assert!(last.ends_with(",,,11,0"), "{last}");
    assert!(
        summary.contains("**Mean test hit rate** (more is better) on sample (n 12)"),
        "{summary}"
    );
    assert!(summary.contains("(n 1)"), "{summary}");
    assert!(page.contains("n 1, 11 diverged"));
}

#[test]
fn no_interval_is_printed_that_claims_certainty() {
    for seeds in [1, 3, 8] {
        // Every run of one arm beats every run of the other.
        let records = Simulation {
            seeds,
            advantage: 0.2,
            ..Simulation::default()
        };
        let (dir, _, _, page) = written(&records.records());
        for name in [
            "tables/aggregates.csv",
            "figures/probability-of-improvement.csv",
        ] {
            let csv = fs::read_to_string(dir.path().join(name)).unwrap();
            let mut lines = csv.lines().map(|line| line.split(',').collect::<Vec<_>>());
            let names = lines.next().unwrap();
            let mut found = 0;
            for cells in lines {
                let ends = |end: &str| {
                    let column = names.iter().position(|name| name.ends_with(end)).unwrap();
                    let last = names.iter().rposition(|name| name.ends_with(end)).unwrap();
                    [column, last].map(|column| cells[column].to_owned())
                };
                for (low, high) in ends("low").iter().zip(&ends("high")) {
                    assert!(low.is_empty() || low != high, "{seeds} seeds: {cells:?}");
                    found += usize::from(!low.is_empty());
                }
            }
            assert!(found > 0, "{csv}");
        }
        assert!(!page.contains("[1, 1]"), "{seeds} seeds");
    }
}

#[test]
fn arms_without_a_seed_in_common_are_shown_as_independent_samples() {
    let mut records = crossing();
    let paired = records.clone();
    for trial in &mut records.trials {
        if trial.arm == ARMS[1] {
            trial.seed += 1_000_000;
        }
    }
    let (dir, _, summary, page) = written(&records);
    let csv = fs::read_to_string(dir.path().join("tables/unpaired.csv")).unwrap();
    let request = request();
    let report = Report::new(&records, &request).unwrap();
    let verdicts = report.verdicts();
    let primary = verdicts
        .answers
        .iter()
        .filter(|answer| answer.question == Question::TestMetric);
    let mut shown = 0;
    for answer in primary {
        assert_eq!(answer.verdict.as_str(), "inconclusive");
        let advantage = answer.unpaired_advantage.unwrap();
        let size = answer.batch_size.unwrap();
        let start = format!(
            "sample,test metric,{},{},{size},12,12,0,{advantage},",
            ARMS[0], ARMS[1]
        );
        assert!(csv.contains(&start), "{start}: {csv}");
        assert!(answer.unpaired_interval.is_some() && answer.welch_adjusted_p.is_some());
        shown += 1;
    }
    assert_eq!(shown, 4);
    let words: Vec<&str> = summary.split_whitespace().collect();
    let words = words.join(" ");
    assert_eq!(
        words.matches("12 and 12 trials, Welch p ").count(),
        4,
        "{summary}"
    );
    assert!(
        summary.contains("**Arms without a seed in common**"),
        "{summary}"
    );
    for table in ["table-primary-unpaired", "table-unpaired"] {
        assert_eq!(
            page.matches(&format!("id=\"{table}\"")).count(),
            1,
            "{table}"
        );
    }
    // Where there are pairs there is nothing of it.
    let (dir, _, summary, page) = written(&paired);
    assert!(!dir.path().join("tables/unpaired.csv").exists());
    assert!(!summary.contains("without a seed") && !page.contains("without a seed in common"));
}

#[test]
fn what_is_missing_is_said_after_the_answer() {
    let mut records = crossing();
    for trial in &mut records.trials {
        trial.train_metric = None;
    }
    let (_dir, _, summary, page) = written(&records);
    let note = "no train metric was recorded";
    let at = |text: &str, what: &str| text.find(what).unwrap_or_else(|| panic!("{what}"));
    assert!(at(&summary, "**Claims**") < at(&summary, note), "{summary}");
    assert!(at(&summary, note) < at(&summary, "Main figure"));
    assert!(at(&page, "<ul class=\"answers\">") < at(&page, note));
    assert!(at(&page, note) < at(&page, "<section id=\"means\""));
}
