//! Distribution functions. They are implemented here where the library's are not accurate enough.

use statrs::distribution::{ContinuousCDF, StudentsT};
use statrs::function::beta::beta_reg;

/// Standard normal distribution function.
///
/// Differs from statrs, whose error function is off by 1e-10.
pub(crate) fn normal_cdf(x: f64) -> f64 {
    0.5 * libm::erfc(-x / std::f64::consts::SQRT_2)
}

/// Standard normal density.
pub(crate) fn normal_density(x: f64) -> f64 {
    (-0.5 * x * x).exp() / (2.0 * std::f64::consts::PI).sqrt()
}

/// Standard normal quantile: a rational start (Abramowitz and Stegun 26.2.23), then Halley steps.
pub(crate) fn normal_quantile(p: f64) -> f64 {
    if p <= 0.0 {
        return f64::NEG_INFINITY;
    }
    if p >= 1.0 {
        return f64::INFINITY;
    }
    let tail = p.min(1.0 - p);
    let t = (-2.0 * tail.ln()).sqrt();
    let numerator = 2.515517 + t * (0.802853 + t * 0.010328);
    let denominator = 1.0 + t * (1.432788 + t * (0.189269 + t * 0.001308));
    // The lower tail is used, where the distribution function keeps its relative accuracy.
    let mut x = numerator / denominator - t;
    for _ in 0..4 {
        let error = (normal_cdf(x) - tail) / normal_density(x);
        x -= error / (1.0 + 0.5 * x * error);
    }
    if p < 0.5 { x } else { -x }
}

/// Upper tail of Student's t with `df` degrees of freedom.
pub(crate) fn t_upper(t: f64, df: f64) -> f64 {
    let tail = 0.5 * beta_reg(0.5 * df, 0.5, df / (df + t * t));
    if t >= 0.0 { tail } else { 1.0 - tail }
}

/// Quantile of Student's t with `df` degrees of freedom.
pub(crate) fn t_quantile(p: f64, df: f64) -> f64 {
    if p == 0.5 {
        return 0.0;
    }
    let student = StudentsT::new(0.0, 1.0, df).expect("degrees of freedom are positive");
    let tail = p.min(1.0 - p);
    // The library's quantile is the start. Newton steps on the tail make it as accurate as the
    // tail.
    let mut t = -student.inverse_cdf(tail);
    let log_scale = libm::lgamma(0.5 * (df + 1.0)) - libm::lgamma(0.5 * df);
    let scale = log_scale.exp() / (df * std::f64::consts::PI).sqrt();
    for _ in 0..4 {
        let density = scale * (1.0 + t * t / df).powf(-0.5 * (df + 1.0));
        let step = (t_upper(t, df) - tail) / density;
        if !step.is_finite() {
            break;
        }
        t += step;
    }
    if p < 0.5 { -t } else { t }
}

/// Quantile of the beta distribution, by bisection of the regularized incomplete beta function.
pub(crate) fn beta_quantile(p: f64, a: f64, b: f64) -> f64 {
    bisect(0.0, 1.0, |x| beta_reg(a, b, x) - p)
}

/// Root of a rising function between two ends, to the last bit that bisection can reach.
pub(crate) fn bisect(mut low: f64, mut high: f64, f: impl Fn(f64) -> f64) -> f64 {
    for _ in 0..200 {
        let middle = 0.5 * (low + high);
        if middle <= low || middle >= high {
            break;
        }
        if f(middle) < 0.0 {
            low = middle;
        } else {
            high = middle;
        }
    }
    0.5 * (low + high)
}

/// Distribution function of the studentized range of `k` means with infinite degrees of freedom.
///
/// ```text
/// P(Q ≤ q) = k ∫ φ(z) (Φ(z) − Φ(z − q))^(k − 1) dz
/// ```
pub(crate) fn studentized_range_cdf(q: f64, k: usize) -> f64 {
    if q <= 0.0 {
        return 0.0;
    }
    let integrand =
        |z: f64| normal_density(z) * (normal_cdf(z) - normal_cdf(z - q)).powi(k as i32 - 1);
    (k as f64 * simpson(-9.0, 9.0, 1_200, integrand)).min(1.0)
}

/// Distribution function of the noncentral t, by integration over the scale s.
///
/// ```text
/// P(T ≤ t) = ∫ Φ(t s − δ) f(s) ds,   f the density of √(χ²(ν)/ν)
/// ```
pub(crate) fn noncentral_t_cdf(t: f64, df: f64, noncentrality: f64) -> f64 {
    let log_scale = std::f64::consts::LN_2 + 0.5 * df * (0.5 * df).ln() - libm::lgamma(0.5 * df);
    let density = |s: f64| {
        if s == 0.0 {
            return if df > 1.0 { 0.0 } else { log_scale.exp() };
        }
        (log_scale + (df - 1.0) * s.ln() - 0.5 * df * s * s).exp()
    };
    // The range is ten deviations of s around 1, each about 1/√(2ν).
    let reach = 10.0 / (2.0 * df).sqrt();
    let (low, high) = ((1.0 - reach).max(0.0), 1.0 + reach);
    let below = simpson(low, high, 4_000, |s| {
        normal_cdf(t * s - noncentrality) * density(s)
    });
    below.clamp(0.0, 1.0)
}

/// Simpson's rule on an even number of intervals.
fn simpson(low: f64, high: f64, intervals: usize, f: impl Fn(f64) -> f64) -> f64 {
    let step = (high - low) / intervals as f64;
    let inner: f64 = (1..intervals)
        .map(|i| if i % 2 == 1 { 4.0 } else { 2.0 } * f(low + i as f64 * step))
        .sum();
    (f(low) + inner + f(high)) * step / 3.0
}
/// Upper tail of chi-squared with `df` degrees of freedom.
pub(crate) fn chi_squared_upper(x: f64, df: f64) -> f64 {
    if x <= 0.0 {
        return 1.0;
    }
    statrs::function::gamma::gamma_ur(0.5 * df, 0.5 * x)
}
