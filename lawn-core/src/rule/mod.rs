//! Update rules: what turns a gradient into a direction. A rule is a file and its line in
//! the list below.

pub(crate) mod builtin;
pub(crate) mod context;
pub(crate) mod form;
pub(crate) mod interface;
pub(crate) mod moments;
pub(crate) mod rows;
pub(crate) mod trust;
pub(crate) mod watched;

mod adagrad;
mod adam;
mod lamb;
mod lars;
mod lazy_adam;
mod rowwise_adagrad;
mod sgd;

pub use context::{Context, Norms};
pub use form::Form;
pub use interface::Rule;
pub use lamb::DecayPlace;
pub use moments::{BiasCorrection, EpsilonPlace, GradientAveraging};
pub use rows::RowUpdates;
pub use trust::Adaptation;

builtin::builtin_rules! {
    /// Stochastic gradient descent.
    Sgd(sgd::SgdConfig),
    /// Adam, AdamW, AMSGrad.
    Adam(adam::AdamConfig),
    /// LAMB.
    Lamb(lamb::LambConfig),
    /// LARS.
    Lars(lars::LarsConfig),
    /// Adagrad.
    Adagrad(adagrad::AdagradConfig),
    /// Adagrad with one accumulator a row of an embedding table.
    RowwiseAdagrad(rowwise_adagrad::RowwiseAdagradConfig),
    /// Adam that leaves rows of an embedding table alone that have no gradient.
    LazyAdam(lazy_adam::LazyAdamConfig),
}
