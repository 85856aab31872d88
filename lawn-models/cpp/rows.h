// The gradient of a table from one step to the next.
#pragma once

#include "guard.h"

#include <algorithm>
#include <memory>
#include <mutex>
#include <vector>

#include <ATen/ATen.h>
#include <torch/csrc/autograd/function.h>
#include <torch/csrc/autograd/functions/utils.h>
#include <torch/csrc/autograd/saved_variable.h>

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
  // Graphs that share it may go backward in several threads.
  std::mutex mutex;
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
    std::lock_guard<std::mutex> lock(mutex);
    // Not in `sum` until all is done: after an exception nothing is taken as clean.
    at::Tensor made;
    std::vector<std::vector<int64_t>> before;
    if (is_free(rows, width)) {
      made = std::move(sum);
      before.swap(touched);
    } else {
      sum.reset();
      made = at::zeros({rows, width}, options);
      calls.assign(rows, 0);
      call = 0;
    }
    call += 1;
    const int64_t parts = std::max<int64_t>(1, std::min<int64_t>(at::get_num_threads(), 64));
    touched.assign(parts, {});
    float *to = made.data_ptr<float>();
    lawn::parallel_for(0, parts, 1, [&](int64_t begin, int64_t end) {
      for (int64_t part = begin; part < end; ++part) {
        work(Part{to, calls.data(), call, &touched[part], part, parts});
      }
    });
    lawn::parallel_for(0, before.size(), 1, [&](int64_t begin, int64_t end) {
      for (int64_t part = begin; part < end; ++part) {
        for (const int64_t row : before[part]) {
          if (calls[row] != call) {
            std::memset(to + row * width, 0, width * sizeof(float));
          }
        }
      }
    });
    sum = std::move(made);
    version = written();
    // Another tensor of the same memory, which autograd may keep as the gradient.
    return sum.detach();
  }
};

// What Rust holds of one.
using SharedRowGradient = std::shared_ptr<RowGradient>;

// What the kernels here read without another look.
inline void require_table(const at::Tensor &table) {
  TORCH_CHECK(suits(table) && table.dim() == 2, "a table is [rows, width] f32 on the CPU, not ",
              table.sizes(), " ", table.scalar_type(), " on ", table.device());
}

inline void require_rows(const at::Tensor &rows, int64_t dim) {
  TORCH_CHECK(rows.device().is_cpu() && rows.scalar_type() == at::kLong && rows.dim() == dim,
              "row numbers are ", dim == 1 ? "[N]" : "[N, C]", " i64 on the CPU, not ",
              rows.sizes(), " ", rows.scalar_type(), " on ", rows.device());
}

inline void require_row(int64_t row, int64_t count) {
  TORCH_CHECK_INDEX(row >= 0 && row < count, "row ", row, " of a table of ", count, " rows");
}

} // namespace lawn
