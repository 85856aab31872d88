// The gradient of a table from one step to the next.
#pragma once

#include "guard.h"

#include <memory>
#include <vector>

#include <ATen/ATen.h>
#include <torch/csrc/autograd/function.h>
#include <torch/csrc/autograd/functions/utils.h>

namespace lawn {

// A share of the work on a table's gradient: the rows that leave the remainder `part`. So samples
// are added in their order, however many parts there are.
struct Part {
  float *sum;
  // By row, the last call that touched it.
  uint32_t *calls;
  uint32_t call;
  std::vector<int64_t> *touched;
  int64_t part, parts;

  bool has(int64_t row) const {
    return (parts & (parts - 1)) == 0 ? (row & (parts - 1)) == part : row % parts == part;
  }

  // Whether a row is touched for the first time: what it holds is of an earlier call.
  bool is_first(int64_t row) const {
    if (calls[row] == call) {
      return false;
    }
    calls[row] = call;
    touched->push_back(row);
    return true;
  }
};

// All rows are 0 but those of the last call.
struct RowGradient {
  // [rows, width] f32
  at::Tensor sum;
  uint32_t version = 0;
  std::vector<uint32_t> calls;
  uint32_t call = 0;
  // By part, the rows that the last call touched.
  std::vector<std::vector<int64_t>> touched;

  // Whether nobody else has it or has written to it.
  bool is_free(int64_t rows, int64_t width) const {
    return sum.defined() && sum.size(0) == rows && sum.size(1) == width &&
           sum.storage().use_count() == 1 && written() == version && call + 1 != 0;
  }

  uint32_t written() const {
    return sum.unsafeGetTensorImpl()->version_counter().current_version();
  }

  // The gradient, of which `work` adds up a part.
  template <typename Work>
  at::Tensor add_up(int64_t rows, int64_t width, const at::TensorOptions &options, Work work) {
    std::vector<std::vector<int64_t>> before;
    if (is_free(rows, width)) {
      before.swap(touched);
    } else {
      sum = at::zeros({rows, width}, options);
      calls.assign(rows, 0);
      call = 0;
    }
    call += 1;
    const int64_t parts = std::max<int64_t>(1, std::min<int64_t>(at::get_num_threads(), 64));
    touched.assign(parts, {});
    float *to = sum.data_ptr<float>();
    at::parallel_for(0, parts, 1, [&](int64_t begin, int64_t end) {
      for (int64_t part = begin; part < end; ++part) {
        work(Part{to, calls.data(), call, &touched[part], part, parts});
      }
    });
    at::parallel_for(0, before.size(), 1, [&](int64_t begin, int64_t end) {
      for (int64_t part = begin; part < end; ++part) {
        for (const int64_t row : before[part]) {
          if (calls[row] != call) {
            std::memset(to + row * width, 0, width * sizeof(float));
          }
        }
      }
    });
    version = written();
    // Another tensor of the same memory, which autograd may keep as the gradient.
    return sum.detach();
  }
};

// What Rust holds of one.
using SharedRowGradient = std::shared_ptr<RowGradient>;

inline void require_row(int64_t row, int64_t count) {
  TORCH_CHECK_INDEX(row >= 0 && row < count, "row ", row, " of a table of ", count, " rows");
}

} // namespace lawn
