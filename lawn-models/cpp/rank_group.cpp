// Sums and copies over the ranks of a trial, by c10d's process group over Gloo.

#include "guard.h"

#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>

namespace lawn {

struct RankGroup {
  c10::intrusive_ptr<c10d::ProcessGroupGloo> group;
};

struct RankWork {
  c10::intrusive_ptr<c10d::Work> work;
  // What it works on stays until it is done.
  std::vector<at::Tensor> tensors;
};

inline c10::intrusive_ptr<c10d::ProcessGroupGloo> &group_of(void *group) {
  return static_cast<RankGroup *>(group)->group;
}

inline RankWork *sum(const c10::intrusive_ptr<c10d::ProcessGroupGloo> &group,
                     const at::Tensor &tensor) {
  auto work = std::make_unique<RankWork>();
  work->tensors = {tensor};
  work->work = group->allreduce(work->tensors);
  return work.release();
}

// Begins to fill a tensor with that of the other of two ranks: as many bytes as of a sum, in one round
// and whole, where Gloo's ring goes round twice and in pieces.
inline RankWork *swap(const c10::intrusive_ptr<c10d::ProcessGroupGloo> &group,
                      const at::Tensor &tensor, const at::Tensor &filled) {
  auto work = std::make_unique<RankWork>();
  work->tensors = {tensor, filled};
  std::vector<int64_t> given(2, 0);
  given[1 - group->getRank()] = tensor.numel();
  // Each is moved from.
  auto taken = given;
  work->work = group->alltoall_base(work->tensors[1], work->tensors[0], taken, given);
  return work.release();
}

} // namespace lawn

extern "C" {

// Meets all ranks, in so much time; what is begun later may take as long as `timeout_ms`. Connections
// are made from the address that a name stands for, or from a network interface; from this machine's
// where neither is given.
char *lawn_rank_group_open(void *store, int rank, int ranks, const char *host,
                           const char *interface, int64_t meeting_ms, int64_t timeout_ms,
                           void **opened) {
  return lawn::guarded([&] {
    using c10d::ProcessGroupGloo;
    auto options = ProcessGroupGloo::Options::create(std::chrono::milliseconds(meeting_ms));
    const std::string from = host, by = interface;
    options->devices = {!from.empty() ? ProcessGroupGloo::createDeviceForHostname(from)
                        : !by.empty() ? ProcessGroupGloo::createDeviceForInterface(by)
                                      : ProcessGroupGloo::createDefaultDevice()};
    // A small sum of a step is not to wait for its buckets.
    options->threads = 2;
    auto group = c10::make_intrusive<ProcessGroupGloo>(lawn::store_of(store), rank, ranks, options);
    group->setTimeout(std::chrono::milliseconds(timeout_ms));
    *opened = new lawn::RankGroup{std::move(group)};
  });
}

void lawn_rank_group_close(void *group) { delete static_cast<lawn::RankGroup *>(group); }

// Begins to put the sum over all ranks in the place of a tensor.
char *lawn_rank_sum(void *group, void *tensor, void **work) {
  return lawn::guarded(
      [&] { *work = lawn::sum(lawn::group_of(group), *static_cast<at::Tensor *>(tensor)); });
}

// Begins to put the tensor of one rank in the place of those of all.
char *lawn_rank_broadcast(void *group, void *tensor, int from, void **work) {
  return lawn::guarded([&] {
    auto begun = std::make_unique<lawn::RankWork>();
    begun->tensors = {*static_cast<at::Tensor *>(tensor)};
    c10d::BroadcastOptions options;
    options.rootRank = from;
    begun->work = lawn::group_of(group)->broadcast(begun->tensors, options);
    *work = begun.release();
  });
}

// Begins to fill a tensor with those of all ranks, one behind the other; they are of one size.
char *lawn_rank_gather(void *group, void *tensor, void *all, void **work) {
  return lawn::guarded([&] {
    auto begun = std::make_unique<lawn::RankWork>();
    auto &own = *static_cast<at::Tensor *>(tensor);
    auto &filled = *static_cast<at::Tensor *>(all);
    begun->tensors = {own, filled};
    begun->work = lawn::group_of(group)->_allgather_base(filled, own);
    *work = begun.release();
  });
}

// Begins to give each rank its rows of a tensor, and to take those that the others have for this
// one: `given` and `taken` are rows a rank.
char *lawn_rank_exchange(void *group, void *tensor, void *filled, const int64_t *given,
                         const int64_t *taken, int64_t ranks, void **work) {
  return lawn::guarded([&] {
    auto begun = std::make_unique<lawn::RankWork>();
    auto &own = *static_cast<at::Tensor *>(tensor);
    auto &others = *static_cast<at::Tensor *>(filled);
    begun->tensors = {own, others};
    std::vector<int64_t> gives(given, given + ranks), takes(taken, taken + ranks);
    begun->work = lawn::group_of(group)->alltoall_base(others, own, takes, gives);
    *work = begun.release();
  });
}

// Waits so long for what was begun; says whether it is done.
char *lawn_rank_wait(void *work, int64_t timeout_ms, int *done) {
  return lawn::guarded([&] {
    auto &begun = static_cast<lawn::RankWork *>(work)->work;
    *done = 0;
    try {
      begun->wait(std::chrono::milliseconds(timeout_ms));
      *done = 1;
    } catch (const std::exception &) {
      // Where it is over, this is why; where it is not, the time was.
      if (begun->isCompleted()) {
        throw;
      }
    }
  });
}

// Gives up what is done. What is not is left to the process: Gloo's thread still works on it.
void lawn_rank_forget(void *work, int done) {
  if (done) {
    delete static_cast<lawn::RankWork *>(work);
  }
}
}
