//! Names that are alike, long, foreign or hostile: every file of a report is there, and none is
//! another one's.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use lawn_analysis::simulate::Simulation;
use lawn_analysis::{Records, ReportFiles, ReportRequest, write_report};

/// A report on tasks and arms of these names, every arm against the first.
fn report(tasks: &[&str], arms: &[&str], dir: &Path) -> ReportFiles {
    let mut records = Records::default();
    let mut request = ReportRequest::new("Names", 1024);
    for (seed, task) in tasks.iter().enumerate() {
        for pair in arms.chunks(2) {
            let simulation = Simulation {
                task: (*task).to_owned(),
                arms: [pair[0].to_owned(), pair[1].to_owned()],
                batch_sizes: vec![1024, 4096],
                epochs: 3,
                seed: seed as u64,
                ..Simulation::default()
            };
            let mut one = simulation.records();
            // Ids are to be unique, also where names of tasks and arms join to the same.
            for trial in &mut one.trials {
                trial.trial_id =
                    format!("{}\u{1f}{}\u{1f}{}", trial.task, trial.arm, trial.trial_id);
            }
            records.append(one);
        }
    }
    for pair in arms.chunks(2) {
        request = request.contrast(pair[0], pair[1]);
    }
    write_report(&records, &request, dir).unwrap()
}

fn names(files: &ReportFiles) -> BTreeSet<&str> {
    files
        .figures
        .iter()
        .map(|figure| figure.name.as_str())
        .collect()
}

/// Every listed file is there, and no two figures have one name.
fn is_whole(files: &ReportFiles) {
    assert_eq!(names(files).len(), files.figures.len());
    for figure in &files.figures {
        for path in [&figure.svg, &figure.png, &figure.pdf, &figure.csv] {
            assert!(fs::metadata(path).unwrap().len() > 40, "{}", path.display());
            let name = path.file_name().unwrap().to_str().unwrap();
            assert!(name.is_ascii() && name.len() < 120, "{name}");
        }
    }
    let list = fs::read_to_string(&files.list).unwrap();
    for path in &files.tables {
        let name = path.file_name().unwrap().to_str().unwrap();
        assert!(list.contains(&format!("\"tables/{name}\"")), "{name}");
    }
}

#[test]
fn names_of_one_slug_do_not_overwrite_each_other() {
    for tasks in [
        ["resnet-18", "ResNet_18"],
        ["数据", "模型"],
        ["a b", "a  b"],
    ] {
        let dir = tempfile::tempdir().unwrap();
        let files = report(&tasks, &["base", "lawn"], dir.path());
        is_whole(&files);
        // As many figures of either task, each with the numbers of its own.
        let means = files
            .figures
            .iter()
            .filter(|figure| figure.name.contains("test-metric"));
        let tables: Vec<String> = means
            .map(|one| fs::read_to_string(&one.csv).unwrap())
            .collect();
        assert_eq!(tables.len(), 2, "{:?}", names(&files));
        assert_ne!(tables[0], tables[1]);
    }
    // Arms that meet in one slug: a pair each.
    let dir = tempfile::tempdir().unwrap();
    let files = report(&["t"], &["sgd.1", "lawn.1", "sgd-1", "lawn-1"], dir.path());
    is_whole(&files);
    let paired = files
        .figures
        .iter()
        .filter(|figure| figure.name.contains("paired"));
    assert_eq!(paired.count(), 2);
}

#[test]
fn a_name_of_a_file_stands_still_when_others_come_and_go() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let alone = report(&["resnet-18"], &["base", "lawn"], one.path());
    let beside = report(&["vgg", "resnet-18"], &["base", "lawn"], two.path());
    assert!(names(&alone).is_subset(&names(&beside)));
}

#[test]
fn long_and_hostile_names_get_a_whole_report() {
    let long = format!(
        "adam(lr=0.001;betas=(0.9;0.999);{})",
        "eps=1e-08;".repeat(30)
    );
    let other = format!("{long}-lawn");
    let dir = tempfile::tempdir().unwrap();
    is_whole(&report(&["t"], &[&long, &other], dir.path()));
    let dir = tempfile::tempdir().unwrap();
    let arms = ["sgd\u{1b}[2J\u{7}", "mine\n\u{202e}\u{fffe}\u{0}"];
    let files = report(&["../../etc/passwd\u{1}"], &arms, dir.path());
    is_whole(&files);
    let summary = fs::read_to_string(&files.summary).unwrap();
    let page = fs::read_to_string(&files.html).unwrap();
    let moves = |c: char| (c.is_control() && !"\n\t".contains(c)) || c == '\u{202e}';
    for (name, text) in [("summary", &summary), ("page", &page)] {
        assert!(!text.contains(moves), "{name}");
    }
    assert!(summary.contains("sgd␛[2J␇"), "{summary}");
}

#[test]
fn names_beyond_the_typeface_are_drawn_as_codes_and_said_in_full() {
    let dir = tempfile::tempdir().unwrap();
    let files = report(&["t"], &["адам", "数据"], dir.path());
    let of = |name: &str, extension: &str| {
        fs::read_to_string(dir.path().join(format!("figures/{name}.{extension}"))).unwrap()
    };
    let svg = of("t-test-metric", "svg");
    assert!(
        svg.contains("адам") && svg.contains("#6570#636E"),
        "{}",
        names(&files).len()
    );
    let caption = of("t-test-metric", "md");
    assert!(caption.contains("#6570#636E is 数据"), "{caption}");
}

#[test]
fn a_report_made_anew_leaves_nothing_of_the_old_one_and_all_that_is_not_its_own() {
    let dir = tempfile::tempdir().unwrap();
    let old = report(&["first", "second"], &["base", "lawn"], dir.path());
    let mine = dir.path().join("figures/notes-on-second.svg");
    fs::write(&mine, "mine").unwrap();
    let new = report(&["first"], &["base", "lawn"], dir.path());
    assert!(names(&old).len() > names(&new).len());
    let mut left: Vec<String> = fs::read_dir(dir.path().join("figures"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| {
            !names(&new)
                .iter()
                .any(|known| name.starts_with(&format!("{known}.")))
        })
        .collect();
    assert_eq!(left.pop().as_deref(), Some("notes-on-second.svg"));
    assert!(left.is_empty(), "{left:?}");
}
