//! A bounded run of what the fuzzers do without bound: records and results that are almost right.
//! The same bytes every time.

#[path = "../fuzz/check.rs"]
mod check;

use std::fs;
use std::path::Path;

use check::TABLES;
use lawn_analysis::Records;
use lawn_analysis::records::Results;
use lawn_analysis::simulate::Simulation;

/// A counter-based generator (splitmix64), the same on every machine.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % n.max(1) as u64) as usize
    }
}

/// One change: a bit, a byte, a cut, a repetition, a number that lengths are made of.
fn change(bytes: &mut Vec<u8>, numbers: &mut Numbers) {
    if bytes.is_empty() {
        return;
    }
    // Pages and footer have the structure, most of it near the end.
    let at = match numbers.below(2) {
        0 => numbers.below(bytes.len()),
        _ => bytes.len() - 1 - numbers.below(bytes.len().min(2000)),
    };
    match numbers.below(6) {
        0 | 1 => bytes[at] ^= 1 << numbers.below(8),
        2 => bytes[at] = numbers.below(256) as u8,
        3 => bytes.truncate(at),
        4 => {
            let end = (at + numbers.below(20)).min(bytes.len());
            let again = bytes[at..end].to_vec();
            bytes.splice(at..at, again);
        }
        _ => {
            let end = (at + 1 + numbers.below(5)).min(bytes.len());
            bytes[at..end].fill(0xff);
        }
    }
}

fn changed(seed: &[u8], numbers: &mut Numbers) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for _ in 0..=numbers.below(3) {
        change(&mut bytes, numbers);
    }
    bytes
}

/// A file that the fuzzers begin with.
fn seed(path: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/seeds")
        .join(path);
    fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The greatest size that this process had so far, in KiB.
#[cfg(target_os = "linux")]
fn peak() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmPeak:"));
    let number = line.unwrap().trim().trim_end_matches(" kB");
    number.parse().unwrap()
}

#[test]
fn the_readers_answer_whatever_the_bytes_and_take_no_more_memory_for_it() {
    let mut numbers = Numbers(17);
    let folder = simulated();
    let results = ["results.csv", "results.jsonl"].map(|name| seed(&format!("results/{name}")));
    results.iter().for_each(|sound| check::results(sound));
    #[cfg(target_os = "linux")]
    let before = peak();
    for table in TABLES {
        let sound = fs::read(folder.path().join(format!("{table}.parquet"))).unwrap();
        check::records(table, &sound);
        for _ in 0..500 {
            check::records(table, &changed(&sound, &mut numbers));
        }
    }
    for at in 0..10_000 {
        check::results(&changed(&results[at % 2], &mut numbers));
    }
    #[cfg(target_os = "linux")]
    assert!(peak() < before + (1 << 20), "{} KiB more", peak() - before);
}

/// Small records in a folder.
fn simulated() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let simulation = Simulation {
        seeds: 1,
        settings: 1,
        ..Simulation::default()
    };
    simulation.records().write(folder.path()).unwrap();
    folder
}

#[test]
fn every_flipped_bit_and_every_cut_of_records_is_found() {
    let folder = simulated();
    for table in TABLES {
        let path = folder.path().join(format!("{table}.parquet"));
        let sound = fs::read(&path).unwrap();
        let stride = 1 + sound.len() / 1_000;
        for at in (0..sound.len()).step_by(stride) {
            let mut bytes = sound.clone();
            bytes[at] ^= 1 << (at % 8);
            fs::write(&path, &bytes).unwrap();
            let error = Records::load(folder.path()).expect_err("it is damaged");
            assert!(error.to_string().contains(table), "byte {at}: {error}");
            fs::write(&path, &sound[..at]).unwrap();
            let error = Records::load(folder.path()).expect_err("it is cut");
            assert!(error.to_string().contains(table), "byte {at}: {error}");
        }
        fs::write(&path, &sound).unwrap();
    }
}

#[test]
fn records_of_version_2_as_they_were_written_are_read() {
    let folder = tempfile::tempdir().unwrap();
    for table in TABLES {
        let bytes = seed(&format!("records/{table}-version-2.parquet"));
        fs::write(folder.path().join(format!("{table}.parquet")), bytes).unwrap();
    }
    let records = Records::load(folder.path()).unwrap();
    assert_eq!(
        (records.trials.len(), records.trials[0].budget_unit),
        (10, None)
    );
    assert!(
        records
            .trials
            .iter()
            .all(|trial| !trial.hyperparameters.is_empty())
    );
}

#[test]
fn a_parquet_file_that_is_cut_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("results.parquet");
    let sound = seed("records/trials-version-2.parquet");
    for end in (0..sound.len()).step_by(97) {
        fs::write(&path, &sound[..end]).unwrap();
        let error = Results::read(&path).expect_err("it is no Parquet file");
        assert!(error.to_string().contains("results.parquet"), "{error}");
    }
}
