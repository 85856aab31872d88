//! One arm: its fixed hyper-parameters, its space, and every point checked.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use lawn_models::OptimizerSettings;
use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

use super::draw::{self, Coordinate, complement, draw};
use super::presets::{self, PRESET};
use super::rate::{self, LEARNING_RATE, RATE_BATCH_SIZE};
use super::raw::SETTINGS;
use super::sobol;
use super::source::Source;
use super::space::{self, RawAxis, Values, to_json};
use crate::config::sweep::{Arm, Axis, Point, RateBatchSize, Setting};
use crate::error::ConfigError;

/// The key of an arm's table that holds its lists.
const GRID: &str = "grid";

/// The key that an arm with a constraint is told to leave out.
const DECAY: &str = "weight_decay";

/// The key of an arm's table that holds its ranges.
const TUNE: &str = "tune";

/// What all arms of a sweep are tuned with.
pub(super) struct Tuning<'s> {
    /// Settings drawn from ranges.
    pub(super) settings: Option<u64>,
    /// Seed of the points.
    pub(super) seed: u64,
    pub(super) batch_sizes: &'s [u64],
}

/// What is written about an arm, or for all of them.
#[derive(Default)]
pub(super) struct RawArm<'i> {
    fixed: DeTable<'i>,
    axes: Vec<RawAxis<'i>>,
    /// The batch size that its learning rates are of, where that is said.
    rate_batch_size: Option<RateBatchSize>,
    /// The preset that it names.
    preset: Option<String>,
    /// Where each key comes from that is not written here.
    origins: BTreeMap<String, String>,
}

impl<'i> RawArm<'i> {
    /// Tells fixed keys from those of the space.
    pub(super) fn read(
        source: &Source<'_>,
        table: &DeTable<'i>,
        tuning: &Tuning<'_>,
    ) -> Result<Self, ConfigError> {
        let mut written = Self::default();
        let mut preset = None;
        for (key, value) in table {
            match key.get_ref().as_ref() {
                PRESET => {
                    let given = presets::table(source, value)?;
                    presets::one_rule(source, table, value, &given)?;
                    let name = value.get_ref().as_str().unwrap_or_default();
                    let from = format!("preset `{name}`");
                    preset = Some((Self::read(source, &given, tuning)?, from));
                    written.preset = Some(name.to_owned());
                }
                RATE_BATCH_SIZE => written.rate_batch_size = Some(rate::read(source, value)?),
                GRID => written.axes.extend(space::grid(source, value)?),
                TUNE => {
                    let ranges = space::ranges(source, value, tuning.batch_sizes)?;
                    written.axes.extend(ranges);
                }
                _ => {
                    written.fixed.insert(key.clone(), value.clone());
                }
            }
        }
        written.axes.sort_by(|a, b| a.name().cmp(b.name()));
        for pair in written.axes.windows(2) {
            if pair[0].name() == pair[1].name() {
                let message = format!("`{}` is both in the grid and in a range", pair[1].name());
                let help = Some("keep one of the two".into());
                return Err(source.error(pair[1].key.span(), message, help));
            }
        }
        match written.axes.iter().find(|axis| written.fixes(axis.name())) {
            None => Ok(match preset {
                Some((preset, from)) => written.over(&preset, &from),
                None => written,
            }),
            Some(axis) => {
                let message = format!("`{}` is both fixed and tuned", axis.name());
                let help = Some("keep one of the two".into());
                Err(source.error(axis.key.span(), message, help))
            }
        }
    }

    fn fixes(&self, name: &str) -> bool {
        self.fixed.contains_key(name)
    }

    fn tunes(&self, name: &str) -> bool {
        self.axes.iter().any(|axis| axis.name() == name)
    }

    /// Whether it says a hyper-parameter, by this name or as what that lacks to 1.
    fn says(&self, name: &str) -> bool {
        let has = |name: &str| self.fixes(name) || self.tunes(name);
        has(name) || complement(name).is_some_and(|other| has(&other))
    }

    fn has_rate(&self) -> bool {
        self.fixes(LEARNING_RATE) || self.tunes(LEARNING_RATE)
    }

    /// Lays `self` over `defaults`, which are called `from`. What an arm says of a hyper-parameter
    /// replaces the default.
    fn over(mut self, defaults: &Self, from: &str) -> Self {
        // What is said of a rate is not said of another in its place.
        let is_replaced = self.has_rate() && defaults.has_rate();
        let inherited = defaults.rate_batch_size.filter(|_| !is_replaced);
        self.rate_batch_size = self.rate_batch_size.or(inherited);
        self.preset = self.preset.or_else(|| defaults.preset.clone());
        let origin = |key: &str| match defaults.origins.get(key) {
            Some(within) => format!("{within} of {from}"),
            None => from.to_owned(),
        };
        for (key, value) in &defaults.fixed {
            if !self.says(key.get_ref()) {
                self.origins
                    .insert(key.get_ref().to_string(), origin(key.get_ref()));
                self.fixed.insert(key.clone(), value.clone());
            }
        }
        let inherited = defaults.axes.iter();
        let inherited: Vec<_> = inherited
            .filter(|axis| !self.says(axis.name()))
            .cloned()
            .collect();
        for axis in &inherited {
            self.origins
                .insert(axis.name().to_owned(), origin(axis.name()));
        }
        self.axes.extend(inherited);
        self.axes.sort_by(|a, b| a.name().cmp(b.name()));
        self
    }

    /// Where the keys of the arm `name` come from that an error names at its beginning: a clause behind
    /// it, where one of them is written elsewhere than in the arm.
    pub(super) fn origins(&self, error: &str, name: &str) -> String {
        let named = error.split("; ").next().unwrap_or_default();
        let mut keys: Vec<&str> = Vec::new();
        for word in named.split(|c: char| !c.is_ascii_alphanumeric() && c != '_') {
            if (self.fixes(word) || self.tunes(word)) && !keys.contains(&word) {
                keys.push(word);
            }
        }
        if !keys.iter().any(|key| self.origins.contains_key(*key)) {
            return String::new();
        }
        let said = keys.iter().map(|key| match self.origins.get(*key) {
            // What the arm did not write it cannot leave out.
            Some(origin) if *key == DECAY => {
                format!("`{key}` is from {origin}, and {key} = 0 in the arm takes it away")
            }
            Some(origin) => format!("`{key}` is from {origin}"),
            None => format!("`{key}` is from arm `{name}`"),
        });
        format!("; {}", said.collect::<Vec<_>>().join(", "))
    }
}

impl RawAxis<'_> {
    fn name(&self) -> &str {
        self.key.get_ref()
    }

    fn is_grid(&self) -> bool {
        matches!(self.values, Values::Grid(_))
    }
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
    let written = RawArm::read(source, own, tuning)?;
    if let Some(preset) = &defaults.preset {
        presets::one_rule_of_all(source, name, &written.fixed, preset)?;
    }
    let written = written.over(defaults, "[defaults]");
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

/// A value for each axis.
type Assignment<'a> = Vec<(Spanned<Cow<'a, str>>, Spanned<DeValue<'a>>)>;

impl RawArm<'_> {
    /// Points of the grid.
    fn points(&self, source: &Source<'_>, name: &str) -> Result<usize, ConfigError> {
        let mut points = 1_usize;
        for axis in &self.axes {
            points = points.saturating_mul(axis.values.entries().len());
            if points > SETTINGS {
                let message = format!("the grid of arm `{name}` has more than {SETTINGS} settings");
                let help = "give fewer values, or ranges and tuning.settings";
                return Err(source.error(axis.key.span(), message, Some(help.into())));
            }
        }
        Ok(points)
    }

    /// The `point`-th of the grid, the first axis varying slowest.
    fn of_grid(&self, point: usize) -> Assignment<'_> {
        let mut rest = point;
        let chosen = self.axes.iter().rev().map(|axis| {
            let entries = axis.values.entries();
            let value = entries[rest % entries.len()].clone();
            rest /= entries.len();
            (axis.key.clone(), value)
        });
        chosen.collect()
    }
}

/// Makes settings of one arm.
struct Reader<'r> {
    source: &'r Source<'r>,
    name: &'r str,
    /// Where the arm is written.
    span: &'r Range<usize>,
    written: &'r RawArm<'r>,
    space: &'r BTreeMap<String, Axis>,
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
        optimizer.validate().map_err(|error| {
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
