//! Norm-constrained training written once more, from the equations, in plain
//! f64 over slices and without a tensor library.

/// What the oracle runs.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Oracle {
    /// Momentum `μ`.
    Momentum(f64),
    /// `β₁`, `β₂`, `ε`.
    Adam(f64, f64, f64),
    /// `β₁`, `β₂`, `ε`; without decay, so that only the constraint adapts.
    Lamb(f64, f64, f64),
    /// `μ`, `κ`, `ε`; adapts likewise.
    Lars(f64, f64, f64),
    /// NAdamW: `β₁`, `β₂`, `ε`.
    Nadam(f64, f64, f64),
    /// `β₁`, `β₂`.
    Lion(f64, f64),
}

/// One unit: its weights and what the rule remembers.
pub(crate) struct Unit {
    pub(crate) w: Vec<f64>,
    m: Vec<f64>,
    v: Vec<f64>,
    pub(crate) t: i32,
    pub(crate) radius: f64,
}

pub(crate) fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

pub(crate) fn norm(a: &[f64]) -> f64 {
    dot(a, a).sqrt()
}

pub(crate) fn without_radial_part(x: &[f64], w: &[f64]) -> Vec<f64> {
    let share = dot(w, x) / dot(w, w);
    x.iter().zip(w).map(|(x, w)| x - share * w).collect()
}

impl Unit {
    pub(crate) fn new(w: &[f64]) -> Self {
        let zeros = vec![0.0; w.len()];
        Self {
            w: w.to_vec(),
            m: zeros.clone(),
            v: zeros,
            t: 0,
            radius: 0.0,
        }
    }

    pub(crate) fn freeze(&mut self) {
        self.radius = norm(&self.w);
    }

    pub(crate) fn direction(&mut self, oracle: Oracle, g: &[f64], adapt: bool) -> Vec<f64> {
        self.t += 1;
        let first = self.t == 1;
        let mut d = vec![0.0; g.len()];
        match oracle {
            Oracle::Momentum(mu) => {
                for i in 0..g.len() {
                    self.v[i] = if first { g[i] } else { mu * self.v[i] + g[i] };
                    d[i] = self.v[i];
                }
            }
            Oracle::Adam(b1, b2, eps) | Oracle::Lamb(b1, b2, eps) => {
                for i in 0..g.len() {
                    self.m[i] = b1 * self.m[i] + (1.0 - b1) * g[i];
                    self.v[i] = b2 * self.v[i] + (1.0 - b2) * g[i] * g[i];
                    let m_hat = self.m[i] / (1.0 - b1.powi(self.t));
                    let v_hat = self.v[i] / (1.0 - b2.powi(self.t));
                    d[i] = m_hat / (v_hat.sqrt() + eps);
                }
            }
            Oracle::Nadam(b1, b2, eps) => {
                for i in 0..g.len() {
                    self.m[i] = b1 * self.m[i] + (1.0 - b1) * g[i];
                    self.v[i] = b2 * self.v[i] + (1.0 - b2) * g[i] * g[i];
                    let ahead = b1 * self.m[i] + (1.0 - b1) * g[i];
                    let m_hat = ahead / (1.0 - b1.powi(self.t));
                    let v_hat = self.v[i] / (1.0 - b2.powi(self.t));
                    d[i] = m_hat / (v_hat.sqrt() + eps);
                }
            }
            Oracle::Lion(b1, b2) => {
                for i in 0..g.len() {
                    let mixed = b1 * self.m[i] + (1.0 - b1) * g[i];
                    d[i] = if mixed == 0.0 { 0.0 } else { mixed.signum() };
                    self.m[i] = b2 * self.m[i] + (1.0 - b2) * g[i];
                }
            }
            Oracle::Lars(mu, kappa, eps) => {
                let (w_norm, g_norm) = (norm(&self.w), norm(g));
                let positive = adapt && w_norm > 0.0 && g_norm > 0.0;
                let rho = if positive {
                    kappa * w_norm / (g_norm + eps)
                } else {
                    1.0
                };
                for i in 0..g.len() {
                    self.v[i] = mu * self.v[i] + rho * g[i];
                    d[i] = self.v[i];
                }
            }
        }
        d
    }

    fn trust(&self, oracle: Oracle, d: &[f64]) -> f64 {
        match oracle {
            Oracle::Lamb(..) if norm(&self.w) > 0.0 && norm(d) > 0.0 => norm(&self.w) / norm(d),
            _ => 1.0,
        }
    }

    /// A step of the free phase.
    pub(crate) fn free(&mut self, oracle: Oracle, eta: f64, g: &[f64]) {
        let d = self.direction(oracle, g, false);
        for (w, d) in self.w.iter_mut().zip(&d) {
            *w -= eta * d;
        }
    }

    /// A step of the constrained phase. A unit without a radius stays free.
    pub(crate) fn constrained(
        &mut self,
        oracle: Oracle,
        eta: f64,
        g: &[f64],
        project: (bool, bool),
    ) {
        if self.radius == 0.0 {
            return self.free(oracle, eta, g);
        }
        let g = if project.0 {
            without_radial_part(g, &self.w)
        } else {
            g.to_vec()
        };
        let mut d = self.direction(oracle, &g, true);
        if project.1 {
            d = without_radial_part(&d, &self.w);
        }
        let rho = self.trust(oracle, &d);
        let moved: Vec<f64> = self
            .w
            .iter()
            .zip(&d)
            .map(|(w, d)| w - eta * rho * d)
            .collect();
        let length = norm(&moved);
        self.w = moved.iter().map(|x| self.radius * x / length).collect();
    }
}
