//! One arm: its fixed hyper-parameters, its space, and every point checked.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use lawn_models::{Amount, OptimizerSettings};
use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

use super::draw::{self, Coordinate, draw};
use super::presets;
use super::rate::LEARNING_RATE;
use super::raw_arm::{Assignment, Layer, RawArm};
use super::sobol;
use super::source::Source;
use super::space::{Values, to_json};
use crate::config::sweep::{Arm, Axis, Point, Setting};
use crate::error::ConfigError;

/// What all arms of a sweep are tuned with.
pub(super) struct Tuning<'s> {
    /// Settings drawn from ranges.
    pub(super) settings: Option<u64>,
    /// Seed of the points.
    pub(super) seed: u64,
    pub(super) batch_sizes: &'s [u64],
    /// What each setting is trained for.
    pub(super) budget: Amount,
}

/// Reads the arm `name` from `table`, over `defaults`; gives what is written of it, too.
///
/// Each point of the space is laid over the fixed keys as TOML that still knows
/// its place in the text, so that a wrong value in a space is pointed at there.
pub(super) fn read<'i>(
    source: &Source<'_>,
    name: &str,
    table: &Spanned<DeValue<'i>>,
    defaults: &RawArm<'i>,
    tuning: &Tuning<'_>,
) -> Result<(Arm, RawArm<'i>), ConfigError> {
    let span = table.span();
    let DeValue::Table(own) = table.get_ref() else {
        return Err(source.error(span, format!("arm `{name}` must be a table"), None));
    };
    let written = RawArm::read(source, own, tuning)?.over(defaults, &Layer::Defaults);
    let first = |is_grid| written.axes.iter().find(|axis| axis.is_grid() == is_grid);
    let grid = first(true);
    if let (Some(grid), Some(range)) = (grid, first(false)) {
        let names = format!("{} {}", grid.name(), range.name());
        let origins = written.origins(&names, name);
        let message = format!("arm `{name}` has both a grid and ranges{origins}");
        let help = format!("give `{}` a list, or the others ranges", range.name());
        return Err(source.error(range.key.span(), message, Some(help)));
    }
    let space = written
        .axes
        .iter()
        .map(|axis| Ok((axis.name().to_owned(), axis.checked(source)?)))
        .collect::<Result<BTreeMap<_, _>, ConfigError>>()?;
    let reader = Reader {
        source,
        name,
        span: &span,
        written: &written,
        space: &space,
        budget: tuning.budget,
    };
    let mut settings = Vec::new();
    if written.axes.is_empty() || grid.is_some() {
        for point in 0..written.points(source, name)? {
            let Point { tuned, optimizer } = reader.point(&written.of_grid(point))?;
            let at = BTreeMap::new();
            settings.push(Setting {
                tuned,
                optimizer,
                at,
            });
        }
    } else {
        let Some(count) = tuning.settings else {
            let message = format!("arm `{name}` has ranges, and nothing says how many settings");
            let help = Some("for example: [tuning] settings = 16".into());
            return Err(source.error(written.axes[0].key.span(), message, help));
        };
        reader.check_ends()?;
        for index in 0..count {
            settings.push(reader.drawn(tuning.seed, index)?);
        }
    }
    let arm = Arm {
        name: name.to_owned(),
        space,
        rate_batch_size: written.rate_batch_size.unwrap_or_default(),
        settings,
    };
    Ok((arm, written))
}

/// Makes settings of one arm.
struct Reader<'r> {
    source: &'r Source<'r>,
    name: &'r str,
    /// Where the arm is written.
    span: &'r Range<usize>,
    written: &'r RawArm<'r>,
    space: &'r BTreeMap<String, Axis>,
    budget: Amount,
}

impl Reader<'_> {
    /// The batch sizes at which a range is another than usual.
    fn overridden(&self) -> BTreeSet<u64> {
        let axes = self.written.axes.iter();
        axes.flat_map(|axis| axis.at.iter().map(|(size, _)| *size))
            .collect()
    }

    /// The `index`-th of the points that all arms share.
    fn drawn(&self, seed: u64, index: u64) -> Result<Setting, ConfigError> {
        let Point { tuned, optimizer } = self.drawn_at(seed, index, None)?;
        let at = self.overridden().into_iter().map(|batch_size| {
            let point = self.drawn_at(seed, index, Some(batch_size))?;
            Ok((batch_size, point))
        });
        Ok(Setting {
            tuned,
            optimizer,
            at: at.collect::<Result<_, ConfigError>>()?,
        })
    }

    fn drawn_at(
        &self,
        seed: u64,
        index: u64,
        batch_size: Option<u64>,
    ) -> Result<Point, ConfigError> {
        let drawn: Vec<Coordinate> = self
            .written
            .axes
            .iter()
            .map(|axis| {
                // A name that is no hyper-parameter is refused below, at its place.
                let dimension = draw::dimension(axis.name()).unwrap_or(0);
                let u = sobol::point(seed, dimension, index as u32);
                draw(self.space[axis.name()].domain_at(batch_size), u)
            })
            .collect();
        let values = self.written.axes.iter().zip(&drawn).map(|(axis, drawn)| {
            let value = match drawn {
                Coordinate::Entry(entry) => axis.values_at(batch_size).entries()[*entry].clone(),
                Coordinate::Number(text) => {
                    let value = DeValue::parse(text).expect("numbers are drawn as TOML");
                    Spanned::new(axis.key.span(), value.into_inner())
                }
            };
            (axis.key.clone(), value)
        });
        self.point(&values.collect())
    }

    /// Checks the ends of each range, as a point may come near them in another sweep.
    fn check_ends(&self) -> Result<(), ConfigError> {
        let middle: Assignment<'_> = self
            .written
            .axes
            .iter()
            .map(|axis| (axis.key.clone(), axis.values.entries()[0].clone()))
            .collect();
        for (place, axis) in self.written.axes.iter().enumerate() {
            let at = axis.at.iter().map(|(_, values)| values);
            for end in std::iter::once(&axis.values)
                .chain(at)
                .flat_map(Values::entries)
            {
                let mut values = middle.clone();
                values[place].1 = end.clone();
                self.point(&values)?;
            }
        }
        Ok(())
    }

    /// The fixed keys with `values` laid over them, checked.
    fn point(&self, values: &Assignment<'_>) -> Result<Point, ConfigError> {
        let mut table: DeTable<'_> = self.written.fixed.clone();
        let mut tuned = BTreeMap::new();
        for (key, value) in values {
            tuned.insert(key.get_ref().to_string(), to_json(self.source, value)?);
            table.insert(key.clone(), value.clone());
        }
        let places: BTreeMap<String, Range<usize>> = table
            .iter()
            .map(|(key, value)| (key.get_ref().to_string(), value.span()))
            .collect();
        let spanned = Spanned::new(self.span.clone(), DeValue::Table(table));
        // As any reader of settings does, and not field by field.
        let read = <OptimizerSettings as Deserialize>::deserialize;
        let has_rate = places.contains_key(LEARNING_RATE);
        if let Some(preset) = self.written.preset.as_deref().filter(|_| !has_rate) {
            return Err(presets::without_rate(
                self.source,
                self.span.clone(),
                preset,
            ));
        }
        let optimizer = read(ValueDeserializer::from(spanned))
            .map_err(|error| self.source.toml(&error, self.span.clone()))?;
        let valid = (optimizer.validate_within(self.budget))
            .and_then(|()| optimizer.validate_keys(places.keys().map(String::as_str)));
        valid.map_err(|error| {
            // Of a table, what it is called.
            let key = error.setting().split('.').next().unwrap_or_default();
            let place = places.get(key).unwrap_or(self.span);
            let error = error.to_string();
            let origins = self.written.origins(&error, self.name);
            self.source.error(place.clone(), error + &origins, None)
        })?;
        Ok(Point { tuned, optimizer })
    }
}
