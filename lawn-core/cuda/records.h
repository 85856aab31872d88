// What the host and the kernels hand to each other. `src/backend/cuda/records.rs` has the same
// records; every field takes eight bytes, so that neither compiler leaves gaps.
#pragma once

typedef long long Index;

// Threads of a block, and elements that a thread takes at a time.
enum { THREADS = 256, PACK = 4 };

// How the elements of a weight are kept.
enum Element { F32 = 0, F64 = 1, F16 = 2, BF16 = 3 };

// The arrays of a parameter, as a layout counts them.
enum Array { WEIGHT = 0, MASTER = 1, GRADIENT = 2, BUFFER = 3, ARRAYS = 4 };

enum { DIMENSIONS = 8 };

// How the rule of all parameters makes its direction.
enum Rule {
  PLAIN = 0,
  MOMENTUM = 1,
  NESTEROV = 2,
  ADAM = 3,
  AMSGRAD = 4,
  ADAGRAD = 5,
  NADAM = 6,
  SIGN = 7,
  AVERAGED = 8
};

// What a trust ratio is taken of.
enum Trust { NO_TRUST = 0, OF_DIRECTION = 1, OF_GRADIENT = 2 };

// How far a step of a constrained unit goes, and how its norm is held.
enum Length { OWN = 0, OF_RADIUS = 1, OF_ROTATION = 2 };
enum Hold { SPHERE = 0, BALL = 1 };

// Where a parameter lies.
struct Pointers {
  void *w;
  // The f32 copy on which the steps are taken; null where there is none.
  float *master;
  const void *g;
  void *s[3];
  // Whether it has a gradient in this step.
  Index present;
  // Whether the layout beside it counts. If not, all arrays are walked through from end to end.
  Index strided;
};

// Where the elements of a parameter lie that has gaps, or whose arrays differ in their order.
struct Layout {
  Index sizes[DIMENSIONS];
  Index strides[ARRAYS][DIMENSIONS];
};

// What is set for a parameter in one phase.
struct Numbers {
  Index element;
  Index first_unit, first_piece, pieces_per_unit;
  // The step is one pass: the weights move with the buffers.
  Index single_pass;
  // The inner products of w and g are needed before the buffers move.
  Index needs_products;
  Index constrained, project_gradient, project_update, centred;
  double gradient_rounding;
  double rate_scale, l2, decoupled, directed, trusted_l2;
  Index trust;
  double trust_coefficient, trust_max, trust_epsilon;
  double mu, dampening;
  double beta1, beta2, beta3, epsilon_in, epsilon_out;
  Index corrects_bias;
  double initial;
  double weight_power, rate_power;
  // Elements of a unit.
  double elements;
  Index length, hold, ball_by_rate;
  // η_r of a learning rate of 1, φ and ε.
  double rotation, length_memory, length_epsilon;
  double ball_rate;
  // So many rows are the units, each tested for a gradient across it; 0 for no test.
  Index radial;
  double radial_delta, radial_ratio, radial_epsilon;
  // Which blocks make its units' numbers, and which walk through its elements.
  Index first_block, blocks, first_chunk, chunks;
};

// What a block of threads walks through: `pieces` of `length` elements each, one after the other.
// So many `lanes` take a piece together. A piece is a unit or a part of one.
struct Chunk {
  Index tensor, unit, piece, pieces, start, length, lanes;
};

// Units whose numbers a block of threads makes, so many lanes for each.
struct UnitBlock {
  Index tensor, first, count, lanes;
};

// Σ over a piece or a unit. The low ones are of g · 2⁻⁵⁶⁰, whose squares cannot overflow.
struct Sums {
  double ww, wg, gg, wg_low, gg_low;
  // Σ w, where units are centred.
  double w;
};

struct Products {
  double wd, dd;
  // Σ d, where units are centred.
  double d;
};

// Of rows that were tested: their sums, and how many have a gradient that is not across them.
struct Tested {
  double ww, wg, gg;
  Index failed;
};

// Σ ⟨g,g⟩, and the same of g · 2⁻⁵⁶⁰.
struct Square {
  double plain, low;
};

// What one unit did in a step: g̃ = κ g + α w, and w ← p w + q d + o, where o takes off the mean of a
// centred unit and is 0 for others.
struct Outcome {
  Sums sums;
  Products products;
  double kappa, alpha, p, q, o, trust;
};

// What is remembered of a parameter beside its buffers.
struct Memory {
  Index updates;
  // Whether its direction is in place of its first moment.
  Index held;
};

// The numbers of this update of a parameter.
struct Update {
  Index held;
  double held_c1, held_inverse_c2, inverse_c1, inverse_c2, sigma;
  // Of a rule that averages its iterates: the rate, the share of this one, and whether it begins at
  // the weights.
  double eta, share;
  Index begins;
};

// What the device alone knows of a step.
struct Decision {
  double rate, kappa, scale, clip, largest, samples;
  // f64: the norm, the rate, the steps taken since the host last knew.
  double *record;
  // The squares of gradients that no kernel takes; null for none.
  const Square *rest;
  Index counts, taken, arrived;
};

// What the host says of a step. The other launches are the same in every step, so that a graph of
// them can be replayed.
struct Begin {
  double rate, scale, clip, largest;
  double *record;
  const Square *rest;
  // Whether it may be skipped.
  Index counts;
  // Steps begun since the host last knew, without this one, and its samples.
  Index begun, samples;
};

// One phase of an optimizer: where everything is.
struct Plan {
  const Pointers *pointers;
  const Layout *layouts;
  const Numbers *numbers;
  const Chunk *chunks;
  const UnitBlock *unit_blocks;
  Sums *sums;
  Products *products;
  Square *squares;
  Outcome *outcomes;
  // Of each block of units, and of each chunk: what a test of rows adds up.
  Tested *tests;
  Products *wholes;
  // 0 for a unit that is free; null in the free phase.
  double *radii;
  // What a constraint remembers of each unit; null in the free phase.
  double *remembered;
  Memory *memories;
  Update *updates;
  Decision *decision;
  // Steps and samples taken since the host last knew.
  Index *taken;
  double *rates;
  Index most_rates, chunk_count, unit_block_count;
  Index rule;
  // Whether all sums are asked for, and whether ⟨g,g⟩ is summed only with the update.
  Index measures, sums_late;
};
