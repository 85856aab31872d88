//! Every sentence that a report can print, over sweeps of every kind: it says n, the interval or why
//! there is none, and p; it is whole; it claims no more than its numbers.

use lawn_analysis::analysis::{Analysis, Question, Support, Verdict, claims};
use lawn_analysis::records::Outcome;
use lawn_analysis::simulate::{ARMS, Simulation};
use lawn_analysis::{Records, ReportRequest, write_report};

fn request() -> ReportRequest {
    let mut request = ReportRequest::new("Sentences", 1024).contrast(ARMS[0], ARMS[1]);
    request.margins.insert("hit rate".into(), 0.01);
    request
}

/// Sweeps that are better, worse, the same, thin, diverging, and lack pairs.
fn sweeps() -> Vec<(&'static str, Records)> {
    let of = |seeds, advantage, divergence| {
        Simulation {
            seeds,
            advantage,
            advantage_per_doubling: advantage / 10.0,
            divergence,
            ..Simulation::default()
        }
        .records()
    };
    let mut no_pairs = of(6, 0.0, 0.0);
    for trial in &mut no_pairs.trials {
        if trial.arm == ARMS[1] {
            trial.seed += 100;
        }
    }
    let mut crashed = of(12, 0.05, 0.0);
    for trial in &mut crashed.trials {
        if trial.arm == ARMS[0] && trial.seed == 1000 {
            trial.outcome = Outcome::Crashed;
        }
    }
    let mut equal = of(8, 0.0, 0.0);
    for trial in &mut equal.trials {
        trial.test_metric = trial.test_metric.map(|_| 0.5);
        (trial.test_count, trial.test_total) = (None, None);
    }
    vec![
        ("better", of(12, 0.05, 0.0)),
        ("worse", of(12, -0.05, 0.0)),
        ("equivalent", of(30, 0.0, 0.0)),
        ("infeasible", of(3, 0.05, 0.0)),
        ("one seed", of(1, 0.05, 0.0)),
        ("diverging", of(12, 0.05, 0.3)),
        ("always diverging", of(8, 0.05, 1.0)),
        ("drawn", of(60, 0.02, 0.05)),
        ("no pairs", no_pairs),
        ("crashed", crashed),
        ("equal", equal),
    ]
}

/// What is wrong with a sentence, whatever it says.
fn faults(sentence: &str) -> Vec<&'static str> {
    let has = |text: &str| sentence.contains(text);
    let mut faults = Vec::new();
    let mut expect = |holds: bool, fault| {
        if !holds {
            faults.push(fault);
        }
    };
    let numbers = has("neither arm has a confirmation trial")
        || has("has no confirmation trial there")
        || has("no seed ended well in both arms")
        || has("no seed in common")
        || has("no seed has a number in both arms")
        || (has("no seed of ") && has("has a trial at every batch size needed"))
        || (has("no seed of ") && (has(" ended well") || has("has a number (")))
        || (has(" seed") && (has("adjusted p") || has("no p-value")));
    expect(numbers, "n or p is missing");
    let interval = has("% interval") || has("no interval") || !has("adjusted p") || has("no seed");
    expect(interval, "no interval and no reason");
    expect(sentence.ends_with('.') && !has(".."), "its end");
    expect(
        sentence.matches('(').count() == sentence.matches(')').count(),
        "brackets",
    );
    expect(
        !has("  ") && !has(" ,") && !has(";;") && !has(" ;"),
        "spaces and signs",
    );
    expect(
        !has("(1 seeds") && !has(" 1 seeds") && !has("1 pairs"),
        "one is singular",
    );
    let mut words = sentence.split(|c: char| !c.is_alphanumeric());
    expect(
        !words.any(|word| ["NaN", "inf"].contains(&word)),
        "not a number",
    );
    if let Some((_, rest)) = sentence.split_once("% interval ") {
        let (low, rest) = rest.split_once(" to ").unwrap();
        let high = rest.split(',').next().unwrap();
        expect(low != high, "an interval of no width");
    }
    faults
}

#[test]
fn every_sentence_says_n_interval_and_p_and_is_whole() {
    let (mut verdicts, mut supports) = (Vec::new(), Vec::new());
    for (name, records) in sweeps() {
        let request = request();
        let analysis = Analysis::new(&records, &request).unwrap();
        let answers = analysis.families.iter().flat_map(|family| &family.answers);
        let claims = claims(&analysis, &request).unwrap();
        let answered = answers.map(|answer| (answer.verdict, &answer.sentence));
        let claimed = claims.iter().map(|claim| {
            supports.push(claim.verdict);
            (Verdict::Inconclusive, &claim.sentence)
        });
        for (verdict, sentence) in answered.chain(claimed) {
            assert!(
                faults(sentence).is_empty(),
                "{name}: {:?}: {sentence}",
                faults(sentence)
            );
            verdicts.push(verdict);
        }
    }
    for verdict in [
        Verdict::Better,
        Verdict::Equivalent,
        Verdict::Worse,
        Verdict::Inconclusive,
    ] {
        assert!(verdicts.contains(&verdict), "no sentence is {verdict}");
    }
    for support in [
        Support::BorneOut,
        Support::OppositeBorneOut,
        Support::NotDecided,
    ] {
        assert!(supports.contains(&support), "no claim is {support}");
    }
}

#[test]
fn not_being_worse_is_said_only_where_it_is_shown() {
    let (mut shown, mut not) = (0, 0);
    for (name, records) in sweeps() {
        let request = request();
        let analysis = Analysis::new(&records, &request).unwrap();
        let Some(family) = analysis.family("sample", Question::AgainstReference) else {
            continue;
        };
        for answer in &family.answers {
            let says = answer
                .sentence
                .contains("; it is not worse by more than 0.01");
            let holds = answer.adjusted.non_inferiority.is_some_and(|p| p <= 0.05)
                && answer.comparison.diverged.treatment == 0;
            assert_eq!(says, holds, "{name}: {}", answer.sentence);
            let denies = answer.sentence.contains(" is not shown");
            assert!(!(says && denies), "{name}: {}", answer.sentence);
            shown += usize::from(says);
            not += usize::from(denies);
        }
    }
    assert!(shown > 0 && not > 0, "{shown} shown, {not} not");
}

#[test]
fn a_difference_of_survivors_is_called_that() {
    for (name, records) in sweeps() {
        let analysis = Analysis::new(&records, &request()).unwrap();
        for answer in analysis.families.iter().flat_map(|family| &family.answers) {
            let comparison = &answer.comparison;
            if comparison.advantage.is_some() {
                let says = answer
                    .sentence
                    .contains("difference where neither diverged");
                assert_eq!(
                    says,
                    comparison.diverged.any(),
                    "{name}: {}",
                    answer.sentence
                );
            }
        }
    }
}

#[test]
fn every_page_and_summary_is_written_whole() {
    for (name, records) in sweeps() {
        let dir = tempfile::tempdir().unwrap();
        let files = write_report(&records, &request(), dir.path()).unwrap();
        let summary = std::fs::read_to_string(files.summary).unwrap();
        for fault in ["NaN", " 1 seeds", "of 4 4", "  - "] {
            assert!(!summary.contains(fault), "{name}: {fault} in\n{summary}");
        }
    }
}
