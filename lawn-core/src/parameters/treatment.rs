//! What happens to each parameter, and why: decided once, before any step.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::decay::WeightDecay;
use crate::defaults::yes;
use crate::error::Error;
use crate::parameters::group::Group;
use crate::parameters::homogeneous::{Basis, Selection, final_homogeneous};
use crate::parameters::names::Doubt;
use crate::parameters::parameter::{Parameter, Parameters};
use crate::parameters::pattern::matches;
use crate::parameters::scope::{Extent, Scope};
use crate::role::Role;
use crate::units::Granularity;

/// How the norm constraint treats a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Constraint {
    /// Its units keep their norms from the freeze on.
    Constrained,
    /// It could be constrained and is not.
    Free,
    /// Its role is never constrained.
    Skipped,
}

impl fmt::Display for Constraint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Constraint::Constrained => "constrained",
            Constraint::Free => "free",
            Constraint::Skipped => "skipped",
        })
    }
}

/// One line of the dry-run table: what will be done to a parameter, and why.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Treatment {
    /// Name of the parameter.
    pub parameter: String,
    /// Its role.
    pub role: Role,
    /// Its shape.
    pub shape: Vec<i64>,
    /// Whether its norm is constrained.
    pub constraint: Constraint,
    /// How many radii it has: 0 unless constrained.
    pub units: i64,
    /// What one radius belongs to, where its [`Group`] says otherwise than the constraint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub granularity: Option<Granularity>,
    /// Units whose norm was 0 at the freeze, or has become 0 since (pruned, padding),
    /// so that they have no direction to keep and stay free; 0 before.
    pub free_units: i64,
    /// Its weight decay.
    pub decay: WeightDecay,
    /// Its factor to the scheduled learning rate.
    pub learning_rate_scale: f64,
    /// Whether a rule that treats matrices as such has it as one.
    #[serde(default)]
    pub matrix: bool,
    /// Whether it required gradients in the last step, or when the optimizer was built. A step
    /// leaves a parameter alone that requires none.
    #[serde(default = "yes")]
    pub trained: bool,
    /// Whether its place among the layers was taken from names and order, which show
    /// neither activations nor normalizations without parameters.
    #[serde(default)]
    pub guessed: bool,
    /// Why, in a few words.
    pub reason: String,
}

/// The dry-run table as text, one line a parameter.
///
/// ```text
/// parameter  role    shape    treatment    units  decay  reason
/// fc.weight  weight  [10, 4]  constrained      1  none   in scope final-homogeneous
/// fc.bias    bias    [10]     skipped          0  none   biases are never constrained
/// ```
///
/// Where a [`Group`] scales the learning rate, a column `rate` has the factors. A
/// parameter that requires no gradient is `untrained`, and what it is otherwise stands
/// in the reason. Where the scope is guessed, a last line says what was not seen.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(transparent)]
pub struct TreatmentTable<'a>(pub &'a [Treatment]);

/// A factor with as many digits as people compare.
fn factor(value: f64) -> String {
    match value {
        small if small != 0.0 && small.abs() < 1e-3 => format!("{small:.3e}"),
        value => {
            let text = format!("{value:.5}");
            text.trim_end_matches('0').trim_end_matches('.').to_owned()
        }
    }
}

impl fmt::Display for TreatmentTable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let head = [
            "parameter",
            "role",
            "shape",
            "treatment",
            "units",
            "rate",
            "decay",
            "reason",
        ];
        let scaled = self.0.iter().any(|t| t.learning_rate_scale != 1.0);
        let mut rows = vec![head.map(str::to_owned)];
        rows.extend(self.0.iter().map(|t| {
            let units = match t.free_units {
                0 => t.units.to_string(),
                free => format!("{} ({free} free)", t.units),
            };
            [
                t.parameter.clone(),
                t.role.to_string(),
                format!("{:?}", t.shape),
                match t.trained {
                    true => t.constraint.to_string(),
                    false => "untrained".to_owned(),
                },
                units,
                factor(t.learning_rate_scale),
                t.decay.to_string(),
                match t.trained {
                    true => t.reason.clone(),
                    false => format!("requires no gradient; else {}: {}", t.constraint, t.reason),
                },
            ]
        }));
        let widths: Vec<usize> = (0..head.len())
            .map(|column| {
                rows.iter()
                    .map(|row| row[column].chars().count())
                    .max()
                    .unwrap_or(0)
            })
            .collect();
        for row in &rows {
            let mut line = String::new();
            for ((cell, width), name) in row.iter().zip(&widths).zip(head) {
                if name == "rate" && !scaled {
                    continue;
                }
                // Numbers stand right, words left.
                line += &if matches!(name, "units" | "rate") {
                    format!("{cell:>width$}")
                } else {
                    format!("{cell:<width$}")
                };
                line += "  ";
            }
            writeln!(f, "{}", line.trim_end())?;
        }
        if self.0.iter().any(|t| t.guessed) {
            writeln!(f, "{GUESSED}")?;
        }
        Ok(())
    }
}

/// What a table says where the scope was taken from names.
const GUESSED: &str = "the scope is taken from names and order, which show neither activations \
                       nor normalizations without parameters; `set_layers` states them";

/// Decides the treatment of every parameter.
pub(crate) fn plan(
    parameters: &Parameters,
    extent: Option<Extent<'_>>,
    decay: WeightDecay,
    groups: &[Group],
) -> Result<Vec<Treatment>, Error> {
    for group in groups {
        require_match(&group.pattern, parameters)?;
    }
    if !parameters.iter().any(|one| one.tensor.requires_grad()) {
        return Err(Error::NothingTrained);
    }
    let scope = extent
        .map(|extent| choose(parameters, extent.scope, groups))
        .transpose()?;
    let treatments = parameters
        .iter()
        .map(|one| {
            let mut treatment = treat(one, extent, scope.as_ref(), decay, groups)?;
            treatment.reason += &notes(parameters, &treatment, extent);
            Ok(treatment)
        })
        .collect::<Result<Vec<_>, Error>>()?;
    match extent.zip(scope) {
        Some((extent, scope)) => {
            require_some(&treatments, extent, &scope)?;
            Ok(treatments)
        }
        None => Ok(treatments),
    }
}

/// Refuses a constraint on parameters of which none is trained, or on none.
fn require_some(
    treatments: &[Treatment],
    extent: Extent<'_>,
    scope: &Selection,
) -> Result<(), Error> {
    let mut constrained = treatments
        .iter()
        .filter(|t| t.constraint == Constraint::Constrained)
        .peekable();
    let found = match &scope.basis {
        _ if constrained.peek().is_some() => {
            if constrained.any(|t| t.trained) {
                return Ok(());
            }
            "only such as require no gradient".to_owned()
        }
        Basis::Guessed(Some(layer)) => format!("none after `{layer}`"),
        _ => "none".to_owned(),
    };
    Err(Error::EmptyScope {
        scope: extent.scope.to_string(),
        found,
    })
}

/// What is added to the reason of a treatment.
fn notes(parameters: &Parameters, treatment: &Treatment, extent: Option<Extent<'_>>) -> String {
    let mut notes = String::new();
    if let (Some(extent), Some(layers)) = (extent, parameters.layers()) {
        let named = layers.iter().flat_map(|layer| &layer.parameters);
        let unnamed = !named.into_iter().any(|name| *name == treatment.parameter);
        let free = treatment.constraint == Constraint::Free;
        if *extent.scope == Scope::FinalHomogeneous && free && unnamed {
            notes += "; no layer names it";
        }
    }
    if treatment.constraint == Constraint::Constrained {
        if parameters.doubt(&treatment.parameter) == Some(Doubt::Direction) {
            notes += "; weight normalization divides its norm out";
        }
        let elements: i64 = treatment.shape.iter().product();
        if elements > 0 && elements == treatment.units {
            notes += "; a unit of one element keeps its value";
        }
    }
    if treatment.learning_rate_scale == 0.0 {
        notes += "; rate 0, so that it never moves";
    }
    notes
}

fn treat(
    parameter: &Parameter,
    extent: Option<Extent<'_>>,
    scope: Option<&Selection>,
    decay: WeightDecay,
    groups: &[Group],
) -> Result<Treatment, Error> {
    let group = Group::of(&parameter.name, groups)?;
    let constrainable = parameter.role.is_constrainable();
    let mut guessed = false;
    let (constraint, reason) = match (extent, scope) {
        (Some(extent), Some(scope)) => {
            let (wanted, why) = match group.and_then(|g| g.constrained.map(|on| (on, &g.pattern))) {
                Some((on, pattern)) => (on, format!("by group {pattern}")),
                None => {
                    guessed = constrainable && matches!(scope.basis, Basis::Guessed(_));
                    let wanted = scope.names.contains(&parameter.name);
                    (wanted, scope.why(wanted, extent.scope))
                }
            };
            match (constrainable, wanted) {
                (true, true) => (Constraint::Constrained, why),
                (true, false) => (Constraint::Free, why),
                (false, true) if is_named(parameter, extent, group) => {
                    return Err(Error::Unconstrainable {
                        name: parameter.name.clone(),
                        role: parameter.role,
                    });
                }
                (false, _) => (Constraint::Skipped, never(parameter.role)),
            }
        }
        _ if constrainable => (Constraint::Free, "no norm constraint".to_owned()),
        _ => (Constraint::Skipped, never(parameter.role)),
    };
    let decay = match group.and_then(|group| group.decay) {
        Some(decay) => decay,
        None if constrainable => decay,
        None => WeightDecay::None,
    };
    if constraint == Constraint::Constrained && !decay.is_none() {
        return Err(Error::DecayOnConstrained {
            name: parameter.name.clone(),
            found: decay,
        });
    }
    let shape = parameter.tensor.size();
    let own = group.and_then(|group| group.granularity);
    let (own, units) = match (constraint, extent) {
        (Constraint::Constrained, Some(extent)) => {
            let granularity = own.unwrap_or(extent.granularity);
            require_heads(parameter, granularity)?;
            let own = own.filter(|own| *own != extent.granularity);
            (own, granularity.units(&shape))
        }
        _ => (None, 0),
    };
    Ok(Treatment {
        parameter: parameter.name.clone(),
        role: parameter.role,
        shape,
        constraint,
        units,
        granularity: own,
        free_units: 0,
        decay,
        learning_rate_scale: group.map_or(1.0, |group| group.learning_rate_scale),
        matrix: is_matrix(parameter, group),
        trained: parameter.tensor.requires_grad(),
        guessed,
        reason,
    })
}

/// Refuses heads that a parameter cannot be cut into.
fn require_heads(parameter: &Parameter, granularity: Granularity) -> Result<(), Error> {
    let Granularity::Head(rows) = granularity else {
        return Ok(());
    };
    let shape = parameter.tensor.size();
    let table = parameter.role == Role::Embedding;
    if !table && rows > 0 && shape.len() >= 2 && shape[0] % i64::from(rows) == 0 {
        return Ok(());
    }
    Err(Error::Heads {
        name: parameter.name.clone(),
        rows,
        found: match table {
            true => "an embedding table".to_owned(),
            false => format!("shape {shape:?}"),
        },
    })
}

/// Whether a rule that treats matrices as such has it as one.
fn is_matrix(parameter: &Parameter, group: Option<&Group>) -> bool {
    let is = parameter.role == Role::Weight && parameter.tensor.dim() >= 2;
    is && group.and_then(|group| group.matrix).unwrap_or(true)
}

/// Whether this parameter was asked for by its name, and not only with others.
fn is_named(parameter: &Parameter, extent: Extent<'_>, group: Option<&Group>) -> bool {
    let literal = |pattern: &String| *pattern == parameter.name;
    group.is_some_and(|group| group.constrained == Some(true))
        || matches!(extent.scope, Scope::Patterns(patterns) if patterns.iter().any(literal))
}

fn never(role: Role) -> String {
    match role {
        Role::Bias => "biases are never constrained".to_owned(),
        Role::Scale => "factors are never constrained".to_owned(),
        _ => "normalization parameters are never constrained".to_owned(),
    }
}

fn choose(parameters: &Parameters, scope: &Scope, groups: &[Group]) -> Result<Selection, Error> {
    let names = |wanted: &dyn Fn(&str) -> bool| {
        let names = parameters.iter().map(|p| p.name.clone());
        names.filter(|name| wanted(name)).collect()
    };
    let names = match scope {
        Scope::FinalHomogeneous => {
            let decide = |group: &&Group| group.constrained.is_some();
            let decide: Vec<&Group> = groups.iter().filter(decide).collect();
            return final_homogeneous(parameters, |parameter| {
                let mut decide = decide.iter();
                decide.any(|group| matches(&group.pattern, &parameter.name))
            });
        }
        Scope::AllWeights => names(&|_| true),
        Scope::Matrices => {
            let all = parameters.iter().filter(|one| is_matrix(one, None));
            all.map(|one| one.name.clone()).collect()
        }
        Scope::Patterns(patterns) => {
            for pattern in patterns {
                require_match(pattern, parameters)?;
            }
            names(&|name| patterns.iter().any(|pattern| matches(pattern, name)))
        }
    };
    Ok(Selection {
        names,
        basis: Basis::Stated,
    })
}

fn require_match(pattern: &str, parameters: &Parameters) -> Result<(), Error> {
    if parameters
        .iter()
        .any(|parameter| matches(pattern, &parameter.name))
    {
        Ok(())
    } else {
        Err(Error::UnmatchedPattern {
            pattern: pattern.to_owned(),
            known: parameters.known(),
        })
    }
}
