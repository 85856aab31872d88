use std::borrow::Cow;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use std::path::Path;

use super::*;

/// A folder with these files, each of its folders made.
fn folder(files: &[&str]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for file in files {
        let path = folder.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "").unwrap();
    }
    folder
}

fn names(listing: &Listing) -> Vec<(Cow<'_, str>, u32)> {
    let entry = |index| (listing.name(index), listing.labels[index]);
    (0..listing.len()).map(entry).collect()
}

fn said(folder: &Path, expected: Option<&[String]>) -> String {
    list(folder, expected)
        .expect_err("it is refused")
        .to_string()
}

/// What `torchvision.datasets.ImageFolder(folder).samples` gives for these files.
#[test]
fn files_come_in_the_order_of_torchvision() {
    let split = folder(&[
        "b/2.png",
        "b/10.jpe",
        "b/1.JPEG",
        "B/x.jpg",
        "a/z.jpg",
        "a/n/q.jpg",
        "a/n-m/p.jpg",
        "a/n/r/s.webp",
        "é/k.bmp",
    ]);
    let listing = list(split.path(), None).unwrap();
    assert_eq!(listing.classes, ["B", "a", "b", "é"]);
    let found = names(&listing);
    let found: Vec<(&str, u32)> = found
        .iter()
        .map(|(name, label)| (&**name, *label))
        .collect();
    assert_eq!(
        found,
        [
            ("B/x.jpg", 0),
            ("a/z.jpg", 1),
            ("a/n/q.jpg", 1),
            ("a/n-m/p.jpg", 1),
            ("a/n/r/s.webp", 1),
            ("b/1.JPEG", 2),
            ("b/10.jpe", 2),
            ("b/2.png", 2),
            ("é/k.bmp", 3),
        ]
    );
    assert_eq!(listing.path(8), split.path().join("é/k.bmp"));
    assert_eq!(names(&listing.without(&[0, 3, 8])).len(), 6);
    assert_eq!(listing.without(&[0, 3, 8]).name(1), "a/n/q.jpg");
}

#[test]
fn what_systems_leave_behind_is_passed_over_and_counted() {
    let split = folder(&[
        "a/1.jpg",
        "b/1.jpg",
        ".ipynb_checkpoints/1.jpg",
        "__MACOSX/a/._1.jpg",
        ".DS_Store",
        "a/.DS_Store",
        "a/Thumbs.db",
        "a/.ipynb_checkpoints/1.jpg",
        "labels.txt",
    ]);
    let listing = list(split.path(), None).unwrap();
    assert_eq!(listing.classes, ["a", "b"]);
    assert_eq!(listing.len(), 2);
    assert_eq!(listing.ignored.count(), 7);
    let said = listing.ignored.to_string();
    assert!(said.contains("6 hidden, or made by the system ("), "{said}");
    assert!(said.contains("1 beside the class folders (") && said.contains("labels.txt"));
}

#[test]
fn classes_are_those_of_train_and_none_is_empty() {
    let split = folder(&["a/1.jpg", "b/1.jpg"]);
    let classes = ["a", "b"].map(str::to_owned);
    list(split.path(), Some(&classes)).unwrap();
    let more = ["a", "b", "c", "d"].map(str::to_owned);
    let missing = said(split.path(), Some(&more));
    assert!(
        missing.contains("no class folder \"c\", \"d\""),
        "{missing}"
    );
    let strange = said(split.path(), Some(&["a", "c"].map(str::to_owned)));
    assert!(strange.contains("class folder \"b\", expected the classes of train: a, c"));
    fs::create_dir_all(split.path().join("c/.hidden")).unwrap();
    let empty = said(split.path(), None);
    assert!(
        empty.contains("no image in the class folder \"c\""),
        "{empty}"
    );
    let one = said(folder(&["a/1.jpg"]).path(), None);
    assert!(
        one.contains("1 class folder, expected two or more"),
        "{one}"
    );
}

#[test]
fn all_that_is_wrong_with_folders_is_told() {
    let split = folder(&["a/1.jpg", "extra/1.jpg"]);
    fs::create_dir(split.path().join("b")).unwrap();
    let unnamed = OsStr::from_bytes(b"caf\xe9");
    fs::create_dir(split.path().join(unnamed)).unwrap();
    let classes = ["a", "b", "c"].map(str::to_owned);
    let said = said(split.path(), Some(&classes));
    for part in [
        "4 things are wrong:",
        "found class folder \"caf\\xe9\", expected names in UTF-8",
        "found class folder \"extra\"",
        "found no class folder \"c\"",
        "found no image in the class folder \"b\"",
    ] {
        assert!(said.contains(part), "{part:?} is not in: {said}");
    }
}

#[test]
fn names_that_are_not_utf8_are_listed_in_their_place() {
    let split = folder(&["a/1.jpg", "a/z.jpg", "b/1.jpg", ".hidden"]);
    let bad = split
        .path()
        .join("a")
        .join(OsStr::from_bytes(b"caf\xe9.jpg"));
    fs::write(&bad, "").unwrap();
    fs::write(split.path().join(OsStr::from_bytes(b"\xff.txt")), "").unwrap();
    let listing = list(split.path(), None).unwrap();
    assert_eq!((listing.len(), listing.path(1)), (4, bad));
    assert_eq!(listing.name(1), "a/caf\\xe9.jpg");
    assert_eq!(listing.without(&[0]).name(0), "a/caf\\xe9.jpg");
    let said = listing.ignored.to_string();
    assert!(said.contains("\\xff.txt"), "{said}");
}

#[test]
fn what_lies_beside_the_splits_is_counted() {
    let files = [
        "train/a/1.jpg",
        "train/b/1.jpg",
        "test/a/1.jpg",
        "val/a/1.jpg",
        "README",
    ];
    let set = folder(&files);
    let said = || {
        let mut listing = list(&set.path().join("train"), None).unwrap();
        beside(set.path(), &mut listing).unwrap();
        listing.ignored.to_string()
    };
    let both = said();
    assert!(
        both.contains("1 folder val, as test is the test split ("),
        "{both}"
    );
    assert!(both.contains("1 beside the folders of the splits (") && both.contains("README"));
    fs::remove_dir_all(set.path().join("test")).unwrap();
    let one = said();
    assert!(!one.contains("val") && one.contains("README"), "{one}");
}

#[test]
fn the_test_split_is_called_test_or_val() {
    let set = folder(&[
        "train/a/1.jpg",
        "train/b/1.jpg",
        "val/a/1.jpg",
        "val/b/2.jpg",
    ]);
    let test = |set: &tempfile::TempDir| -> PathBuf {
        test_folder(set.path())
            .strip_prefix(set.path())
            .unwrap()
            .into()
    };
    assert_eq!(test(&set), Path::new("val"));
    let counts: Vec<u64> = describe(set.path())
        .unwrap()
        .unwrap()
        .into_iter()
        .map(|(_, n)| n)
        .collect();
    assert_eq!(counts, [2, 2, 2]);
    fs::create_dir(set.path().join("test")).unwrap();
    assert_eq!(test(&set), Path::new("test"));
    assert_eq!(test(&folder(&["train/a/1.jpg"])), Path::new("test"));
}

#[test]
fn links_are_followed_and_one_without_an_end_is_refused() {
    let split = folder(&["a/1.jpg", "b/1.jpg"]);
    let elsewhere = folder(&["more/2.jpg"]);
    symlink(elsewhere.path().join("more"), split.path().join("a/more")).unwrap();
    symlink(split.path().join("nowhere"), split.path().join("b/2.jpg")).unwrap();
    let listing = list(split.path(), None).unwrap();
    let names: Vec<_> = names(&listing).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["a/1.jpg", "a/more/2.jpg", "b/1.jpg", "b/2.jpg"]);
    symlink(split.path().join("a"), split.path().join("a/again")).unwrap();
    let listing = list(split.path(), None).unwrap();
    assert_eq!((listing.len(), &*listing.name(1)), (5, "a/again"));
    let why = why_no_folder(&listing.path(1));
    assert_eq!(why, "it is a folder within itself, by a link");
}

#[test]
fn text_beside_images_is_passed_over_and_counted() {
    let split = folder(&[
        "a/images/1.jpg",
        "a/a_boxes.txt",
        "b/1.jpg",
        "b/about.JSON",
        "b/x.txt.png",
    ]);
    let listing = list(split.path(), None).unwrap();
    let found = names(&listing);
    let found: Vec<&str> = found.iter().map(|(name, _)| &**name).collect();
    assert_eq!(found, ["a/images/1.jpg", "b/1.jpg", "b/x.txt.png"]);
    let said = listing.ignored.to_string();
    assert!(said.contains("2 of text beside images ("), "{said}");
}

#[test]
fn a_split_whose_images_lie_together_is_to_be_sorted() {
    let split = folder(&["images/1.jpg", "val_annotations.txt"]);
    let said = said(split.path(), Some(&["a", "b"].map(str::to_owned)));
    assert!(
        said.contains("are sorted into folders of their classes first"),
        "{said}"
    );
}

#[test]
fn names_that_look_alike_are_shown_by_their_letters() {
    let split = folder(&["a/1.jpg", "e\u{301}/1.jpg"]);
    let said = said(split.path(), Some(&["a", "é"].map(str::to_owned)));
    for part in ["(e\\u{301})", "(\\u{e9})", "NFC and NFD"] {
        assert!(said.contains(part), "{part:?} is not in: {said}");
    }
}
