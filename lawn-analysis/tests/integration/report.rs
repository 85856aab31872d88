//! The files of a report, for sweeps whole and broken.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use lawn_analysis::analysis::Analysis;
use lawn_analysis::records::{Outcome, Stage};
use lawn_analysis::simulate::{ARMS, Simulation};
use lawn_analysis::{Error, PlannedTask, Records, ReportFiles, ReportRequest, write_report};

fn request() -> ReportRequest {
    ReportRequest::new("A <small> sweep", 1024).contrast(ARMS[0], ARMS[1])
}

fn report(records: &Records, request: &ReportRequest) -> (tempfile::TempDir, ReportFiles) {
    let dir = tempfile::tempdir().unwrap();
    let files = write_report(records, request, dir.path()).unwrap();
    (dir, files)
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap()
}

fn strong() -> Simulation {
    Simulation {
        seeds: 10,
        advantage: 0.05,
        ..Simulation::default()
    }
}

#[test]
fn every_file_of_a_report_is_there_and_none_is_empty() {
    let (dir, files) = report(&strong().records(), &request());
    let names: Vec<&str> = files
        .figures
        .iter()
        .map(|figure| figure.name.as_str())
        .collect();
    let expected = [
        "sample-test-metric",
        "sample-gap",
        "sample-drop",
        "sample-forest",
        "sample-paired-base-lawn-base",
        "sample-fit",
        "sample-norms",
        "sample-learning",
        "sample-target",
        "sample-tuning",
        "performance-profile",
        "interval-estimates",
        "probability-of-improvement",
    ];
    assert_eq!(names, expected);
    let figures = files
        .figures
        .iter()
        .flat_map(|f| [&f.svg, &f.png, &f.pdf, &f.csv]);
    for path in figures
        .chain([&files.html, &files.summary])
        .chain(&files.tables)
    {
        assert!(path.starts_with(dir.path()));
        assert!(fs::metadata(path).unwrap().len() > 40, "{}", path.display());
    }
    let page = read(&files.html);
    assert!(page.contains("A &lt;small&gt; sweep") && !page.contains("<small>"));
    // The name of the SVG namespace is an address that nothing fetches.
    let fetched = page.replace("http://www.w3.org/2000/svg", "");
    assert!(!fetched.contains("http:") && !fetched.contains("https:"));
    let summary = read(&files.summary);
    fits_a_screen(&summary);
    let epochs = strong().epochs;
    let budget = format!("Budget of every confirmation trial: {epochs} epochs.");
    assert!(summary.contains(&budget), "{summary}");
    assert!(page.contains(&budget));
}

#[test]
fn equal_records_give_equal_bytes_on_any_number_of_threads() {
    let (_one, first) = report(&strong().records(), &request());
    let mut alone = request();
    alone.threads = if request().threads == 1 { 3 } else { 1 };
    let (_two, second) = report(&strong().records(), &alone);
    let paths = |files: &ReportFiles| {
        let figures = files
            .figures
            .iter()
            .flat_map(|f| [&f.svg, &f.png, &f.pdf, &f.csv]);
        figures
            .chain([&files.html, &files.summary, &files.verdicts])
            .chain(&files.tables)
            .cloned()
            .collect::<Vec<_>>()
    };
    for (a, b) in paths(&first).iter().zip(&paths(&second)) {
        assert!(
            fs::read(a).unwrap() == fs::read(b).unwrap(),
            "{}",
            a.display()
        );
    }
}

/// The summary of one contrast is a screen or little more: 60 lines of 100 characters.
fn fits_a_screen(summary: &str) {
    assert!(summary.lines().count() <= 60, "{summary}");
    fits_its_width(summary);
}

fn fits_its_width(summary: &str) {
    let widest = summary.lines().map(|line| line.chars().count()).max();
    assert!(widest.unwrap() <= 100, "{summary}");
}

#[test]
fn the_summary_leaves_out_no_primary_comparison_however_many_there_are() {
    let mut records = Records::default();
    let mut request = ReportRequest::new("Eight arms ".repeat(12), 7);
    for rule in [
        "sgd",
        "adamw_decoupled-decay_of-a-long-name",
        "lamb_exclude-1d",
        "lars",
    ] {
        let arms = [rule.to_owned(), format!("{rule}-lawn")];
        for task in [
            "image_net & more",
            "a second task whose name is rather long",
        ] {
            let simulation = Simulation {
                task: task.into(),
                arms: arms.clone(),
                batch_sizes: vec![256, 1024, 4096, 16_384, 65_536, 1_048_576],
                seeds: 9,
                epochs: 4,
                divergence: 0.1,
                seed: rule.len() as u64,
                ..Simulation::default()
            };
            records.append(simulation.records());
        }
        let [baseline, treatment] = arms;
        request = request.contrast(baseline, treatment);
    }
    let (_dir, files) = report(&records, &request);
    let summary = read(&files.summary);
    fits_its_width(&summary);
    // Every contrast at every batch size of both tasks.
    let primary = section(&summary, "**Every primary comparison**");
    for batch in ["256", "1024", "4096", "16,384", "65,536", "1,048,576"] {
        let rows = primary
            .lines()
            .filter(|line| line.contains(&format!("at {batch} ")));
        assert_eq!(rows.count(), 8, "{batch} in\n{summary}");
    }
    let order = [
        "**Claims**",
        "Main figures:",
        "**Mean test hit rate**",
        "**Every primary comparison**",
        "**Verdicts**",
        "**What these seeds can decide.**",
        "The whole report: `report.html`",
    ];
    let places: Vec<usize> = order
        .iter()
        .map(|what| summary.find(what).expect(what))
        .collect();
    assert!(places.is_sorted(), "{summary}");
    let claims = section(&summary, "**Claims**");
    // The list of main figures follows.
    let items = claims
        .lines()
        .filter(|line| line.starts_with("- ") && !line.starts_with("- `"));
    assert_eq!(items.count(), read_claims(&files), "{summary}");
}

/// What stands from some words to the next words in bold.
fn section<'a>(summary: &'a str, begin: &str) -> &'a str {
    let rest = &summary[summary.find(begin).unwrap()..];
    let end = rest[2..].find("\n**").map_or(rest.len(), |at| at + 2);
    &rest[..end]
}

fn read_claims(files: &ReportFiles) -> usize {
    let table = files
        .tables
        .iter()
        .find(|path| path.ends_with("claims.csv"));
    read(table.unwrap()).lines().count() - 1
}

#[test]
fn infeasible_families_say_how_many_seeds_would_do() {
    let (_dir, files) = report(
        &Simulation {
            seeds: 3,
            ..strong()
        }
        .records(),
        &request(),
    );
    let summary = read(&files.summary);
    assert!(
        summary.contains("with 3 paired seeds the smallest two-sided p"),
        "{summary}"
    );
    let words: Vec<&str> = summary.split_whitespace().collect();
    assert!(
        words.join(" ").contains("it needs 8 paired seeds"),
        "{summary}"
    );
    assert!(!summary.contains("**better**"), "{summary}");
}

#[test]
fn thin_sweeps_still_get_a_report() {
    let one_seed = Simulation {
        seeds: 1,
        ..strong()
    }
    .records();
    let one_batch = Simulation {
        batch_sizes: vec![1024],
        ..strong()
    }
    .records();
    let mut tuned_only = strong().records();
    tuned_only.trials.retain(|trial| trial.stage == Stage::Tune);
    let mut one_arm = strong().records();
    one_arm.trials.retain(|trial| trial.arm == ARMS[0]);
    let mut all_diverged = strong().records();
    for trial in &mut all_diverged.trials {
        trial.outcome = Outcome::Diverged;
        (trial.test_metric, trial.train_metric) = (None, None);
    }
    for (records, expected) in [
        (one_seed, "one seed has no interval"),
        (one_batch, "has only one batch size"),
        (tuned_only, "no confirmation trial has finished"),
        (one_arm, "has no trial of arm base-lawn"),
        (all_diverged, "80 diverged"),
        (Records::default(), "hold no trial yet"),
    ] {
        let (_dir, files) = report(&records, &request());
        let summary = read(&files.summary);
        fits_a_screen(&summary);
        let words: Vec<&str> = summary.split_whitespace().collect();
        assert!(
            words.join(" ").contains(expected),
            "expected {expected:?} in\n{summary}"
        );
    }
}

#[test]
fn what_is_planned_and_not_there_is_not_there_yet() {
    let all = PlannedTask {
        arms: ARMS.map(str::to_owned).to_vec(),
        batch_sizes: vec![1024, 4096],
    };
    let planned = BTreeMap::from([
        ("sample".to_owned(), all.clone()),
        ("other".to_owned(), all),
    ]);
    let only = |batch_size: i64| {
        let mut records = strong().records();
        records
            .trials
            .retain(|trial| trial.batch_size == batch_size);
        records
    };
    let sizes: Vec<i64> = strong().batch_sizes;
    let (reference, larger) = (sizes[0], sizes[1]);
    let mut one_arm = strong().records();
    one_arm.trials.retain(|trial| trial.arm == ARMS[0]);
    let cases = [
        (
            only(reference),
            format!("So far task sample has trials of batch size {reference} alone"),
            "has only one batch size",
        ),
        (
            only(larger),
            format!("at the reference batch size {reference} yet"),
            "so it has no large-batch drop",
        ),
        (
            one_arm,
            format!("has no trial of arm {} yet", ARMS[1]),
            "has no trial of arm base-lawn, so",
        ),
    ];
    for (records, expected, denied) in cases {
        let notes = |planned: &BTreeMap<String, PlannedTask>| {
            let mut request = request();
            request.planned.clone_from(planned);
            Analysis::new(&records, &request).unwrap().notes.join("\n")
        };
        let said = notes(&planned);
        assert!(
            said.contains(&expected) && !said.contains(denied),
            "{expected:?}: {said}"
        );
        assert!(said.contains("Task other has no trial yet."), "{said}");
        // Without a plan nothing is to come.
        let said = notes(&BTreeMap::new());
        assert!(said.contains(denied) && !said.contains("yet"), "{said}");
    }
}

#[test]
fn several_tasks_keep_apart() {
    let mut records = strong().records();
    let other = Simulation {
        task: "other task".into(),
        seed: 1,
        ..strong()
    };
    records.trials.extend(other.records().trials);
    let (_dir, files) = report(&records, &request());
    let names: Vec<&str> = files
        .figures
        .iter()
        .map(|figure| figure.name.as_str())
        .collect();
    assert!(names.contains(&"sample-test-metric") && names.contains(&"other-task-test-metric"));
    let summary = read(&files.summary);
    assert!(
        summary.contains("other task, hit rate (more is better): test metric\n"),
        "{summary}"
    );
}

#[test]
fn what_makes_no_sense_is_refused() {
    let records = strong().records();
    let dir = tempfile::tempdir().unwrap();
    let mut wrong = request();
    wrong.alpha = 0.7;
    let error = write_report(&records, &wrong, dir.path()).unwrap_err();
    assert!(
        matches!(error, Error::OutOfRange { name: "alpha", .. }),
        "{error}"
    );
    let mut wrong = request();
    wrong.margins.insert("hit rate".into(), -1.0);
    let error = write_report(&records, &wrong, dir.path()).unwrap_err();
    assert!(error.to_string().contains("`hit rate` is -1"), "{error}");
}
