//! Every statistic against scipy and statsmodels, case by case (`goldens/generate.py`).

use lawn_analysis::stats::{
    Adjustment, Alternative, Bootstrap, Differences, Estimate, Interval, Ranking, Sample, Scores,
    TestResult, adjust, cliffs_delta, clopper_pearson, d_z, difference_welch, equivalence,
    hedges_g, hedges_g_independent, interquartile_mean, mann_whitney, mean_t,
    minimum_detectable_effect, paired_t, permutation, power, probability_larger, seeds_needed,
    sign_flip, sign_test, signed_rank, welch_t,
};
use serde_json::{Value, json};

fn numbers(value: &Value) -> Vec<f64> {
    value
        .as_array()
        .unwrap()
        .iter()
        .map(|x| x.as_f64().unwrap())
        .collect()
}

fn sample(value: &Value) -> Sample {
    Sample::new(numbers(value)).unwrap()
}

fn differences(input: &Value) -> Differences {
    Differences::from_values(&numbers(&input["d"])).unwrap()
}

fn alternative(input: &Value) -> Alternative {
    match input["alternative"].as_str().unwrap() {
        "two-sided" => Alternative::TwoSided,
        "greater" => Alternative::Greater,
        "less" => Alternative::Less,
        other => panic!("unknown alternative {other}"),
    }
}

fn test(result: TestResult) -> Value {
    json!({"statistic": result.statistic, "p": result.p})
}

fn estimate(found: Estimate) -> Value {
    let interval = found.interval;
    json!({
        "value": found.value,
        "low": interval.map(|i| i.low),
        "high": interval.map(|i| i.high),
    })
}

fn ends(interval: Interval) -> Value {
    json!({"low": interval.low, "high": interval.high})
}

fn scores(value: &Value) -> Scores {
    Scores::new(value.as_array().unwrap().iter().map(sample).collect()).unwrap()
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// What this crate says for a case.
fn ours(method: &str, input: &Value) -> Value {
    let level = || input["level"].as_f64().unwrap();
    let whole = |name: &str| input[name].as_u64().unwrap() as usize;
    let number = |name: &str| input[name].as_f64().unwrap();
    let bootstrap = || Bootstrap {
        resamples: whole("resamples") as u32,
        seed: whole("seed") as u64,
        level: level(),
    };
    match method {
        "sign_flip" => test(sign_flip(&differences(input), alternative(input))),
        "paired_t" => test(paired_t(&differences(input), alternative(input)).unwrap()),
        "signed_rank" => test(signed_rank(differences(input).units(), alternative(input))),
        "mean_t" => estimate(mean_t(&sample(&input["x"]), level())),
        "d_z" => estimate(d_z(&differences(input)).unwrap()),
        "hedges_g" => estimate(hedges_g(&differences(input)).unwrap()),
        "equivalence" => {
            let found =
                equivalence(&differences(input), number("margin"), number("alpha")).unwrap();
            json!({
                "above": found.above.p,
                "below": found.below.p,
                "p": found.p,
                "low": found.interval.unwrap().low,
                "high": found.interval.unwrap().high,
            })
        }
        "clopper_pearson" => {
            estimate(clopper_pearson(whole("count"), whole("total"), level()).unwrap())
        }
        "adjust" => {
            let method = match input["method"].as_str().unwrap() {
                "holm" => Adjustment::Holm,
                "bonferroni" => Adjustment::Bonferroni,
                _ => Adjustment::BenjaminiHochberg,
            };
            let family: Vec<Option<f64>> = numbers(&input["p"]).into_iter().map(Some).collect();
            json!({"adjusted": adjust(&family, method).unwrap()})
        }
        "welch_t" => test(
            welch_t(
                &sample(&input["x"]),
                &sample(&input["y"]),
                alternative(input),
            )
            .unwrap(),
        ),
        "difference_welch" => {
            estimate(difference_welch(&sample(&input["x"]), &sample(&input["y"]), level()).unwrap())
        }
        "cliffs_delta" => estimate(cliffs_delta(&sample(&input["x"]), &sample(&input["y"]))),
        "hedges_g_independent" => {
            estimate(hedges_g_independent(&sample(&input["x"]), &sample(&input["y"])).unwrap())
        }
        "mann_whitney" => test(
            mann_whitney(
                &sample(&input["x"]),
                &sample(&input["y"]),
                alternative(input),
            )
            .unwrap(),
        ),
        "permutation" => test(permutation(
            &sample(&input["x"]),
            &sample(&input["y"]),
            alternative(input),
        )),
        "probability_larger" => {
            json!({"value": probability_larger(&sample(&input["x"]), &sample(&input["y"]))})
        }
        "interquartile_mean" => json!({"value": interquartile_mean(&sample(&input["x"]))}),
        "sign_test" => test(sign_test(differences(input).units(), alternative(input)).unwrap()),
        "friedman" | "critical_difference" | "nemenyi" => {
            let blocks: Vec<Vec<f64>> = input["blocks"]
                .as_array()
                .unwrap()
                .iter()
                .map(numbers)
                .collect();
            let ranking = Ranking::new(&blocks).unwrap();
            match method {
                "friedman" => {
                    let found = ranking.friedman();
                    json!({
                        "statistic": found.statistic,
                        "p": found.p,
                        "ranks": ranking.mean_ranks,
                    })
                }
                "nemenyi" => json!({"value": ranking.nemenyi(whole("first"), whole("second"))}),
                _ => json!({"value": ranking.critical_difference(number("alpha"))}),
            }
        }
        "power" => {
            json!({"value": power(number("effect"), whole("n"), number("alpha")).unwrap()})
        }
        "minimum_detectable_effect" => {
            let found = minimum_detectable_effect(whole("n"), number("alpha"), number("power"));
            json!({"value": found.unwrap()})
        }
        "seeds_needed" => {
            let found = seeds_needed(number("effect"), number("alpha"), number("power"));
            json!({"value": found.unwrap() as f64})
        }
        "bootstrap_percentile" => ends(
            bootstrap()
                .percentile(&sample(&input["x"]), mean)
                .unwrap()
                .secondary(),
        ),
        "bootstrap_bca" => ends(
            bootstrap()
                .bca(&sample(&input["x"]), mean)
                .unwrap()
                .secondary(),
        ),
        "scores_iqm" => estimate(
            scores(&input["x"])
                .interquartile_mean(&bootstrap())
                .unwrap(),
        ),
        "performance_profile" => json!({
            "profile": scores(&input["x"]).performance_profile(&numbers(&input["thresholds"])),
        }),
        "probability_of_improvement" => {
            let (x, y) = (scores(&input["x"]), scores(&input["y"]));
            estimate(x.probability_of_improvement(&y, &bootstrap()).unwrap())
        }
        other => panic!("the goldens name a method that no test knows: {other}"),
    }
}

fn flat(value: &Value) -> Vec<f64> {
    match value {
        Value::Array(values) => values.iter().flat_map(flat).collect(),
        _ => vec![
            value
                .as_f64()
                .unwrap_or_else(|| panic!("{value} is no number")),
        ],
    }
}

#[test]
fn every_case_agrees() {
    let text = include_str!("../../goldens/statistics.json");
    let document: Value = serde_json::from_str(text).unwrap();
    let mut failures = Vec::new();
    let cases = document["cases"].as_array().unwrap();
    for case in cases {
        let method = case["method"].as_str().unwrap();
        let tolerance = document["tolerances"][case["tolerance"].as_str().unwrap()]
            .as_f64()
            .unwrap();
        let found = ours(method, &case["input"]);
        for (name, expected) in case["expected"].as_object().unwrap() {
            if expected.is_null() {
                continue;
            }
            let (found, expected) = (flat(&found[name]), flat(expected));
            assert_eq!(found.len(), expected.len(), "{method} {name}");
            for (found, expected) in found.iter().zip(&expected) {
                let error = (found - expected).abs() / expected.abs().max(1.0);
                if error.is_nan() || error > tolerance {
                    failures.push(format!(
                        "{method} {}: {name} is {found}, expected {expected} (off by {error:.1e})",
                        case["input"]
                    ));
                }
            }
        }
    }
    assert!(cases.len() >= 80, "{} cases", cases.len());
    assert!(
        failures.is_empty(),
        "{} failures\n{}",
        failures.len(),
        failures.join("\n")
    );
}
