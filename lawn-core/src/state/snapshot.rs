//! An optimizer's state, taken and restored.
//!
//! | tensor | shape, kind | of |
//! |---|---|---|
//! | `<buffer>/<parameter>` | as the rule has it, mostly the parameter's, f32 or f64 | each buffer of the rule |
//! | `updates/<parameter>` | `[]`, i64 | each parameter |
//! | `master/<parameter>` | the parameter's, f32 | f16 and bf16 parameters with master weights |
//! | `radius/<parameter>` | `[units, 1…]`, f64 | constrained parameters, from the freeze on |
//! | `multiplier/<parameter>`, `update_square/<parameter>` | as `radius`, f64 | the same under a constraint that remembers something of each unit |
//!
//! Metadata: `format`, `version`, `rule`, `step`, `samples`, `skipped`, `phase`,
//! `learning_rate` (of the next step), `settings` (JSON, for the record), and `free_steps` where a
//! freeze was told to come at another step than the constraint says,
//! `rate_factor` and `regrouped` where these were set between steps,
//! `rescaled` where radii are others than the norms of the weights until the next step.

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::str::FromStr;

use tch::{Kind, Tensor};

use crate::constraint::form::ConstraintForm;
use crate::error::Error;
use crate::optimizer::{Optimizer, Progress, ZERO_AT_FREEZE};
use crate::parameters::group::Regrouping;
use crate::state::file::State;
use crate::units::host;

const FORMAT: &str = "lawn-core optimizer";
const VERSION: u32 = 1;

/// Key of the steps before a freeze that was told when to come.
const FREE_STEPS: &str = "free_steps";

/// Key of what multiplies the rates of the schedule, where that is not 1.
const RATE_FACTOR: &str = "rate_factor";

/// Key of what was set for some parameters since the optimizer was built, JSON.
const REGROUPED: &str = "regrouped";

/// Key of radii that are others than the norms of the weights, until the next step.
const RESCALED: &str = "rescaled";

/// What a constraint remembers of each unit, by its name in a state, and the constraint.
fn remembered(optimizer: &Optimizer) -> Option<(&'static str, ConstraintForm)> {
    let form = optimizer.config.constraint()?.form();
    Some((form.remembered()?, form))
}

impl Optimizer {
    /// All that a step depends on and the parameters do not hold, copied.
    #[must_use]
    pub fn state(&self) -> State {
        take(self)
    }

    /// Continues from a state, which must be of the same rule and parameters.
    ///
    /// Everything is checked before anything is changed. Hyper-parameters are
    /// this optimizer's own; those of the state are kept in it for the record. Only
    /// the freeze must not be moved past the steps that were taken: whether the state
    /// has radii is whether this optimizer would have them.
    ///
    /// The weights are the model's and are loaded by it, before or after this. Past the
    /// freeze the next step refuses others, whose norms the radii do not fit:
    /// [`Error::OtherWeights`].
    ///
    /// # Errors
    ///
    /// [`Error::ParameterChanged`], [`Error::StateVersion`], [`Error::StateMismatch`],
    /// [`Error::MissingEntry`], [`Error::ExtraEntry`], [`Error::EntryShape`],
    /// [`Error::EntryKind`], [`Error::EntryValue`], each naming the entry; [`Error::Evaluating`],
    /// [`Error::Averaged`].
    pub fn load_state(&mut self, state: &State) -> Result<(), Error> {
        restore(self, state)
    }
}

/// Copies the state out of an optimizer.
fn take(optimizer: &Optimizer) -> State {
    let rule = &optimizer.config.rule;
    let settings = optimizer.config.record(optimizer.builtin);
    let progress = optimizer.known_progress();
    let metadata = [
        ("format", FORMAT.to_owned()),
        ("version", VERSION.to_string()),
        ("rule", rule.name().to_owned()),
        ("step", progress.steps.to_string()),
        ("samples", progress.samples.to_string()),
        ("skipped", progress.skipped.to_string()),
        ("phase", optimizer.phase().to_string()),
        ("learning_rate", optimizer.rate_at(progress).to_string()),
        (
            "settings",
            serde_json::to_string(&settings).expect("settings are JSON"),
        ),
    ];
    let _guard = tch::no_grad_guard();
    let remembered = remembered(optimizer);
    let mut tensors = BTreeMap::new();
    let known = optimizer.updates().into_iter().zip(optimizer.radii());
    let known = known.zip(optimizer.backend.memories(&optimizer.slots));
    for (slot, ((updates, radii), memories)) in optimizer.slots.iter().zip(known) {
        let mut insert = |what: &str, tensor: &Tensor| {
            tensors.insert(format!("{what}/{}", slot.name), tensor.detach().copy());
        };
        let buffers = optimizer.backend.buffers(slot, &**rule);
        for (buffer, tensor) in rule.buffers().iter().zip(&buffers) {
            insert(buffer, tensor);
        }
        insert("updates", &Tensor::from(updates as i64));
        if let Some(master) = &slot.master {
            insert("master", master);
        }
        if let Some((radius, radii)) = slot.radius.as_ref().zip(radii) {
            let radii = Tensor::from_slice(&radii).reshape(radius.size());
            insert("radius", &radii.to_device(radius.device()));
        }
        if let Some((name, form)) = &remembered
            && let Some(form) = slot.form(Some(form))
            && !memories.is_empty()
        {
            let shape = form.granularity.dot_shape(&slot.weight.size());
            insert(name, &Tensor::from_slice(&memories).reshape(shape));
        }
    }
    let mut metadata: BTreeMap<String, String> = metadata
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value))
        .collect();
    if let Some(free_steps) = optimizer.freeze_at {
        metadata.insert(FREE_STEPS.to_owned(), free_steps.to_string());
    }
    if optimizer.rate_factor != 1.0 {
        metadata.insert(RATE_FACTOR.to_owned(), optimizer.rate_factor.to_string());
    }
    if !optimizer.regrouped.is_empty() {
        let regrouped = serde_json::to_string(&optimizer.regrouped).expect("groups are JSON");
        metadata.insert(REGROUPED.to_owned(), regrouped);
    }
    if optimizer.rescaled {
        metadata.insert(RESCALED.to_owned(), true.to_string());
    }
    State { metadata, tensors }
}

/// Puts a state into an optimizer, after checking all of it.
fn restore(optimizer: &mut Optimizer, state: &State) -> Result<(), Error> {
    optimizer.require_training()?;
    let format = text(state, "format")?;
    if format != FORMAT {
        return Err(mismatch("format", FORMAT, format));
    }
    let version: u32 = number(state, "version")?;
    if version == 0 {
        return Err(Error::EntryValue {
            entry: "version".to_owned(),
            expected: "a version of at least 1",
            found: version.to_string(),
        });
    }
    if version > VERSION {
        return Err(Error::StateVersion {
            supported: VERSION,
            found: version,
        });
    }
    let rule = text(state, "rule")?;
    if rule != optimizer.config.rule.name() {
        return Err(mismatch("rule", optimizer.config.rule.name(), rule));
    }
    let progress = Progress {
        steps: number(state, "step")?,
        samples: number(state, "samples")?,
        skipped: number(state, "skipped")?,
    };

    let freeze_at = match state.metadata.contains_key(FREE_STEPS) {
        true => Some(number(state, FREE_STEPS)?),
        false => None,
    };
    let rate_factor = match state.metadata.contains_key(RATE_FACTOR) {
        true => number(state, RATE_FACTOR)?,
        false => 1.0,
    };
    let regrouped: Vec<Regrouping> = match state.metadata.get(REGROUPED) {
        Some(found) => serde_json::from_str(found).map_err(|_| Error::EntryValue {
            entry: REGROUPED.to_owned(),
            expected: "a list of groups",
            found: found.clone(),
        })?,
        None => Vec::new(),
    };
    (regrouped.iter()).try_for_each(|one| optimizer.require_regrouping(one))?;
    let configured = optimizer.config.constraint();
    let free_steps = configured.map(|constraint| freeze_at.unwrap_or(constraint.free_steps()));
    let remembered = remembered(optimizer);

    let mut reader = Reader { state, seen: 0 };
    let buffers = optimizer.config.rule.buffers().to_vec();
    // All radii or none: the freeze is one moment for all parameters.
    let constrained = optimizer.slots.iter().filter(|slot| slot.is_constrained());
    let frozen = constrained
        .clone()
        .any(|slot| state.tensors.contains_key(&format!("radius/{}", slot.name)));
    if !frozen
        && let Some(free_steps) = free_steps
        && progress.steps > free_steps
        && let Some(slot) = constrained.clone().next()
    {
        // The freeze was missed: its radii cannot be made up from later weights.
        return Err(Error::MissingEntry {
            entry: format!("radius/{}", slot.name),
        });
    }
    if frozen
        && let Some(free_steps) = free_steps
        && progress.steps <= free_steps
    {
        // The freeze is still to come: these radii are of other weights.
        return Err(mismatch("phase", "free", "constrained"));
    }
    let mut restored = Vec::with_capacity(optimizer.slots.len());
    for slot in &optimizer.slots {
        slot.require_unchanged()?;
        let shape = slot.weight.size();
        let mut found = Vec::new();
        for (buffer, tensor) in buffers.iter().zip(&slot.buffers) {
            found.push(reader.read(buffer, &slot.name, &tensor.size(), tensor.kind())?);
        }
        let updates = reader
            .read("updates", &slot.name, &[], Kind::Int64)?
            .int64_value(&[]);
        let updates = u64::try_from(updates).map_err(|_| Error::EntryValue {
            entry: format!("updates/{}", slot.name),
            expected: "a count",
            found: updates.to_string(),
        })?;
        let master = match &slot.master {
            Some(_) => Some(reader.read("master", &slot.name, &shape, Kind::Float)?),
            None => None,
        };
        let form = configured.and_then(|constraint| slot.form(Some(&constraint.form())));
        let radius = match form {
            Some(form) if frozen => {
                let expected = form.granularity.dot_shape(&shape);
                let radius = reader.read("radius", &slot.name, &expected, Kind::Double)?;
                let bad = |norm: &&f64| !(norm.is_finite() && **norm >= 0.0);
                if let Some(found) = host(radius).iter().find(bad) {
                    return Err(Error::EntryValue {
                        entry: format!("radius/{}", slot.name),
                        expected: "finite norms of at least 0",
                        found: found.to_string(),
                    });
                }
                Some(radius)
            }
            _ => None,
        };
        let memories = match remembered.zip(form) {
            // What was remembered before norms were freed again is there without radii.
            Some(((name, _), form))
                if frozen || state.tensors.contains_key(&format!("{name}/{}", slot.name)) =>
            {
                let expected = form.granularity.dot_shape(&shape);
                host(reader.read(name, &slot.name, &expected, Kind::Double)?)
            }
            _ => Vec::new(),
        };
        restored.push((found, updates, master, radius, memories));
    }
    reader.finish(optimizer)?;

    let _guard = tch::no_grad_guard();
    for (slot, (buffers, updates, master, radius, memories)) in
        optimizer.slots.iter_mut().zip(restored)
    {
        for (buffer, saved) in slot.buffers.iter_mut().zip(buffers) {
            buffer.copy_(saved);
        }
        if let Some((master, saved)) = slot.master.as_mut().zip(master) {
            master.copy_(saved);
        }
        slot.held = false;
        slot.updates = updates;
        slot.memories = memories;
        slot.set_radius(radius.map(|saved| saved.to_device(slot.weight.device()).copy()));
    }
    optimizer.progress = progress;
    optimizer.rate_factor = rate_factor;
    optimizer.regroup(regrouped);
    optimizer.frozen = frozen;
    optimizer.freeze_at = freeze_at;
    optimizer.rescaled = state.metadata.contains_key(RESCALED);
    optimizer.unverified = frozen && !optimizer.rescaled;
    optimizer.interrupted = false;
    optimizer.backend.load(&mut optimizer.slots);
    if let Some(clock) = optimizer.backend.clock_mut() {
        clock.reset();
    }
    optimizer.report_free_units(ZERO_AT_FREEZE);
    optimizer.freed = OnceCell::new();
    Ok(())
}

/// Takes tensors out of a state by name and counts them.
struct Reader<'a> {
    state: &'a State,
    seen: usize,
}

impl<'a> Reader<'a> {
    fn read(
        &mut self,
        what: &str,
        parameter: &str,
        shape: &[i64],
        kind: Kind,
    ) -> Result<&'a Tensor, Error> {
        let entry = format!("{what}/{parameter}");
        let Some(tensor) = self.state.tensors.get(&entry) else {
            return Err(Error::MissingEntry { entry });
        };
        if tensor.size() != shape {
            let (expected, found) = (shape.to_vec(), tensor.size());
            return Err(Error::EntryShape {
                entry,
                expected,
                found,
            });
        }
        if tensor.kind() != kind {
            let (expected, found) = (format!("{kind:?}"), format!("{:?}", tensor.kind()));
            return Err(Error::EntryKind {
                entry,
                expected,
                found,
            });
        }
        self.seen += 1;
        Ok(tensor)
    }

    /// Refuses a state that holds more than was read.
    fn finish(self, optimizer: &Optimizer) -> Result<(), Error> {
        if self.seen == self.state.tensors.len() {
            return Ok(());
        }
        let known = |entry: &str| {
            let Some((what, parameter)) = entry.split_once('/') else {
                return false;
            };
            let slot = optimizer.slots.iter().find(|slot| slot.name == parameter);
            slot.is_some_and(|slot| match what {
                "updates" => true,
                "master" => slot.master.is_some(),
                "radius" => slot.is_constrained(),
                what if remembered(optimizer).is_some_and(|(name, _)| name == what) => {
                    slot.is_constrained()
                }
                buffer => optimizer.config.rule.buffers().contains(&buffer),
            })
        };
        match self.state.tensors.keys().find(|entry| !known(entry)) {
            Some(entry) => Err(Error::ExtraEntry {
                entry: entry.clone(),
            }),
            None => Ok(()),
        }
    }
}

fn text<'a>(state: &'a State, key: &'static str) -> Result<&'a str, Error> {
    let value = state.metadata.get(key);
    value
        .map(String::as_str)
        .ok_or_else(|| Error::MissingEntry {
            entry: key.to_owned(),
        })
}

fn number<N: FromStr>(state: &State, key: &'static str) -> Result<N, Error> {
    let value = text(state, key)?;
    value.parse().map_err(|_| Error::EntryValue {
        entry: key.to_owned(),
        expected: "a whole number of at least 0",
        found: value.to_owned(),
    })
}

fn mismatch(entry: &'static str, expected: &str, found: &str) -> Error {
    Error::StateMismatch {
        entry,
        expected: expected.to_owned(),
        found: found.to_owned(),
    }
}
