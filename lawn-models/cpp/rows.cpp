// Rows of a table, and a gradient that costs as much as the rows that were looked up.

#include "guard.h"

#include <memory>
#include <vector>

#include <ATen/ATen.h>
#include <torch/csrc/autograd/function.h>
#include <torch/csrc/autograd/functions/utils.h>

namespace {

// The gradient of a table from one step to the next: all rows are 0 but those of the last call.
struct RowGradient {
  // [rows, width] f32
  at::Tensor sum;
  uint32_t version = 0;
  // By row, the last call that touched it.
  std::vector<uint32_t> calls;
  uint32_t call = 0;
  // By part of the work, the rows that the last call touched.
  std::vector<std::vector<int64_t>> touched;

  // Whether nobody else has it or has written to it.
  bool is_free(int64_t rows, int64_t width) const {
    return sum.defined() && sum.size(0) == rows && sum.size(1) == width &&
           sum.storage().use_count() == 1 &&
           sum.unsafeGetTensorImpl()->version_counter().current_version() == version &&
           call + 1 != 0;
  }
};


// One part of the work: the rows that leave the remainder `part`. Samples are added in their
// order, however many parts there are.
LAWN_VECTORIZED void add_rows(float *sum, uint32_t *calls, uint32_t call,
                              std::vector<int64_t> &touched, const int64_t *rows,
                              const float *gradient, int64_t samples, int64_t columns,
                              int64_t skipped, int64_t width, int64_t part, int64_t parts) {
  const int64_t stride = (columns + skipped) * width;
  const bool all = parts == 1;
  const int64_t mask = (parts & (parts - 1)) == 0 ? parts - 1 : 0;
  for (int64_t n = 0; n < samples; ++n) {
    const float *from = gradient + n * stride + skipped * width;
    for (int64_t c = 0; c < columns; ++c, from += width) {
      const int64_t row = rows[n * columns + c];
      if (!all && (mask ? (row & mask) : row % parts) != part) {
        continue;
      }
      float *to = sum + row * width;
      if (calls[row] == call) {
        for (int64_t k = 0; k < width; ++k) {
          to[k] += from[k];
        }
      } else {
        calls[row] = call;
        touched.push_back(row);
        for (int64_t k = 0; k < width; ++k) {
          to[k] = from[k];
        }
      }
    }
  }
}

struct RowsBackward : public torch::autograd::Node {
  at::Tensor rows;
  int64_t count = 0;
  int64_t columns = 0;
  int64_t skipped = 0;
  std::shared_ptr<RowGradient> memory;

  std::string name() const override { return "LawnRowsBackward"; }
  void release_variables() override { rows.reset(); }

  torch::autograd::variable_list apply(torch::autograd::variable_list &&gradients) override {
    torch::autograd::variable_list answer(1 + skipped);
    if (!gradients[0].defined()) {
      return answer;
    }
    at::NoGradGuard no_grad;
    const at::Tensor gradient = gradients[0].contiguous();
    const int64_t width = gradient.size(2);
    if (skipped > 0 && task_should_compute_output(1)) {
      answer[1] = gradient.select(1, 0).contiguous();
    }
    if (task_should_compute_output(0)) {
      answer[0] = of_table(gradient, width);
    }
    return answer;
  }

  at::Tensor of_table(const at::Tensor &gradient, int64_t width) {
    TORCH_CHECK(rows.defined(), "the graph of a look-up was gone through twice");
    RowGradient &last = *memory;
    const int64_t parts = std::max<int64_t>(1, std::min<int64_t>(at::get_num_threads(), 64));
    std::vector<std::vector<int64_t>> before;
    if (last.is_free(count, width)) {
      before.swap(last.touched);
    } else {
      last.sum = at::zeros({count, width}, gradient.options());
      last.calls.assign(count, 0);
      last.call = 0;
    }
    last.call += 1;
    last.touched.assign(parts, {});
    float *sum = last.sum.data_ptr<float>();
    const auto *numbers = rows.const_data_ptr<int64_t>();
    const auto *values = gradient.const_data_ptr<float>();
    at::parallel_for(0, parts, 1, [&](int64_t begin, int64_t end) {
      for (int64_t part = begin; part < end; ++part) {
        add_rows(sum, last.calls.data(), last.call, last.touched[part], numbers, values,
                 gradient.size(0), columns, skipped, width, part, parts);
      }
    });
    at::parallel_for(0, before.size(), 1, [&](int64_t begin, int64_t end) {
      for (int64_t part = begin; part < end; ++part) {
        for (const int64_t row : before[part]) {
          if (last.calls[row] != last.call) {
            std::memset(sum + row * width, 0, width * sizeof(float));
          }
        }
      }
    });
    last.version = last.sum.unsafeGetTensorImpl()->version_counter().current_version();
    // Another tensor of the same memory, which autograd may keep as the gradient.
    return last.sum.detach();
  }
};

} // namespace

extern "C" {

void *lawn_row_gradient() {
  return new std::shared_ptr<RowGradient>(std::make_shared<RowGradient>());
}

void lawn_free_row_gradient(void *memory) {
  delete static_cast<std::shared_ptr<RowGradient> *>(memory);
}

// Whether `lawn_look_up` takes this table.
bool lawn_look_up_suits(at::Tensor *table) { return lawn::suits(*table); }

// [n, C] of [rows, width] to [n, C, width], behind `first` [n, width] if there is one.
char *lawn_look_up(at::Tensor *table, at::Tensor *numbers, at::Tensor *first, void *memory,
                   at::Tensor **found) {
  return lawn::guarded([&] {
    const at::Tensor values = table->detach().contiguous();
    const at::Tensor rows = numbers->contiguous();
    const int64_t samples = rows.size(0), columns = rows.size(1);
    const int64_t count = values.size(0), width = values.size(1);
    const int64_t skipped = first ? 1 : 0;
    at::Tensor out = at::empty({samples, columns + skipped, width}, values.options());
    const at::Tensor before = first ? first->detach().contiguous() : at::Tensor();
    const float *from = values.const_data_ptr<float>();
    const float *ahead = first ? before.const_data_ptr<float>() : nullptr;
    const auto *number = rows.const_data_ptr<int64_t>();
    float *to = out.data_ptr<float>();
    const int64_t grain = std::max<int64_t>(1, (1 << 15) / ((columns + 1) * width));
    at::parallel_for(0, samples, grain, [&](int64_t begin, int64_t end) {
      const size_t bytes = width * sizeof(float);
      for (int64_t n = begin; n < end; ++n) {
        float *line = to + n * (columns + skipped) * width;
        if (ahead) {
          std::memcpy(line, ahead + n * width, bytes);
          line += width;
        }
        for (int64_t c = 0; c < columns; ++c, line += width) {
          const int64_t row = number[n * columns + c];
          TORCH_CHECK_INDEX(row >= 0 && row < count, "row ", row, " of a table of ", count,
                            " rows");
          std::memcpy(line, from + row * width, bytes);
        }
      }
    });
    const bool follows = at::GradMode::is_enabled() &&
                         (table->requires_grad() || (first && first->requires_grad()));
    if (follows) {
      auto node = std::shared_ptr<RowsBackward>(new RowsBackward(), torch::autograd::deleteNode);
      node->rows = rows;
      node->count = count;
      node->columns = columns;
      node->skipped = skipped;
      node->memory = *static_cast<std::shared_ptr<RowGradient> *>(memory);
      torch::autograd::edge_list edges = torch::autograd::collect_next_edges(*table);
      if (first) {
        edges.push_back(torch::autograd::impl::gradient_edge(*first));
      }
      node->set_next_edges(std::move(edges));
      torch::autograd::set_history(out, node);
    }
    *found = new at::Tensor(out);
  });
}
}
