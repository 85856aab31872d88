//! What is written about an arm, laid over its preset and over what holds for all arms.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use lawn_models::{ConstraintName, LrShape};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::arm::Tuning;
use super::draw::complement;
use super::one_of;
use super::presets::{self, PRESET, RULE};
use super::rate::{self, LEARNING_RATE, RATE_BATCH_SIZE};
use super::raw::SETTINGS;
use super::source::Source;
use super::space::{self, RawAxis, Values};
use crate::config::sweep::RateBatchSize;
use crate::error::ConfigError;

/// The key of an arm's table that holds its lists.
const GRID: &str = "grid";

/// The key of an arm's table that holds its ranges.
const TUNE: &str = "tune";

/// The key of the shape of the learning rate.
const SHAPE: &str = "decay";

/// The key that an arm with a constraint is told to leave out.
const DECAY: &str = "weight_decay";

/// What an arm lies over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Layer {
    /// The preset of this name, which the arm names.
    Preset(String),
    /// What holds for all arms.
    Defaults,
    /// The preset that they name.
    PresetOfDefaults(String),
}

impl Layer {
    /// The preset that it is, or is of.
    pub(super) fn preset(&self) -> Option<&str> {
        match self {
            Self::Preset(name) | Self::PresetOfDefaults(name) => Some(name),
            Self::Defaults => None,
        }
    }

    /// The same as a part of the defaults of all arms.
    fn within(&self, layer: &Self) -> Self {
        match (self, layer) {
            (Self::Preset(name), Self::Defaults) => Self::PresetOfDefaults(name.clone()),
            _ => self.clone(),
        }
    }
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Preset(name) => write!(f, "preset `{name}`"),
            Self::Defaults => f.write_str("[defaults]"),
            Self::PresetOfDefaults(name) => write!(f, "preset `{name}` of [defaults]"),
        }
    }
}

/// A key that is not the arm's, since one that is says something else in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct GaveWay {
    /// The key, or a whole preset.
    pub(super) what: String,
    pub(super) from: Layer,
    /// The arm's own key.
    pub(super) to: String,
}

/// What is written about an arm, or for all of them.
#[derive(Default, Clone)]
pub(super) struct RawArm<'i> {
    pub(super) fixed: DeTable<'i>,
    pub(super) axes: Vec<RawAxis<'i>>,
    /// The batch size that its learning rates are of, where that is said.
    pub(super) rate_batch_size: Option<RateBatchSize>,
    /// The preset that it names.
    pub(super) preset: Option<String>,
    /// Where each key comes from that is not written here.
    pub(super) origins: BTreeMap<String, Layer>,
    /// What is written elsewhere, and was left there.
    pub(super) gave_way: Vec<GaveWay>,
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
                    let layer = Layer::Preset(name.to_owned());
                    preset = Some((Self::read(source, &given, tuning)?, layer));
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
        one_of::lawn_once(source, &written.fixed)?;
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
                Some((preset, layer)) => written.over(&preset, &layer),
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

    /// Whether it says this very hyper-parameter.
    fn says(&self, name: &str) -> bool {
        self.fixes(name) || self.tunes(name)
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.fixed.get(name)?.get_ref().as_str()
    }

    /// The constraint that it asks for itself, and the key that asks: none of a name is none at all.
    fn constraint(&self) -> Option<(&'static str, Option<ConstraintName>)> {
        if let Some(name) = self.text(one_of::CONSTRAINT) {
            return Some((one_of::CONSTRAINT, ConstraintName::named(name)));
        }
        let lawn = self.fixed.get(one_of::LAWN)?.get_ref().as_bool()?;
        Some((one_of::LAWN, lawn.then_some(ConstraintName::Lawn)))
    }

    /// The key of its own beside which a setting has no `name`.
    fn rival(&self, name: &str) -> Option<String> {
        let rivals = one_of::rivals(name).map(str::to_owned);
        let mut rivals = complement(name).into_iter().chain(rivals);
        if let Some(rival) = rivals.find(|rival| self.says(rival)) {
            return Some(rival);
        }
        let shape = self.text(SHAPE);
        let mut shapes = LrShape::ALL.iter();
        let own = shapes.find(|one| Some(one.as_str()) == shape);
        if own.is_some_and(|own| own.has(name) == Some(false)) {
            return Some(SHAPE.to_owned());
        }
        let (key, own) = self.constraint()?;
        let is_of_another = match own {
            Some(own) => own.has(name) == Some(false),
            None => one_of::is_of_a_constraint(name),
        };
        (is_of_another || [one_of::LAWN, one_of::CONSTRAINT].contains(&name))
            .then(|| key.to_owned())
    }

    /// Whether a key of `defaults` asks for the very constraint that this asks for by another key.
    fn asks_for_the_same(&self, defaults: &Self, name: &str) -> bool {
        let asked = |one: &Self| one.constraint().and_then(|(_, constraint)| constraint);
        [one_of::LAWN, one_of::CONSTRAINT].contains(&name)
            && asked(self).is_some()
            && asked(self) == asked(defaults)
    }

    /// Without the keys of its preset, where an arm that lies over it names another preset or another
    /// rule, and the key of that one.
    fn beneath(&self, arm: &Self) -> (Self, Option<String>) {
        let Some(preset) = &self.preset else {
            return (self.clone(), None);
        };
        let is_of_preset = |key: &str| {
            let layer = self.origins.get(key);
            layer.is_some_and(|layer| layer.preset().is_some())
        };
        let has_another = |one: Option<&str>, other: Option<&str>| one.is_some() && one != other;
        let to = if has_another(arm.preset.as_deref(), Some(preset)) {
            PRESET
        } else if is_of_preset(RULE) && has_another(arm.text(RULE), self.text(RULE)) {
            RULE
        } else {
            return (self.clone(), None);
        };
        let mut rest = self.clone();
        rest.preset = None;
        rest.fixed = DeTable::new();
        for (key, value) in &self.fixed {
            if !is_of_preset(key.get_ref()) {
                rest.fixed.insert(key.clone(), value.clone());
            }
        }
        rest.axes.retain(|axis| !is_of_preset(axis.name()));
        rest.rate_batch_size = (self.rate_batch_size).filter(|_| !is_of_preset(RATE_BATCH_SIZE));
        rest.origins.retain(|_, layer| layer.preset().is_none());
        (rest, Some(to.to_owned()))
    }

    /// Lays `self` over `defaults`, which are that layer. What an arm says of a hyper-parameter
    /// replaces the default, and so it does with what a setting cannot have beside it.
    pub(super) fn over(mut self, defaults: &Self, layer: &Layer) -> Self {
        let (defaults, without_preset) = match layer {
            Layer::Defaults => defaults.beneath(&self),
            _ => (defaults.clone(), None),
        };
        let origin = |key: &str| match defaults.origins.get(key) {
            Some(within) => within.within(layer),
            None => layer.clone(),
        };
        let mut gave_way: Vec<GaveWay> = without_preset
            .map(|to| GaveWay {
                what: PRESET.to_owned(),
                from: layer.clone(),
                to,
            })
            .into_iter()
            .collect();
        // What is said of a rate is not said of another in its place.
        let is_replaced = self.says(LEARNING_RATE) && defaults.says(LEARNING_RATE);
        let inherited = defaults.rate_batch_size.filter(|_| !is_replaced);
        if self.rate_batch_size.is_none() && inherited.is_some() {
            self.rate_batch_size = inherited;
            let from = origin(RATE_BATCH_SIZE);
            self.origins.insert(RATE_BATCH_SIZE.to_owned(), from);
        }
        self.preset = self.preset.or_else(|| defaults.preset.clone());
        // Told by what the arm says itself, and not by what it has been given on the way.
        let mut fixed = Vec::new();
        let mut axes = Vec::new();
        let fixed_keys = defaults.fixed.iter().map(|(key, _)| key.get_ref().as_ref());
        let names = fixed_keys.chain(defaults.axes.iter().map(RawAxis::name));
        for name in names {
            if self.says(name) || self.asks_for_the_same(&defaults, name) {
                continue;
            }
            match self.rival(name) {
                Some(to) => gave_way.push(GaveWay {
                    what: name.to_owned(),
                    from: origin(name),
                    to,
                }),
                None if defaults.fixes(name) => fixed.push(name),
                None => axes.push(name),
            }
        }
        for name in fixed {
            let (key, value) = (defaults.fixed.get_key_value(name)).expect("it is one of these");
            self.fixed.insert(key.clone(), value.clone());
            self.origins.insert(name.to_owned(), origin(name));
        }
        let inherited = defaults.axes.iter();
        for axis in inherited.filter(|axis| axes.contains(&axis.name())) {
            self.axes.push(axis.clone());
            self.origins
                .insert(axis.name().to_owned(), origin(axis.name()));
        }
        self.axes.sort_by(|a, b| a.name().cmp(b.name()));
        self.gave_way.extend(gave_way);
        self
    }

    /// Where the keys of the arm `name` come from that an error names at its beginning: a clause behind
    /// it, where one of them is written elsewhere than in the arm.
    pub(super) fn origins(&self, error: &str, name: &str) -> String {
        let named = error.split("; ").next().unwrap_or_default();
        let mut keys: Vec<&str> = Vec::new();
        for word in named.split(|c: char| !c.is_ascii_alphanumeric() && c != '_') {
            if self.says(word) && !keys.contains(&word) {
                keys.push(word);
            }
        }
        if !keys.iter().any(|key| self.origins.contains_key(*key)) {
            return String::new();
        }
        let is_free = self.constraint().is_none();
        let said = keys.iter().map(|key| match self.origins.get(*key) {
            // What the arm did not write it cannot leave out.
            Some(origin) if *key == DECAY => {
                format!("`{key}` is from {origin}, and {key} = 0 in the arm takes it away")
            }
            Some(origin) if is_free && one_of::is_of_a_constraint(key) => {
                format!("`{key}` is from {origin}, and lawn = false in the arm takes it away")
            }
            Some(origin) => format!("`{key}` is from {origin}"),
            None => format!("`{key}` is from arm `{name}`"),
        });
        format!("; {}", said.collect::<Vec<_>>().join(", "))
    }
}

/// A value for each axis.
pub(super) type Assignment<'a> = Vec<(Spanned<Cow<'a, str>>, Spanned<DeValue<'a>>)>;

impl RawArm<'_> {
    /// Points of the grid.
    pub(super) fn points(&self, source: &Source<'_>, name: &str) -> Result<usize, ConfigError> {
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
    pub(super) fn of_grid(&self, point: usize) -> Assignment<'_> {
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

impl RawAxis<'_> {
    pub(super) fn name(&self) -> &str {
        self.key.get_ref()
    }

    pub(super) fn is_grid(&self) -> bool {
        matches!(self.values, Values::Grid(_))
    }
}
