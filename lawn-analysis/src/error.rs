//! What can go wrong, with the file, column and value that made it so.

mod position;

use std::path::PathBuf;

pub use position::Position;
pub(crate) use position::listed;

/// Why records could not be read, written or analysed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file system refused.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is not a whole Parquet file: truncated, or of another format.
    #[error("{}: not a readable parquet file: {source}", path.display())]
    Parquet {
        /// The file.
        path: PathBuf,
        /// What the reader said.
        source: polars::error::PolarsError,
    },
    /// The content of a table's file does not match its checksum: it was damaged on its way, or
    /// edited.
    #[error(
        "{}: damaged: its content does not match its checksum; write the records again, or copy \
         them again from where they were written",
        path.display()
    )]
    Checksum {
        /// The file.
        path: PathBuf,
    },
    /// The text file could not be read as a table.
    #[error("{}, line {line}: {why}", path.display())]
    Csv {
        /// The file.
        path: PathBuf,
        /// The line on which the row starts, counted from 1.
        line: usize,
        /// What is wrong with it.
        why: String,
    },
    /// A cell of a file of results does not hold what its column must.
    #[error("{}, {position}: column `{column}`: {} is not {allowed}", path.display(), quoted(value))]
    Cell {
        /// The file.
        path: PathBuf,
        /// Where the row is.
        position: Position,
        /// The column.
        column: String,
        /// The text found.
        value: String,
        /// What is allowed there.
        allowed: String,
    },
    /// A cell that every trial must have a value in is empty, and others of its column are not.
    #[error("{}, {position}: column `{column}`: the cell is empty, and every trial needs a value there", path.display())]
    EmptyCell {
        /// The file.
        path: PathBuf,
        /// Where the row is.
        position: Position,
        /// The column.
        column: String,
        /// The word of the file for how the trial ended, where that is not well.
        ended: Option<String>,
    },
    /// A file of results has two columns of one name.
    #[error("{}: two columns are called `{column}`", path.display())]
    RepeatedColumn {
        /// The file.
        path: PathBuf,
        /// Their name.
        column: String,
    },
    /// A file of results has nothing in it.
    #[error("{}: nothing is in it, not even a header", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// A file of results has no row.
    #[error("{}: no row under the header", path.display())]
    NoRows {
        /// The file.
        path: PathBuf,
    },
    /// A file of results is of none of the formats that are read.
    #[error(
        "{}: {found}; allowed: a CSV file in UTF-8 or JSON objects, each also compressed by gzip, or a \
         Parquet file",
        path.display()
    )]
    OtherFormat {
        /// The file.
        path: PathBuf,
        /// What it is, by its bytes.
        found: &'static str,
    },
    /// Trials with the outcome ok have no finite number in a column that a comparison rests on.
    #[error(
        "{}: column `{column}`: {missing} of {of} trials whose outcome is ok have no number ({rows}); \
         say in a column `outcome` how they ended, such as diverged or crashed",
        path.display()
    )]
    MissingNumber {
        /// The file.
        path: PathBuf,
        /// The column.
        column: String,
        /// How many have none.
        missing: usize,
        /// How many trials of that stage have the outcome ok.
        of: usize,
        /// Where they are, and what they have instead.
        rows: String,
        /// Whether some have none since their rows end before those of others.
        ended_early: bool,
        /// A column that was not read, and that most likely says how trials ended.
        suggested: Option<String>,
    },
    /// No trial has a number in the column that a comparison rests on, so that none can be compared.
    #[error("{}: column `{column}`: {why}", path.display())]
    NoNumber {
        /// The first file.
        path: PathBuf,
        /// The column.
        column: String,
        /// Where there are numbers, and what to do.
        why: String,
    },
    /// The name of a metric is that of a loss or an error, or it does not say what is measured, and
    /// nothing states which direction is better.
    #[error(
        "{}: metric `{metric}`: nothing says whether more or less of it is better; say it in a \
         column `higher_is_better`",
        path.display()
    )]
    NoDirection {
        /// The file.
        path: PathBuf,
        /// The metric.
        metric: String,
    },
    /// Numbers of one metric are in percent in one place and fractions in another.
    #[error(
        "{}: metric `{metric}`: {found}: one looks like percent of the other; bring both to one unit",
        path.display()
    )]
    MixedUnits {
        /// The file with the greater ones.
        path: PathBuf,
        /// The metric.
        metric: String,
        /// Both, where they are and with their ranges.
        found: String,
    },
    /// Two trials of a file of results have one id.
    #[error("{}: {first} and {second} both have the trial id `{trial_id}`", path.display())]
    RepeatedTrial {
        /// The file.
        path: PathBuf,
        /// The id.
        trial_id: String,
        /// Where one is, with its file where there are several.
        first: String,
        /// Where the other is.
        second: String,
    },
    /// Columns that results must have are absent.
    #[error(
        "{}: {}; required: {required}; found: {found}", path.display(), absent(columns)
    )]
    MissingResult {
        /// The file.
        path: PathBuf,
        /// The columns.
        columns: Vec<String>,
        /// The columns that results must have.
        required: String,
        /// The columns of the file.
        found: String,
        /// For columns that are missing, each with the column of the file that most likely holds
        /// it.
        suggested: Box<[(String, String)]>,
    },
    /// What is said of the layout of files of results contradicts itself or a file.
    #[error("{why}")]
    Layout {
        /// What contradicts what.
        why: String,
    },
    /// A file of results does not have a column that is to be read.
    #[error("{}: no column is called `{column}`, to be read as {purpose}; found: {found}", path.display())]
    NoColumn {
        /// The file.
        path: PathBuf,
        /// The column that was asked for.
        column: String,
        /// What it would be read as.
        purpose: String,
        /// The columns of the file.
        found: String,
    },
    /// Nothing in a file of results, or not its name, matches a pattern.
    #[error("{}: {what} `{pattern}`; found: {found}", path.display())]
    NoMatch {
        /// The file.
        path: PathBuf,
        /// What does not match, in words.
        what: &'static str,
        /// The pattern.
        pattern: String,
        /// What there is instead.
        found: String,
    },
    /// A pattern fits a name in two ways.
    #[error("{}: `{name}` matches `{pattern}` in two ways: {ways}", path.display())]
    AmbiguousName {
        /// The file.
        path: PathBuf,
        /// The name.
        name: String,
        /// The pattern.
        pattern: String,
        /// What the name says in one way and in the other.
        ways: String,
    },
    /// Two rows of one trial share the place of the last.
    #[error(
        "{}: {first} and {second} are of one trial and both have the greatest `{column}`, {value}",
        path.display()
    )]
    TwoLast {
        /// The file.
        path: PathBuf,
        /// The column that orders the rows.
        column: String,
        /// Its value in both.
        value: String,
        /// Where one is.
        first: Position,
        /// Where the other is.
        second: Position,
    },
    /// An outcome is stated for a word that no trial has.
    #[error("{}: no trial has the outcome `{word}`; found: {found}", path.display())]
    NoSuchOutcome {
        /// The first file.
        path: PathBuf,
        /// The word.
        word: String,
        /// The words that trials have.
        found: String,
    },
    /// A column that nothing is read from says that trials did not end well.
    #[error(
        "{}: column `{column}` says how trials ended ({words}), and is not read: --column outcome={column} reads it, \
         --constant outcome=ok takes all as ended well",
        path.display()
    )]
    UnreadOutcome {
        /// The file.
        path: PathBuf,
        /// The column.
        column: String,
        /// Its words.
        words: String,
    },
    /// No trial of the results has ended.
    #[error("{}: no trial has ended", path.display())]
    NoneEnded {
        /// The first file.
        path: PathBuf,
    },
    /// The file was written by a newer release.
    #[error("{}: schema version {found} of table `{table}` is newer than {known}, the newest this release reads", path.display())]
    NewerSchema {
        /// The file.
        path: PathBuf,
        /// The table it should hold.
        table: &'static str,
        /// The version it carries.
        found: u32,
        /// The newest version that this release reads.
        known: u32,
    },
    /// The file carries no usable schema version, so it does not hold this table.
    #[error("{}: no schema version for table `{table}`: key `{key}` is {found}", path.display())]
    NoSchema {
        /// The file.
        path: PathBuf,
        /// The table it should hold.
        table: &'static str,
        /// The metadata key looked up.
        key: String,
        /// What was found under that key.
        found: String,
    },
    /// A column that the table must have is absent.
    #[error("{}: column `{column}` is missing", path.display())]
    MissingColumn {
        /// The file.
        path: PathBuf,
        /// The column.
        column: String,
    },
    /// A column has another type than the schema says.
    #[error("{}: column `{column}` is {found}, expected {expected}", path.display())]
    WrongType {
        /// The file.
        path: PathBuf,
        /// The column.
        column: String,
        /// The type of the schema.
        expected: &'static str,
        /// The type in the file.
        found: String,
    },
    /// A column that must have a value in every row has none in one.
    #[error("{}: column `{column}`, row {row}: no value, expected one in every row", path.display())]
    Null {
        /// The file.
        path: PathBuf,
        /// The column.
        column: String,
        /// The row, counted from 1.
        row: usize,
    },
    /// A column holds a word that is not in its set.
    #[error("{}: column `{column}`, row {row}: `{value}` is not one of {allowed}", path.display())]
    UnknownWord {
        /// The file.
        path: PathBuf,
        /// The column.
        column: String,
        /// The row, counted from 1.
        row: usize,
        /// The word found.
        value: String,
        /// The words allowed.
        allowed: String,
    },
    /// A contrast cannot be a member of a family.
    #[error("contrast `{treatment}` against `{baseline}`: {why}")]
    BadContrast {
        /// The arm to compare with.
        baseline: String,
        /// The arm in question.
        treatment: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// Two confirmation trials have the same task, arm, batch size and seed.
    #[error(
        "task `{task}`, arm `{arm}`, batch size {batch_size}, seed {seed}: trials `{first}` and `{second}` are duplicates"
    )]
    DuplicateTrial {
        /// The task.
        task: String,
        /// The arm.
        arm: String,
        /// The batch size.
        batch_size: i64,
        /// The seed.
        seed: i64,
        /// One trial's id.
        first: String,
        /// The other trial's id.
        second: String,
    },
    /// Trials of one task disagree about what is measured.
    #[error(
        "task `{task}`: trial `{trial_id}` has {what} `{found}` where others have `{expected}`"
    )]
    MixedTask {
        /// The task.
        task: String,
        /// The trial that disagrees.
        trial_id: String,
        /// What they disagree about.
        what: &'static str,
        /// What the first trial has.
        expected: String,
        /// What this trial has.
        found: String,
    },
    /// A trial that ended well has a number that is not finite.
    #[error("trial `{trial_id}`: {what} is {value} although its outcome is ok")]
    NotFiniteTrial {
        /// The trial.
        trial_id: String,
        /// Which number.
        what: &'static str,
        /// Its value.
        value: f64,
    },
    /// A statistic was given too few values.
    #[error("a sample needs at least {needed} values, found {found}")]
    TooFew {
        /// The fewest values that the statistic needs.
        needed: usize,
        /// How many there were.
        found: usize,
    },
    /// A sample was given NaN or an infinity.
    #[error("the value at index {index} of the sample is {value}, expected a finite number")]
    NotFinite {
        /// The index of the value, counted from 0.
        index: usize,
        /// The value.
        value: f64,
    },
    /// Samples that must have equal lengths do not.
    #[error("paired samples must have equal lengths, found {left} and {right}")]
    Unpaired {
        /// Length of the first.
        left: usize,
        /// Length of the second.
        right: usize,
    },
    /// An argument is outside its range.
    #[error("{name} is {value}, allowed: {allowed}")]
    OutOfRange {
        /// The argument.
        name: &'static str,
        /// Its value.
        value: f64,
        /// What is allowed.
        allowed: &'static str,
    },
    /// A margin of equivalence is not a positive number.
    #[error("the margin of metric `{metric}` is {value}, allowed: above 0")]
    BadMargin {
        /// The metric.
        metric: String,
        /// The margin.
        value: f64,
    },
    /// A statistic does not exist for these values.
    #[error("{statistic} does not exist: {why}")]
    Undefined {
        /// The statistic.
        statistic: &'static str,
        /// Why.
        why: &'static str,
    },
    /// Kept records, or the page of findings that is made of them, are not as they must be.
    #[error("{}: {why}", path.display())]
    Findings {
        /// The file or folder.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// A figure could not be drawn or converted.
    #[error("figure `{name}`: {why}")]
    Figure {
        /// The figure.
        name: String,
        /// What the renderer said.
        why: String,
    },
}

/// The clause that names the missing columns.
fn absent(columns: &[String]) -> String {
    let quoted: Vec<String> = columns.iter().map(|name| format!("`{name}`")).collect();
    match &quoted[..] {
        [one] => format!("column {one} is missing"),
        several => format!("columns {} are missing", several.join(", ")),
    }
}

/// A text as an error shows it.
fn quoted(text: &str) -> String {
    if text.is_empty() {
        "no value".to_owned()
    } else {
        format!("`{text}`")
    }
}
