// Threads for the kernels here: those of the OpenMP that libtorch itself has loaded.
#pragma once

#include <algorithm>
#include <cstdint>
#include <exception>
#include <mutex>

#include <dlfcn.h>

#include <ATen/Parallel.h>

namespace lawn {

// What is used of libgomp, or of libiomp5, which has the same functions. `at::parallel_for` is a
// template: compiled without OpenMP it has one thread, and compiled with it the program would be
// linked to the compiler's libgomp, whose threads spin beside those of libtorch's own.
struct OpenMp {
  using Body = void (*)(void *);
  void (*parallel)(Body, void *, unsigned threads, unsigned flags);
  int (*thread)();
  int (*threads)();

  static const OpenMp &loaded() {
    static const OpenMp found = [] {
      OpenMp it;
      it.parallel = reinterpret_cast<decltype(it.parallel)>(dlsym(RTLD_DEFAULT, "GOMP_parallel"));
      it.thread = reinterpret_cast<decltype(it.thread)>(dlsym(RTLD_DEFAULT, "omp_get_thread_num"));
      it.threads = reinterpret_cast<decltype(it.threads)>(dlsym(RTLD_DEFAULT, "omp_get_num_threads"));
      return it;
    }();
    return found;
  }

  bool is_there() const { return parallel && thread && threads; }
};

// Takes [begin, end) in runs of at least `grain`, one a thread. As with libtorch, a call from
// within another one takes all of it.
template <typename Body>
void parallel_for(int64_t begin, int64_t end, int64_t grain, const Body &body) {
  if (begin >= end) {
    return;
  }
  const OpenMp &open_mp = OpenMp::loaded();
  const int64_t runs = (end - begin + grain - 1) / std::max<int64_t>(1, grain);
  const int64_t wanted = std::min<int64_t>(at::get_num_threads(), runs);
  if (wanted <= 1 || at::in_parallel_region() || !open_mp.is_there()) {
    body(begin, end);
    return;
  }
  struct Team {
    int64_t begin, end;
    const Body &body;
    const OpenMp &open_mp;
    std::mutex mutex;
    std::exception_ptr thrown;
  } team{begin, end, body, open_mp, {}, nullptr};
  open_mp.parallel(
      [](void *data) {
        Team &team = *static_cast<Team *>(data);
        // There may be fewer threads than were asked for.
        const int64_t threads = team.open_mp.threads(), thread = team.open_mp.thread();
        const int64_t share = (team.end - team.begin + threads - 1) / threads;
        const int64_t from = team.begin + thread * share, to = std::min(team.end, from + share);
        if (from >= to) {
          return;
        }
        try {
          team.body(from, to);
        } catch (...) {
          std::lock_guard<std::mutex> lock(team.mutex);
          team.thrown = std::current_exception();
        }
      },
      &team, static_cast<unsigned>(wanted), 0);
  if (team.thrown) {
    std::rethrow_exception(team.thrown);
  }
}

} // namespace lawn
