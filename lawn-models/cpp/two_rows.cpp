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
  at::Tensor tables[2], rows[2], output;
  bool product = false;
  lawn::SharedRowGradient memories[2];

  std::string name() const override { return "LawnTwoRowsBackward"; }
  void release_variables() override {
    for (int side = 0; side < 2; ++side) {
      tables[side].reset();
      rows[side].reset();
    }
    output.reset();
  }

  torch::autograd::variable_list apply(torch::autograd::variable_list &&gradients) override {
    torch::autograd::variable_list answer(2);
    if (!gradients[0].defined()) {
      return answer;
    }
    TORCH_CHECK(rows[0].defined(), "the graph of two look-ups was gone through twice");
    at::NoGradGuard no_grad;
    const at::Tensor gradient = gradients[0].contiguous();
    const auto *from = gradient.const_data_ptr<float>();
    const int64_t samples = gradient.size(0), width = gradient.size(1);
    for (int side = 0; side < 2; ++side) {
      if (!task_should_compute_output(side)) {
        continue;
      }
      const auto *own = rows[side].const_data_ptr<int64_t>();
      const auto *others = rows[1 - side].const_data_ptr<int64_t>();
      const int64_t count = tables[side].size(0);
      answer[side] = memories[side]->add_up(
          count, width, gradient.options(), [&](const Part &part) {
            if (product) {
              const auto *other = tables[1 - side].const_data_ptr<float>();
              add_products(part, own, others, other, from, samples, width);
            } else {
              add_masked(part, own, output.const_data_ptr<float>(), from, samples, width);
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
    const at::Tensor tables[2] = {a->detach().contiguous(), b->detach().contiguous()};
    const at::Tensor rows[2] = {rows_a->contiguous(), rows_b->contiguous()};
    const int64_t samples = rows[0].size(0), width = tables[0].size(1);
    TORCH_CHECK(tables[1].size(1) == width && rows[1].size(0) == samples,
                "two tables of one width, and as many rows of both");
    at::Tensor out = at::empty({samples, width}, tables[0].options());
    float *to = out.data_ptr<float>();
    const float *values[2] = {tables[0].const_data_ptr<float>(), tables[1].const_data_ptr<float>()};
    const int64_t *numbers[2] = {rows[0].const_data_ptr<int64_t>(),
                                 rows[1].const_data_ptr<int64_t>()};
    const int64_t grain = std::max<int64_t>(1, (1 << 15) / width);
    at::parallel_for(0, samples, grain, [&](int64_t begin, int64_t end) {
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
        node->tables[side] = tables[side];
        node->rows[side] = rows[side];
        node->memories[side] = *static_cast<lawn::SharedRowGradient *>(memories[side]);
      }
      node->product = product;
      if (!product) {
        // Of the same memory, but not the tensor that leads to this node.
        node->output = out.detach();
      }
      node->set_next_edges(torch::autograd::collect_next_edges(*a, *b));
      torch::autograd::set_history(out, node);
    }
    *found = new at::Tensor(out);
  });
}
}
