//! The publishers' formats, sound and damaged.

use super::*;
use std::fs;

/// A small CIFAR-10 or CIFAR-100 in `folder`: image `i` of a file has the label `i % classes`,
/// and pixels that count up.
fn write(format: &Format, folder: &Path) {
    fs::create_dir_all(folder).unwrap();
    let names = (0..format.classes).map(|class| format!("class {class}\n"));
    fs::write(folder.join(format.names), names.collect::<String>() + "\n").unwrap();
    for name in format.train.iter().chain(format.test) {
        let mut bytes = Vec::new();
        for image in 0..2 * format.classes {
            bytes.extend(std::iter::repeat_n(7, format.labels - 1));
            bytes.push((image % format.classes) as u8);
            bytes.extend((0..3 * AREA).map(|place| (place / AREA * 50 + place + image) as u8));
        }
        fs::write(folder.join(name), bytes).unwrap();
    }
}

#[test]
fn both_are_read_where_the_archive_or_a_user_puts_them() {
    for (format, within) in FORMATS.iter().zip([false, true]) {
        let root = tempfile::tempdir().unwrap();
        let place = root.path().join(if within { format.folder } else { "" });
        write(format, &place);
        let cifar = Cifar::in_folder(root.path()).unwrap().unwrap();
        let train = cifar.read(Part::Train).unwrap();
        let images = 2 * format.classes * format.train.len();
        assert_eq!(train.labels.len(), images);
        assert_eq!(cifar.count(Part::Train).unwrap(), images as u64);
        assert_eq!(train.classes[3], "class 3");
        assert_eq!(train.labels[format.classes + 3], 3);
        // Red, green and blue of the pixel at row 1, column 2 of the image 5.
        let expected = [34 + 5, 50 + 34 + 5, 100 + 34 + 5].map(|value: i32| value as u8);
        assert_eq!(train.of(5)[34 * 3..][..3], expected);
        assert_eq!(
            cifar.read(Part::Test).unwrap().labels.len(),
            2 * format.classes
        );
    }
}

#[test]
fn files_that_are_cut_or_have_other_labels_are_named() {
    let root = tempfile::tempdir().unwrap();
    write(&FORMATS[0], root.path());
    let cifar = Cifar::in_folder(root.path()).unwrap().unwrap();
    let path = root.path().join("test_batch.bin");
    let sound = fs::read(&path).unwrap();
    fs::write(&path, &sound[..sound.len() - 1]).unwrap();
    let said = cifar.read(Part::Test).unwrap_err().to_string();
    assert!(said.contains("test_batch.bin: found 61459 bytes"), "{said}");
    let mut other = sound;
    other[3073] = 10;
    fs::write(&path, other).unwrap();
    let said = cifar.read(Part::Test).unwrap_err().to_string();
    assert!(
        said.contains("label 10 at byte 3073, expected 0 to 9"),
        "{said}"
    );
}

#[test]
fn every_file_that_cannot_be_read_is_named() {
    let root = tempfile::tempdir().unwrap();
    write(&FORMATS[0], root.path());
    for name in ["data_batch_2.bin", "data_batch_4.bin"] {
        fs::write(root.path().join(name), "cut").unwrap();
    }
    let cifar = Cifar::in_folder(root.path()).unwrap().unwrap();
    let said = cifar.read(Part::Train).unwrap_err().to_string();
    for part in [
        "2 things",
        "data_batch_2.bin: found 3 bytes",
        "data_batch_4.bin",
    ] {
        assert!(said.contains(part), "{part:?} is not in: {said}");
    }
    assert!(cifar.read(Part::Test).is_ok());
}

#[test]
fn images_that_are_there_twice_and_records_that_are_missing_are_told() {
    let root = tempfile::tempdir().unwrap();
    write(&FORMATS[0], root.path());
    let path = |name: &str| root.path().join(name);
    let mut other = fs::read(path("data_batch_1.bin")).unwrap();
    for number in 2..=5 {
        // A pixel of each image makes others of them.
        other
            .iter_mut()
            .skip(1)
            .step_by(3073)
            .for_each(|byte| *byte += 1);
        fs::write(path(&format!("data_batch_{number}.bin")), &other).unwrap();
    }
    other[0] = 9;
    fs::write(
        path("data_batch_5.bin"),
        [&other[..], &other[3073..2 * 3073]].concat(),
    )
    .unwrap();
    fs::write(path("data_batch_6.bin"), "").unwrap();
    let cifar = Cifar::in_folder(root.path()).unwrap().unwrap();
    let said = cifar.survey().unwrap();
    let expected = [
        "data_batch_1.bin has 20 records, and 10000 as it is published",
        "data_batch_5.bin has 21 records",
        "test_batch.bin has 20 records",
        "not read: data_batch_6.bin",
        "1 train image is another of the same class",
        "20 test images are train images too, which makes the test easier",
    ];
    for part in expected {
        assert!(
            said.iter().any(|line| line.starts_with(part)),
            "{part} is not in {said:#?}"
        );
    }
}

fn said(folder: &Path) -> String {
    Cifar::in_folder(folder).unwrap().unwrap_err().to_string()
}

#[test]
fn files_that_are_missing_and_two_data_sets_in_one_folder_are_named() {
    for format in &FORMATS {
        let root = tempfile::tempdir().unwrap();
        write(format, root.path());
        for missing in [format.names, format.train[0]] {
            let path = root.path().join(missing);
            let bytes = fs::read(&path).unwrap();
            fs::remove_file(&path).unwrap();
            let said = said(root.path());
            let words = format!("found no {missing}, expected all files of {}", format.name);
            assert!(said.contains(&words), "{said}");
            fs::write(&path, bytes).unwrap();
        }
    }
    let root = tempfile::tempdir().unwrap();
    for format in &FORMATS {
        write(format, &root.path().join(format.folder));
    }
    let said = said(root.path());
    assert!(said.contains("found CIFAR-10 and CIFAR-100"), "{said}");
    // Two files of such names are no CIFAR.
    let root = tempfile::tempdir().unwrap();
    for name in ["train.bin", "test.bin"] {
        fs::write(root.path().join(name), "tokens").unwrap();
    }
    assert!(Cifar::in_folder(root.path()).is_none());
}

#[test]
fn a_split_without_a_class_is_refused() {
    let root = tempfile::tempdir().unwrap();
    write(&FORMATS[0], root.path());
    for name in FORMATS[0].train.iter().chain(FORMATS[0].test) {
        let path = root.path().join(name);
        let mut bytes = fs::read(&path).unwrap();
        for record in bytes.chunks_exact_mut(FORMATS[0].record()) {
            let is_test = *name == "test_batch.bin";
            if record[0] == 3 || is_test && record[0] == 4 {
                record[0] = 5;
            }
        }
        fs::write(&path, bytes).unwrap();
    }
    let cifar = Cifar::in_folder(root.path()).unwrap().unwrap();
    let said = cifar.survey().unwrap_err().to_string();
    for part in [
        "no train image of the class \"class 3\", expected",
        "no test image of the class \"class 3\", \"class 4\"",
    ] {
        assert!(said.contains(part), "{part:?} is not in: {said}");
    }
}
