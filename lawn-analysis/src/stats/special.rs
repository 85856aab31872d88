//! Distribution functions, own where the library's are not accurate enough.

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
    // The lower tail, where the distribution function keeps its relative accuracy.
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
    // The library's quantile is a start; Newton steps on the tail make it as good as the tail.
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

/// Root of a rising function between two ends, to the last bit that bisection reaches.
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
