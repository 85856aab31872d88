//! Parquet files of other programs with bytes flipped, read by a child process that may die.

use std::fs;
use std::path::Path;
use std::process::Command;

use lawn_analysis::records::Results;
use polars::prelude::{CsvReadOptions, ParquetWriter, SerReader};

/// Tells a process that it is the child: the flips as `first..end`, and the folder.
const CHILD: &str = "LAWN_PARQUET_CHILD";

/// How many files are flipped, where more than usual are asked for.
const FLIPS: &str = "LAWN_PARQUET_FLIPS";

/// A file of 60 trials, as another program writes it.
fn sound(folder: &Path) -> Vec<u8> {
    let mut text = "arm,task,seed,batch_size,test_metric,train_metric,outcome\n".to_owned();
    for seed in 1..=30 {
        for (arm, gain) in [("plain", 0.0), ("lawn", 0.02)] {
            let test = 0.6 + gain + 0.001 * f64::from(seed);
            text += &format!("{arm},mine,{seed},256,{test:.3},0.7,ok\n");
        }
    }
    let (csv, parquet) = (folder.join("sound.csv"), folder.join("sound.parquet"));
    fs::write(&csv, text).unwrap();
    let options = CsvReadOptions::default().with_has_header(true);
    let reader = options.try_into_reader_with_file_path(Some(csv)).unwrap();
    let mut frame = reader.finish().unwrap();
    let writer = ParquetWriter::new(fs::File::create(&parquet).unwrap());
    writer.finish(&mut frame).unwrap();
    fs::read(parquet).unwrap()
}

/// Files of many types, as `make.py` beside them wrote them.
fn made() -> impl Iterator<Item = Vec<u8>> {
    let names = [
        "decimals",
        "short_decimals",
        "long_decimals",
        "singles",
        "halves",
    ];
    names.into_iter().map(|name| {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/parquet");
        fs::read(folder.join(format!("{name}.parquet"))).unwrap()
    })
}

/// The file with one byte to three changed, by SplitMix64.
fn flipped(sound: &[u8], flip: u64) -> Vec<u8> {
    let mut state = flip.wrapping_mul(0xd134_2543_de82_ef95);
    let mut random = |below: usize| {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % below as u64) as usize
    };
    let mut bytes = sound.to_vec();
    for _ in 0..=random(3) {
        let at = random(bytes.len());
        bytes[at] ^= 1 + random(255) as u8;
    }
    bytes
}

/// Reads files one after the other; `now` says which, for whoever finds this process dead.
#[test]
fn child() {
    let Ok(asked) = std::env::var(CHILD) else {
        return;
    };
    let (range, folder) = asked.split_once(' ').expect("flips and a folder");
    let (first, end) = range.split_once("..").expect("two numbers");
    let folder = Path::new(folder);
    let sounds: Vec<Vec<u8>> = std::iter::once(sound(folder)).chain(made()).collect();
    let path = folder.join("flipped.parquet");
    for flip in first.parse().unwrap()..end.parse().unwrap() {
        fs::write(folder.join("now"), format!("{flip}")).unwrap();
        let sound = &sounds[flip as usize % sounds.len()];
        fs::write(&path, flipped(sound, flip)).unwrap();
        if let Err(error) = Results::read(&path) {
            assert!(error.to_string().contains("flipped.parquet"), "{error}");
        }
    }
}

#[test]
fn a_file_with_flipped_bytes_is_read_or_is_an_error_that_names_it() {
    let folder = tempfile::tempdir().unwrap();
    let end = std::env::var(FLIPS).map_or(3000, |flips| flips.parse().unwrap());
    let (mut next, mut deaths) = (0, String::new());
    while next < end {
        let output = Command::new("sh")
            .args([
                "-c",
                "ulimit -v 4000000; exec \"$0\" --exact child --nocapture",
            ])
            .arg(std::env::current_exe().unwrap())
            .env("RUST_BACKTRACE", "0")
            .env(CHILD, format!("{next}..{end} {}", folder.path().display()))
            .output()
            .unwrap();
        if output.status.success() {
            break;
        }
        let now = fs::read_to_string(folder.path().join("now")).unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let last = said.lines().last().unwrap_or_default();
        deaths += &format!("flip {now}: {}; {last}\n", output.status);
        next = now.parse::<u64>().unwrap() + 1;
    }
    assert!(deaths.is_empty(), "{deaths}");
}
