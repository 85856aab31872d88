// The built-in rules, element by element. Every operation rounds by itself, so that both compilers
// give the same bits.
//
// `update` moves the buffers and answers the direction. Where the weights move in another pass, `hold`
// answers it for the sums, and moves the buffers unless they are to move last; `recall` answers it
// again in the pass of the weights.
#pragma once

#include "element.h"

template <int RULE, typename W> struct Direction;

// d = g
template <typename W> struct Direction<PLAIN, W> {
  static const int BUFFERS = 0, RECALLS = 0;
  static const bool RECALLS_GRADIENT = true, HOLDS = false, UPDATES_LAST = false;

  DEVICE Direction(const Numbers &, const Update &) {}
  DEVICE W update(W, W g, W *) const { return g; }
  DEVICE W hold(W, W g, W *) const { return g; }
  DEVICE W recall(W, W g, const W *) const { return g; }
};

// v ← μ v + σ g, d = v
template <typename W> struct Direction<MOMENTUM, W> {
  static const int BUFFERS = 1, RECALLS = 1;
  static const bool RECALLS_GRADIENT = false, HOLDS = false, UPDATES_LAST = false;
  W mu, sigma;

  DEVICE Direction(const Numbers &numbers, const Update &update)
      : mu(W(numbers.mu)), sigma(W(update.sigma)) {}
  DEVICE W update(W, W g, W *s) const { return s[0] = mu * s[0] + sigma * g; }
  DEVICE W hold(W w, W g, W *s) const { return update(w, g, s); }
  DEVICE W recall(W, W, const W *s) const { return s[0]; }
};

// v ← μ v + g, d = g + μ v
template <typename W> struct Direction<NESTEROV, W> {
  static const int BUFFERS = 1, RECALLS = 1;
  static const bool RECALLS_GRADIENT = true, HOLDS = false, UPDATES_LAST = false;
  W mu;

  DEVICE Direction(const Numbers &numbers, const Update &) : mu(W(numbers.mu)) {}
  DEVICE W update(W w, W g, W *s) const {
    s[0] = mu * s[0] + g;
    return recall(w, g, s);
  }
  DEVICE W hold(W w, W g, W *s) const { return update(w, g, s); }
  DEVICE W recall(W, W g, const W *s) const { return g + mu * s[0]; }
};

// s ← s + g², d = g / (√(s₀ + s) + ε), 0 where that divides by 0
template <typename W> struct Direction<ADAGRAD, W> {
  static const int BUFFERS = 1, RECALLS = 1;
  static const bool RECALLS_GRADIENT = true, HOLDS = false, UPDATES_LAST = false;
  W initial, epsilon;

  DEVICE Direction(const Numbers &numbers, const Update &)
      : initial(W(numbers.initial)), epsilon(W(numbers.epsilon_out)) {}
  DEVICE W update(W w, W g, W *s) const {
    s[0] = s[0] + g * g;
    return recall(w, g, s);
  }
  DEVICE W hold(W w, W g, W *s) const { return update(w, g, s); }
  DEVICE W recall(W, W g, const W *s) const {
    const W divisor = root(initial + s[0]) + epsilon;
    return divisor == 0 ? W(0) : g / divisor;
  }
};

// m ← β₁ m + β₃ g, v ← β₂ v + (1 − β₂) g², u ← max(u, v) for AMSGrad
// d = (m / c₁) / (√(v / c₂ + ε_in) + ε_out) + λ w, without the quotient where that divides by 0
//
// Where the weights move in another pass than the buffers, d − λ w takes the place of m: that pass
// then reads one array less. The next step forms m again.
template <typename W, bool MAX> struct Moments {
  static const int BUFFERS = MAX ? 3 : 2, RECALLS = 1;
  static const bool RECALLS_GRADIENT = false, HOLDS = true, UPDATES_LAST = false;
  static const int DIVIDES = MAX ? 2 : 1;
  W beta1, beta2, beta3, gamma, epsilon_in, epsilon_out, lambda;
  W inverse_c1, inverse_c2, held_c1, held_inverse_c2;
  bool held;

  DEVICE Moments(const Numbers &numbers, const Update &update)
      : beta1(W(numbers.beta1)), beta2(W(numbers.beta2)), beta3(W(numbers.beta3)),
        gamma(W(1.0 - numbers.beta2)), epsilon_in(W(numbers.epsilon_in)),
        epsilon_out(W(numbers.epsilon_out)), lambda(W(numbers.directed)),
        inverse_c1(W(update.inverse_c1)), inverse_c2(W(update.inverse_c2)),
        held_c1(W(update.held_c1)), held_inverse_c2(W(update.held_inverse_c2)),
        held(update.held != 0) {}

  DEVICE W divisor(W v, W inverse_c2) const {
    return root(v * inverse_c2 + epsilon_in) + epsilon_out;
  }

  // m of the step before. Where v has become infinite the direction is 0, and m becomes 0.
  DEVICE W first_moment(const W *s) const {
    if (!held) {
      return s[0];
    }
    const W by = divisor(s[DIVIDES], held_inverse_c2);
    return is_finite(by) ? s[0] * by * held_c1 : W(0);
  }

  DEVICE W advance(W g, W *s) const {
    s[0] = beta1 * first_moment(s) + beta3 * g;
    s[1] = beta2 * s[1] + g * g * gamma;
    if (MAX) {
      s[2] = s[2] > s[1] ? s[2] : s[1];
    }
    const W by = divisor(s[DIVIDES], inverse_c2);
    return by == 0 ? W(0) : s[0] * inverse_c1 / by;
  }

  DEVICE W decayed(W w, W ratio) const { return ratio + lambda * w; }

  DEVICE W update(W w, W g, W *s) const { return decayed(w, advance(g, s)); }
  DEVICE W hold(W w, W g, W *s) const {
    s[0] = advance(g, s);
    return decayed(w, s[0]);
  }
  DEVICE W recall(W w, W, const W *s) const { return decayed(w, s[0]); }
};

template <typename W> struct Direction<ADAM, W> : Moments<W, false> {
  DEVICE Direction(const Numbers &numbers, const Update &update)
      : Moments<W, false>(numbers, update) {}
};
template <typename W> struct Direction<AMSGRAD, W> : Moments<W, true> {
  DEVICE Direction(const Numbers &numbers, const Update &update)
      : Moments<W, true>(numbers, update) {}
};

// m ← β₁ m + β₃ g, v ← β₂ v + (1 − β₂) g²
// d = ((β₁ m + β₃ g) / c₁) / (√(v / c₂ + ε_in) + ε_out), 0 where that divides by 0
template <typename W> struct Direction<NADAM, W> {
  static const int BUFFERS = 2, RECALLS = 2;
  static const bool RECALLS_GRADIENT = true, HOLDS = false, UPDATES_LAST = false;
  W beta1, beta2, beta3, gamma, epsilon_in, epsilon_out, inverse_c1, inverse_c2;

  DEVICE Direction(const Numbers &numbers, const Update &update)
      : beta1(W(numbers.beta1)), beta2(W(numbers.beta2)), beta3(W(numbers.beta3)),
        gamma(W(1.0 - numbers.beta2)), epsilon_in(W(numbers.epsilon_in)),
        epsilon_out(W(numbers.epsilon_out)), inverse_c1(W(update.inverse_c1)),
        inverse_c2(W(update.inverse_c2)) {}
  DEVICE W update(W w, W g, W *s) const {
    s[0] = beta1 * s[0] + beta3 * g;
    s[1] = beta2 * s[1] + g * g * gamma;
    return recall(w, g, s);
  }
  DEVICE W hold(W w, W g, W *s) const { return update(w, g, s); }
  DEVICE W recall(W, W g, const W *s) const {
    const W ahead = beta1 * s[0] + beta3 * g;
    const W divisor = root(s[1] * inverse_c2 + epsilon_in) + epsilon_out;
    return divisor == 0 ? W(0) : ahead * inverse_c1 / divisor;
  }
};

// d = sign(β₁ m + (1 − β₁) g), then m ← β₂ m + (1 − β₂) g
//
// d is of the momentum before. So where the weights move in another pass, the momentum moves there.
template <typename W> struct Direction<SIGN, W> {
  static const int BUFFERS = 1, RECALLS = 1;
  static const bool RECALLS_GRADIENT = true, HOLDS = false, UPDATES_LAST = true;
  W beta1, beta2, gamma1, gamma2;

  DEVICE Direction(const Numbers &numbers, const Update &)
      : beta1(W(numbers.beta1)), beta2(W(numbers.beta2)), gamma1(W(1.0 - numbers.beta1)),
        gamma2(W(1.0 - numbers.beta2)) {}
  DEVICE W update(W w, W g, W *s) const {
    const W d = recall(w, g, s);
    s[0] = beta2 * s[0] + gamma2 * g;
    return d;
  }
  DEVICE W hold(W w, W g, W *s) const { return recall(w, g, s); }
  DEVICE W recall(W, W g, const W *s) const {
    const W mixed = beta1 * s[0] + gamma1 * g;
    return W(mixed > 0) - W(mixed < 0);
  }
};

// v ← β₂ v + (1 − β₂) g²
// h = g / (√(v / c₂) + ε) + λ y, without the quotient where that divides by 0
// d = (y − z) c / η + h (c β₁ + 1 − β₁), then z ← z − η h
//
// Both buffers move with the weights y. A third has the numbers of the average, which `units.h`
// moves on.
template <typename W> struct Direction<AVERAGED, W> {
  static const int BUFFERS = 2, RECALLS = 2;
  static const bool RECALLS_GRADIENT = true, HOLDS = false, UPDATES_LAST = true;
  W beta2, gamma, epsilon, lambda, inverse_c2, minus_eta, pull, share;
  bool begins;

  DEVICE Direction(const Numbers &numbers, const Update &update)
      : beta2(W(numbers.beta2)), gamma(W(1.0 - numbers.beta2)), epsilon(W(numbers.epsilon_out)),
        lambda(W(numbers.directed)), inverse_c2(W(update.inverse_c2)), minus_eta(W(-update.eta)),
        // Nothing moves at a rate of 0.
        pull(W(update.eta == 0.0 ? 0.0 : update.share / update.eta)),
        share(W(update.share * numbers.beta1 + (1.0 - numbers.beta1))), begins(update.begins != 0) {}

  DEVICE W second_moment(W g, const W *s) const { return beta2 * s[1] + g * g * gamma; }
  DEVICE W step(W w, W g, W v) const {
    const W divisor = root(v * inverse_c2) + epsilon;
    return (divisor == 0 ? W(0) : g / divisor) + lambda * w;
  }
  DEVICE W iterate(W w, const W *s) const { return begins ? w : s[0]; }
  DEVICE W direction(W w, W z, W h) const { return (w - z) * pull + h * share; }

  DEVICE W update(W w, W g, W *s) const {
    const W z = iterate(w, s);
    s[1] = second_moment(g, s);
    const W h = step(w, g, s[1]);
    s[0] = z + h * minus_eta;
    return direction(w, z, h);
  }
  DEVICE W hold(W w, W g, W *s) const { return recall(w, g, s); }
  DEVICE W recall(W w, W g, const W *s) const {
    return direction(w, iterate(w, s), step(w, g, second_moment(g, s)));
  }
};
