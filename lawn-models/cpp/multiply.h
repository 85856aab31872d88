// Products of matrices of f32, with work on finished rows while these are in a core's cache.
#pragma once

#include "guard.h"
#include "tiles.h"

#include <atomic>
#include <vector>

#include <ATen/ATen.h>

namespace lawn {

// Rows that `after` is given at a time, of so many. The number of threads has no part in it.
inline int64_t rows_at_once(int64_t rows) { return rows >= 1024 ? 128 : rows >= 512 ? 64 : 32; }

// Places along a sum whose panels are made at a time.
constexpr int64_t MULTIPLY_PLACES = 512;

inline bool is_factor(const at::Tensor &matrix) {
  return matrix.stride(0) == 1 || matrix.stride(1) == 1;
}

#ifndef LAWN_HAS_TILES

inline bool suits_tiles(int64_t, int64_t, int64_t) { return false; }

#else

// Whether tiles are faster: matrices that are not narrow, since the panels of one side serve all of
// the other's, and not much work with the zeros around them.
inline bool suits_tiles(int64_t rows, int64_t columns, int64_t sums) {
  const auto padded = [](int64_t size) { return (size + PANEL - 1) / PANEL * PANEL; };
  const int64_t work = rows * columns * sums;
  return std::min({rows, columns, sums}) >= 4 * PANEL && 2 * padded(rows) * padded(columns) * padded(sums) <= 3 * work &&
         has_tiles();
}

inline Factor factor(const at::Tensor &matrix, int64_t lanes) {
  const bool sum_is_inner = matrix.stride(1 - lanes) == 1;
  return {matrix.const_data_ptr<float>(), matrix.stride(sum_is_inner ? lanes : 1 - lanes),
          sum_is_inner};
}

template <typename After>
void multiply_by_tiles(const at::Tensor &a, const at::Tensor &b, at::Tensor &c, const After &after) {
  const int64_t rows = c.size(0), columns = c.size(1), sums = a.size(1);
  const int64_t across = (columns + PANEL - 1) / PANEL, at_once = rows_at_once(rows);
  const int64_t most = std::min(sums, MULTIPLY_PLACES);
  const int64_t panel = (most + PANEL - 1) / PANEL * PANEL_STEP;
  const Factor first = factor(a, 0), second = factor(b, 1);
  const auto numbers = a.options().dtype(at::kShort);
  at::Tensor packed = at::empty({across * panel}, numbers);
  auto *of_second = reinterpret_cast<uint16_t *>(packed.data_ptr<int16_t>());
  float *out = c.data_ptr<float>();
  std::atomic<bool> second_is_finite{true};
  std::vector<uint8_t> is_finite((rows + at_once - 1) / at_once, true);
  for (int64_t place = 0; place < sums; place += most) {
    const int64_t places = std::min(most, sums - place), steps = (places + PANEL - 1) / PANEL;
    const bool is_last = place + places == sums;
    lawn::parallel_for(0, across, 1, [&](int64_t begin, int64_t end) {
      for (int64_t at = begin; at < end; ++at) {
        const int64_t lane = at * PANEL, lanes = std::min(PANEL, columns - lane);
        if (!fill_panel(of_second + at * panel, second, lane, lanes, place, places, true)) {
          second_is_finite = false;
        }
      }
    });
    lawn::parallel_for(0, is_finite.size(), 1, [&](int64_t begin, int64_t end) {
      at::NoGradGuard no_grad;
      at::Tensor here = at::empty({at_once / PANEL * panel}, numbers);
      auto *of_first = reinterpret_cast<uint16_t *>(here.data_ptr<int16_t>());
      for (int64_t piece = begin; piece < end; ++piece) {
        const int64_t top = piece * at_once, bottom = std::min(top + at_once, rows);
        {
          const Tiles tiles;
          for (int64_t row = top; row < bottom; row += PANEL) {
            const int64_t lanes = std::min(PANEL, bottom - row);
            is_finite[piece] &= fill_panel(of_first + (row - top) / PANEL * panel, first, row,
                                           lanes, place, places, false);
          }
          for (int64_t at = 0; at < across; ++at) {
            for (int64_t row = top; row < bottom; row += PANEL) {
              multiply_part(out, columns, row, std::min(PANEL, bottom - row), at * PANEL,
                            std::min(PANEL, columns - at * PANEL),
                            of_first + (row - top) / PANEL * panel, of_second + at * panel, steps,
                            place > 0);
            }
          }
        }
        if (is_last) {
          // Infinity and NaN have no parts.
          if (!second_is_finite || !is_finite[piece]) {
            at::Tensor part = c.narrow(0, top, bottom - top);
            at::mm_out(part, a.narrow(0, top, bottom - top), b);
          }
          after(top, bottom);
        }
      }
    });
  }
}

#endif

// c ← a b, [rows, sums] [sums, columns] of which either dimension lies side by side, c contiguous.
// `after` is called once for each range of rows, by the thread that has just computed them; the
// ranges are `rows_at_once` long.
template <typename After>
void multiply(const at::Tensor &a, const at::Tensor &b, at::Tensor &c, const After &after) {
  TORCH_CHECK(a.dim() == 2 && b.dim() == 2 && c.dim() == 2 && a.size(1) == b.size(0) &&
                  c.size(0) == a.size(0) && c.size(1) == b.size(1) && suits(a) && suits(b) &&
                  suits(c) && c.is_contiguous(),
              "matrices of f32 on the CPU whose sizes fit, not ", a.sizes(), " times ", b.sizes(),
              " to ", c.sizes());
#ifdef LAWN_HAS_TILES
  if (is_factor(a) && is_factor(b) && suits_tiles(c.size(0), c.size(1), a.size(1))) {
    multiply_by_tiles(a, b, c, after);
    return;
  }
#endif
  at::mm_out(c, a, b);
  const int64_t rows = c.size(0), at_once = rows_at_once(rows);
  lawn::parallel_for(0, (rows + at_once - 1) / at_once, 1, [&](int64_t begin, int64_t end) {
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
