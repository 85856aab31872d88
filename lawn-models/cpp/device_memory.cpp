// Memory of an accelerator that is left.

#include "guard.h"

#include <c10/core/CachingDeviceAllocator.h>

extern "C" {

// Bytes that a device has left, whoever has taken the others.
char *lawn_free_device_memory(int device, int64_t *bytes) {
  return lawn::guarded([&] {
    auto *allocator = c10::getDeviceAllocator(c10::DeviceType::CUDA);
    *bytes = allocator->getMemoryInfo(static_cast<c10::DeviceIndex>(device)).first;
  });
}

// Gives back what a device has had for tensors that are gone, for other processes on it.
char *lawn_let_go_of_device_memory() {
  return lawn::guarded([] { c10::getDeviceAllocator(c10::DeviceType::CUDA)->emptyCache(); });
}
}
