//! Image folders as people have them: what is wrong is told before anything is trained.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use crate::common::{lawn, said};

const SWEEP: &str = r#"
name = "pictures"
batch_sizes = [32]

[tasks.pictures]
kind = "image"
data = "pictures"
depth = 8
width = 4
KEYS

[budget]
epochs = 1

[confirmation]
seeds = [1]

[arms.sgd]
rule = "sgd"
learning_rate = 0.1
"#;

struct Place(tempfile::TempDir);

impl Place {
    /// A data set of two classes, 40 train and 8 test images of 8 × 8 pixels.
    fn new() -> Self {
        let place = Self(tempfile::tempdir().expect("a temporary folder"));
        let sizes = ["classes=2", "side=8", "train=40", "test=8"];
        let mut command = lawn();
        command.args(["data", "make", "image", "--out"]);
        command.arg(place.set());
        command.args(sizes.iter().flat_map(|size| ["--set", size]));
        let output = command.output().expect("lawn starts");
        assert!(output.status.success(), "{}", said(&output));
        place
    }

    fn set(&self) -> PathBuf {
        self.0.path().join("data/pictures")
    }

    fn out(&self) -> PathBuf {
        self.0.path().join("run")
    }

    fn sweep(&self, keys: &str) -> Output {
        let file = self.0.path().join("pictures.toml");
        fs::write(&file, SWEEP.replace("KEYS", keys)).expect("there is room");
        let mut command = lawn();
        command
            .arg("sweep")
            .arg(&file)
            .arg("--data-root")
            .arg(self.0.path().join("data"))
            .arg("--out")
            .arg(self.out())
            .env("XDG_CACHE_HOME", self.0.path().join("cache"))
            .env("OMP_NUM_THREADS", "1");
        command.output().expect("it starts")
    }
}

fn holds(output: &Output, code: i32, words: &[&str]) {
    let said = said(output);
    assert_eq!(output.status.code(), Some(code), "{said}");
    for word in words {
        assert!(said.contains(word), "{word:?} is not in: {said}");
    }
}

/// Cuts a file to its first bytes.
fn cut(path: &Path) {
    let bytes = fs::read(path).expect("it is there");
    fs::write(path, &bytes[..bytes.len() - 40]).expect("it is ours");
}

#[test]
fn bad_files_of_both_splits_end_a_sweep_before_its_first_trial() {
    let place = Place::new();
    cut(&place.set().join("train/class000/000000.jpg"));
    cut(&place.set().join("test/class001/000007.jpg"));
    let words = [
        "2 of 48 files",
        "000000.jpg: ",
        "000007.jpg: ",
        "at byte ",
        "exclude",
    ];
    holds(&place.sweep(""), 2, &words);
    assert!(!place.out().exists(), "nothing was planned");
}

#[test]
fn files_that_are_left_out_are_in_the_record() {
    let place = Place::new();
    cut(&place.set().join("train/class000/000000.jpg"));
    fs::write(place.set().join("test/class000/notes.jpg"), "none").expect("there is room");
    let output = place.sweep("bad_files = \"exclude\"");
    holds(
        &output,
        0,
        &[
            "train: 1 of 40 files cannot be read",
            "class000/000000.jpg: ",
            "test: 1 of 9 files",
        ],
    );
    let trials = fs::read_dir(place.out().join("trials")).expect("it was trained");
    let trial = trials
        .into_iter()
        .next()
        .expect("one")
        .expect("it is there");
    let outcome = fs::read_to_string(trial.path().join("outcome.json")).expect("it has ended");
    for word in [
        "files-left-out",
        "\"left_out\":1",
        "000000.jpg",
        "notes.jpg",
    ] {
        let outcome = outcome.replace(": ", ":");
        assert!(outcome.contains(word), "{word:?} is not in: {outcome}");
    }
    let provenance = fs::read_to_string(place.out().join("provenance.json"));
    assert!(provenance.expect("it is there").contains("libjpeg-turbo"));
}

#[test]
fn what_people_should_know_of_a_folder_is_said() {
    let place = Place::new();
    let set = place.set();
    fs::rename(set.join("test"), set.join("val")).expect("it is ours");
    fs::create_dir(set.join("train/.ipynb_checkpoints")).expect("it is ours");
    for (from, to) in [
        ("train/class000/000000.jpg", "val/class000/leaked.jpg"),
        ("train/class000/000002.jpg", "train/class001/also.jpg"),
    ] {
        fs::copy(set.join(from), set.join(to)).expect("there is room");
    }
    // A set that nobody asked for, and that cannot be used.
    fs::create_dir_all(set.with_file_name("broken").join("train/one")).expect("there is room");
    fs::create_dir_all(set.with_file_name("broken").join("test")).expect("there is room");
    let words = [
        "pictures/train: passed over 1 hidden, or made by the system",
        "1 file is another that has another class",
        "1 file is in train and in test",
        "`val` is the test split",
    ];
    holds(&place.sweep(""), 0, &words);
}

#[test]
fn classes_that_do_not_go_together_are_told() {
    let place = Place::new();
    let set = place.set();
    fs::remove_dir_all(set.join("test/class001")).expect("it is ours");
    holds(&place.sweep(""), 2, &["no class folder \"class001\""]);
    fs::create_dir(set.join("test/class001")).expect("it is ours");
    holds(
        &place.sweep(""),
        2,
        &["no image in the class folder \"class001\""],
    );
    assert!(!place.out().exists(), "nothing was planned");
}

#[test]
fn images_of_any_size_need_a_transform() {
    let place = Place::new();
    let other = place.0.path().join("larger");
    let sizes = ["classes=2", "side=20", "train=8", "test=8"];
    let mut command = lawn();
    command.args(["data", "make", "image", "--out"]).arg(&other);
    command.args(sizes.iter().flat_map(|size| ["--set", size]));
    assert!(command.status().expect("lawn starts").success());
    let larger = other.join("test/class000/000000.jpg");
    fs::copy(larger, place.set().join("test/class000/000000.jpg")).expect("there is room");
    let words = [
        "20 × 20 pixels",
        "8 × 8",
        "a `transform` takes images of any size",
    ];
    holds(&place.sweep(""), 2, &words);
    holds(&place.sweep("transform = { size = 8 }"), 0, &[]);
}

fn run(words: &[&str], paths: &[&Path]) -> Output {
    let mut command = lawn();
    command.args(words).args(paths).env("OMP_NUM_THREADS", "1");
    command.output().expect("lawn starts")
}

/// Every measurement of the only trial of a run.
fn measured(run: &Path) -> Vec<String> {
    let trials = fs::read_dir(run.join("trials")).expect("it was trained");
    let trial = trials
        .into_iter()
        .next()
        .expect("one")
        .expect("it is there");
    let outcome = fs::read_to_string(trial.path().join("outcome.json")).expect("it has ended");
    let is_measured = |line: &&str| line.contains("\"value\"") || line.contains("loss");
    outcome
        .lines()
        .filter(is_measured)
        .map(str::to_owned)
        .collect()
}

#[test]
fn a_sweep_on_a_pack_is_a_sweep_on_its_folder() {
    let place = Place::new();
    let keys = "transform = { size = 8 }";
    holds(&place.sweep(keys), 0, &[]);
    let folder = measured(&place.out());
    assert!(!folder.is_empty());
    let [away, pack] = ["away", "data/pictures"].map(|name| place.0.path().join(name));
    fs::rename(place.set(), &away).expect("it is ours");
    let output = run(&["data", "pack"], &[&away, Path::new("--out"), &pack]);
    holds(&output, 0, &["packed 40 train and 8 test images"]);
    fs::remove_dir_all(place.out()).expect("it is ours");
    holds(&place.sweep(keys), 0, &[]);
    assert_eq!(measured(&place.out()), folder);

    let output = run(&["data", "pack"], &[&away, Path::new("--out"), &pack]);
    holds(&output, 2, &["data set"]);
    let root = place.0.path().join("data");
    let output = run(&["data", "list", "--data-root"], &[&root]);
    holds(&output, 0, &["pictures", "40"]);
    let shard = pack.join("train-00000.shard");
    let mut bytes = fs::read(&shard).expect("it is there");
    bytes[50] ^= 1;
    fs::write(&shard, bytes).expect("it is ours");
    fs::remove_dir_all(place.out()).expect("it is ours");
    holds(&place.sweep(keys), 2, &["train-00000.shard", "BLAKE3"]);
}

#[test]
fn a_folder_is_checked_by_itself() {
    let place = Place::new();
    let root = place.0.path().join("data");
    let check = |more: &[&str]| {
        let words = [&["data", "check", "pictures"], more, &["--data-root"]].concat();
        run(&words, &[&root])
    };
    holds(
        &check(&[]),
        0,
        &["train: 40 images in 2 classes (40 JPEG), 8 to 8 pixels wide"],
    );
    cut(&place.set().join("test/class001/000007.jpg"));
    let output = check(&[]);
    let words = [
        "pictures/test: 1 of 8 files cannot be read, and a sweep is refused",
        "000007.jpg: ",
        "at byte ",
    ];
    holds(&output, 2, &words);
    for wrong in ["left out;", "`lawn data check`"] {
        assert!(!said(&output).contains(wrong), "{}", said(&output));
    }
    let output = check(&["--json"]);
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).expect("it is JSON");
    assert_eq!(
        json[0]["splits"][1]["bad"].as_array().map(Vec::len),
        Some(1)
    );
    assert_eq!(json[0]["splits"][0]["formats"]["JPEG"], 40);
    holds(
        &run(&["data", "check", "absent", "--data-root"], &[&root]),
        2,
        &["no data set \"absent\""],
    );
}

#[test]
fn a_sheet_is_drawn() {
    let place = Place::new();
    let (root, sheet) = (
        place.0.path().join("data"),
        place.0.path().join("sheet.png"),
    );
    let mut drawn = Vec::new();
    for keys in ["", "transform = { size = 12 }", "mixup = 1.0"] {
        let file = place.0.path().join("pictures.toml");
        fs::write(&file, SWEEP.replace("KEYS", keys)).expect("there is room");
        let paths = [
            &file,
            Path::new("--data-root"),
            &root,
            Path::new("--out"),
            &sheet,
        ];
        holds(&run(&["data", "show"], &paths), 0, &["drew"]);
        let bytes = fs::read(&sheet).expect("it was drawn");
        let image = lawn_models::decode_image(&bytes, false).expect("it is a PNG");
        // Eight images a row, one row of validation and five of train.
        let side = if keys.contains("size") { 14 } else { 10 };
        assert_eq!((image.width, image.height % side), (8 * side, 0));
        drawn.push(image);
    }
    // Validation is as it was, and train is mixed.
    let row = 10 * drawn[0].width * 3;
    assert!(drawn[0].bytes[..row] == drawn[2].bytes[..row]);
    assert!(drawn[0].bytes[row..] != drawn[2].bytes[row..]);
}

#[test]
fn files_that_are_left_out_are_named_up_to_some_number() {
    let place = Place::new();
    for index in 0..12 {
        let name = format!("train/class000/bad{index:02}.jpg");
        fs::write(place.set().join(name), "none").expect("there is room");
    }
    let output = place.sweep("bad_files = \"exclude\"");
    let words = [
        "train: 12 of 52 files",
        "bad09.jpg: ",
        "and 2 more; `lawn data check pictures --data-root ",
    ];
    holds(&output, 0, &words);
    assert!(!said(&output).contains("bad10.jpg"), "{}", said(&output));
    let pack = place.0.path().join("pack");
    let paths = [place.set(), PathBuf::from("--out"), pack];
    let paths = paths.each_ref().map(PathBuf::as_path);
    let output = run(&["data", "pack"], &paths);
    holds(
        &output,
        2,
        &["12 of 60 files", "bad11.jpg: ", "--exclude-bad-files"],
    );
    assert!(!said(&output).contains("bad_files"), "{}", said(&output));
    let output = run(&["data", "pack", "--exclude-bad-files"], &paths);
    holds(
        &output,
        0,
        &["12 files left out", "bad09.jpg: ", "and 2 more; pack.json"],
    );
}

#[test]
fn options_of_a_pack_that_would_do_nothing_are_refused() {
    let place = Place::new();
    let pack = place.0.path().join("pack");
    let paths = [place.set(), PathBuf::from("--out"), pack.clone()];
    let paths = paths.each_ref().map(PathBuf::as_path);
    for (options, words) in [
        (&["--quality", "80"][..], ["--quality", "--as jpeg"]),
        (
            &["--as", "raw", "--quality", "80"],
            ["--quality", "--as raw"],
        ),
        (&["--shorter-side", "16"], ["--shorter-side", "--as jpeg"]),
        (&["--exif-orientation"], ["--exif-orientation", "--as raw"]),
    ] {
        let output = run(&[&["data", "pack"], options].concat(), &paths);
        holds(&output, 2, &[words[0], words[1], "allowed: "]);
        assert!(!pack.exists());
    }
    let right = ["data", "pack", "--as", "raw", "--exif-orientation"];
    holds(&run(&right, &paths), 0, &["packed 40 train"]);
}

#[test]
fn a_sheet_that_cannot_be_drawn_is_refused_by_what_was_asked_for() {
    let place = Place::new();
    let file = place.0.path().join("pictures.toml");
    fs::write(&file, SWEEP.replace("KEYS", "")).expect("there is room");
    let root = place.0.path().join("data");
    let show = |options: &[&str], out: &str| {
        let out = place.0.path().join(out);
        let [root_is, out_is] = ["--data-root", "--out"].map(Path::new);
        let words = [&["data", "show"], options].concat();
        run(&words, &[&file, root_is, &root, out_is, &out])
    };
    holds(
        &show(&[], "sheet.jpg"),
        2,
        &["--out", "sheet.jpg", "allowed: .png"],
    );
    assert!(!place.0.path().join("sheet.jpg").exists());
    let words = ["no task is called `zz`; allowed: pictures"];
    holds(&show(&["--task", "zz"], "sheet.png"), 2, &words);
    let output = show(&[], "absent/sheet.png");
    holds(&output, 2, &["cannot write --out ", "absent/sheet.png: "]);
    assert!(!said(&output).contains(" at path "), "{}", said(&output));
}

#[test]
fn a_batch_of_more_than_an_epoch_is_said_before_the_first_trial() {
    let place = Place::new();
    let file = place.0.path().join("pictures.toml");
    let text = SWEEP.replace("KEYS", "").replace("[32]", "[32, 64]");
    fs::write(&file, text).expect("there is room");
    let root = place.0.path().join("data");
    let words = ["batch 64 is larger than the 36 samples of an epoch of task `pictures`"];
    let paths = [&file, Path::new("--data-root"), &root];
    holds(&run(&["plan", "--no-calibrate"], &paths), 0, &words);
    holds(&run(&["sweep", "--dry-run"], &paths), 0, &words);
    // Who reads the report has not seen the plan.
    let out = place.out();
    let paths = [
        &file,
        Path::new("--out"),
        &out,
        Path::new("--data-root"),
        &root,
    ];
    holds(&run(&["sweep", "-q"], &paths), 0, &words);
    let words = "batch 64 is larger than the 36 samples of an epoch of task `pictures`: every step is an epoch";
    let html = fs::read_to_string(out.join("report/report.html")).expect("it is there");
    assert!(
        html.contains("batch 64 is larger than the 36 samples"),
        "{words}"
    );
    let report = run(&["report"], &[&out]);
    holds(&report, 0, &[words]);
    assert!(
        !said(&report).contains("batch 32 is larger"),
        "{}",
        said(&report)
    );
}

/// A CIFAR-10 of 20 images a file.
fn cifar(folder: &Path) {
    fs::create_dir_all(folder).expect("there is room");
    let names: String = (0..10).map(|class| format!("class {class}\n")).collect();
    fs::write(folder.join("batches.meta.txt"), names).expect("there is room");
    let files = (1..=5).map(|number| format!("data_batch_{number}.bin"));
    for file in files.chain(["test_batch.bin".to_owned()]) {
        let image = |number: u8| [&[number % 10][..], &[number; 3072]].concat();
        let bytes: Vec<u8> = (0..20).flat_map(image).collect();
        fs::write(folder.join(file), bytes).expect("there is room");
    }
}

#[test]
fn cifar_is_checked_image_by_image() {
    let place = Place::new();
    let root = place.0.path().join("data");
    let set = root.join("cifar");
    cifar(&set);
    let check = |more: &[&str]| {
        run(
            &[&["data", "check"], more, &["--data-root"]].concat(),
            &[&root],
        )
    };
    let words = "cifar: 10 classes, 100 train images, 20 test images";
    holds(&check(&["cifar"]), 0, &[words]);
    let path = set.join("data_batch_3.bin");
    let mut bytes = fs::read(&path).expect("it is ours");
    bytes[3073] = 10;
    fs::write(&path, bytes).expect("it is ours");
    cut(&set.join("test_batch.bin"));
    let named = [
        "data_batch_3.bin: found the label 10 at byte 3073",
        "test_batch.bin: found ",
    ];
    // What is wrong with one is no reason not to look into the next.
    let all = [&named[..], &["pictures/train: 40 images"]].concat();
    holds(&check(&["cifar", "pictures"]), 2, &all);
    let output = check(&["cifar", "pictures", "--json"]);
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).expect("it is JSON");
    let problem = json[0]["problem"].as_str().unwrap_or_default();
    assert!(named.iter().all(|words| problem.contains(words)), "{json}");
    assert!(json[1]["problem"].is_null(), "{json}");
}

#[test]
fn what_is_no_data_set_is_listed_with_the_reason() {
    let place = Place::new();
    let root = place.0.path().join("data");
    fs::create_dir_all(root.join("notes/2020")).expect("there is room");
    fs::create_dir_all(root.join("broken/train/one")).expect("there is room");
    fs::create_dir_all(root.join("broken/test")).expect("there is room");
    let output = run(&["data", "list", "--data-root"], &[&root]);
    holds(
        &output,
        0,
        &[
            "pictures (2 classes",
            "refused:\n  broken: ",
            "  notes: no data set that a task reads: it has `2020`",
        ],
    );
    assert!(!said(&output).contains("error"), "{}", said(&output));
}
