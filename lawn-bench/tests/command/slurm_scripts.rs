//! The scripts that Slurm is given: their text, and what they do where a trial ends, is told to
//! stop, or takes too long.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::common::site::{Site, fails, said};
use lawn_bench::run::provenance;

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
        .replace(&provenance::build(), "THIS")
}

/// Compares `text` with the file `name` beside this test, or writes it there where
/// LAWN_WRITE_GOLDENS is set.
fn golden(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/command/goldens")
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

/// A site whose `lawn` is `body`, and whose trials are submitted.
fn site(further: &str, body: &str) -> Site {
    let site = Site::new(&format!(
        "{further}\n[engines.slurm]\nlawn = \"./bin/trial-command\"\nattempts = 2\n"
    ));
    site.command("trial-command", body);
    site.submits();
    site
}

/// Starts the array script of a site as Slurm would start task 1.
fn start_task(site: &Site) -> Child {
    let path = std::env::var("PATH").unwrap_or_default();
    Command::new("bash")
        .arg(site.submission_folder(1).join("job.sh"))
        .current_dir(site.folder.path())
        .env("PATH", format!("{}:{path}", site.path("bin").display()))
        .env("SLURM_ARRAY_TASK_ID", "1")
        .env("SLURM_ARRAY_JOB_ID", "101")
        .env("SLURM_JOB_ID", "103")
        .stdin(Stdio::null())
        .spawn()
        .expect("there is bash")
}

fn send(signal: &str, shell: &Child) {
    let sent = Command::new("kill")
        .args([signal, &shell.id().to_string()])
        .status();
    assert!(sent.expect("kill runs").success());
}

/// Runs task 1; `signal` goes to the shell once the trial has made the file `started`.
fn task(site: &Site, signal: Option<&str>) -> Option<i32> {
    let _ = std::fs::remove_file(site.path("started"));
    let mut shell = start_task(site);
    if let Some(signal) = signal {
        while !site.path("started").exists() {
            std::thread::sleep(Duration::from_millis(5));
        }
        send(signal, &shell);
    }
    shell.wait().expect("it ends").code()
}

/// Runs task 1 with the trial `body`, on a site on which nothing has run.
fn run_task(site: &Site, body: &str, signal: Option<&str>) -> Option<i32> {
    clear(site);
    site.command("trial-command", body);
    task(site, signal)
}

/// Removes what a task leaves: a site takes longer to make than a task to run.
fn clear(site: &Site) {
    let left = ["exit-1", "stalled-1"].map(|name| site.submission_folder(1).join(name));
    for path in left
        .iter()
        .chain(&["started", "scontrol.log"].map(|name| site.path(name)))
    {
        let _ = std::fs::remove_file(path);
    }
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
    let site = site("", "echo \"$@\" > arguments; echo oh no >&2; exit 17");
    assert_eq!(task(&site, None), Some(17));
    assert_eq!(exit_file(&site).as_deref(), Some("17\n"));
    let arguments = std::fs::read_to_string(site.path("arguments")).expect("it ran");
    let run = site.run().canonicalize().expect("it is there");
    assert_eq!(
        arguments.trim(),
        format!("trial {} --index 1", run.display())
    );
    let stderr = std::fs::read_to_string(site.trial_folder(1).join("stderr.log"));
    assert_eq!(stderr.expect("it is there"), "oh no\n");

    for (body, expected) in [
        ("exit 0", None),
        ("exit 3", None),
        ("kill -9 $$", Some("137\n")),
    ] {
        run_task(&site, body, None);
        assert_eq!(exit_file(&site).as_deref(), expected, "{body}");
    }
}

#[test]
fn a_task_is_requeued_when_its_time_is_up_and_not_when_it_is_cancelled() {
    for limit in ["", "timeout_seconds = 60"] {
        let site = site(limit, OBEDIENT);
        let code = task(&site, Some("-USR1"));
        assert_eq!((code, requeued(&site)), (Some(130), true), "{limit:?}");
        assert_eq!(exit_file(&site), None);
        let code = run_task(&site, OBEDIENT, Some("-TERM"));
        assert_eq!((code, requeued(&site)), (Some(130), false), "{limit:?}");
        assert_eq!(exit_file(&site), None);
    }
}

#[test]
fn a_trial_that_takes_too_long_is_told_apart() {
    let site = site("timeout_seconds = 0.2\ngrace_seconds = 0.3", OBEDIENT);
    let deaf = "trap '' TERM\nfor i in $(seq 200); do sleep 0.05; done";
    for body in [OBEDIENT, deaf] {
        let code = run_task(&site, body, None);
        let left = exit_file(&site);
        assert_eq!(
            (code, left.as_deref()),
            (Some(124), Some("124\n")),
            "{body}"
        );
    }
}

/// Sends `signal` to the task of a site, so long after its trial has started, and looks at what is
/// left of it.
fn interrupt(site: &Site, signal: &str, delay: Duration) {
    clear(site);
    let mut shell = start_task(site);
    while !site.path("started").exists() {
        std::thread::sleep(Duration::from_millis(2));
    }
    std::thread::sleep(delay);
    send(signal, &shell);
    let sent = Instant::now();
    let status = loop {
        if let Some(status) = shell.try_wait().expect("it is ours") {
            break status;
        }
        if sent.elapsed() > Duration::from_secs(8) {
            shell.kill().expect("it is ours");
            panic!("{signal} after {delay:?}: the task goes on");
        }
        std::thread::sleep(Duration::from_millis(10));
    };
    let case = format!("{signal} after {delay:?}: {status}");
    assert!(matches!(status.code(), Some(130 | 143)), "{case}");
    assert_eq!(requeued(site), signal == "-USR1", "{case}");
    assert_eq!(exit_file(site), None, "{case}");
}

#[test]
fn a_signal_ends_the_task_whenever_it_comes() {
    // Not ready for a signal in its first third of a second, as while libtorch is loaded.
    let late = "touch started\nsleep 0.3\ntrap 'exit 130' TERM\n\
                for i in $(seq 200); do sleep 0.05; done";
    // They wait more than they work.
    std::thread::scope(|scope| {
        for limit in ["", "timeout_seconds = 60"] {
            for signal in ["-USR1", "-TERM", "-HUP"] {
                scope.spawn(move || {
                    let site = site(limit, late);
                    for delay in [0, 60, 150, 600] {
                        interrupt(&site, signal, Duration::from_millis(delay));
                    }
                });
            }
        }
    });
}

#[test]
fn a_signal_in_the_prologue_is_kept() {
    let site = Site::new(
        "[engines.slurm]\nlawn = \"./bin/trial-command\"\nprologue = \"touch started; sleep 0.3\"\n",
    );
    site.command("trial-command", "touch trained");
    site.submits();
    assert_eq!(task(&site, Some("-USR1")), Some(143));
    assert!(requeued(&site) && !site.path("trained").exists());
}

#[test]
fn a_task_that_gets_no_further_is_not_requeued_for_ever() {
    let site = site("", OBEDIENT);
    let requeues = |site: &Site| {
        let log = std::fs::read_to_string(site.path("scontrol.log")).unwrap_or_default();
        log.matches("requeue").count()
    };
    task(&site, Some("-USR1"));
    assert_eq!((requeues(&site), exit_file(&site)), (1, None));
    // A new checkpoint: it counts from the beginning.
    let saves = "for trial in run/trials/*/; do date +%N > $trial/checkpoint.safetensors; done\n";
    site.command("trial-command", &format!("{saves}{OBEDIENT}"));
    task(&site, Some("-USR1"));
    assert_eq!((requeues(&site), exit_file(&site)), (2, None));
    site.command("trial-command", OBEDIENT);
    task(&site, Some("-USR1"));
    assert_eq!((requeues(&site), exit_file(&site)), (3, None));
    task(&site, Some("-USR1"));
    assert_eq!(
        requeues(&site),
        3,
        "twice in a row without a new checkpoint"
    );
    assert_eq!(exit_file(&site).as_deref(), Some("stalled\n"));
    // The sweep ends with that, and the trial stays one to be run.
    let words = ["2 times in a row", "engines.slurm.time"];
    fails(&site.sweep(&[]), 2, &words);
    assert!(!site.trial_folder(1).join("outcome.json").exists());
}
