// The kernels: three passes over the parameters, and what is between them. All sums have an order
// that depends on shapes alone: of a thread over its elements, of the threads of a piece by halves,
// of pieces and units likewise. So no bit depends on which block runs when.
#pragma once

#include "direction.h"
#include "units.h"

DEVICE void add(double &a, double b) { a += b; }
DEVICE void add(Sums &a, const Sums &b) {
  a.ww += b.ww;
  a.wg += b.wg;
  a.gg += b.gg;
  a.wg_low += b.wg_low;
  a.gg_low += b.gg_low;
  a.w += b.w;
}
DEVICE void add(Products &a, const Products &b) {
  a.wd += b.wd;
  a.dd += b.dd;
  a.d += b.d;
}
DEVICE void add(Tested &a, const Tested &b) {
  a.ww += b.ww;
  a.wg += b.wg;
  a.gg += b.gg;
  a.failed += b.failed;
}
DEVICE void add(Square &a, const Square &b) {
  a.plain += b.plain;
  a.low += b.low;
}

// Leaves the sum of each group of so many lanes, a power of two, with the first of them.
template <typename T> DEVICE void reduce(T *partial, int lanes) {
  for (int half = lanes / 2; half > 0; half /= 2) {
    FOR_EACH_THREAD(thread) {
      if (thread % lanes < half) {
        add(partial[thread], partial[thread + half]);
      }
    }
    BARRIER();
  }
}

// Calls `visit` with each place of a piece that a lane takes.
template <typename Visit>
DEVICE void walk(const Plan &plan, const Chunk &chunk, Index piece, int lane, Visit visit) {
  const bool strided = plan.pointers[chunk.tensor].strided;
  const Index start = chunk.start + piece * chunk.length;
  for (Index k = Index(PACK) * lane; k < chunk.length; k += PACK * chunk.lanes) {
    Place place;
    place.first = start + k;
    place.count = chunk.length - k < PACK ? int(chunk.length - k) : PACK;
    place.layout = strided ? plan.layouts + chunk.tensor : nullptr;
    visit(place);
  }
}

// The weights that the steps are taken on.
template <typename E>
DEVICE void load_weights(const Pointers &at, const Place &place, typename Kept<E>::Work *w) {
  if (at.master && !Kept<E>::is_wide) {
    place.load((const typename Kept<E>::Work *)at.master, MASTER, w);
  } else {
    place.load((const E *)at.w, WEIGHT, w);
  }
}

template <typename E>
DEVICE void store_weights(const Pointers &at, const Place &place,
                          const typename Kept<E>::Work *w) {
  if (at.master && !Kept<E>::is_wide) {
    place.store((typename Kept<E>::Work *)at.master, MASTER, w);
  }
  place.store((E *)at.w, WEIGHT, w);
}

// ⟨g,g⟩ of some neighbours. What lies beyond the last of them is 0.
template <typename W> DEVICE void add_squares(const W *g, bool wide, double &plain, double &low) {
  UNROLL for (int j = 0; j < PACK; ++j) {
    const double x = g[j];
    plain += x * x;
    if (wide) {
      low += x * down() * (x * down());
    }
  }
}

// Adds up what all blocks have left in `squares`, in the last block to come here, and decides.
DEVICE void gather(const Plan &plan, Index block, Index blocks, Square *square) {
  SHARED(Index, last, 1);
  FOR_EACH_THREAD(thread) {
    if (thread == 0) {
      if (block < plan.chunk_count) {
        plan.squares[block] = square[0];
      }
      last[0] = arrives_last(&plan.decision->arrived, blocks);
    }
  }
  BARRIER();
  if (!last[0]) {
    return;
  }
  FOR_EACH_THREAD(thread) {
    Square sum = {0.0, 0.0};
    for (Index i = thread; i < plan.chunk_count; i += THREADS) {
      // Other blocks have written them.
      const volatile Square *found = plan.squares + i;
      sum.plain += found->plain;
      sum.low += found->low;
    }
    square[thread] = sum;
  }
  BARRIER();
  reduce(square, THREADS);
  FOR_EACH_THREAD(thread) {
    if (thread == 0) {
      decide(*plan.decision, square[0]);
      plan.decision->arrived = 0;
    }
  }
}

DEVICE void clear(Square *square) {
  FOR_EACH_THREAD(thread) {
    square[thread].plain = 0.0;
    square[thread].low = 0.0;
  }
  BARRIER();
}

// Writes down what the host says of the step, and looks its learning rate up: the one of the
// schedule after as many steps as were taken.
DEVICE void begin_step(const Plan &plan, const Begin &begin) {
  Decision &decision = *plan.decision;
  double rate = begin.rate;
  if (begin.counts) {
    plan.rates[begin.begun % plan.most_rates] = rate;
    // Those of more steps ago have been written over.
    const Index oldest = begin.begun + 1 - plan.most_rates;
    const Index found = plan.taken[0] > oldest ? plan.taken[0] : oldest;
    rate = plan.rates[found % plan.most_rates];
  }
  decision.rate = rate;
  decision.kappa = 1.0 / begin.scale;
  decision.scale = begin.scale;
  decision.clip = begin.clip;
  decision.largest = begin.largest;
  decision.samples = double(begin.samples);
  decision.record = begin.record;
  decision.rest = begin.rest;
  decision.counts = begin.counts;
  decision.taken = 1;
  decision.arrived = 0;
  begin.record[1] = rate;
}

// The first pass: ⟨w,w⟩, ⟨w,g⟩ and ⟨g,g⟩ of each piece, or ⟨g,g⟩ alone. Nothing is written but
// sums, and with the last of them it is decided whether the step is taken.
template <typename E> DEVICE void sum_chunk(const Plan &plan, Index block, Sums *partial, Square *square) {
  typedef typename Kept<E>::Work W;
  const bool wide = Kept<E>::is_wide;
  const Chunk chunk = plan.chunks[block];
  const Pointers at = plan.pointers[chunk.tensor];
  const bool all = plan.numbers[chunk.tensor].needs_products || plan.measures;
  const bool centred = plan.numbers[chunk.tensor].centred;
  const int lanes = int(chunk.lanes), groups = THREADS / lanes;
  for (Index base = 0; base < chunk.pieces; base += groups) {
    FOR_EACH_THREAD(thread) {
      Sums sums = {0.0, 0.0, 0.0, 0.0, 0.0, 0.0};
      const Index piece = base + thread / lanes;
      if (piece < chunk.pieces) {
        walk(plan, chunk, piece, thread % lanes, [&](const Place &place) {
          W g[PACK];
          place.load((const E *)at.g, GRADIENT, g);
          add_squares(g, wide, sums.gg, sums.gg_low);
          if (all) {
            W w[PACK];
            load_weights<E>(at, place, w);
            UNROLL for (int j = 0; j < PACK; ++j) {
              sums.ww += double(w[j]) * double(w[j]);
              sums.wg += double(w[j]) * double(g[j]);
              if (wide) {
                sums.wg_low += double(w[j]) * (double(g[j]) * down());
              }
              if (centred) {
                sums.w += double(w[j]);
              }
            }
          }
        });
      }
      partial[thread] = sums;
    }
    BARRIER();
    reduce(partial, lanes);
    FOR_EACH_THREAD(thread) {
      const Index piece = base + thread / lanes;
      if (thread % lanes == 0 && piece < chunk.pieces) {
        const Sums sums = partial[thread];
        plan.sums[chunk.piece + piece] = sums;
        square[thread].plain += sums.gg;
        square[thread].low += wide ? sums.gg_low : sums.gg * down() * down();
      }
    }
    BARRIER();
  }
  reduce(square, THREADS);
}

// Counts an update of a parameter, and leaves its numbers for the next pass.
DEVICE void count_update(const Plan &plan, Index tensor, const Numbers &numbers) {
  Memory &memory = plan.memories[tensor];
  Update update = next_update(numbers, memory);
  if (plan.rule == AVERAGED) {
    const double eta = plan.decision->rate * numbers.rate_scale;
    void *buffer = plan.pointers[tensor].s[2];
    if (numbers.element == F64) {
      average(numbers, eta, memory.updates + 1, (double *)buffer, update);
    } else {
      average(numbers, eta, memory.updates + 1, (float *)buffer, update);
    }
  }
  plan.updates[tensor] = update;
  memory.updates += 1;
  memory.held = !numbers.single_pass && (plan.rule == ADAM || plan.rule == AMSGRAD);
}

// Adds up the sums of the pieces of each unit, and makes of them what the next pass takes. The
// first unit of a parameter counts its updates.
DEVICE void make_before(const Plan &plan, Index block) {
  const UnitBlock units = plan.unit_blocks[block];
  const Numbers numbers = plan.numbers[units.tensor];
  const int lanes = int(units.lanes), groups = THREADS / lanes;
  SHARED(Sums, partial, THREADS);
  SHARED(Tested, tested, THREADS);
  FOR_EACH_THREAD(thread) {
    const Tested none = {0.0, 0.0, 0.0, 0};
    tested[thread] = none;
  }
  for (Index base = 0; base < units.count; base += groups) {
    FOR_EACH_THREAD(thread) {
      Sums sums = {0.0, 0.0, 0.0, 0.0, 0.0, 0.0};
      const Index unit = units.first + base + thread / lanes;
      if (base + thread / lanes < units.count && !plan.sums_late) {
        const Sums *pieces = plan.sums + numbers.first_piece + unit * numbers.pieces_per_unit;
        for (Index i = thread % lanes; i < numbers.pieces_per_unit; i += lanes) {
          add(sums, pieces[i]);
        }
      }
      partial[thread] = sums;
    }
    BARRIER();
    reduce(partial, lanes);
    FOR_EACH_THREAD(thread) {
      const Index unit = units.first + base + thread / lanes;
      if (thread % lanes == 0 && base + thread / lanes < units.count) {
        const Index index = numbers.first_unit + unit;
        double radius = numbers.constrained ? plan.radii[index] : 0.0;
        Outcome outcome;
        outcome.sums = partial[thread];
        outcome.products.wd = 0.0;
        outcome.products.dd = 0.0;
        outcome.products.d = 0.0;
        if (before(numbers, *plan.decision, radius, outcome)) {
          plan.radii[index] = 0.0;
        }
        plan.outcomes[index] = outcome;
        if (numbers.radial) {
          const Sums &sums = outcome.sums;
          const Scaled g = scaled(numbers, sums, plan.decision->kappa);
          const bool across = is_across(numbers, g, sums.ww, numbers.elements);
          const Tested row = {sums.ww, sums.wg, sums.gg, !across};
          add(tested[thread], row);
        }
        if (unit == 0) {
          count_update(plan, units.tensor, numbers);
        }
      }
    }
    BARRIER();
  }
  if (numbers.radial) {
    reduce(tested, THREADS);
    FOR_EACH_THREAD(thread) {
      if (thread == 0) {
        plan.tests[block] = tested[0];
      }
    }
  }
}

// Whether the directions of a parameter lose their radial part, from what its rows and its chunks
// have come to; the same in each block that asks.
DEVICE Ruling ruling_of(const Plan &plan, const Numbers &numbers, Tested *tested,
                        Products *products) {
  if (!numbers.radial) {
    return no_ruling();
  }
  FOR_EACH_THREAD(thread) {
    Tested all = {0.0, 0.0, 0.0, 0};
    for (Index i = thread; i < numbers.blocks; i += THREADS) {
      add(all, plan.tests[numbers.first_block + i]);
    }
    tested[thread] = all;
    Products whole = {0.0, 0.0, 0.0};
    for (Index i = thread; i < numbers.chunks; i += THREADS) {
      add(whole, plan.wholes[numbers.first_chunk + i]);
    }
    products[thread] = whole;
  }
  BARRIER();
  reduce(tested, THREADS);
  reduce(products, THREADS);
  const Ruling ruling = rule_on(numbers, *plan.decision, tested[0], products[0]);
  BARRIER();
  return ruling;
}

// Counts the step if it is taken.
DEVICE void count_step(const Plan &plan) {
  Decision &decision = *plan.decision;
  if (decision.counts && decision.taken) {
    plan.taken[0] += 1;
    plan.taken[1] += Index(decision.samples);
  }
  decision.record[2] = double(plan.taken[0]);
}

// The second pass: buffers, and either ⟨w,d⟩ and ⟨d,d⟩ of each piece or the weights.
template <int RULE, typename E>
DEVICE void update_chunk(const Plan &plan, Index block, Products *partial, Products *whole,
                         Square *square) {
  typedef typename Kept<E>::Work W;
  typedef Direction<RULE, W> Of;
  const Chunk chunk = plan.chunks[block];
  const Pointers at = plan.pointers[chunk.tensor];
  const Numbers &numbers = plan.numbers[chunk.tensor];
  const Of direction(numbers, plan.updates[chunk.tensor]);
  const bool moves = numbers.single_pass, sums = !moves || plan.measures, centred = numbers.centred;
  const int lanes = int(chunk.lanes), groups = THREADS / lanes;
  for (Index base = 0; base < chunk.pieces; base += groups) {
    FOR_EACH_THREAD(thread) {
      Products products = {0.0, 0.0, 0.0};
      const Index piece = base + thread / lanes;
      if (piece < chunk.pieces) {
        const Outcome &outcome = plan.outcomes[chunk.unit + (chunk.pieces > 1 ? piece : 0)];
        const W kappa = W(outcome.kappa), alpha = W(outcome.alpha);
        const W p = W(outcome.p), q = W(outcome.q);
        walk(plan, chunk, piece, thread % lanes, [&](const Place &place) {
          W w[PACK], g[PACK], s[Of::BUFFERS + 1][PACK];
          place.load((const E *)at.g, GRADIENT, g);
          load_weights<E>(at, place, w);
          UNROLL for (int k = 0; k < Of::BUFFERS; ++k) {
            place.load((const W *)at.s[k], BUFFER, s[k]);
          }
          if (plan.sums_late) {
            add_squares(g, Kept<E>::is_wide, square[thread].plain, square[thread].low);
          }
          UNROLL for (int j = 0; j < PACK; ++j) {
            W buffers[Of::BUFFERS + 1];
            UNROLL for (int k = 0; k < Of::BUFFERS; ++k) {
              buffers[k] = s[k][j];
            }
            const W x = kappa * g[j] + alpha * w[j];
            const W d = moves ? direction.update(w[j], x, buffers) : direction.hold(w[j], x, buffers);
            UNROLL for (int k = 0; k < Of::BUFFERS; ++k) {
              s[k][j] = buffers[k];
            }
            if (sums && j < place.count) {
              products.wd += double(w[j]) * double(d);
              products.dd += double(d) * double(d);
              if (centred) {
                products.d += double(d);
              }
            }
            w[j] = p * w[j] + q * d;
          }
          if (moves || !Of::UPDATES_LAST) {
            UNROLL for (int k = 0; k < Of::BUFFERS; ++k) {
              place.store((W *)at.s[k], BUFFER, s[k]);
            }
          }
          if (moves) {
            store_weights<E>(at, place, w);
          }
        });
      }
      partial[thread] = products;
    }
    BARRIER();
    if (sums) {
      reduce(partial, lanes);
      FOR_EACH_THREAD(thread) {
        const Index piece = base + thread / lanes;
        if (thread % lanes == 0 && piece < chunk.pieces) {
          plan.products[chunk.piece + piece] = partial[thread];
          if (numbers.radial) {
            add(whole[thread], partial[thread]);
          }
        }
      }
      BARRIER();
    }
  }
  if (numbers.radial) {
    reduce(whole, THREADS);
    FOR_EACH_THREAD(thread) {
      if (thread == 0) {
        plan.wholes[block] = whole[0];
      }
    }
  }
  if (plan.sums_late) {
    FOR_EACH_THREAD(thread) {
      if (!Kept<E>::is_wide) {
        square[thread].low = square[thread].plain * down() * down();
      }
    }
    BARRIER();
    reduce(square, THREADS);
  }
}

// Adds up ⟨w,d⟩ and ⟨d,d⟩ of each unit, and makes of them what the last pass takes.
DEVICE void make_after(const Plan &plan, Index block) {
  const UnitBlock units = plan.unit_blocks[block];
  const Numbers numbers = plan.numbers[units.tensor];
  const int lanes = int(units.lanes), groups = THREADS / lanes;
  SHARED(Products, partial, THREADS);
  SHARED(Tested, tested, THREADS);
  const Ruling ruling = ruling_of(plan, numbers, tested, partial);
  for (Index base = 0; base < units.count; base += groups) {
    FOR_EACH_THREAD(thread) {
      Products products = {0.0, 0.0, 0.0};
      const Index unit = units.first + base + thread / lanes;
      if (base + thread / lanes < units.count) {
        const Products *pieces =
            plan.products + numbers.first_piece + unit * numbers.pieces_per_unit;
        for (Index i = thread % lanes; i < numbers.pieces_per_unit; i += lanes) {
          add(products, pieces[i]);
        }
      }
      partial[thread] = products;
    }
    BARRIER();
    reduce(partial, lanes);
    FOR_EACH_THREAD(thread) {
      const Index unit = units.first + base + thread / lanes;
      if (thread % lanes == 0 && base + thread / lanes < units.count) {
        const Index index = numbers.first_unit + unit;
        Outcome &outcome = plan.outcomes[index];
        outcome.products = partial[thread];
        if (!numbers.single_pass) {
          double memory = numbers.constrained ? plan.remembered[index] : 0.0;
          after(numbers, *plan.decision, numbers.constrained ? plan.radii[index] : 0.0, ruling,
                plan.memories[units.tensor].updates, memory, outcome);
          if (numbers.constrained) {
            plan.remembered[index] = memory;
          }
        }
      }
    }
    BARRIER();
  }
}

// The last pass: w ← p w + q d + o.
template <int RULE, typename E> DEVICE void move_chunk(const Plan &plan, Index block) {
  typedef typename Kept<E>::Work W;
  typedef Direction<RULE, W> Of;
  const Chunk chunk = plan.chunks[block];
  const Pointers at = plan.pointers[chunk.tensor];
  const Of direction(plan.numbers[chunk.tensor], plan.updates[chunk.tensor]);
  const bool centred = plan.numbers[chunk.tensor].centred;
  const int lanes = int(chunk.lanes), groups = THREADS / lanes;
  for (Index base = 0; base < chunk.pieces; base += groups) {
    FOR_EACH_THREAD(thread) {
      const Index piece = base + thread / lanes;
      if (piece < chunk.pieces) {
        const Outcome &outcome = plan.outcomes[chunk.unit + (chunk.pieces > 1 ? piece : 0)];
        const W kappa = W(outcome.kappa), alpha = W(outcome.alpha);
        const W p = W(outcome.p), q = W(outcome.q), o = W(outcome.o);
        walk(plan, chunk, piece, thread % lanes, [&](const Place &place) {
          W w[PACK], g[PACK], s[Of::RECALLS + 1][PACK];
          load_weights<E>(at, place, w);
          if (Of::RECALLS_GRADIENT) {
            place.load((const E *)at.g, GRADIENT, g);
          }
          UNROLL for (int k = 0; k < Of::RECALLS; ++k) {
            place.load((const W *)at.s[k], BUFFER, s[k]);
          }
          UNROLL for (int j = 0; j < PACK; ++j) {
            W buffers[Of::RECALLS + 1];
            UNROLL for (int k = 0; k < Of::RECALLS; ++k) {
              buffers[k] = s[k][j];
            }
            const W x = Of::RECALLS_GRADIENT ? kappa * g[j] + alpha * w[j] : W(0);
            const W d = Of::UPDATES_LAST ? direction.update(w[j], x, buffers)
                                         : direction.recall(w[j], x, buffers);
            UNROLL for (int k = 0; k < Of::RECALLS; ++k) {
              s[k][j] = buffers[k];
            }
            w[j] = centred ? p * w[j] + (q * d + o) : p * w[j] + q * d;
          }
          if (Of::UPDATES_LAST) {
            UNROLL for (int k = 0; k < Of::RECALLS; ++k) {
              place.store((W *)at.s[k], BUFFER, s[k]);
            }
          }
          store_weights<E>(at, place, w);
        });
      }
    }
  }
}

// Writes the first moment of a parameter to `moment`, whatever is in its place. The arrays are walked
// through from end to end. So many threads take part, of which this is one.
template <int RULE, typename W>
DEVICE void release_element(const Plan &plan, Index tensor, W *moment, Index i) {
  typedef Direction<RULE, W> Of;
  const Pointers &at = plan.pointers[tensor];
  const Of direction(plan.numbers[tensor], next_update(plan.numbers[tensor], plan.memories[tensor]));
  W s[3];
  for (int k = 0; k < Of::BUFFERS; ++k) {
    s[k] = ((const W *)at.s[k])[i];
  }
  moment[i] = direction.first_moment(s);
}
