// Products of matrices of f32, with work on finished rows while these are in a core's cache.
#pragma once

#include "guard.h"

#include <algorithm>

#include <ATen/ATen.h>

namespace lawn {

// Rows that `after` is given at a time, of so many. The number of threads has no part in it.
inline int64_t rows_at_once(int64_t rows) { return rows >= 1024 ? 128 : rows >= 512 ? 64 : 32; }

// c ← a b, of [rows, sums] and [sums, columns]; c is contiguous.
// `after` is called once for each range of rows, by the thread that has just computed them; the
// ranges are `rows_at_once` long.
template <typename After>
void multiply(const at::Tensor &a, const at::Tensor &b, at::Tensor &c, const After &after) {
  TORCH_CHECK(a.dim() == 2 && b.dim() == 2 && c.dim() == 2 && a.size(1) == b.size(0) &&
                  c.size(0) == a.size(0) && c.size(1) == b.size(1) && suits(a) && suits(b) &&
                  suits(c) && c.is_contiguous(),
              "matrices of f32 on the CPU whose sizes fit, not ", a.sizes(), " times ", b.sizes(),
              " to ", c.sizes());
  at::mm_out(c, a, b);
  const int64_t rows = c.size(0), at_once = rows_at_once(rows);
  at::parallel_for(0, (rows + at_once - 1) / at_once, 1, [&](int64_t begin, int64_t end) {
    for (int64_t piece = begin; piece < end; ++piece) {
      after(piece * at_once, std::min((piece + 1) * at_once, rows));
    }
  });
}

inline at::Tensor multiply(const at::Tensor &a, const at::Tensor &b) {
  at::Tensor c = at::empty({a.size(0), b.size(1)}, a.options());
  multiply(a, b, c, [](int64_t, int64_t) {});
  return c;
}

} // namespace lawn
