//! `lawn data get` as it is called: what it prints, its exit codes, and calls that are killed,
//! stopped, or two at once.

use crate::common::server;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use crate::common::server::{Answer, Server};
use crate::common::{lawn, said};

/// A file of 60,000 bytes.
fn body() -> Vec<u8> {
    server::lines(6000)
}

/// A data root with a catalogue beside it, whose set `small` has the files `a.txt` and `b.txt`.
struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new(source: &str) -> Self {
        let place = Self {
            folder: tempfile::tempdir().expect("a temporary folder"),
        };
        let file = |name: &str| {
            let sum = server::digest(&body());
            format!("[[small.files]]\nname = {name:?}\nsha256 = {sum:?}\n")
        };
        let text = format!(
            "[small]\nabout = \"a small set\"\nterms = \"free\"\nsources = [{source:?}]\n{}{}",
            file("a.txt"),
            file("b.txt")
        );
        std::fs::write(place.folder.path().join("catalogue.toml"), text).expect("there is room");
        place
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join("data/small").join(name)
    }

    fn command(&self, more: &[&str]) -> Command {
        let mut command = lawn();
        command
            .args(["data", "get", "small", "--data-root"])
            .arg(self.folder.path().join("data"))
            .arg("--catalogue")
            .arg(self.folder.path().join("catalogue.toml"))
            .args(more);
        for proxy in ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"] {
            command.env_remove(proxy);
        }
        command
    }

    fn get(&self, more: &[&str]) -> Output {
        self.command(more).output().expect("lawn starts")
    }

    fn start(&self) -> Child {
        let mut command = self.command(&[]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().expect("lawn starts")
    }

    fn is_whole(&self) -> bool {
        ["a.txt", "b.txt"]
            .iter()
            .all(|name| std::fs::read(self.file(name)).is_ok_and(|bytes| bytes == body()))
    }

    /// Waits until `a.txt.part` holds something.
    fn await_part(&self) -> u64 {
        let since = Instant::now();
        loop {
            let size = std::fs::metadata(self.file("a.txt.part")).map_or(0, |about| about.len());
            if size > 0 {
                return size;
            }
            assert!(since.elapsed() < Duration::from_secs(60), "nothing comes");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

fn refuses(output: &Output, code: i32, parts: &[&str]) {
    assert_eq!(output.status.code(), Some(code), "{}", said(output));
    for part in parts {
        assert!(
            said(output).contains(part),
            "{part:?} is not in: {}",
            said(output)
        );
    }
}

#[test]
fn people_are_told_terms_files_and_where_the_set_is() {
    let server = Server::of(body());
    let place = Place::new(&server.address());
    let output = place.get(&[]);
    let from = format!("a.txt from {}/a.txt", server.address());
    refuses(
        &output,
        0,
        &[
            "small: a small set",
            "terms: free",
            &from,
            "58.59 KiB",
            &server::digest(&body()),
        ],
    );
    assert!(String::from_utf8_lossy(&output.stdout).starts_with("small is in "));
    assert!(place.is_whole());
    refuses(&place.get(&[]), 0, &["was there", "as in the catalogue"]);
}

#[test]
fn programs_are_told_an_event_a_line() {
    let server = Server::of(body());
    let place = Place::new(&server.address());
    let output = place.get(&["--json"]);
    assert!(
        output.status.success() && output.stderr.is_empty(),
        "{}",
        said(&output)
    );
    let events: Vec<serde_json::Value> = String::from_utf8_lossy(&output.stdout)
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}")))
        .collect();
    let names: Vec<_> = events
        .iter()
        .filter_map(|event| event["event"].as_str())
        .collect();
    assert_eq!(names, ["get", "began", "file", "began", "file", "set"]);
    assert_eq!(events[0]["schema"], 1);
    assert_eq!(events[2]["sha256"], server::digest(&body()));
    assert_eq!(events[2]["bytes"], 60_000);
    assert_eq!(events[2]["source"], format!("{}/a.txt", server.address()));
    assert_eq!(events[5]["set"], "small");
    assert!(events.iter().all(|event| event["unix_seconds"].is_f64()));
}

#[test]
fn what_is_wrong_on_the_command_line_is_told_with_what_is_right() {
    let place = Place::new("http://127.0.0.1:1");
    let with = |words: &[&str]| {
        let output = lawn().args(["data", "get"]).args(words).output();
        output.expect("lawn starts")
    };
    let root = place.folder.path().to_str().expect("it is text").to_owned();
    refuses(
        &with(&["ml1m", "--data-root", &root]),
        2,
        &[
            "`ml1m`",
            "allowed: cifar-10, cifar-100, ml-1m, pinterest-20",
        ],
    );
    refuses(&with(&["ml-1m"]), 2, &["--data-root DIR or set LAWN_DATA"]);
    refuses(&with(&[]), 2, &["NAME"]);
    refuses(
        &with(&["--help"]),
        0,
        &["ml-1m", "pinterest-20", "He et al. (2017)"],
    );
    refuses(
        &place.get(&["--mirror", "ftp://a"]),
        2,
        &["ftp://a", "http:// or https://"],
    );
    let absent = format!("{root}/absent.toml");
    refuses(
        &with(&["x", "--data-root", &root, "--catalogue", &absent]),
        1,
        &["absent.toml"],
    );
    std::fs::write(
        place.folder.path().join("catalogue.toml"),
        "[small]\nabout = 1\n",
    )
    .expect("room");
    refuses(&place.get(&[]), 2, &["catalogue.toml: ", "line 2"]);
    assert!(!place.folder.path().join("data").exists());
}

#[test]
fn another_file_fails_the_call_and_is_named() {
    let server = Server::of(b"something else\n".to_vec());
    let place = Place::new(&server.address());
    refuses(
        &place.get(&[]),
        1,
        &[
            "error: SHA-256 in ",
            &server.address(),
            "nothing of it is kept",
        ],
    );
    let left = std::fs::read_dir(place.file(""))
        .expect("it was made")
        .count();
    assert_eq!(left, 0);
}

#[test]
fn a_full_disk_stops_a_call_that_goes_on_once_there_is_room() {
    // A size that is said is looked for room for before.
    let server = Server::new(|request, _| Answer {
        unsized_: true,
        ..Answer::file(&body(), request)
    });
    let place = Place::new(&server.address());
    let root = place.folder.path().join("data");
    std::fs::create_dir(&root).expect("there is room");
    let mount = |options: &str| {
        let mut command = Command::new("mount");
        let command = command.args(["-t", "tmpfs", "-o", options, "tmpfs"]);
        let output = command.arg(&root).output();
        output.is_ok_and(|output| output.status.success())
    };
    if !mount("size=80k") {
        eprintln!("skipped: mounting needs a privilege that this process lacks");
        return;
    }
    let done = std::panic::catch_unwind(|| {
        refuses(&place.get(&[]), 5, &["b.txt.part", "No space left"]);
        let part = std::fs::metadata(place.file("b.txt.part"))
            .expect("it is kept")
            .len();
        assert!(mount("remount,size=1m"));
        let output = place.get(&[]);
        assert!(
            output.status.success() && place.is_whole(),
            "{}",
            said(&output)
        );
        let asked = server.requests();
        assert_eq!(asked.len(), 3, "{asked:?}");
        assert_eq!(asked[2].from, Some(part as usize));
    });
    let _ = Command::new("umount").arg(&root).status();
    done.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
}

/// A server that sends a KiB in 20 ms at first, all at once later.
fn slow(first: usize, pause: Duration) -> Server {
    Server::new(move |request, number| Answer {
        slow: (number < first).then_some(pause),
        ..Answer::file(&body(), request)
    })
}

#[test]
fn a_call_that_is_killed_is_gone_on_with() {
    let server = slow(1, Duration::from_millis(100));
    let place = Place::new(&server.address());
    let mut child = place.start();
    place.await_part();
    child.kill().expect("it runs");
    child.wait().expect("it was started");
    let part = std::fs::metadata(place.file("a.txt.part"))
        .expect("it is kept")
        .len();
    assert!(part > 0 && part < 60_000, "{part}");
    assert!(!place.file("a.txt").exists());
    let output = place.get(&[]);
    assert!(
        output.status.success() && place.is_whole(),
        "{}",
        said(&output)
    );
    assert_eq!(server.requests()[1].from, Some(part as usize));
}

#[test]
fn a_signal_stops_a_call_and_leaves_what_it_has() {
    let server = slow(1, Duration::from_millis(100));
    let place = Place::new(&server.address());
    let child = place.start();
    place.await_part();
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).expect("it runs");
    let since = Instant::now();
    let output = child.wait_with_output().expect("it was started");
    refuses(&output, 130, &["stopped; the same command goes on"]);
    assert!(since.elapsed() < Duration::from_secs(10));
    let part = std::fs::metadata(place.file("a.txt.part"))
        .expect("it is kept")
        .len();
    let output = place.get(&[]);
    assert!(
        output.status.success() && place.is_whole(),
        "{}",
        said(&output)
    );
    assert_eq!(server.requests()[1].from, Some(part as usize));
}

#[test]
fn of_two_calls_at_once_one_gets_what_the_other_finds() {
    let server = slow(usize::MAX, Duration::from_millis(20));
    let place = Place::new(&server.address());
    let first = place.start();
    place.await_part();
    let second = place.start();
    let outputs = [first, second].map(|child| child.wait_with_output().expect("it was started"));
    for output in &outputs {
        assert!(output.status.success(), "{}", said(output));
    }
    assert!(place.is_whole());
    assert!(
        said(&outputs[1]).contains("another process; waiting"),
        "{}",
        said(&outputs[1])
    );
    let asked = server.requests();
    assert_eq!(asked.len(), 2, "each file was sent once: {asked:?}");
    let names = std::fs::read_dir(place.file("")).expect("it is there");
    let mut names: Vec<_> = names.flatten().map(|entry| entry.file_name()).collect();
    names.sort();
    assert_eq!(names, ["SHA256SUMS", "a.txt", "b.txt"]);
}

#[test]
fn a_waiting_call_goes_on_with_what_a_killed_one_had() {
    let server = slow(1, Duration::from_millis(100));
    let place = Place::new(&server.address());
    let mut first = place.start();
    place.await_part();
    let second = place.start();
    std::thread::sleep(Duration::from_millis(100));
    first.kill().expect("it runs");
    first.wait().expect("it was started");
    let output = second.wait_with_output().expect("it was started");
    assert!(
        output.status.success() && place.is_whole(),
        "{}",
        said(&output)
    );
    assert!(
        server.requests()[1].from.is_some(),
        "{:?}",
        server.requests()
    );
}
