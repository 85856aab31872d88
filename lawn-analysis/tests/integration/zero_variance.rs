//! Equal values have no variance, and what is concluded does not turn with the last digit of one.

use lawn_analysis::analysis::{Analysis, Answer, Question, Support, Verdict, claims, sensitivity};
use lawn_analysis::records::Results;
use lawn_analysis::report::DecidingTest;
use lawn_analysis::stats::{
    Alternative, Bootstrap, Differences, Ranking, Sample, d_z, difference_welch, equivalence,
    hedges_g, mann_whitney, mean_t, non_inferiority, paired_t, permutation, sign_flip, welch_t,
};
use lawn_analysis::{Records, ReportRequest};

const MARGIN: f64 = 0.005;

/// Pairs at one batch size, the treatment ahead by so many thousandths.
fn records(ahead: &[i32]) -> Records {
    let mut text = "task,arm,batch_size,seed,test_metric\n".to_owned();
    for (seed, ahead) in ahead.iter().enumerate() {
        let thousandths = 901 + seed as i32;
        text.push_str(&format!("x,sgd,64,{seed},0.{thousandths}\n"));
        text.push_str(&format!("x,mine,64,{seed},0.{}\n", thousandths + ahead));
    }
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("results.csv");
    std::fs::write(&file, text).unwrap();
    Results::read(&file).unwrap().records
}

fn request(test: DecidingTest) -> ReportRequest {
    let mut request = ReportRequest::new("equal", 64).contrast("sgd", "mine");
    request.margins.insert("metric".into(), MARGIN);
    request.deciding_test = test;
    request
}

fn answer(ahead: &[i32], test: DecidingTest) -> Answer {
    let analysis = Analysis::new(&records(ahead), &request(test)).unwrap();
    let family = analysis.family("x", Question::TestMetric).unwrap();
    family.answers[0].clone()
}

const TESTS: [DecidingTest; 2] = [DecidingTest::SignFlip, DecidingTest::PairedT];

#[test]
fn the_verdict_is_the_same_on_both_sides_of_no_variance() {
    for test in TESTS {
        for (all, verdict) in [
            (0, Verdict::Equivalent),
            (4, Verdict::Equivalent),
            (-4, Verdict::Equivalent),
            (10, Verdict::Better),
            (-10, Verdict::Worse),
        ] {
            let equal = answer(&[all; 20], test);
            assert_eq!(equal.verdict, verdict, "{all}: {}", equal.sentence);
            let mut near = [all; 20];
            near[7] += 1;
            let near = answer(&near, test);
            assert_eq!(near.verdict, verdict, "{all}: {}", near.sentence);
        }
    }
}

#[test]
fn a_sentence_about_equal_differences_has_its_p_and_no_interval() {
    for test in TESTS {
        let better = answer(&[10; 20], test);
        for part in [
            "difference +0.01000 (",
            "equal differences have no interval",
            "adjusted p < 0.0001",
        ] {
            assert!(
                better.sentence.contains(part),
                "{part}: {}",
                better.sentence
            );
        }
        let exact = better.sentence.contains("p < 0.0001 of the exact test");
        assert_eq!(exact, test == DecidingTest::PairedT, "{}", better.sentence);
        // Three pairs cannot decide it, whatever they are.
        let few = answer(&[10; 3], test);
        assert_eq!(few.verdict, Verdict::Inconclusive);
        let cannot = "; 3 seeds cannot decide it, 6 could";
        assert!(few.sentence.contains(cannot), "{}", few.sentence);
        let comparison = &better.comparison;
        assert!(comparison.d_z.is_none() && comparison.hedges_g.is_none());
        assert!(comparison.bootstrap.is_none() && comparison.paired_t.is_none());
        assert!(comparison.equivalence.unwrap().interval.is_none());
        assert!(comparison.advantage.unwrap().interval.is_none());
    }
}

#[test]
fn a_difference_of_just_the_margin_is_not_within_it() {
    for test in TESTS {
        let at = answer(&[5; 20], test);
        assert_eq!(at.verdict, Verdict::Better, "{}", at.sentence);
        assert_eq!(at.adjusted.equivalence, Some(1.0));
        assert!(at.adjusted.non_inferiority.unwrap() < 1e-5);
        let below = answer(&[-5; 20], test);
        assert_eq!(below.verdict, Verdict::Worse, "{}", below.sentence);
        assert_eq!(below.adjusted.non_inferiority, Some(1.0));
    }
}

#[test]
fn claims_and_sensitivity_of_equal_pairs() {
    for test in TESTS {
        let request = request(test);
        let analysis = Analysis::new(&records(&[10; 8]), &request).unwrap();
        let claims = claims(&analysis, &request).unwrap();
        let claim = claims
            .iter()
            .find(|claim| claim.claim.contains("generalizes"))
            .unwrap();
        assert_eq!(claim.verdict, Support::BorneOut, "{}", claim.sentence);
        assert_eq!(claim.p, Some(2.0 / 256.0));
        let found = sensitivity(&analysis.families[0], &request).unwrap();
        assert!(found[0].is_none(), "equal differences show no deviation");
    }
}

#[test]
fn every_statistic_of_equal_values_is_absent_or_exact() {
    // 0.1 has no exact sum in floating point, whatever its number.
    for n in 2..40 {
        let equal = Sample::new(vec![0.1; n]).unwrap();
        assert_eq!((equal.mean(), equal.variance()), (0.1, Some(0.0)));
        assert!(mean_t(&equal, 0.95).interval.is_none());
        let higher = Sample::new(vec![0.7; n]).unwrap();
        assert!(welch_t(&equal, &higher, Alternative::TwoSided).is_err());
        assert!(difference_welch(&equal, &higher, 0.95).is_err());
        let same = mann_whitney(&equal, &equal, Alternative::TwoSided).unwrap();
        assert_eq!(same.p, 1.0);
        assert_eq!(permutation(&equal, &equal, Alternative::TwoSided).p, 1.0);

        let d = Differences::new(higher.values(), equal.values()).unwrap();
        assert!(paired_t(&d, Alternative::TwoSided).is_err());
        assert!(d_z(&d).is_err() && hedges_g(&d).is_err());
        let all = 0.5_f64.powi(n as i32);
        assert_eq!(sign_flip(&d, Alternative::Greater).p, all);
        let far = equivalence(&d, 0.7, 0.05).unwrap();
        assert_eq!((far.p, far.interval), (all, None));
        assert_eq!(equivalence(&d, 0.6, 0.05).unwrap().p, 1.0);
        assert_eq!(non_inferiority(&d, 0.01).unwrap().p, all);
        assert_eq!(non_inferiority(&d.negated(), 0.01).unwrap().p, 1.0);
    }
    let one = Differences::from_values(&[0.1]).unwrap();
    assert!(equivalence(&one, 0.7, 0.05).is_err() && non_inferiority(&one, 0.7).is_err());
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let flat = Bootstrap::default().bca(&Sample::new(vec![0.1; 12]).unwrap(), mean);
    let flat = flat.unwrap().secondary();
    assert_eq!(flat.low, flat.high);
    let tied = Ranking::new(&[vec![0.5; 4], vec![0.7; 4]])
        .unwrap()
        .friedman();
    assert_eq!((tied.statistic, tied.p), (0.0, 1.0));
}
