//! One JSON object that holds a whole table, as `DataFrame.to_json` of pandas writes it.
//!
//! ```text
//! orient = "columns"  {"arm": {"0": "sgd", "1": "mine"}, "seed": {"0": 1, "1": 1}}
//! orient = "index"    {"0": {"arm": "sgd", "seed": 1}, "1": {"arm": "mine", "seed": 1}}
//! orient = "split"    {"columns": ["arm", "seed"], "index": [0, 1], "data": [["sgd", 1], ["mine", 1]]}
//! orient = "table"    {"schema": {…}, "data": [{"index": 0, "arm": "sgd", "seed": 1}, …]}
//! ```

use serde_json::{Map, Value};

/// The rows of the table that the object is, each an object with a field a column. None for an
/// object that is one row itself.
///
/// Columns and rows look alike where both have names. The rows are those whose names are integers,
/// as pandas numbers them.
///
/// # Errors
/// Says which row of a split table has not as many cells as there are columns.
pub(super) fn rows(object: &Map<String, Value>) -> Result<Option<Vec<Map<String, Value>>>, String> {
    if let (Some(Value::Array(columns)), Some(Value::Array(data))) =
        (object.get("columns"), object.get("data"))
    {
        return split(columns, data).map(Some);
    }
    if let (Some(Value::Object(_)), Some(Value::Array(data))) =
        (object.get("schema"), object.get("data"))
    {
        let rows = data.iter().map(|row| row.as_object().cloned());
        return Ok(rows.collect());
    }
    let inner: Option<Vec<(&String, &Map<String, Value>)>> = object
        .iter()
        .map(|(name, value)| Some((name, value.as_object()?)))
        .collect();
    let Some(inner) = inner.filter(|inner| !inner.is_empty()) else {
        return Ok(None);
    };
    let outer_is_numbered = inner.iter().all(|(name, _)| number(name).is_some());
    let mut names = inner.iter().flat_map(|(_, fields)| fields.keys());
    let inner_is_numbered = names.all(|name| number(name).is_some());
    Ok(match (outer_is_numbered, inner_is_numbered) {
        (false, true) => Some(by_columns(&inner)),
        (true, false) => Some(by_index(inner)),
        _ => None,
    })
}

fn number(name: &str) -> Option<i64> {
    name.parse().ok()
}

fn split(columns: &[Value], data: &[Value]) -> Result<Vec<Map<String, Value>>, String> {
    let name = |value: &Value| {
        value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned)
    };
    let names: Vec<String> = columns.iter().map(name).collect();
    let mut seen = std::collections::BTreeSet::new();
    if let Some(twice) = names.iter().find(|name| !seen.insert(*name)) {
        return Err(format!("two columns are called `{twice}`"));
    }
    let row = |(index, cells): (usize, &Value)| match cells {
        Value::Array(cells) if cells.len() == names.len() => {
            Ok(names.iter().cloned().zip(cells.iter().cloned()).collect())
        }
        Value::Array(cells) => Err(format!(
            "row {}: {} cells, expected {} as in `columns`",
            index + 1,
            cells.len(),
            names.len()
        )),
        _ => Err(format!("row {}: no array of cells", index + 1)),
    };
    data.iter().enumerate().map(row).collect()
}

fn by_columns(columns: &[(&String, &Map<String, Value>)]) -> Vec<Map<String, Value>> {
    let mut labels: Vec<(i64, &String)> = columns
        .iter()
        .flat_map(|(_, cells)| cells.keys())
        .filter_map(|label| Some((number(label)?, label)))
        .collect();
    labels.sort_unstable();
    labels.dedup();
    let row = |(_, label): (i64, &String)| {
        let cells = columns.iter().filter_map(|(name, cells)| {
            let cell = cells.get(label)?;
            Some(((*name).clone(), cell.clone()))
        });
        cells.collect()
    };
    labels.into_iter().map(row).collect()
}

fn by_index(mut rows: Vec<(&String, &Map<String, Value>)>) -> Vec<Map<String, Value>> {
    rows.sort_by_key(|(label, _)| number(label));
    rows.into_iter().map(|(_, fields)| fields.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows_of(text: &str) -> Result<Option<Vec<String>>, String> {
        let object: Map<String, Value> = serde_json::from_str(text).unwrap();
        let rows = rows(&object)?;
        Ok(rows.map(|rows| {
            rows.into_iter()
                .map(|row| Value::Object(row).to_string())
                .collect()
        }))
    }

    #[test]
    fn every_orientation_of_pandas_gives_the_same_rows_in_their_order() {
        // The names of rows are ordered as numbers: 10 comes after 2.
        let expected: Vec<String> = [r#"{"arm":"a","seed":1}"#, r#"{"arm":"b","seed":2}"#]
            .map(str::to_owned)
            .into();
        for text in [
            r#"{"arm": {"2": "a", "10": "b"}, "seed": {"2": 1, "10": 2}}"#,
            r#"{"10": {"arm": "b", "seed": 2}, "2": {"arm": "a", "seed": 1}}"#,
            r#"{"columns": ["arm", "seed"], "index": [2, 10], "data": [["a", 1], ["b", 2]]}"#,
            r#"{"schema": {}, "data": [{"arm": "a", "seed": 1}, {"arm": "b", "seed": 2}]}"#,
        ] {
            assert_eq!(rows_of(text).unwrap().unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn an_object_that_is_a_row_stays_one() {
        for text in [
            r#"{"arm": "a", "config": {"0": 1}}"#,
            r#"{"config": {"lr": 1}, "summary": {"acc": 2}}"#,
            r#"{"0": {"1": 2}}"#,
            "{}",
        ] {
            assert_eq!(rows_of(text).unwrap(), None, "{text}");
        }
        let ragged = r#"{"columns": ["a", "b"], "data": [[1, 2], [1]]}"#;
        let error = rows_of(ragged).unwrap_err();
        assert_eq!(error, "row 2: 1 cells, expected 2 as in `columns`");
        let twice = r#"{"columns": ["a", "a"], "data": []}"#;
        assert!(
            rows_of(twice)
                .unwrap_err()
                .contains("two columns are called `a`")
        );
    }
}
