//! Results as columns of text: the rows of every file under the names of results.

use std::path::PathBuf;

use super::last::End;
use super::numerals::Width;
use super::sheet::{self, Cells};
use crate::error::{Position, listed};
use crate::records::rows::TrialRow;
use crate::records::table::Table;

/// Columns that results must have.
pub(super) const REQUIRED: [&str; 5] = ["task", "arm", "batch_size", "seed", "test_metric"];

/// The most files that a list of places names. The others are counted.
const MOST_FILES: usize = 4;

/// One column.
#[derive(Clone, Debug)]
pub(super) struct Column {
    pub(super) name: String,
    /// One text a row, without spaces around it.
    pub(super) cells: Vec<String>,
    /// By file, the width in which its numbers were stored, where that is less than 64 bits.
    pub(super) widths: Vec<Option<Width>>,
    /// By file, whether its numbers had a percent sign.
    pub(super) in_percent: Vec<bool>,
}

impl Column {
    /// The least width in which numbers of it were stored, where that is less than 64 bits.
    pub(super) fn width(&self) -> Option<Width> {
        let widths = self.widths.iter().flatten();
        widths.copied().min_by_key(|width| width.bits())
    }
}

/// Where a row was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// Index of the file.
    pub(super) file: usize,
    pub(super) position: Position,
}

/// All columns, and the place of each row.
#[derive(Clone, Debug, Default)]
pub(super) struct Texts {
    /// The names of the files.
    pub(super) files: Vec<PathBuf>,
    pub(super) columns: Vec<Column>,
    pub(super) places: Vec<Place>,
    /// By row, the column that it comes from, where its table is wide.
    pub(super) within: Vec<String>,
    /// By row, where its trial ends, if it is the last of several.
    pub(super) ends: Vec<Option<End>>,
    /// By row, where others end that take as many steps, if its trial ends before them.
    pub(super) early: Vec<Option<f64>>,
    /// By row, the word of its file for how the trial ended, where one is read.
    pub(super) words: Vec<String>,
}

/// The type, in words, of a column that results may have.
pub(super) fn type_of(name: &str) -> Option<&'static str> {
    let mut columns = TrialRow::COLUMNS.iter();
    columns
        .find(|(ours, _)| *ours == name)
        .map(|(_, words)| *words)
}

/// Whether results may have a column of that name.
pub(super) fn is_result(name: &str) -> bool {
    type_of(name).is_some()
}

/// The text that stands in every row for an absent column.
pub(super) fn default_of(column: &str) -> &'static str {
    match column {
        "sweep" => "results",
        "metric" => "metric",
        "outcome" => "ok",
        "stage" => "confirm",
        "hyperparameters" => "{}",
        "higher_is_better" => "true",
        "setting" | "epochs" | "steps" | "samples" => "0",
        "seconds_train" | "seconds_data" | "seconds_evaluate" | "seconds_total" => "0",
        _ => "",
    }
}

impl Texts {
    /// Adds the rows of one more file.
    pub(super) fn push(
        &mut self,
        file: PathBuf,
        columns: Vec<(String, Cells)>,
        positions: Vec<Position>,
        within: Vec<String>,
        ends: Vec<End>,
    ) {
        self.within.extend(within);
        self.ends.extend(ends.into_iter().map(Some));
        self.ends.resize(self.places.len() + positions.len(), None);
        self.early.resize(self.ends.len(), None);
        self.words.resize(self.ends.len(), String::new());
        let (index, before) = (self.files.len(), self.places.len());
        let after = before + positions.len();
        self.files.push(file);
        let place = |position| Place {
            file: index,
            position,
        };
        self.places.extend(positions.into_iter().map(place));
        for (name, cells) in columns {
            let found = self.columns.iter().position(|column| column.name == name);
            let at = found.unwrap_or_else(|| {
                let absent = default_of(&name).to_owned();
                self.columns.push(Column {
                    name,
                    cells: vec![absent; before],
                    widths: vec![None; index],
                    in_percent: vec![false; index],
                });
                self.columns.len() - 1
            });
            let column = &mut self.columns[at];
            column.cells.extend(cells.texts);
            column.widths.push(cells.width);
            column.in_percent.push(cells.in_percent);
        }
        for column in &mut self.columns {
            column
                .cells
                .resize(after, default_of(&column.name).to_owned());
            column.widths.resize(index + 1, None);
            column.in_percent.resize(index + 1, false);
        }
    }

    /// The cells of a column, if a file has it.
    pub(super) fn cells(&self, name: &str) -> Option<&[String]> {
        let mut columns = self.columns.iter();
        let column = columns.find(|column| column.name == name)?;
        Some(&column.cells)
    }

    /// Replaces the cells of a column that is there.
    pub(super) fn set(&mut self, name: &str, cells: Vec<String>) {
        let mut columns = self.columns.iter_mut();
        if let Some(column) = columns.find(|column| column.name == name) {
            column.cells = cells;
        }
    }

    /// Empties one cell of a column that is there.
    pub(super) fn clear(&mut self, name: &str, row: usize) {
        let mut columns = self.columns.iter_mut();
        if let Some(column) = columns.find(|column| column.name == name) {
            column.cells[row].clear();
        }
    }

    /// Leaves out the rows of these indices.
    pub(super) fn leave_out(&mut self, rows: &[usize]) {
        let mut kept = vec![true; self.places.len()];
        for row in rows {
            kept[*row] = false;
        }
        let keep = |row: &mut usize| {
            *row += 1;
            kept[*row - 1]
        };
        let mut row = 0;
        self.places.retain(|_| keep(&mut row));
        let mut row = 0;
        self.within.retain(|_| keep(&mut row));
        let mut row = 0;
        self.ends.retain(|_| keep(&mut row));
        let mut row = 0;
        self.early.retain(|_| keep(&mut row));
        let mut row = 0;
        self.words.retain(|_| keep(&mut row));
        for column in &mut self.columns {
            let mut row = 0;
            column.cells.retain(|_| keep(&mut row));
        }
    }

    /// A place in words. Where there is one file, it is not named.
    pub(super) fn said(&self, place: Place) -> String {
        match self.files.len() {
            1 => place.position.to_string(),
            _ => format!("{} of {}", place.position, self.files[place.file].display()),
        }
    }

    /// The places of rows of one file, of a wide table with the columns that they are of.
    pub(super) fn listed(&self, rows: &[usize]) -> String {
        let positions: Vec<Position> = rows.iter().map(|row| self.places[*row].position).collect();
        let columns = rows.iter().map(|row| self.within[*row].as_str());
        let mut columns: Vec<&str> = columns.filter(|column| !column.is_empty()).collect();
        let places = listed(&positions);
        if columns.is_empty() {
            return places;
        }
        columns.sort_unstable();
        columns.dedup();
        let columns: Vec<String> = columns.into_iter().map(str::to_owned).collect();
        let word = if columns.len() == 1 {
            "column"
        } else {
            "columns"
        };
        format!("{places}, {word} {}", sheet::listed(&columns))
    }

    /// The rows of each file.
    pub(super) fn rows_by_file(&self) -> Vec<Vec<usize>> {
        let mut rows = vec![Vec::new(); self.files.len()];
        for (row, place) in self.places.iter().enumerate() {
            rows[place.file].push(row);
        }
        rows
    }
}

/// A list of places as a note shows it. Where there is one file, it is not named.
pub(super) fn listed_in(files: &[PathBuf], places: &[Place]) -> String {
    let of = |file: usize| -> Vec<Position> {
        let places = places.iter().filter(|place| place.file == file);
        places.map(|place| place.position).collect()
    };
    if files.len() < 2 {
        return listed(&of(0));
    }
    let named: Vec<String> = (0..files.len())
        .filter(|file| places.iter().any(|place| place.file == *file))
        .map(|file| format!("{} of {}", listed(&of(file)), files[file].display()))
        .collect();
    listed_names(&named).unwrap_or_default()
}

/// What is said of several files, the first of them one by one; none where there is none.
pub(super) fn listed_names(said: &[String]) -> Option<String> {
    let shown = said[..said.len().min(MOST_FILES)].join(", ");
    match said.len().saturating_sub(MOST_FILES) {
        _ if said.is_empty() => None,
        0 => Some(shown),
        more => Some(format!("{shown} and {more} more files")),
    }
}
