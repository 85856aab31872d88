// Streams, and copies that the host does not wait for.

#include <c10/core/Device.h>
#include <c10/core/Stream.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include "guard.h"

using lawn::guarded;

extern "C" {

// The current stream of a CUDA device, as cuda.h has it.
char *lawn_current_stream(int device, void **stream) {
  return guarded([&] {
    const c10::impl::VirtualGuardImpl cuda(c10::DeviceType::CUDA);
    const auto index = static_cast<c10::DeviceIndex>(device);
    *stream = cuda.getStream(c10::Device(c10::DeviceType::CUDA, index)).native_handle();
  });
}

// to ← from. From page-locked memory, which libtorch keeps until the copy is over, it is not waited
// for.
char *lawn_send(at::Tensor *to, at::Tensor *from) {
  return guarded([&] {
    const bool goes = to->is_cuda();
    to->copy_(goes ? from->pin_memory() : *from, /*non_blocking=*/goes);
  });
}

// The address of a function that libtorch defines.
const void *lawn_a_function_of_libtorch() {
  return reinterpret_cast<const void *>(&c10::impl::ensureCUDADeviceGuardSet);
}
}
