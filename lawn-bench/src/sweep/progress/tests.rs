//! What the views draw of a sequence of events, at times that the tests give.

use std::cell::Cell;
use std::io::Write;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use indicatif::InMemoryTerm;
use lawn_analysis::records::Outcome;

use super::bars::Bars;
use super::events::Events;
use super::lines::Lines;
use super::*;
use crate::config::parse;

/// Two tuning trials and two of confirmation, all of one cell.
const SWEEP: &str = r#"
name = "small"
batch_sizes = [4096]

[tasks.feedback]
kind = "ncf"
generated = { users = 60, items = 220, interactions = 10 }

[budget]
steps = 100

[arms.adam-lawn-row]
rule = "adam"
lawn = true
free_fraction = 0.5

[arms.adam-lawn-row.grid]
learning_rate = [1e-3, 1e-2]

[confirmation]
seeds = [1, 2]
"#;

/// A clock that stands still until it is told to go on.
#[derive(Clone)]
struct Hands(Rc<Cell<Instant>>);

impl Hands {
    fn new() -> Self {
        Self(Rc::new(Cell::new(Instant::now())))
    }

    fn clock(&self) -> tally::Clock {
        let hands = self.0.clone();
        Box::new(move || hands.get())
    }

    fn go_on(&self, seconds: f64) {
        self.0.set(self.0.get() + Duration::from_secs_f64(seconds));
    }
}

/// What was written, for another to read.
#[derive(Clone, Default)]
struct Sink(Arc<Mutex<Vec<u8>>>);

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("nobody panicked").write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Sink {
    /// The text since the last look.
    fn take(&self) -> String {
        let bytes = std::mem::take(&mut *self.0.lock().expect("nobody panicked"));
        String::from_utf8(bytes).expect("it is text")
    }
}

fn plan() -> Plan {
    let sweep = parse("small.toml", SWEEP).unwrap_or_else(|error| panic!("{error}"));
    Plan::new(sweep, Default::default())
}

fn run() -> RunDir {
    RunDir::new("runs/small")
}

/// An end with a validation metric.
fn ok(plan: &Plan, score: f64) -> Ending {
    let text = r#"{"outcome":"ok","detail":null,"summary":{"epochs":1.0,"steps":1,"samples":1,
        "measurements":[{"split":"validation","metric":"METRIC","value":SCORE}],"train_loss":0.5}}"#;
    let metric = plan.metric("feedback").expect("there is such a task");
    let text = text.replace("METRIC", metric);
    serde_json::from_str(&text.replace("SCORE", &score.to_string())).expect("an ending")
}

fn crashed() -> Ending {
    Ending::failed(Outcome::Crashed, "exit code 17; no such thing\nand more")
}

/// Nothing is over yet.
const NOTHING: [Option<Ending>; 4] = [const { None }; 4];

fn step(step: u64) -> Event {
    Event::Progress { step, steps: 100 }
}

/// What a test of bars looks at: a terminal of 20 lines, and the columns that it says it has.
struct Scene {
    plan: Plan,
    run: RunDir,
    hands: Hands,
    terminal: InMemoryTerm,
    columns: Rc<Cell<usize>>,
}

impl Scene {
    fn new(columns: usize) -> Self {
        Self {
            plan: plan(),
            run: run(),
            hands: Hands::new(),
            terminal: InMemoryTerm::new(20, 100),
            columns: Rc::new(Cell::new(columns)),
        }
    }

    /// Bars of two workers.
    fn bars(&self, outcomes: &[Option<Ending>]) -> Progress<'_> {
        let tally = Tally::new(
            (&self.plan, &Only::default()),
            outcomes,
            [2, 2],
            self.hands.clock(),
        );
        let target = ProgressDrawTarget::term_like(Box::new(self.terminal.clone()));
        let columns = self.columns.clone();
        let view = Box::new(Bars::new(&tally, target, Box::new(move || columns.get())));
        Progress {
            run: &self.run,
            tally,
            view,
        }
    }
}

/// What the terminal shows, line by line, each bar as the eighths that it is full.
fn shown(terminal: &InMemoryTerm) -> Vec<String> {
    let eighths = |line: &str| {
        let bar = line.split_once('[')?;
        let (inside, after) = bar.1.split_once(']')?;
        let full = inside.matches(['=', '>']).count() * 8 / inside.len();
        Some(format!("{}[{full}/8]{after}", bar.0))
    };
    let contents = terminal.contents();
    let lines = contents.lines();
    lines
        .map(|line| eighths(line).unwrap_or_else(|| line.to_owned()))
        .collect()
}

#[test]
fn bars_show_speed_time_left_failures_and_the_best() {
    let scene = Scene::new(100);
    let mut progress = scene.bars(&NOTHING);
    let Scene {
        plan,
        run,
        hands,
        terminal,
        ..
    } = &scene;
    let started = Event::Started {
        resumed_step: 0,
        steps: 100,
    };
    for worker in [0, 1] {
        progress.began(worker, worker);
        progress.event(worker, worker, &started);
    }
    // Nobody knows how long that takes.
    assert_eq!(
        shown(terminal),
        [
            "0 of 4 trials [0/8]   0%  0 s",
            "  tune adam-lawn-row · batch 4096 · setting 0 [0/8]   0%",
            "  tune adam-lawn-row · batch 4096 · setting 1 [0/8]   0%",
        ]
    );

    // Two seconds to the first steps, then 20 a second: 7 s a trial. The other worker's has 3
    // left, and two more wait: (2.5 + 3 + 2 · 7) / 2 workers.
    hands.go_on(2.0);
    progress.event(0, 0, &step(10));
    hands.go_on(2.0);
    progress.event(0, 0, &step(50));
    assert_eq!(
        shown(terminal),
        [
            "0 of 4 trials [1/8]  12%  4 s, about 9 s left",
            "  tune adam-lawn-row · batch 4096 · setting 0 [4/8]  50%  20/s, 2 s",
            "  tune adam-lawn-row · batch 4096 · setting 1 [0/8]   0%",
        ]
    );

    hands.go_on(61.0);
    progress.ended(Some(0), 0, &ok(plan, 0.25));
    let best = "  best adam-lawn-row  4096: 0.2500";
    assert_eq!(
        shown(terminal),
        [
            "1 of 4 trials [2/8]  25%  1 min 05 s, about 7 s left",
            "  idle                                        [0/8]   0%",
            "  tune adam-lawn-row · batch 4096 · setting 1 [0/8]   0%",
            best,
        ]
    );

    progress.ended(Some(1), 1, &crashed());
    let folder = run.trial(&plan.trials[1].id).root().display().to_string();
    let failure = format!(
        "crashed  tune adam-lawn-row · batch 4096 · setting 1: \
         exit code 17; no such thing (files: {folder})"
    );
    let lines = shown(terminal);
    assert_eq!(
        lines[..2].concat(),
        failure,
        "over two lines of the terminal"
    );
    assert_eq!(
        lines[2..],
        [
            "2 of 4 trials, 1 failed [4/8]  50%  1 min 05 s, about 7 s left",
            "  idle                                        [0/8]   0%",
            "  idle                                        [0/8]   0%",
            best,
        ]
    );
    // What failed stays to be read, bars do not.
    progress.finish();
    assert_eq!(shown(terminal).concat(), failure);
}

#[test]
fn bars_go_on_where_an_earlier_launch_and_a_stopped_trial_left_off() {
    let scene = Scene::new(100);
    let Scene {
        plan,
        hands,
        terminal,
        ..
    } = &scene;
    let mut progress = scene.bars(&[Some(ok(plan, 0.25)), None, None, None]);
    let idle = "  idle                                        [0/8]   0%";
    let resumed = Event::Started {
        resumed_step: 40,
        steps: 100,
    };
    progress.began(0, 1);
    progress.event(0, 1, &resumed);
    hands.go_on(1.0);
    progress.event(0, 1, &step(60));
    hands.go_on(1.0);
    progress.event(0, 1, &step(80));
    // Steps of an earlier process are done, and not this one's speed. A whole trial takes a
    // second to begin, and 5 for its steps: (1 + 2 · 6) / 2 workers.
    let best = "  best adam-lawn-row  4096: 0.2500";
    let lines = shown(terminal);
    assert_eq!(lines[0], "1 of 4 trials [3/8]  45%  2 s, about 6 s left");
    let running = "  tune adam-lawn-row · batch 4096 · setting 1 [6/8]  80%  20/s, 1 s";
    assert_eq!(lines[1], running);
    assert_eq!(lines[3], best);

    // A stop is said and counts as nothing; the trial runs again, and better.
    progress.stopped(0, 1);
    let lines = shown(terminal);
    assert_eq!(
        lines[0],
        "stopped  tune adam-lawn-row · batch 4096 · setting 1"
    );
    assert_eq!(lines[2..4], [idle, idle]);
    progress.began(1, 1);
    progress.event(1, 1, &step(90));
    progress.ended(Some(1), 1, &ok(plan, 0.5));
    let lines = shown(terminal);
    assert!(lines[1].starts_with("2 of 4 trials ["), "{}", lines[1]);
    assert_eq!(lines[4], "  best adam-lawn-row  4096: 0.5000");
}

#[test]
fn names_are_as_wide_as_the_terminal_allows() {
    let scene = Scene::new(76);
    let mut progress = scene.bars(&NOTHING);
    progress.began(0, 0);
    progress.began(1, 1);
    let name = |line: usize| {
        let line = shown(&scene.terminal).swap_remove(line);
        line.split('[').next().expect("a part").to_owned()
    };
    assert_eq!(name(1), "  tune adam-l…· batch 4096 · setting 0 ");
    assert_eq!(name(2), "  tune adam-l…· batch 4096 · setting 1 ");
    // A terminal that is made wider shows more of every name with the next event.
    scene.columns.set(100);
    progress.event(0, 0, &step(10));
    assert_eq!(name(1), "  tune adam-lawn-row · batch 4096 · setting 0 ");
    assert_eq!(name(2), "  tune adam-lawn-row · batch 4096 · setting 1 ");
    scene.columns.set(20);
    progress.event(0, 0, &step(20));
    assert_eq!(name(2), "  tun…etting 1 ");
}

#[test]
fn lines_say_what_is_over_and_how_long_the_rest_takes() {
    let (plan, run, hands, written) = (plan(), run(), Hands::new(), Sink::default());
    let tally = Tally::new((&plan, &Only::default()), &NOTHING, [2, 2], hands.clock());
    let view = Box::new(Lines::new(written.clone()));
    let mut progress = Progress {
        run: &run,
        tally,
        view,
    };
    progress.began(0, 0);
    progress.began(1, 1);
    progress.event(0, 0, &step(10));
    assert_eq!(written.take(), "", "steps are not worth a line");
    let notice = lawn_models::Notice::LogDamaged {
        kept_as: "log.jsonl.damaged".into(),
        reason: "line 3".into(),
    };
    let said = notice.to_string();
    progress.event(1, 1, &Event::Noticed { notice });
    let id = &plan.trials[1].id;
    assert_eq!(written.take(), format!("trial {id}: {said}\n"));

    hands.go_on(60.0);
    progress.ended(Some(0), 0, &ok(&plan, 0.25));
    assert_eq!(
        written.take(),
        "1/4 ok  tune adam-lawn-row · batch 4096 · setting 0  hr@10 0.2500  best so far  about 1 min 00 s left\n"
    );
    progress.stopped(1, 1);
    assert_eq!(
        written.take(),
        "stopped  tune adam-lawn-row · batch 4096 · setting 1\n"
    );
    progress.began(1, 1);
    hands.go_on(60.0);
    progress.ended(Some(1), 1, &crashed());
    let folder = run.trial(id).root().display().to_string();
    assert_eq!(
        written.take(),
        format!(
            "2/4 crashed  tune adam-lawn-row · batch 4096 · setting 1  about 1 min 00 s left\n  \
             exit code 17; no such thing (files: {folder})\n"
        )
    );
    // The best of seeds is luck, and the last trial leaves no time.
    progress.ended(None, 2, &ok(&plan, 0.5));
    let line = "3/4 ok  confirm adam-lawn-row · batch 4096 · seed 1  hr@10 0.5000  (run by another launcher)";
    assert!(written.take().starts_with(line));
    progress.ended(None, 3, &ok(&plan, 0.75));
    assert_eq!(
        written.take(),
        "4/4 ok  confirm adam-lawn-row · batch 4096 · seed 2  hr@10 0.7500  (run by another launcher)\n"
    );
}

#[test]
fn events_say_all_of_a_trial_by_its_names() {
    let (plan, run, hands, written) = (plan(), run(), Hands::new(), Sink::default());
    let before = [Some(ok(&plan, 0.25)), None, None, None];
    let tally = Tally::new((&plan, &Only::default()), &before, [2, 2], hands.clock());
    let view = Box::new(Events::new(written.clone(), &run, &tally));
    let mut progress = Progress {
        run: &run,
        tally,
        view,
    };
    let said = || -> Vec<serde_json::Value> {
        let text = written.take();
        let read = |line| serde_json::from_str(line).expect("an object a line");
        text.lines().map(read).collect()
    };
    let first = said().remove(0);
    assert_eq!(
        (&first["event"], &first["schema"]),
        (&"sweep".into(), &1.into())
    );
    assert_eq!((&first["trials"], &first["left"]), (&4.into(), &3.into()));
    assert_eq!(
        (&first["run"], &first["workers"]),
        (&"runs/small".into(), &2.into())
    );

    progress.say("a line");
    progress.began(1, 1);
    progress.event(1, 1, &step(10));
    hands.go_on(2.0);
    progress.event(1, 1, &step(50));
    progress.stopped(1, 1);
    progress.began(0, 1);
    progress.ended(Some(0), 1, &crashed());
    progress.ended(None, 2, &ok(&plan, 0.5));
    let events = said();
    let names: Vec<_> = events
        .iter()
        .filter_map(|event| event["event"].as_str())
        .collect();
    let expected = "note trial-started trial-progress trial-progress trial-stopped trial-started \
                    trial-ended trial-ended";
    assert_eq!(names.join(" "), expected);
    assert!(events.iter().all(|event| event["unix_seconds"].is_f64()));
    assert_eq!(events[0]["line"], "a line");
    let trial = &plan.trials[1];
    for (event, worker) in events[1..7].iter().zip([1, 1, 1, 1, 0, 0]) {
        assert_eq!(event["trial"], trial.id.as_str());
        assert_eq!(
            (&event["index"], &event["worker"]),
            (&1.into(), &worker.into())
        );
        assert_eq!(
            (&event["arm"], &event["task"]),
            (&"adam-lawn-row".into(), &"feedback".into())
        );
        assert_eq!(
            (&event["batch_size"], &event["stage"]),
            (&4096.into(), &"tune".into())
        );
        assert_eq!((&event["setting"], &event["rung"]), (&1.into(), &0.into()));
        assert_eq!(event["seed"], trial.seed);
    }
    assert!(events[2]["steps_per_second"].is_null(), "nobody knows yet");
    assert_eq!(
        (&events[3]["step"], &events[3]["steps"]),
        (&50.into(), &100.into())
    );
    assert_eq!(events[3]["steps_per_second"], 20.0);
    assert_eq!(events[3]["seconds_left"], 2.5);
    let crash = &events[6];
    assert_eq!(
        (&crash["outcome"], &crash["is_best"]),
        (&"crashed".into(), &false.into())
    );
    assert!(
        crash["detail"]
            .as_str()
            .is_some_and(|detail| detail.contains("exit code 17"))
    );
    let folder = run.trial(&trial.id).root().display().to_string();
    assert_eq!(crash["folder"], folder);
    assert_eq!(
        (&crash["done"], &crash["failed"], &crash["total"]),
        (&1.into(), &1.into(), &3.into())
    );
    // The trial that was over before counts in the whole plan.
    assert_eq!((&crash["all_done"], &crash["all"]), (&2.into(), &4.into()));
    // One that another launcher ran; the best of seeds is luck.
    let other = &events[7];
    assert!(
        other["worker"].is_null() && other["setting"].is_null(),
        "{other}"
    );
    assert_eq!(
        (&other["stage"], &other["is_best"]),
        (&"confirm".into(), &false.into())
    );
    assert_eq!((&other["done"], &other["failed"]), (&2.into(), &1.into()));
    assert_eq!(
        (&other["metric"], &other["score"]),
        (&"hr@10".into(), &0.5.into())
    );
    assert_eq!(other["steps_per_second"], 20.0);
}
