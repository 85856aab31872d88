//! Muon: the momentum of a matrix, made orthogonal.

use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};

use crate::error::{Error, require};
use crate::rule::adam::AdamConfig;
use crate::rule::context::Context;
use crate::rule::form::Form;
use crate::rule::interface::Rule;

/// Muon of matrices, and [Adam](AdamConfig) of all other parameters: two optimizers as one.
///
/// ```text
/// v ← μ v + (1 − μ) g
/// u = v,  or  (1 − μ) g + μ v                     Nesterov
/// X = u / max(‖u‖, ε)                             as a matrix [rows, rest], the wider way round
/// X ← a X + (b X Xᵀ + c (X Xᵀ)²) X                `iterations` times
/// d = s X                                         s by [`MuonScale`]
/// ```
///
/// `v` has the parameter's shape. A filter of a convolution is the matrix of its output channels.
/// `(a, b, c) = (3.4445, −4.7750, 2.0315)`: singular values end between about 0.7 and 1.2.
///
/// A matrix is a parameter of role [`Weight`](crate::Role::Weight) with at least two dimensions
/// ([`Context::matrix`]), unless its [`Group`](crate::Group) says otherwise. The first and the last
/// layer of a network are better left to Adam, by such a group; embeddings always are. The
/// [treatment](crate::Treatment) of each parameter says which it has. The settings of Adam are
/// those of the fields `beta1`, `beta2`, `epsilon`.
///
/// *Source:* Jordan et al. 2024, <https://kellerjordan.github.io/posts/muon/>; `torch.optim.Muon`;
/// Liu et al. 2025, arXiv 2502.16982, for the scale that goes with one learning rate for both.
///
/// *Differs from* these: the iteration is in the precision of the weights, or f32, where they have
/// bf16, so that there is a golden for it ([`MuonIteration::Bf16`] is as theirs, and may be twice as
/// fast on a device with units for it); Adam is part of it, and so the scale is that of Liu et
/// al. unless [`MuonScale::Spectral`] is asked for. The products of matrices are libtorch's: their
/// last bits depend on the number of threads.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MuonConfig {
    /// `μ` in `[0, 1)`.
    pub momentum: f64,
    /// Looks ahead by one momentum step.
    pub nesterov: bool,
    /// Newton–Schulz iterations, 1 to 20.
    pub iterations: u32,
    /// Kind of numbers that the iteration is in.
    #[serde(skip_serializing_if = "MuonIteration::is_default")]
    pub iteration: MuonIteration,
    /// How long a step is.
    pub scale: MuonScale,
    /// `β₁` in `[0, 1)` of Adam.
    pub beta1: f64,
    /// `β₂` in `[0, 1)` of Adam.
    pub beta2: f64,
    /// `ε` of at least 0 of Adam.
    pub epsilon: f64,
}

/// What [`MuonConfig`] iterates in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MuonIteration {
    /// The numbers of the momentum: f64 for an f64 weight, otherwise f32.
    #[default]
    OfState,
    /// bf16, as Jordan's, torch's and timm's. The same bits are to be had on one machine only, and
    /// singular values end some hundredths elsewhere.
    Bf16,
}

impl MuonIteration {
    /// A saved configuration says nothing of it then, as before there was a choice.
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// The factor `s` of [`MuonConfig`] for a matrix of `m` rows and `n` columns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MuonScale {
    /// `0.2 √max(m, n)`: steps as long as Adam's, with the learning rate and the decay of Adam.
    #[default]
    MatchAdam,
    /// `√max(1, m/n)`: Jordan's, with learning rates of about 0.02.
    Spectral,
}

impl Default for MuonConfig {
    /// `μ = 0.95`, Nesterov, 5 iterations, steps as long as Adam's with its defaults.
    fn default() -> Self {
        let AdamConfig {
            beta1,
            beta2,
            epsilon,
            ..
        } = AdamConfig::default();
        Self {
            momentum: 0.95,
            nesterov: true,
            iterations: 5,
            iteration: MuonIteration::default(),
            scale: MuonScale::default(),
            beta1,
            beta2,
            epsilon,
        }
    }
}

/// The coefficients of the iteration.
const COEFFICIENTS: (f64, f64, f64) = (3.4445, -4.7750, 2.0315);

/// The least norm that a matrix is divided by.
const LEAST_NORM: f64 = 1e-7;

impl MuonConfig {
    fn adam(&self) -> AdamConfig {
        AdamConfig {
            beta1: self.beta1,
            beta2: self.beta2,
            epsilon: self.epsilon,
            amsgrad: false,
        }
    }

    /// The matrix with singular values of about 1, times the scale.
    fn orthogonal(&self, update: &Tensor) -> Tensor {
        if update.numel() == 0 {
            return update.shallow_clone();
        }
        let shape = update.size();
        let matrix = update.reshape([shape[0], -1]);
        let (m, n) = (shape[0] as f64, matrix.size()[1] as f64);
        let is_tall = m > n;
        let wide = if is_tall {
            matrix.transpose(0, 1)
        } else {
            matrix
        };
        let kind = wide.kind();
        let wide = match self.iteration {
            MuonIteration::OfState => wide,
            MuonIteration::Bf16 => wide.to_kind(Kind::BFloat16),
        };
        let (a, b, c) = COEFFICIENTS;
        let mut x = &wide / wide.norm().clamp_min(LEAST_NORM);
        for _ in 0..self.iterations {
            let gram = x.matmul(&x.transpose(0, 1));
            let polynomial = &gram * b + gram.matmul(&gram) * c;
            x = &x * a + polynomial.matmul(&x);
        }
        let scale = match self.scale {
            MuonScale::MatchAdam => 0.2 * m.max(n).sqrt(),
            MuonScale::Spectral => (m / n).max(1.0).sqrt(),
        };
        let x = if is_tall { x.transpose(0, 1) } else { x };
        (x.to_kind(kind) * scale).reshape(shape)
    }
}

impl Rule for MuonConfig {
    fn name(&self) -> &str {
        "muon"
    }

    fn buffers(&self) -> &[&str] {
        &["first_moment", "second_moment"]
    }

    fn buffer_shape(&self, context: &Context, buffer: &str, shape: &[i64]) -> Vec<i64> {
        match buffer {
            "second_moment" if context.matrix => vec![0],
            _ => shape.to_vec(),
        }
    }

    fn direction(
        &self,
        context: &Context,
        weight: &Tensor,
        gradient: &Tensor,
        buffers: &mut [Tensor],
    ) -> Tensor {
        if !context.matrix {
            return self.adam().direction(context, weight, gradient, buffers);
        }
        let [v, _] = buffers else {
            unreachable!("muon has two moments")
        };
        let _ = v.g_mul_scalar_(self.momentum);
        let _ = v.g_add_(&(gradient * (1.0 - self.momentum)));
        if self.nesterov {
            self.orthogonal(&(gradient * (1.0 - self.momentum) + &*v * self.momentum))
        } else {
            self.orthogonal(v)
        }
    }

    fn squares_gradients(&self, _context: &Context) -> bool {
        true
    }

    fn treats(&self, context: &Context) -> &'static str {
        match context.matrix {
            true => "orthogonalized momentum",
            false => "Adam",
        }
    }

    fn validate(&self) -> Result<(), Error> {
        self.adam().validate()?;
        let (momentum, iterations) = (self.momentum, self.iterations);
        let valid = (0.0..1.0).contains(&momentum);
        require(valid, "momentum", "a number in [0, 1)", momentum)?;
        let valid = (1..=20).contains(&iterations);
        require(valid, "iterations", "1 to 20", f64::from(iterations))
    }

    fn form(&self, context: &Context) -> Option<Form> {
        (!context.matrix).then(|| self.adam().form(context))?
    }
}
