use std::fs;
use std::path::Path;
use std::sync::Arc;

use super::*;
use crate::data::dataset::Dataset;
use crate::data::images::generated::{self, GeneratedImages};
use crate::data::images::pack::{MANIFEST, Pack};
use crate::data::images::pictures::Pictures;
use crate::data::images::policy::Augmentation;
use crate::data::images::reading::{BadFiles, Part, Reading};
use crate::data::images::scan::scan_pack;
use crate::data::images::source::Source;
use crate::data::images::transform::{Transform, TransformConfig};
use crate::data::images::views::{RandomViews, Views};

/// A data set of three classes, and a place for its pack beside it.
fn set() -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    let sizes = GeneratedImages {
        classes: 3,
        side: 16,
        train: 30,
        test: 9,
        ..GeneratedImages::default()
    };
    generated::write(&sizes, &root.path().join("folder")).unwrap();
    root
}

fn pack(root: &Path, encoding: Encoding) -> Packed {
    let (from, to) = (root.join("folder"), root.join("pack"));
    pack_images(&from, &to, encoding, false, BadFiles::Fail, &|_, _| ()).unwrap()
}

fn open(root: &Path, name: &str, part: Part) -> Pictures {
    let source = Source::in_folder(&root.join(name)).unwrap().unwrap();
    let reading = Reading {
        threads: 1,
        ..Reading::default()
    };
    match part {
        Part::Train => source.train(reading).unwrap(),
        Part::Test => {
            let permit = crate::trial::TestPermit::of(crate::trial::Stage::Confirm).unwrap();
            source.test(&permit, reading).unwrap()
        }
    }
}

#[test]
fn a_pack_has_the_samples_of_its_folder() {
    for encoding in [Encoding::AsIs, Encoding::Raw] {
        let root = set();
        let packed = pack(root.path(), encoding);
        assert_eq!((packed.images, packed.left_out.len()), ([30, 9], 0));
        for part in [Part::Train, Part::Test] {
            let [folder, pack] = ["folder", "pack"].map(|name| open(root.path(), name, part));
            assert_eq!(
                (&folder.classes, &folder.labels),
                (&pack.classes, &pack.labels)
            );
            for index in 0..folder.len() {
                assert!(folder.decode(index).unwrap() == pack.decode(index).unwrap());
                let name =
                    |pictures: &Pictures| pictures.path(index).file_name().map(ToOwned::to_owned);
                assert_eq!(name(&folder), name(&pack));
            }
        }
        let counts = crate::data::images::describe(&root.path().join("pack")).unwrap();
        let counts: Vec<u64> = counts
            .unwrap()
            .into_iter()
            .map(|(_, count)| count)
            .collect();
        assert_eq!(counts, [3, 30, 9]);
    }
}

#[test]
fn images_are_made_smaller_where_that_is_asked_for() {
    let root = set();
    let encoding = Encoding::Jpeg {
        shorter_side: 12,
        quality: 95,
    };
    pack(root.path(), encoding);
    let image = open(root.path(), "pack", Part::Train).decode(0).unwrap();
    assert_eq!((image.height, image.width), (12, 12));
}

#[test]
fn bad_files_are_named_or_left_out_and_told() {
    let root = set();
    let (from, to) = (root.path().join("folder"), root.path().join("pack"));
    fs::write(from.join("train/class000/000000.jpg"), "x").unwrap();
    let pack = |policy| pack_images(&from, &to, Encoding::AsIs, false, policy, &|_, _| ());
    let said = pack(BadFiles::Fail).unwrap_err().to_string();
    assert!(said.contains("000000.jpg") && !to.exists(), "{said}");
    let packed = pack(BadFiles::Exclude).unwrap();
    assert_eq!((packed.images, packed.left_out.len()), ([29, 9], 1));
    let manifest = Manifest::read(&to).unwrap();
    assert_eq!(manifest.splits["train"].left_out, ["class000/000000.jpg"]);
    assert_eq!(
        manifest.survey(),
        [
            "train was packed without 1 of 30 files, which cannot be read; the first is \
             class000/000000.jpg"
        ]
    );
    assert_eq!(open(root.path(), "pack", Part::Train).len(), 29);
}

/// What is wrong with a pack after `break_it`, by opening it or by looking into it.
fn said_after(break_it: impl FnOnce(&Path)) -> String {
    let root = set();
    pack(root.path(), Encoding::AsIs);
    let folder = root.path().join("pack");
    break_it(&folder);
    let source = Source::in_folder(&folder).unwrap().unwrap();
    let opened = Pack::open(&folder, Part::Train).map(drop);
    let looked = source.scan(&[Part::Train], &|_, _| ()).map(drop);
    opened.and(looked).unwrap_err().to_string()
}

fn change(path: &Path, work: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = fs::read(path).unwrap();
    work(&mut bytes);
    fs::write(path, bytes).unwrap();
}

#[test]
fn a_pack_that_is_not_what_was_written_is_refused_by_file() {
    let shard = "train-00000.shard";
    for (said, part) in [
        (
            said_after(|pack| change(&pack.join(shard), |bytes| bytes[99] ^= 1)),
            "content of BLAKE3",
        ),
        (
            said_after(|pack| change(&pack.join(shard), |bytes| bytes.truncate(99))),
            "found 99 bytes",
        ),
        (
            said_after(|pack| fs::remove_file(pack.join(shard)).unwrap()),
            shard,
        ),
        (
            said_after(|pack| change(&pack.join("train.found.json"), |bytes| bytes[3] ^= 1)),
            "train.found.json",
        ),
        (
            said_after(|pack| change(&pack.join("train.index"), |bytes| bytes[8] = 9)),
            "another version",
        ),
        (
            said_after(|pack| change(&pack.join("train.index"), |bytes| bytes[16] = 7)),
            "outside its shard",
        ),
        (
            said_after(|pack| change(&pack.join("train.index"), |bytes| bytes[38] ^= 1)),
            "train.index",
        ),
        (
            said_after(|pack| {
                let text = fs::read_to_string(pack.join(MANIFEST)).unwrap();
                let newer = text.replace("\"schema\": 2", "\"schema\": 3");
                fs::write(pack.join(MANIFEST), newer).unwrap();
            }),
            "a pack of schema 3",
        ),
    ] {
        assert!(said.contains(part), "{part:?} is not in: {said}");
    }
}

/// Changes the text of `pack.json`.
fn rewrite(pack: &Path, work: impl FnOnce(String) -> String) {
    let path = pack.join(MANIFEST);
    let text = fs::read_to_string(&path).unwrap();
    let changed = work(text.clone());
    assert_ne!(text, changed);
    fs::write(path, changed).unwrap();
}

/// As packs were before they had one.
fn without_checksum(text: &str) -> String {
    let mut manifest: Manifest = serde_json::from_str(text).unwrap();
    assert!(manifest.checksum.take().is_some());
    serde_json::to_string_pretty(&manifest).unwrap()
}

#[test]
fn the_manifest_of_a_pack_is_what_was_written() {
    let swapped = |text: String| {
        let swapped = text.replace("class000", "first");
        swapped
            .replace("class001", "class000")
            .replace("first", "class001")
    };
    let said = said_after(|pack| rewrite(pack, swapped));
    assert!(
        said.contains("pack.json: found content of BLAKE3"),
        "{said}"
    );
    for name in ["../x", "..", "a/x", "/x", "x/", ""] {
        let said = said_after(|pack| {
            rewrite(pack, |text| {
                without_checksum(&text).replace("train-00000.shard", name)
            });
        });
        let part = format!("a file of the name \"{name}\"");
        assert!(said.contains(&part), "{part:?} is not in: {said}");
    }
}

#[test]
fn a_pack_of_before_its_manifest_had_a_checksum_is_read_and_told() {
    let root = set();
    pack(root.path(), Encoding::AsIs);
    let folder = root.path().join("pack");
    let notes = || {
        let source = Source::in_folder(&folder).unwrap().unwrap();
        let scans = source.scan(&[Part::Train], &|_, _| ()).unwrap();
        scans[0].notes.concat()
    };
    assert_eq!(notes(), "");
    // Spaces are no part of what it says.
    rewrite(&folder, |text| text.replace("  ", ""));
    assert_eq!(notes(), "");
    rewrite(&folder, |text| without_checksum(&text));
    assert!(notes().contains("no checksum of its own"), "{}", notes());
}

#[test]
fn shards_hold_every_label_however_many_there_are() {
    let root = set();
    pack(root.path(), Encoding::AsIs);
    let pack = Pack::open(&root.path().join("pack"), Part::Train).unwrap();
    let labels = pack.labels();
    assert_eq!(labels, open(root.path(), "folder", Part::Train).labels);
    assert_eq!(pack.size(29), [16, 16]);
    assert!(pack.path(29).ends_with("class002/000029.jpg"));
}

/// Samples of a pack, shuffled, with no more than the order changed.
fn shuffled(root: &Path, threads: usize) -> RandomViews {
    let pictures = Arc::new(open(root, "pack", Part::Train));
    let config = TransformConfig {
        size: 8,
        resize: Some(8),
        ..TransformConfig::default()
    };
    let chosen = (0..pictures.len() as u32).collect();
    let statistics = config.normalization.statistics();
    let transform = Transform::new(&config);
    let views = Views::new(pictures, chosen, transform, statistics, threads);
    RandomViews::new(views, Augmentation::Basic(true), 3)
}

/// A hundred labels in batches of an odd size, by more threads than there are shards: each image
/// of an epoch once, with its own label, and the same however many read.
#[test]
fn an_epoch_of_a_pack_is_exact_for_any_batches_and_readers() {
    let root = tempfile::tempdir().unwrap();
    let sizes = GeneratedImages {
        classes: 100,
        side: 8,
        train: 400,
        test: 100,
        ..GeneratedImages::default()
    };
    generated::write(&sizes, &root.path().join("folder")).unwrap();
    pack(root.path(), Encoding::AsIs);
    let (one, seven) = (shuffled(root.path(), 1), shuffled(root.path(), 7));
    for epoch in [1, 2] {
        let whole = one.batch(0..400, epoch).unwrap();
        let mut labels: Vec<i64> = Vec::new();
        for start in (0..400u64).step_by(13) {
            let end = 400.min(start + 13);
            let part = seven.batch(start..end, epoch).unwrap();
            let same = whole.narrow(start, end - start);
            assert_eq!(part.inputs[0], same.inputs[0]);
            assert_eq!(part.targets, same.targets);
            labels.extend(Vec::<i64>::try_from(part.targets).unwrap());
        }
        assert!(!labels.is_sorted());
        labels.sort_unstable();
        let every: Vec<i64> = (0..400).map(|place| place / 4).collect();
        assert_eq!(labels, every);
    }
}

/// Grey images and those with alpha become red, green and blue; a name is the whole name,
/// whatever dots it and its folders have.
#[test]
fn grey_images_and_names_with_dots_come_out_as_they_went_in() {
    let goldens = Path::new(env!("CARGO_MANIFEST_DIR")).join("goldens/images");
    let names = [
        "grey.jpg",
        "grey.png",
        "grey-alpha.png",
        "two-colours.png",
        "cmyk.jpg",
    ];
    let encodings = [
        Encoding::AsIs,
        Encoding::Raw,
        Encoding::Jpeg {
            shorter_side: 500,
            quality: 100,
        },
    ];
    for encoding in encodings {
        let root = tempfile::tempdir().unwrap();
        for split in ["train", "test"] {
            for class in ["22.0", "22.1.b"] {
                let folder = root.path().join("folder").join(split).join(class);
                fs::create_dir_all(&folder).unwrap();
                for (number, name) in names.iter().enumerate() {
                    let dotted = format!("1.{number}.{name}");
                    fs::copy(goldens.join(name), folder.join(dotted)).unwrap();
                }
            }
        }
        pack(root.path(), encoding);
        let [folder, pack] = ["folder", "pack"].map(|name| open(root.path(), name, Part::Train));
        assert_eq!(pack.classes, ["22.0", "22.1.b"]);
        assert_eq!(folder.labels, pack.labels);
        for index in 0..folder.len() {
            let name = pack.path(index);
            assert!(
                name.ends_with(
                    folder
                        .path(index)
                        .strip_prefix(root.path().join("folder/train"))
                        .unwrap()
                )
            );
            let [from, to] = [&folder, &pack].map(|pictures| pictures.decode(index).unwrap());
            assert_eq!((from.height, from.width), (to.height, to.width));
            let far = from
                .bytes
                .iter()
                .zip(&to.bytes)
                .map(|(a, b)| a.abs_diff(*b))
                .max();
            let most = if matches!(encoding, Encoding::Jpeg { .. }) {
                60
            } else {
                0
            };
            assert!(far.unwrap() <= most, "{}: {far:?}", name.display());
        }
    }
}

/// What was done when a pack was made is in it for good.
#[test]
fn a_pack_of_turned_images_is_of_no_task_that_does_not_turn_them() {
    for encoding in [Encoding::AsIs, Encoding::Raw] {
        for turned in [false, true] {
            let root = set();
            let (from, to) = (root.path().join("folder"), root.path().join("pack"));
            pack_images(&from, &to, encoding, turned, BadFiles::Fail, &|_, _| ()).unwrap();
            for exif in [false, true] {
                let source = Source::in_folder(&to).unwrap().unwrap();
                let reading = Reading {
                    exif,
                    threads: 1,
                    ..Reading::default()
                };
                let read = source.train(reading);
                match encoding == Encoding::AsIs || exif == turned {
                    true => assert_eq!(read.unwrap().len(), 30),
                    false => {
                        let error = read.map(|_| ()).unwrap_err().to_string();
                        assert!(
                            error.contains("pack.json") && error.contains("exif_orientation"),
                            "{error}"
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn what_lies_beside_the_files_of_a_pack_is_counted() {
    let set = set();
    pack(set.path(), Encoding::AsIs);
    let there = set.path().join("pack");
    std::fs::create_dir_all(there.join("train/a")).unwrap();
    std::fs::write(there.join("train-00001.shard"), "more").unwrap();
    let look = |part| scan_pack(&there, part, None, &|_, _| ()).unwrap();
    let said = look(Part::Train).ignored.to_string();
    assert!(said.contains("2 beside the files of the pack ("), "{said}");
    assert_eq!(look(Part::Test).ignored.count(), 0);
}

#[test]
fn what_is_no_folder_of_images_is_not_packed() {
    let set = set();
    pack(set.path(), Encoding::AsIs);
    let (from, to) = (set.path().join("pack"), set.path().join("again"));
    let packed = pack_images(
        &from,
        &to,
        Encoding::AsIs,
        false,
        BadFiles::Fail,
        &|_, _| (),
    );
    let said = packed.unwrap_err().to_string();
    assert!(
        said.contains("pack: found a pack, expected a folder of images"),
        "{said}"
    );
}
