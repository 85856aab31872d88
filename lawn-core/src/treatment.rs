//! What happens to each parameter, and why: decided once, before any step.

use std::collections::HashSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::layer::final_homogeneous;
use crate::pattern::matches;
use crate::{Decay, Error, Group, LawnConfig, Parameter, Parameters, Role, Scope};

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
    /// Units whose norm was 0 at the freeze, or has become 0 since (pruned, padding),
    /// so that they have no direction to keep and stay free; 0 before.
    pub free_units: i64,
    /// Its weight decay.
    pub decay: Decay,
    /// Its factor to the scheduled learning rate.
    pub learning_rate_scale: f64,
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
/// Where a [`Group`] scales the learning rate, a column `rate` has the factors.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(transparent)]
pub struct TreatmentTable<'a>(pub &'a [Treatment]);

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
                t.constraint.to_string(),
                units,
                t.learning_rate_scale.to_string(),
                t.decay.to_string(),
                t.reason.clone(),
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
        Ok(())
    }
}

/// Decides the treatment of every parameter.
pub(crate) fn plan(
    parameters: &Parameters,
    lawn: Option<&LawnConfig>,
    decay: Decay,
    groups: &[Group],
) -> Result<Vec<Treatment>, Error> {
    for group in groups {
        require_match(&group.pattern, parameters)?;
    }
    let scope = lawn
        .map(|lawn| scope_names(parameters, &lawn.scope))
        .transpose()?;
    let treatments = parameters
        .iter()
        .map(|parameter| treat(parameter, lawn, scope.as_ref(), decay, groups))
        .collect::<Result<Vec<_>, _>>()?;
    match lawn {
        Some(lawn)
            if treatments
                .iter()
                .all(|t| t.constraint != Constraint::Constrained) =>
        {
            Err(Error::EmptyScope {
                scope: lawn.scope.to_string(),
            })
        }
        _ => Ok(treatments),
    }
}

fn treat(
    parameter: &Parameter,
    lawn: Option<&LawnConfig>,
    scope: Option<&HashSet<String>>,
    decay: Decay,
    groups: &[Group],
) -> Result<Treatment, Error> {
    let group = group_of(&parameter.name, groups)?;
    let constrainable = parameter.role.is_constrainable();
    let (constraint, reason) = match (lawn, scope) {
        (Some(lawn), Some(scope)) => {
            let (wanted, why) = match group.and_then(|g| g.constrained.map(|on| (on, &g.pattern))) {
                Some((on, pattern)) => (on, format!("by group {pattern}")),
                None if scope.contains(&parameter.name) => {
                    (true, format!("in scope {}", lawn.scope))
                }
                None => (false, format!("not in scope {}", lawn.scope)),
            };
            match (constrainable, wanted) {
                (true, true) => (Constraint::Constrained, why),
                (true, false) => (Constraint::Free, why),
                (false, true) if is_named(parameter, lawn, group) => {
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
        None => Decay::None,
    };
    if constraint == Constraint::Constrained && !decay.is_none() {
        return Err(Error::DecayOnConstrained {
            name: parameter.name.clone(),
            found: decay,
        });
    }
    let shape = parameter.tensor.size();
    let units = match (constraint, lawn) {
        (Constraint::Constrained, Some(lawn)) => lawn.granularity.units(&shape),
        _ => 0,
    };
    Ok(Treatment {
        parameter: parameter.name.clone(),
        role: parameter.role,
        shape,
        constraint,
        units,
        free_units: 0,
        decay,
        learning_rate_scale: group.map_or(1.0, |group| group.learning_rate_scale),
        reason,
    })
}

/// Whether someone asked for this very parameter, rather than for all of a kind.
fn is_named(parameter: &Parameter, lawn: &LawnConfig, group: Option<&Group>) -> bool {
    let literal = |pattern: &String| *pattern == parameter.name;
    group.is_some_and(|group| group.constrained == Some(true))
        || matches!(&lawn.scope, Scope::Patterns(patterns) if patterns.iter().any(literal))
}

fn never(role: Role) -> String {
    match role {
        Role::Bias => "biases are never constrained".to_owned(),
        _ => "normalization parameters are never constrained".to_owned(),
    }
}

fn group_of<'a>(name: &str, groups: &'a [Group]) -> Result<Option<&'a Group>, Error> {
    let mut found = groups.iter().filter(|group| matches(&group.pattern, name));
    match (found.next(), found.next()) {
        (Some(first), Some(second)) => Err(Error::OverlappingGroups {
            name: name.to_owned(),
            first: first.pattern.clone(),
            second: second.pattern.clone(),
        }),
        (first, _) => Ok(first),
    }
}

fn scope_names(parameters: &Parameters, scope: &Scope) -> Result<HashSet<String>, Error> {
    match scope {
        Scope::FinalHomogeneous => Ok(final_homogeneous(parameters)),
        Scope::AllWeights => Ok(parameters.iter().map(|p| p.name.clone()).collect()),
        Scope::Patterns(patterns) => {
            for pattern in patterns {
                require_match(pattern, parameters)?;
            }
            let wanted = |name: &str| patterns.iter().any(|pattern| matches(pattern, name));
            Ok(parameters
                .iter()
                .map(|p| p.name.clone())
                .filter(|name| wanted(name))
                .collect())
        }
    }
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
