//! Rules that look at a matrix as a whole, or at more than one moment of each element, written once
//! more from their equations, in plain f64 over slices and without a tensor library.

use super::oracle::{dot, norm, without_radial_part};

/// When AdamP and SGDP project.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Test {
    pub(crate) delta: f64,
    pub(crate) decay_ratio: f64,
}

/// What is run, with its numbers.
#[derive(Clone, Copy, Debug)]
pub(crate) enum MatrixRule {
    /// `β₁`, `β₂`, `ε`, Nesterov.
    AdamP(f64, f64, f64, bool, Test),
    /// `μ`, `ε`, Nesterov.
    SgdP(f64, f64, bool, Test),
    /// `ε`, `s₀`.
    Adagrad(f64, f64),
    /// The same with a sum a row.
    RowwiseAdagrad(f64, f64),
    /// `β₁`, `β₂`, `ε`, `r`, `p`.
    ScheduleFree(f64, f64, f64, f64, f64),
    /// `μ`, Nesterov, iterations, whether steps are as long as Adam's.
    Muon(f64, bool, u32, bool),
    /// `c`, `ε₁`, `ε₂`, `D`.
    Adafactor(f64, f64, f64, f64),
}

/// A matrix with what its rule remembers.
pub(crate) struct Matrix {
    pub(crate) w: Vec<f64>,
    columns: usize,
    m: Vec<f64>,
    v: Vec<f64>,
    /// Second moments of rows and of columns.
    of_rows: Vec<f64>,
    of_columns: Vec<f64>,
    /// `η_max` and `A`.
    largest: f64,
    weight_sum: f64,
    t: i32,
    /// By unit, from the freeze on.
    radii: Vec<f64>,
}

/// The root of the mean square.
fn size(x: &[f64]) -> f64 {
    norm(x) / (x.len() as f64).sqrt()
}

/// `a bᵀ` of matrices with so many rows each, and as many columns as each other.
fn times_transposed(a: &[f64], b: &[f64], columns: usize) -> Vec<f64> {
    let rows = |x: &[f64]| x.chunks(columns).map(<[f64]>::to_vec).collect::<Vec<_>>();
    let (a, b) = (rows(a), rows(b));
    a.iter()
        .flat_map(|one| b.iter().map(|other| dot(one, other)))
        .collect()
}

fn transposed(x: &[f64], columns: usize) -> Vec<f64> {
    let rows = x.len() / columns;
    (0..columns)
        .flat_map(|column| (0..rows).map(move |row| x[row * columns + column]))
        .collect()
}

impl Matrix {
    pub(crate) fn new(w: &[f64], columns: usize) -> Self {
        let zeros = |count: usize| vec![0.0; count];
        Self {
            w: w.to_vec(),
            columns,
            m: zeros(w.len()),
            v: zeros(w.len()),
            of_rows: zeros(w.len() / columns),
            of_columns: zeros(columns),
            largest: 0.0,
            weight_sum: 0.0,
            t: 0,
            radii: Vec::new(),
        }
    }

    /// Fixes the norms of units of so many elements.
    pub(crate) fn freeze(&mut self, unit: usize) {
        self.radii = self.w.chunks(unit).map(norm).collect();
    }

    /// A step of the free phase, with decoupled decay.
    pub(crate) fn free(&mut self, rule: MatrixRule, eta: f64, decay: f64, g: &[f64]) {
        let before = self.w.clone();
        let d = self.direction(rule, eta, decay, g);
        let outside = match rule {
            // They have it in the direction.
            MatrixRule::AdamP(..) | MatrixRule::SgdP(..) | MatrixRule::ScheduleFree(..) => 0.0,
            _ => decay,
        };
        for (i, d) in d.iter().enumerate() {
            self.w[i] = before[i] * (1.0 - eta * outside) - eta * d;
        }
    }

    /// A step of the constrained phase, with both projections.
    pub(crate) fn constrained(&mut self, rule: MatrixRule, eta: f64, g: &[f64]) {
        let unit = self.w.len() / self.radii.len();
        let by_unit = |x: &[f64], w: &[f64]| -> Vec<f64> {
            let units = x.chunks(unit).zip(w.chunks(unit));
            units.flat_map(|(x, w)| without_radial_part(x, w)).collect()
        };
        let before = self.w.clone();
        let g = by_unit(g, &before);
        let d = self.direction(rule, eta, 0.0, &g);
        let d = by_unit(&d, &before);
        let moved: Vec<f64> = before.iter().zip(&d).map(|(w, d)| w - eta * d).collect();
        let units = moved.chunks(unit).zip(&self.radii);
        self.w = units
            .flat_map(|(x, radius)| {
                let length = norm(x);
                x.iter().map(move |x| radius * x / length)
            })
            .collect();
    }

    fn direction(&mut self, rule: MatrixRule, eta: f64, decay: f64, g: &[f64]) -> Vec<f64> {
        self.t += 1;
        let t = f64::from(self.t);
        match rule {
            MatrixRule::AdamP(b1, b2, eps, nesterov, test) => {
                let mut d = vec![0.0; g.len()];
                for i in 0..g.len() {
                    self.m[i] = b1 * self.m[i] + (1.0 - b1) * g[i];
                    self.v[i] = b2 * self.v[i] + (1.0 - b2) * g[i] * g[i];
                    let m = match nesterov {
                        true => b1 * self.m[i] + (1.0 - b1) * g[i],
                        false => self.m[i],
                    };
                    let root = (self.v[i] / (1.0 - b2.powi(self.t))).sqrt();
                    d[i] = m / (1.0 - b1.powi(self.t)) / (root + eps);
                }
                self.projected(d, g, eps, test, decay)
            }
            MatrixRule::SgdP(mu, eps, nesterov, test) => {
                let mut d = vec![0.0; g.len()];
                for i in 0..g.len() {
                    self.v[i] = mu * self.v[i] + g[i];
                    d[i] = match nesterov {
                        true => g[i] + mu * self.v[i],
                        false => self.v[i],
                    };
                }
                self.projected(d, g, eps, test, decay / (1.0 - mu))
            }
            MatrixRule::Adagrad(eps, initial) => {
                let of = |(i, g): (usize, &f64)| {
                    self.v[i] += g * g;
                    g / ((initial + self.v[i]).sqrt() + eps)
                };
                g.iter().enumerate().map(of).collect()
            }
            MatrixRule::RowwiseAdagrad(eps, initial) => {
                let of = |(row, g): (usize, &[f64])| {
                    self.of_rows[row] += dot(g, g) / g.len() as f64;
                    let root = (initial + self.of_rows[row]).sqrt();
                    g.iter().map(|g| g / (root + eps)).collect::<Vec<_>>()
                };
                g.chunks(self.columns).enumerate().flat_map(of).collect()
            }
            MatrixRule::ScheduleFree(b1, b2, eps, r, p) => {
                // `m` is the iterate `z`; `w` is `y`.
                if self.t == 1 {
                    self.m.clone_from(&self.w);
                }
                self.largest = self.largest.max(eta);
                let weight = t.powf(r) * self.largest.powf(p);
                self.weight_sum += weight;
                let c = weight / self.weight_sum;
                let of = |i: usize| {
                    self.v[i] = b2 * self.v[i] + (1.0 - b2) * g[i] * g[i];
                    let root = (self.v[i] / (1.0 - b2.powi(self.t))).sqrt();
                    let h = g[i] / (root + eps) + decay * self.w[i];
                    let (y, z) = (self.w[i], self.m[i]);
                    let x = (y - (1.0 - b1) * z) / b1;
                    self.m[i] = z - eta * h;
                    let x = (1.0 - c) * x + c * self.m[i];
                    (y - ((1.0 - b1) * self.m[i] + b1 * x)) / eta
                };
                (0..g.len()).map(of).collect()
            }
            MatrixRule::Muon(mu, nesterov, iterations, as_adam) => {
                for (m, g) in self.m.iter_mut().zip(g) {
                    *m = mu * *m + (1.0 - mu) * g;
                }
                let update: Vec<f64> = match nesterov {
                    true => (g.iter().zip(&self.m))
                        .map(|(g, m)| (1.0 - mu) * g + mu * m)
                        .collect(),
                    false => self.m.clone(),
                };
                let (n, rows) = (self.columns, g.len() / self.columns);
                let is_tall = rows > n;
                let (mut x, width) = match is_tall {
                    true => (transposed(&update, n), rows),
                    false => (update, n),
                };
                let length = norm(&x);
                x.iter_mut().for_each(|x| *x /= length);
                for _ in 0..iterations {
                    let gram = times_transposed(&x, &x, width);
                    let side = x.len() / width;
                    // A symmetric matrix is its own transpose.
                    let square = times_transposed(&gram, &gram, side);
                    let polynomial: Vec<f64> = (gram.iter().zip(&square))
                        .map(|(one, two)| -4.7750 * one + 2.0315 * two)
                        .collect();
                    let product = times_transposed(&polynomial, &transposed(&x, width), side);
                    let next = x.iter().zip(&product).map(|(x, p)| 3.4445 * x + p);
                    x = next.collect();
                }
                if is_tall {
                    x = transposed(&x, width);
                }
                let (m, n) = (rows as f64, n as f64);
                let scale = match as_adam {
                    true => 0.2 * m.max(n).sqrt(),
                    false => (m / n).max(1.0).sqrt(),
                };
                x.into_iter().map(|x| scale * x).collect()
            }
            MatrixRule::Adafactor(c, e1, e2, threshold) => {
                let part = t.powf(-c);
                let (columns, rows) = (self.columns, g.len() / self.columns);
                for row in 0..rows {
                    let own = &g[row * columns..(row + 1) * columns];
                    let mean = dot(own, own) / columns as f64;
                    self.of_rows[row] += part * (mean - self.of_rows[row]);
                }
                for column in 0..columns {
                    let own = (0..rows).map(|row| g[row * columns + column].powi(2));
                    let mean = own.sum::<f64>() / rows as f64;
                    self.of_columns[column] += part * (mean - self.of_columns[column]);
                }
                let whole = self.of_rows.iter().sum::<f64>() / rows as f64;
                let of = |i: usize| {
                    let v = self.of_rows[i / columns] * self.of_columns[i % columns];
                    g[i] / (v / whole.max(e1)).sqrt().max(e1)
                };
                let u: Vec<f64> = (0..g.len()).map(of).collect();
                let relative = (1.0 / (eta * t.sqrt())).min(1.0);
                let shortened = (size(&u) / threshold).max(1.0);
                let scale = size(&self.w).max(e2) * relative / shortened;
                u.into_iter().map(|u| scale * u).collect()
            }
        }
    }

    /// `d` after the test of AdamP and SGDP, with weight decay in it.
    fn projected(&self, d: Vec<f64>, g: &[f64], eps: f64, test: Test, decay: f64) -> Vec<f64> {
        let cosine = |g: &[f64], w: &[f64]| dot(g, w).abs() / (norm(g).max(eps) * norm(w).max(eps));
        let passes = |unit: usize| {
            let mut units = g.chunks(unit).zip(self.w.chunks(unit));
            units.all(|(g, w)| cosine(g, w) < test.delta / (unit as f64).sqrt())
        };
        let units = [self.columns, self.w.len()];
        let Some(unit) = units.into_iter().find(|unit| passes(*unit)) else {
            return (d.iter().zip(&self.w))
                .map(|(d, w)| d + decay * w)
                .collect();
        };
        let parts = d.chunks(unit).zip(self.w.chunks(unit));
        let left = parts.flat_map(|(d, w)| {
            let length = norm(w) + eps;
            let share = dot(w, d) / length;
            d.iter().zip(w).map(move |(d, w)| d - share * w / length)
        });
        let left: Vec<f64> = left.collect();
        let decay = decay * test.decay_ratio;
        left.iter()
            .zip(&self.w)
            .map(|(d, w)| d + decay * w)
            .collect()
    }
}
