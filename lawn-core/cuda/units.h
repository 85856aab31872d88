// What happens between the passes: a few numbers for each unit, all of them f64. They are those of
// `src/backend/kernel/scalars.rs`, in the same order.
#pragma once

#include "records.h"
#include "target.h"

// 2⁻⁵⁶⁰ and 2⁵⁶⁰. The first brings any number of f64 to where its square fits.
DEVICE double down() { return 0x1p-560; }
DEVICE double up() { return 1.0 / down(); }

// What a projection leaves of a squared norm where nothing but rounding is left.
DEVICE double rounding() { return 1e-12; }

// What a projection leaves of a squared norm: 0 where that is no more than `rounding` of it.
DEVICE double left_of(double square, double radial, double rounding) {
  const double left = square - radial;
  return left > rounding * square ? left : 0.0;
}

DEVICE bool has_direction(double ww) { return ww > 0.0 && is_finite(ww); }

DEVICE double trust_ratio(const Numbers &numbers, double w_norm, double x_norm, double below) {
  double ratio = 1.0;
  if (w_norm > 0.0 && x_norm > 0.0) {
    ratio = numbers.trust_coefficient * w_norm / below;
  }
  return ratio < numbers.trust_max ? ratio : numbers.trust_max;
}

// What the sums over a unit are of, in the units of the gradient: ⟨w,g⟩ and ‖g‖, times κ.
struct Scaled {
  double wg, g_norm;
};

DEVICE Scaled scaled(const Sums &sums, double kappa, bool low) {
  Scaled result;
  if (low) {
    // The squares of these gradients have overflowed.
    result.wg = kappa * up() * sums.wg_low;
    result.g_norm = kappa * up() * sqrt(sums.gg_low);
  } else {
    result.wg = kappa * sums.wg;
    result.g_norm = kappa * sqrt(sums.gg);
  }
  return result;
}

// What makes g̃ = κ g + α w of the gradient, and the step of a rule that needs no more than that.
// Answers whether the unit has a radius and no direction to keep it along. The radius is 0 for a
// unit that is free.
DEVICE bool before(const Numbers &numbers, const Decision &decision, double radius,
                   Outcome &outcome) {
  const double ww = outcome.sums.ww, eta = decision.rate * numbers.rate_scale;
  const bool bound = numbers.constrained && radius > 0.0 && has_direction(ww);
  const Sums &sums = outcome.sums;
  const bool low = numbers.element == F64 && !(is_finite(sums.gg) && is_finite(sums.wg));
  const Scaled g = scaled(sums, decision.kappa, low);
  double square = g.g_norm * g.g_norm;
  outcome.kappa = decision.kappa;
  outcome.alpha = 0.0;
  outcome.p = 1.0 - eta * numbers.decoupled;
  outcome.q = -eta;
  outcome.trust = 1.0;
  if (bound && numbers.project_gradient) {
    const double a = g.wg / ww;
    outcome.alpha = -a;
    square = left_of(square, a * a * ww, numbers.gradient_rounding);
    if (square == 0.0) {
      // No rule shall make a direction of rounding.
      outcome.kappa = 0.0;
      outcome.alpha = 0.0;
    }
  } else if (!numbers.constrained) {
    outcome.alpha = numbers.l2;
  }
  if (numbers.trust == OF_GRADIENT) {
    const double w_norm = sqrt(ww), g_norm = sqrt(square), lambda = numbers.trusted_l2;
    const double below = g_norm + lambda * w_norm + numbers.trust_epsilon;
    outcome.trust = trust_ratio(numbers, w_norm, g_norm, below);
    outcome.kappa *= outcome.trust;
    outcome.alpha = (outcome.alpha + lambda) * outcome.trust;
  }
  return numbers.constrained && radius > 0.0 && !has_direction(ww);
}

// What makes w ← p w + q d of the direction, with the projection, the trust ratio, and the way back
// to the radius:
//
//   b = ⟨w,d⟩/⟨w,w⟩    ‖d̃‖² = ⟨d,d⟩ − b² ⟨w,w⟩    η′ = η ρ
//   c = r / ‖w − η′ d̃‖    p = c (1 + η′ b)    q = −c η′
DEVICE void after(const Numbers &numbers, const Decision &decision, double radius,
                  Outcome &outcome) {
  const double ww = outcome.sums.ww, wd = outcome.products.wd, dd = outcome.products.dd;
  const double rate = decision.rate * numbers.rate_scale;
  const bool bound = numbers.constrained && radius > 0.0 && has_direction(ww);
  const double b = bound && numbers.project_update ? wd / ww : 0.0;
  // What ⟨w,d⟩ and ⟨d,d⟩ are after the projection.
  const double wd_left = b == 0.0 ? wd : 0.0;
  const double square = left_of(dd, b * b * ww, rounding());
  const double shrunk = numbers.constrained ? 1.0 : 1.0 - rate * numbers.decoupled;
  double rho = 1.0;
  if (numbers.trust == OF_DIRECTION) {
    const double d_norm = sqrt(square);
    rho = trust_ratio(numbers, shrunk * sqrt(ww), d_norm, d_norm);
    outcome.trust = rho;
  }
  // A direction that is radial up to rounding leaves nothing to go along. A trust ratio would even
  // scale that up.
  const double eta = bound && square == 0.0 ? 0.0 : rate * rho;
  const double moved = ww - 2.0 * eta * wd_left + eta * eta * square;
  const double c = bound ? radius / sqrt(moved) : 1.0;
  outcome.p = c * (shrunk + eta * b);
  outcome.q = -c * eta;
  if (bound && left_of(ww + eta * eta * square, 2.0 * eta * wd_left, rounding()) == 0.0) {
    // The step goes against all of w, so that only rounding would give what is left a direction.
    outcome.p = 1.0;
    outcome.q = 0.0;
  }
}

// The bias corrections after t updates.
DEVICE double correction(const Numbers &numbers, double beta, Index t) {
  return numbers.corrects_bias ? 1.0 - power(beta, t) : 1.0;
}

// The numbers of the update that follows on `memory`.
DEVICE Update next_update(const Numbers &numbers, const Memory &memory) {
  const Index t = memory.updates + 1;
  Update update;
  update.held = memory.held;
  update.held_c1 = correction(numbers, numbers.beta1, t - 1);
  update.held_inverse_c2 = 1.0 / correction(numbers, numbers.beta2, t - 1);
  update.inverse_c1 = 1.0 / correction(numbers, numbers.beta1, t);
  update.inverse_c2 = 1.0 / correction(numbers, numbers.beta2, t);
  // The first update takes the whole gradient. Its buffer is still 0.
  update.sigma = t == 1 ? 1.0 : 1.0 - numbers.dampening;
  return update;
}

// Whether the step is taken, and what the gradients are multiplied by, from all their squares.
DEVICE void decide(Decision &decision, Square all) {
  if (decision.rest) {
    all.plain += decision.rest->plain;
    all.low += decision.rest->low;
  }
  const bool low = !is_finite(all.plain) && is_finite(all.low);
  const double norm = low ? sqrt(all.low) / decision.scale * up() : sqrt(all.plain) / decision.scale;
  decision.taken = !decision.counts || norm <= decision.largest;
  const double factor = norm > decision.clip && decision.taken ? decision.clip / norm : 1.0;
  decision.kappa = factor / decision.scale;
  decision.record[0] = norm;
}
