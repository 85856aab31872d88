// Host memory that is kept and used again.
//
// libtorch gives large blocks back to the system when a tensor goes, and the system clears each
// page anew when the next one comes: in training that is the same memory, step after step.

#include "guard.h"

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <map>
#include <memory>
#include <mutex>
#include <unordered_map>

#include <c10/core/Allocator.h>
#include <c10/core/impl/alloc_cpu.h>

namespace {

constexpr size_t LEAST = 1 << 20;
constexpr size_t STEP = 1 << 16;

void release(void *block);

class HostMemory final : public c10::Allocator {
public:
  c10::DataPtr allocate(size_t bytes) override {
    const c10::Device cpu(c10::DeviceType::CPU);
    // alloc_cpu refuses sizes that would wrap.
    if (bytes < LEAST || bytes > PTRDIFF_MAX - STEP) {
      void *small = nullptr;
      try {
        small = c10::alloc_cpu(bytes);
      } catch (...) {
        let_go();
        small = c10::alloc_cpu(bytes);
      }
      return {small, small, &release, cpu};
    }
    void *block = take((bytes + STEP - 1) / STEP * STEP);
    return {block, block, &release, cpu};
  }

  // oneDNN asks for it; it has to be that of every block, a small one's too.
  c10::DeleterFnPtr raw_deleter() const override { return &release; }

  void copy_data(void *to, const void *from, size_t bytes) const override {
    default_copy_data(to, from, bytes);
  }

  void give(void *block) noexcept {
    if (!keep(block)) {
      c10::free_cpu(block);
    }
  }

  void let_go() {
    std::lock_guard<std::mutex> lock(mutex_);
    shrink(0);
    peak_ = live_;
  }

private:
  // Whether a block is a large one, and kept: without memory to note it, it is not.
  bool keep(void *block) noexcept {
    std::lock_guard<std::mutex> lock(mutex_);
    const auto found = sizes_.find(block);
    if (found == sizes_.end()) {
      return false;
    }
    const size_t size = found->second;
    live_ -= size;
    try {
      // Before those of its size: the last given is the next taken.
      free_.emplace_hint(free_.lower_bound(size), size, block);
    } catch (...) {
      sizes_.erase(found);
      return false;
    }
    kept_ += size;
    return true;
  }

  void *take(size_t bytes) {
    std::lock_guard<std::mutex> lock(mutex_);
    // The smallest that is large enough, and not much larger.
    auto found = free_.lower_bound(bytes);
    if (found != free_.end() && found->first <= bytes + bytes / 8) {
      const auto [size, block] = *found;
      free_.erase(found);
      kept_ -= size;
      count(size);
      return block;
    }
    // All that is there, used or kept, is no more than was ever used at a time.
    shrink(std::max(peak_, live_ + bytes) - live_ - bytes);
    std::unique_ptr<void, void (*)(void *)> block(nullptr, &c10::free_cpu);
    try {
      block.reset(c10::alloc_cpu(bytes));
    } catch (...) {
      shrink(0);
      block.reset(c10::alloc_cpu(bytes));
    }
    sizes_[block.get()] = bytes;
    count(bytes);
    return block.release();
  }

  void count(size_t bytes) {
    live_ += bytes;
    peak_ = std::max(peak_, live_);
  }

  // Gives blocks back to the system, the largest first, until so many bytes are kept.
  void shrink(size_t most) {
    while (kept_ > most && !free_.empty()) {
      auto last = std::prev(free_.end());
      const auto [size, block] = *last;
      free_.erase(last);
      kept_ -= size;
      sizes_.erase(block);
      c10::free_cpu(block);
    }
  }

  std::mutex mutex_;
  // Blocks that nobody uses, by size.
  std::multimap<size_t, void *> free_;
  // Sizes of all large blocks.
  std::unordered_map<void *, size_t> sizes_;
  size_t live_ = 0;
  size_t kept_ = 0;
  size_t peak_ = 0;
};

// Never destroyed: tensors may outlive every other object.
HostMemory *memory() {
  static HostMemory *one = new HostMemory();
  return one;
}

void release(void *block) { memory()->give(block); }

} // namespace

extern "C" {

void lawn_keep_host_memory() { c10::SetAllocator(c10::DeviceType::CPU, memory(), 1); }

void lawn_let_go_of_host_memory() { memory()->let_go(); }
}
