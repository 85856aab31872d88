//! The two lines of names that pandas writes of columns with two levels, as those of Optuna's
//! `trials_dataframe(multi_index=True)`.

/// Names of the first line that those of the second are within.
const GROUPS: [&str; 4] = ["params", "user_attrs", "system_attrs", "values"];

/// The number of a trial, which every row has.
const NUMBER: &str = "number";

/// The names of both lines in one, as the same table has them with one level: `params_batch_size`.
/// None where the second is a row.
pub(super) fn joined(first: &[String], second: &[String]) -> Option<Vec<String>> {
    if first.len() != second.len() || !first.iter().any(|name| name == NUMBER) {
        return None;
    }
    let named = || first.iter().zip(second);
    let is_within =
        |(group, name): (&String, &String)| name.is_empty() || GROUPS.contains(&group.as_str());
    let has_some = named().any(|(_, name)| !name.is_empty());
    if !has_some || !named().all(is_within) {
        return None;
    }
    let join = |(group, name): (&String, &String)| match name.is_empty() {
        true => group.clone(),
        false => format!("{group}_{name}"),
    };
    Some(named().map(join).collect())
}

#[cfg(test)]
mod tests {
    use super::joined;

    fn texts(cells: &[&str]) -> Vec<String> {
        cells.iter().map(|cell| (*cell).to_owned()).collect()
    }

    #[test]
    fn two_lines_of_names_are_one() {
        let first = texts(&[
            "",
            "number",
            "value",
            "params",
            "params",
            "user_attrs",
            "state",
        ]);
        let second = texts(&["", "", "", "batch_size", "optimizer", "seed", ""]);
        let names = joined(&first, &second);
        let expected = [
            "",
            "number",
            "value",
            "params_batch_size",
            "params_optimizer",
            "user_attrs_seed",
            "state",
        ];
        assert_eq!(names.as_deref(), Some(&texts(&expected)[..]));
        // A row, one that has nothing, and a table that is none of Optuna's.
        let row = texts(&["0", "0", "0.7", "64", "adam", "1", "COMPLETE"]);
        assert_eq!(joined(&first, &row), None);
        assert_eq!(joined(&first, &vec![String::new(); 7]), None);
        let other = texts(&["", "id", "value", "params", "params", "user_attrs", "state"]);
        assert_eq!(joined(&other, &second), None);
    }
}
