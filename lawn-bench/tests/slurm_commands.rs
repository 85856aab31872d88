//! The Slurm engine against commands that only look like Slurm's: what it asks for, what it
//! says when they fail, and that nothing is submitted twice or lost. `engines.rs` has the
//! real ones.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use lawn_bench::files;
use serde_json::{Value, json};

/// Three trials with nothing to tune.
const SMALL: &str = r#"
name = "small"
batch_sizes = [64]

[tasks.feedback]
kind = "ncf"
model = "gmf"
synthetic = { users = 60, items = 220, interactions = 10 }

[budget]
epochs = 2

[arms.sgd]
rule = "sgd"
learning_rate = 0.1

[confirmation]
seeds = [1, 2, 3]

[resources]
workers = 2
"#;

/// A site: its commands, its queue, and the run that is swept on it.
struct Site {
    folder: tempfile::TempDir,
}

impl Site {
    /// A site with an empty queue, and SMALL with `further` lines of configuration.
    fn new(further: &str) -> Self {
        let site = Self {
            folder: tempfile::tempdir().expect("a temporary folder"),
        };
        std::fs::create_dir(site.path("bin")).expect("a folder");
        std::fs::write(site.path("small.toml"), format!("{SMALL}{further}")).expect("a sweep");
        site.command(
            "scontrol",
            "echo \"$@\" >> scontrol.log\necho 'MaxArraySize            = 1001'",
        );
        site.command("squeue", "cat queue.json");
        site.command(
            "sbatch",
            "n=$(cat jobs 2>/dev/null || echo 100)\necho $((n + 1)) > jobs\necho \"$((n + 1));cluster\"",
        );
        site.queue(&json!([]));
        site
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn run(&self) -> PathBuf {
        self.path("run")
    }

    /// Makes a command that runs `body` in the site's folder.
    fn command(&self, name: &str, body: &str) {
        let path = self.path("bin").join(name);
        let body = format!(
            "#!/bin/bash\ncd '{}'\n{body}\n",
            self.folder.path().display()
        );
        std::fs::write(&path, body).expect("it can be written");
        let executable = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(&path, executable).expect("it is ours");
    }

    fn queue(&self, jobs: &Value) {
        let text = json!({ "jobs": jobs }).to_string();
        std::fs::write(self.path("queue.json"), text).expect("it can be written");
    }

    /// A queue in which the submission `number` waits, as Slurm 22.05 says it.
    fn queue_holds(&self, numbers: &[usize]) {
        let jobs: Vec<Value> = numbers
            .iter()
            .map(|&number| {
                let record = self.submission(number);
                let tasks = record["trials"].as_array().expect("a list").len();
                json!({
                    "job_id": 100 + number, "name": record["name"], "job_state": "PENDING",
                    "array_job_id": if tasks == 0 { 0 } else { 100 + number },
                    "array_task_id": null, "nodes": "", "state_reason": "Priority",
                    "array_task_string": if tasks == 0 { String::new() } else { format!("0-{}%2", tasks - 1) },
                })
            })
            .collect();
        self.queue(&json!(jobs));
    }

    fn lawn(&self, arguments: &[&str]) -> Output {
        let path = std::env::var("PATH").unwrap_or_default();
        Command::new(env!("CARGO_BIN_EXE_lawn"))
            .args(arguments)
            .current_dir(self.folder.path())
            .env("PATH", format!("{}:{path}", self.path("bin").display()))
            .env_remove("LAWN_DATA")
            .env_remove("SLURM_JOB_ID")
            .output()
            .expect("lawn starts")
    }

    fn sweep(&self, further: &[&str]) -> Output {
        let sweep = ["sweep", "small.toml", "--out", "run", "--engine", "slurm"];
        self.lawn(&[&sweep[..], further].concat())
    }

    /// A pass that must succeed.
    fn submits(&self) {
        let output = self.sweep(&[]);
        assert!(output.status.success(), "{}", said(&output));
    }

    fn submission_folder(&self, number: usize) -> PathBuf {
        self.run().join(format!("engine/slurm/{number:04}"))
    }

    fn submission(&self, number: usize) -> Value {
        read_json(&self.submission_folder(number).join("submission.json"))
    }

    fn submitted(&self) -> usize {
        let log = std::fs::read_to_string(self.path("jobs")).unwrap_or_default();
        log.trim().parse::<usize>().map_or(0, |last| last - 100)
    }

    fn outcome(&self, trial: usize) -> Value {
        let plan = read_json(&self.run().join("plan.json"));
        let id = plan["trials"][trial]["id"]
            .as_str()
            .expect("an id")
            .to_owned();
        read_json(&self.run().join("trials").join(id).join("outcome.json"))
    }
}

fn read_json(path: &Path) -> Value {
    let text = std::fs::read_to_string(path);
    let text = text.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).expect("it is JSON")
}

fn said(output: &Output) -> String {
    let all = [&output.stdout[..], &output.stderr].concat();
    String::from_utf8_lossy(&all).into_owned()
}

/// Asserts that the command failed with `code`, saying all of `words`.
fn fails(output: &Output, code: i32, words: &[&str]) {
    let said = said(output);
    assert_eq!(output.status.code(), Some(code), "{said}");
    for word in words {
        assert!(said.contains(word), "{word:?} is not in:\n{said}");
    }
}

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
    let mut record: Value = files::read_json(&path, 1..=1).expect("it is a record");
    record["job"] = Value::Null;
    record.as_object_mut().expect("it is one").remove("schema");
    files::write_json(&path, 1, &record).expect("it can be written");
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

/// The scripts that a dry run prints, without what differs from machine to machine.
fn dry_run(further: &str) -> String {
    let site = Site::new(further);
    let output = site.sweep(&["--dry-run", "--data-root", "the data"]);
    assert!(output.status.success(), "{}", said(&output));
    assert!(!site.run().exists(), "a dry run leaves nothing");
    let folder = site.folder.path().canonicalize().expect("it is there");
    String::from_utf8_lossy(&output.stdout)
        .replace(folder.to_str().expect("it is text"), "/FOLDER")
        .replace(env!("CARGO_BIN_EXE_lawn"), "/BIN/lawn")
}

/// Compares `text` with the file `name` beside this test, or writes it there where
/// LAWN_WRITE_GOLDENS is set.
fn golden(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/goldens")
        .join(name);
    if std::env::var_os("LAWN_WRITE_GOLDENS").is_some() {
        std::fs::write(&path, text).expect("it can be written");
    }
    let golden = std::fs::read_to_string(&path).expect("the golden is there");
    assert!(
        text == golden,
        "{name} differs; LAWN_WRITE_GOLDENS=1 writes:\n{text}"
    );
}

#[test]
fn scripts_are_the_goldens() {
    golden("slurm-plain.txt", &dry_run(""));
    golden(
        "slurm-all.txt",
        &dry_run(
            "threads = 4
timeout_seconds = 7200.5

[engines.slurm]
partition = \"gpu\"
account = \"vision\"
time = \"2:30:00\"
gpus = \"a100:1\"
cpus = 8
memory = \"32G\"
workers = 16
signal_seconds = 300
max_array_size = 2
options = [\"--qos=long\", \"--exclude=node[01-03]\"]
next_options = [\"--time=20\"]
prologue = '''
module purge
module load cuda/12.8
'''
lawn = \"/opt/lawn tools/lawn\"
",
        ),
    );
}

/// Runs the array script of a site whose `lawn` is `body`, as Slurm would run task 1;
/// `signal` goes to the shell while the trial runs.
fn run_task(further: &str, body: &str, signal: Option<&str>) -> (Site, Option<i32>) {
    let site = Site::new(&format!(
        "{further}\n[engines.slurm]\nlawn = \"./bin/trial-command\"\n"
    ));
    site.command("trial-command", body);
    site.submits();
    let path = std::env::var("PATH").unwrap_or_default();
    let mut shell = Command::new("bash")
        .arg(site.submission_folder(1).join("job.sh"))
        .current_dir(site.folder.path())
        .env("PATH", format!("{}:{path}", site.path("bin").display()))
        .env("SLURM_ARRAY_TASK_ID", "1")
        .env("SLURM_ARRAY_JOB_ID", "101")
        .stdin(Stdio::null())
        .spawn()
        .expect("there is bash");
    if let Some(signal) = signal {
        while !site.path("started").exists() {
            std::thread::sleep(Duration::from_millis(5));
        }
        let sent = Command::new("kill")
            .args([signal, &shell.id().to_string()])
            .status();
        assert!(sent.expect("kill runs").success());
    }
    let code = shell.wait().expect("it ends").code();
    (site, code)
}

fn exit_file(site: &Site) -> Option<String> {
    std::fs::read_to_string(site.submission_folder(1).join("exit-1")).ok()
}

fn requeued(site: &Site) -> bool {
    let log = std::fs::read_to_string(site.path("scontrol.log")).unwrap_or_default();
    log.contains("requeue 101_1")
}

/// A trial that leaves with 130 once it is told to.
const OBEDIENT: &str =
    "trap 'exit 130' TERM\ntouch started\nfor i in $(seq 100); do sleep 0.05; done";

#[test]
fn a_task_runs_its_own_trial_and_tells_how_it_died() {
    let (site, code) = run_task("", "echo \"$@\" > arguments; echo oh no >&2; exit 17", None);
    assert_eq!(code, Some(17));
    assert_eq!(exit_file(&site).as_deref(), Some("17\n"));
    let arguments = std::fs::read_to_string(site.path("arguments")).expect("it ran");
    let run = site.run().canonicalize().expect("it is there");
    assert_eq!(
        arguments.trim(),
        format!("trial {} --index 1", run.display())
    );
    let plan = read_json(&site.run().join("plan.json"));
    let id = plan["trials"][1]["id"].as_str().expect("an id");
    let stderr = std::fs::read_to_string(site.run().join("trials").join(id).join("stderr.log"));
    assert_eq!(stderr.expect("it is there"), "oh no\n");

    for (body, expected) in [
        ("exit 0", None),
        ("exit 3", None),
        ("kill -9 $$", Some("137\n")),
    ] {
        let (site, _) = run_task("", body, None);
        assert_eq!(exit_file(&site).as_deref(), expected, "{body}");
    }
}

#[test]
fn a_task_is_requeued_when_its_time_is_up_and_not_when_it_is_cancelled() {
    for limit in ["", "timeout_seconds = 60"] {
        let (site, code) = run_task(limit, OBEDIENT, Some("-USR1"));
        assert_eq!((code, requeued(&site)), (Some(130), true), "{limit:?}");
        assert_eq!(exit_file(&site), None);
        let (site, code) = run_task(limit, OBEDIENT, Some("-TERM"));
        assert_eq!((code, requeued(&site)), (Some(130), false), "{limit:?}");
        assert_eq!(exit_file(&site), None);
    }
}

#[test]
fn a_trial_that_takes_too_long_is_told_apart() {
    let (site, code) = run_task("timeout_seconds = 0.2", OBEDIENT, None);
    assert_eq!(
        (code, exit_file(&site).as_deref()),
        (Some(124), Some("124\n"))
    );
    let deaf = "trap '' TERM\nfor i in $(seq 200); do sleep 0.05; done";
    let (site, code) = run_task("timeout_seconds = 0.2\ngrace_seconds = 0.3", deaf, None);
    assert_eq!(
        (code, exit_file(&site).as_deref()),
        (Some(124), Some("124\n"))
    );
}
