//! Muon: the momentum of a matrix, made orthogonal.

use serde::{Deserialize, Serialize};
use tch::{Device, Kind, Tensor};

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
/// X = u / max(‖u‖, 1e-7)                          as a matrix [rows, rest], the wider way round
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
/// al. unless [`MuonScale::Spectral`] is asked for. On the CPU a matrix sixteen times as long as wide or
/// more is multiplied once by what the iterations make of its Gram matrix, in f64, which is the same up to
/// rounding and a fraction of the work. The products of matrices are libtorch's: their last bits depend on
/// the number of threads.
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

impl MuonScale {
    /// Of a matrix of `m` rows and `n` columns.
    fn of(self, m: f64, n: f64) -> f64 {
        match self {
            MuonScale::MatchAdam => 0.2 * m.max(n).sqrt(),
            MuonScale::Spectral => (m / n).max(1.0).sqrt(),
        }
    }
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

/// How many times as wide as tall a matrix is that is iterated as a factor: an iteration of the factor
/// takes four products of the lesser size in f64.
const LONG: i64 = 16;

/// Elements of such a matrix that are in f64 at a time.
const PART: i64 = 32 * 1024;

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
        let (m, n) = (shape[0], matrix.size()[1]);
        let scale = self.scale.of(m as f64, n as f64);
        let is_long = m.max(n) >= LONG * m.min(n) && matrix.device() == Device::Cpu;
        let x = match is_long && self.iteration == MuonIteration::OfState {
            true => self.by_factor(&matrix, scale),
            false => self.by_iteration(&matrix) * scale,
        };
        x.reshape(shape)
    }

    /// Newton–Schulz iterations as the equation has them.
    fn by_iteration(&self, matrix: &Tensor) -> Tensor {
        let (a, b, c) = COEFFICIENTS;
        let is_tall = matrix.size()[0] > matrix.size()[1];
        let turned = |x: Tensor| match is_tall {
            true => x.transpose(0, 1),
            false => x,
        };
        let wide = turned(matrix.shallow_clone());
        let kind = wide.kind();
        let wide = match self.iteration {
            MuonIteration::OfState => wide,
            MuonIteration::Bf16 => wide.to_kind(Kind::BFloat16),
        };
        let mut x = (&wide / wide.norm().clamp_min(LEAST_NORM)).unsqueeze(0);
        for _ in 0..self.iterations {
            let gram = x.bmm(&x.transpose(1, 2));
            let polynomial = gram.baddbmm(&gram, &gram, b, c);
            x = x.baddbmm(&polynomial, &x, a, 1.0);
        }
        turned(x.squeeze_dim(0).to_kind(kind))
    }

    /// The iterations as a factor of the matrix `U`, whose longer side enters only two products:
    ///
    /// ```text
    /// G = U Uᵀ    ‖U‖² = tr G    A = G / ‖U‖²    P = I          Uᵀ U where U is taller than wide
    /// Q = a I + b A + c A²    P ← Q P    A ← Q A Q              `iterations` times
    /// X = s P U / ‖U‖                                           U P where it is taller
    /// ```
    ///
    /// All of these are polynomials of `A`, and so commute. They are in f64: the least singular
    /// values grow by `a` in each iteration, and with them what rounding made of their squares.
    fn by_factor(&self, matrix: &Tensor, scale: f64) -> Tensor {
        let (a, b, c) = COEFFICIENTS;
        let is_tall = matrix.size()[0] > matrix.size()[1];
        let gram = gram(matrix, is_tall);
        let norm = gram.trace().sqrt().clamp_min(LEAST_NORM);
        let mut gram = (gram / norm.square()).unsqueeze(0);
        let identity = Tensor::eye(gram.size()[1], (Kind::Double, gram.device()));
        let mut factor = (identity * (scale / norm)).unsqueeze(0);
        for iteration in 1..=self.iterations {
            let rest = gram.baddbmm(&gram, &gram, b, c);
            // Q Y = a Y + (b A + c A²) Y
            let by_polynomial = |y: &Tensor| y.baddbmm(&rest, y, a, 1.0);
            factor = by_polynomial(&factor);
            if iteration < self.iterations {
                gram = by_polynomial(&by_polynomial(&gram));
            }
        }
        let factor = factor.squeeze_dim(0).to_kind(matrix.kind());
        match is_tall {
            true => matrix.matmul(&factor),
            false => factor.matmul(matrix),
        }
    }
}

/// `Uᵀ U` of a matrix that is taller than wide, or `U Uᵀ`, in f64, part by part of its longer side: no
/// step should ask for memory of twice the matrix's size.
fn gram(matrix: &Tensor, is_tall: bool) -> Tensor {
    let size = matrix.size();
    let (long, short) = if is_tall { (0, 1) } else { (1, 0) };
    let together = (PART / size[short]).max(LONG);
    let mut gram = Tensor::zeros([size[short]; 2], (Kind::Double, matrix.device()));
    for start in (0..size[long]).step_by(together as usize) {
        let len = together.min(size[long] - start);
        let part = matrix.narrow(long as i64, start, len).to_kind(Kind::Double);
        let turned = part.transpose(0, 1);
        let _ = match is_tall {
            true => gram.addmm_(&turned, &part),
            false => gram.addmm_(&part, &turned),
        };
    }
    gram
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
        let _ = v.lerp_(gradient, 1.0 - self.momentum);
        if self.nesterov {
            self.orthogonal(&gradient.lerp(v, self.momentum))
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
        let valid = !self.nesterov || momentum > 0.0;
        require(valid, "momentum", "more than 0 with nesterov", momentum)?;
        let valid = (1..=20).contains(&iterations);
        require(valid, "iterations", "1 to 20", f64::from(iterations))
    }

    fn form(&self, context: &Context) -> Option<Form> {
        (!context.matrix).then(|| self.adam().form(context))?
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The largest difference, over the largest element.
    fn apart(a: &Tensor, b: &Tensor) -> f64 {
        let largest = |x: Tensor| x.abs().max().double_value(&[]);
        largest(a.to_kind(Kind::Double) - b) / largest(b.shallow_clone())
    }

    #[test]
    fn a_factor_of_a_long_matrix_is_what_the_iterations_make_of_it() {
        tch::manual_seed(1);
        let muon = MuonConfig::default();
        for shape in [[8, 700], [700, 8], [1, 40], [40, 1], [32, 512]] {
            let matrix = Tensor::randn(shape, (Kind::Double, Device::Cpu));
            let expected = muon.by_iteration(&matrix) * 3.0;
            let exact = muon.by_factor(&matrix, 3.0);
            assert!(apart(&exact, &expected) < 1e-9, "{shape:?}");
            let single = muon.by_factor(&matrix.to_kind(Kind::Float), 3.0);
            assert_eq!(
                (single.size(), single.kind()),
                (shape.to_vec(), Kind::Float)
            );
            assert!(apart(&single, &expected) < 1e-5, "{shape:?}");
        }
    }

    /// What rounding does to the squares of the least singular values grows with each iteration.
    #[test]
    fn the_least_singular_values_of_a_factor_are_those_of_the_iterations() {
        tch::manual_seed(2);
        let muon = MuonConfig::default();
        let double = (Kind::Double, Device::Cpu);
        let exponents = Tensor::arange(8, double) * -1.0;
        let values = (exponents * std::f64::consts::LN_10).exp().unsqueeze(1);
        let (rows, _) = Tensor::linalg_qr(&Tensor::randn([200, 8], double), "reduced");
        let matrix = values * rows.transpose(0, 1);
        let expected = muon.by_iteration(&matrix);
        let found = muon.by_factor(&matrix.to_kind(Kind::Float), 1.0);
        // Row by row, as each is of one singular value, from 1 to 1e-7.
        for row in 0..8 {
            let of_row = apart(&found.get(row), &expected.get(row));
            assert!(of_row < 1e-5, "{row}: {of_row:e}");
        }
    }

    #[test]
    fn a_matrix_of_zeros_stays_one() {
        let zeros = Tensor::zeros([4, 80], (Kind::Float, Device::Cpu));
        let x = MuonConfig::default().orthogonal(&zeros);
        assert_eq!(x.abs().max().double_value(&[]), 0.0);
    }
}
