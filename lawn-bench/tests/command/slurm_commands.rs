//! The Slurm engine against commands that only look like Slurm's: what it asks for, what it
//! says when they fail, and that nothing is submitted twice or lost. `engines.rs` has the
//! real ones.

use std::process::Command;

use crate::common::site::{Site, fails, said};
use lawn_bench::run::document;
use serde_json::{Value, json};

#[test]
fn what_is_in_the_queue_is_not_submitted_twice() {
    let site = Site::new("");
    let first = site.sweep(&[]);
    assert!(first.status.success(), "{}", said(&first));
    assert_eq!(site.submitted(), 2, "an array and the job that goes on");
    assert_eq!(site.submission(1)["trials"], json!([0, 1, 2]));
    assert_eq!(site.submission(1)["job"], 101);

    site.queue_holds(&[1, 2]);
    let second = site.sweep(&[]);
    assert!(second.status.success(), "{}", said(&second));
    assert_eq!(site.submitted(), 2);

    // A kill between `sbatch` and the record: the queue knows the job by its name.
    let path = site.submission_folder(1).join("submission.json");
    let mut record: Value = document::read(&path, 1..=1).expect("it is a record");
    record["job"] = Value::Null;
    record.as_object_mut().expect("it is one").remove("schema");
    document::write(&path, 1, &record).expect("it can be written");
    assert!(site.submission(1)["job"].is_null());
    site.submits();
    assert_eq!(site.submitted(), 2);
    assert_eq!(site.submission(1)["job"], 101);

    // The job that goes on is gone: another is submitted, and only that.
    site.queue_holds(&[1]);
    site.submits();
    assert_eq!(site.submitted(), 3);
    let next = std::fs::read_to_string(site.submission_folder(3).join("job.sh"));
    let next = next.expect("its script is there");
    assert!(
        next.contains("#SBATCH --dependency=afterany:101\n"),
        "{next}"
    );
}

#[test]
fn status_joins_the_queue_with_the_records() {
    let site = Site::new("");
    site.submits();
    site.queue_holds(&[1, 2]);
    let text = said(&site.lawn(&["status", "run"]));
    for word in ["3 pending (3 Priority)", "0 running", "job 102 goes on"] {
        assert!(text.contains(word), "{word:?} is not in:\n{text}");
    }
    let status: Value =
        serde_json::from_slice(&site.lawn(&["status", "run", "--json"]).stdout).expect("JSON");
    assert_eq!(status["slurm"]["tasks"][2]["job"], "101_2");
    assert_eq!(status["slurm"]["tasks"][2]["index"], 2);

    // The job that goes on is over, and says why it is the last one.
    site.queue_holds(&[1]);
    let log = site.submission_folder(2).join("log.txt");
    let text = said(&site.lawn(&["status", "run"]));
    assert!(!text.contains("failed"), "it did not begin:\n{text}");
    std::fs::write(
        &log,
        "error: a first time\nnote\nerror: plan.json is damaged: line 3\n",
    )
    .expect("there is room");
    let text = said(&site.lawn(&["status", "run"]));
    let failed = format!(
        "no job goes on after them\n  the last one failed: plan.json is damaged: line 3 (log: {})",
        log.strip_prefix(site.folder.path())
            .expect("it is there")
            .display()
    );
    assert!(text.contains(&failed), "{failed:?} is not in:\n{text}");
    // One that follows it is no longer the last.
    site.queue_holds(&[1, 2]);
    let text = said(&site.lawn(&["status", "run"]));
    assert!(!text.contains("failed"), "{text}");

    // A queue that does not answer is no reason to keep what the run's own files say.
    site.command(
        "squeue",
        "echo 'slurm_load_jobs error: Unable to contact' >&2; exit 1",
    );
    let output = site.lawn(&["status", "run"]);
    assert!(output.status.success());
    let text = said(&output);
    assert!(
        text.contains("0 of 3") && text.contains("Unable to contact"),
        "{text}"
    );
}

#[test]
fn a_command_that_fails_is_named_with_its_code_and_words() {
    let site = Site::new("");
    site.command(
        "sbatch",
        "echo 'sbatch: error: invalid partition specified: x' >&2; exit 1",
    );
    let words = [
        "`sbatch --parsable",
        "exit code 1",
        "invalid partition specified: x",
    ];
    fails(&site.sweep(&[]), 1, &words);

    site.command("sbatch", "echo Submitted");
    fails(
        &site.sweep(&[]),
        1,
        &["a job's number was expected, not \"Submitted\""],
    );

    site.command("squeue", "echo '{\"jobs\": 7}'");
    fails(&site.sweep(&[]), 1, &["`squeue --json --me`", "line 1"]);

    std::fs::remove_file(site.path("bin/squeue")).expect("it was there");
    let path_without_slurm = Command::new(env!("CARGO_BIN_EXE_lawn"))
        .args(["sweep", "small.toml", "--out", "run", "--engine", "slurm"])
        .current_dir(site.folder.path())
        .env("PATH", site.path("bin"))
        .output()
        .expect("lawn starts");
    fails(
        &path_without_slurm,
        1,
        &["cannot start `squeue", "is Slurm installed here"],
    );
}

#[test]
fn arrays_are_cut_to_size_and_what_is_refused_is_left_to_the_next_pass() {
    let site = Site::new("\n[engines.slurm]\nmax_array_size = 1\n");
    let output = site.sweep(&[]);
    assert!(output.status.success(), "{}", said(&output));
    assert_eq!(
        site.submitted(),
        4,
        "three arrays of one trial, and the job that goes on"
    );
    let script = |number| {
        let path = site.submission_folder(number).join("job.sh");
        std::fs::read_to_string(path).expect("a script")
    };
    // One after the other, so that no more than the workers run at a time.
    assert!(!script(1).contains("dependency"));
    assert!(script(2).contains("--dependency=afterany:101\n"));
    assert!(script(3).contains("--dependency=afterany:102\n"));
    assert!(script(4).contains("--dependency=afterany:101:102:103\n"));

    let site = Site::new("\n[engines.slurm]\nmax_array_size = 1\n");
    site.command(
        "sbatch",
        "if grep -q 'array=' \"$2\" && [ -e jobs ]; then echo QOSMaxSubmitJobPerUserLimit >&2; exit 1; fi\n\
         n=$(cat jobs 2>/dev/null || echo 100)\necho $((n + 1)) > jobs\necho $((n + 1))",
    );
    let output = site.sweep(&[]);
    assert!(output.status.success(), "{}", said(&output));
    assert_eq!(site.submitted(), 2, "one array, and the job that goes on");
    let text = said(&output);
    assert!(text.contains("2 trials are left to that job"), "{text}");
    assert!(text.contains("QOSMaxSubmitJobPerUserLimit"), "{text}");
}

#[test]
fn jobs_that_leave_no_outcome_are_tried_again_and_then_are_a_row() {
    let site = Site::new("timeout_seconds = 60\n[engines.slurm]\nattempts = 2\n");
    site.submits();
    // The process of trial 0 died by itself, trial 1 took too long. Trial 2 had no room to
    // write to, and of its second job nothing is known.
    let folder = site.submission_folder(1);
    std::fs::create_dir_all(site.trial_folder(2)).expect("ours");
    std::fs::write(site.trial_folder(2).join("trial.json"), "it began\n").expect("ours");
    std::fs::write(folder.join("exit-0"), "137\n").expect("ours");
    std::fs::write(folder.join("exit-1"), "124\n").expect("ours");
    std::fs::write(folder.join("exit-2"), "5\n").expect("ours");
    let output = site.sweep(&[]);
    assert!(output.status.success(), "{}", said(&output));
    assert_eq!(site.submission(3)["trials"], json!([2]));
    assert_eq!(site.outcome(0)["outcome"], "crashed");
    let detail = site.outcome(0)["detail"].as_str().expect("why").to_owned();
    assert!(detail.contains("signal 9"), "{detail}");
    assert_eq!(site.outcome(1)["outcome"], "timeout");

    let output = site.sweep(&[]);
    fails(&output, 3, &["report.html"]);
    assert_eq!(site.outcome(2)["outcome"], "crashed");
    let detail = site.outcome(2)["detail"].as_str().expect("why").to_owned();
    assert!(
        detail.starts_with("2 jobs in a row left no outcome"),
        "{detail}"
    );

    // Asked for again, all three get another chance.
    let retry = [
        "retry",
        "run",
        "--outcome",
        "crashed",
        "--outcome",
        "timeout",
    ];
    assert!(site.lawn(&retry).status.success());
    site.submits();
    assert_eq!(site.submission(5)["trials"], json!([0, 1, 2]));
}

#[test]
fn what_no_machine_can_begin_ends_the_sweep_once_and_is_no_outcome() {
    for (code, word) in [
        (1, "could not be trained"),
        (2, "could not be trained"),
        (5, "make room"),
        (126, "could not be trained"),
        (127, "could not be trained"),
        (132, "could not be trained"),
    ] {
        let site = Site::new("[engines.slurm]\nattempts = 2\n");
        site.submits();
        // All three trials are refused, with words of their own, by both of their jobs.
        let refuse = |number: usize| {
            let folder = site.submission_folder(number);
            for task in 0..3 {
                let exit = folder.join(format!("exit-{task}"));
                std::fs::write(exit, format!("{code}\n")).expect("ours");
                let stderr = site.trial_folder(task).join("stderr.log");
                std::fs::create_dir_all(site.trial_folder(task)).expect("ours");
                std::fs::write(stderr, format!("error: reason {task}\n")).expect("ours");
            }
        };
        refuse(1);
        site.submits();
        assert_eq!(site.submission(3)["trials"], json!([0, 1, 2]));
        refuse(3);
        let output = site.sweep(&[]);
        let exit = if code == 5 { 5 } else { 2 };
        fails(&output, exit, &[word, "reason 0"]);
        assert!(!said(&output).contains("reason 1"), "once is enough");
        for trial in 0..3 {
            assert!(!site.trial_folder(trial).join("outcome.json").exists());
        }
        // Once that is mended the same command goes on, and counts from the beginning.
        site.submits();
        assert_eq!(site.submission(5)["trials"], json!([0, 1, 2]));
        refuse(5);
        site.submits();
        assert_eq!(site.submission(7)["trials"], json!([0, 1, 2]));
    }
}

#[test]
fn what_slurm_ended_for_memory_is_out_of_memory() {
    let site = Site::new("");
    site.submits();
    // Of task 0 the trial was killed, of task 1 the shell too, and task 2 was killed by hand.
    let folder = site.submission_folder(1);
    std::fs::write(folder.join("exit-0"), "137\n").expect("ours");
    std::fs::write(folder.join("exit-2"), "137\n").expect("ours");
    let over = |task: usize, state: &str| {
        json!({
            "job_id": 101 + task, "name": site.submission(1)["name"], "job_state": state,
            "array_job_id": 101, "array_task_id": task, "nodes": "n", "state_reason": "None",
        })
    };
    site.queue(&json!([
        over(0, "OUT_OF_MEMORY"),
        over(1, "OUT_OF_MEMORY"),
        over(2, "FAILED")
    ]));
    let output = site.sweep(&[]);
    fails(&output, 3, &["report.html"]);
    let outcomes = [0, 1, 2].map(|trial| site.outcome(trial)["outcome"].clone());
    assert_eq!(outcomes, ["out-of-memory", "out-of-memory", "crashed"]);
}

#[test]
fn jobs_that_end_before_their_trial_begins_are_no_outcome() {
    let site = Site::new("[engines.slurm]\nattempts = 2\n");
    // Nothing of the jobs is known: their nodes did not reach the run's folder.
    site.submits();
    site.submits();
    assert_eq!(site.submission(3)["trials"], json!([0, 1, 2]));
    let words = ["2 jobs in a row ended before it began", "log-0.txt"];
    fails(&site.sweep(&[]), 2, &words);
    for trial in 0..3 {
        assert!(!site.trial_folder(trial).join("outcome.json").exists());
    }
}

#[test]
fn a_node_that_lacks_the_command_is_avoided_while_there_are_others() {
    let site = Site::new("[engines.slurm]\noptions = [\"--exclude=node1\"]\n");
    site.submits();
    let folder = site.submission_folder(1);
    std::fs::write(folder.join("exit-0"), "127 node7\n").expect("ours");
    std::fs::write(folder.join("exit-1"), "126 node8\n").expect("ours");
    std::fs::write(folder.join("exit-2"), "0 node9\n").expect("ours");
    site.submits();
    let script = |number: usize| {
        let path = site.submission_folder(number).join("job.sh");
        std::fs::read_to_string(path).expect("a script")
    };
    assert!(script(3).contains("#SBATCH --exclude=node7,node8,node1\n"));

    // Where Slurm has no others it is told nothing of them.
    for task in 0..3 {
        let exit = site.submission_folder(3).join(format!("exit-{task}"));
        std::fs::write(exit, "127 node9\n").expect("ours");
    }
    site.command(
        "sbatch",
        "if grep -q 'exclude=node7' \"$2\"; then echo 'node configuration' >&2; exit 1; fi\n\
         n=$(cat jobs)\necho $((n + 1)) > jobs\necho $((n + 1))",
    );
    site.submits();
    assert!(!script(5).contains("node9"));
    assert!(script(5).contains("#SBATCH --exclude=node1\n"));
}
