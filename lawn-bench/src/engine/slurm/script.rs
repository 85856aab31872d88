//! The scripts that are given to `sbatch`.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use crate::config;
use crate::engine::command::{JobCommand, quoted};

/// What the head of a script asks for.
struct Head<'a> {
    name: &'a str,
    settings: &'a config::Slurm,
    dependency: &'a [u64],
    log: String,
}

impl Head<'_> {
    fn write(&self, own: &[String], options: &[String]) -> String {
        let mut lines = vec![
            format!("--job-name={}", self.name),
            format!("--output={}", quoted(&self.log)),
            "--open-mode=append".into(),
            "--requeue".into(),
        ];
        let given = [
            ("partition", &self.settings.partition),
            ("account", &self.settings.account),
        ];
        for (option, value) in given {
            lines.extend(value.as_ref().map(|value| format!("--{option}={value}")));
        }
        if !self.dependency.is_empty() {
            let jobs: Vec<String> = self.dependency.iter().map(u64::to_string).collect();
            lines.push(format!("--dependency=afterany:{}", jobs.join(":")));
        }
        lines.extend(own.iter().chain(options).cloned());
        let mut script = String::from("#!/bin/bash\n");
        for line in lines {
            // Writing to a String cannot fail.
            let _ = writeln!(script, "#SBATCH {line}");
        }
        if let Some(prologue) = &self.settings.prologue {
            script.push('\n');
            script.push_str(prologue.trim_end());
            script.push('\n');
        }
        script
    }
}

/// The file `name` of `dir` as `--output` wants it: a percent sign begins a pattern there.
fn log(dir: &Path, name: &str) -> String {
    format!("{}/{name}", dir.display().to_string().replace('%', "%%"))
}

/// An array of trials.
pub(super) struct Array<'a> {
    /// Name of the job.
    pub(super) name: &'a str,
    /// What is asked for.
    pub(super) settings: &'a config::Slurm,
    /// Folder of the submission.
    pub(super) dir: &'a Path,
    /// Tasks of the array.
    pub(super) tasks: usize,
    /// Tasks at the same time.
    pub(super) workers: usize,
    /// Threads of a trial.
    pub(super) threads: usize,
    /// A trial that runs longer is stopped.
    pub(super) timeout: Option<Duration>,
    /// Time that a trial has to stop.
    pub(super) grace: Duration,
    /// Jobs that must be over before.
    pub(super) after: &'a [u64],
}

impl Array<'_> {
    /// The script. Each task reads its trial from `trials.txt`.
    #[must_use]
    pub(super) fn script(&self, command: &JobCommand) -> String {
        let settings = self.settings;
        let mut own = vec![
            format!("--array=0-{}%{}", self.tasks - 1, self.workers),
            format!("--signal=B:USR1@{}", settings.signal_seconds),
            "--ntasks=1".into(),
            format!(
                "--cpus-per-task={}",
                settings.cpus.unwrap_or(self.threads as u64)
            ),
        ];
        own.extend(settings.time.as_ref().map(|time| format!("--time={time}")));
        own.extend(
            settings
                .gpus
                .as_ref()
                .map(|gpus| format!("--gres=gpu:{gpus}")),
        );
        own.extend(
            settings
                .memory
                .as_ref()
                .map(|memory| format!("--mem={memory}")),
        );
        let head = Head {
            name: self.name,
            settings,
            dependency: self.after,
            log: log(self.dir, "log-%a.txt"),
        };
        let dir = quoted(&self.dir.display().to_string());
        let trials = quoted(&format!("{}/trials", command.run()));
        let (limited, time_up) = self.limit();
        format!(
            r#"{head}
# The trial of this array task.
read -r index id < <(sed -n "$((SLURM_ARRAY_TASK_ID + 1))p" {dir}/trials.txt)
trial={trials}/$id
mkdir -p "$trial"

# SIGUSR1 comes before the job's time is up, SIGTERM when the job is taken away: either way
# the trial writes a checkpoint and leaves. A handler that ran ends `wait` with 128 and the
# number of its signal, so that it is waited for again.
signal=
trap 'signal=USR1; kill -TERM "$process"' USR1
trap 'signal=TERM; kill -TERM "$process"' TERM
{limited}{run} > /dev/null 2>> "$trial/stderr.log" &
process=$!
wait "$process"
code=$?
while [ "$code" = 138 ] || [ "$code" = 143 ]; do
    wait "$process"
    code=$?
done
{time_up}
case "$signal:$code" in
    *:0 | *:3) ;;
    USR1:*) scontrol requeue "${{SLURM_ARRAY_JOB_ID}}_$SLURM_ARRAY_TASK_ID" ;;
    TERM:* | :130) ;;
    *)
        # Where all of the job was killed, this shell goes too and does not say so.
        sleep 1
        echo "$code" > {dir}/exit-"$SLURM_ARRAY_TASK_ID"
        ;;
esac
exit "$code"
"#,
            head = head.write(&own, &settings.options),
            run = command.trial("\"$index\""),
        )
    }

    /// What goes before the command to stop it in time, and what then tells that it was.
    fn limit(&self) -> (String, String) {
        let Some(limit) = self.timeout else {
            return (String::new(), String::new());
        };
        let (limit, grace) = (limit.as_secs_f64(), self.grace.as_secs_f64());
        (
            format!("SECONDS=0\ntimeout --kill-after={grace} {limit} "),
            format!(
                "# {TIME_UP} is what `timeout` gives where it did not have to kill.\n\
                 [ \"$code\" = 137 ] && [ \"$SECONDS\" -ge {} ] && code={TIME_UP}\n",
                limit.floor()
            ),
        )
    }
}

/// Exit code of a trial that was stopped because its time was up.
pub(super) const TIME_UP: i32 = 124;

/// The script of the job that goes on with the sweep once the jobs `after` are over.
#[must_use]
pub(super) fn next(
    name: &str,
    settings: &config::Slurm,
    dir: &Path,
    after: &[u64],
    command: &str,
) -> String {
    let head = Head {
        name,
        settings,
        dependency: after,
        log: log(dir, "log.txt"),
    };
    let own = ["--ntasks=1".to_owned()];
    format!(
        "{}\nexec {command}\n",
        head.write(&own, &settings.next_options)
    )
}
