//! The page of findings is that of the kept records: `just findings` makes it without training.

use std::fs;
use std::path::{Path, PathBuf};

use lawn_analysis::report::{Findings, KeptStudy};
use lawn_analysis::simulate::{ARMS, Simulation};
use lawn_analysis::{Error, ReportRequest, write_report};

fn studies() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../lawn-bench/studies")
}

/// The text outside of blocks.
fn by_hand(page: &str) -> String {
    let mut inside = false;
    let mut text = String::new();
    for line in page.lines() {
        inside |= line.starts_with("<!-- begin: ");
        if !inside {
            text.push_str(&format!("{line}\n"));
        }
        inside &= line != "<!-- end -->";
    }
    text
}

#[test]
fn findings_are_those_of_the_kept_records() {
    let path = studies().join("FINDINGS.md");
    let page = fs::read_to_string(&path).unwrap();
    let findings = Findings::load(&studies().join("records")).unwrap();
    let found = findings.render(&path, &page).unwrap();
    assert_eq!(found.page, page, "`just findings` makes it anew");
    assert!(!found.files.is_empty());
    for (name, content) in found.files {
        let kept =
            fs::read(studies().join(&name)).unwrap_or_else(|error| panic!("{name}: {error}"));
        // Other processors may round a pixel otherwise.
        if cfg!(target_arch = "x86_64") {
            assert!(kept == content, "{name}: `just findings` makes it anew");
        }
    }
    // Every number of a result stands in a block: no decimal is written by hand.
    let by_hand = by_hand(&page).replace("2108.05839", "");
    let letters: Vec<char> = by_hand.chars().collect();
    for at in letters.windows(3) {
        let is_decimal = at[0].is_ascii_digit() && at[1] == '.' && at[2].is_ascii_digit();
        assert!(!is_decimal, "{at:?} is written by hand");
    }
    for study in &findings.studies {
        let file = studies().join(format!("{}.toml", study.name));
        assert!(file.is_file(), "{} has no file", study.name);
    }
}

/// A finished run as `lawn sweep` leaves it, with a simulated sweep of known truth.
fn run(dir: &Path, name: &str, advantage: f64) -> PathBuf {
    let simulation = Simulation {
        task: "task".to_owned(),
        batch_sizes: vec![1024, 8192],
        seeds: 8,
        epochs: 6,
        advantage,
        settings: 2,
        seed: name.len() as u64,
        ..Simulation::default()
    };
    let run = dir.join("runs").join(name);
    let records = simulation.records();
    records.write(&run.join("records")).unwrap();
    let request = ReportRequest::new(name, 1024).contrast(ARMS[0], ARMS[1]);
    write_report(&records, &request, &run.join("report")).unwrap();
    run
}

const PAGE: &str = "# By hand\n\n<!-- begin: studies -->\nold\n<!-- end -->\nbetween\n\
                    <!-- begin: claims -->\n<!-- end -->\n<!-- begin: answers -->\n<!-- end -->\n";

#[test]
fn a_page_grows_by_every_study_that_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let records = dir.path().join("records");
    let keep = |name: &str, advantage| {
        let run = run(dir.path(), name, advantage);
        KeptStudy::keep(&run, &records.join(name)).unwrap();
    };
    let path = dir.path().join("FINDINGS.md");
    let render = |page: &str| Findings::load(&records).unwrap().render(&path, page);
    keep("one", 0.03);
    let first = render(PAGE).unwrap();
    assert_eq!(
        render(&first.page).unwrap(),
        first,
        "made anew it is the same"
    );
    assert!(first.page.starts_with("# By hand\n") && first.page.contains("\nbetween\n"));
    assert!(!first.page.contains("\nold\n"));
    assert!(first.page.contains("asked of 1 task:"), "{}", first.page);
    keep("another", -0.03);
    let second = render(&first.page).unwrap();
    for words in [
        "asked of 2 tasks:",
        "another: task (hit rate)",
        "one: task (hit rate)",
        "opposite borne out",
        "![",
        "### another",
    ] {
        assert!(second.page.contains(words), "{words}\n{}", second.page);
    }
    let rows = second.page.lines().filter(|line| line.starts_with("| "));
    let claims = rows.filter(|line| line.contains("generalizes better, over all"));
    let [row] = &claims.collect::<Vec<_>>()[..] else {
        panic!("a claim has one row:\n{}", second.page);
    };
    assert_eq!(row.matches(" over ").count(), 3, "{row}");
    assert_eq!(second.files.len(), 2);
    assert!(second.files.iter().all(|(name, content)| {
        name.starts_with("findings/") && content.starts_with(b"\x89PNG")
    }));
}

#[test]
fn what_is_not_as_it_must_be_is_refused_with_its_place() {
    let dir = tempfile::tempdir().unwrap();
    let records = dir.path().join("records");
    fs::create_dir(&records).unwrap();
    let error = Findings::load(&records).unwrap_err().to_string();
    assert!(error.ends_with("records: no study is kept here"), "{error}");
    let run = run(dir.path(), "one", 0.0);
    KeptStudy::keep(&run, &records.join("one")).unwrap();
    let path = dir.path().join("FINDINGS.md");
    for (page, expected) in [
        (
            "<!-- begin: claims -->\n",
            "line 1: this block has no `<!-- end -->`",
        ),
        ("a\n<!-- end -->\n", "line 2: no block ends here"),
        (
            "<!-- begin: clams -->\n<!-- end -->\n",
            "line 1: no block is called `clams`; allowed: studies, claims, answers",
        ),
        (
            "<!-- begin: claims -->\n<!-- begin: claims -->\n<!-- end -->\n",
            "line 2: a block begins within that of line 1",
        ),
    ] {
        let error = Findings::load(&records)
            .unwrap()
            .render(&path, page)
            .unwrap_err();
        assert!(error.to_string().contains(expected), "{page}: {error}");
    }
    // Records that were changed are known by their checksum.
    let trials = records.join("one/trials.parquet");
    let mut bytes = fs::read(&trials).unwrap();
    let middle = bytes.len() / 3;
    bytes[middle] ^= 1;
    fs::write(&trials, bytes).unwrap();
    assert!(Findings::load(&records).is_err());
    fs::write(records.join("one/request.json"), "{").unwrap();
    let error = Findings::load(&records).unwrap_err();
    assert!(matches!(error, Error::Findings { .. }), "{error}");
    // What would make the repository heavy is not kept.
    fs::write(records.join("one/more"), vec![0; 5_000_001]).unwrap();
    let error = Findings::load(&records).unwrap_err().to_string();
    assert!(error.contains("allowed: 5000000"), "{error}");
}
