// The gradients of a step, summed over the ranks in buckets while backward still goes on. The last
// bucket also carries what the ranks ask each other: a sum costs its rounds between the ranks, however
// small it is.

#include "guard.h"

#include <torch/csrc/autograd/function_hook.h>
#include <torch/csrc/autograd/variable.h>

namespace lawn {

// Gradients that are summed together, in f32.
struct Bucket {
  at::Tensor flat;
  // Those of the other rank, where there are two.
  at::Tensor other;
  // The parameters it is of, in the order of the buckets.
  size_t begin = 0, end = 0;
  // How many of them have no gradient yet.
  size_t pending = 0;
  RankWork *work = nullptr;
};

class RankGradients {
public:
  // The first bucket is a small one, so that summing begins early. Tables, which backward comes to
  // last, are in no bucket with as much of anything else as `least_bytes`. With the gradients go
  // `asks` numbers of the caller's.
  RankGradients(c10::intrusive_ptr<c10d::ProcessGroupGloo> group, std::vector<at::Tensor> parameters,
                std::vector<uint8_t> is_table, int64_t asks, int64_t first_bytes,
                int64_t bucket_bytes, int64_t least_bytes)
      : group_(std::move(group)), parameters_(std::move(parameters)), asks_(asks) {
    // Backward reaches the last parameter first.
    std::reverse(parameters_.begin(), parameters_.end());
    std::reverse(is_table.begin(), is_table.end());
    int64_t held = 0;
    std::vector<int64_t> offsets;
    for (size_t at = 0; at < parameters_.size(); ++at) {
      const int64_t numbers = parameters_[at].numel();
      const int64_t most = buckets_.empty() ? first_bytes : bucket_bytes;
      const bool is_other = at > 0 && is_table[at] != is_table[at - 1] && held * 4 >= least_bytes;
      if (is_other || (held + numbers) * 4 > most) {
        close(held, at);
        held = 0;
      }
      bucket_of_.push_back(buckets_.size());
      offsets.push_back(held);
      held += numbers;
    }
    carried_at_ = held;
    close(held + carried(), parameters_.size());
    for (size_t at = 0; at < parameters_.size(); ++at) {
      slices_.push_back(slice(at, offsets[at]));
    }
    for (size_t at = 0; at < parameters_.size(); ++at) {
      torch::autograd::impl::set_post_acc_grad_hooks(parameters_[at],
                                                     std::make_unique<Hook>(this, at));
    }
  }

  ~RankGradients() {
    for (const auto &parameter : parameters_) {
      torch::autograd::impl::set_post_acc_grad_hooks(parameter, nullptr);
    }
  }

  // The next backward is the last of the step.
  void arm() {
    is_armed_ = true;
    is_copied_.assign(parameters_.size(), false);
    next_ = 0;
    for (auto &bucket : buckets_) {
      bucket.pending = bucket.end - bucket.begin;
    }
    failure_ = nullptr;
  }

  // Begins to sum what backward has not, with what the caller asks.
  void launch(const float *asks) {
    if (!is_armed_) {
      arm();
    }
    is_armed_ = false;
    if (failure_) {
      std::rethrow_exception(std::exchange(failure_, nullptr));
    }
    const at::NoGradGuard guard;
    const size_t count = parameters_.size();
    float *own = carried_numbers();
    std::copy(asks, asks + asks_, own + count);
    for (size_t at = 0; at < count; ++at) {
      const auto &gradient = parameters_[at].grad();
      own[count - 1 - at] = gradient.defined();
      if (is_copied_[at]) {
        continue;
      }
      if (gradient.defined()) {
        slices_[at].copy_(gradient);
      } else {
        slices_[at].zero_();
      }
    }
    while (next_ < buckets_.size()) {
      begin_next();
    }
  }

  // Waits so long for each bucket; says whether all are done.
  bool wait(int64_t timeout_ms) {
    for (auto &bucket : buckets_) {
      if (!bucket.work) {
        continue;
      }
      int done = 0;
      char *error = lawn_rank_wait(bucket.work, timeout_ms, &done);
      if (error) {
        const std::string said = error;
        free(error);
        TORCH_CHECK(false, said);
      }
      if (!done) {
        return false;
      }
      delete std::exchange(bucket.work, nullptr);
      if (bucket.other.defined()) {
        const at::NoGradGuard guard;
        bucket.flat.add_(bucket.other);
      }
    }
    return true;
  }

  // Puts the sums where the optimizer finds them, for the parameters that have a gradient on any
  // rank; they stay in the buckets. Gives the sums of what was asked.
  void place(float *answers) {
    const float *sums = carried_numbers();
    const size_t count = parameters_.size();
    for (size_t at = 0; at < count; ++at) {
      auto &gradient = parameters_[at].mutable_grad();
      if (sums[count - 1 - at] == 0) {
        gradient = at::Tensor();
      } else if (parameters_[at].device() == slices_[at].device()) {
        gradient = slices_[at];
      } else {
        gradient = slices_[at].to(parameters_[at].device());
      }
    }
    std::copy(sums + count, sums + carried(), answers);
  }

private:
  struct Hook : public torch::autograd::PostAccumulateGradHook {
    Hook(RankGradients *owner, size_t at) : owner(owner), at(at) {}
    void operator()(const torch::autograd::Variable &) override { owner->accumulated(at); }
    RankGradients *owner;
    size_t at;
  };

  // For each parameter, in the caller's order, whether it has a gradient, and what is asked.
  int64_t carried() const { return static_cast<int64_t>(parameters_.size()) + asks_; }

  float *carried_numbers() { return buckets_.back().flat.data_ptr<float>() + carried_at_; }

  void close(int64_t numbers, size_t end) {
    if (numbers > 0) {
      Bucket bucket;
      bucket.flat = at::zeros({numbers}, at::kFloat);
      if (group_->getSize() == 2) {
        bucket.other = at::empty_like(bucket.flat);
      }
      bucket.begin = buckets_.empty() ? 0 : buckets_.back().end;
      bucket.end = end;
      buckets_.push_back(std::move(bucket));
    }
  }

  // The place of a gradient, laid as its parameter is. It is no view, which autograd would not
  // let go of.
  at::Tensor slice(size_t at, int64_t offset) {
    const auto &parameter = parameters_[at];
    const auto &flat = buckets_[bucket_of_[at]].flat;
    auto slice = at::empty({0}, flat.options());
    slice.set_(flat.storage(), offset, parameter.sizes(), parameter.strides());
    return slice;
  }

  void begin_next() {
    auto &bucket = buckets_[next_++];
    bucket.work = bucket.other.defined() ? lawn::swap(group_, bucket.flat, bucket.other)
                                         : lawn::sum(group_, bucket.flat);
  }

  // A gradient of the last backward is whole. Buckets begin in one order on all ranks; the last waits
  // for what it carries.
  void accumulated(size_t at) {
    if (!is_armed_ || failure_ || is_copied_[at]) {
      return;
    }
    try {
      const at::NoGradGuard guard;
      slices_[at].copy_(parameters_[at].grad());
      is_copied_[at] = true;
      --buckets_[bucket_of_[at]].pending;
      while (next_ + 1 < buckets_.size() && buckets_[next_].pending == 0) {
        begin_next();
      }
    } catch (...) {
      // It is said by `launch`: no exception passes through backward.
      failure_ = std::current_exception();
    }
  }

  c10::intrusive_ptr<c10d::ProcessGroupGloo> group_;
  std::vector<at::Tensor> parameters_;
  std::vector<size_t> bucket_of_;
  std::vector<at::Tensor> slices_;
  std::vector<Bucket> buckets_;
  std::vector<bool> is_copied_;
  std::exception_ptr failure_;
  // Numbers of the caller's, and where all that is carried begins in the last bucket.
  int64_t asks_ = 0, carried_at_ = 0;
  size_t next_ = 0;
  bool is_armed_ = false;
};

inline RankGradients &gradients_of(void *gradients) {
  return *static_cast<RankGradients *>(gradients);
}

} // namespace lawn

extern "C" {

char *lawn_rank_gradients_open(void *group, void **parameters, const uint8_t *is_table,
                               int64_t count, int64_t asks, int64_t first_bytes,
                               int64_t bucket_bytes, int64_t least_bytes, void **opened) {
  return lawn::guarded([&] {
    std::vector<at::Tensor> all;
    for (int64_t at = 0; at < count; ++at) {
      all.push_back(*static_cast<at::Tensor *>(parameters[at]));
    }
    *opened = new lawn::RankGradients(lawn::group_of(group), std::move(all),
                                      {is_table, is_table + count}, asks, first_bytes,
                                      bucket_bytes, least_bytes);
  });
}

void lawn_rank_gradients_arm(void *gradients) { lawn::gradients_of(gradients).arm(); }

char *lawn_rank_gradients_launch(void *gradients, const float *asks) {
  return lawn::guarded([&] { lawn::gradients_of(gradients).launch(asks); });
}

char *lawn_rank_gradients_wait(void *gradients, int64_t timeout_ms, int *done) {
  return lawn::guarded([&] { *done = lawn::gradients_of(gradients).wait(timeout_ms); });
}

char *lawn_rank_gradients_place(void *gradients, float *answers) {
  return lawn::guarded([&] { lawn::gradients_of(gradients).place(answers); });
}

void lawn_rank_gradients_close(void *gradients) {
  delete static_cast<lawn::RankGradients *>(gradients);
}
}
