use super::*;

fn of(table: Value) -> ProtocolConfig {
    let mut protocol: ProtocolConfig = serde_json::from_value(table).unwrap();
    protocol.resolve(&mut None);
    protocol
}

#[test]
fn names_say_what_numbers_cannot_be_compared() {
    for (table, names) in [
        (json!({}), &["hr@10", "ndcg@10"][..]),
        (json!({ "candidates": "sampled" }), &["hr@10", "ndcg@10"]),
        (
            json!({ "candidates": "all", "metrics": ["ndcg"] }),
            &["ndcg@10-all"],
        ),
        (
            json!({ "candidates": "sampled", "sampled": 999, "cutoffs": [5, 10], "metrics": ["hr"] }),
            &["hr@5-s999", "hr@10-s999"],
        ),
        (
            json!({ "name": "he-2017" }),
            &["hr@10-he2017", "ndcg@10-he2017"],
        ),
        (
            json!({ "duplicates": "masked", "metrics": ["mrr", "recall"] }),
            &["mrr-once", "recall@10-once"],
        ),
        (json!({ "sampled": 50, "metrics": ["hr"] }), &["hr@10-s50"]),
        (
            json!({ "overlap": "keep", "unseen": "drop", "repeated": "keep", "metrics": ["hr"] }),
            &["hr@10-overlap-nounseen-repeated"],
        ),
        (
            json!({ "overlap": "drop", "repeated": "drop", "unseen": "refuse", "metrics": ["hr"] }),
            &["hr@10-nooverlap-norepeated"],
        ),
    ] {
        assert_eq!(of(table).names(Ties::MidRank), names);
    }
    let names = || of(json!({})).names(Ties::MidRank);
    assert!(std::ptr::eq(names(), names()));
    for (ties, plain, masked) in [
        (Ties::MidRank, "hr@10", "hr@10-once"),
        (Ties::Optimistic, "hr@10-opt", "hr@10-once-opt"),
        (Ties::Pessimistic, "hr@10-pess", "hr@10-once-pess"),
        (Ties::ListOrder, "hr@10-list", "hr@10-once-list"),
    ] {
        assert_eq!(of(json!({})).names(ties)[0], plain);
        let once = of(json!({ "duplicates": "masked" }));
        assert_eq!(once.names(ties)[0], masked);
        let named = of(json!({ "name": "he-2017" }));
        assert_eq!(named.names(ties)[0], "hr@10-he2017");
    }
}

#[test]
fn a_name_takes_the_place_of_defaults_and_of_nothing_else() {
    let with = |more: Value, ties: Option<Ties>| {
        let mut ties = ties;
        let mut table = json!({ "name": "he-2017" });
        let more = more.as_object().unwrap().clone();
        table.as_object_mut().unwrap().extend(more);
        let mut protocol: ProtocolConfig = serde_json::from_value(table).unwrap();
        protocol.resolve(&mut ties);
        let ties = ties.unwrap();
        protocol.validate(ties).map(|()| (protocol, ties))
    };
    let (protocol, ties) = with(json!({}), None).unwrap();
    assert_eq!(
        (protocol.duplicates(), ties),
        (Duplicates::Masked, Ties::ListOrder)
    );
    with(json!({ "duplicates": "masked" }), Some(Ties::ListOrder)).unwrap();
    for (more, ties, setting) in [
        (json!({}), Some(Ties::Pessimistic), "ties"),
        (json!({}), Some(Ties::Optimistic), "ties"),
        (json!({}), Some(Ties::MidRank), "ties"),
        (json!({ "duplicates": "kept" }), None, "protocol.duplicates"),
        (json!({ "candidates": "all" }), None, "protocol.candidates"),
        (
            json!({ "candidates": "sampled" }),
            None,
            "protocol.candidates",
        ),
    ] {
        let error = with(more, ties).unwrap_err();
        assert_eq!(error.setting(), setting);
        assert!(error.to_string().contains("he-2017"), "{error}");
    }
}

#[test]
fn cutoffs_that_make_every_item_a_hit_are_refused() {
    for (table, setting) in [
        (json!({ "cutoffs": [10, 100] }), "protocol.cutoffs"),
        (json!({ "cutoffs": [0] }), "protocol.cutoffs"),
        (json!({ "cutoffs": [] }), "protocol.cutoffs"),
        (json!({ "cutoffs": [5, 5] }), "protocol.cutoffs"),
        (
            json!({ "metrics": ["hr", "ndcg", "hr"] }),
            "protocol.metrics",
        ),
        (json!({ "metrics": [] }), "protocol.metrics"),
        (json!({ "sampled": 0 }), "protocol.sampled"),
    ] {
        assert_eq!(
            of(table).validate(Ties::MidRank).unwrap_err().setting(),
            setting
        );
    }
    of(json!({ "cutoffs": [99, 1] }))
        .validate(Ties::MidRank)
        .unwrap();
    of(json!({ "candidates": "all", "cutoffs": [1000] }))
        .validate(Ties::MidRank)
        .unwrap();
}

#[test]
fn keys_that_would_do_nothing_are_refused() {
    for (table, setting) in [
        (
            json!({ "candidates": "all", "sampled": 5 }),
            "protocol.sampled",
        ),
        (
            json!({ "candidates": "all", "duplicates": "masked" }),
            "protocol.duplicates",
        ),
        (
            json!({ "metrics": ["mrr"], "cutoffs": [5] }),
            "protocol.cutoffs",
        ),
    ] {
        let error = of(table).validate(Ties::MidRank).unwrap_err();
        assert_eq!(error.setting(), setting);
        assert!(error.to_string().contains("leave it out"), "{error}");
    }
    of(json!({ "metrics": ["mrr", "hr"], "cutoffs": [5] }))
        .validate(Ties::MidRank)
        .unwrap();
}
