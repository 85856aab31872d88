use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use super::*;
use crate::data::error::DataError;
use crate::data::images::reading::Part;
use crate::data::images::source::Source;
use crate::data::images::{folder, scan_tested_images};

fn golden(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("goldens/images");
    fs::read(folder.join(name)).unwrap()
}

/// A data set of two classes, with an image in each class of each split.
fn set() -> tempfile::TempDir {
    let set = tempfile::tempdir().unwrap();
    let names = ["baseline-420.jpg", "rgb.jpg", "grey.jpg", "progressive.jpg"];
    let places = ["train/a", "train/b", "test/a", "test/b"];
    for (place, name) in places.iter().zip(names) {
        fs::create_dir_all(set.path().join(place)).unwrap();
        fs::write(set.path().join(place).join("1.jpg"), golden(name)).unwrap();
    }
    set
}

fn look(set: &tempfile::TempDir, split: &str) -> Scan {
    let listing = folder::list(&set.path().join(split), None).unwrap();
    scan(&listing, None, 2, &|_, _| ())
}

#[test]
fn each_file_is_an_image_or_named_with_what_is_wrong() {
    let set = set();
    let train = set.path().join("train");
    let put = |name: &str, bytes: &[u8]| fs::write(train.join(name), bytes).unwrap();
    put("a/png named.JPEG", &golden("alpha.png"));
    put("a/webp named.png", &golden("lossy.webp"));
    put("a/no ending", &golden("cmyk.jpg"));
    put("b/cut.jpg", &golden("baseline-420.jpg")[..700]);
    put("b/list", b"a list");
    put("b/list.txt", b"a list");
    put("b/moves.gif", b"GIF89a");
    put("b/nothing.jpg", b"");
    symlink(train.join("nowhere"), train.join("b/link.jpg")).unwrap();
    let pipe = std::process::Command::new("mkfifo")
        .arg(train.join("b/pipe.jpg"))
        .status();
    assert!(pipe.unwrap().success());

    let scan = look(&set, "train");
    assert_eq!(
        scan.formats.into_iter().collect::<Vec<_>>(),
        [("JPEG", 3), ("PNG", 1), ("WebP", 1)]
    );
    let expected = [
        ("b/cut.jpg", "at byte 700"),
        ("b/link.jpg", "it is a link to nothing"),
        ("b/list", "it is no image; JPEG, PNG and WebP are read"),
        ("b/moves.gif", "it is a GIF file"),
        ("b/nothing.jpg", "it is an empty file"),
        ("b/pipe.jpg", "it is no file"),
    ];
    assert_eq!(scan.bad.len(), expected.len());
    for (bad, (name, reason)) in scan.bad.iter().zip(expected) {
        assert_eq!(bad.path, train.join(name));
        assert!(bad.reason.contains(reason), "{}", bad.reason);
    }
}

#[test]
fn bad_files_of_all_splits_are_refused_at_once_or_left_out() {
    let set = set();
    fs::write(set.path().join("train/a/2.jpg"), "x").unwrap();
    fs::write(set.path().join("test/b/2.jpg"), "x").unwrap();
    let scans = ["train", "test"].map(|split| look(&set, split));
    let said = require_sound(&scans).unwrap_err().to_string();
    for part in [
        "2 of 6 files",
        "train/a/2.jpg: it is no image",
        "test/b/2.jpg: it is",
        "exclude",
    ] {
        assert!(said.contains(part), "{part:?} is not in: {said}");
    }
    let sound = scans[0].sound().unwrap();
    assert_eq!((sound.len(), scans[0].images()), (2, 2));
    assert_eq!([sound.name(0), sound.name(1)], ["a/1.jpg", "b/1.jpg"]);
    fs::write(set.path().join("train/b/1.jpg"), "x").unwrap();
    let said = look(&set, "train").sound().unwrap_err().to_string();
    assert!(said.contains("train/b: found bad files only"), "{said}");
}

#[test]
fn a_name_that_is_not_utf8_is_a_bad_file_among_the_others() {
    let set = set();
    let class = set.path().join("train/a");
    let name = OsStr::from_bytes(b"caf\xe9.jpg");
    fs::write(class.join(name), golden("rgb.jpg")).unwrap();
    fs::write(class.join("cut.jpg"), "x").unwrap();
    let scan = look(&set, "train");
    let said = require_sound(std::slice::from_ref(&scan))
        .unwrap_err()
        .to_string();
    for part in [
        "2 of 4 files",
        "train/a/caf\\xe9.jpg: its name is not UTF-8",
        "train/a/cut.jpg: it is no image",
    ] {
        assert!(said.contains(part), "{part:?} is not in: {said}");
    }
    assert_eq!(scan.sound().unwrap().len(), 2);
    let json = serde_json::to_string(&scan).unwrap();
    assert!(json.contains("caf\\\\xe9.jpg"), "{json}");
}

#[test]
fn images_of_other_sizes_are_named() {
    let set = set();
    let larger: PathBuf = set.path().join("test/b/2.jpg");
    let mut bytes = Vec::new();
    let encoder = jpeg_encoder::Encoder::new(&mut bytes, 90);
    encoder
        .encode(&[9; 40 * 30 * 3], 40, 30, jpeg_encoder::ColorType::Rgb)
        .unwrap();
    fs::write(&larger, &bytes).unwrap();
    let scans = ["train", "test"].map(|split| look(&set, split));
    assert_eq!((scans[1].heights, scans[1].widths), ([21, 30], [29, 40]));
    let said = require_one_size(&scans).unwrap_err().to_string();
    assert!(
        said.contains("test/b/2.jpg: found 40 × 30 pixels, expected 29 × 21"),
        "{said}"
    );
    for class in ["a", "b"] {
        fs::write(set.path().join(format!("test/{class}/1.jpg")), &bytes).unwrap();
    }
    let scans = ["train", "test"].map(|split| look(&set, split));
    let said = require_one_size(&scans).unwrap_err().to_string();
    assert!(said.contains("29 × 21 pixels, as in train"), "{said}");
}

#[test]
fn files_with_the_same_bytes_are_counted() {
    let set = set();
    let copy = |from: &str, to: &str| {
        fs::copy(set.path().join(from), set.path().join(to)).unwrap();
    };
    copy("train/a/1.jpg", "train/a/again.jpg");
    copy("train/a/1.jpg", "train/b/also.jpg");
    copy("train/b/1.jpg", "test/b/leaked.jpg");
    copy("train/b/1.jpg", "test/a/other.jpg");
    let [train, test] = ["train", "test"].map(|split| look(&set, split));
    let repeat = |file: &str, of: &str, other_class| {
        let [file, of] = [file, of].map(|path| set.path().join(path));
        Repeat {
            file,
            of,
            other_class,
        }
    };
    let again = repeat("train/a/again.jpg", "train/a/1.jpg", false);
    assert_eq!(train.repeated.files, [again]);
    let also = repeat("train/b/also.jpg", "train/a/1.jpg", true);
    assert_eq!(train.contradicting.files, [also]);
    let mut both = Repeats::between(&train, &test).unwrap().files;
    both.sort_by(|one, other| one.file.cmp(&other.file));
    let leaked = [
        repeat("test/a/other.jpg", "train/b/1.jpg", true),
        repeat("test/b/leaked.jpg", "train/b/1.jpg", false),
    ];
    assert_eq!(both, leaked);
    assert_eq!(Repeats::between(&train, &train).unwrap().files.len(), 4);
}

#[test]
fn the_digest_is_of_names_and_contents() {
    let set = set();
    let before = look(&set, "train").digest;
    assert_eq!(before, look(&set, "train").digest);
    let path = set.path().join("train/a/1.jpg");
    let mut bytes = fs::read(&path).unwrap();
    bytes.push(0);
    fs::write(&path, bytes).unwrap();
    let changed = look(&set, "train").digest;
    fs::rename(&path, path.with_file_name("2.jpg")).unwrap();
    let renamed = look(&set, "train").digest;
    assert!(before != changed && changed != renamed && before != renamed);
}

/// By the door that `lawn data check` goes through.
#[test]
fn a_data_set_without_train_is_looked_into() {
    let set = set();
    let look = || scan_tested_images(set.path(), &|_, _| ());
    fs::remove_dir_all(set.path().join("train")).unwrap();
    for split in ["test", "val"] {
        let scan = look().unwrap();
        assert!(scan.folder.ends_with(split));
        assert_eq!((scan.images(), scan.bad.len()), (2, 0));
        assert!(scan.notes[0].contains("no train"), "{:?}", scan.notes);
        let _ = fs::rename(set.path().join("test"), set.path().join("val"));
    }
    fs::remove_dir_all(set.path().join("val")).unwrap();
    assert!(matches!(look(), Err(DataError::NotFound { .. })));
    // Planning says what is there in its place.
    fs::create_dir(set.path().join("val")).unwrap();
    let (root, name) = (set.path().parent(), set.path().file_name().unwrap());
    let plan = || {
        Source::of(name.to_str().unwrap(), None, root)
            .unwrap_err()
            .to_string()
    };
    let said = plan();
    assert!(said.contains("found val and no train, expected "), "{said}");
    fs::remove_dir(set.path().join("val")).unwrap();
    fs::create_dir_all(set.path().join("inner/train")).unwrap();
    for said in [plan(), look().unwrap_err().to_string()] {
        let words =
            "found the data set `inner` within it, which `data = \"inner\"` with --data-root";
        assert!(said.contains(words), "{said}");
    }
}

#[test]
fn faults_of_both_splits_are_told_together() {
    let set = set();
    fs::create_dir(set.path().join("train/empty")).unwrap();
    fs::create_dir(set.path().join("test/strange")).unwrap();
    let source = Source::in_folder(set.path()).unwrap().unwrap();
    let look = source.scan(&[Part::Train, Part::Test], &|_, _| ());
    let said = look.unwrap_err().to_string();
    for part in [
        "class folder \"empty\", expected an image",
        "class folder \"strange\", expected the classes of train",
        "no class folder \"empty\"",
    ] {
        assert!(said.contains(part), "{part:?} is not in: {said}");
    }
}

#[test]
fn progress_ends_with_all_files() {
    let set = set();
    let listing = folder::list(&set.path().join("train"), None).unwrap();
    let told = std::sync::Mutex::new(Vec::new());
    scan(&listing, None, 2, &|done, total| {
        told.lock().unwrap().push((done, total))
    });
    assert_eq!(told.into_inner().unwrap(), [(2, 2)]);
}

/// A link to itself is what the system refuses whoever asks.
#[test]
fn what_the_system_refuses_is_named_with_all_the_others() {
    let set = set();
    let train = set.path().join("train");
    symlink("self.jpg", train.join("a/self.jpg")).unwrap();
    symlink(".", train.join("b/loop")).unwrap();
    fs::write(
        train.join("b/lfs.jpg"),
        "version https://git-lfs.github.com/spec/v1\n",
    )
    .unwrap();
    let scan = look(&set, "train");
    let bad: Vec<String> = scan.bad.iter().map(|bad| bad.reason.clone()).collect();
    assert_eq!(bad.len(), 3, "{bad:?}");
    assert!(bad[0].starts_with("it cannot be read: "), "{bad:?}");
    assert!(bad[1].contains("`git lfs pull`"), "{bad:?}");
    assert!(bad[2].contains("a folder within itself"), "{bad:?}");
    assert_eq!(scan.sound().unwrap().len(), 2);
}
