//! `lawn data check` says what a plan says, and refuses what a plan refuses.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use crate::common::place::Place;
use crate::common::{lawn, said};

/// A sweep of one task.
fn sweep(kind: &str, data: &str) -> String {
    format!(
        "name = \"checked\"\nbatch_sizes = [32]\n\n[tasks.checked]\nkind = \"{kind}\"\ndata = \"{data}\"\n\n\
         [budget]\nepochs = 1\n\n[confirmation]\nseeds = [1]\n\n[arms.sgd]\nrule = \"sgd\"\nlearning_rate = 0.1\n"
    )
}

/// What `data check` and `plan` say of a data set with these keys of its task.
fn both(place: &Place, kind: &str, data: &str, keys: &[&str]) -> [Output; 2] {
    let file = place.folder.path().join("checked.toml");
    fs::write(&file, sweep(kind, data)).expect("there is room");
    let mut check = lawn();
    check.args(["data", "check", data]);
    let mut plan = lawn();
    plan.args(["plan", "--no-calibrate"]).arg(&file);
    for key in keys {
        check.args(["--set", key]);
        plan.args(["--set", &format!("tasks.checked.{key}")]);
    }
    [check, plan].map(|mut command| {
        command
            .arg("--data-root")
            .arg(place.data())
            .env("XDG_CACHE_HOME", place.folder.path().join("cache"))
            .env("OMP_NUM_THREADS", "1");
        command.output().expect("lawn starts")
    })
}

/// Both end with `code` and say all of `words`.
fn agree(outputs: [Output; 2], code: i32, words: &[&str]) {
    for (verb, output) in ["check", "plan"].into_iter().zip(outputs) {
        let said = said(&output);
        assert_eq!(output.status.code(), Some(code), "{verb}: {said}");
        for word in words {
            assert!(said.contains(word), "{verb}: {word:?} is not in: {said}");
        }
    }
}

fn run(words: &[&str], paths: &[&Path]) -> Output {
    let mut command = lawn();
    command.args(words).args(paths).env("OMP_NUM_THREADS", "1");
    command.output().expect("lawn starts")
}

/// A CIFAR-10 of 20 images a file.
fn cifar(folder: &Path) {
    fs::create_dir_all(folder).expect("there is room");
    let names: String = (0..10).map(|class| format!("class {class}\n")).collect();
    fs::write(folder.join("batches.meta.txt"), names).expect("there is room");
    let files = (1..=5).map(|number| format!("data_batch_{number}.bin"));
    for (at, file) in files.chain(["test_batch.bin".to_owned()]).enumerate() {
        let image = |number: u8| [&[number % 10][..], &[10 * number + at as u8; 3072]].concat();
        let bytes: Vec<u8> = (0..20).flat_map(image).collect();
        fs::write(folder.join(file), bytes).expect("there is room");
    }
}

#[test]
fn what_a_plan_refuses_of_images_is_refused_by_a_check() {
    let place = Place::new();
    let pictures = |keys: &[&str]| both(&place, "image", "pictures", keys);
    let small = ["depth=8", "width=4"];
    agree(pictures(&small), 0, &[]);
    for (key, words) in [
        (
            "depth=abc",
            "invalid type: string \"abc\", expected a whole number",
        ),
        (
            "dept=8",
            "unknown field `dept`; allowed: data, model, depth",
        ),
        ("depth=9", "`depth` is 9, allowed is 6n + 2"),
        ("transform.size=x", "expected a whole number of 0 or more"),
        (
            "bad_files=foo",
            "unknown variant `foo`; allowed: fail, exclude",
        ),
        ("model=vgg16", "32 or more a side, for vgg16"),
        ("init_from=absent.safetensors", "absent.safetensors"),
    ] {
        agree(pictures(&[key]), 2, &[words]);
    }
    let weights = place.data().join("cut.safetensors");
    fs::write(&weights, [8, 0, 0, 0, 0, 0, 0, 0, b'{']).expect("there is room");
    agree(
        pictures(&["init_from=cut.safetensors"]),
        2,
        &["cut.safetensors"],
    );

    let larger = place.folder.path().join("larger");
    let sizes = ["classes=2", "side=20", "train=8", "test=8"];
    let sizes: Vec<&str> = sizes.iter().flat_map(|size| ["--set", size]).collect();
    let words = [&["data", "make", "image"], &sizes[..], &["--out"]].concat();
    let made = run(&words, &[&larger]);
    assert_eq!(made.status.code(), Some(0), "{}", said(&made));
    let image = "test/class000/000000.jpg";
    fs::copy(
        larger.join(image),
        place.data().join("pictures").join(image),
    )
    .expect("there is room");
    let words = ["20 × 20 pixels", "a `transform` takes images of any size"];
    agree(pictures(&small), 2, &words);
    agree(
        pictures(&["depth=8", "width=4", "transform.size=8"]),
        0,
        &[],
    );
}

#[test]
fn bad_files_are_left_out_by_a_check_as_by_a_plan() {
    let place = Place::new();
    fs::write(place.data().join("pictures/train/class000/bad.jpg"), "none").expect("there is room");
    let pictures = |keys: &[&str]| both(&place, "image", "pictures", keys);
    agree(
        pictures(&[]),
        2,
        &["cannot be read", "bad.jpg: ", "\"exclude\""],
    );
    let words = ["1 of 41 files cannot be read, left out", "bad.jpg: "];
    agree(pictures(&["bad_files=exclude"]), 0, &words);
}

#[test]
fn cifar_is_refused_by_a_check_as_by_a_plan() {
    let place = Place::new();
    let set = place.data().join("small");
    cifar(&set);
    let small = |keys: &[&str]| both(&place, "image", "small", keys);
    agree(small(&["depth=8"]), 0, &[]);
    for key in ["exif_orientation=true", "bad_files=exclude"] {
        let (setting, _) = key.split_once('=').expect("it has a value");
        let words =
            format!("`{setting}` does not apply to CIFAR in its binary format; leave it out");
        agree(small(&[key]), 2, &[&words]);
    }
    let path = set.join("test_batch.bin");
    let bytes = fs::read(&path).expect("it is there");
    let mut other = bytes.clone();
    other
        .iter_mut()
        .step_by(3073)
        .for_each(|label| *label = (*label).max(1));
    fs::write(&path, other).expect("it is ours");
    agree(small(&[]), 2, &["no test image of the class \"class 0\""]);
    fs::write(&path, bytes).expect("it is ours");
    fs::remove_file(set.join("batches.meta.txt")).expect("it is ours");
    agree(
        small(&[]),
        2,
        &["found no batches.meta.txt, expected all files of CIFAR-10"],
    );
}

#[test]
fn weights_of_ratings_are_read_by_a_check_as_by_a_plan() {
    let place = Place::new();
    let feedback = |keys: &[&str]| both(&place, "ncf", "feedback", keys);
    agree(feedback(&[]), 0, &["99 negatives"]);
    agree(feedback(&["factors=abc"]), 2, &["expected a whole number"]);
    let key = "init_from=absent.safetensors";
    agree(feedback(&[key]), 2, &["absent.safetensors"]);
    fs::write(place.data().join("cut.safetensors"), "cut").expect("there is room");
    let keys = [
        "pretrained.gmf=cut.safetensors",
        "pretrained.mlp=cut.safetensors",
    ];
    agree(feedback(&keys), 2, &["cut.safetensors"]);
}

#[test]
fn ratings_in_one_file_are_read_and_refused_by_a_check_as_by_a_plan() {
    let place = Place::new();
    let set = place.data().join("one");
    fs::create_dir(&set).expect("there is room");
    let line = |user: u32, k: u32| {
        let (item, rating, time) = (
            (7 * user + 11 * k) % 150,
            1 + (user + k) % 5,
            1000 * k + user,
        );
        format!("{user},{item},{rating},{time}\n")
    };
    let lines = (0..40).flat_map(|user| (0..12).map(move |k| line(user, k)));
    let text: String = std::iter::once("user,item,rating,time\n".to_owned())
        .chain(lines)
        .collect();
    fs::write(set.join("ratings.csv"), text).expect("there is room");
    for (keys, code, words) in [
        (
            &[][..],
            0,
            &[
                "item \"item\", rating \"rating\"",
                "1 of 40 held-out interactions is of an item without a train interaction",
                "each of 40 test interactions is ranked among 99 negatives",
            ][..],
        ),
        (
            &["raw.core=3"],
            0,
            &[
                "131 items occur, with ids up to 149",
                "outside the 3-core, with 0 users and 19 items",
            ],
        ),
        (
            &["raw.core=99"],
            2,
            &["within the 99-core, expected a smaller raw.core"],
        ),
        (
            &["raw.columns.user=absent"],
            2,
            &["ratings.csv:1: ", "a header with a column \"absent\""],
        ),
        (
            &["raw.columns.user=item"],
            2,
            &["a column of items other than \"item\", which is that of users"],
        ),
        (
            &["raw.test_ratio=2"],
            2,
            &["`raw.test_ratio` is 2, allowed is above 0 and below 1"],
        ),
        (&["rating_above=9"], 2, &["no rating above 9 in 480 lines"]),
    ] {
        agree(both(&place, "ncf", "one", keys), code, words);
    }
}

#[test]
fn keys_of_generated_images_that_are_of_files_are_refused() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("generated.toml");
    fs::write(&file, sweep("image", "generated")).expect("there is room");
    for key in ["exif_orientation=true", "bad_files=exclude"] {
        let set = format!("tasks.checked.{key}");
        let output = run(&["plan", "--no-calibrate", "--set", &set], &[&file]);
        let said = said(&output);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(
            said.contains("does not apply to generated images; leave it out"),
            "{said}"
        );
    }
}

#[test]
fn a_folder_that_is_none_says_what_it_is() {
    let place = Place::new();
    let set = place.data().join("pictures");
    let inner = place.data().join("outer/pictures");
    fs::create_dir(place.data().join("outer")).expect("there is room");
    fs::rename(&set, &inner).expect("it is ours");
    let words =
        "found the data set `pictures` within it, which `data = \"pictures\"` with --data-root ";
    agree(both(&place, "image", "outer", &[]), 2, &[words]);
    fs::rename(&inner, &set).expect("it is ours");
    fs::remove_dir_all(set.join("train")).expect("it is ours");
    let [check, plan] = both(&place, "image", "pictures", &[]);
    assert_eq!(plan.status.code(), Some(2), "{}", said(&plan));
    let words = "found test and no train, expected pictures/train/CLASS/NAME";
    assert!(said(&plan).contains(words), "{}", said(&plan));
    // `lawn eval` measures it.
    assert_eq!(check.status.code(), Some(0), "{}", said(&check));
    assert!(said(&check).contains("not trained on"), "{}", said(&check));
}

/// Moves the images away, and packs them into their place.
fn packed(place: &Place, options: &[&str]) -> PathBuf {
    let (set, away) = (
        place.data().join("pictures"),
        place.folder.path().join("away"),
    );
    if !away.exists() {
        fs::rename(&set, &away).expect("it is ours");
    }
    let _ = fs::remove_dir_all(&set);
    let output = run(
        &[&["data", "pack"], options].concat(),
        &[&away, Path::new("--out"), &set],
    );
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    set
}

#[test]
fn a_pack_says_what_its_folder_says() {
    let place = Place::new();
    let set = place.data().join("pictures");
    fs::rename(set.join("test"), set.join("val")).expect("it is ours");
    for (from, to) in [
        ("train/class000/000000.jpg", "val/class000/leaked.jpg"),
        ("train/class000/000002.jpg", "train/class001/also.jpg"),
        ("train/class000/000004.jpg", "train/class000/again.jpg"),
    ] {
        fs::copy(set.join(from), set.join(to)).expect("there is room");
    }
    fs::create_dir(set.join("train/.ipynb_checkpoints")).expect("it is ours");
    fs::write(set.join("train/class001/bad.jpg"), "none").expect("there is room");
    let keys = ["bad_files=exclude", "depth=8"];
    let words = [
        "pictures/train: 1 file is another of the same class",
        "pictures/train: 1 file is another that has another class",
        "pictures: 1 file is in train and in test",
        "leaked.jpg is ",
        "is the test split",
        "passed over 1 hidden",
    ];
    agree(both(&place, "image", "pictures", &keys), 0, &words);
    let pack = packed(&place, &["--exclude-bad-files"]);
    agree(both(&place, "image", "pictures", &keys), 0, &words);
    let output = run(
        &["data", "check", "pictures", "--json", "--data-root"],
        &[&place.data()],
    );
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).expect("it is JSON");
    assert_eq!(
        json[0]["in_both"].as_array().map(Vec::len),
        Some(1),
        "{json}"
    );
    assert_eq!(json[0]["splits"][0]["left_out"][0], "class001/bad.jpg");

    // What was left out is in the record of a trial, too.
    let file = place.folder.path().join("checked.toml");
    let out = place.folder.path().join("run");
    let paths = [
        &file,
        Path::new("--out"),
        &out,
        Path::new("--data-root"),
        &place.data(),
    ];
    let sets = [
        "sweep",
        "-q",
        "--set",
        "tasks.checked.depth=8",
        "--set",
        "tasks.checked.width=4",
    ];
    let output = run(&sets, &paths);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let trial = fs::read_dir(out.join("trials"))
        .expect("it was trained")
        .flatten()
        .next();
    let outcome = trial.expect("there is one").path().join("outcome.json");
    let outcome = fs::read_to_string(outcome).expect("it has ended");
    for word in [
        "files-left-out",
        "class001/bad.jpg",
        "when the pack was made",
    ] {
        assert!(outcome.contains(word), "{word:?} is not in: {outcome}");
    }

    // A pack of before has none of that, and says so.
    let path = pack.join("pack.json");
    let text = fs::read_to_string(&path).expect("it is there");
    let mut manifest: serde_json::Value = serde_json::from_str(&text).expect("it is JSON");
    manifest["schema"] = 1.into();
    for split in ["train", "test"] {
        manifest["splits"][split]
            .as_object_mut()
            .expect("a table")
            .remove("found");
        fs::remove_file(pack.join(format!("{split}.found.json"))).expect("it is there");
    }
    manifest
        .as_object_mut()
        .expect("a table")
        .remove("checksum");
    fs::write(&path, manifest.to_string()).expect("it is ours");
    let words = ["pack.json is of schema 1", "is not known; pack it anew"];
    agree(both(&place, "image", "pictures", &keys), 0, &words);
    manifest["schema"] = 3.into();
    fs::write(&path, manifest.to_string()).expect("it is ours");
    let words = ["found a pack of schema 3, expected schema 1 to 2"];
    agree(both(&place, "image", "pictures", &keys), 2, &words);
}

#[test]
fn a_pack_that_would_have_to_be_turned_is_refused_by_all() {
    let place = Place::new();
    packed(&place, &["--as", "raw"]);
    let pictures = |keys: &[&str]| both(&place, "image", "pictures", keys);
    agree(pictures(&["depth=8"]), 0, &[]);
    let words = [
        "images that were not turned as their EXIF says",
        "a pack made with --exif-orientation, or exif_orientation = false",
    ];
    agree(pictures(&["exif_orientation=true"]), 2, &words);
    packed(&place, &["--as", "raw", "--exif-orientation"]);
    let words = [
        "images that were turned as their EXIF says",
        "exif_orientation = true, or a pack made without --exif-orientation",
    ];
    agree(pictures(&[]), 2, &words);
    agree(pictures(&["exif_orientation=true", "depth=8"]), 0, &[]);
    // Its option is no key.
    let data = place.data();
    let weights = data.join("any.safetensors");
    let eval = |options: &[&str]| {
        let words = [
            "eval",
            "--model",
            "resnet18",
            "--data",
            "pictures",
            "--data-root",
        ];
        run(
            &words,
            &[
                &[&data, Path::new("--weights"), &weights],
                &options.iter().map(Path::new).collect::<Vec<_>>()[..],
            ]
            .concat(),
        )
    };
    let output = eval(&[]);
    let said_of = said(&output);
    assert_eq!(output.status.code(), Some(2), "{said_of}");
    assert!(
        said_of.contains("give --exif-orientation, or a pack made without it"),
        "{said_of}"
    );
    assert!(!said_of.contains("exif_orientation"), "{said_of}");
    let output = eval(&["--size", "0"]);
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    assert!(said(&output).contains("`--size` is 0"), "{}", said(&output));
    cifar(&data.join("small"));
    let words = [
        "eval",
        "--model",
        "resnet18",
        "--data",
        "small",
        "--exif-orientation",
        "--data-root",
    ];
    let output = run(&words, &[&data, Path::new("--weights"), &weights]);
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    assert!(
        said(&output).contains("`--exif-orientation` does not apply to CIFAR"),
        "{}",
        said(&output)
    );
}

#[test]
fn a_class_of_bad_test_files_alone_is_refused_by_a_check_as_by_a_plan() {
    let place = Place::new();
    let class = place.data().join("pictures/test/class001");
    for entry in fs::read_dir(&class).expect("it is there") {
        fs::write(entry.expect("it is read").path(), "none").expect("it is ours");
    }
    let words = ["test/class001", "bad files only"];
    agree(
        both(&place, "image", "pictures", &["bad_files=exclude"]),
        2,
        &words,
    );
}

#[test]
fn a_class_without_an_image_for_validation_is_named() {
    let place = Place::new();
    let class = place.data().join("pictures/train/class001");
    let files = fs::read_dir(&class).expect("it is there");
    for entry in files.skip(1) {
        fs::remove_file(entry.expect("it is read").path()).expect("it is ours");
    }
    let words = ["1 of 2 classes has a single train image, so none for validation: class001"];
    agree(both(&place, "image", "pictures", &["depth=8"]), 0, &words);
}

#[test]
fn negatives_are_needed_where_they_are_ranked_against_alone() {
    let place = Place::new();
    fs::remove_file(place.data().join("feedback/feedback.test.negative")).expect("it is ours");
    let feedback = |keys: &[&str]| both(&place, "ncf", "feedback", keys);
    let words = [
        "feedback.test.negative: found no such file",
        "protocol.candidates",
    ];
    agree(feedback(&[]), 2, &words);
    for candidates in ["all", "sampled"] {
        let key = format!("protocol.candidates={candidates}");
        agree(feedback(&[&key]), 0, &[]);
    }
}

#[test]
fn counts_of_clicks_are_those_of_the_keys() {
    let place = Place::new();
    let set = place.data().join("clicked");
    let sizes = ["rows=3000", "columns=26", "vocabulary=40"];
    let sizes: Vec<&str> = sizes.iter().flat_map(|size| ["--set", size]).collect();
    let made = run(
        &[&["data", "make", "ctr"], &sizes[..], &["--out"]].concat(),
        &[&set],
    );
    assert_eq!(made.status.code(), Some(0), "{}", said(&made));
    let ids = |keys: &[&str]| {
        let [check, _] = both(&place, "ctr", "clicked", keys);
        let said = said(&check);
        let (before, _) = said
            .split_once(" ids that occur")
            .expect("they are counted");
        let count = before.rsplit(' ').next().map(str::to_owned);
        count.expect("it is a word")
    };
    let usual = ids(&[]);
    let few = ids(&["encoding.hash_size=4"]);
    assert_eq!(
        (ids(&[]) == usual, few == usual),
        (true, false),
        "{usual} {few}"
    );
}

#[test]
fn what_is_no_name_is_refused() {
    let place = Place::new();
    for name in ["", "."] {
        let output = run(&["data", "check", name, "--data-root"], &[&place.data()]);
        let said = said(&output);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains("is the name of no data set"), "{said}");
    }
}
