//! `lawn watch`: the page of a run, while it runs and to its end.

#[path = "../../../lawn-analysis/tests/browser/devtools.rs"]
#[allow(dead_code, reason = "the page's own tests use the rest")]
mod devtools;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::common::{SMALL, folder, lawn, said, sweep};
use devtools::{Browser, Scheme};

/// What is faint on a page, as its own tests find it.
const CONTRAST: &str = include_str!("../../../lawn-analysis/tests/browser/contrast.js");

/// A phone's width and a desk's.
const WIDTHS: [u32; 2] = [390, 1280];

/// Longer than a small sweep takes.
const PATIENCE: Duration = Duration::from_secs(240);

/// A process that ends with the test.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Ended {
    /// Its exit code, once it has ended by itself.
    fn code(&mut self) -> Option<i32> {
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            if let Some(status) = self.0.try_wait().expect("it is a child") {
                return status.code();
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("it did not end");
    }
}

/// Sixteen trials of two arms at two batch sizes, each tuned over two settings.
fn sixteen() -> String {
    let arm = "rule = \"sgd\"\ngrid = { learning_rate = [0.05, 0.1] }\n";
    SMALL
        .replace("[64]", "[64, 256]")
        .replace("epochs = 2", "epochs = 20")
        .replace("rule = \"sgd\"\nlearning_rate = 0.1\n", arm)
        + &format!("\n[arms.sgd-lawn]\nlawn = true\nfree_epochs = 1\n{arm}")
}

/// A watcher of a run and the address that it says.
fn watched(run: &Path, more: &[&str]) -> (Ended, String) {
    let mut command = lawn();
    command
        .arg("watch")
        .arg(run)
        .args(more)
        .stderr(Stdio::piped())
        .stdout(Stdio::piped());
    let mut child = Ended(command.spawn().expect("lawn starts"));
    let mut line = String::new();
    let output = child.0.stdout.take().expect("it is a pipe");
    BufReader::new(output)
        .read_line(&mut line)
        .expect("it says its address");
    (child, line.trim().to_owned())
}

/// What is answered to a GET of a path.
fn get(url: &str, path: &str) -> String {
    let host = url.trim_start_matches("http://").trim_end_matches('/');
    let mut stream = TcpStream::connect(host).expect("it listens");
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n").expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers");
    answer
}

/// Waits until a file is there.
fn wait_for(path: &Path) {
    let began = Instant::now();
    while !path.exists() {
        assert!(began.elapsed() < PATIENCE, "{} never came", path.display());
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_sweep_is_seen_from_its_first_trial_to_its_end() {
    let (kept, run) = folder();
    let file = kept.path().join("sixteen.toml");
    std::fs::write(&file, sixteen()).expect("there is room");
    let mut command = lawn();
    command
        .args(["sweep", "--quiet"])
        .arg(&file)
        .arg("--out")
        .arg(&run);
    command.stdout(Stdio::null());
    let mut sweep = Ended(command.spawn().expect("lawn starts"));
    wait_for(&run.join("plan.json"));
    let (mut watch, url) = watched(&run, &[]);
    let now = get(&url, "/now");
    assert!(now.contains("of 16 trials over"), "{now}");
    let page = get(&url, "/");
    assert!(page.contains("<h2 id=\"now-h\">Now</h2>"), "{page:.2000}");
    assert!(page.contains("connect-src 'self'"));
    if let Some(mut browser) = Browser::start() {
        for width in WIDTHS {
            for scheme in Scheme::ALL {
                browser.visit(&url, width, scheme);
                let place = format!("at {width}, {scheme:?}");
                assert!(
                    browser.holds("document.querySelector('#live progress')"),
                    "{place}"
                );
                assert!(
                    browser.holds("document.documentElement.scrollWidth <= innerWidth"),
                    "{place}"
                );
                let found = browser.evaluate(CONTRAST);
                let faults = found["faults"].as_array().expect("it is a list");
                assert!(faults.is_empty(), "{place}: {faults:#?}");
                let complaints = browser.complaints();
                assert!(complaints.is_empty(), "{place}: {complaints:?}");
            }
        }
        // The page comes to know every trial by itself, and says that the sweep is over.
        let began = Instant::now();
        let is_over = "document.getElementById('live')?.dataset.over === '16'
            && document.getElementById('now').textContent.includes('The sweep is over')
            && document.querySelectorAll('#means table.means, #answer figure').length > 0";
        while !browser.holds(is_over) {
            assert!(
                began.elapsed() < PATIENCE,
                "{}",
                browser.evaluate("document.body.innerText")
            );
            std::thread::sleep(Duration::from_millis(300));
        }
        let complaints = browser.complaints();
        assert!(complaints.is_empty(), "{complaints:?}");
    }
    assert_eq!(sweep.code(), Some(0));
    assert_eq!(watch.code(), Some(0), "it ends with the sweep");
}

#[test]
fn a_sweep_that_is_stopped_ends_it_with_the_command_that_goes_on() {
    let (kept, run) = folder();
    let file = kept.path().join("slow.toml");
    let slow = sixteen().replace("epochs = 20", "epochs = 20000");
    std::fs::write(&file, slow).expect("there is room");
    let mut command = lawn();
    command
        .args(["sweep", "--quiet"])
        .arg(&file)
        .arg("--out")
        .arg(&run);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut sweep = Ended(command.spawn().expect("lawn starts"));
    wait_for(&run.join("plan.json"));
    let (mut watch, url) = watched(&run, &[]);
    let mut stays = watched(&run, &["--stay"]).0;
    wait_for(&run.join("trials"));
    let pid = sweep.0.id().to_string();
    let stopped = Command::new("kill").args(["-INT", &pid]).status();
    assert!(stopped.is_ok_and(|status| status.success()));
    assert_eq!(sweep.code(), Some(130));
    assert_eq!(watch.code(), Some(0), "{url}");
    let mut text = String::new();
    let errors = watch.0.stderr.take().expect("it is a pipe");
    BufReader::new(errors)
        .read_to_string(&mut text)
        .expect("it is text");
    let goes_on = format!(
        "stopped: 0 of 16 trials over; `lawn sweep {}` goes on",
        run.display()
    );
    assert_eq!(text.lines().last(), Some(&goes_on[..]), "{text}");
    assert!(stays.0.try_wait().expect("it is a child").is_none());
    // So does the other command that looks again and again.
    let status = lawn()
        .arg("status")
        .arg(&run)
        .args(["--watch", "1"])
        .output();
    let status = status.expect("lawn starts");
    assert!(
        status.status.success() && said(&status).contains(&goes_on),
        "{}",
        said(&status)
    );
}

#[test]
fn a_run_that_is_deleted_ends_it_though_it_was_to_stay() {
    let (kept, run) = folder();
    let file = kept.path().join("small.toml");
    std::fs::write(&file, SMALL).expect("there is room");
    assert!(sweep(&file, Some(&run)).status.success());
    let (mut stays, url) = watched(&run, &["--stay"]);
    assert!(get(&url, "/now").contains("2 of 2 trials over"));
    std::fs::remove_dir_all(&run).expect("it is there");
    assert_eq!(stays.code(), Some(2));
    let mut text = String::new();
    let errors = stays.0.stderr.take().expect("it is a pipe");
    BufReader::new(errors)
        .read_to_string(&mut text)
        .expect("it is text");
    let gone = format!("{} is gone: it was deleted or moved", run.display());
    assert!(text.contains(&gone), "{text}");
}

#[test]
fn a_reader_is_not_interrupted() {
    let Some(mut browser) = Browser::start() else {
        return;
    };
    let (kept, run) = folder();
    let file = kept.path().join("small.toml");
    std::fs::write(&file, SMALL).expect("there is room");
    assert!(sweep(&file, Some(&run)).status.success());
    // The second trial was never run.
    let trials = lawn_bench::plan::Plan::read(&lawn_bench::run::run_dir::RunDir::new(&run));
    let second = trials.expect("it is a run").trials[1].id.clone();
    let outcome = run.join("trials").join(second).join("outcome.json");
    let aside = kept.path().join("outcome.json");
    std::fs::rename(&outcome, &aside).expect("it is there");
    let (_watch, url) = watched(&run, &["--stay"]);
    browser.visit(&url, 1280, Scheme::Light);
    browser.evaluate("dispatchEvent(new PointerEvent('pointerdown')); window.kept = 1");
    std::fs::rename(&aside, &outcome).expect("it is there");
    browser.wait_for(
        "document.querySelector('#now a')?.textContent.includes('the one that has ended')",
    );
    assert!(browser.holds("window.kept === 1 && live.dataset.over === '2'"));
    browser.evaluate("document.querySelector('#now a').click()");
    browser.wait_for("window.kept === undefined && document.readyState === 'complete'");
    // Where its command is gone, the page says so.
    drop(_watch);
    browser.wait_for("document.getElementById('now').textContent.includes('not renewed any more')");
}

#[test]
fn every_arm_of_a_long_table_is_in_view() {
    let Some(mut browser) = Browser::start() else {
        return;
    };
    let (_kept, run) = folder();
    let arms: String = (0..9)
        .map(|n| {
            format!("[arms.arm-{n}]\nrule = \"adam\"\nlearning_rate = 0.1\nbeta1 = 0.{n}5\n\n")
        })
        .collect();
    let text = SMALL.replace("[confirmation]", &(arms + "[confirmation]"));
    let sweep = lawn_bench::config::parse("ten.toml", &text);
    let sweep = sweep.unwrap_or_else(|error| panic!("{error}"));
    std::fs::create_dir(&run).expect("there is room");
    lawn_bench::plan::Plan::new(sweep, Default::default())
        .write(
            &lawn_bench::run::run_dir::RunDir::new(&run),
            Path::new("ten.toml"),
            &text,
        )
        .expect("there is room");
    let (_watch, url) = watched(&run, &["--stay"]);
    for width in WIDTHS {
        browser.visit(&url, width, Scheme::Light);
        let rows = browser.evaluate("document.querySelectorAll('#live .means tbody tr').length");
        assert_eq!(rows, 10);
        let is_whole = "[...document.querySelectorAll('#live .scroll')]
            .every((region) => region.scrollHeight <= region.clientHeight + 1)";
        assert!(browser.holds(is_whole), "at {width}");
    }
}

#[test]
fn a_run_that_is_extended_is_seen_by_its_new_plan() {
    let (kept, run) = folder();
    let file = kept.path().join("small.toml");
    std::fs::write(&file, SMALL).expect("there is room");
    assert!(sweep(&file, Some(&run)).status.success());
    let (_watch, url) = watched(&run, &["--stay"]);
    // The mean of one arm, and of how many seeds it is.
    let seeds = || {
        let means = get(&url, "/tables/means.csv");
        let mut lines = means
            .lines()
            .skip_while(|line| !line.contains("batch_size"));
        let header = lines.next().expect("it has a header").split(',');
        let place = header.into_iter().position(|name| name == "n");
        let place = place.expect("it says how many");
        let mut row = lines.next().expect("there is one cell").split(',');
        row.nth(place).map(str::to_owned)
    };
    assert_eq!(seeds().as_deref(), Some("2"));
    let mut command = lawn();
    command.arg("sweep").arg(&run).arg("--extend");
    let output = command
        .args(["--set", "confirmation.seeds=[1,2,3]"])
        .output();
    let output = output.expect("lawn starts");
    assert!(output.status.success(), "{}", said(&output));
    let began = Instant::now();
    while seeds().as_deref() != Some("3") {
        assert!(
            began.elapsed() < PATIENCE,
            "{}",
            get(&url, "/tables/means.csv")
        );
        std::thread::sleep(Duration::from_millis(200));
    }
    // What goes on now is looked at by itself.
    while !get(&url, "/now").contains("3 of 3 trials over") {
        assert!(began.elapsed() < PATIENCE, "{}", get(&url, "/now"));
        std::thread::sleep(Duration::from_millis(200));
    }
}

#[test]
fn it_ends_with_a_sweep_that_is_over_and_says_what_it_cannot_do() {
    let (kept, run) = folder();
    let file = kept.path().join("small.toml");
    std::fs::write(&file, SMALL).expect("there is room");
    assert!(sweep(&file, Some(&run)).status.success());
    let (mut watch, url) = watched(&run, &[]);
    let page = get(&url, "/");
    assert!(page.starts_with("HTTP/1.1 200 OK") && page.contains("data-final=\"true\""));
    assert!(get(&url, "/tables/means.csv").contains("arm,batch_size"));
    for path in [
        "/plan.json",
        "/../plan.json",
        "/report/report.html",
        "/tables/../plan.json",
    ] {
        assert!(get(&url, path).starts_with("HTTP/1.1 404 "), "{path}");
    }
    let port = url
        .trim_end_matches('/')
        .rsplit(':')
        .next()
        .expect("it has a port");
    let mut again = lawn();
    let taken = again.arg("watch").arg(&run).args(["--port", port]).output();
    let taken = taken.expect("lawn starts");
    assert_eq!(taken.status.code(), Some(2));
    let text = said(&taken);
    assert!(
        text.contains(&format!("--port {port}: ")) && text.contains("0 for any"),
        "{text}"
    );
    assert_eq!(watch.code(), Some(0));
    let none = Command::new(env!("CARGO_BIN_EXE_lawn"))
        .args(["watch", "absent"])
        .output()
        .expect("lawn starts");
    assert_eq!(none.status.code(), Some(2), "{}", said(&none));
}
