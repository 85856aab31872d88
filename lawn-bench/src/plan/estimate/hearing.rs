//! What a measuring process says until it ends, is ended, or dies.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Output};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Instant;

use super::probe::Probed;
use crate::Error;

/// What a measuring process came to.
#[derive(Debug, PartialEq)]
pub(super) enum Answer {
    /// What it knew at its end, by batch size, and how it came to that.
    Probed(Vec<Probed>, End),
    /// In words, why there is nothing.
    Failed(String),
}

/// How a measuring process that knew something ended.
#[derive(Debug, PartialEq)]
pub(super) enum End {
    /// It had said what it could.
    Through,
    /// Its time was up.
    TimeUp,
    /// In words, what it died of.
    Died(String),
}

/// Listens to `child`, which began at `since`, until it ends or `deadline` comes.
///
/// # Errors
///
/// [`Error::Spawn`] where it cannot be waited for.
pub(super) fn hear(mut child: Child, since: Instant, deadline: Instant) -> Result<Answer, Error> {
    let heard = child.stdout.take().map(listen);
    let (mut all, mut start): (Vec<Probed>, Option<f64>) = (Vec::new(), None);
    // Whether it is ended from here, and then whether its time was up.
    let mut is_cut_off = None;
    while let Some(heard) = &heard {
        match heard.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(probed) => {
                start.get_or_insert_with(|| since.elapsed().as_secs_f64());
                // What is known of a batch size is said again once more is.
                let is_same =
                    |known: &Probed| (known.of, known.batch_size) == (probed.of, probed.batch_size);
                all.retain(|known| !is_same(known));
                let is_all = probed.is_all;
                all.push(probed);
                if is_all {
                    is_cut_off = Some(false);
                    break;
                }
            }
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => {
                is_cut_off = Some(true);
                break;
            }
        }
    }
    if is_cut_off.is_some() {
        // It may have ended by itself since.
        let _ = child.kill();
    }
    let output = child
        .wait_with_output()
        .map_err(|source| Error::Spawn { source })?;
    for probed in &mut all {
        // Each of them is told of the same beginning.
        let start = start.unwrap_or_default();
        probed.start_seconds = (start - probed.waited_at_start).max(0.0);
    }
    let end = match is_cut_off {
        Some(true) => End::TimeUp,
        Some(false) => End::Through,
        None if output.status.success() => End::Through,
        None => End::Died(reason(&output)),
    };
    Ok(match (start, end) {
        (Some(_), end) => Answer::Probed(all, end),
        (None, End::TimeUp) => {
            Answer::Failed("it was not set up in the time that a plan may take".into())
        }
        (None, _) => Answer::Failed(reason(&output)),
    })
}

/// How the process ended, and the last that it said of it.
fn reason(output: &Output) -> String {
    let stderr = String::from_utf8_lossy(&output.stderr);
    match stderr.trim().lines().last() {
        Some(said) => format!("{}; {said}", output.status),
        None => output.status.to_string(),
    }
}

/// What a process says, line by line.
fn listen(out: ChildStdout) -> Receiver<Probed> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(out).lines().map_while(Result::ok) {
            let Ok(probed) = serde_json::from_str(&line) else {
                continue;
            };
            if sender.send(probed).is_err() {
                return;
            }
        }
    });
    receiver
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};
    use std::time::Duration;

    use super::*;

    /// A line of what was measured in batches of `batch_size`.
    fn line(batch_size: u64, is_all: bool) -> String {
        format!(
            "{{\"batch_size\":{batch_size},\"epoch_samples\":100,\"start_seconds\":0.0,\
             \"step_seconds\":0.1,\"evaluation_seconds\":null,\"peak_bytes\":1,\"treatments\":[],\
             \"is_all\":{is_all}}}"
        )
    }

    /// What is heard of a process that runs `script`, within `patience`.
    fn heard(script: &str, patience: Duration) -> Answer {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let since = Instant::now();
        let child = command.spawn().expect("there is a shell");
        hear(child, since, since + patience).expect("it is a child")
    }

    /// The batch sizes that are known, and how it ended.
    fn known(answer: Answer) -> (Vec<u64>, End) {
        match answer {
            Answer::Probed(all, end) => (all.iter().map(|one| one.batch_size).collect(), end),
            Answer::Failed(reason) => panic!("{reason}"),
        }
    }

    #[test]
    fn a_process_that_dies_after_it_knew_something_is_said_to_have_died() {
        let long = Duration::from_secs(60);
        let (small, large) = (line(4, false), line(64, false));
        let through = heard(&format!("echo '{small}'; echo '{large}'"), long);
        assert_eq!(known(through), (vec![4, 64], End::Through));

        let died = heard(
            &format!("echo '{small}'; echo 'no room for it' >&2; exit 7"),
            long,
        );
        let (sizes, end) = known(died);
        assert_eq!(sizes, [4]);
        let End::Died(reason) = end else {
            panic!("{end:?}")
        };
        assert!(
            reason.contains('7') && reason.ends_with("; no room for it"),
            "{reason}"
        );

        let killed = heard(&format!("echo '{small}'; kill -9 $$"), long);
        assert!(
            matches!(known(killed).1, End::Died(reason) if reason.contains('9') && !reason.contains(';'))
        );
        // Before it knew anything.
        assert_eq!(
            heard("echo lost >&2; exit 1", long),
            Answer::Failed("exit status: 1; lost".into())
        );
    }

    #[test]
    fn a_process_that_is_ended_from_here_has_not_died() {
        let small = line(4, false);
        let all = line(64, true);
        let enough = heard(
            &format!("echo '{small}'; echo '{all}'; exec sleep 60"),
            Duration::from_secs(60),
        );
        assert_eq!(known(enough), (vec![4, 64], End::Through));
        let late = heard(
            &format!("echo '{small}'; exec sleep 60"),
            Duration::from_secs(2),
        );
        assert_eq!(known(late), (vec![4], End::TimeUp));
        let never = heard("exec sleep 60", Duration::from_millis(200));
        assert!(
            matches!(never, Answer::Failed(reason) if reason.contains("not set up in the time"))
        );
    }
}
