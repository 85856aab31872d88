// Rows of a table, and a gradient that costs as much as the rows that were looked up.

#include "rows.h"

namespace {

using lawn::Part;

LAWN_VECTORIZED void add_rows(const Part &part, const int64_t *rows, const float *gradient,
                              int64_t samples, int64_t columns, int64_t skipped,
                              int64_t width) {
  const int64_t stride = (columns + skipped) * width;
  for (int64_t n = 0; n < samples; ++n) {
    const float *from = gradient + n * stride + skipped * width;
    for (int64_t c = 0; c < columns; ++c, from += width) {
      const int64_t row = rows[n * columns + c];
      if (!part.has(row)) {
        continue;
      }
      float *__restrict to = part.sum + row * width;
      if (part.is_first(row)) {
        for (int64_t k = 0; k < width; ++k) {
          to[k] = from[k];
        }
      } else {
        for (int64_t k = 0; k < width; ++k) {
          to[k] += from[k];
        }
      }
    }
  }
}

struct RowsBackward : public torch::autograd::Node {
  torch::autograd::SavedVariable rows;
  int64_t count = 0;
  int64_t columns = 0;
  int64_t skipped = 0;
  lawn::SharedRowGradient memory;

  std::string name() const override { return "LawnRowsBackward"; }
  void release_variables() override {
    std::lock_guard<std::mutex> lock(mutex_);
    rows.reset_data();
  }

  torch::autograd::variable_list apply(torch::autograd::variable_list &&gradients) override {
    std::lock_guard<std::mutex> lock(mutex_);
    lawn::require_last_gradient();
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
    const at::Tensor saved = rows.unpack();
    const auto *numbers = saved.const_data_ptr<int64_t>();
    const auto *values = gradient.const_data_ptr<float>();
    return memory->add_up(count, width, gradient.options(), [&](const Part &part) {
      add_rows(part, numbers, values, gradient.size(0), columns, skipped, width);
    });
  }
};

} // namespace

extern "C" {

void *lawn_row_gradient() {
  return new lawn::SharedRowGradient(std::make_shared<lawn::RowGradient>());
}

void lawn_free_row_gradient(void *memory) {
  delete static_cast<lawn::SharedRowGradient *>(memory);
}

// Whether `lawn_look_up` takes this table.
bool lawn_look_up_suits(at::Tensor *table) { return lawn::suits(*table); }

// [n, C] of [rows, width] to [n, C, width], behind `first` [n, width] if there is one.
char *lawn_look_up(at::Tensor *table, at::Tensor *numbers, at::Tensor *first, void *memory,
                   at::Tensor **found) {
  return lawn::guarded([&] {
    lawn::require_table(*table);
    lawn::require_rows(*numbers, 2);
    if (first) {
      TORCH_CHECK(lawn::suits(*first) &&
                      first->sizes() == at::IntArrayRef({numbers->size(0), table->size(1)}),
                  "what comes first is [N, width] f32 on the CPU, not ", first->sizes(), " ",
                  first->scalar_type(), " on ", first->device());
    }
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
    lawn::parallel_for(0, samples, lawn::grain((columns + 1) * width), [&](int64_t begin, int64_t end) {
      const size_t bytes = width * sizeof(float);
      for (int64_t n = begin; n < end; ++n) {
        float *line = to + n * (columns + skipped) * width;
        if (ahead) {
          std::memcpy(line, ahead + n * width, bytes);
          line += width;
        }
        for (int64_t c = 0; c < columns; ++c, line += width) {
          const int64_t row = number[n * columns + c];
          lawn::require_row(row, count);
          std::memcpy(line, from + row * width, bytes);
        }
      }
    });
    const bool follows = at::GradMode::is_enabled() &&
                         (table->requires_grad() || (first && first->requires_grad()));
    if (follows) {
      auto node = std::shared_ptr<RowsBackward>(new RowsBackward(), torch::autograd::deleteNode);
      node->rows = torch::autograd::SavedVariable(rows, false);
      node->count = count;
      node->columns = columns;
      node->skipped = skipped;
      node->memory = *static_cast<lawn::SharedRowGradient *>(memory);
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
