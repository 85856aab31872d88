//! What can go wrong, by type.

use std::path::PathBuf;

use crate::decay::WeightDecay;
use crate::role::Role;

/// Everything this crate refuses or fails at.
///
/// No variant leaves a half-made step behind: an error from
/// [`Optimizer::step`](crate::Optimizer::step) means that no weight and no
/// buffer moved.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Two parameters share one name.
    #[error("parameter `{name}` is given twice")]
    DuplicateParameter {
        /// The name.
        name: String,
    },
    /// Two parameters share memory, so that each would undo what the other does. A
    /// tied weight is one parameter. Looked for when parameters are listed, and again
    /// by each step for those that lie elsewhere than before.
    #[error("parameters `{first}` and `{second}` share memory: expected a tied weight once")]
    SharedMemory {
        /// One of them.
        first: String,
        /// The other.
        second: String,
    },
    /// There is nothing to optimize.
    #[error("no parameters: expected at least one trainable parameter")]
    NoParameters,
    /// A name that no parameter has.
    #[error("unknown parameter `{name}`: expected {known}")]
    UnknownParameter {
        /// The name.
        name: String,
        /// The first few names that there are.
        known: String,
    },
    /// A trainable variable of a `VarStore` has no name there.
    #[error("trainable variable {index} of shape {shape:?} has no name in its store")]
    UnnamedVariable {
        /// Position in creation order.
        index: usize,
        /// Its shape.
        shape: Vec<i64>,
    },
    /// A parameter that was added to the model after the optimizer was built: a
    /// step would leave it behind. Build the optimizer once the model is whole.
    #[error("parameter `{name}` was added after the optimizer was built")]
    AddedLater {
        /// The name.
        name: String,
    },
    /// A parameter whose tensor became another one after the optimizer was built,
    /// as `VarStore::half` makes it. Change the model first, then build.
    #[error(
        "parameter `{name}` was changed after the optimizer was built: expected {expected}, found {found}"
    )]
    ParameterChanged {
        /// The parameter.
        name: String,
        /// Its kind, shape and device then.
        expected: String,
        /// Those now.
        found: String,
    },
    /// A parameter of a kind that cannot be optimized.
    #[error("parameter `{name}`: expected a floating-point tensor, found {found:?}")]
    Kind {
        /// The parameter.
        name: String,
        /// Its element kind.
        found: tch::Kind,
    },
    /// A parameter whose elements do not each have memory of their own, so that
    /// nothing can be written to them in place: sparse, or expanded.
    #[error("parameter `{name}`: expected a dense tensor, found {found}")]
    Layout {
        /// The parameter.
        name: String,
        /// How it is laid out.
        found: &'static str,
    },
    /// A parameter that operations have made of others: gradients stop before it, so that
    /// it would never move. Take the tensor that it was made of, or `detach` it and have
    /// it require gradients.
    #[error("parameter `{name}`: expected a leaf, found the result of an operation")]
    Computed {
        /// The parameter.
        name: String,
    },
    /// None of the parameters is to be trained.
    #[error("no parameter requires a gradient: expected at least one that does")]
    NothingTrained,
    /// A step before any `backward`, or after one that reached no parameter. It would move
    /// nothing, so it does not count: schedule and freeze stay where they are.
    #[error(
        "no parameter has a gradient: expected `backward` of a loss that depends on one before the step"
    )]
    NoGradient,
    /// A step before this one was left half done, by a panic in the middle of it.
    #[error(
        "a step was interrupted: some parameters have moved and others have not; expected a state and its weights to be loaded"
    )]
    Interrupted,
    /// Launches that were captured, and are not those of the step that they are to be carried out
    /// for. None was.
    #[error("the launches that were captured are not those of this step: {why}")]
    OtherLaunches {
        /// What is different.
        why: &'static str,
    },
    /// A layer after one that is none, or none of those before it.
    #[error(
        "a layer is after that of `{name}`: expected a parameter of a layer before it in the list"
    )]
    LayerOrder {
        /// The parameter that it names.
        name: String,
    },
    /// A constraint by head on a parameter that has none of so many rows. A
    /// [`Group`](crate::Group) gives it another [granularity](crate::Group::granularity).
    #[error(
        "parameter `{name}`: expected a first dimension of heads with {rows} rows each, found {found}; a group can give it another granularity, or take it from the constraint"
    )]
    Heads {
        /// The parameter.
        name: String,
        /// Rows of a head.
        rows: u32,
        /// What it is.
        found: String,
    },
    /// A step, or the taking up of a state, while weights for evaluation are in the place of those
    /// that are trained.
    #[error(
        "the weights are those of evaluation: expected `Optimizer::train` before anything that trains"
    )]
    Evaluating,
    /// A step, or the taking up of a state, while a [`WeightAverage`](crate::WeightAverage) is in
    /// the place of the weights that are trained.
    #[error(
        "parameter `{name}`: an average is in the place of its weights; expected a second `WeightAverage::swap` before anything that trains"
    )]
    Averaged {
        /// The first such parameter.
        name: String,
    },
    /// An average of weights whose kind has too few bits for it: what one update adds would be
    /// rounded away. With [`master_weights`](crate::OptimizerConfig::master_weights) an optimizer
    /// has f32 copies of them, of which [`Optimizer::average`](crate::Optimizer::average) is.
    #[error(
        "average of `{name}`: expected f32 or f64, found {found:?}; with `master_weights` in the optimizer's configuration, `Optimizer::average` is of its f32 copies"
    )]
    NarrowAverage {
        /// The tensor.
        name: String,
        /// Its element kind.
        found: tch::Kind,
    },
    /// An answer of a rule of one's own that no step can be made of.
    #[error("rule `{rule}`, parameter `{name}`: expected {expected}, found {found}")]
    RuleAnswer {
        /// Name of the rule.
        rule: String,
        /// The parameter.
        name: String,
        /// What it should have answered.
        expected: String,
        /// What it answered.
        found: String,
    },
    /// A setting outside of its domain.
    #[error("`{setting}`: expected {expected}, found {found}")]
    Setting {
        /// The field.
        setting: &'static str,
        /// What it may be.
        expected: &'static str,
        /// What it is.
        found: f64,
    },
    /// A name pattern that no parameter matches.
    #[error("pattern `{pattern}` matches no parameter: expected it to match {known}")]
    UnmatchedPattern {
        /// The pattern.
        pattern: String,
        /// The first few names that there are.
        known: String,
    },
    /// A parameter that two groups claim.
    #[error("parameter `{name}` is in two groups: `{first}` and `{second}`")]
    OverlappingGroups {
        /// The parameter.
        name: String,
        /// Pattern of the first group.
        first: String,
        /// Pattern of the second group.
        second: String,
    },
    /// A parameter that is never constrained was asked to be.
    #[error("parameter `{name}` has role {role}: only weights and embeddings can be constrained")]
    Unconstrainable {
        /// The parameter.
        name: String,
        /// Its role.
        role: Role,
    },
    /// Weight decay on a parameter whose norm LAWN fixes.
    #[error(
        "parameter `{name}` is constrained: expected no weight decay, found {found}; a group can take either from it"
    )]
    DecayOnConstrained {
        /// The parameter.
        name: String,
        /// The decay it would have had.
        found: WeightDecay,
    },
    /// Two norm constraints, each of which would hold the norms at radii of its own.
    #[error("`{first}` and `{second}` are both given: expected one norm constraint at most")]
    TwoConstraints {
        /// The field of one of them.
        first: &'static str,
        /// The field of the other.
        second: &'static str,
    },
    /// A norm constraint on nothing: no weight after the last normalization layer,
    /// groups that take all of them out, or none of them trained.
    #[error(
        "the scope `{scope}` constrains no parameter: expected a weight or embedding in it, found {found}"
    )]
    EmptyScope {
        /// The scope.
        scope: String,
        /// What there is in it.
        found: String,
    },
    /// The final homogeneous sub-network is taken from names and order, and depends on
    /// something that these do not tell. State the role of a vector of factors by
    /// [`set_role`](crate::Parameters::set_role), or the layers by
    /// [`set_layers`](crate::Parameters::set_layers), or give patterns as the scope.
    #[error(
        "scope final-homogeneous: `{name}` {why}, and `{undecided}` is constrained or not with it; expected {expected}"
    )]
    UndecidedScope {
        /// The parameter or layer that is not known.
        name: String,
        /// What is not known of it.
        why: &'static str,
        /// The first parameter that depends on it.
        undecided: String,
        /// What settles it.
        expected: &'static str,
    },
    /// A sparse gradient where the step needs a dense one: the rows that it leaves out would
    /// have to move as well.
    #[error("gradient of `{name}`: expected a dense tensor, since {why}; found a sparse one")]
    SparseGradient {
        /// The parameter.
        name: String,
        /// Why it may not be sparse.
        why: String,
    },
    /// Ids that are not those of a table's rows.
    #[error("ids of `{name}`: expected {expected}, found {found}")]
    RowIds {
        /// The parameter.
        name: String,
        /// What it should be, or they.
        expected: String,
        /// What it is, or the first of them that is wrong.
        found: String,
    },
    /// A step with CowClip of a table whose ids were not told.
    #[error(
        "gradient of `{name}`: expected `count_rows` with the ids of the batch before the step, as `cow_clip` needs their counts; found none"
    )]
    NoRowCounts {
        /// The table.
        name: String,
    },
    /// A weight norm that is not finite when the radius should be fixed.
    #[error("parameter `{name}`: expected a finite norm at the freeze, found {found}")]
    Radius {
        /// The parameter.
        name: String,
        /// The norm.
        found: f64,
    },
    /// Weights whose norms do not fit the radii of the state that was loaded: a step would
    /// throw them there. Load the weights that were saved with the state, or have the radii
    /// [taken anew](crate::Optimizer::take_radii).
    #[error(
        "parameter `{name}`, unit {unit}: expected the norm {expected} of the loaded state, found {found}; load the weights saved with it, or take the radii anew"
    )]
    OtherWeights {
        /// The parameter.
        name: String,
        /// The first of its units, from 0.
        unit: usize,
        /// Its radius.
        expected: f64,
        /// The norm of its weights.
        found: f64,
    },
    /// Radii that should be taken anew where there are none: before the freeze, or without
    /// a norm constraint.
    #[error("no radii to take anew: expected a step after the freeze, found {found} steps taken")]
    NoRadii {
        /// Steps taken.
        found: u64,
    },
    /// The learning rate of a step is not finite or is negative.
    #[error("learning rate at step {step}: expected a finite number of at least 0, found {found}")]
    LearningRate {
        /// The step, from 0.
        step: u64,
        /// The rate.
        found: f64,
    },
    /// A state written for something else than this optimizer.
    #[error("state: expected {entry} `{expected}`, found `{found}`")]
    StateMismatch {
        /// The metadata entry.
        entry: &'static str,
        /// What this optimizer has.
        expected: String,
        /// What the state has.
        found: String,
    },
    /// A state of a version this crate does not know.
    #[error("state: version {found} is newer than {supported}, the newest this crate reads")]
    StateVersion {
        /// The newest known version.
        supported: u32,
        /// The version found.
        found: u32,
    },
    /// An entry that a state must have.
    #[error("state: `{entry}` is missing")]
    MissingEntry {
        /// Metadata key or tensor name.
        entry: String,
    },
    /// An entry that a state must not have.
    #[error("state: `{entry}` belongs to nothing in this optimizer")]
    ExtraEntry {
        /// Tensor name.
        entry: String,
    },
    /// A state tensor of another shape.
    #[error("state: `{entry}`: expected shape {expected:?}, found {found:?}")]
    EntryShape {
        /// Tensor name.
        entry: String,
        /// Expected shape.
        expected: Vec<i64>,
        /// Shape found.
        found: Vec<i64>,
    },
    /// A state tensor of another element kind.
    #[error("state: `{entry}`: expected {expected}, found {found}")]
    EntryKind {
        /// Tensor name.
        entry: String,
        /// Expected element kind.
        expected: String,
        /// Element kind found.
        found: String,
    },
    /// A value in a state that cannot be what it stands for.
    #[error("state: `{entry}`: expected {expected}, found `{found}`")]
    EntryValue {
        /// Metadata key or tensor name.
        entry: String,
        /// What it should be.
        expected: &'static str,
        /// What was found.
        found: String,
    },
    /// A state tensor whose bytes are not those that were written.
    #[error("state: `{entry}` is corrupted: expected checksum {expected}, found {found}")]
    Checksum {
        /// Tensor name.
        entry: String,
        /// Checksum written.
        expected: String,
        /// Checksum of what was read.
        found: String,
    },
    /// Bytes that are not a complete safetensors file.
    #[error("state: not a complete safetensors file")]
    Format(#[source] safetensors::SafeTensorError),
    /// A file whose content is not a sound state, or a state that cannot be a file.
    #[error("state file {}", path.display())]
    StateFile {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: Box<Error>,
    },
    /// A file that cannot be read or written.
    #[error("cannot access {}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// No kernels of CUDA can be compiled on this machine.
    #[error("no kernels of CUDA: {why}")]
    NoCudaCompiler {
        /// What is missing.
        why: String,
    },
    /// libtorch refused an operation.
    #[error("libtorch refused an operation")]
    Torch(#[from] tch::TchError),
}

/// Refuses `found` unless `valid`.
pub(crate) fn require(
    valid: bool,
    setting: &'static str,
    expected: &'static str,
    found: f64,
) -> Result<(), Error> {
    if valid {
        Ok(())
    } else {
        Err(Error::Setting {
            setting,
            expected,
            found,
        })
    }
}
