//! Answers about sweeps whose truth is known.

use lawn_analysis::analysis::{
    Analysis, POWER, Question, Support, Verdict, arm_ranks, arm_scores, best_baseline, claims,
    sensitivity,
};
use lawn_analysis::records::{Outcome, Stage};
use lawn_analysis::simulate::{ARMS, Simulation};
use lawn_analysis::stats::{Sample, power, seeds_needed};
use lawn_analysis::{Error, Records, ReportRequest};

fn request() -> ReportRequest {
    ReportRequest::new("answers", 1024).contrast(ARMS[0], ARMS[1])
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
    assert_eq!(verdict("base loses adaptivity"), Support::BorneOut);
    assert_eq!(verdict("base-lawn keeps its adaptivity"), Support::BorneOut);
    assert_eq!(verdict("generalizes better"), Support::BorneOut);
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
    assert_eq!(claim.verdict, Support::OppositeBorneOut);
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

#[test]
fn three_arms_and_more_are_ranked_and_claimed_together() {
    let mut records = strong().records();
    let mut more = Simulation {
        seed: 5,
        advantage: 0.0,
        ..strong()
    }
    .records();
    for trial in &mut more.trials {
        trial.arm = trial.arm.replace("base", "other");
        trial.trial_id = trial.trial_id.replace("base", "other");
    }
    records.trials.extend(more.trials);
    let request = request().contrast("other", "other-lawn");
    let analysis = Analysis::new(&records, &request).unwrap();
    let ranks = arm_ranks(&analysis.tasks, 0.05).unwrap();
    // Four batch sizes of ten seeds; the arm with the true advantage ranks first.
    assert_eq!(ranks.ranking.blocks, 40);
    let best =
        (0..4).min_by(|a, b| ranks.ranking.mean_ranks[*a].total_cmp(&ranks.ranking.mean_ranks[*b]));
    assert_eq!(ranks.arms[best.unwrap()], ARMS[1]);

    let found = claims(&analysis, &request).unwrap();
    let claim = found
        .iter()
        .find(|claim| claim.claim.contains("gains more"))
        .unwrap();
    assert_eq!(claim.verdict, Support::BorneOut, "{}", claim.sentence);
    let scores = arm_scores(&analysis.tasks, &request).unwrap();
    let lawn = scores.iter().find(|scores| scores.arm == ARMS[1]).unwrap();
    assert!(lawn.improvement.unwrap().value > 0.9);
    assert!(
        scores
            .iter()
            .find(|scores| scores.arm == ARMS[0])
            .unwrap()
            .improvement
            .is_none()
    );
}

#[test]
fn equal_differences_claim_no_certainty() {
    let mut records = strong().records();
    let confirm = |trial: &&mut lawn_analysis::records::TrialRow| trial.stage == Stage::Confirm;
    for trial in records.trials.iter_mut().filter(confirm) {
        let gain = if trial.arm == ARMS[1] { 0.01 } else { 0.0 };
        trial.test_metric = Some(0.5 + gain);
        (trial.test_count, trial.test_total) = (None, None);
    }
    let analysis = Analysis::new(&records, &request()).unwrap();
    let answer = &analysis
        .family("sample", Question::TestMetric)
        .unwrap()
        .answers[0];
    assert!(answer.comparison.advantage.unwrap().interval.is_none());
    assert!(
        answer
            .sentence
            .contains("equal differences have no interval"),
        "{}",
        answer.sentence
    );
}

#[test]
fn distance_moved_is_the_last_recorded_and_asked_only_where_both_arms_have_it() {
    let mut records = Simulation {
        seeds: 3,
        ..Simulation::default()
    }
    .records();
    let last = |records: &Records, id: &str| {
        let mut epochs = records.epochs.iter().filter(|row| row.trial_id == id);
        epochs.next_back().unwrap().distance_from_freeze.unwrap()
    };
    let expected = last(&records, "sample-base-lawn-0-1") - last(&records, "sample-base-0-1");
    let analysis = Analysis::new(&records, &request()).unwrap();
    let family = analysis.family("sample", Question::DistanceMoved).unwrap();
    let found = family.answers[0].comparison.advantages[1];
    assert!(
        expected > 0.0 && (found - expected).abs() < 1e-12,
        "{found} {expected}"
    );

    for row in &mut records.epochs {
        if !row.trial_id.starts_with(ARMS[1]) {
            row.distance_from_freeze = None;
        }
    }
    let analysis = Analysis::new(&records, &request()).unwrap();
    assert!(analysis.family("sample", Question::DistanceMoved).is_none());
}

#[test]
fn every_treatment_meets_the_best_baseline_which_test_data_do_not_choose() {
    let mut records = strong().records();
    let mut more = strong().records();
    for trial in &mut more.trials {
        trial.arm = trial.arm.replace("base", "other");
        trial.trial_id = trial.trial_id.replace("base", "other");
        let better = trial.validation_metric.map(|value| value + 0.05);
        trial.validation_metric = better;
    }
    records.trials.extend(more.trials);
    let request = request().contrast("other", "other-lawn");
    // On test data the other baseline is hopeless, and it is chosen all the same.
    for trial in records
        .trials
        .iter_mut()
        .filter(|trial| trial.arm == "other")
    {
        trial.test_metric = trial.test_metric.map(|value| value - 0.5);
        (trial.test_count, trial.test_total) = (None, None);
    }
    let analysis = Analysis::new(&records, &request).unwrap();
    let task = &analysis.tasks[0];
    assert_eq!(
        best_baseline(task, &request, &analysis.tuning),
        Some("other")
    );
    let family = analysis.family("sample", Question::AgainstBest).unwrap();
    // Against its own baseline a treatment was compared already: one contrast, four batch sizes.
    assert_eq!(family.answers.len(), 4);
    let place = &family.answers[0].comparison.place;
    assert_eq!(
        (
            place.contrast.baseline.as_str(),
            place.contrast.treatment.as_str()
        ),
        ("other", ARMS[1])
    );
    assert!(family.answers[0].comparison.advantage.unwrap().value > 0.4);

    // Without validation data nothing is chosen; with one baseline there is no choice.
    records
        .trials
        .iter_mut()
        .for_each(|trial| trial.validation_metric = None);
    let analysis = Analysis::new(&records, &request).unwrap();
    assert!(analysis.family("sample", Question::AgainstBest).is_none());
    let analysis = Analysis::new(&strong().records(), &self::request()).unwrap();
    assert!(analysis.family("sample", Question::AgainstBest).is_none());
}

#[test]
fn what_seeds_can_see_is_solved_from_power() {
    let mut request = request();
    request.margins.insert("hit rate".into(), 0.004);
    let analysis = Analysis::new(&strong().records(), &request).unwrap();
    let family = analysis.family("sample", Question::TestMetric).unwrap();
    let found = sensitivity(family, &request).unwrap();
    let alpha = request.alpha / 4.0;
    for (answer, found) in family.answers.iter().zip(found) {
        let found = found.unwrap();
        let n = answer.comparison.seeds.len();
        assert!((power(found.d_z, n, alpha).unwrap() - POWER).abs() < 1e-9);
        let advantages = Sample::new(answer.comparison.advantages.clone()).unwrap();
        let deviation = advantages.deviation().unwrap();
        assert!((found.difference / deviation - found.d_z).abs() < 1e-12);
        let needed = seeds_needed(0.004 / deviation, alpha, POWER).unwrap();
        assert_eq!(found.seeds_for_margin, Some(needed));
    }
}

#[test]
fn the_first_gains_most_only_where_it_gains_more_than_each_other() {
    // The first gains 0.05; of the others one gains nothing and one as much as the first.
    let mut records = strong().records();
    for (seed, name, advantage) in [(5, "second", 0.0), (6, "third", 0.06)] {
        let mut more = Simulation {
            seed,
            advantage,
            ..strong()
        }
        .records();
        for trial in &mut more.trials {
            trial.arm = trial.arm.replace("base", name);
            trial.trial_id = trial.trial_id.replace("base", name);
        }
        records.trials.extend(more.trials);
    }
    let verdict = |request: &ReportRequest| {
        let analysis = Analysis::new(&records, request).unwrap();
        let found = claims(&analysis, request).unwrap();
        let claim = found
            .into_iter()
            .find(|claim| claim.claim.contains("gains more"));
        claim.unwrap().verdict
    };
    let against_second = request().contrast("second", "second-lawn");
    assert_eq!(verdict(&against_second), Support::BorneOut);
    let against_both = against_second.contrast("third", "third-lawn");
    assert_ne!(verdict(&against_both), Support::BorneOut);
}
