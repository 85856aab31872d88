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

mod adafactor;
mod adagrad;
mod adam;
mod adamp;
mod lamb;
mod lars;
mod lazy_adam;
mod lion;
mod muon;
mod nadamw;
mod projection;
mod rowwise_adagrad;
mod schedule_free;
mod sgd;
mod sgdp;

pub use context::{Context, Norms};
pub use form::Form;
pub use interface::Rule;
pub use lamb::DecayPlace;
pub use moments::{BiasCorrection, EpsilonPlace, GradientAveraging};
pub use muon::{MuonIteration, MuonScale};
pub use projection::RadialTest;
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
    /// NAdamW.
    Nadamw(nadamw::NadamwConfig),
    /// Lion.
    Lion(lion::LionConfig),
    /// AdamP.
    #[serde(rename = "adamp")]
    AdamP(adamp::AdamPConfig),
    /// SGDP.
    #[serde(rename = "sgdp")]
    SgdP(sgdp::SgdPConfig),
    /// Schedule-Free AdamW.
    ScheduleFree(schedule_free::ScheduleFreeConfig),
    /// Muon of matrices, Adam of the others.
    Muon(muon::MuonConfig),
    /// Adafactor.
    Adafactor(adafactor::AdafactorConfig),
}
