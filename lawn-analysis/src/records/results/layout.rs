//! Where a file of another tool has the columns of results: under other names, in the names of
//! columns or of the file itself, or nowhere.

use std::collections::BTreeMap;
use std::path::Path;

use super::ended;
use super::last::{self, End};
use super::pattern::{Ambiguous, Pattern};
use super::percent;
use super::sheet::{self, Cells, Sheet};
use super::states;
use super::suggestion;
use super::texts::{REQUIRED, is_result, type_of};
use super::wide::{METRIC, Slice, Wide, WideColumns};
use crate::error::{Error, Position};
use crate::records::rows::TrialRow;
use crate::records::table::Table;

/// Where the columns of results are found. What is not said here stands under its own name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Layout {
    /// A column of results, and the column of the file to read it from.
    pub columns: Vec<(String, String)>,
    /// A column of results that a file lacks, and its value in every row.
    pub constants: Vec<(String, String)>,
    /// Columns that hold one trial each.
    pub wide: Vec<WideColumns>,
    /// What the name of the file says. With slashes it is compared with as many folders above.
    pub file_name: Option<Pattern>,
    /// A column of numbers. Of all rows of a trial, that with the greatest number is read.
    pub last: Option<String>,
}

/// The rows of one file under the names of results.
pub(super) struct Laid {
    pub(super) columns: Vec<(String, Cells)>,
    pub(super) positions: Vec<Position>,
    /// By row, the column that it comes from, where the table is wide.
    pub(super) within: Vec<String>,
    /// The columns that were not read.
    pub(super) ignored: Vec<String>,
    /// Rows that are left out, since they are not the last of their trial.
    pub(super) earlier: usize,
    /// Where the trial of each row ends; empty where each row is a trial.
    pub(super) ends: Vec<End>,
    /// What is said of how it was read, in sentences.
    pub(super) notes: Vec<String>,
    /// Columns of results that are stated, and not needed, since the file has them.
    pub(super) unused: Vec<String>,
}

impl Layout {
    /// A column of results; one that is read from another is named with it, as the option that says so.
    pub(super) fn named(&self, column: &str) -> String {
        let mut renamed = self.columns.iter();
        match renamed.find(|(ours, _)| ours == column) {
            Some((ours, theirs)) => format!("{ours}={theirs}"),
            None => column.to_owned(),
        }
    }

    /// Makes sure that it names columns of results, each once.
    ///
    /// # Errors
    /// [`Error::Layout`].
    pub(super) fn check(&self) -> Result<(), Error> {
        let renamed = self.columns.iter().map(|(ours, _)| ours.as_str());
        let constant = self.constants.iter().map(|(ours, _)| ours.as_str());
        let of_name = self.file_name.iter().flat_map(Pattern::columns);
        let filled = self.wide.iter().map(|wide| wide.column.as_str());
        let mut given: Vec<&str> = renamed.chain(constant).chain(of_name).collect();
        let mut named = given.iter().copied().chain(filled);
        if let Some(unknown) = named.find(|name| !is_result(name)) {
            let names = TrialRow::COLUMNS.iter().map(|(name, _)| *name);
            let allowed = names.collect::<Vec<_>>().join(", ");
            return Err(Error::Layout {
                why: format!("results have no column `{unknown}`; allowed: {allowed}"),
            });
        }
        let mut held = self.wide.iter().map(|wide| {
            let mut held: Vec<&str> = wide.names.columns().collect();
            held.sort_unstable();
            held
        });
        if let Some(first) = held.next() {
            if held.any(|other| other != first) {
                let why = "the patterns of wide columns must have the same placeholders";
                return Err(Error::Layout { why: why.into() });
            }
            given.extend(first);
        }
        given.sort_unstable();
        match given.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) => Err(Error::Layout {
                why: format!("column `{}` of results is given twice", pair[0]),
            }),
            None => Ok(()),
        }
    }

    /// The rows of a file.
    ///
    /// # Errors
    /// [`Error::NoColumn`], [`Error::NoMatch`] and [`Error::AmbiguousName`] for what is not there
    /// as it says; [`Error::MissingResult`] for a required column that nothing gives;
    /// [`Error::RepeatedColumn`] for one that two columns give; and those of [`Sheet::cells`].
    pub(super) fn lay(&self, path: &Path, sheet: &dyn Sheet) -> Result<Laid, Error> {
        let names = sheet.names();
        let mut taken = Taken {
            path,
            names,
            from: BTreeMap::new(),
            used: vec![false; names.len()],
        };
        let mut unused = Vec::new();
        for (ours, theirs) in &self.columns {
            // A file that has the column under its own name needs no other.
            if names.contains(theirs) || !names.contains(ours) {
                taken.take(ours, theirs)?;
            } else {
                unused.push(ours.clone());
            }
        }
        let order = match &self.last {
            Some(column) => Some(taken.index(column, "the order of rows")?),
            None => None,
        };
        let wide = self.slices(path, names, &taken)?;
        for name in names {
            let is_free = taken.is_free(name) && !wide.is_some_of(names, name);
            if is_result(name) && is_free && !taken.from.contains_key(name) {
                taken.take(name, name)?;
            }
        }
        let mut constants = self.of_name(path)?;
        if let Some((name, _)) = constants
            .iter()
            .find(|(name, _)| taken.from.contains_key(name))
        {
            let why = format!(
                "{}: column `{name}` stands in the file and in its name",
                path.display()
            );
            return Err(Error::Layout { why });
        }
        for (name, value) in &self.constants {
            if taken.from.contains_key(name) {
                unused.push(name.clone());
            } else {
                constants.push((name.clone(), value.clone()));
            }
        }
        if let Some(name) = taken.from.keys().find(|name| wide.gives(name)) {
            let why = format!(
                "{}: column `{name}` of results is given by a column and by wide columns",
                path.display()
            );
            return Err(Error::Layout { why });
        }
        let named = |name: &str| constants.iter().any(|(ours, _)| ours == name);
        if !taken.from.contains_key("metric") && !named("metric") && !wide.gives("metric") {
            let metric = self.metric(sheet, &taken);
            constants.extend(metric.map(|name| ("metric".to_owned(), name)));
        }
        let has = |name: &str| {
            taken.from.contains_key(name)
                || constants.iter().any(|(ours, _)| ours == name)
                || wide.gives(name)
        };
        require(path, sheet, has)?;
        let mut laid = taken.rows(sheet, &wide, &constants)?;
        if let (Some(index), Some(column)) = (order, &self.last) {
            let texts = sheet.cells(index, "a number")?.texts;
            let repeated = wide.repeated(texts);
            let is_wide = !self.wide.is_empty();
            let (positions, columns) = (&laid.positions, &laid.columns);
            let kept = last::keep(path, positions, columns, column, &repeated, is_wide)?;
            laid.keep(&kept.rows);
            laid.ends = kept.ends;
            laid.notes.extend(kept.note);
            taken.used[index] = true;
        }
        if order.is_none() && self.wide.is_empty() {
            let counts = (0..names.len()).filter(|index| !taken.used[*index]);
            let counts = counts.filter(|index| ended::is_count(&names[*index]));
            // A column that is not read need not be one of numbers.
            let notes = counts.filter_map(|index| {
                let numbers = sheet.cells(index, "a number").ok()?.texts;
                ended::suspected(&laid.columns, &names[index], &numbers)
            });
            laid.notes.extend(notes);
        }
        if !has("outcome") {
            let others = (0..names.len()).filter(|index| !taken.used[*index] && !wide.has(*index));
            for index in others {
                // A column that is not read need not be one of words.
                let Ok(cells) = sheet.cells(index, "a word") else {
                    continue;
                };
                if let Some(words) = states::states_in(&cells.texts) {
                    return Err(Error::UnreadOutcome {
                        path: path.to_owned(),
                        column: names[index].clone(),
                        words: words.join(", "),
                    });
                }
            }
        }
        laid.ignored = taken.ignored(sheet, &wide);
        laid.unused = unused;
        Ok(laid)
    }

    /// The name of the metric, where the test metric stands under another name. A loss is then
    /// known by it.
    fn metric(&self, sheet: &dyn Sheet, taken: &Taken) -> Option<String> {
        if let Some(index) = taken.from.get(METRIC) {
            let name = &sheet.names()[*index];
            return Some(without_objects(sheet, name)).filter(|name| name != METRIC);
        }
        let wide = self.wide.iter().find(|wide| wide.column == METRIC)?;
        Some(wide.names.subject()).filter(|subject| !subject.is_empty())
    }

    /// What the name of the file says.
    fn of_name(&self, path: &Path) -> Result<Vec<(String, String)>, Error> {
        let Some(pattern) = &self.file_name else {
            return Ok(Vec::new());
        };
        let parts = pattern.as_str().matches('/').count() + 1;
        let mut named: Vec<_> = path.iter().rev().take(parts).collect();
        named.reverse();
        let named: Vec<_> = named.iter().map(|part| part.to_string_lossy()).collect();
        let name = named.join("/");
        let found = pattern
            .values(&name)
            .map_err(ambiguous(path, pattern, &name))?;
        let values = found.ok_or_else(|| Error::NoMatch {
            path: path.to_owned(),
            what: "the name of the file does not match",
            pattern: pattern.as_str().to_owned(),
            found: name.clone(),
        })?;
        let columns = pattern.columns().map(str::to_owned);
        Ok(columns.zip(values).collect())
    }

    /// The slices of a wide table.
    fn slices(&self, path: &Path, names: &[String], taken: &Taken) -> Result<Wide, Error> {
        let mut wide = Wide::default();
        for columns in &self.wide {
            let mut found = false;
            for (index, name) in names.iter().enumerate() {
                if taken.used[index] {
                    continue;
                }
                let pattern = &columns.names;
                let Some(values) = pattern
                    .values(name)
                    .map_err(ambiguous(path, pattern, name))?
                else {
                    continue;
                };
                found = true;
                let held = pattern.columns().map(str::to_owned).zip(values).collect();
                wide.add(held, &columns.column, index)
                    .map_err(|other| Error::Layout {
                        why: format!(
                            "{}: columns `{}` and `{name}` both hold {} of the same trials",
                            path.display(),
                            names[other],
                            columns.column
                        ),
                    })?;
            }
            if !found {
                return Err(Error::NoMatch {
                    path: path.to_owned(),
                    what: "no column matches",
                    pattern: columns.names.as_str().to_owned(),
                    found: sheet::listed(names),
                });
            }
        }
        Ok(wide)
    }
}

fn ambiguous<'a>(
    path: &'a Path,
    pattern: &'a Pattern,
    name: &'a str,
) -> impl FnOnce(Ambiguous) -> Error + 'a {
    move |ways| Error::AmbiguousName {
        path: path.to_owned(),
        name: name.to_owned(),
        pattern: pattern.as_str().to_owned(),
        ways: format!("{}; or {}", ways.one, ways.other),
    }
}

/// The name of a field without the objects around it: `summary.test/acc` is `test/acc`, and
/// `summary.acc.max` is `acc.max`.
fn without_objects(sheet: &dyn Sheet, name: &str) -> String {
    let names = sheet.names().iter().enumerate();
    let objects = names.filter(|(index, _)| sheet.is_object(*index));
    let within = objects.filter_map(|(_, object)| name.strip_prefix(object)?.strip_prefix('.'));
    // `max` alone names no metric.
    let within = within.filter(|rest| !suggestion::OF_A_COURSE.contains(rest));
    let shortest = within.min_by_key(|rest| rest.len());
    shortest.unwrap_or(name).to_owned()
}

/// Makes sure that no required column is missing.
fn require(path: &Path, sheet: &dyn Sheet, has: impl Fn(&str) -> bool) -> Result<(), Error> {
    let missing = REQUIRED.iter().filter(|name| !has(name));
    let missing: Vec<String> = missing.map(|name| (*name).to_owned()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let names = sheet.names();
    // An object is no cell; its fields have columns of their own.
    let indices = (0..names.len()).filter(|index| !sheet.is_object(*index));
    let cells: Vec<String> = indices.map(|index| names[index].clone()).collect();
    let suggested = missing.iter().filter_map(|ours| {
        let theirs = suggestion::of(ours, &cells)?;
        Some((ours.clone(), theirs.to_owned()))
    });
    Err(Error::MissingResult {
        path: path.to_owned(),
        suggested: suggested.collect(),
        columns: missing,
        required: REQUIRED.join(", "),
        found: sheet::listed(names),
    })
}

/// Which column of the file each column of results is read from.
struct Taken<'a> {
    path: &'a Path,
    names: &'a [String],
    from: BTreeMap<String, usize>,
    used: Vec<bool>,
}

impl Taken<'_> {
    fn take(&mut self, ours: &str, theirs: &str) -> Result<(), Error> {
        let index = self.index(theirs, &format!("`{ours}`"))?;
        self.from.insert(ours.to_owned(), index);
        self.used[index] = true;
        Ok(())
    }

    /// The column of the file with that name, which is asked for as `purpose`.
    fn index(&self, name: &str, purpose: &str) -> Result<usize, Error> {
        let mut found = (0..self.names.len()).filter(|index| self.names[*index] == name);
        match (found.next(), found.next()) {
            (Some(index), None) => Ok(index),
            (Some(_), Some(_)) => Err(Error::RepeatedColumn {
                path: self.path.to_owned(),
                column: name.to_owned(),
            }),
            (None, _) => Err(Error::NoColumn {
                path: self.path.to_owned(),
                column: name.to_owned(),
                purpose: purpose.to_owned(),
                found: sheet::listed(self.names),
            }),
        }
    }

    /// Whether no column of that name is read as another one.
    fn is_free(&self, name: &str) -> bool {
        (0..self.names.len()).all(|index| self.names[index] != name || !self.used[index])
    }

    /// All rows: those of the file, one for each slice.
    fn rows(
        &self,
        sheet: &dyn Sheet,
        wide: &Wide,
        constants: &[(String, String)],
    ) -> Result<Laid, Error> {
        let expected = |name: &str| type_of(name).unwrap_or("text");
        let of_sheet = sheet.positions();
        let positions = wide.repeated(of_sheet.clone());
        let within = wide.within(self.names);
        let within: Vec<String> = of_sheet.iter().flat_map(|_| within.clone()).collect();
        let (mut columns, mut notes) = (Vec::new(), Vec::new());
        for (name, index) in &self.from {
            let mut cells = sheet.cells(*index, expected(name))?;
            if expected(name).starts_with("a number") {
                let called = |_: usize| self.names[*index].clone();
                notes.extend(percent::settle(self.path, &mut cells, &of_sheet, called)?);
            }
            cells.texts = wide.repeated(cells.texts);
            columns.push((name.clone(), cells));
        }
        for (name, value) in constants {
            columns.push((
                name.clone(),
                Cells::of(vec![value.clone(); positions.len()]),
            ));
        }
        for name in wide.held() {
            let value = |slice: &Slice| slice.held.get(name).cloned().unwrap_or_default();
            let values: Vec<String> = wide.slices.iter().map(value).collect();
            let texts = of_sheet.iter().flat_map(|_| values.clone()).collect();
            columns.push((name.to_owned(), Cells::of(texts)));
        }
        for name in wide.filled() {
            let mut texts = vec![String::new(); positions.len()];
            let mut width = None;
            for (at, slice) in wide.slices.iter().enumerate() {
                let Some(index) = slice.cells.get(name) else {
                    continue;
                };
                let cells = sheet.cells(*index, expected(name))?;
                width = width.or(cells.width);
                let places = texts.iter_mut().skip(at).step_by(wide.slices.len());
                places
                    .zip(cells.texts)
                    .for_each(|(place, text)| *place = text);
            }
            let mut cells = Cells {
                width,
                ..Cells::of(texts)
            };
            if expected(name).starts_with("a number") {
                let called = |row: usize| within[row].clone();
                notes.extend(percent::settle(self.path, &mut cells, &positions, called)?);
            }
            columns.push((name.to_owned(), cells));
        }
        Ok(Laid {
            columns,
            positions,
            within,
            ignored: Vec::new(),
            earlier: 0,
            ends: Vec::new(),
            notes,
            unused: Vec::new(),
        })
    }

    /// The columns that nothing was read from. An object is named by its fields, and a column
    /// without a name, such as the index of pandas, by its place.
    fn ignored(&self, sheet: &dyn Sheet, wide: &Wide) -> Vec<String> {
        let is_used = |index: usize| self.used[index] || wide.has(index);
        let within = |name: &str, index: usize| {
            let inner = name.strip_prefix(&self.names[index]);
            is_used(index)
                && sheet.is_object(index)
                && inner.is_some_and(|rest| rest.starts_with('.'))
        };
        let indices = 0..self.names.len();
        let ignored = indices.clone().filter(|index| {
            let name = &self.names[*index];
            !is_used(*index)
                && !sheet.is_object(*index)
                && !indices.clone().any(|other| within(name, other))
        });
        let named = |index: usize| match self.names[index].as_str() {
            "" => format!("column {} (no name)", index + 1),
            name => name.to_owned(),
        };
        ignored.map(named).collect()
    }
}

impl Laid {
    /// Keeps the rows of these indices.
    fn keep(&mut self, rows: &[usize]) {
        self.earlier = self.positions.len() - rows.len();
        self.positions = rows.iter().map(|row| self.positions[*row]).collect();
        self.within = rows.iter().map(|row| self.within[*row].clone()).collect();
        for (_, cells) in &mut self.columns {
            cells.texts = rows.iter().map(|row| cells.texts[*row].clone()).collect();
        }
    }
}
