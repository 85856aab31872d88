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

// Whether weights of this squared norm can be held.
DEVICE bool can_be_held(const Numbers &numbers, double ww) {
  return numbers.hold == BALL ? is_finite(ww) : has_direction(ww);
}

// ⟨w,w⟩ of the weights whose norm is held: of a centred unit without their mean.
DEVICE double held_square(const Numbers &numbers, const Sums &sums) {
  return numbers.centred ? left_of(sums.ww, sums.w * sums.w / numbers.elements, rounding()) : sums.ww;
}

// What makes a unit without a mean of its weights and its direction:
//
//   w̃ = s (w − m)    s = r / ‖w − m‖    m = Σw/n        d̃ = d − m_d    m_d = Σd/n
struct Centre {
  double scale, weight_mean, direction_mean;
};

// That of a unit of which these are the sums; of one that is not centred it changes nothing.
DEVICE Centre centre_of(const Numbers &numbers, const Outcome &outcome, double radius, bool bound) {
  Centre centre = {1.0, 0.0, 0.0};
  if (bound && numbers.centred) {
    const double n = numbers.elements, w = outcome.sums.w;
    centre.scale = radius / sqrt(outcome.sums.ww - w * w / n);
    centre.weight_mean = w / n;
    centre.direction_mean = outcome.products.d / n;
  }
  return centre;
}

// What the sums over a unit are of, in the units of the gradient: ⟨w,g⟩ and ‖g‖, times κ.
struct Scaled {
  double wg, g_norm;
};

DEVICE Scaled scaled(const Numbers &numbers, const Sums &sums, double kappa) {
  Scaled result;
  if (numbers.element == F64 && !(is_finite(sums.gg) && is_finite(sums.wg))) {
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
  const double eta = decision.rate * numbers.rate_scale;
  const double held = held_square(numbers, outcome.sums);
  const bool can_be = can_be_held(numbers, held);
  const bool bound = numbers.constrained && radius > 0.0 && can_be;
  // The mean goes before the rule sees the weights, which are then scaled to their norm.
  const double ww = bound && numbers.centred ? radius * radius : held;
  const Scaled g = scaled(numbers, outcome.sums, decision.kappa);
  double square = g.g_norm * g.g_norm;
  outcome.kappa = decision.kappa;
  outcome.alpha = 0.0;
  outcome.p = 1.0 - eta * numbers.decoupled;
  outcome.q = -eta;
  outcome.o = 0.0;
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
  return numbers.constrained && radius > 0.0 && !can_be;
}

// Whether the gradient is across a unit of so many elements, of which these are the sums.
DEVICE bool is_across(const Numbers &numbers, const Scaled &g, double ww, double elements) {
  // Of κ g + λ w.
  const double decayed = g.wg + numbers.l2 * ww;
  const double square = g.g_norm * g.g_norm + numbers.l2 * (g.wg + decayed);
  const double epsilon = numbers.radial_epsilon;
  const double x_norm = sqrt(square > 0.0 ? square : 0.0), w_norm = sqrt(ww);
  const double below = (x_norm > epsilon ? x_norm : epsilon) * (w_norm > epsilon ? w_norm : epsilon);
  return (decayed < 0.0 ? -decayed : decayed) / below < numbers.radial_delta / sqrt(elements);
}

// What becomes of the radial part of a parameter's directions.
struct Ruling {
  Index of_rows, of_whole;
  // ⟨w,d⟩ over ‖w‖² of the whole.
  double b;
};

// The ruling on a parameter without a test.
DEVICE Ruling no_ruling() {
  const Ruling ruling = {0, 0, 0.0};
  return ruling;
}

// The ruling on a parameter whose rows come to `all`, and its direction to `whole`.
DEVICE Ruling rule_on(const Numbers &numbers, const Decision &decision, const Tested &all,
                      const Products &whole) {
  Ruling ruling = no_ruling();
  if (all.failed == 0) {
    ruling.of_rows = 1;
    return ruling;
  }
  Scaled g;
  g.wg = decision.kappa * all.wg;
  g.g_norm = decision.kappa * sqrt(all.gg);
  if (is_across(numbers, g, all.ww, numbers.elements * double(numbers.radial))) {
    const double below = sqrt(all.ww) + numbers.radial_epsilon;
    ruling.of_whole = 1;
    ruling.b = all.ww > 0.0 ? whole.wd / (below * below) : 0.0;
  }
  return ruling;
}

// What makes w ← p w + q d of the direction, with the projection, the length of the step, and the
// way back to the radius:
//
//   b = ⟨w,d⟩/⟨w,w⟩    ‖d̃‖² = ⟨d,d⟩ − b² ⟨w,w⟩    ℓ = η ρ, or by another length
//   c = r / ‖w − ℓ d̃‖, or 1 − 2 λ    p = c (1 + ℓ b)    q = −c ℓ
//
// `memory` is what the constraint remembers of the unit; `updates` counts this one. Of a centred unit w
// and d are those that `Centre` describes.
DEVICE void after(const Numbers &numbers, const Decision &decision, double radius,
                  const Ruling &ruling, Index updates, double &memory, Outcome &outcome) {
  double ww = held_square(numbers, outcome.sums);
  double wd = outcome.products.wd, dd = outcome.products.dd;
  const double rate = decision.rate * numbers.rate_scale;
  const bool bound = numbers.constrained && radius > 0.0 && can_be_held(numbers, ww);
  const Centre centre = centre_of(numbers, outcome, radius, bound);
  if (bound && numbers.centred) {
    const double n = numbers.elements, m = centre.weight_mean, m_d = centre.direction_mean;
    ww = centre.scale * centre.scale * (outcome.sums.ww - n * m * m);
    wd = centre.scale * (wd - n * m * m_d);
    dd = left_of(dd, n * m_d * m_d, rounding());
  }
  double b = bound && numbers.project_update ? wd / ww : 0.0;
  if (ruling.of_rows && ww > 0.0) {
    const double below = sqrt(ww) + numbers.radial_epsilon;
    b = wd / (below * below);
  } else if (ruling.of_whole) {
    b = ruling.b;
  }
  // What ⟨w,d⟩ and ⟨d,d⟩ are after the projection.
  const double wd_left = b == 0.0 ? wd : 0.0;
  const double square = left_of(dd, b * b * ww, rounding());
  const double decoupled =
      numbers.decoupled * (ruling.of_rows || ruling.of_whole ? numbers.radial_ratio : 1.0);
  const double shrunk = numbers.constrained ? 1.0 : 1.0 - rate * decoupled;
  double length = rate;
  if (numbers.trust == OF_DIRECTION) {
    const double d_norm = sqrt(square);
    outcome.trust = trust_ratio(numbers, shrunk * sqrt(ww), d_norm, d_norm);
    length = rate * outcome.trust;
  }
  if (bound && numbers.length == OF_RADIUS) {
    outcome.trust = radius / sqrt(square);
    length = rate * outcome.trust;
  } else if (bound && numbers.length == OF_ROTATION) {
    const double kept = numbers.length_memory;
    memory = kept * memory + (1.0 - kept) * square;
    const double usual = sqrt(memory / (1.0 - power(kept, updates)));
    length = numbers.rotation * sqrt(rate) * radius / (usual + numbers.length_epsilon);
  }
  if (bound && square == 0.0) {
    // A direction that is radial up to rounding leaves nothing to go along. Another length would
    // even scale that up.
    length = 0.0;
  }
  const double moved = ww - 2.0 * length * wd_left + length * length * square;
  double c = 1.0;
  if (bound && numbers.hold == BALL) {
    const double more = memory + numbers.ball_rate * ((moved - radius * radius) / numbers.elements);
    memory = more > 0.0 ? more : 0.0;
    c = 1.0 - 2.0 * (numbers.ball_by_rate ? rate : 1.0) * memory;
  } else if (bound) {
    c = radius / sqrt(moved);
  }
  outcome.p = c * (shrunk + length * b);
  outcome.q = -c * length;
  if (bound && numbers.hold == SPHERE &&
      left_of(ww + length * length * square, 2.0 * length * wd_left, rounding()) == 0.0) {
    // The step goes against all of w, so that only rounding would give what is left a direction.
    outcome.p = 1.0;
    outcome.q = 0.0;
  }
  if (bound && numbers.centred) {
    // p w̃ + q d̃ of w and d.
    outcome.p *= centre.scale;
    outcome.o = -outcome.p * centre.weight_mean - outcome.q * centre.direction_mean;
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
  update.eta = 0.0;
  update.share = 0.0;
  update.begins = t == 1;
  return update;
}

// Moves the average of update t on, of a learning rate η. Its buffer has η_max, A, and what rounding
// has left of A:
//
//   a = tʳ η_maxᵖ    A ← A + a    c = a / A
template <typename W>
DEVICE void average(const Numbers &numbers, double eta, Index t, W *buffer, Update &update) {
  update.eta = eta;
  if (eta == 0.0) {
    return;
  }
  const W largest = buffer[0] > W(eta) ? buffer[0] : W(eta);
  const double sum = buffer[1];
  const double raised = to_power(double(largest), numbers.rate_power);
  const W weight = W(raised * to_power(double(t), numbers.weight_power));
  const W whole = W(sum + double(weight));
  const W rest = W(double(buffer[2]) + (double(weight) - (double(whole) - sum)));
  buffer[0] = largest;
  buffer[1] = whole;
  buffer[2] = rest;
  const double below = double(whole) + double(rest);
  update.share = below == 0.0 ? 0.0 : double(weight) / below;
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
