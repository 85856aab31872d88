//! Ranks that no launcher of ours looks after: each is started by hand, or by torchrun.

use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use lawn_analysis::records::Outcome;

use crate::common::{folder, lawn, runs, said};
use crate::ranks::{
    children, endings, free_port, planned, signal, torchrun, trial, wait_for_checkpoint,
};

/// Ends of ranks come within this time.
const SOON: Duration = Duration::from_secs(30);

/// One rank, as its environment says it.
struct Told<'a> {
    run: &'a Path,
    index: &'a str,
    rank: u32,
    ranks: u32,
    port: u16,
}

impl Told<'_> {
    fn command(&self) -> Command {
        let mut command = lawn();
        command
            .arg("trial")
            .arg(self.run)
            .args(["--index", self.index])
            .env("OMP_NUM_THREADS", "1")
            .env("RANK", self.rank.to_string())
            .env("LOCAL_RANK", self.rank.to_string())
            .env("WORLD_SIZE", self.ranks.to_string())
            .env("MASTER_ADDR", "127.0.0.1")
            .env("MASTER_PORT", self.port.to_string());
        command
    }

    fn start(&self) -> Child {
        start(self.command())
    }
}

fn start(mut command: Command) -> Child {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts")
}

fn ends(child: Child) -> Output {
    child.wait_with_output().expect("it ends")
}

fn require(output: &Output, words: &[&str]) {
    let said = said(output);
    for word in words {
        assert!(said.contains(word), "{word:?} is not in: {said}");
    }
}

/// The only outcome of a run.
fn outcome(run: &Path) -> (Outcome, String) {
    let found = endings(run);
    assert_eq!(found.len(), 1);
    let ranks = found[0].ranks.as_ref().map(|ranks| ranks.world.len());
    assert_eq!(ranks, Some(2), "where each rank was");
    (
        found[0].outcome,
        found[0].detail.clone().unwrap_or_default(),
    )
}

#[test]
fn a_port_of_another_program_neither_hangs_a_rank_nor_keeps_it_from_being_stopped() {
    let (kept, run) = folder();
    planned(kept.path(), &run, 2);
    // The system takes connections, and nobody ever answers.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let told = |rank| Told {
        run: &run,
        index: "0",
        rank,
        ranks: 2,
        port: silent.local_addr().expect("it listens").port(),
    };
    let first = ends(told(0).start());
    assert!(!first.status.success());
    require(
        &first,
        &["could not meet the others", "Address already in use"],
    );
    assert!(!said(&first).contains("frame #"), "{}", said(&first));

    let second = told(1).start();
    // The first has tried once; the second looks whether somebody listens, and then asks.
    let _asked: Vec<_> = silent.incoming().take(3).collect();
    let since = Instant::now();
    signal("-TERM", second.id());
    let second = ends(second);
    assert!(since.elapsed() < SOON, "{:?}", since.elapsed());
    assert_eq!(second.status.code(), Some(130), "{}", said(&second));
}

/// Two ranks of a long trial, which have begun to train.
fn training(run: &Path) -> [Child; 2] {
    let port = free_port();
    let told = |rank| Told {
        run,
        index: "1",
        rank,
        ranks: 2,
        port,
    };
    let mut first = told(0).command();
    // What it tells of its progress is more than a pipe holds.
    first.stdin(Stdio::null()).stdout(Stdio::null());
    let first = first.stderr(Stdio::piped()).spawn().expect("lawn starts");
    let second = told(1).start();
    wait_for_checkpoint(run);
    [first, second]
}

#[test]
fn where_rank_0_is_killed_the_one_that_is_left_says_so_and_writes_the_outcome() {
    let (kept, run) = folder();
    planned(kept.path(), &run, 4000);
    let [first, second] = training(&run);
    let killed = Instant::now();
    signal("-KILL", first.id());
    let output = ends(second);
    assert!(killed.elapsed() < SOON);
    assert_eq!(output.status.code(), Some(3), "{}", said(&output));
    let event = r#"{"event":"ended","outcome":"crashed"}"#;
    require(&output, &["rank 1 ends: rank 0 is gone: ", event]);
    let (found, detail) = outcome(&run);
    assert_eq!(found, Outcome::Crashed);
    assert!(detail.starts_with("rank 0 is gone: "), "{detail}");
    ends(first);
    // It goes on from its checkpoint once it is asked for again.
    let listed = lawn().arg("trials").arg(&run).output();
    require(&listed.expect("lawn starts"), &["crashed"]);
}

#[test]
fn where_rank_0_hangs_the_one_that_is_left_writes_the_outcome_which_stays() {
    let (kept, run) = folder();
    planned(kept.path(), &run, 4000);
    let [first, second] = training(&run);
    let stopped = Instant::now();
    signal("-STOP", first.id());
    let output = ends(second);
    assert!(stopped.elapsed() < SOON);
    assert_eq!(output.status.code(), Some(3), "{}", said(&output));
    require(
        &output,
        &["rank 1 ends: rank 0 has given no sign of life for 2"],
    );
    let (found, detail) = outcome(&run);
    assert_eq!(found, Outcome::Crashed);
    assert!(
        detail.starts_with("rank 0 has given no sign of life"),
        "{detail}"
    );
    assert!(runs(first.id()), "whoever started it ends it");
    // It wakes up, finds its lease followed, and changes nothing.
    signal("-CONT", first.id());
    let output = ends(first);
    assert!(!output.status.success(), "{}", said(&output));
    assert_eq!(outcome(&run), (found, detail));
}

/// Its agent keeps the store, and tells the others to stop as soon as one has ended.
#[test]
fn where_torchrun_loses_rank_0_there_is_an_outcome_that_names_it() {
    let (kept, run) = folder();
    planned(kept.path(), &run, 4000);
    let Some(agent) = torchrun(&trial(&run, &[])) else {
        return;
    };
    let agent = start(agent);
    wait_for_checkpoint(&run);
    let is_first = |process: &u32| {
        let environment = std::fs::read(format!("/proc/{process}/environ")).unwrap_or_default();
        let mut variables = environment.split(|&byte| byte == 0);
        variables.any(|one| one == b"RANK=0")
    };
    let ranks = children(agent.id());
    let first = ranks.iter().find(|&process| is_first(process));
    let killed = Instant::now();
    signal("-KILL", *first.expect("rank 0 runs"));
    let output = ends(agent);
    assert!(killed.elapsed() < SOON);
    require(&output, &["rank 1 ends: rank 0 is gone: "]);
    let (found, detail) = outcome(&run);
    assert_eq!(found, Outcome::Crashed);
    assert!(detail.starts_with("rank 0 is gone: "), "{detail}");
}

/// All ranks say what differs, and nothing else; the trial is not at fault, and has no outcome.
#[test]
fn a_rank_of_another_trial_is_refused_by_what_differs() {
    let (kept, run) = folder();
    planned(kept.path(), &run, 2);
    let other = kept.path().join("other");
    let text = std::fs::read_to_string(kept.path().join("each.toml")).expect("it is there");
    let file = kept.path().join("other.toml");
    let text = text.replace("learning_rate = 1e-2", "learning_rate = 2e-2");
    std::fs::write(&file, text).expect("there is room");
    let mut plan = lawn();
    plan.arg("plan").arg(&file).arg("--no-calibrate");
    let output = plan.arg("--out").arg(&other).output().expect("lawn starts");
    assert!(output.status.success(), "{}", said(&output));
    let port = free_port();
    let ranks = [(0, &run), (1, &other)].map(|(rank, run)| {
        let (index, ranks) = ("1", 2);
        Told {
            run,
            index,
            rank,
            ranks,
            port,
        }
        .start()
    });
    for output in ranks.map(ends) {
        assert_eq!(output.status.code(), Some(2), "{}", said(&output));
        let line =
            "error: rank 1 trains another trial: optimizer.learning_rate 0.02, at rank 0 0.01\n";
        require(&output, &[line]);
    }
    for run in [&run, &other] {
        let listed = lawn().arg("trials").arg(run).output().expect("lawn starts");
        assert!(!said(&listed).contains("crashed"), "{}", said(&listed));
    }
}

#[test]
fn ranks_that_were_told_otherwise_name_it_at_once() {
    let (kept, run) = folder();
    planned(kept.path(), &run, 2);
    let since = Instant::now();
    let meet = |told: [(u32, u32); 2]| {
        let port = free_port();
        let ranks = told.map(|(rank, ranks)| {
            let index = "1";
            let run = &run;
            let child = Told {
                run,
                index,
                rank,
                ranks,
                port,
            }
            .start();
            // Of two that are the first, one has the port.
            std::thread::sleep(Duration::from_millis(500));
            child
        });
        ranks.map(ends)
    };
    for output in meet([(0, 2), (1, 3)]) {
        assert!(!output.status.success());
        require(
            &output,
            &[
                "that there are 2",
                "that there are 3",
                "and rank",
                "WORLD_SIZE must be the same",
            ],
        );
    }
    for output in meet([(0, 2), (0, 2)]) {
        assert!(!output.status.success());
        require(&output, &["rank 0 is there twice: process "]);
    }
    assert!(
        since.elapsed() < Duration::from_secs(30),
        "nobody waits for a meeting"
    );
    assert!(!run.join("trials").exists() || endings_are_none(&run));
}

fn endings_are_none(run: &Path) -> bool {
    let trials = std::fs::read_dir(run.join("trials")).expect("there are trials");
    let mut trials = trials.map(|one| one.expect("it can be listed").path());
    trials.all(|one| !one.join("outcome.json").exists())
}

#[test]
fn what_an_environment_says_by_half_is_refused_or_noted() {
    let (kept, run) = folder();
    planned(kept.path(), &run, 2);
    let output = trial(&run, &[]).env("RANK", "1").output();
    let output = output.expect("lawn starts");
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    require(&output, &["WORLD_SIZE is absent", "as RANK is there"]);

    let output = trial(&run, &[])
        .env("SLURM_NTASKS", "2")
        .env("SLURM_PROCID", "0")
        .output();
    let output = output.expect("lawn starts");
    assert!(output.status.success(), "{}", said(&output));
    require(
        &output,
        &["Slurm has given this job 2 tasks", "trains the trial alone"],
    );

    let port = free_port();
    let ranks = [0, 1].map(|rank| {
        let (index, ranks) = ("0", 2);
        let run = &run;
        let mut command = Told {
            run,
            index,
            rank,
            ranks,
            port,
        }
        .command();
        command.args(["--ranks", "4"]);
        start(command)
    });
    let [first, second] = ranks.map(ends);
    assert!(first.status.success() && second.status.success());
    require(
        &first,
        &[
            "2 ranks were started by torchrun or srun",
            "--ranks says 4, and is not heeded",
        ],
    );
    assert!(!said(&second).contains("not heeded"), "it is said once");
}

#[test]
fn a_plan_makes_the_run_that_trials_by_hand_are_of() {
    let (kept, run) = folder();
    let (file, again) = (
        kept.path().join("small.toml"),
        kept.path().join("again.toml"),
    );
    std::fs::write(&file, crate::common::SMALL).expect("there is room");
    let plan = |file: &Path| {
        let mut command = lawn();
        command
            .arg("plan")
            .arg(file)
            .args(["--no-calibrate", "--ranks", "2", "--out"]);
        command.arg(&run).output().expect("lawn starts")
    };
    let output = plan(&file);
    assert!(output.status.success(), "{}", said(&output));
    require(
        &output,
        &[
            "2 trials planned in ",
            "lawn trial ",
            " --index K` one of them",
        ],
    );
    assert!(!run.join("trials").exists(), "nothing is trained");
    // Planned once more it is the same, and another plan takes the place of none.
    assert!(plan(&file).status.success());
    let other = crate::common::SMALL.replace("seeds = [1, 2]", "seeds = [1, 3]");
    std::fs::write(&again, other).expect("there is room");
    let output = plan(&again);
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));

    let trained = trial(&run, &[]).output().expect("lawn starts");
    assert!(trained.status.success(), "{}", said(&trained));
    // The ranks of the plan are those of the file: the trial was told of none.
    assert!(endings(&run)[0].ranks.is_none());
    let output = lawn().arg("sweep").arg(&run).arg("--quiet").output();
    let output = output.expect("lawn starts");
    assert!(output.status.success(), "{}", said(&output));
    assert_eq!(endings(&run).len(), 2);
}
