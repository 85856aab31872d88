//! Exact tests of derived numbers, read from a file as a user's, against every pattern of signs
//! (`goldens/slopes.py`): slopes on batch sizes of any factors, gaps, drops, means over batch sizes,
//! of decimals and of quotients as programs print them.

use std::fmt::Write;

use lawn_analysis::analysis::{Analysis, Question, claims};
use lawn_analysis::records::Results;
use lawn_analysis::stats::TestResult;
use lawn_analysis::{Records, ReportRequest};
use serde_json::Value;

const ARMS: [&str; 2] = ["base", "treat"];

/// How a case is written out.
#[derive(Clone, Copy, Default)]
struct Form {
    /// The treatment of the first seed diverges at the largest batch.
    lost: bool,
    /// The arms have no seed in common.
    disjoint: bool,
    /// The seeds in the opposite order.
    reversed: bool,
    /// The arms have each other's names.
    swapped: bool,
    /// So many ten thousandths are added to every metric.
    plus: i64,
    /// Every metric is tenfold.
    tenfold: bool,
}

/// A decimal of up to four digits, moved and scaled as a decimal.
fn rewritten(text: &str, form: Form) -> String {
    if form.plus == 0 && !form.tenfold {
        return text.to_owned();
    }
    let (whole, digits) = text.split_once('.').unwrap();
    let units: i64 = format!("{whole}{digits:0<4}").parse().unwrap();
    let exponent = if form.tenfold { -3 } else { -4 };
    format!("{}e{exponent}", units + form.plus)
}

fn records(case: &Value, form: Form) -> Records {
    let batches = case["batch_sizes"].as_array().unwrap();
    let mut text = "task,arm,batch_size,seed,test_metric,train_metric,outcome\n".to_owned();
    for arm in 0..2 {
        let name = ARMS[if form.swapped { 1 - arm } else { arm }];
        let seeds = case["test"][arm].as_array().unwrap();
        for seed in 0..seeds.len() {
            let row = if form.reversed {
                seeds.len() - 1 - seed
            } else {
                seed
            };
            for (place, batch) in batches.iter().enumerate() {
                let seed = seed + if form.disjoint { 100 * arm } else { 0 };
                write!(text, "t,{name},{batch},{seed},").unwrap();
                if form.lost && arm == 1 && row == 0 && place + 1 == batches.len() {
                    text.push_str(",,diverged\n");
                    continue;
                }
                let of =
                    |metric: &str| rewritten(case[metric][arm][row][place].as_str().unwrap(), form);
                writeln!(text, "{},{},ok", of("test"), of("train")).unwrap();
            }
        }
    }
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("results.csv");
    std::fs::write(&file, text).unwrap();
    Results::read(&file).unwrap().records
}

fn analysed(case: &Value, form: Form) -> (Analysis, ReportRequest) {
    let smallest = case["batch_sizes"][0].as_i64().unwrap();
    let request = ReportRequest::new("exact", smallest).contrast(ARMS[0], ARMS[1]);
    (
        Analysis::new(&records(case, form), &request).unwrap(),
        request,
    )
}

/// The sign-flip test of a question, at the largest batch size or over all.
fn sign_flip(analysis: &Analysis, question: Question) -> TestResult {
    let answers = &analysis.family("t", question).unwrap().answers;
    answers.last().unwrap().comparison.sign_flip.unwrap()
}

fn ratio(test: &TestResult) -> (u64, u64) {
    let exact = test.exact.unwrap();
    (exact.numerator as u64, exact.denominator as u64)
}

fn cases() -> Vec<Value> {
    let document: Value = serde_json::from_str(include_str!("../../goldens/slopes.json")).unwrap();
    document["cases"].as_array().unwrap().clone()
}

fn expected(case: &Value, name: &str) -> Option<(u64, u64)> {
    let found = case["expected"][name].as_array()?;
    Some((found[0].as_u64().unwrap(), found[1].as_u64().unwrap()))
}

/// A fraction of one denominator in that of another.
fn same(a: (u64, u64), b: (u64, u64)) -> bool {
    u128::from(a.0) * u128::from(b.1) == u128::from(b.0) * u128::from(a.1)
}

const QUESTIONS: [(Question, &str); 4] = [
    (Question::TestSlope, "test-slope"),
    (Question::GapSlope, "gap-slope"),
    (Question::GeneralizationGap, "generalization-gap"),
    (Question::LargeBatchDrop, "large-batch-drop"),
];

#[test]
fn derived_numbers_tie_where_they_are_equal() {
    for case in cases() {
        let name = format!("{} at {}", case["form"], case["batch_sizes"]);
        let (analysis, request) = analysed(&case, Form::default());
        for (question, key) in QUESTIONS {
            let found = ratio(&sign_flip(&analysis, question));
            assert_eq!(Some(found), expected(&case, key), "{name}: {key}");
        }
        let claims = claims(&analysis, &request).unwrap();
        let mean = claims.iter().find(|c| c.claim.contains("over all batch"));
        let (numerator, denominator) = expected(&case, "mean").unwrap();
        let expected = numerator as f64 / denominator as f64;
        assert_eq!(mean.unwrap().p, Some(expected), "{name}: mean");
    }
}

#[test]
fn worst_ranks_of_slopes_tie_where_slopes_are_equal() {
    for case in cases() {
        let lost = Form {
            lost: true,
            ..Form::default()
        };
        let (analysis, _) = analysed(&case, lost);
        let slope = &analysis.family("t", Question::TestSlope).unwrap().answers[0];
        let found = ratio(&slope.comparison.worst_rank.unwrap());
        let expected = expected(&case, "worst-rank").unwrap();
        assert!(
            same(found, expected),
            "{} at {}: {found:?}, expected {expected:?}",
            case["form"],
            case["batch_sizes"]
        );
    }
}

#[test]
fn arms_without_a_seed_in_common_rank_slopes_exactly() {
    let mut compared = 0;
    for case in cases() {
        let Some(expected) = expected(&case, "unpaired") else {
            continue;
        };
        let disjoint = Form {
            disjoint: true,
            ..Form::default()
        };
        let (analysis, _) = analysed(&case, disjoint);
        let slope = &analysis.family("t", Question::TestSlope).unwrap().answers[0];
        let unpaired = slope.comparison.unpaired.unwrap();
        let found = ratio(&unpaired.mann_whitney.unwrap());
        assert!(
            same(found, expected),
            "{} at {}: {found:?}, expected {expected:?}",
            case["form"],
            case["batch_sizes"]
        );
        compared += 1;
    }
    assert!(compared > 50);
}

#[test]
fn order_of_seeds_and_names_of_arms_change_no_p() {
    for case in cases().iter().step_by(5) {
        let of = |form| {
            let (analysis, _) = analysed(case, form);
            QUESTIONS.map(|(question, _)| ratio(&sign_flip(&analysis, question)))
        };
        let plain = of(Form::default());
        let reversed = Form {
            reversed: true,
            ..Form::default()
        };
        let swapped = Form {
            swapped: true,
            ..Form::default()
        };
        assert_eq!(of(reversed), plain);
        assert_eq!(of(swapped), plain);
    }
}

#[test]
fn origin_and_unit_of_a_decimal_metric_change_no_p() {
    let decimals = ["tenths", "four digits"];
    let cases = cases();
    let cases = cases
        .iter()
        .filter(|case| decimals.contains(&case["form"].as_str().unwrap()));
    for case in cases {
        let of = |plus, tenfold| {
            let form = Form {
                plus,
                tenfold,
                ..Form::default()
            };
            let (analysis, _) = analysed(case, form);
            QUESTIONS.map(|(question, _)| ratio(&sign_flip(&analysis, question)))
        };
        let plain = of(0, false);
        assert_eq!(of(17_003, false), plain);
        assert_eq!(of(0, true), plain);
    }
}
