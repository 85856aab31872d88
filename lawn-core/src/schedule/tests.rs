use super::*;

#[test]
fn each_kind_at_its_landmarks() {
    let close = |found: f64, expected: f64| {
        assert!(
            (found - expected).abs() < 1e-15,
            "expected {expected}, found {found}"
        );
    };
    let linear = Schedule::linear(1.0, 0.2, 4);
    for (t, eta) in [(0, 1.0), (1, 0.8), (2, 0.6), (4, 0.2), (99, 0.2)] {
        close(linear.lr_at(t), eta);
    }
    let cosine = Schedule::cosine(1.0, 0.0, 4);
    for (t, eta) in [(0, 1.0), (2, 0.5), (4, 0.0), (9, 0.0)] {
        close(cosine.lr_at(t), eta);
    }
    let polynomial = Schedule::polynomial(1.0, 0.0, 4, 2.0);
    for (t, eta) in [(0, 1.0), (1, 0.5625), (2, 0.25), (4, 0.0)] {
        close(polynomial.lr_at(t), eta);
    }
    let steps = Schedule::multi_step(1.0, vec![2, 4], 0.1);
    for (t, eta) in [(1, 1.0), (2, 0.1), (3, 0.1), (4, 0.01)] {
        close(steps.lr_at(t), eta);
    }
}

/// Printed by `goldens/schedules.py`: `CosineAnnealingWarmRestarts` of torch, whose rate is a
/// product of many factors.
#[test]
fn restarts_are_those_of_torch() {
    let golden: serde_json::Value =
        serde_json::from_str(include_str!("../../goldens/schedules.json")).unwrap();
    for case in golden["warm_restarts"].as_array().unwrap() {
        let whole = |name: &str| case[name].as_u64().unwrap();
        let schedule = Schedule::warm_restarts(
            case["from"].as_f64().unwrap(),
            case["to"].as_f64().unwrap(),
            whole("length"),
            whole("growth"),
        );
        schedule.validate().unwrap();
        for (t, expected) in case["rates"].as_array().unwrap().iter().enumerate() {
            let (found, expected) = (schedule.lr_at(t as u64), expected.as_f64().unwrap());
            assert!(
                (found - expected).abs() < 1e-14,
                "{schedule:?} at {t}: {found}, torch has {expected}"
            );
        }
    }
}

#[test]
fn parts_start_from_their_own_zero() {
    let chain = Schedule::constant(1.0)
        .then(2, Schedule::linear(0.5, 0.0, 2))
        .warm_up(2);
    let rates: Vec<f64> = (0..8).map(|t| chain.lr_at(t)).collect();
    assert_eq!(rates, [0.5, 1.0, 1.0, 1.0, 0.5, 0.25, 0.0, 0.0]);
}

#[test]
fn a_table_has_both_ends() {
    let rows = Schedule::linear(1.0, 0.0, 10).table(10, 4);
    let positions: Vec<u64> = rows.iter().map(|row| row.position).collect();
    assert_eq!(positions, [0, 3, 6, 9]);
    assert_eq!(Schedule::constant(1.0).table(0, 4), []);
    assert_eq!(Schedule::constant(1.0).table(2, 9).len(), 2);
}

#[test]
fn impossible_numbers_are_refused() {
    for schedule in [
        Schedule::constant(f64::NAN),
        Schedule::linear(-1.0, 0.0, 1),
        Schedule::polynomial(1.0, 0.0, 3, 0.0),
        Schedule::warm_restarts(1.0, 0.0, 0, 1),
        Schedule::warm_restarts(1.0, 0.0, 3, 0),
        Schedule::multi_step(1.0, vec![3, 3], 0.1),
        Schedule::Chain { parts: vec![] },
        Schedule::constant(f64::INFINITY).warm_up(3),
    ] {
        assert!(
            matches!(schedule.validate(), Err(Error::Setting { .. })),
            "{schedule:?}"
        );
    }
}

#[test]
fn json_round_trip() {
    let schedule = Schedule::cosine(0.1, 0.0, 50)
        .warm_up(5)
        .then(20, Schedule::constant(0.01));
    let text = serde_json::to_string(&schedule).unwrap();
    assert_eq!(serde_json::from_str::<Schedule>(&text).unwrap(), schedule);
}
