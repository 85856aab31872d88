use super::*;

#[test]
fn balanced_classes_make_both_floors_alike() {
    let floors = ImageConfig::default().floors(None, None).unwrap();
    let [random, majority] = &floors[..] else {
        panic!("there are two floors, not {}", floors.len());
    };
    assert_eq!(random.measurements[0].metric, "top-1");
    let (random, majority) = (random.measurements[0].value, majority.measurements[0].value);
    assert!((random - majority).abs() < 0.05, "{random} and {majority}");
}

/// Images that are decoded anew each time are learned from as those in memory are.
#[test]
fn memory_that_images_do_not_fit_in_changes_nothing() {
    let root = tempfile::tempdir().unwrap();
    let sizes = GeneratedImages {
        classes: 3,
        side: 8,
        train: 60,
        test: 12,
        ..GeneratedImages::default()
    };
    images::write(&sizes, &root.path().join("mine")).unwrap();
    let config = ImageConfig {
        data: "mine".to_owned(),
        depth: 8,
        width: 4,
        ..ImageConfig::default()
    };
    let surroundings = Surroundings {
        device: tch::Device::Cpu,
        data_root: Some(root.path()),
        seed: 3,
        part: crate::models::TablePart::default(),
    };
    let [kept, read] = [u64::MAX, 0].map(|room| {
        let reading = Reading {
            room,
            threads: 2,
            ..Reading::default()
        };
        config.put_together(surroundings, reading).unwrap()
    });
    let len = kept.dataset.len();
    assert_eq!(len, read.dataset.len());
    for epoch in [1, 2] {
        let [one, other] = [&kept, &read].map(|task| task.dataset.batch(0..len, epoch).unwrap());
        assert_eq!(one.inputs[0], other.inputs[0]);
        assert_eq!(one.targets, other.targets);
    }
    let permit = TestPermit::of(crate::trial::Stage::Confirm).unwrap();
    let [one, other] = [&kept, &read].map(|task| {
        let answer = |_: Split, inputs: &[tch::Tensor]| task.answer(inputs);
        let measured = task.objective.measure(&answer).unwrap();
        let test = task.objective.measure_test(&answer, &permit).unwrap();
        (measured.measurements, measured.logit_max_abs, test)
    });
    assert_eq!(one, other);
}
