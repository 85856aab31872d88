//! The scripts that are given to `sbatch`.

use std::collections::BTreeSet;
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
    /// The head; `first` is the shell's before all that takes time.
    fn write(&self, own: &[String], options: &[String], first: &str) -> String {
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
        script.push_str(first);
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
    /// Threads of a rank.
    pub(super) threads: usize,
    /// Ranks of a trial.
    pub(super) ranks: usize,
    /// A trial that runs longer is stopped.
    pub(super) timeout: Option<Duration>,
    /// Time that a trial has to stop.
    pub(super) grace: Duration,
    /// Jobs that must be over before.
    pub(super) after: &'a [u64],
    /// Nodes that lacked what its trials need.
    pub(super) avoided: &'a BTreeSet<String>,
}

/// What a job does first. Bash acts on a signal only after the command that it runs has ended,
/// except in `wait`. A signal in the prologue is therefore kept for later.
///
/// A signal may also come between the start of the process and `process=$!`, or between the look
/// at `$signal` and `wait`. The handler covers the first gap, as it looks for a process. The loop
/// covers the second.
const HANDLERS: &str = "
# SIGUSR1 comes before the job's time is up, SIGTERM when the job is taken away: either way
# the trial writes a checkpoint and leaves.
signal=
process=
told() { signal=$1; [ -z \"$process\" ] || kill -TERM \"$process\" 2> /dev/null; }
trap 'told USR1' USR1
trap 'told TERM' TERM INT HUP
";

impl Array<'_> {
    /// The script. Each task reads its trial from `trials.txt`.
    #[must_use]
    pub(super) fn script(&self, command: &JobCommand) -> String {
        let settings = self.settings;
        let mut own = vec![
            format!("--array=0-{}%{}", self.tasks - 1, self.workers),
            format!("--signal=B:USR1@{}", settings.signal_seconds),
            format!("--ntasks={}", self.ranks),
            format!("--cpus-per-task={}", self.cpus()),
        ];
        own.extend(settings.time.as_ref().map(|time| format!("--time={time}")));
        own.extend(
            settings
                .gpus
                .as_ref()
                .map(|gpus| format!("--{}{gpus}", self.gpus_option())),
        );
        own.extend(
            settings
                .memory
                .as_ref()
                .map(|memory| format!("--mem={memory}")),
        );
        let options = avoiding(&settings.options, self.avoided);
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
exit_file={dir}/exit-$SLURM_ARRAY_TASK_ID
mkdir -p "$trial"
rm -f "$exit_file"

# When the trial's checkpoint was written: whether a job got further.
saved() {{ stat --format=%y "$trial/checkpoint.safetensors" 2> /dev/null; }}
saved_before=$(saved)

# `wait` ends when a signal comes, too, and tells of a process that is over as often as it is
# asked: what counts is whether the process still runs. One that was not ready for a signal
# dies of it, or is told again.
code=143
if [ -z "$signal" ]; then
    {limited}{run} > /dev/null 2>> "$trial/stderr.log" &
    process=$!
    while jobs -rp | grep -qx "$process"; do
        if [ -z "$signal" ]; then
            wait "$process"
        else
            kill -TERM "$process" 2> /dev/null
            sleep 0.2
        fi
    done
    wait "$process"
    code=$?
fi
{time_up}
# Goes on in this job's stead; not where the jobs that were warned got no further.
requeue() {{
    if [ "$(saved)" != "$saved_before" ]; then
        rm -f {dir}/stalled-"$SLURM_ARRAY_TASK_ID"
    else
        echo "$SLURM_JOB_ID" >> {dir}/stalled-"$SLURM_ARRAY_TASK_ID"
        if [ "$(wc -l < {dir}/stalled-"$SLURM_ARRAY_TASK_ID")" -ge {attempts} ]; then
            echo {STALLED} > "$exit_file"
            return
        fi
    fi
    scontrol requeue "${{SLURM_ARRAY_JOB_ID}}_$SLURM_ARRAY_TASK_ID"
}}

# 129, 130, 138 and 143: it was stopped, in order or by the signal itself.
case "$signal:$code" in
    *:0 | *:3) ;;
    USR1:129 | USR1:130 | USR1:137 | USR1:138 | USR1:143) requeue ;;
    TERM:137 | *:129 | *:130 | *:138 | *:143) ;;
    *)
        # Where all of the job was killed, this shell goes too and does not say so.
        sleep 1
        echo "$code" $SLURMD_NODENAME > "$exit_file"
        ;;
esac
exit "$code"
"#,
            head = head.write(&own, &options, HANDLERS),
            run = self.steps() + &command.trial("\"$index\""),
            attempts = settings.attempts,
        )
    }

    /// What goes before the command to start it as a step of several ranks, which end together.
    fn steps(&self) -> String {
        if self.ranks == 1 {
            return String::new();
        }
        let gpus = self.settings.gpus.as_ref();
        let gpus = gpus.map_or_else(String::new, |gpus| {
            format!(" --{}{gpus}", self.gpus_option())
        });
        format!(
            "srun --ntasks={} --cpus-per-task={}{gpus} --kill-on-bad-exit=1 ",
            self.ranks,
            self.cpus()
        )
    }

    fn cpus(&self) -> u64 {
        self.settings.cpus.unwrap_or(self.threads as u64)
    }

    /// GPUs are those of a rank.
    fn gpus_option(&self) -> &'static str {
        if self.ranks == 1 {
            "gres=gpu:"
        } else {
            "gpus-per-task="
        }
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

/// What stands in place of an exit code where a job was warned of its end, `attempts` times in
/// a row, before its trial had a new checkpoint.
pub(super) const STALLED: &str = "stalled";

/// The options of `sbatch` that keep a job from the nodes `avoided` too.
fn avoiding(options: &[String], avoided: &BTreeSet<String>) -> Vec<String> {
    let mut nodes: Vec<&str> = avoided.iter().map(String::as_str).collect();
    if nodes.is_empty() {
        return options.to_vec();
    }
    // Of several such options sbatch takes the last.
    const FORMS: [&str; 3] = ["--exclude=", "--exclude ", "-x"];
    let given = |option: &'_ String| {
        let list = FORMS.iter().find_map(|form| option.strip_prefix(form));
        list.map(|list| list.trim().to_owned())
    };
    let own = options.iter().rev().find_map(given);
    nodes.extend(own.as_deref());
    let mut all = options.to_vec();
    all.push(format!("--exclude={}", nodes.join(",")));
    all
}

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
        head.write(&own, &settings.next_options, "")
    )
}
