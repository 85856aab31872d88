// Memory of an accelerator: what it has, and what this process has of it.

#include "guard.h"

#include <c10/core/CachingDeviceAllocator.h>

extern "C" {

// Bytes that a device has left, whoever has taken the others; all that it has; what libtorch of this
// process has of it now, for tensors or for later; and the most that it has had.
char *lawn_device_memory(int device, int64_t *bytes) {
  return lawn::guarded([&] {
    auto *allocator = c10::getDeviceAllocator(c10::DeviceType::CUDA);
    const auto index = static_cast<c10::DeviceIndex>(device);
    const auto [left, all] = allocator->getMemoryInfo(index);
    bytes[0] = static_cast<int64_t>(left);
    bytes[1] = static_cast<int64_t>(all);
    // Before the first tensor there is nothing to count.
    if (allocator->initialized()) {
      const auto reserved = allocator->getDeviceStats(index).reserved_bytes[0];
      bytes[2] = reserved.current;
      bytes[3] = reserved.peak;
    }
  });
}

// Gives back what a device has had for tensors that are gone, for other processes on it.
char *lawn_let_go_of_device_memory() {
  return lawn::guarded([] { c10::getDeviceAllocator(c10::DeviceType::CUDA)->emptyCache(); });
}
}
