// One body for each launch, over one block of threads of so many.
#pragma once

#include "passes.h"

// Which elements and which rules are compiled: all, or what an optimizer has.
#ifndef LAWN_ELEMENTS
#define LAWN_ELEMENTS 15
#endif
#ifndef LAWN_RULES
#define LAWN_RULES 511
#endif

template <int ELEMENT> struct Of;
template <> struct Of<F32> { typedef float Type; };
template <> struct Of<F64> { typedef double Type; };
template <> struct Of<F16> { typedef Half Type; };
template <> struct Of<BF16> { typedef Bfloat Type; };

// Calls `visit` with a value of the element's type.
template <int ELEMENT, typename Visit> DEVICE void with_one(Index element, Visit visit) {
  if constexpr ((LAWN_ELEMENTS >> ELEMENT) & 1) {
    if (element == ELEMENT) {
      visit(typename Of<ELEMENT>::Type{});
    }
  }
}
template <typename Visit> DEVICE void with_element(Index element, Visit visit) {
  with_one<F32>(element, visit);
  with_one<F64>(element, visit);
  with_one<F16>(element, visit);
  with_one<BF16>(element, visit);
}

template <int RULE> struct Number {
  static const int value = RULE;
};
template <int RULE, typename Visit> DEVICE void with_this(Index rule, Visit visit) {
  if constexpr ((LAWN_RULES >> RULE) & 1) {
    if (rule == RULE) {
      visit(Number<RULE>{});
    }
  }
}
template <typename Visit> DEVICE void with_rule(Index rule, Visit visit) {
  with_this<PLAIN>(rule, visit);
  with_this<MOMENTUM>(rule, visit);
  with_this<NESTEROV>(rule, visit);
  with_this<ADAM>(rule, visit);
  with_this<AMSGRAD>(rule, visit);
  with_this<ADAGRAD>(rule, visit);
  with_this<NADAM>(rule, visit);
  with_this<SIGN>(rule, visit);
  with_this<AVERAGED>(rule, visit);
}

DEVICE bool is_present(const Plan &plan, Index tensor) { return plan.pointers[tensor].present; }

DEVICE void sum_block(const Plan &plan, Index block, Index blocks) {
  SHARED(Sums, partial, THREADS);
  SHARED(Square, square, THREADS);
  clear(square);
  if (block < plan.chunk_count && is_present(plan, plan.chunks[block].tensor)) {
    with_element(plan.numbers[plan.chunks[block].tensor].element,
                 [&](auto e) { sum_chunk<decltype(e)>(plan, block, partial, square); });
  }
  gather(plan, block, blocks, square);
}

DEVICE void before_block(const Plan &plan, Index block) {
  if (plan.decision->taken && block < plan.unit_block_count &&
      is_present(plan, plan.unit_blocks[block].tensor)) {
    make_before(plan, block);
  }
  if (block == 0) {
    FOR_EACH_THREAD(thread) {
      if (thread == 0) {
        count_step(plan);
      }
    }
  }
}

DEVICE void update_block(const Plan &plan, Index block, Index blocks) {
  SHARED(Products, partial, THREADS);
  SHARED(Products, whole, THREADS);
  SHARED(Square, square, THREADS);
  if (plan.sums_late) {
    clear(square);
  }
  FOR_EACH_THREAD(thread) {
    const Products none = {0.0, 0.0, 0.0};
    whole[thread] = none;
  }
  if (plan.decision->taken && block < plan.chunk_count &&
      is_present(plan, plan.chunks[block].tensor)) {
    with_element(plan.numbers[plan.chunks[block].tensor].element, [&](auto e) {
      with_rule(plan.rule, [&](auto rule) {
        update_chunk<decltype(rule)::value, decltype(e)>(plan, block, partial, whole, square);
      });
    });
  }
  if (plan.sums_late) {
    gather(plan, block, blocks, square);
  }
}

DEVICE void after_block(const Plan &plan, Index block) {
  if (plan.decision->taken && block < plan.unit_block_count &&
      is_present(plan, plan.unit_blocks[block].tensor)) {
    make_after(plan, block);
  }
}

DEVICE void move_block(const Plan &plan, Index block) {
  if (!plan.decision->taken || block >= plan.chunk_count) {
    return;
  }
  const Index tensor = plan.chunks[block].tensor;
  if (!is_present(plan, tensor) || plan.numbers[tensor].single_pass) {
    return;
  }
  with_element(plan.numbers[tensor].element, [&](auto e) {
    with_rule(plan.rule, [&](auto rule) {
      move_chunk<decltype(rule)::value, decltype(e)>(plan, block);
    });
  });
}

DEVICE void release_block(const Plan &plan, Index tensor, void *moment, Index count, Index block) {
  with_rule(plan.rule, [&](auto rule) {
    if constexpr (Direction<decltype(rule)::value, float>::HOLDS) {
      FOR_EACH_THREAD(thread) {
        const Index i = block * THREADS + thread;
        if (i < count) {
          if (plan.numbers[tensor].element == F64) {
            release_element<decltype(rule)::value>(plan, tensor, (double *)moment, i);
          } else {
            release_element<decltype(rule)::value>(plan, tensor, (float *)moment, i);
          }
        }
      }
    }
  });
}
