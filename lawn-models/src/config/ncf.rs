use serde::{Deserialize, Serialize};

use super::error::{SettingsError, require};

/// Greatest width of a layer or an embedding: beyond it, something is mistyped.
const MOST_WIDTH: i64 = 1 << 24;

/// Neural collaborative filtering on implicit feedback.
///
/// Source: He et al. 2017, *Neural Collaborative Filtering*, arXiv 1708.05031:
/// models of section 3, leave-one-out protocol of section 4.1.
///
/// A data set is three files in the authors' format, in the folder `NAME` under
/// the data root or in the root itself:
///
/// ```text
/// NAME.train.rating    user \t item \t rating \t time         ids from 0
/// NAME.test.rating     the same, one line a user: its held-out interaction
/// NAME.test.negative   (user,item) \t item \t item …          in the same order
/// ```
///
/// Each user's test interaction is ranked against the negatives of its line, as
/// the file has them, even where it is itself among them, as in 156 lines of the
/// public MovieLens-1M file; there it ties with itself, and `ties` decides. One
/// more interaction of each user is held out of train for validation, and one
/// that stays is measured as the train split, both against 99 items that the
/// user has no interaction with
/// in the train file.
///
/// *Differs from* the paper: a validation item is taken from train, and every
/// model trains without it, the one that is tested too.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(default, deny_unknown_fields)]
pub struct NcfConfig {
    /// `"synthetic"`, or the name of a data set under the data root.
    pub data: String,
    /// Which of the three models of the paper.
    pub model: NcfModelKind,
    /// Width of the GMF embeddings (predictive factors).
    pub factors: i64,
    /// Widths of the MLP tower, input first: each of the two embeddings is half
    /// of the first. Unused by GMF.
    pub layers: Vec<i64>,
    /// Negatives drawn for each positive, anew each epoch.
    pub negatives: u32,
    /// How equal scores rank.
    pub ties: Ties,
    /// Which train interaction of each user is held out for validation.
    pub validation: ValidationItem,
    /// Seeds the held-out items and the evaluation negatives: part of the data
    /// set, not of the trial.
    pub split_seed: u64,
    /// Sizes of the synthetic data; only where `data = "synthetic"`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub synthetic: Option<SyntheticConfig>,
}

/// The models of He et al. 2017.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum NcfModelKind {
    /// Generalized matrix factorization, section 3.2.
    Gmf,
    /// Multi-layer perceptron, section 3.3.
    Mlp,
    /// Both with one output layer, section 3.4.
    Neumf,
}

/// How a positive ranks among negatives that score the same.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum Ties {
    /// `1 + above + equal / 2`: neither rewards nor punishes a constant model.
    MidRank,
    /// `1 + above`: equal scores rank below the positive.
    Optimistic,
    /// `1 + above + equal`: equal scores rank above the positive.
    Pessimistic,
}

/// Which train interaction of each user becomes the validation item.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum ValidationItem {
    /// One drawn uniformly with `split_seed`: for files whose times are
    /// placeholders.
    Random,
    /// The one with the greatest time; of equal ones the last in the file.
    Latest,
}

/// Sizes of the synthetic implicit-feedback data.
///
/// ```text
/// x(u, i) = −skew·ln(i + 1) + strength·⟨p_u, q_i⟩/√factors        p, q ~ N(0, 1)
/// ```
/// Each user draws its items without replacement, item i in proportion to
/// `exp x(u, i)`. `u` and `i` count from 0, so that lower items are the more
/// popular ones.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(default, deny_unknown_fields)]
pub struct SyntheticConfig {
    /// Number of users.
    pub users: u32,
    /// Number of items on offer; one that nobody draws is left out.
    pub items: u32,
    /// Mean number of interactions a user, the test one included; each user's
    /// own is uniform from half to one and a half of it.
    pub interactions: u32,
    /// Dimension of the latent factors p and q.
    pub factors: u32,
    /// Exponent of the Zipf-like popularity: the item of rank k has the weight
    /// `k^-skew`; 0 for none.
    pub skew: f64,
    /// How much taste counts beside popularity and chance.
    pub strength: f64,
    /// Seeds the generator: part of the data set, not of the trial.
    pub seed: u64,
}

impl Default for NcfConfig {
    fn default() -> Self {
        Self {
            data: Self::SYNTHETIC.to_owned(),
            model: NcfModelKind::Neumf,
            factors: 8,
            layers: vec![64, 32, 16, 8],
            negatives: 4,
            ties: Ties::MidRank,
            validation: ValidationItem::Random,
            split_seed: 0,
            synthetic: None,
        }
    }
}

impl Default for SyntheticConfig {
    fn default() -> Self {
        Self {
            users: 2_000,
            items: 1_000,
            interactions: 30,
            factors: 6,
            skew: 0.6,
            strength: 2.0,
            seed: 0,
        }
    }
}

impl NcfConfig {
    /// The value of `data` that stands for data generated in the process.
    pub const SYNTHETIC: &str = "synthetic";

    /// Writes out what the defaults stand for, so that a plan records the sizes
    /// that it ran with.
    pub(crate) fn resolve(&mut self) {
        if self.data == Self::SYNTHETIC {
            self.synthetic.get_or_insert_default();
        }
    }

    /// Checks every value against what it allows.
    ///
    /// # Errors
    /// [`SettingsError`] names the setting, its value and what is allowed.
    pub fn validate(&self) -> Result<(), SettingsError> {
        require(!self.data.is_empty(), "data", "empty", "a data set's name")?;
        let width = |width: i64| (1..=MOST_WIDTH).contains(&width);
        let widths = format!("1 to {MOST_WIDTH}");
        require(width(self.factors), "factors", self.factors, &widths)?;
        if self.model != NcfModelKind::Gmf {
            let listed = format!("{:?}", self.layers);
            let sound = self.layers.len() >= 2 && self.layers.iter().all(|&one| width(one));
            let allowed = format!("two or more widths of {widths}");
            require(sound, "layers", &listed, &allowed)?;
            require(
                self.layers[0] % 2 == 0,
                "layers",
                &listed,
                "an even first width, half of it for each embedding",
            )?;
        }
        require(
            (1..=1_000).contains(&self.negatives),
            "negatives",
            self.negatives,
            "1 to 1000",
        )?;
        match &self.synthetic {
            Some(_) if self.data != Self::SYNTHETIC => Err(SettingsError::NotApplicable {
                setting: "synthetic".to_owned(),
                context: format!("data = \"{}\"", self.data),
                allowed: "leave it out, or set data = \"synthetic\"".to_owned(),
            }),
            Some(synthetic) => synthetic.validate(),
            None => Ok(()),
        }
    }
}

impl SyntheticConfig {
    /// Evaluation ranks one positive among this many negatives.
    const NEGATIVES: u32 = 99;

    /// Checks every value against what it allows.
    ///
    /// # Errors
    /// [`SettingsError`] names the setting, its value and what is allowed.
    pub fn validate(&self) -> Result<(), SettingsError> {
        require(
            (1..=10_000_000).contains(&self.users),
            "synthetic.users",
            self.users,
            "1 to 10000000",
        )?;
        require(
            self.interactions >= 3,
            "synthetic.interactions",
            self.interactions,
            "≥ 3: one each for train, validation and test",
        )?;
        // A user has at most twice the mean, and needs 99 items beside them.
        let least = 2 * u64::from(self.interactions) + u64::from(Self::NEGATIVES);
        require(
            u64::from(self.items) >= least && self.items <= 10_000_000,
            "synthetic.items",
            self.items,
            &format!("{least} to 10000000, which leaves 99 negatives a user"),
        )?;
        require(
            (1..=1_024).contains(&self.factors),
            "synthetic.factors",
            self.factors,
            "1 to 1024",
        )?;
        for (name, value) in [
            ("synthetic.skew", self.skew),
            ("synthetic.strength", self.strength),
        ] {
            require(
                value.is_finite() && value >= 0.0,
                name,
                value,
                "a finite number ≥ 0",
            )?;
        }
        Ok(())
    }
}
