//! One arm: its fixed hyper-parameters, its grid, and every point checked.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;

use lawn_models::OptimizerSettings;
use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

use super::source::Source;
use super::{Arm, ConfigError, Setting};

/// The key of an arm's table that holds its grid.
const GRID: &str = "grid";

/// Reads the arm `name` from `table`, over `defaults`.
///
/// Each point of the grid is laid over the fixed keys as TOML that still knows
/// its place in the text, so that a wrong value in a grid is pointed at there.
pub(super) fn read(
    source: &Source<'_>,
    name: &str,
    table: &Spanned<DeValue<'_>>,
    defaults: &DeTable<'_>,
) -> Result<Arm, ConfigError> {
    let span = table.span();
    let DeValue::Table(own) = table.get_ref() else {
        return Err(source.error(span, format!("arm `{name}` must be a table"), None));
    };
    let mut fixed = defaults.clone();
    let mut grid: Vec<Axis<'_>> = Vec::new();
    for (key, value) in own {
        if key.get_ref() == GRID {
            grid = axes(source, value)?;
        } else {
            fixed.remove(key.get_ref().as_ref());
            fixed.insert(key.clone(), value.clone());
        }
    }
    for (key, _) in &grid {
        if own.contains_key(key.get_ref().as_ref()) {
            let message = format!(
                "`{}` is both fixed and in the grid of arm `{name}`",
                key.get_ref()
            );
            return Err(source.error(key.span(), message, Some("keep one of the two".into())));
        }
        fixed.remove(key.get_ref().as_ref());
    }
    let points: usize = grid.iter().map(|(_, values)| values.len()).product();
    let settings = (0..points)
        .map(|point| setting(source, &span, &fixed, &grid, point))
        .collect::<Result<Vec<_>, _>>()?;
    Ok(Arm {
        name: name.to_owned(),
        settings,
    })
}

/// A grid's key and its values, one axis each.
type Axis<'i> = (Spanned<Cow<'i, str>>, Vec<Spanned<DeValue<'i>>>);

fn axes<'i>(
    source: &Source<'_>,
    grid: &Spanned<DeValue<'i>>,
) -> Result<Vec<Axis<'i>>, ConfigError> {
    let DeValue::Table(table) = grid.get_ref() else {
        return Err(source.error(
            grid.span(),
            "the grid must be a table of lists",
            Some("for example: learning_rate = [1e-3, 3e-3]".into()),
        ));
    };
    table
        .iter()
        .map(|(key, values)| Ok((key.clone(), axis(source, key.get_ref(), values)?)))
        .collect()
}

/// The values of one axis: one at least, none twice.
fn axis<'i>(
    source: &Source<'_>,
    key: &str,
    values: &Spanned<DeValue<'i>>,
) -> Result<Vec<Spanned<DeValue<'i>>>, ConfigError> {
    let array = values
        .get_ref()
        .as_array()
        .filter(|array| !array.is_empty());
    let Some(array) = array else {
        let message = format!("the grid of `{key}` must be a list of one value or more");
        return Err(source.error(values.span(), message, None));
    };
    let mut seen: Vec<serde_json::Value> = Vec::new();
    for value in array.iter() {
        let json = to_json(source, value)?;
        if seen.contains(&json) {
            let message = format!("{json} is twice in the grid of `{key}`");
            return Err(source.error(value.span(), message, None));
        }
        seen.push(json);
    }
    Ok(array.iter().cloned().collect())
}

fn to_json(
    source: &Source<'_>,
    value: &Spanned<DeValue<'_>>,
) -> Result<serde_json::Value, ConfigError> {
    serde_json::Value::deserialize(ValueDeserializer::from(value.clone()))
        .map_err(|error| source.toml(&error, value.span()))
}

/// The `point`-th setting, the first axis varying slowest.
fn setting(
    source: &Source<'_>,
    span: &Range<usize>,
    fixed: &DeTable<'_>,
    grid: &[Axis<'_>],
    point: usize,
) -> Result<Setting, ConfigError> {
    let mut table = fixed.clone();
    let mut tuned = BTreeMap::new();
    let mut rest = point;
    for (key, values) in grid.iter().rev() {
        let value = &values[rest % values.len()];
        rest /= values.len();
        tuned.insert(key.get_ref().to_string(), to_json(source, value)?);
        table.insert(key.clone(), value.clone());
    }
    let places: BTreeMap<String, Range<usize>> = table
        .iter()
        .map(|(key, value)| (key.get_ref().to_string(), value.span()))
        .collect();
    let spanned = Spanned::new(span.clone(), DeValue::Table(table));
    let optimizer = OptimizerSettings::deserialize(ValueDeserializer::from(spanned))
        .map_err(|error| source.toml(&error, span.clone()))?;
    optimizer.validate().map_err(|error| {
        let place = places.get(error.setting()).unwrap_or(span);
        source.error(place.clone(), error.to_string(), None)
    })?;
    Ok(Setting { tuned, optimizer })
}
