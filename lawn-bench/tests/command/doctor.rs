//! What `lawn doctor` says of a Slurm, by commands that only look like Slurm's.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// Makes the command `name` of `folder`, which runs `body`.
fn command(folder: &Path, name: &str, body: &str) {
    let path = folder.join(name);
    std::fs::write(&path, format!("#!/bin/sh\n{body}\n")).expect("it can be written");
    let executable = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(&path, executable).expect("it is ours");
}

/// State, finding and advice of Slurm where `sbatch` and `scontrol` do this.
fn slurm(sbatch: &str, scontrol: &str, conf: Option<&str>) -> (String, String, Value) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    command(folder.path(), "sbatch", sbatch);
    command(folder.path(), "scontrol", scontrol);
    let path = std::env::var("PATH").unwrap_or_default();
    let mut doctor = Command::new(env!("CARGO_BIN_EXE_lawn"));
    doctor
        .args(["doctor", "--json"])
        .env("PATH", format!("{}:{path}", folder.path().display()))
        .env_remove("SLURM_CONF");
    if let Some(conf) = conf {
        doctor.env("SLURM_CONF", conf);
    }
    let output = doctor.output().expect("lawn starts");
    assert!(output.status.success(), "no engine is needed by everything");
    let said: Value = serde_json::from_slice(&output.stdout).expect("it is JSON");
    let findings = said["findings"].as_array().expect("a list");
    let finding = findings.iter().find(|finding| finding["what"] == "Slurm");
    let finding = finding.expect("Slurm is looked for");
    let text = |name: &str| finding[name].as_str().expect("text").to_owned();
    (text("state"), text("found"), finding["advice"].clone())
}

#[test]
fn a_slurm_that_answers_is_found_with_its_largest_array() {
    let (state, found, advice) = slurm(
        "echo slurm-wlm 22.05.8",
        "echo 'MaxArraySize            = 1001'",
        None,
    );
    assert_eq!(state, "ok");
    assert_eq!(found, "slurm-wlm 22.05.8; arrays of 1001 tasks at most");
    assert_eq!(advice, Value::Null);
}

#[test]
fn a_slurm_without_a_configuration_is_told_in_words() {
    // As Slurm 22.05 says it without, and with, a SLURM_CONF.
    let nowhere = "echo 'sbatch: error: fetch_config: DNS SRV lookup failed
sbatch: fatal: Could not establish a configuration source' >&2; exit 1";
    let (state, found, advice) = slurm(nowhere, "exit 1", None);
    assert_eq!(state, "missing");
    assert_eq!(
        found,
        "Slurm is installed here but not configured: `sbatch --version` found no \
         configuration; SLURM_CONF must name the site's slurm.conf, where that is not \
         /etc/slurm/slurm.conf"
    );
    assert_eq!(advice, "only `--engine slurm` needs it");

    let wrong = "echo 'sbatch: fatal: Unable to process configuration file' >&2; exit 1";
    let (_, found, _) = slurm(wrong, "exit 1", Some("/no/slurm.conf"));
    assert!(
        found.contains("found no configuration in SLURM_CONF=/no/slurm.conf;"),
        "{found}"
    );
}

#[test]
fn a_slurm_whose_controller_is_away_is_not_found() {
    let away = "echo 'slurm_load_ctl_conf error: Unable to contact slurm controller (connect failure)' >&2; exit 1";
    let (state, found, advice) = slurm("echo slurm-wlm 22.05.8", away, None);
    assert_eq!(state, "missing");
    assert!(
        found.contains("`scontrol show config`") && found.contains("Unable to contact"),
        "{found}"
    );
    assert_eq!(advice, "`--engine slurm` needs a Slurm that answers");
}
