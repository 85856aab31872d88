//! What a sweep file says of how train images are augmented.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer, Serialize};

use super::operation::Operation;
use super::space::Space;
use crate::trial::{SettingsError, describe_tag, one_of, require};

/// How train images are augmented.
///
/// A policy is written by its name, or as a table with its name as `policy`:
/// `augment = "randaugment"` is `augment = { policy = "randaugment", n = 2, m = 9, fill = 0 }`.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(untagged, from = "Written")]
pub enum Augmentation {
    /// Images are cut and turned left to right at random, or, where it is false, are as
    /// evaluation sees them.
    Basic(bool),
    /// They are cut and turned, and then changed by a policy.
    Policy(Policy),
}

/// Operations that change what a train image looks like, drawn anew for each image and epoch.
///
/// They are 14: identity; shear and translation in x and y; rotation; brightness, colour,
/// contrast, sharpness; posterize, solarize, autocontrast, equalize. A magnitude is one of 31
/// steps from none to the greatest of a policy, and half of the time it is negative where that
/// has a meaning.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(tag = "policy", rename_all = "lowercase", deny_unknown_fields)]
#[schemars(transform = describe_policy)]
pub enum Policy {
    /// Some operations, one after another, all of one magnitude. The greatest are a shear of
    /// 0.3, 45 % of a side, 30 degrees, a factor of 1 ± 0.9, and 4 bits.
    RandAugment {
        /// Operations an image.
        #[serde(default = "two")]
        #[schemars(range(min = 1, max = Operation::ALL.len()))]
        n: u32,
        /// Magnitude, 0 to 30.
        #[serde(default = "nine")]
        #[schemars(range(max = Space::BINS - 1))]
        m: u32,
        /// Grey level of what comes into an image from outside.
        #[serde(default)]
        fill: u8,
    },
    /// One operation of any magnitude (the wide space of the paper). The greatest are a shear of
    /// 0.99, 32 pixels, 135 degrees, a factor of 1 ± 0.99, and 2 bits.
    TrivialAugment {
        /// Grey level of what comes into an image from outside.
        #[serde(default)]
        fill: u8,
    },
}

fn describe_policy(schema: &mut Schema) {
    describe_tag(schema, "policy", "Which policy.");
}

fn two() -> u32 {
    2
}

fn nine() -> u32 {
    9
}

/// The policies by name.
#[derive(Deserialize, JsonSchema, Clone, Copy)]
#[serde(rename_all = "lowercase")]
enum PolicyName {
    RandAugment,
    TrivialAugment,
}

/// How an augmentation may be written.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged, remote = "Self")]
enum Written {
    Basic(bool),
    Name(PolicyName),
    Policy(Policy),
}

impl<'de> Deserialize<'de> for Written {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let allowed = "true, false, \"randaugment\", \"trivialaugment\", or a table: \
                       { policy = \"randaugment\", n = 2, m = 9, fill = 0 } or \
                       { policy = \"trivialaugment\", fill = 0 }, with `fill` from 0 to 255";
        one_of(deserializer, Self::deserialize, allowed)
    }
}

impl From<Written> for Augmentation {
    fn from(written: Written) -> Self {
        match written {
            Written::Basic(is_random) => Self::Basic(is_random),
            Written::Name(PolicyName::RandAugment) => Self::Policy(Policy::RandAugment {
                n: two(),
                m: nine(),
                fill: 0,
            }),
            Written::Name(PolicyName::TrivialAugment) => {
                Self::Policy(Policy::TrivialAugment { fill: 0 })
            }
            Written::Policy(policy) => Self::Policy(policy),
        }
    }
}

impl JsonSchema for Augmentation {
    fn schema_name() -> Cow<'static, str> {
        "Augmentation".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        Written::json_schema(generator)
    }
}

impl Augmentation {
    /// Whether images are cut and turned at random.
    pub(crate) fn is_random(self) -> bool {
        self != Self::Basic(false)
    }

    pub(crate) fn policy(self) -> Option<Policy> {
        match self {
            Self::Basic(_) => None,
            Self::Policy(policy) => Some(policy),
        }
    }

    /// Checks every value against what it allows.
    ///
    /// # Errors
    /// [`SettingsError`] names the setting, its value and what is allowed.
    pub(crate) fn validate(self) -> Result<(), SettingsError> {
        let Self::Policy(Policy::RandAugment { n, m, .. }) = self else {
            return Ok(());
        };
        let most = Operation::ALL.len() as u32;
        require(
            (1..=most).contains(&n),
            "augment.n",
            n,
            &format!("1 to {most}"),
        )?;
        let last = Space::BINS as u32 - 1;
        require(m <= last, "augment.m", m, &format!("0 to {last}"))
    }
}
