//! Trials that diverge are data: they decide verdicts, ranks and scores, and never vanish.

use lawn_analysis::analysis::{
    Analysis, Answer, Claim, Question, Support, Verdict, arm_ranks, arm_scores, claims,
};
use lawn_analysis::records::{Outcome, Stage, TrialRow};
use lawn_analysis::simulate::{ARMS, Simulation};
use lawn_analysis::{Records, ReportRequest};

const LARGEST: i64 = 65_536;

fn request() -> ReportRequest {
    ReportRequest::new("divergence", 1024).contrast(ARMS[0], ARMS[1])
}

fn simulation(seeds: usize) -> Simulation {
    Simulation {
        seeds,
        advantage: 0.05,
        ..Simulation::default()
    }
}

/// The first `n` confirmation trials of an arm at the largest batch size diverge.
fn diverge(records: &mut Records, arm: &str, n: usize) {
    let there = |trial: &&mut TrialRow| {
        trial.arm == arm && trial.batch_size == LARGEST && trial.stage == Stage::Confirm
    };
    for trial in records.trials.iter_mut().filter(there).take(n) {
        trial.outcome = Outcome::Diverged;
        (trial.test_metric, trial.train_metric) = (None, None);
        (trial.test_count, trial.test_total) = (None, None);
    }
}

fn at_largest(records: &Records, request: &ReportRequest) -> Answer {
    let analysis = Analysis::new(records, request).unwrap();
    let family = analysis.family("sample", Question::TestMetric).unwrap();
    let place = |answer: &&Answer| answer.comparison.place.batch_size == Some(LARGEST);
    family.answers.iter().find(place).unwrap().clone()
}

#[test]
fn an_arm_that_always_diverges_loses_without_a_difference_to_measure() {
    let mut records = simulation(8).records();
    diverge(&mut records, ARMS[0], 8);
    let answer = at_largest(&records, &request());
    assert!(answer.comparison.advantage.is_none());
    assert_eq!(answer.verdict, Verdict::Better, "{}", answer.sentence);
    // Holm over four batch sizes of which all reach 2/2⁸.
    assert_eq!(answer.adjusted.deciding, Some(4.0 * 2.0 / 256.0));
    let expected = "no seed ended well in both arms; in 8 pairs, 8 trials of base and 0 of \
                    base-lawn diverged";
    assert!(answer.sentence.contains(expected), "{}", answer.sentence);
}

#[test]
fn good_survivors_do_not_make_up_for_divergence() {
    let mut records = simulation(10).records();
    diverge(&mut records, ARMS[1], 7);
    let answer = at_largest(&records, &request());
    let advantage = answer.comparison.advantage.unwrap();
    assert!(advantage.value > 0.0 && advantage.n == 3);
    assert_eq!(answer.verdict, Verdict::Worse, "{}", answer.sentence);
    let diverged = answer.comparison.diverged;
    assert_eq!(
        (diverged.baseline, diverged.treatment, diverged.pairs),
        (0, 7, 10)
    );
    // Both analyses are in the sentence.
    let worst = "; in 10 pairs, 0 trials of base and 7 of base-lawn diverged: with diverged trials \
                 ranked worst, adjusted p = 0.0156";
    assert!(answer.sentence.contains(worst), "{}", answer.sentence);
    assert!(
        answer.sentence.contains("(3 seeds, 95 % interval"),
        "{}",
        answer.sentence
    );
}

/// What is claimed of the test metric over all batch sizes.
fn generalizes(records: &Records) -> Claim {
    let request = request();
    let analysis = Analysis::new(records, &request).unwrap();
    let mut claims = claims(&analysis, &request).unwrap().into_iter();
    claims
        .find(|claim| claim.claim.starts_with("base-lawn generalizes better"))
        .unwrap()
}

#[test]
fn claims_rank_diverged_trials_worst() {
    let whole = simulation(12).records();
    let claim = generalizes(&whole);
    assert_eq!(claim.verdict, Support::BorneOut);
    assert!(!claim.worst_rank && claim.worst_rank_adjusted_p().is_none());
    // The ten others would bear it out.
    let mut of_treatment = whole.clone();
    diverge(&mut of_treatment, ARMS[1], 2);
    let claim = generalizes(&of_treatment);
    assert!(claim.registered_adjusted_p.unwrap() <= 0.05 && claim.estimate.unwrap().value > 0.0);
    assert_eq!((claim.estimate.unwrap().n, claim.seeds), (10, 12));
    assert_eq!(claim.verdict, Support::NotDecided, "{}", claim.sentence);
    let expected = "; in 48 pairs, 0 trials of base and 2 of base-lawn diverged: with diverged \
                    trials ranked worst, adjusted";
    assert!(claim.sentence.contains(expected), "{}", claim.sentence);
    assert!(
        claim
            .sentence
            .contains("Mean advantage where none diverged +"),
        "{}",
        claim.sentence
    );
    let mut of_baseline = whole.clone();
    diverge(&mut of_baseline, ARMS[0], 1);
    let claim = generalizes(&of_baseline);
    assert_eq!(claim.verdict, Support::BorneOut, "{}", claim.sentence);
    assert_eq!(claim.p, Some(2.0 / 4096.0));
    // One of sixteen is outweighed by the others.
    let mut one = simulation(16).records();
    diverge(&mut one, ARMS[1], 1);
    assert_eq!(generalizes(&one).verdict, Support::BorneOut);
    let mut most = whole;
    diverge(&mut most, ARMS[1], 11);
    let claim = generalizes(&most);
    assert_eq!(
        claim.verdict,
        Support::OppositeBorneOut,
        "{}",
        claim.sentence
    );
}

#[test]
fn a_claim_about_one_arm_counts_its_diverged_trials_against_either_answer() {
    let adaptivity = |records: &Records| -> Claim {
        let request = request();
        let analysis = Analysis::new(records, &request).unwrap();
        let mut claims = claims(&analysis, &request).unwrap().into_iter();
        claims
            .find(|claim| claim.claim.starts_with("base loses adaptivity"))
            .unwrap()
    };
    let mut records = simulation(12).records();
    assert_eq!(adaptivity(&records).verdict, Support::BorneOut);
    diverge(&mut records, ARMS[0], 1);
    let claim = adaptivity(&records);
    assert_eq!(claim.verdict, Support::BorneOut, "{}", claim.sentence);
    let expected = "; 1 seed has no number because a trial diverged: with such seeds counted \
                    against either answer";
    assert!(claim.sentence.contains(expected), "{}", claim.sentence);
    diverge(&mut records, ARMS[0], 3);
    let claim = adaptivity(&records);
    assert_eq!((claim.estimate.unwrap().n, claim.seeds), (9, 12));
    assert_eq!(claim.verdict, Support::NotDecided, "{}", claim.sentence);
    assert!(claim.registered_adjusted_p.unwrap() <= 0.05);
}

#[test]
fn a_treatment_that_diverges_before_its_freeze_is_worst_in_adaptivity() {
    let mut records = simulation(8).records();
    diverge(&mut records, ARMS[1], 3);
    let lost: Vec<String> = records
        .trials
        .iter()
        .filter(|trial| trial.outcome == Outcome::Diverged && trial.stage == Stage::Confirm)
        .map(|trial| trial.trial_id.clone())
        .collect();
    records
        .epochs
        .retain(|epoch| epoch.epoch < 3.0 || !lost.contains(&epoch.trial_id));
    let analysis = Analysis::new(&records, &request()).unwrap();
    let family = analysis.family("sample", Question::LogitGrowth).unwrap();
    let answer = family.answers.last().unwrap();
    let diverged = answer.comparison.diverged;
    assert_eq!(
        (diverged.treatment, diverged.pairs),
        (3, 8),
        "{}",
        answer.sentence
    );
}

#[test]
fn a_slope_that_ends_in_divergence_is_the_worst() {
    let mut records = simulation(12).records();
    diverge(&mut records, ARMS[1], 11);
    let analysis = Analysis::new(&records, &request()).unwrap();
    for question in [Question::TestSlope, Question::GapSlope] {
        let answer = &analysis.family("sample", question).unwrap().answers[0];
        let diverged = answer.comparison.diverged;
        assert_eq!((diverged.treatment, diverged.pairs), (11, 12));
        assert_eq!(answer.verdict, Verdict::Worse, "{}", answer.sentence);
    }
    // At the smallest batch it says nothing of the slope: the seed has none.
    for trial in &mut records.trials {
        if trial.batch_size == LARGEST {
            trial.batch_size = 256;
        }
    }
    let analysis = Analysis::new(&records, &request()).unwrap();
    let answer = &analysis
        .family("sample", Question::TestSlope)
        .unwrap()
        .answers[0];
    let diverged = answer.comparison.diverged;
    assert_eq!((diverged.treatment, diverged.undefined), (0, 11));
    assert_eq!(answer.comparison.unmatched.len(), 11);
    assert_eq!(answer.adjusted.deciding, Some(1.0));
    let expected = "; 11 seeds have no number because a trial diverged: with such seeds counted \
                    against either answer";
    assert!(answer.sentence.contains(expected), "{}", answer.sentence);
}

#[test]
fn a_drop_from_a_diverged_reference_decides_nothing() {
    let mut records = Simulation {
        advantage_per_doubling: 0.01,
        ..simulation(12)
    }
    .records();
    let drop = |records: &Records| -> Answer {
        let analysis = Analysis::new(records, &request()).unwrap();
        let family = analysis.family("sample", Question::LargeBatchDrop).unwrap();
        family.answers.last().unwrap().clone()
    };
    assert_eq!(drop(&records).verdict, Verdict::Better);
    let reference = |trial: &&mut TrialRow| {
        trial.arm == ARMS[1] && trial.batch_size == 1024 && trial.stage == Stage::Confirm
    };
    for trial in records.trials.iter_mut().filter(reference).take(4) {
        trial.outcome = Outcome::Diverged;
        (trial.test_metric, trial.train_metric) = (None, None);
        (trial.test_count, trial.test_total) = (None, None);
    }
    // The eight others would decide it.
    let answer = drop(&records);
    assert!(answer.adjusted.sign_flip.unwrap() <= 0.05);
    assert_eq!(answer.comparison.diverged.undefined, 4);
    assert_eq!(answer.verdict, Verdict::Inconclusive, "{}", answer.sentence);
}

#[test]
fn nothing_is_equivalent_where_a_trial_diverged() {
    let mut same = Simulation {
        advantage: 0.0,
        advantage_per_doubling: 0.0,
        ..simulation(12)
    }
    .records();
    let mut request = request();
    request.margins.insert("hit rate".into(), 0.05);
    assert_eq!(at_largest(&same, &request).verdict, Verdict::Equivalent);
    diverge(&mut same, ARMS[1], 1);
    assert_eq!(at_largest(&same, &request).verdict, Verdict::Inconclusive);
}

#[test]
fn worst_ranks_are_there_beyond_what_can_be_counted() {
    let mut records = Simulation {
        epochs: 1,
        batch_sizes: vec![1024, LARGEST],
        settings: 0,
        ..simulation(130)
    }
    .records();
    diverge(&mut records, ARMS[0], 2);
    let test = at_largest(&records, &request())
        .comparison
        .worst_rank
        .unwrap();
    assert_eq!((test.n, test.method), (130, "signed-rank, 100,000 draws"));
    assert_eq!(test.statistic, 130.0 * 131.0 / 2.0);
    assert!(test.p < 1e-4);
}

#[test]
fn diverged_trials_have_the_worst_ranks_and_score_nothing() {
    let mut records = simulation(5).records();
    let others = Simulation {
        arms: ["other", "other-lawn"].map(str::to_owned),
        ..simulation(5)
    };
    records.append(others.records());
    diverge(&mut records, "base-lawn", 5);
    let request = request();
    let analysis = Analysis::new(&records, &request).unwrap();
    let ranks = arm_ranks(&analysis.tasks, request.alpha).unwrap();
    assert_eq!(ranks.ranking.blocks, 4 * 5, "no block is lost");
    let scores = arm_scores(&analysis.tasks, &request).unwrap();
    let of = |arm: &str| scores.iter().find(|scores| scores.arm == arm).unwrap();
    assert_eq!(of("base-lawn").interquartile_mean.value, 0.0);
    assert_eq!(of("base-lawn").improvement.unwrap().value, 0.0);
    assert!(of("other-lawn").interquartile_mean.value > 0.9);
    assert_eq!(of("base-lawn").scores.performance_profile(&[0.0]), [0.0]);
}
