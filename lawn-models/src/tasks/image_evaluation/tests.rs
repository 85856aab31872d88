use std::path::Path;

use super::*;
use crate::data::images::{self, GeneratedImages};
use crate::models::golden::greatest;
use crate::models::parity::fill;
use crate::models::{ImageModelOptions, save_weights};

/// What `goldens/evaluation.py` wrote.
#[derive(Deserialize)]
struct Golden {
    tolerance: f64,
    logits: Vec<Vec<f64>>,
}

fn golden_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("goldens")
}

/// ResNet-18 with the weights of the goldens, saved under `folder`.
fn saved(folder: &Path, classes: i64) -> PathBuf {
    let store = VarStore::new(Device::Cpu);
    let options = ImageModelOptions {
        init: Some(Init::Zeros),
        ..ImageModelOptions::new(224, classes)
    };
    ImageModelName::Resnet18.build(&store.root(), &options, 0);
    fill(&store);
    let path = folder.join("resnet18.safetensors");
    save_weights(&store, &path).unwrap();
    path
}

fn evaluation(weights: PathBuf, data: &str, data_root: PathBuf) -> ImageEvaluation {
    ImageEvaluation {
        model: ImageModelName::Resnet18,
        weights,
        data: data.to_owned(),
        data_root,
        split: ImageSplit::Test,
        transform: Some(TransformConfig::default()),
        depth: None,
        width: None,
        shortcut: None,
        validation_fraction: 0.1,
        split_seed: 0,
        exif_orientation: false,
        bad_files: BadFiles::Fail,
        precision: Precision::F32,
        batch_size: 3,
        device: Device::Cpu,
    }
}

/// The greatest error of the logits, relative to the greatest of them.
fn error(evaluation: &ImageEvaluation, golden: &Golden) -> f64 {
    let mut found: Vec<f64> = Vec::new();
    answer(evaluation, &mut |logits, _, _| {
        let logits = logits.to_kind(tch::Kind::Double).reshape([-1]);
        found.extend(Vec::<f64>::try_from(logits).unwrap());
    })
    .unwrap();
    let expected = golden.logits.concat();
    assert_eq!(found.len(), expected.len());
    let scale = expected.iter().fold(0f64, |most, one| most.max(one.abs()));
    let errors = found.iter().zip(&expected).map(|(a, b)| (a - b).abs());
    greatest(errors) / scale
}

/// From the bytes of files to logits: decoder, resize, crop, normalization and net.
#[test]
fn files_are_answered_as_torchvision_answers_them() {
    let text = include_str!("../../../goldens/evaluation/logits.json");
    let golden: Golden = serde_json::from_str(text).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let weights = saved(folder.path(), 5);
    let mut evaluation = evaluation(weights, "evaluation", golden_folder());
    let found = error(&evaluation, &golden);
    assert!(found <= golden.tolerance, "{found}");
    // A resize that is a little off would be seen.
    evaluation.transform = Some(TransformConfig {
        resize: Some(258),
        ..TransformConfig::default()
    });
    let found = error(&evaluation, &golden);
    assert!(found > 10.0 * golden.tolerance, "{found}");
}

#[test]
fn right_answers_are_counted_over_all_batches_and_told() {
    let folder = tempfile::tempdir().unwrap();
    let weights = saved(folder.path(), 5);
    let mut evaluation = evaluation(weights, "evaluation", golden_folder());
    let told = std::cell::RefCell::new(Vec::new());
    let tell = |done, total| told.borrow_mut().push((done, total));
    let found = evaluate_images(&evaluation, &tell).unwrap();
    // All five images are taken for the third class.
    assert_eq!((found.images, found.classes), (5, 5));
    assert_eq!((found.right, found.top_1), (1, 0.2));
    assert_eq!((found.right_among_five, found.top_5), (5, 1.0));
    assert_eq!(told.into_inner(), [(3, 5), (5, 5)]);
    assert!(found.resize.contains("256") && found.decoder.contains("libjpeg-turbo"));
    evaluation.precision = Precision::Bf16;
    evaluation.batch_size = 500;
    let half = evaluate_images(&evaluation, &|_, _| ()).unwrap();
    assert_eq!(half.right, 1);
}

#[test]
fn what_cannot_be_measured_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let sizes = GeneratedImages {
        classes: 3,
        side: 12,
        train: 9,
        test: 6,
        ..GeneratedImages::default()
    };
    let set = folder.path().join("mine");
    images::write(&sizes, &set).unwrap();
    let weights = saved(folder.path(), 5);
    let mut evaluation = evaluation(weights, "mine", folder.path().to_owned());
    evaluation.transform = Some(TransformConfig {
        size: 32,
        ..TransformConfig::default()
    });
    let refused = |evaluation: &ImageEvaluation, word: &str| {
        let said = evaluate_images(evaluation, &|_, _| ()).unwrap_err();
        assert!(said.to_string().contains(word), "{said}");
        said
    };
    // Five classes in the weights, three in the folder.
    let said = refused(&evaluation, "fc.weight");
    assert!(matches!(said, EvaluationError::Weights(_)), "{said:?}");
    evaluation.weights = saved(folder.path(), 3);
    evaluate_images(&evaluation, &|_, _| ()).unwrap();
    evaluation.split = ImageSplit::Train;
    let train = evaluate_images(&evaluation, &|_, _| ()).unwrap();
    assert_eq!(train.images, 9);
    // Where there is nothing to train on, classes are those of the test split.
    std::fs::remove_dir_all(set.join("train")).unwrap();
    let said = refused(&evaluation, "mine/train");
    assert!(matches!(said, EvaluationError::Data(_)), "{said:?}");
    evaluation.split = ImageSplit::Test;
    std::fs::rename(set.join("test"), set.join("val")).unwrap();
    let test = evaluate_images(&evaluation, &|_, _| ()).unwrap();
    assert_eq!((test.images, test.classes), (6, 3));
    let file = set.join("val/class001/000001.jpg");
    let bytes = std::fs::read(&file).unwrap();
    std::fs::write(&file, &bytes[..bytes.len() / 2]).unwrap();
    let other = set.join("val/class002/empty.jpg");
    std::fs::write(&other, "").unwrap();
    // All of them, whether there is a train folder or not.
    let all = |evaluation: &ImageEvaluation| {
        let said = refused(evaluation, "class001/000001.jpg: ").to_string();
        assert!(said.contains("2 of 7 files"), "{said}");
        assert!(
            said.contains("class002/empty.jpg: it is an empty file"),
            "{said}"
        );
    };
    all(&evaluation);
    images::write(&sizes, &folder.path().join("whole")).unwrap();
    std::fs::rename(folder.path().join("whole/train"), set.join("train")).unwrap();
    all(&evaluation);
    evaluation.bad_files = BadFiles::Exclude;
    let test = evaluate_images(&evaluation, &|_, _| ()).unwrap();
    assert_eq!((test.images, test.left_out), (5, 2));
    evaluation.bad_files = BadFiles::Fail;
    std::fs::remove_file(file).unwrap();
    std::fs::remove_file(other).unwrap();
    evaluation.batch_size = 0;
    refused(&evaluation, "batch_size");
    evaluation.batch_size = 4;
    let store = VarStore::new(Device::Cpu);
    let options = ImageModelOptions {
        init: Some(Init::Zeros),
        ..ImageModelOptions::new(32, 3)
    };
    evaluation.model.build(&store.root(), &options, 0);
    let mut bias = store.variables().remove("fc.bias").unwrap();
    let _ = tch::no_grad(|| bias.fill_(f64::NAN));
    save_weights(&store, &evaluation.weights).unwrap();
    let said = refused(&evaluation, "values of `fc.bias` are not finite");
    assert!(
        matches!(said, EvaluationError::UnusableValues { .. }),
        "{said:?}"
    );
}

/// The metadata of weights say which task left them.
#[test]
fn what_was_another_for_the_task_that_left_the_weights_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    let left_by = |task: serde_json::Value| {
        let task = crate::TaskConfig::from_table("image", task).unwrap();
        let metadata = super::super::left_by::note(&task).map(|(key, text)| (key.to_owned(), text));
        let store = VarStore::new(Device::Cpu);
        let state = crate::models::weights_of(&store, metadata.into_iter().collect());
        crate::models::write_weights(&state, &path).unwrap();
    };
    let mut evaluation = evaluation(path.clone(), "mine", folder.path().to_owned());
    assert!(differences(&evaluation).is_empty(), "there is no such file");
    left_by(serde_json::json!({ "data": "mine", "transform": {}, "exif_orientation": true }));
    let said = differences(&evaluation);
    let turned =
        "`exif_orientation` was true for the task that left the weights, and is false here";
    assert_eq!(said, [turned]);
    evaluation.exif_orientation = true;
    evaluation.data = "others".to_owned();
    assert!(differences(&evaluation).is_empty());
    left_by(serde_json::json!({ "data": "mine", "transform": { "size": 160 } }));
    let said = differences(&evaluation).join("\n");
    assert!(
        said.contains(
            "`transform` was size 160, shorter side 183, bilinear, normalization imagenet"
        ),
        "{said}"
    );
    evaluation.transform = None;
    left_by(serde_json::json!({ "data": "mine", "split_seed": 3, "exif_orientation": true }));
    let said = differences(&evaluation).join("\n");
    assert!(
        said.contains("`data` was mine") && said.contains("`split_seed` was 3"),
        "{said}"
    );
}
