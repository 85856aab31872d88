//! Whole sweeps through a real Slurm and a real Ray, with records equal to a local run's bit
//! for bit. They are ignored by a plain `cargo test`; `just test-engines` starts what they
//! need and runs them.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use crate::common::timeless;
use lawn_analysis::records::Outcome;
use lawn_bench::engine::ray::{Client, Submission, SubmitReply};
use lawn_bench::plan::Plan;
use lawn_bench::run::run_dir::RunDir;
use serde_json::Value;

const TINY: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/command/sweeps/tiny.toml"
);

/// A sweep must be over by then, on a busy machine too.
const PATIENCE: Duration = Duration::from_secs(300);

fn lawn(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_lawn"))
        .args(arguments)
        .env_remove("LAWN_DATA")
        .output()
        .expect("lawn starts")
}

/// Standard output of a command that must succeed.
fn succeeded(output: &Output) -> String {
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}{stderr}");
    said
}

fn run(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    succeeded(&output.unwrap_or_else(|error| panic!("{program}: {error}")))
}

fn text(path: &Path) -> &str {
    path.to_str().expect("temporary folders are text")
}

/// Asks `what` until it has an answer.
fn wait_for<T>(name: &str, mut what: impl FnMut() -> Option<T>) -> T {
    let since = Instant::now();
    loop {
        if let Some(answer) = what() {
            return answer;
        }
        assert!(since.elapsed() < PATIENCE, "{name} never came");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn status(run: &Path) -> Value {
    let said = succeeded(&lawn(&["status", text(run), "--json"]));
    serde_json::from_str(&said).expect("status is JSON")
}

/// The folders of `run`'s submissions.
fn submissions(run: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(run.join("engine/slurm"))
        .into_iter()
        .flatten();
    let mut folders: Vec<PathBuf> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.join("submission.json").exists())
        .collect();
    folders.sort();
    folders
}

fn submission(folder: &Path) -> Value {
    let text = std::fs::read_to_string(folder.join("submission.json")).expect("it is there");
    serde_json::from_str(&text).expect("it is JSON")
}

/// Process ids whose command line holds all of `words`, and their parents.
fn processes(words: &[&str]) -> Vec<(u32, u32)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc")
        .expect("there is /proc")
        .flatten()
    {
        let Some(process) = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse().ok())
        else {
            continue;
        };
        let read = |name: &str| std::fs::read(entry.path().join(name)).unwrap_or_default();
        let line = read("cmdline");
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        let stat = read("stat");
        let stat = String::from_utf8_lossy(&stat).into_owned();
        // "pid (name) state parent …"
        let parent = stat
            .rsplit(')')
            .next()
            .and_then(|rest| rest.split_whitespace().nth(1));
        if words.iter().all(|word| line.contains(word))
            && let Some(parent) = parent.and_then(|parent| parent.parse().ok())
        {
            found.push((process, parent));
        }
    }
    found
}

/// The index that a trial's process was asked for.
fn index_of(process: u32) -> Option<usize> {
    let line = std::fs::read_to_string(format!("/proc/{process}/cmdline")).ok()?;
    let mut words = line.split('\0').skip_while(|word| *word != "--index");
    words.nth(1)?.parse().ok()
}

/// Whether the trial at `index` of the run has an outcome.
fn is_over(run: &Path, index: usize) -> bool {
    let run = RunDir::new(run);
    let plan = Plan::read(&run).expect("there is a plan");
    run.trial(&plan.trials[index].id).outcome().exists()
}

/// A task of the run that Slurm runs now, as ARRAY_TASK, and its trial's index.
fn running_task(run: &Path) -> Option<(String, u64)> {
    let status = status(run);
    let tasks = status["slurm"]["tasks"].as_array()?;
    let task = tasks.iter().find(|task| task["state"] == "RUNNING")?;
    Some((task["job"].as_str()?.to_owned(), task["index"].as_u64()?))
}

#[test]
#[ignore = "needs Slurm: just test-engines"]
fn slurm_trains_what_a_local_run_trains_through_kill_and_requeue() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let local = folder.path().join("local");
    // A blank in the path: scripts must quote it.
    let remote = folder.path().join("a run");
    succeeded(&lawn(&["sweep", TINY, "--out", text(&local), "--quiet"]));

    let sweep = ["sweep", TINY, "--out", text(&remote), "--engine", "slurm"];
    succeeded(&lawn(&[&sweep[..], &["--dry-run"]].concat()));
    assert!(!remote.exists(), "a dry run leaves nothing");
    succeeded(&lawn(&sweep));
    // MaxArraySize is 10 here, and 16 trials are tuned: 10, 6, and the job that goes on.
    let sizes: Vec<usize> = submissions(&remote)
        .iter()
        .map(|folder| {
            submission(folder)["trials"]
                .as_array()
                .expect("a list")
                .len()
        })
        .collect();
    assert_eq!(sizes, [10, 6, 0]);
    // Asked again, nothing is submitted twice.
    succeeded(&lawn(&sweep));
    assert_eq!(submissions(&remote).len(), 3);

    // All of a job is killed: shell and trial.
    let needle = [" trial ", text(&remote), "--index"];
    wait_for("a trial that is killed before its end", || {
        let (trial, shell) = processes(&needle).first().copied()?;
        let index = index_of(trial)?;
        // It may be gone by now, and then another is looked for.
        let _ = Command::new("kill")
            .args(["-9", &shell.to_string(), &trial.to_string()])
            .output();
        (!is_over(&remote, index)).then_some(())
    });

    // Another is taken away and given back.
    let (task, index) = wait_for("a running task", || running_task(&remote));
    run("scontrol", &["requeue", &task]);
    let status_of = |task: &str| {
        let output = run("squeue", &["--noheader", "--format=%T %r", "--jobs", task]);
        output.trim().to_owned()
    };
    wait_for("the requeued task", || {
        status_of(&task).contains("BeginTime").then_some(())
    });
    // Slurm would let it wait for two minutes.
    run(
        "scontrol",
        &["update", &format!("jobid={task}"), "starttime=now"],
    );

    let report = remote.join("report/report.html");
    wait_for("the report", || report.exists().then_some(()));
    assert_eq!(timeless(&remote), timeless(&local));
    let trained: Vec<Outcome> = timeless(&remote)
        .trials
        .iter()
        .map(|it| it.outcome)
        .collect();
    assert_eq!(trained, vec![Outcome::Ok; 32]);
    // The killed trial was submitted once more, the requeued one was not.
    let times = |index: u64| {
        let all = submissions(&remote);
        let listed = all.iter().filter(|folder| {
            let trials = submission(folder)["trials"]
                .as_array()
                .expect("a list")
                .clone();
            trials.iter().any(|trial| trial.as_u64() == Some(index))
        });
        listed.count()
    };
    assert_eq!((0..32).filter(|&index| times(index) == 2).count(), 1);
    assert_eq!(times(index), 1);
    wait_for("the last job's end", || {
        (status(&remote)["slurm"]["next"].is_null()).then_some(())
    });
}

#[test]
#[ignore = "needs Slurm: just test-engines"]
fn slurm_trains_a_trial_on_two_ranks_through_kill_and_requeue() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("ranks.toml");
    let sweep = r#"
        name = "ranks"
        batch_sizes = [64]
        budget.epochs = 60
        confirmation.seeds = [1, 2]
        resources = { ranks = 2, checkpoint_seconds = 1 }
        [tasks.feedback]
        kind = "ncf"
        generated = { users = 120, items = 220, interactions = 12 }
        [arms.adam-lawn]
        rule = "adam"
        lawn = true
        free_fraction = 0.5
        learning_rate = 1e-2
    "#;
    std::fs::write(&file, sweep).expect("there is room");
    let [local, remote] = ["local", "a run"].map(|name| folder.path().join(name));
    succeeded(&lawn(&[
        "sweep",
        text(&file),
        "--out",
        text(&local),
        "--quiet",
    ]));
    let sweep = [
        "sweep",
        text(&file),
        "--out",
        text(&remote),
        "--engine",
        "slurm",
    ];
    succeeded(&lawn(&sweep));

    // The processes of a task's trial that are of this rank, two of which have begun to train.
    let ranks_of = |task_index: usize, rank: u32| -> Option<u32> {
        let plan = Plan::read(&RunDir::new(&remote)).expect("there is a plan");
        let dir = RunDir::new(&remote).trial(&plan.trials[task_index].id);
        let needle = [" trial ", text(&remote), "--index"];
        let found = processes(&needle).into_iter().map(|(process, _)| process);
        let mut of_rank = found.filter(|one| {
            let environment = std::fs::read(format!("/proc/{one}/environ")).unwrap_or_default();
            let mut variables = environment.split(|&byte| byte == 0);
            let own = format!("SLURM_PROCID={rank}");
            index_of(*one) == Some(task_index) && variables.any(|one| one == own.as_bytes())
        });
        of_rank.next().filter(|_| dir.checkpoint().exists())
    };
    // One trial is taken away and given back.
    let (task, index) = wait_for("a running task", || running_task(&remote));
    let index = usize::try_from(index).expect("an index");
    wait_for("two ranks", || ranks_of(index, 0).and(ranks_of(index, 1)));
    run("scontrol", &["requeue", &task]);
    wait_for("the requeued task", || {
        let output = run("squeue", &["--noheader", "--format=%T %r", "--jobs", &task]);
        output.contains("BeginTime").then_some(())
    });
    // Of another, which has the processors by now, a rank is killed: it ends on both. The pass behind
    // all tasks makes an outcome of it.
    let killed = 1 - index;
    let second = wait_for("rank 1", || ranks_of(killed, 1));
    let since = Instant::now();
    run("kill", &["-9", &second.to_string()]);
    wait_for("the end of both", || {
        let is_over = [0, 1].iter().all(|&rank| ranks_of(killed, rank).is_none());
        is_over.then_some(())
    });
    assert!(since.elapsed() < Duration::from_secs(30));
    run(
        "scontrol",
        &["update", &format!("jobid={task}"), "starttime=now"],
    );
    let report = remote.join("report/report.html");
    wait_for("the report", || report.exists().then_some(()));
    let trials = timeless(&remote).trials;
    let failed = trials.iter().filter(|trial| trial.outcome != Outcome::Ok);
    let failed: Vec<&str> = failed.filter_map(|trial| trial.detail.as_deref()).collect();
    assert_eq!(failed.len(), 1, "{failed:?}");
    // Who notices first is the other rank, or srun, which ends the step.
    let is_named = ["rank 1 is gone", "task 1: Killed"].map(|words| failed[0].contains(words));
    assert!(is_named.contains(&true), "{failed:?}");
    // It goes on from its checkpoint, here as there, and nothing of it is lost.
    succeeded(&lawn(&["retry", text(&remote), "--outcome", "crashed"]));
    succeeded(&lawn(&["sweep", text(&remote), "--quiet"]));
    assert_eq!(timeless(&remote), timeless(&local));
}

#[test]
#[ignore = "needs Slurm: just test-engines"]
fn slurm_warns_before_the_time_is_up_and_the_trial_goes_on() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let run_dir = folder.path().join("run");
    let file = folder.path().join("long.toml");
    let long = "\
name = \"long\"
batch_sizes = [64]

[tasks.feedback]
kind = \"ncf\"
model = \"gmf\"
generated = { users = 60, items = 220, interactions = 10 }

[budget]
epochs = 400

[arms.sgd]
rule = \"sgd\"
learning_rate = 0.1

[confirmation]
seeds = [1]
";
    std::fs::write(&file, long).expect("it can be written");
    let local = folder.path().join("local");
    succeeded(&lawn(&[
        "sweep",
        text(&file),
        "--out",
        text(&local),
        "--quiet",
    ]));
    succeeded(&lawn(&[
        "sweep",
        text(&file),
        "--out",
        text(&run_dir),
        "--engine",
        "slurm",
    ]));
    let trial = wait_for("the trial", || {
        let trials = std::fs::read_dir(run_dir.join("trials")).ok()?;
        let trial = trials.flatten().next()?.path();
        trial.join("log.jsonl").exists().then_some(trial)
    });
    let (task, _) = wait_for("the task", || running_task(&run_dir));
    // What Slurm does by `--signal=B:USR1@60`.
    run("scancel", &["--batch", "--signal=USR1", &task]);
    let outcome = wait_for("an outcome", || {
        std::fs::read_to_string(trial.join("outcome.json")).ok()
    });
    assert!(outcome.contains("preempted"), "{outcome}");
    // The job has put itself back.
    wait_for("the requeued task", || {
        run("squeue", &["--noheader", "--format=%r", "--jobs", &task])
            .contains("BeginTime")
            .then_some(())
    });
    run(
        "scontrol",
        &["update", &format!("jobid={task}"), "starttime=now"],
    );
    let report = run_dir.join("report/report.html");
    wait_for("the report", || report.exists().then_some(()));
    assert_eq!(timeless(&run_dir), timeless(&local));
}

fn start_with_ray(run: &Path) -> Child {
    Command::new(env!("CARGO_BIN_EXE_lawn"))
        .args(["sweep", TINY, "--out", text(run), "--engine", "ray"])
        .env_remove("LAWN_DATA")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("lawn starts")
}

#[test]
#[ignore = "needs Ray: just test-engines"]
fn ray_trains_what_a_local_run_trains_though_the_launcher_is_killed() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (local, remote) = (folder.path().join("local"), folder.path().join("a run"));
    succeeded(&lawn(&["sweep", TINY, "--out", text(&local), "--quiet"]));

    let mut launcher = start_with_ray(&remote);
    let needle = [" trial ", text(&remote), "--index"];
    wait_for("a trial", || processes(&needle).first().copied());
    launcher.kill().expect("it is running");
    launcher.wait().expect("it was killed");

    let sweep = ["sweep", text(&remote), "--engine", "ray", "--quiet"];
    succeeded(&lawn(&sweep));
    assert_eq!(timeless(&remote), timeless(&local));
    assert_eq!(timeless(&remote).trials.len(), 32);
}

#[test]
#[ignore = "needs Ray: just test-engines"]
fn ray_refuses_an_id_that_it_has_seen() {
    let client = Client::new(None).expect("RAY_ADDRESS says where Ray is");
    let submission = Submission {
        submission_id: format!("twice-{}", std::process::id()),
        entrypoint: "exit 17".into(),
        entrypoint_num_cpus: 1.0,
        entrypoint_num_gpus: None,
        entrypoint_memory: None,
    };
    assert_eq!(
        client.submit(&submission).expect("Ray answers"),
        SubmitReply::New
    );
    let again = client.submit(&submission).expect("Ray answers");
    assert!(matches!(again, SubmitReply::There(_)), "{again:?}");
    let job = wait_for("the end of the job", || {
        let job = client
            .job(&submission.submission_id)
            .expect("Ray answers")?;
        job.status.is_over().then_some(job)
    });
    assert_eq!(job.driver_exit_code, Some(17));
    assert_eq!(client.job("never-submitted").expect("Ray answers"), None);
}
