//! Reads files of results to trials.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::direction::{self, Direction};
use super::file::ResultsFile;
use super::layout::{Laid, Layout};
use super::texts::{REQUIRED, Texts, default_of, listed_names, type_of};
use super::{counts, ended, missing, quotients, singles, states, suggestion, units};
use crate::error::{Error, Position};
use crate::records::rows::TrialRow;
use crate::records::run::Records;
use crate::records::table::Table;
use crate::records::words::Outcome;

/// The columns that [`Results::read`] documents, as text for a terminal.
pub const RESULT_COLUMNS: &str = "\
task, arm                  text                                          required
batch_size, seed           integers                                      required
test_metric                number; empty where the trial did not end well  required
train_metric               number       without it no generalization gap
validation_metric          number       without it no best baseline is chosen
train_loss                 number       without it no figure of loss and test metric
test_count, test_total     integers: hits or errors, and cases; without them ties are those of decimals
metric                     name of the metric                            [default: metric]
higher_is_better           true or false        [default: true; --better for a loss]
outcome                    ok, diverged, out-of-memory, timeout, crashed, preempted  [default: ok]
stage                      tune or confirm                               [default: confirm]
hyperparameters, setting   JSON object as text, and its number: without them no tuning is shown
trial_id                   text, unique                                  [default: line-N]
budget_unit, budget_amount epochs, steps or samples, and how many: the summary states the budget
epochs, steps, samples, seconds_train, seconds_total, samples_per_second, detail: shown where given";

/// Results that were not recorded by this project.
#[derive(Clone, Debug, PartialEq)]
pub struct Results {
    /// The trials; there are no epochs, units and measurements.
    pub records: Records,
    /// Columns of the files that were not read, in their order.
    pub ignored: Vec<String>,
    /// Whether every file says which direction of the metric is better.
    pub directed: bool,
    /// What was done to the numbers, in sentences that the report must show.
    pub notes: Vec<String>,
    /// By the id of a trial, the word of its file for an outcome that is not ok.
    pub failures: BTreeMap<String, String>,
}

/// What files of results do not state themselves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResultsOptions {
    /// Where the columns of results are found.
    pub layout: Layout,
    /// What words in the column `outcome` denote, beyond those that are known.
    pub outcomes: Vec<(String, Outcome)>,
    /// Words in the column `outcome` whose rows are left out.
    pub skipped: Vec<String>,
    /// Which direction of a metric is better. A column `higher_is_better` overrides it.
    pub directions: Vec<Direction>,
    /// The outcome of trials that are recorded as ok but lack a number on which a comparison rests.
    /// Without an outcome, or with `ok`, such trials are refused.
    pub missing_metric: Option<Outcome>,
    /// Whether the numbers of each metric are in one unit, though some look like percent of others.
    pub same_unit: bool,
    /// What the results are called together: where nothing names their metric, it may say that less
    /// is better.
    pub title: Option<String>,
}

impl Results {
    /// Reads results that were not recorded by this project: one row a trial.
    ///
    /// ```text
    /// task,arm,batch_size,seed,test_metric,train_metric,outcome
    /// my-task,adam,1024,1,0.651,0.702,ok
    /// my-task,adam,1024,2,,,diverged
    /// ```
    ///
    /// | column | | without it |
    /// |---|---|---|
    /// | `task`, `arm` | text | refused |
    /// | `batch_size`, `seed` | integers | refused |
    /// | `test_metric` | number, empty where the trial did not end well | refused |
    /// | `train_metric`, `validation_metric`, `train_loss` | numbers | no gap, no best baseline, no loss |
    /// | `test_count`, `test_total` | integers: the metric is their ratio | ties by decimals |
    /// | `metric` | text | `metric` |
    /// | `higher_is_better` | `true` or `false` | `true`, which a note says where no name of a metric tells; refused for a name such as `loss` or `value`, and where the file is called so |
    /// | `outcome` | `ok`, `diverged`, `out-of-memory`, `timeout`, `crashed`, `preempted` | `ok` |
    /// | `stage` | `tune` or `confirm` | `confirm` |
    /// | `trial_id` | text | `line-N` in a CSV, `row-N` in a Parquet file |
    ///
    /// Any other column of `trials.parquet` is read where it is present. Columns beyond these are
    /// not read. A file that begins as Parquet does is read as such, one that begins as JSON does as
    /// JSON objects or as a table in one object, any other as CSV with a header, with the separator that its rows show. All
    /// formats accept the same: a number in a Parquet file, of whatever type, is read as the
    /// shortest decimal that denotes it. Spaces around a cell are ignored. Numbers of a column that all have
    /// a percent sign are in percent.
    ///
    /// Words of other tools for an outcome are read in any case: `COMPLETE`, `finished`, `FAIL`,
    /// `PRUNED`, `killed`. Trials that have not ended (`RUNNING`) are left out, and a note counts
    /// them.
    ///
    /// An exact test must see equal differences as ties, so three kinds of numbers are restored. A
    /// metric that was a 32-bit float before it was written with 64 bits is read as the shortest
    /// decimal of that float: 0.9345999956130981 as 0.9346. A metric that is the rounded ratio of
    /// its counts is read as that ratio. Rounded numbers of a task that all fit one total, and
    /// would not by chance, are read as quotients of it.
    ///
    /// A file of any content is read or refused, with one exception. The sizes that a Parquet file
    /// claims for its pages are compared with those of its footer before decoding. Where both agree
    /// on more than the available memory, the process ends.
    ///
    /// # Errors
    /// [`Error::Io`] for a file that is not there; [`Error::Csv`], [`Error::Parquet`] and
    /// [`Error::OtherFormat`] for one that is no table; [`Error::Empty`] and [`Error::NoRows`] for one without any;
    /// [`Error::MissingResult`] for a required column that is missing; [`Error::RepeatedColumn`]
    /// for one that is there twice; [`Error::WrongType`] for one that is neither text nor numbers.
    /// [`Error::Cell`] names line, column, value and what is allowed. [`Error::MissingNumber`] is
    /// for trials that ended well without a metric, [`Error::NoDirection`] for a loss without a
    /// stated direction, [`Error::RepeatedTrial`] for two trials with one id,
    /// [`Error::MixedUnits`] for percent beside fractions.
    pub fn read(path: &Path) -> Result<Self, Error> {
        Self::read_with(path, &ResultsOptions::default())
    }

    /// Reads results as [`Results::read`] does, with options for what the file does not state.
    ///
    /// # Errors
    /// As [`Results::read_files`].
    pub fn read_with(path: &Path, options: &ResultsOptions) -> Result<Self, Error> {
        Self::read_files(&[ResultsFile::open(path)?], options)
    }

    /// Reads the trials of several files as those of one table.
    ///
    /// # Errors
    /// As [`Results::read`]. Moreover [`Error::Layout`], [`Error::NoColumn`], [`Error::NoMatch`],
    /// [`Error::AmbiguousName`] and [`Error::TwoLast`] where a file is not laid out as the options
    /// say; [`Error::NoSuchOutcome`] and [`Error::NoneEnded`] for outcomes.
    ///
    /// # Panics
    /// Where no file is given.
    pub fn read_files(files: &[ResultsFile], options: &ResultsOptions) -> Result<Self, Error> {
        assert!(!files.is_empty(), "no file of results is given");
        options.layout.check()?;
        let mut gathered = Gathered::default();
        for file in files {
            gathered.add(file, &options.layout)?;
        }
        gathered.require_use(files, &options.layout)?;
        let kept = gathered.constants(&options.layout);
        gathered.notes.extend(kept);
        let Gathered {
            mut texts,
            ignored,
            directed,
            ..
        } = gathered;
        let mut notes = gathered.notes;
        let skipped = states::skip(&mut texts, &options.skipped)?;
        if let Some(column) = &options.layout.last {
            notes.push(format!(
                "By {column}, the last row of each trial is read: {}, and {} left out.",
                crate::text::count(texts.places.len(), "row", "rows"),
                crate::text::count(gathered.earlier, "earlier one is", "earlier ones are"),
            ));
            let outcomes = &options.outcomes;
            notes.extend(ended::settle(&mut texts, column, &options.layout, outcomes));
        }
        notes.extend(skipped);
        notes.extend(states::settle(&mut texts, &options.outcomes)?);
        notes.extend(singles::shorten(&mut texts));
        notes.extend(quotients::settle(&mut texts));
        let mut trials = trials(&texts, &options.layout)?;
        counts::unique(&trials, &texts)?;
        counts::settle(&mut trials, &texts)?;
        let told = options.missing_metric;
        let settled = missing::settle(&mut trials, &texts, &options.layout, told);
        notes.extend(settled.map_err(|error| with_outcome(error, &texts, &ignored))?);
        let called = options.title.as_deref();
        let settled = direction::settle(
            &mut trials,
            &texts,
            &directed,
            (&options.directions, called),
        );
        notes.extend(settled?);
        notes.extend(units::settle(&trials, &texts, options.same_unit)?);
        notes.extend(without_numbers(&texts, &options.layout));
        let failures = trials.iter().enumerate().filter_map(|(row, trial)| {
            let word = ended_badly(&texts, row)?;
            Some((trial.trial_id.clone(), word))
        });
        let failures = failures.collect();
        Ok(Self {
            records: Records {
                trials,
                ..Records::default()
            },
            ignored,
            directed: directed.iter().all(|directed| *directed),
            notes,
            failures,
        })
    }
}

/// What was read of the files so far.
#[derive(Default)]
struct Gathered {
    texts: Texts,
    ignored: Vec<String>,
    /// By file, whether it says which direction is better.
    directed: Vec<bool>,
    notes: Vec<String>,
    earlier: usize,
    /// By file, the columns of results that are stated and that it does not need.
    unused: Vec<Vec<String>>,
}

impl Gathered {
    /// Adds the rows of a file.
    fn add(&mut self, file: &ResultsFile, layout: &Layout) -> Result<(), Error> {
        let sheet = file.sheet()?;
        let Laid {
            columns,
            positions,
            within,
            ignored,
            earlier,
            ends,
            notes,
            unused,
        } = layout.lay(file.name(), sheet.as_ref())?;
        if positions.is_empty() {
            return Err(Error::NoRows {
                path: file.name().to_owned(),
            });
        }
        let known = self.ignored.clone();
        let new = ignored.into_iter().filter(|name| !known.contains(name));
        self.ignored.extend(new);
        for note in sheet.notes() {
            if !self.notes.contains(&note) {
                self.notes.push(note);
            }
        }
        self.notes.extend(notes);
        let directs = columns.iter().any(|(name, _)| name == "higher_is_better");
        self.directed.push(directs);
        self.earlier += earlier;
        self.unused.push(unused);
        let path = file.name().to_owned();
        self.texts.push(path, columns, positions, within, ends);
        Ok(())
    }

    /// Makes sure that each column that is stated was read from a file.
    fn require_use(&self, files: &[ResultsFile], layout: &Layout) -> Result<(), Error> {
        let is_unused = |name: &String| self.unused.iter().all(|unused| unused.contains(name));
        let path: PathBuf = files[0].name().to_owned();
        if let Some((ours, theirs)) = layout.columns.iter().find(|(ours, _)| is_unused(ours)) {
            return Err(Error::NoColumn {
                path,
                column: theirs.clone(),
                purpose: format!("`{ours}`"),
                found: format!("{ours} itself"),
            });
        }
        match layout.constants.iter().find(|(ours, _)| is_unused(ours)) {
            Some((ours, value)) => Err(Error::Layout {
                why: format!(
                    "{}: column `{ours}` stands in the file, so no constant takes its place; \
                     leave `{value}` out, or give that column another name",
                    path.display()
                ),
            }),
            None => Ok(()),
        }
    }

    /// Says which files keep a column of their own beside a constant for the others.
    fn constants(&self, layout: &Layout) -> Vec<String> {
        let kept = layout.constants.iter().filter_map(|(ours, value)| {
            let files = self.unused.iter().zip(&self.texts.files);
            let files: Vec<String> = files
                .filter(|(unused, _)| unused.contains(ours))
                .map(|(_, path)| path.display().to_string())
                .collect();
            let names = listed_names(&files)?;
            Some(format!(
                "Column {ours} is read from {names}; the constant {value} is of the other files."
            ))
        });
        kept.collect()
    }
}

/// The error with the column that most likely says how trials ended, where none was read.
fn with_outcome(mut error: Error, texts: &Texts, ignored: &[String]) -> Error {
    if let Error::MissingNumber { suggested, .. } = &mut error
        && texts.cells("outcome").is_none()
    {
        *suggested = suggestion::of("outcome", ignored).map(str::to_owned);
    }
    error
}

/// The trials that the rows denote.
fn trials(texts: &Texts, layout: &Layout) -> Result<Vec<TrialRow>, Error> {
    let mut trials = Vec::with_capacity(texts.places.len());
    for (row, place) in texts.places.iter().enumerate() {
        let path = &texts.files[place.file];
        let id = match place.position {
            Position::Line(line) => format!("line-{line}"),
            Position::Row(row) => format!("row-{row}"),
        };
        let id = format!("{id} {}", texts.within[row]);
        let id = id.trim_end();
        let id = match texts.files.len() {
            1 => id.to_owned(),
            _ => format!("{}:{id}", path.display()),
        };
        let text = |name: &str| {
            let default = match name {
                "trial_id" => id.as_str(),
                _ => default_of(name),
            };
            match texts.cells(name) {
                Some(cells) => cell(name, &cells[row], default),
                None => default,
            }
        };
        let refused = |column: &str, value: &str, allowed: String| Error::Cell {
            path: path.clone(),
            position: place.position,
            column: layout.named(column),
            value: value.to_owned(),
            allowed,
        };
        let trial = TrialRow::from_texts(text).map_err(|misfit| {
            match is_gap(texts, misfit.column, row) {
                true => Error::EmptyCell {
                    path: path.clone(),
                    position: place.position,
                    column: layout.named(misfit.column),
                    ended: ended_badly(texts, row),
                },
                false => refused(misfit.column, misfit.text, misfit.allowed),
            }
        })?;
        if trial.batch_size < 1 {
            let allowed = "an integer of at least 1".to_owned();
            return Err(refused("batch_size", text("batch_size"), allowed));
        }
        trials.push(trial);
    }
    Ok(trials)
}

/// Whether the cell of a required column is empty, and not every cell of it is.
fn is_gap(texts: &Texts, column: &str, row: usize) -> bool {
    let cells = texts.cells(column).unwrap_or_default();
    REQUIRED.contains(&column) && cells[row].is_empty() && cells.iter().any(|cell| !cell.is_empty())
}

/// The word of the file for how the trial of a row ended, where that is not well.
fn ended_badly(texts: &Texts, row: usize) -> Option<String> {
    let word = &texts.words[row];
    states::of(word)
        .filter(|outcome| *outcome != Outcome::Ok)
        .map(|_| word.clone())
}

/// Optional columns whose numbers a report shows. Others are told of where they are asked for.
const SHOWN: [&str; 5] = [
    "train_metric",
    "validation_metric",
    "train_loss",
    "test_count",
    "test_total",
];

/// Says which optional columns have no number in any row, where the test metric has.
fn without_numbers(texts: &Texts, layout: &Layout) -> Vec<String> {
    let has_number = |cells: &[String]| {
        let mut numbers = cells.iter().filter_map(|cell| cell.parse::<f64>().ok());
        numbers.any(f64::is_finite)
    };
    if !texts.cells("test_metric").is_some_and(has_number) {
        return Vec::new();
    }
    let is_optional = |name: &str| {
        let asked = layout.columns.iter().any(|(ours, _)| ours == name);
        let is_number = type_of(name).is_some_and(is_optional_number);
        is_number && name != "test_metric" && (asked || SHOWN.contains(&name))
    };
    let lost = texts
        .columns
        .iter()
        .filter(|column| is_optional(&column.name) && !has_number(&column.cells));
    let of_last = match &layout.last {
        Some(order) => format!(": of each trial, that is the last row by {order}"),
        None => String::new(),
    };
    let lost = lost.map(|column| {
        format!(
            "Column {} has no number in any row that is read{of_last}.",
            layout.named(&column.name)
        )
    });
    lost.collect()
}

/// Whether a column of this type holds numbers and may have none.
fn is_optional_number(kind: &str) -> bool {
    ["a number or no value", "an integer or no value"].contains(&kind)
}

/// Texts that mean "no number" in a column that may have none.
pub(super) const NO_NUMBER: [&str; 6] = ["NA", "N/A", "<NA>", "null", "None", "none"];

/// The text of a cell as it is parsed. In a column that may have no number, a text for a missing or
/// infinite number becomes empty. An empty cell of an optional column becomes the default.
fn cell<'a>(name: &str, text: &'a str, default: &'a str) -> &'a str {
    if type_of(name).is_some_and(is_optional_number) {
        let infinite = || text.parse().is_ok_and(|number: f64| !number.is_finite());
        return if NO_NUMBER.contains(&text) || infinite() {
            ""
        } else {
            text
        };
    }
    let decides = ["metric", "outcome", "stage", "higher_is_better"].contains(&name);
    if text.is_empty() && !decides {
        default
    } else {
        text
    }
}
