//! The rows of a file, as lines of ratings.

use std::fs::File;

use super::form::{EXACT, Value};
use super::{Column, Columns, Group, Table, chunk, guarded};
use crate::data::error::DataError;
use crate::data::parts;
use crate::data::ratings::gathered::{Gathered, Parsed};
use crate::data::ratings::interactions::{Line, Lines};
use crate::data::ratings::moments::{self, NoTime, Unit};
use chunk::Values;

impl Table {
    /// The rows of these groups, with times in a unit; none where one is finer.
    pub(super) fn lines(
        &self,
        columns: &Columns,
        groups: &[Group],
        above: f64,
        unit: Unit,
    ) -> Result<Option<Lines>, DataError> {
        let are_texts = [columns.user.is_text(), columns.item.is_text()];
        let mut gathered = Gathered::default();
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        for some in groups.chunks(threads) {
            for found in parts::each(some, |group| self.read(columns, group, above, unit)) {
                match found? {
                    // Rows have the numbers of the file.
                    Some(found) => gathered.add(found, are_texts, 0),
                    None => return Ok(None),
                }
            }
        }
        Ok(Some(gathered.lines))
    }

    fn read(
        &self,
        columns: &Columns,
        group: &Group,
        above: f64,
        unit: Unit,
    ) -> Result<Option<Parsed>, DataError> {
        let file = File::open(&self.path).map_err(DataError::read(&self.path))?;
        let decoded = |column: &Column| self.values(&file, group, column);
        let [users, items] = [decoded(&columns.user)?, decoded(&columns.item)?];
        let ratings = columns.rating.as_ref().map(decoded).transpose()?;
        let times = columns.time.as_ref().map(decoded).transpose()?;
        let each = |values| self.each(values, group);
        let [users, items] = [each(&users)?, each(&items)?];
        let ratings = ratings.as_ref().map(each).transpose()?;
        let times = times.as_ref().map(each).transpose()?;
        let of_ids = [&columns.user, &columns.item].map(|column| match column.is_text() {
            true => "an id".to_owned(),
            false => format!("an integer from 0 to {}, {EXACT}", u64::MAX - 1),
        });
        let of_times = match &columns.time {
            Some(column) if column.is_text() => moments::ALLOWED.to_owned(),
            _ => format!("seconds since 1970 of 64 bits, {EXACT}"),
        };
        let mut found = Parsed::default();
        for (place, number) in group.rows.clone().enumerate() {
            let texts = &mut found.texts;
            let mut id = |column: usize, field, value: Option<Value<'_>>| {
                let id = match value {
                    Some(Value::Text(text)) if text.trim_ascii().is_empty() => None,
                    Some(Value::Text(text)) => Some(texts[column].number(text.trim_ascii())),
                    value => value.and_then(Value::whole).filter(|&id| id < u64::MAX),
                };
                id.ok_or_else(|| self.fault(number, field, value, &of_ids[column]))
            };
            let user = id(0, "user", users[place])?;
            let item = id(1, "item", items[place])?;
            if let Some(ratings) = &ratings {
                let rating = ratings[place].and_then(Value::finite);
                let rating = rating.ok_or_else(|| {
                    self.fault(number, "rating", ratings[place], "a finite number")
                })?;
                if rating <= above {
                    found.lines.not_above += 1;
                    continue;
                }
            }
            let mut time = 0;
            if let Some(times) = &times {
                let given = times[place];
                time = match given.ok_or(NoTime::Other).and_then(|one| one.time(unit)) {
                    Ok(time) => time,
                    Err(NoTime::Finer) => return Ok(None),
                    Err(NoTime::Other) => {
                        let is_absent = match given {
                            Some(Value::Text(text)) => text.trim_ascii().is_empty(),
                            given => given.is_none(),
                        };
                        let absent = if is_absent { moments::ABSENT } else { "" };
                        let allowed = format!("{of_times}{absent}");
                        return Err(self.fault(number, "time", given, &allowed));
                    }
                };
            }
            found.lines.lines.push(Line {
                user,
                item,
                time,
                number,
            });
        }
        Ok(Some(found))
    }

    /// The values of a column in a group.
    fn values(&self, file: &File, group: &Group, column: &Column) -> Result<Values, DataError> {
        let group = &self.about.row_groups[group.place];
        guarded(&self.path, || {
            let chunk = chunk::of(group, &column.name)?;
            chunk::values(file, chunk, group.num_rows(), column.form)
        })
    }

    /// The same, one a row.
    fn each<'v>(
        &self,
        values: &'v Values,
        group: &Group,
    ) -> Result<Vec<Option<Value<'v>>>, DataError> {
        guarded(&self.path, || values.each(group.rows.len()))
    }

    fn fault(
        &self,
        row: usize,
        field: &'static str,
        value: Option<Value<'_>>,
        allowed: &str,
    ) -> DataError {
        DataError::Field {
            path: self.path.clone(),
            line: row,
            field,
            value: value.map_or_else(|| "null".to_owned(), |value| value.to_string()),
            allowed: allowed.to_owned(),
        }
    }
}
