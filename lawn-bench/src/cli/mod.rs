//! The command line: what can be asked, a file a verb, and which module answers.

mod completions;
mod config;
mod data;
mod data_check;
mod data_images;
mod data_list;
mod diff;
mod doctor;
mod eval;
mod floors;
mod layers;
mod lr_find;
mod model;
mod output;
mod plan;
mod report;
mod retry;
mod stated;
mod status;
mod sweep;
mod trial;
mod trials;
mod values;
mod watch;

use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::process::{beside, spawn, streams};
use crate::run::provenance;
use crate::{Error, Exit};

/// Large-batch training with and without Logit Attenuating Weight Normalization.
#[derive(Debug, Parser)]
#[command(name = "lawn", version, arg_required_else_help = true)]
pub struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    #[command(flatten)]
    OfFiles(OfFiles),
    #[command(flatten)]
    OfTensors(OfTensors),
}

/// What is answered without libtorch. A function that calls it must not be reached from here: the
/// linker leaves libtorch out of [`front`] only where none is.
#[derive(Debug, Subcommand)]
enum OfFiles {
    /// Explain a sweep file, or print the schema of sweep files.
    Config(config::Config),
    /// Say how far a run is.
    Status(status::Status),
    /// List, show and read the trials of a run, by arm, outcome and more.
    Trials(trials::Trials),
    /// Compare two runs: settings, plans and results.
    Diff(diff::Diff),
    /// Show the report of a run in a browser, renewed while the run goes on.
    Watch(watch::Watch),
    /// Forget how failed trials ended, so that `lawn sweep DIR` runs them again.
    Retry(retry::Retry),
    /// Merge a run's records and write its report from what is there.
    Report(report::Report),
    /// Print completions for a shell.
    Completions(completions::Completions),
}

impl OfFiles {
    fn run(self) -> Result<Exit, Error> {
        match self {
            Self::Config(verb) => verb.run(),
            Self::Status(verb) => verb.run(),
            Self::Trials(verb) => verb.run(),
            Self::Diff(verb) => verb.run(),
            Self::Watch(verb) => verb.run(),
            Self::Retry(verb) => verb.run(),
            Self::Report(verb) => verb.run(),
            Self::Completions(verb) => verb.run(&mut Cli::command()),
        }
    }
}

/// What libtorch is needed for.
#[derive(Debug, Subcommand)]
enum OfTensors {
    /// Say what was found here (libtorch, CUDA, threads, data sets), and how to get what was
    /// not.
    Doctor(doctor::Doctor),
    /// Get, make, list, check and pack data sets, and draw what a network sees of one.
    Data(data::Data),
    /// Say of each parameter whether an arm constrains it, and why.
    Model(model::Model),
    /// Measure weights from elsewhere on a folder of images: top-1 and top-5.
    Eval(eval::Eval),
    /// Measure what a task gives without a network: at random, by the most frequent answer, or by a
    /// linear model.
    Floors(floors::Floors),
    /// Find between which learning rates each arm trains: a short training whose rate grows.
    LrFind(lr_find::LrFind),
    /// Print the trials that a sweep file asks for, without running any.
    Plan(plan::Plan),
    /// Tune, freeze, confirm and report a sweep; goes on with what is left of one.
    Sweep(sweep::Sweep),
    /// Train one trial of a run in this process: what every engine calls.
    Trial(trial::Trial),
}

impl OfTensors {
    fn run(self) -> Result<Exit, Error> {
        match self {
            Self::Doctor(verb) => verb.run(),
            Self::Data(verb) => verb.run(),
            Self::Model(verb) => verb.run(),
            Self::Eval(verb) => verb.run(),
            Self::Floors(verb) => verb.run(),
            Self::LrFind(verb) => verb.run(),
            Self::Plan(verb) => verb.run(),
            Self::Sweep(verb) => verb.run(),
            Self::Trial(verb) => verb.run(),
        }
    }
}

/// The verbs as `lawn --help` lists them, in the order in which they are needed.
const GROUPS: [(&str, &[&str]); 5] = [
    (
        "Before a sweep",
        &[
            "doctor", "data", "model", "floors", "lr-find", "config", "plan",
        ],
    ),
    (
        "The sweep",
        &[
            "sweep", "status", "watch", "trials", "retry", "report", "diff",
        ],
    ),
    ("Weights", &["eval"]),
    ("For engines", &["trial"]),
    ("For the shell", &["completions"]),
];

const EXAMPLES: &str = "\
Examples:
  lawn plan lawn-bench/studies/embedded.toml      what would be trained
  lawn sweep lawn-bench/studies/embedded.toml     train it, to the report
  lawn status runs/embedded                       how far it is, from another terminal
  lawn watch runs/embedded                        the same in a browser
  lawn sweep runs/embedded                        go on after a stop or a crash
";

/// The command with its verbs in groups: clap lists them in one.
fn command() -> clap::Command {
    let command = Cli::command();
    let width = command
        .get_subcommands()
        .map(|verb| verb.get_name().len())
        .max()
        .unwrap_or(0);
    let mut text = String::new();
    for (heading, verbs) in GROUPS {
        text += &format!("{heading}:\n");
        for verb in verbs
            .iter()
            .filter_map(|name| command.find_subcommand(name))
        {
            let about = verb.get_about().map(ToString::to_string);
            let about = about.unwrap_or_default();
            text += &format!("  {:width$}  {about}\n", verb.get_name());
        }
        text.push('\n');
    }
    let help = format!(
        "{{about}}\n\n{{usage-heading}} {{usage}}\n\n{text}Options:\n{{options}}\n\n\
         {EXAMPLES}\n{}\n`lawn VERB --help` says more.\n",
        Exit::table()
    );
    command.help_template(help)
}

/// Reads the command line, does what was asked and says what is to be said.
#[must_use]
pub fn main() -> ExitCode {
    answer(|verb| {
        beside::require_same(&provenance::build())?;
        spawn::take_name();
        match verb {
            Verb::OfFiles(verb) => verb.run(),
            Verb::OfTensors(verb) => verb.run(),
        }
    })
}

/// The same without libtorch: where a verb needs it, this process becomes the command that has it.
#[must_use]
pub fn front() -> ExitCode {
    answer(|verb| match verb {
        Verb::OfFiles(verb) => verb.run(),
        Verb::OfTensors(_) => Err(beside::become_it(&provenance::build())),
    })
}

fn answer(run: impl FnOnce(Verb) -> Result<Exit, Error>) -> ExitCode {
    let parsed = command()
        .try_get_matches()
        .and_then(|matches| Cli::from_arg_matches(&matches));
    let exit = match parsed {
        Ok(cli) => run(cli.verb).unwrap_or_else(|error| {
            streams::say(&described(&error));
            error.exit()
        }),
        Err(told) => tell(&told),
    };
    match streams::lost() {
        Some(error) => {
            streams::say(&described(&error));
            match exit {
                Exit::Ok => error.exit(),
                exit => exit,
            }
        }
        None => exit,
    }
    .into()
}

/// Prints the help that was asked for, or what is wrong with the command line.
fn tell(told: &clap::Error) -> Exit {
    let (stream, exit) = match told.use_stderr() {
        true => (streams::Stream::Error, Exit::Usage),
        false => (streams::Stream::Output, Exit::Ok),
    };
    let flush = || std::io::Write::flush(&mut std::io::stdout());
    if let Err(error) = told.print().and_then(|()| flush()) {
        stream.fail(error);
    }
    if let Some(set) = bare_set(told) {
        streams::say(&format!(
            "\n  tip: `--set {set}` sets a key of the sweep file"
        ));
    }
    exit
}

/// The `KEY.KEY=VALUE` that was given without `--set`, as Hydra takes it.
fn bare_set(told: &clap::Error) -> Option<String> {
    let found = told.get(clap::error::ContextKind::InvalidArg)?;
    let clap::error::ContextValue::String(found) = found else {
        return None;
    };
    let (key, value) = found.split_once('=')?;
    let command = Cli::command();
    let verb = command.find_subcommand(std::env::args().nth(1)?)?;
    let mut verbs = std::iter::once(verb).chain(verb.get_subcommands());
    if !verbs.any(|verb| {
        verb.get_arguments()
            .any(|one| one.get_long() == Some("set"))
    }) {
        return None;
    }
    let is_key = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
    let is_set = !key.is_empty() && !key.starts_with('-') && key.chars().all(is_key);
    is_set.then(|| crate::process::shell::line([format!("{key}={value}")]))
}

/// The error and what caused it. The sweep file's errors bring their own heading.
fn described(error: &Error) -> String {
    match error {
        Error::Config(error) => error.to_string(),
        error => output::still(&format!("error: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_command_line_is_sound_and_help_lists_every_verb_once() {
        command().debug_assert();
        let verbs = Cli::command();
        let verbs: Vec<&str> = verbs
            .get_subcommands()
            .map(|verb| verb.get_name())
            .collect();
        let listed: Vec<&str> = GROUPS
            .iter()
            .flat_map(|(_, verbs)| *verbs)
            .copied()
            .collect();
        assert_eq!(listed.len(), verbs.len(), "{listed:?}");
        let listed: BTreeSet<&str> = listed.into_iter().collect();
        assert_eq!(listed, verbs.into_iter().collect());
    }

    #[test]
    fn every_verb_says_what_it_does_and_gives_an_example() {
        for verb in Cli::command().get_subcommands() {
            let name = verb.get_name();
            assert!(verb.get_about().is_some(), "{name}");
            let after = verb.get_after_help().map(ToString::to_string);
            assert!(
                after.is_some_and(|text| text.contains(&format!("lawn {name} "))),
                "`lawn {name} --help` has no example"
            );
        }
    }

    /// The examples of all verbs and of the command itself, each as its words.
    fn examples() -> Vec<Vec<String>> {
        let verbs = Cli::command();
        let verbs = verbs
            .get_subcommands()
            .filter_map(|verb| verb.get_after_help());
        let texts = verbs.map(ToString::to_string).chain([EXAMPLES.to_owned()]);
        let texts: Vec<String> = texts.collect();
        let lines = texts.iter().flat_map(|text| text.lines());
        let commands = lines.filter_map(|line| {
            let line = line.trim_start().trim_start_matches("Example: ");
            // What is said of the command, and what the shell does with its output.
            let command = line.split("   ").next()?.split(['|', '>']).next()?;
            command.starts_with("lawn ").then_some(command)
        });
        let words = |command: &str| command.split_whitespace().map(str::to_owned).collect();
        commands.map(words).collect()
    }

    #[test]
    fn examples_are_understood_and_what_they_set_goes_with_their_files() {
        let examples = examples();
        assert!(examples.len() > 20, "{examples:?}");
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let mut files = 0;
        for words in examples {
            let parsed = command().try_get_matches_from(&words);
            parsed.unwrap_or_else(|error| panic!("{words:?}: {error}"));
            let Some(file) = words.iter().find(|word| word.starts_with("lawn-bench/")) else {
                continue;
            };
            let given = |option: &str| -> Vec<String> {
                let pairs = words.windows(2).filter(|pair| pair[0] == option);
                pairs.map(|pair| pair[1].clone()).collect()
            };
            let file = crate::config::SweepFile::read(&root.join(file), &given("--set"));
            let sweep = file.and_then(|file| file.without(&given("--unset")).sweep());
            sweep.unwrap_or_else(|error| panic!("{words:?}: {error}"));
            files += 1;
        }
        assert!(files > 8, "{files}");
    }

    const README: &str = include_str!("../../README.md");

    #[test]
    fn help_and_readme_document_every_exit_code() {
        let help = command().render_help().to_string();
        for exit in Exit::ALL {
            let line = format!("{:>3}  {}", exit.code(), exit.meaning());
            assert!(help.contains(&line), "{line:?} is not in\n{help}");
            let row = format!("| {} | {} |", exit.code(), exit.meaning());
            assert!(README.contains(&row), "{row:?} is not in the README");
        }
    }
}
