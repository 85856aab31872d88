//! What is shown while files are got: a bar on a terminal, lines elsewhere, events for programs.

use std::io::Write;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use indicatif::{HumanBytes, ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::{Value, json};

use crate::data::fetch::catalogue::PublicSet;
use crate::data::fetch::download::{Download, KeptFile};
use crate::duration::humantime;
use crate::process::streams::{self, Stream};

/// Schema of the events.
const SCHEMA: u32 = 1;

/// Time between two lines of progress.
const LINES_EVERY: Duration = Duration::from_secs(10);

/// Time between two events of progress.
const EVENTS_EVERY: Duration = Duration::from_secs(1);

/// One way of showing how files are got.
pub trait View {
    /// A data set is asked for.
    fn asked(&mut self, name: &str, set: &PublicSet);
    /// A line for people.
    fn note(&mut self, line: &str);
    /// A source begins to send `file` with its byte `from`; `total` is the size of it all.
    fn began(&mut self, file: &str, place: &str, from: u64, total: Option<u64>);
    /// `at` bytes of the file are here.
    fn moved(&mut self, at: u64);
    /// A file is whole, and is what the catalogue says.
    fn kept(&mut self, kept: &KeptFile);
    /// All of a data set is here.
    fn got(&mut self, got: &Download);
}

/// For people: a bar where standard error is a terminal, a line now and then elsewhere.
#[must_use]
pub fn people() -> Box<dyn View> {
    if ProgressDrawTarget::stderr().is_hidden() {
        Box::new(Lines::new(Stream::Error, LINES_EVERY))
    } else {
        Box::new(Bar(ProgressBar::hidden()))
    }
}

/// For programs: an event a line on standard output, as the README of this crate lists them.
#[must_use]
pub fn events() -> Box<dyn View> {
    Box::new(Events {
        out: Stream::Output,
        pace: Pace::new(EVENTS_EVERY),
    })
}

/// What people are told of a file that is whole.
fn summary(kept: &KeptFile) -> String {
    let state = match &kept.source {
        Some(_) => "got",
        None => "was there",
    };
    format!(
        "{state}  {}  {}, SHA-256 {} ({})",
        kept.path.display(),
        HumanBytes(kept.bytes),
        kept.sha256,
        kept.checked
    )
}

struct Bar(ProgressBar);

impl View for Bar {
    fn asked(&mut self, name: &str, set: &PublicSet) {
        self.note(&heading(name, set));
    }

    fn note(&mut self, line: &str) {
        self.0.suspend(|| streams::say(line));
    }

    fn began(&mut self, file: &str, _place: &str, from: u64, total: Option<u64>) {
        let bar = match total {
            Some(total) => ProgressBar::new(total).with_style(style(
                "{prefix} [{wide_bar}] {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left",
            )),
            None => ProgressBar::no_length().with_style(style("{prefix} {bytes}, {bytes_per_sec}")),
        };
        bar.set_draw_target(ProgressDrawTarget::stderr());
        bar.set_prefix(file.to_owned());
        bar.set_position(from);
        // What was there before says nothing of the speed.
        bar.reset_eta();
        self.0 = bar;
    }

    fn moved(&mut self, at: u64) {
        self.0.set_position(at);
    }

    fn kept(&mut self, kept: &KeptFile) {
        self.0.finish_and_clear();
        streams::say(&summary(kept));
    }

    fn got(&mut self, _got: &Download) {}
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template)
        .expect("the templates are constants")
        .progress_chars("=> ")
}

fn heading(name: &str, set: &PublicSet) -> String {
    let terms = match set.terms.as_str() {
        "" => String::new(),
        terms => format!("\nterms: {terms}"),
    };
    format!("{name}: {}{terms}", set.about)
}

/// Lets something through once in a while.
struct Pace {
    every: Duration,
    last: Instant,
}

impl Pace {
    fn new(every: Duration) -> Self {
        Self {
            every,
            last: Instant::now(),
        }
    }

    fn is_due(&mut self) -> bool {
        let due = self.last.elapsed() >= self.every;
        if due {
            self.last = Instant::now();
        }
        due
    }
}

struct Lines<W> {
    out: W,
    pace: Pace,
    file: String,
    from: u64,
    total: Option<u64>,
    since: Instant,
}

impl<W: Write> Lines<W> {
    fn new(out: W, every: Duration) -> Self {
        Self {
            out,
            pace: Pace::new(every),
            file: String::new(),
            from: 0,
            total: None,
            since: Instant::now(),
        }
    }
}

impl<W: Write> View for Lines<W> {
    fn asked(&mut self, name: &str, set: &PublicSet) {
        self.note(&heading(name, set));
    }

    fn note(&mut self, line: &str) {
        // A log that went away is no reason to stop.
        let _ = self.out.write_all(format!("{line}\n").as_bytes());
    }

    fn began(&mut self, file: &str, place: &str, from: u64, total: Option<u64>) {
        (self.file, self.from, self.total) = (file.to_owned(), from, total);
        self.since = Instant::now();
        let rest = match from {
            0 => String::new(),
            from => format!(", from byte {from} on"),
        };
        self.note(&format!("{file} from {place}{rest}"));
    }

    fn moved(&mut self, at: u64) {
        if !self.pace.is_due() {
            return;
        }
        let seconds = self.since.elapsed().as_secs_f64().max(f64::MIN_POSITIVE);
        let speed = (at.saturating_sub(self.from)) as f64 / seconds;
        let mut line = format!("{}: {}", self.file, HumanBytes(at));
        if let Some(total) = self.total {
            line += &format!(" of {}", HumanBytes(total));
        }
        line += &format!(", {}/s", HumanBytes(speed as u64));
        if let Some(total) = self.total.filter(|_| speed > 0.0) {
            let left = Duration::try_from_secs_f64(total.saturating_sub(at) as f64 / speed);
            line += &left.map_or(String::new(), |left| {
                format!(", about {} left", humantime(left))
            });
        }
        self.note(&line);
    }

    fn kept(&mut self, kept: &KeptFile) {
        self.note(&summary(kept));
    }

    fn got(&mut self, _got: &Download) {}
}

struct Events<W> {
    out: W,
    pace: Pace,
}

impl<W: Write> Events<W> {
    fn print(&mut self, event: &str, mut fields: Value) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        fields["event"] = event.into();
        fields["unix_seconds"] = now.map_or(0.0, |now| now.as_secs_f64()).into();
        // A reader that went away is no reason to stop.
        let line = format!("{fields}\n");
        let _ = self
            .out
            .write_all(line.as_bytes())
            .and_then(|()| self.out.flush());
    }
}

impl<W: Write> View for Events<W> {
    fn asked(&mut self, name: &str, set: &PublicSet) {
        self.print(
            "get",
            json!({ "schema": SCHEMA, "set": name, "about": set.about, "terms": set.terms }),
        );
    }

    fn note(&mut self, line: &str) {
        self.print("note", json!({ "line": line }));
    }

    fn began(&mut self, file: &str, place: &str, from: u64, total: Option<u64>) {
        self.print(
            "began",
            json!({ "file": file, "source": place, "from": from, "total": total }),
        );
    }

    fn moved(&mut self, at: u64) {
        if self.pace.is_due() {
            self.print("progress", json!({ "bytes": at }));
        }
    }

    fn kept(&mut self, kept: &KeptFile) {
        self.print("file", json!(kept));
    }

    fn got(&mut self, got: &Download) {
        let counts: serde_json::Map<String, Value> = got
            .counts
            .iter()
            .map(|(what, count)| (what.clone(), (*count).into()))
            .collect();
        self.print(
            "set",
            json!({ "set": got.name, "folder": got.folder, "counts": counts }),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_say_how_much_is_here_how_fast_it_comes_and_what_is_left() {
        let mut view = Lines::new(Vec::new(), Duration::ZERO);
        view.began(
            "a.rating",
            "https://a.example/a.rating",
            1 << 20,
            Some(4 << 20),
        );
        std::thread::sleep(Duration::from_millis(2));
        view.moved(3 << 20);
        view.began("b.rating", "../b.rating", 0, None);
        std::thread::sleep(Duration::from_millis(2));
        view.moved(2048);
        let said = String::from_utf8(view.out).expect("it is text");
        let lines: Vec<&str> = said.lines().collect();
        assert_eq!(
            lines[0],
            "a.rating from https://a.example/a.rating, from byte 1048576 on"
        );
        assert!(
            lines[1].starts_with("a.rating: 3.00 MiB of 4.00 MiB, "),
            "{said}"
        );
        assert!(lines[1].ends_with("/s, about 0 s left"), "{said}");
        assert_eq!(lines[2], "b.rating from ../b.rating");
        assert!(lines[3].starts_with("b.rating: 2.00 KiB, "), "{said}");
        assert!(lines[3].ends_with("/s"), "{said}");
        let mut seldom = Lines::new(Vec::new(), Duration::from_secs(3600));
        seldom.began("a.rating", "x", 0, None);
        let before = seldom.out.len();
        seldom.moved(1);
        assert_eq!(seldom.out.len(), before, "an hour has not passed");
    }
}
