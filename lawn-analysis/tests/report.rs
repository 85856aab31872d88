//! The report of sweeps whose truth is known, whole and broken.

use std::fs;
use std::path::Path;

use lawn_analysis::analysis::{Analysis, Question, Verdict, claims};
use lawn_analysis::records::{Outcome, Stage};
use lawn_analysis::simulate::{ARMS, Simulation};
use lawn_analysis::{Error, Records, ReportFiles, ReportRequest, write_report};

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
fn a_clear_advantage_is_better_and_its_mirror_is_worse() {
    let mut records = strong().records();
    let verdict = |records: &Records| {
        let analysis = Analysis::new(records, &request()).unwrap();
        let family = analysis.family("sample", Question::TestMetric).unwrap();
        assert_eq!(family.answers.len(), 4);
        family
            .answers
            .iter()
            .map(|answer| answer.verdict)
            .collect::<Vec<_>>()
    };
    assert_eq!(verdict(&records), [Verdict::Better; 4]);
    // With a metric of which less is better, the same numbers say the opposite.
    records
        .trials
        .iter_mut()
        .for_each(|trial| trial.higher_is_better = false);
    assert_eq!(verdict(&records), [Verdict::Worse; 4]);
}

#[test]
fn pairing_goes_by_seed_and_not_by_position() {
    let records = strong().records();
    let mut shuffled = records.clone();
    shuffled.trials.reverse();
    let advantages = |records: &Records| {
        let analysis = Analysis::new(records, &request()).unwrap();
        let family = analysis.family("sample", Question::TestMetric).unwrap();
        family
            .answers
            .iter()
            .map(|a| a.comparison.advantages.clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(advantages(&records), advantages(&shuffled));
}

#[test]
fn gap_and_drop_are_what_they_are_defined_as() {
    let simulation = Simulation {
        seeds: 3,
        counts: false,
        ..Simulation::default()
    };
    let records = simulation.records();
    let analysis = Analysis::new(&records, &request()).unwrap();
    let trial = |arm: &str, batch: i64| {
        let found = records.trials.iter().find(|trial| {
            trial.stage == Stage::Confirm
                && (trial.arm.as_str(), trial.batch_size, trial.seed) == (arm, batch, 1001)
        });
        found.unwrap()
    };
    let advantage = |question, batch| {
        let family = analysis.family("sample", question).unwrap();
        let at =
            |a: &&lawn_analysis::analysis::Answer| a.comparison.place.batch_size == Some(batch);
        family
            .answers
            .iter()
            .find(at)
            .unwrap()
            .comparison
            .advantages[1]
    };
    let test = |arm, batch| trial(arm, batch).test_metric.unwrap();
    let gap = |arm, batch| trial(arm, batch).train_metric.unwrap() - test(arm, batch);
    let drop = |arm| test(arm, 1024) - test(arm, 16_384);
    let expected = gap(ARMS[0], 4096) - gap(ARMS[1], 4096);
    assert!((advantage(Question::GeneralizationGap, 4096) - expected).abs() < 1e-12);
    let expected = drop(ARMS[0]) - drop(ARMS[1]);
    assert!((advantage(Question::LargeBatchDrop, 16_384) - expected).abs() < 1e-12);
}

#[test]
fn slopes_find_the_effect_of_a_doubling() {
    let simulation = Simulation {
        seeds: 12,
        advantage_per_doubling: 0.01,
        counts: false,
        ..Simulation::default()
    };
    let analysis = Analysis::new(&simulation.records(), &request()).unwrap();
    let answer = &analysis
        .family("sample", Question::TestSlope)
        .unwrap()
        .answers[0];
    let interval = answer.comparison.advantage.unwrap().interval.unwrap();
    assert!(
        interval.contains(0.01) && interval.low > 0.005,
        "{interval:?}"
    );
    assert_eq!(answer.verdict, Verdict::Better);
}

#[test]
fn duplicates_are_refused_by_name() {
    let mut records = strong().records();
    let mut copy = records.trials.last().unwrap().clone();
    copy.trial_id = "copy".into();
    records.trials.push(copy);
    let error = Analysis::new(&records, &request()).unwrap_err();
    assert!(
        matches!(&error, Error::DuplicateTrial { second, .. } if second == "copy"),
        "{error}"
    );
}

#[test]
fn a_metric_that_is_no_number_is_refused_by_name() {
    let mut records = strong().records();
    records.trials.last_mut().unwrap().test_metric = Some(f64::NAN);
    let error = Analysis::new(&records, &request()).unwrap_err();
    assert!(error.to_string().contains("test_metric is NaN"), "{error}");
}

#[test]
fn unmatched_seeds_are_listed_with_the_reason() {
    let mut records = strong().records();
    let confirm = |trial: &&mut lawn_analysis::records::TrialRow| trial.stage == Stage::Confirm;
    let mut trials = records.trials.iter_mut().filter(confirm);
    let timeout = trials.next().unwrap();
    timeout.outcome = Outcome::Timeout;
    let stray = trials.next().unwrap();
    stray.seed = 9999;
    let analysis = Analysis::new(&records, &request()).unwrap();
    let answer = &analysis
        .family("sample", Question::TestMetric)
        .unwrap()
        .answers[0];
    assert_eq!(answer.comparison.seeds.len(), 8);
    let listed: Vec<(i64, &str)> = answer
        .comparison
        .unmatched
        .iter()
        .map(|u| (u.seed, u.why.as_str()))
        .collect();
    assert_eq!(
        listed,
        [
            (1000, "timeout at batch size 1024"),
            (1001, "no confirmation trial at batch size 1024"),
            (9999, "no confirmation trial at batch size 1024"),
        ]
    );
}

#[test]
fn a_diverged_trial_is_counted_and_ranks_worst() {
    let mut records = Simulation {
        seeds: 6,
        ..Simulation::default()
    }
    .records();
    let confirm = |trial: &&mut lawn_analysis::records::TrialRow| trial.stage == Stage::Confirm;
    records.trials.iter_mut().find(confirm).unwrap().outcome = Outcome::Diverged;
    let analysis = Analysis::new(&records, &request()).unwrap();
    let survival = &analysis.survival[0];
    assert_eq!((survival.ok, survival.diverged, survival.failed), (5, 1, 0));
    let answer = &analysis
        .family("sample", Question::TestMetric)
        .unwrap()
        .answers[0];
    assert_eq!(answer.comparison.seeds.len(), 5);
    let worst_rank = answer.comparison.worst_rank.unwrap();
    assert_eq!(worst_rank.n, 6);
    // The baseline diverged: the largest rank of six goes to the treatment.
    assert!(worst_rank.statistic >= 6.0, "{worst_rank:?}");
}

#[test]
fn a_margin_allows_equivalence() {
    let simulation = Simulation {
        seeds: 12,
        advantage_per_doubling: 0.0,
        ..strong()
    };
    let same = Simulation {
        advantage: 0.0,
        ..simulation
    };
    let mut request = request();
    request.margins.insert("hit rate".into(), 0.05);
    let analysis = Analysis::new(&same.records(), &request).unwrap();
    let answer = &analysis
        .family("sample", Question::TestMetric)
        .unwrap()
        .answers[0];
    assert_eq!(answer.verdict, Verdict::Equivalent);
    assert!(
        answer.sentence.contains("within ±0.05"),
        "{}",
        answer.sentence
    );
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
        "sample-norms",
        "sample-learning",
        "sample-fit",
        "sample-target",
        "sample-tuning",
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
    let (feasible, p) = (
        summary.find("Before any p-value"),
        summary.find("adjusted p"),
    );
    assert!(feasible.unwrap() < p.unwrap(), "{summary}");
}

#[test]
fn equal_records_give_equal_bytes() {
    let (_one, first) = report(&strong().records(), &request());
    let (_two, second) = report(&strong().records(), &request());
    let paths = |files: &ReportFiles| {
        let figures = files
            .figures
            .iter()
            .flat_map(|f| [&f.svg, &f.png, &f.pdf, &f.csv]);
        figures
            .chain([&files.html, &files.summary])
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
    assert!(summary.contains("8 paired seeds would do"), "{summary}");
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
        (one_batch, "one batch size only"),
        (tuned_only, "no confirmation trial has finished"),
        (one_arm, "has no trial of arm base-lawn"),
        (all_diverged, "80 diverged"),
        (Records::default(), "hold no trial yet"),
    ] {
        let (_dir, files) = report(&records, &request());
        let summary = read(&files.summary);
        assert!(
            summary.contains(expected),
            "expected {expected:?} in\n{summary}"
        );
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
        summary.contains("On other task, base-lawn is better"),
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
    assert!(
        matches!(error, Error::OutOfRange { name: "margin", .. }),
        "{error}"
    );
}

#[test]
fn claims_follow_the_truth_of_the_simulation() {
    let simulation = Simulation {
        seeds: 12,
        ..strong()
    };
    let request = request();
    let analysis = Analysis::new(&simulation.records(), &request).unwrap();
    let found = claims(&analysis, &request).unwrap();
    let verdict = |words: &str| {
        let claim = found.iter().find(|claim| claim.claim.contains(words));
        claim
            .unwrap_or_else(|| panic!("no claim about {words:?}"))
            .verdict
    };
    assert_eq!(verdict("base loses adaptivity"), Verdict::Better);
    assert_eq!(verdict("base-lawn keeps it"), Verdict::Better);
    assert_eq!(verdict("generalizes better"), Verdict::Better);
    // One contrast has no others to be compared with.
    assert!(
        !found
            .iter()
            .any(|claim| claim.claim.contains("every treatment"))
    );

    let harmful = Simulation {
        advantage: -0.05,
        advantage_per_doubling: 0.0,
        ..simulation
    };
    let analysis = Analysis::new(&harmful.records(), &request).unwrap();
    let found = claims(&analysis, &request).unwrap();
    let claim = found
        .iter()
        .find(|claim| claim.claim.contains("generalizes better"))
        .unwrap();
    assert_eq!(claim.verdict, Verdict::Worse);
    assert!(
        claim.sentence.starts_with("The opposite is borne out"),
        "{}",
        claim.sentence
    );
}

#[test]
fn non_inferiority_compares_with_the_baseline_at_the_reference_batch() {
    let mut request = request();
    request.margins.insert("hit rate".into(), 0.01);
    let simulation = Simulation {
        seeds: 10,
        advantage_per_doubling: 0.006,
        ..Simulation::default()
    };
    let records = simulation.records();
    let analysis = Analysis::new(&records, &request).unwrap();
    let answer = &analysis
        .family("sample", Question::AgainstReference)
        .unwrap()
        .answers[2];
    let comparison = &answer.comparison;
    assert_eq!(comparison.place.batch_size, Some(65_536));
    let test = |arm: &str, batch: i64| {
        let found = records.trials.iter().find(|trial| {
            trial.stage == Stage::Confirm
                && (trial.arm.as_str(), trial.batch_size, trial.seed) == (arm, batch, 1000)
        });
        found.unwrap().test_metric.unwrap()
    };
    let expected = test(ARMS[1], 65_536) - test(ARMS[0], 1024);
    assert!((comparison.advantages[0] - expected).abs() < 1e-12);
    assert!(
        answer.adjusted.non_inferiority.unwrap() < 0.05,
        "{answer:?}"
    );
    assert!(
        answer.sentence.contains("not worse by more than 0.01"),
        "{}",
        answer.sentence
    );
}
