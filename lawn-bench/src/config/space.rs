//! The space that an arm is tuned over: lists of a grid, ranges and choices.

use std::borrow::Cow;
use std::ops::Range;

use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

use super::source::{Source, nearest};
use crate::config::sweep::{Axis, Domain, Scale};
use crate::error::ConfigError;

/// One tuned hyper-parameter, as it is written.
#[derive(Debug, Clone)]
pub(super) struct RawAxis<'i> {
    pub(super) key: Spanned<Cow<'i, str>>,
    pub(super) values: Values<'i>,
    /// Other values at some batch sizes.
    pub(super) at: Vec<(u64, Values<'i>)>,
}

/// What a hyper-parameter is tuned over, each end or entry with its place.
#[derive(Debug, Clone)]
pub(super) enum Values<'i> {
    /// Every value, in turn.
    Grid(Vec<Spanned<DeValue<'i>>>),
    /// One of these, drawn.
    Choice(Vec<Spanned<DeValue<'i>>>),
    /// A number between two, drawn.
    Range {
        /// The least and the greatest.
        ends: [Spanned<DeValue<'i>>; 2],
        scale: Scale,
    },
}

/// The axes of a table of lists.
pub(super) fn grid<'i>(
    source: &Source<'_>,
    table: &Spanned<DeValue<'i>>,
) -> Result<Vec<RawAxis<'i>>, ConfigError> {
    let DeValue::Table(lists) = table.get_ref() else {
        return Err(source.error(
            table.span(),
            "the grid must be a table of lists",
            Some("for example: learning_rate = [1e-3, 3e-3]".into()),
        ));
    };
    lists
        .iter()
        .map(|(key, values)| {
            tunable(source, key)?;
            let what = format!("the grid of `{}`", key.get_ref());
            Ok(RawAxis {
                key: key.clone(),
                values: Values::Grid(list(source, &what, values)?),
                at: Vec::new(),
            })
        })
        .collect()
}

/// The axes of a table of ranges and choices.
pub(super) fn ranges<'i>(
    source: &Source<'_>,
    table: &Spanned<DeValue<'i>>,
    batch_sizes: &[u64],
) -> Result<Vec<RawAxis<'i>>, ConfigError> {
    let DeValue::Table(ranges) = table.get_ref() else {
        return Err(source.error(
            table.span(),
            "the ranges must be a table",
            Some(EXAMPLE.into()),
        ));
    };
    ranges
        .iter()
        .map(|(key, value)| {
            tunable(source, key)?;
            let DeValue::Table(fields) = value.get_ref() else {
                let message = format!("`{}` must have a range or a choice", key.get_ref());
                return Err(source.error(value.span(), message, Some(EXAMPLE.into())));
            };
            let allowed: &[&str] = &["min", "max", "scale", "choice", "at"];
            let values = domain(source, key.get_ref(), value.span(), fields, allowed, None)?;
            let at = match fields.get("at") {
                None => Vec::new(),
                Some(at) => overridden(source, key.get_ref(), at, batch_sizes, &values)?,
            };
            Ok(RawAxis {
                key: key.clone(),
                values,
                at,
            })
        })
        .collect()
}

/// What an entry of `[arms.NAME.tune]` looks like.
const EXAMPLE: &str = "for example: learning_rate = { min = 1e-4, max = 1e-1, scale = \"log\" }, \
                       or decay = { choice = [\"linear\", \"cosine\"] }";

/// What an arm is: its rule, and the norm constraint that is stacked on it.
pub(super) const ARM: [&str; 3] = ["rule", "lawn", "constraint"];

/// Refuses to tune what an arm is.
fn tunable(source: &Source<'_>, key: &Spanned<Cow<'_, str>>) -> Result<(), ConfigError> {
    if !ARM.contains(&key.get_ref().as_ref()) {
        return Ok(());
    }
    let message = format!("`{}` cannot be tuned: it is what an arm is", key.get_ref());
    Err(source.error(key.span(), message, Some("make it two arms".into())))
}

/// A list of one value at least, none twice.
fn list<'i>(
    source: &Source<'_>,
    what: &str,
    values: &Spanned<DeValue<'i>>,
) -> Result<Vec<Spanned<DeValue<'i>>>, ConfigError> {
    let array = values
        .get_ref()
        .as_array()
        .filter(|array| !array.is_empty());
    let Some(array) = array else {
        let message = format!("{what} must be a list of one value or more");
        return Err(source.error(values.span(), message, None));
    };
    let mut seen: Vec<serde_json::Value> = Vec::new();
    for value in array.iter() {
        let json = to_json(source, value)?;
        if seen.contains(&json) {
            return Err(source.error(value.span(), format!("{json} is twice in {what}"), None));
        }
        seen.push(json);
    }
    Ok(array.iter().cloned().collect())
}

/// One domain; `scale` is that of the axis where an `at` leaves it out.
fn domain<'i>(
    source: &Source<'_>,
    name: &str,
    span: Range<usize>,
    fields: &DeTable<'i>,
    allowed: &[&str],
    inherited: Option<Scale>,
) -> Result<Values<'i>, ConfigError> {
    for key in fields.keys() {
        let found = key.get_ref().as_ref();
        if !allowed.contains(&found) {
            let said = format!("unknown field `{found}` in the range of `{name}`");
            let help = nearest(found, allowed.iter().copied());
            return Err(source.refused(key.span(), said, allowed, help));
        }
    }
    if let Some(choice) = fields.get("choice") {
        if let Some(other) = fields
            .keys()
            .find(|key| ["min", "max", "scale"].contains(&key.get_ref().as_ref()))
        {
            let message = format!("`{name}` has both `choice` and `{}`", other.get_ref());
            return Err(source.error(other.span(), message, Some("keep one of the two".into())));
        }
        let what = format!("the choice of `{name}`");
        return Ok(Values::Choice(list(source, &what, choice)?));
    }
    let end = |which: &str| {
        fields.get(which).cloned().ok_or_else(|| {
            let message = format!("the range of `{name}` has no `{which}`");
            source.error(span.clone(), message, Some(EXAMPLE.into()))
        })
    };
    let (min, max) = (end("min")?, end("max")?);
    let scale = match (fields.get("scale"), inherited) {
        (Some(scale), _) => Scale::deserialize(ValueDeserializer::from(scale.clone()))
            .map_err(|error| source.toml(&error, scale.span()))?,
        (None, Some(scale)) => scale,
        (None, None) => {
            let message = format!("the range of `{name}` has no `scale`");
            return Err(source.refused(span, message, ["linear", "log", "integer"], None));
        }
    };
    check_ends(source, name, &min, &max, scale)?;
    let ends = [min, max];
    Ok(Values::Range { ends, scale })
}

/// Ends are finite and ascend; a logarithm needs them positive, an integer whole.
fn check_ends(
    source: &Source<'_>,
    name: &str,
    min: &Spanned<DeValue<'_>>,
    max: &Spanned<DeValue<'_>>,
    scale: Scale,
) -> Result<(), ConfigError> {
    let [low, high] = [number(source, min)?, number(source, max)?];
    for (end, value) in [(min, low), (max, high)] {
        let fault = match scale {
            _ if !value.is_finite() => "a finite number",
            Scale::Log if value <= 0.0 => "a number above 0, as its scale is `log`",
            Scale::Integer if value.fract() != 0.0 || value.abs() > 1e9 => {
                "a whole number, as its scale is `integer`"
            }
            _ => continue,
        };
        let message = format!("the range of `{name}` must end at {fault}, not {value}");
        return Err(source.error(end.span(), message, None));
    }
    if low >= high {
        let message =
            format!("the range of `{name}` must have its max above its min {low}, not {high}");
        return Err(source.error(max.span(), message, None));
    }
    Ok(())
}

/// The domains of `at`, by batch size.
fn overridden<'i>(
    source: &Source<'_>,
    name: &str,
    at: &Spanned<DeValue<'i>>,
    batch_sizes: &[u64],
    usual: &Values<'i>,
) -> Result<Vec<(u64, Values<'i>)>, ConfigError> {
    let example = || Some("for example: at = { 64_000 = { min = 1e-3, max = 1.0 } }".to_owned());
    let DeValue::Table(table) = at.get_ref() else {
        let message = format!("`at` of `{name}` must be a table by batch size");
        return Err(source.error(at.span(), message, example()));
    };
    let (scale, allowed): (_, &[&str]) = match usual {
        Values::Range { scale, .. } => (Some(*scale), &["min", "max", "scale"]),
        _ => (None, &["choice"]),
    };
    table
        .iter()
        .map(|(key, value)| {
            let batch_size = key.get_ref().replace('_', "").parse::<u64>().ok();
            let Some(batch_size) = batch_size.filter(|size| batch_sizes.contains(size)) else {
                let message = format!("`{}` is not among batch_sizes", key.get_ref());
                return Err(source.refused(key.span(), message, batch_sizes, None));
            };
            let DeValue::Table(fields) = value.get_ref() else {
                let message = format!("`{name}` at {batch_size} must be a table");
                return Err(source.error(value.span(), message, example()));
            };
            let values = domain(source, name, value.span(), fields, allowed, scale)?;
            Ok((batch_size, values))
        })
        .collect()
}

impl<'i> RawAxis<'i> {
    /// The values at `batch_size`.
    pub(super) fn values_at(&self, batch_size: Option<u64>) -> &Values<'i> {
        self.at
            .iter()
            .find(|(size, _)| Some(*size) == batch_size)
            .map_or(&self.values, |(_, values)| values)
    }

    /// The axis as later code knows it.
    pub(super) fn checked(&self, source: &Source<'_>) -> Result<Axis, ConfigError> {
        Ok(Axis {
            domain: self.values.checked(source)?,
            at: self
                .at
                .iter()
                .map(|(size, values)| Ok((*size, values.checked(source)?)))
                .collect::<Result<_, ConfigError>>()?,
        })
    }
}

impl<'i> Values<'i> {
    /// The entries of a list, or the ends of a range.
    pub(super) fn entries(&self) -> &[Spanned<DeValue<'i>>] {
        match self {
            Self::Grid(values) | Self::Choice(values) => values,
            Self::Range { ends, .. } => ends,
        }
    }

    fn checked(&self, source: &Source<'_>) -> Result<Domain, ConfigError> {
        let all = |values: &[Spanned<DeValue<'_>>]| {
            let json = values.iter().map(|value| to_json(source, value));
            json.collect::<Result<Vec<_>, _>>()
        };
        Ok(match self {
            Self::Grid(values) => Domain::Grid(all(values)?),
            Self::Choice(values) => Domain::Choice(all(values)?),
            Self::Range {
                ends: [min, max],
                scale,
            } => Domain::Range {
                min: number(source, min)?,
                max: number(source, max)?,
                scale: *scale,
            },
        })
    }
}

/// The value as JSON.
pub(super) fn to_json(
    source: &Source<'_>,
    value: &Spanned<DeValue<'_>>,
) -> Result<serde_json::Value, ConfigError> {
    serde_json::Value::deserialize(ValueDeserializer::from(value.clone()))
        .map_err(|error| source.toml(&error, value.span()))
}

fn number(source: &Source<'_>, value: &Spanned<DeValue<'_>>) -> Result<f64, ConfigError> {
    f64::deserialize(ValueDeserializer::from(value.clone()))
        .map_err(|error| source.toml(&error, value.span()))
}
