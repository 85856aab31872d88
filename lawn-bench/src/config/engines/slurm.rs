//! `[engines.slurm]`.

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::count::{ATTEMPTS, least};
use crate::config::field::Field;
use crate::config::source::Source;
use crate::config::values::within;
use crate::error::ConfigError;

/// What a Slurm job of this sweep asks for; what is not given is the site's default.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Slurm {
    /// `--partition`.
    pub partition: Option<String>,
    /// `--account`.
    pub account: Option<String>,
    /// `--time` of a trial, in Slurm's notation.
    pub time: Option<String>,
    /// `--gres=gpu:…` of a trial: a number, or a kind and a number as `a100:1`.
    pub gpus: Option<String>,
    /// `--cpus-per-task` of a trial; `resources.threads` where it is not given.
    pub cpus: Option<u64>,
    /// `--mem` of a trial, in Slurm's notation.
    pub memory: Option<String>,
    /// Trials at the same time, instead of `resources.workers`.
    pub workers: Option<usize>,
    /// Seconds before its end that a job is warned, to write a checkpoint.
    pub signal_seconds: u64,
    /// Tasks of one array at most, where that is less than the site's `MaxArraySize`.
    pub max_array_size: Option<usize>,
    /// Jobs in a row that may end without an outcome or a new checkpoint: then a trial that has
    /// begun is `crashed`, and what kept it from that ends the sweep.
    pub attempts: usize,
    /// Further options of `sbatch` for trials, as `--qos=long`.
    pub options: Vec<String>,
    /// Further options of `sbatch` for the job that goes on with the sweep.
    pub next_options: Vec<String>,
    /// Lines of shell before the command, as `module load cuda`.
    pub prologue: Option<String>,
    /// The `lawn` command on the nodes, where it is not where it is here.
    pub lawn: Option<String>,
}

impl Default for Slurm {
    fn default() -> Self {
        Self {
            partition: None,
            account: None,
            time: None,
            gpus: None,
            cpus: None,
            memory: None,
            workers: None,
            signal_seconds: 60,
            max_array_size: None,
            attempts: ATTEMPTS,
            options: Vec::new(),
            next_options: Vec::new(),
            prologue: None,
            lawn: None,
        }
    }
}

#[derive(Deserialize, JsonSchema, Serialize, Default)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawSlurm {
    /// `--partition`.
    #[schemars(regex(pattern = WORD))]
    partition: Option<Field<String>>,
    /// `--account`.
    #[schemars(regex(pattern = WORD))]
    account: Option<Field<String>>,
    /// `--time` of a trial, in Slurm's notation.
    #[schemars(extend("pattern" = TIME_PATTERN))]
    time: Option<Field<TextOrNumber>>,
    /// `--gres=gpu:…` of a trial: a number, or a kind and a number as `a100:1`.
    #[schemars(extend("pattern" = GPUS_PATTERN))]
    gpus: Option<Field<TextOrNumber>>,
    /// `--cpus-per-task` of a trial; `resources.threads` where it is not given.
    #[schemars(range(min = 1))]
    cpus: Option<Field<u64>>,
    /// `--mem` of a trial, in Slurm's notation.
    #[schemars(extend("pattern" = MEMORY_PATTERN))]
    memory: Option<Field<TextOrNumber>>,
    /// Trials at the same time, instead of `resources.workers`.
    #[schemars(range(min = 1))]
    workers: Option<Field<usize>>,
    /// Seconds before its end that a job is warned, to write a checkpoint.
    #[schemars(range(max = SIGNAL_SECONDS), extend("default" = Slurm::default().signal_seconds))]
    signal_seconds: Option<Field<u64>>,
    /// Tasks of one array at most, where that is less than the site's `MaxArraySize`.
    #[schemars(range(min = 1))]
    max_array_size: Option<Field<usize>>,
    /// Jobs in a row that may end without an outcome or a new checkpoint: then a trial that has
    /// begun is `crashed`, and what kept it from that ends the sweep.
    #[schemars(range(min = 1), extend("default" = ATTEMPTS))]
    attempts: Option<Field<usize>>,
    /// Further options of `sbatch` for trials, as `--qos=long`.
    #[schemars(inner(regex(pattern = OPTION)))]
    options: Vec<Field<String>>,
    /// Further options of `sbatch` for the job that goes on with the sweep.
    #[schemars(inner(regex(pattern = OPTION)))]
    next_options: Vec<Field<String>>,
    /// Lines of shell before the command, as `module load cuda`.
    prologue: Option<String>,
    /// The `lawn` command on the nodes, where it is not where it is here.
    lawn: Option<Field<String>>,
}

/// `gpus = 2` and `gpus = "a100:2"` alike.
#[derive(Deserialize, JsonSchema, Serialize)]
#[serde(untagged, remote = "Self")]
enum TextOrNumber {
    Number(u64),
    Text(String),
}

impl<'de> Deserialize<'de> for TextOrNumber {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let allowed = "a whole number or a text in Slurm's notation";
        lawn_models::one_of(deserializer, Self::deserialize, allowed)
    }
}

impl Serialize for TextOrNumber {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Self::serialize(self, serializer)
    }
}

impl std::fmt::Display for TextOrNumber {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Text(text) => text.fmt(f),
        }
    }
}

pub(super) fn check(source: &Source<'_>, raw: &RawSlurm) -> Result<Slurm, ConfigError> {
    let defaults = Slurm::default();
    let options = |given: &[Field<String>]| {
        given
            .iter()
            .map(|option| sbatch_option(source, option))
            .collect::<Result<Vec<_>, _>>()
    };
    Ok(Slurm {
        partition: one_word(source, &raw.partition)?,
        account: one_word(source, &raw.account)?,
        time: notation(source, &raw.time, is_time, TIME)?,
        gpus: notation(source, &raw.gpus, is_gpus, GPUS)?,
        cpus: least(source, &raw.cpus, "engines.slurm.cpus")?,
        memory: notation(source, &raw.memory, is_memory, MEMORY)?,
        workers: least(source, &raw.workers, "engines.slurm.workers")?,
        signal_seconds: match &raw.signal_seconds {
            None => defaults.signal_seconds,
            Some(seconds) => {
                let what = "engines.slurm.signal_seconds";
                within(source, seconds, what, 0, SIGNAL_SECONDS)?
            }
        },
        max_array_size: least(source, &raw.max_array_size, "engines.slurm.max_array_size")?,
        attempts: least(source, &raw.attempts, "engines.slurm.attempts")?
            .unwrap_or(defaults.attempts),
        options: options(&raw.options)?,
        next_options: options(&raw.next_options)?,
        prologue: raw.prologue.clone(),
        lawn: raw.lawn.as_ref().map(|lawn| lawn.get_ref().clone()),
    })
}

/// A name that goes into a line of `#SBATCH`.
fn one_word(
    source: &Source<'_>,
    value: &Option<Field<String>>,
) -> Result<Option<String>, ConfigError> {
    let Some(value) = value else { return Ok(None) };
    let text = value.get_ref();
    if text.is_empty() || text.contains(|c: char| c.is_whitespace() || c.is_control()) {
        let message = format!("{text:?} must be one word");
        return Err(source.error(value.span(), message, None));
    }
    Ok(Some(text.clone()))
}

fn sbatch_option(source: &Source<'_>, option: &Field<String>) -> Result<String, ConfigError> {
    let text = option.get_ref();
    if !text.starts_with('-') || text.contains(char::is_control) {
        let message = format!("{text:?} is not an option of sbatch on one line");
        return Err(source.error(
            option.span(),
            message,
            Some("for example: \"--qos=long\"".into()),
        ));
    }
    Ok(text.clone())
}

/// Greatest `SECONDS` of `--signal`.
const SIGNAL_SECONDS: u64 = 65_535;

/// For a schema: one word, an option of `sbatch`, and the notations below.
const WORD: &str = r"^\S+$";
const OPTION: &str = r"^-[^\x00-\x1f\x7f-\x9f]*$";
const TIME_PATTERN: &str = "^([0-9]+-)?[0-9]+(:[0-9]+){0,2}$";
const GPUS_PATTERN: &str = "^([A-Za-z0-9_.-]+:)?[0-9]+$";
const MEMORY_PATTERN: &str = "^[0-9]+[KMGT]?$";

const TIME: &str = "a time is MINUTES, HOURS:MINUTES:SECONDS or DAYS-HOURS:MINUTES:SECONDS";
const GPUS: &str = "for example: gpus = 1, or gpus = \"a100:1\"";
const MEMORY: &str = "for example: memory = \"8G\"; a bare number counts megabytes";

/// A value in Slurm's notation, as `is` tells it.
fn notation(
    source: &Source<'_>,
    value: &Option<Field<TextOrNumber>>,
    is: fn(&str) -> bool,
    help: &str,
) -> Result<Option<String>, ConfigError> {
    let Some(value) = value else { return Ok(None) };
    let text = value.get_ref().to_string();
    if is(&text) {
        return Ok(Some(text));
    }
    let message = format!("{text:?} is not in Slurm's notation");
    Err(source.error(value.span(), message, Some(help.into())))
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_time(text: &str) -> bool {
    let (days, rest) = match text.split_once('-') {
        Some((days, rest)) => (days, rest),
        None => ("0", text),
    };
    is_number(days) && rest.split(':').count() <= 3 && rest.split(':').all(is_number)
}

fn is_gpus(text: &str) -> bool {
    let (kind, count) = text.rsplit_once(':').unwrap_or(("gpu", text));
    let letter = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    is_number(count) && !kind.is_empty() && kind.chars().all(letter)
}

fn is_memory(text: &str) -> bool {
    is_number(text.strip_suffix(['K', 'M', 'G', 'T']).unwrap_or(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notations_of_slurm_are_told_from_what_is_none() {
        for time in ["30", "10:00", "1:00:00", "2-12", "1-00:30", "1-02:03:04"] {
            assert!(is_time(time), "{time}");
        }
        for time in ["", "1h", "1:2:3:4", "1-", "-1", "1--2"] {
            assert!(!is_time(time), "{time}");
        }
        assert!(is_gpus("2") && is_gpus("a100:1") && is_gpus("nvidia_h100-80g:8"));
        assert!(!is_gpus("") && !is_gpus("a100") && !is_gpus(":1") && !is_gpus("a 100:1"));
        assert!(is_memory("4096") && is_memory("8G"));
        assert!(!is_memory("8GB") && !is_memory("G") && !is_memory("-1"));
    }
}
