// A row of one table together with a row of another: their product, or the ReLU of their sum.

#include "rows.h"

namespace {

using lawn::Part;

LAWN_VECTORIZED void combine(bool product, float *__restrict to, const float *a, const float *b,
                             const int64_t *rows_a, const int64_t *rows_b, int64_t samples,
                             int64_t width) {
  for (int64_t n = 0; n < samples; ++n, to += width) {
    const float *x = a + rows_a[n] * width, *y = b + rows_b[n] * width;
    if (product) {
      for (int64_t k = 0; k < width; ++k) {
        to[k] = x[k] * y[k];
      }
    } else {
      for (int64_t k = 0; k < width; ++k) {
        const float value = x[k] + y[k];
        to[k] = value < 0 ? 0 : value;
      }
    }
  }
}

// Of a product: the gradient times the row of the other table.
LAWN_VECTORIZED void add_products(const Part &part, const int64_t *rows, const int64_t *others,
                                  const float *other, const float *gradient, int64_t samples,
                                  int64_t width) {
  for (int64_t n = 0; n < samples; ++n, gradient += width) {
    if (!part.has(rows[n])) {
      continue;
    }
    float *__restrict to = part.sum + rows[n] * width;
    const float *by = other + others[n] * width;
    if (part.is_first(rows[n])) {
      for (int64_t k = 0; k < width; ++k) {
        to[k] = gradient[k] * by[k];
      }
    } else {
      for (int64_t k = 0; k < width; ++k) {
        to[k] += gradient[k] * by[k];
      }
    }
  }
}

// Of a ReLU: the gradient where the output is not 0.
LAWN_VECTORIZED void add_masked(const Part &part, const int64_t *rows, const float *output,
                                const float *gradient, int64_t samples, int64_t width) {
  for (int64_t n = 0; n < samples; ++n, gradient += width, output += width) {
    if (!part.has(rows[n])) {
      continue;
    }
    float *__restrict to = part.sum + rows[n] * width;
    if (part.is_first(rows[n])) {
      for (int64_t k = 0; k < width; ++k) {
        to[k] = output[k] <= 0 ? 0 : gradient[k];
      }
    } else {
      for (int64_t k = 0; k < width; ++k) {
        to[k] += output[k] <= 0 ? 0 : gradient[k];
      }
    }
  }
}

struct TwoRowsBackward : public torch::autograd::Node {
  // Tables of a product, or the output of a ReLU.
  torch::autograd::SavedVariable tables[2], rows[2], output;
  int64_t counts[2] = {0, 0};
  bool product = false;
  lawn::SharedRowGradient memories[2];

  std::string name() const override { return "LawnTwoRowsBackward"; }
  void release_variables() override {
    std::lock_guard<std::mutex> lock(mutex_);
    for (int side = 0; side < 2; ++side) {
      tables[side].reset_data();
      rows[side].reset_data();
    }
    output.reset_data();
  }

  torch::autograd::variable_list apply(torch::autograd::variable_list &&gradients) override {
    std::lock_guard<std::mutex> lock(mutex_);
    lawn::require_last_gradient();
    torch::autograd::variable_list answer(2);
    if (!gradients[0].defined()) {
      return answer;
    }
    at::NoGradGuard no_grad;
    const at::Tensor numbers[2] = {rows[0].unpack(), rows[1].unpack()};
    const at::Tensor y = product ? at::Tensor() : output.unpack(shared_from_this());
    const at::Tensor gradient = gradients[0].contiguous();
    const auto *from = gradient.const_data_ptr<float>();
    const int64_t samples = gradient.size(0), width = gradient.size(1);
    for (int side = 0; side < 2; ++side) {
      if (!task_should_compute_output(side)) {
        continue;
      }
      const auto *own = numbers[side].const_data_ptr<int64_t>();
      const auto *others = numbers[1 - side].const_data_ptr<int64_t>();
      const at::Tensor read = product ? tables[1 - side].unpack() : y;
      const auto *values = read.const_data_ptr<float>();
      answer[side] = memories[side]->add_up(
          counts[side], width, gradient.options(), [&](const Part &part) {
            if (product) {
              add_products(part, own, others, values, from, samples, width);
            } else {
              add_masked(part, own, values, from, samples, width);
            }
          });
    }
    return answer;
  }
};

} // namespace

extern "C" {

// Whether `lawn_two_rows` takes these tables.
bool lawn_two_rows_suits(at::Tensor *a, at::Tensor *b) {
  return lawn::suits(*a) && lawn::suits(*b);
}

// Rows [n] of two tables of one width: a[rows_a] ∘ b[rows_b], or relu(a[rows_a] + b[rows_b]).
char *lawn_two_rows(at::Tensor *a, at::Tensor *b, at::Tensor *rows_a, at::Tensor *rows_b,
                    bool product, void *memory_a, void *memory_b, at::Tensor **found) {
  return lawn::guarded([&] {
    lawn::require_table(*a);
    lawn::require_table(*b);
    lawn::require_rows(*rows_a, 1);
    lawn::require_rows(*rows_b, 1);
    TORCH_CHECK(a->size(1) == b->size(1), "two tables of one width, not of ", a->size(1), " and ",
                b->size(1));
    TORCH_CHECK(rows_a->size(0) == rows_b->size(0), "as many rows of one table as of the other, not ",
                rows_a->size(0), " and ", rows_b->size(0));
    const at::Tensor tables[2] = {a->detach().contiguous(), b->detach().contiguous()};
    const at::Tensor rows[2] = {rows_a->contiguous(), rows_b->contiguous()};
    const int64_t samples = rows[0].size(0), width = tables[0].size(1);
    at::Tensor out = at::empty({samples, width}, tables[0].options());
    float *to = out.data_ptr<float>();
    const float *values[2] = {tables[0].const_data_ptr<float>(), tables[1].const_data_ptr<float>()};
    const int64_t *numbers[2] = {rows[0].const_data_ptr<int64_t>(),
                                 rows[1].const_data_ptr<int64_t>()};
    lawn::parallel_for(0, samples, lawn::grain(width), [&](int64_t begin, int64_t end) {
      for (int side = 0; side < 2; ++side) {
        for (int64_t n = begin; n < end; ++n) {
          lawn::require_row(numbers[side][n], tables[side].size(0));
        }
      }
      combine(product, to + begin * width, values[0], values[1], numbers[0] + begin,
              numbers[1] + begin, end - begin, width);
    });
    if (at::GradMode::is_enabled() && (a->requires_grad() || b->requires_grad())) {
      auto node =
          std::shared_ptr<TwoRowsBackward>(new TwoRowsBackward(), torch::autograd::deleteNode);
      void *memories[2] = {memory_a, memory_b};
      for (int side = 0; side < 2; ++side) {
        if (product) {
          node->tables[side] = torch::autograd::SavedVariable(tables[side], false);
        }
        node->rows[side] = torch::autograd::SavedVariable(rows[side], false);
        node->counts[side] = tables[side].size(0);
        node->memories[side] = *static_cast<lawn::SharedRowGradient *>(memories[side]);
      }
      node->product = product;
      node->set_next_edges(torch::autograd::collect_next_edges(*a, *b));
      torch::autograd::set_history(out, node);
      if (!product) {
        node->output = torch::autograd::SavedVariable(out, true);
      }
    }
    *found = new at::Tensor(out);
  });
}
}
