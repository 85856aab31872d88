//! The claims over several tasks of known truth: what each says, what their mean is, and what cannot
//! be said.

use lawn_analysis::analysis::{
    Analysis, ClaimAcross, ClaimKind, Pooled, Study, Support, claims, claims_across_tasks,
};
use lawn_analysis::simulate::{ARMS, Simulation};
use lawn_analysis::stats::random_effects;
use lawn_analysis::{Records, Report, ReportRequest};

/// One task with a true advantage at every batch size.
fn task(name: &str, advantage: f64, seed: u64) -> Records {
    let simulation = Simulation {
        task: name.to_owned(),
        batch_sizes: vec![1024, 8192],
        seeds: 8,
        epochs: 6,
        drop: 0.0,
        advantage,
        advantage_per_doubling: 0.0,
        settings: 0,
        counts: false,
        seed,
        ..Simulation::default()
    };
    let mut records = simulation.records();
    for trial in &mut records.trials {
        trial.trial_id = format!("{name}-{}", trial.trial_id);
    }
    for epoch in &mut records.epochs {
        epoch.trial_id = format!("{name}-{}", epoch.trial_id);
    }
    records
}

fn together(tasks: Vec<Records>) -> Records {
    let mut all = Records::default();
    for task in tasks {
        all.append(task);
    }
    all
}

fn request() -> ReportRequest {
    ReportRequest::new("Three tasks", 1024).contrast(ARMS[0], ARMS[1])
}

fn across(records: &Records, request: &ReportRequest) -> Vec<ClaimAcross> {
    let analysis = Analysis::new(records, request).unwrap();
    let found = claims(&analysis, request).unwrap();
    claims_across_tasks(&[Study {
        analysis: &analysis,
        claims: &found,
        request,
    }])
    .unwrap()
}

fn row(rows: &[ClaimAcross], kind: ClaimKind) -> &ClaimAcross {
    rows.iter().find(|row| row.kind == kind).unwrap()
}

#[test]
fn tasks_of_known_truth_say_it_and_so_does_their_mean() {
    let truths = [("a", 0.03), ("b", 0.02), ("c", 0.01)];
    let tasks = truths
        .iter()
        .zip(1..)
        .map(|((name, truth), seed)| task(name, *truth, seed));
    let rows = across(&together(tasks.collect()), &request());
    assert_eq!(rows.len(), ClaimKind::ALL.len());
    let better = row(&rows, ClaimKind::GeneralizesBetter);
    for (cell, (name, truth)) in better.cells.iter().zip(truths) {
        let claim = cell.claim.as_ref().unwrap();
        assert_eq!(
            (cell.task.as_str(), claim.verdict),
            (name, Support::BorneOut)
        );
        assert_eq!(cell.why_none, None);
        let found = cell.estimate().unwrap();
        assert!((found.value - truth).abs() < 0.008, "{found:?}");
    }
    let Pooled::Mean(mean) = &better.pooled else {
        panic!("{:?}", better.pooled);
    };
    assert_eq!(mean.mean.n, 3);
    assert!(mean.mean.interval.unwrap().contains(0.02), "{mean:?}");
    // Three tasks that differ by 0.01 say so, with an interval wider than any of their own.
    assert!((0.005..0.02).contains(&mean.deviation), "{mean:?}");
    let width = |low: f64, high: f64| high - low;
    let own = better.cells[0].estimate().unwrap().interval.unwrap();
    let over = mean.mean.interval.unwrap();
    assert!(width(over.low, over.high) > 2.0 * width(own.low, own.high));
    // Logits grow in every task, in doublings.
    let Pooled::Mean(growth) = &row(&rows, ClaimKind::LosesAdaptivity).pooled else {
        panic!("doublings have one unit");
    };
    assert!(growth.mean.value > 0.0);
}

#[test]
fn what_cannot_be_said_is_said_with_its_reason() {
    let mut silent = task("silent", 0.02, 1);
    silent.epochs.clear();
    let mut one_batch = task("one-batch", 0.02, 2);
    one_batch.trials.retain(|trial| trial.batch_size == 1024);
    let mut lonely = task("lonely", 0.02, 3);
    lonely.trials.retain(|trial| trial.arm == ARMS[0]);
    let mut other = task("other", 0.02, 4);
    for trial in &mut other.trials {
        trial.metric = "accuracy".to_owned();
    }
    let rows = across(
        &together(vec![silent, one_batch, lonely, other]),
        &request(),
    );
    let why = |kind, place: usize| {
        let why = row(&rows, kind).cells[place].why_none.clone();
        why.unwrap_or_else(|| "said".to_owned())
    };
    use ClaimKind::{AllGain, FirstGainsMost, GeneralizesBetter, LosesAdaptivity, LosesLess};
    assert_eq!(why(LosesAdaptivity, 0), "logits were not measured");
    assert_eq!(why(GeneralizesBetter, 0), "said");
    assert_eq!(why(LosesLess, 1), "it was trained at one batch size");
    assert_eq!(why(GeneralizesBetter, 2), "base-lawn was not trained here");
    assert_eq!(why(AllGain, 0), "only one contrast was made here");
    assert_eq!(
        why(FirstGainsMost, 2),
        "no registered contrast has both of its arms here"
    );
    let no_mean = |kind| match &row(&rows, kind).pooled {
        Pooled::None(why) => why.clone(),
        Pooled::Mean(mean) => panic!("{mean:?}"),
    };
    assert!(no_mean(GeneralizesBetter).contains("no common unit"));
    assert!(no_mean(LosesAdaptivity).contains("two tasks are too few"));
    assert!(no_mean(AllGain).contains("no standard error"));
}

/// Adds the trials of an arm once more, under another name.
fn with_copy(mut records: Records, arm: &str, name: &str) -> Records {
    let of_arm = records.trials.iter().filter(|trial| trial.arm == arm);
    let trials: Vec<_> = of_arm.cloned().collect();
    for mut trial in trials {
        let id = format!("{name}-{}", trial.trial_id);
        let epochs: Vec<_> = (records.epochs.iter())
            .filter(|epoch| epoch.trial_id == trial.trial_id)
            .cloned()
            .collect();
        records.epochs.extend(epochs.into_iter().map(|mut epoch| {
            epoch.trial_id.clone_from(&id);
            epoch
        }));
        (trial.trial_id, trial.arm) = (id, name.to_owned());
        records.trials.push(trial);
    }
    records
}

/// A twin freezes where the treatment does; an equal of the baseline never freezes.
#[test]
fn what_is_the_same_is_asked_once_and_equal_arms_say_nothing() {
    let records = with_copy(task("t", 0.02, 1), ARMS[1], "twin");
    let records = with_copy(records, ARMS[0], "equal");
    let request = request()
        .contrast(ARMS[0], "twin")
        .contrast(ARMS[0], "equal");
    let rows = across(&records, &request);
    let cell = |kind, treatment: &str| {
        let of = |row: &&ClaimAcross| {
            let contrast = row.contrast.as_ref();
            row.kind == kind && contrast.is_some_and(|one| one.treatment == treatment)
        };
        rows.iter().find(of).unwrap().cells[0].clone()
    };
    let first = cell(ClaimKind::LosesAdaptivity, ARMS[1]);
    assert!(first.is_asked && first.estimate().is_some());
    let twin = cell(ClaimKind::LosesAdaptivity, "twin");
    assert!(!twin.is_asked && twin.claim.is_none(), "{twin:?}");
    assert!(cell(ClaimKind::KeepsAdaptivity, "twin").is_asked);
    let equal = cell(ClaimKind::LosesAdaptivity, "equal");
    assert!(equal.is_asked, "{equal:?}");
    assert_eq!(
        equal.why_none.as_deref(),
        Some("no evaluation shows a freeze of equal")
    );
    let equal = cell(ClaimKind::GeneralizesBetter, "equal");
    let why = equal.why_none.unwrap();
    assert!(why.contains("gave equal numbers in every pair"), "{why}");
    let claim = equal.claim.unwrap();
    assert!(claim.is_tie && !claim.is_measured());
    assert_eq!(claim.p, Some(1.0), "its test keeps its place");
}

#[test]
fn page_summary_json_and_files_have_the_table() {
    let tasks = [("a|x", 0.03, 1), ("b", 0.0, 2)];
    let tasks = tasks.map(|(name, truth, seed)| task(name, truth, seed));
    let (records, request) = (together(tasks.into()), request());
    let report = Report::new(&records, &request).unwrap();
    let dir = tempfile::tempdir().unwrap();
    report.write(dir.path()).unwrap();
    let read = |name: &str| std::fs::read_to_string(dir.path().join(name)).unwrap();
    let summary = read("summary.md");
    assert!(summary.contains("**Claims by task**"), "{summary}");
    assert!(summary.contains("two tasks are too few"), "{summary}");
    assert!(summary.lines().all(|line| line.chars().count() <= 100));
    let html = read("report.html");
    for words in [
        "aria-label=\"Claims by task\"",
        "only one contrast was made here",
    ] {
        assert!(html.contains(words), "{words}");
    }
    let json: serde_json::Value = serde_json::from_str(&read("verdicts.json")).unwrap();
    let rows = json["claims_by_task"].as_array().unwrap();
    assert_eq!(rows.len(), 6);
    let better = rows
        .iter()
        .find(|row| row["kind"] == "generalizes-better")
        .unwrap();
    assert_eq!(better["tasks"][0]["verdict"], "borne-out");
    assert!(better["tasks"][0]["estimate"]["interval"]["low"].is_f64());
    assert!(better["tasks"][0]["adjusted_p"].is_f64());
    assert_eq!(better["mean"], serde_json::Value::Null);
    assert!(dir.path().join("tables/claims-by-task.csv").is_file());
    // The same request with the same records makes the same report.
    let asked: ReportRequest = serde_json::from_str(&read("request.json")).unwrap();
    let again = Report::new(&records, &asked).unwrap();
    assert_eq!(again.summary(), summary);
    let markdown = report.claims_markdown();
    let columns = |line: &str| line.replace("\\|", "").matches('|').count();
    assert_eq!(markdown.lines().count(), 8);
    assert!(
        markdown.lines().all(|line| columns(line) == 5),
        "{markdown}"
    );
}

/// Under no difference, the words of a column err no more often than the error rate of its family.
/// What is true there, that logits grow and that the treatment holds them, is no error.
#[test]
fn words_err_no_more_often_than_stated() {
    let rounds = 300;
    let mut erring = 0;
    for seed in 0..rounds {
        let records = task("null", 0.0, 1_000 + seed);
        let rows = across(&records, &request());
        let wrong = rows.iter().any(|row| {
            let decided = row.cells[0].claim.as_ref();
            let decided = decided.is_some_and(|claim| claim.verdict != Support::NotDecided);
            decided && !row.kind.in_doublings()
        });
        erring += usize::from(wrong);
    }
    // 0.05 and three standard errors.
    let bound = rounds as f64 * 0.05 + 3.0 * (rounds as f64 * 0.05 * 0.95).sqrt();
    assert!((erring as f64) < bound, "{erring} of {rounds}");
}

/// The search of the script is good to half of the digits of τ², so that the tolerance is its own.
#[test]
fn means_over_tasks_are_those_of_a_search_of_the_likelihood() {
    let text = include_str!("../../goldens/random_effects.json");
    let golden: serde_json::Value = serde_json::from_str(text).unwrap();
    let numbers = |value: &serde_json::Value| -> Vec<f64> {
        let all = value.as_array().unwrap().iter();
        all.map(|one| one.as_f64().unwrap()).collect()
    };
    let tolerance = golden["tolerance"].as_f64().unwrap();
    for case in golden["cases"].as_array().unwrap() {
        let errors: Vec<f64> = numbers(&case["variances"])
            .iter()
            .map(|v| v.sqrt())
            .collect();
        let found = random_effects(&numbers(&case["values"]), &errors, 0.95).unwrap();
        let ends = found.mean.interval.unwrap();
        let unit = errors.iter().copied().fold(0.0, f64::max);
        for (name, value) in [
            ("tau", found.deviation),
            ("mean", found.mean.value),
            ("low", ends.low),
            ("high", ends.high),
        ] {
            let expected = case[name].as_f64().unwrap();
            let off = (value - expected).abs() / (unit + expected.abs());
            assert!(
                off < tolerance,
                "{} {name}: {value}, not {expected}",
                case["name"]
            );
        }
    }
}
