// Graphs of CUDA: what a stream is given is captured once, and replayed by one launch.
//
// libtorch's CUDA half is loaded at run time, and its headers need those of CUDA. So its graphs are
// called by their names there, which are those of libtorch 2.11; where one is missing, nothing is
// captured.

#include "guard.h"

#include <ATen/core/CachingHostAllocator.h>
#include <c10/core/CachingDeviceAllocator.h>
#include <c10/core/Device.h>
#include <c10/core/Stream.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <c10/util/Exception.h>
#include <torch/version.h>

#include <dlfcn.h>

#include <atomic>
#include <cstdlib>
#include <memory>
#include <utility>

namespace {

using Pool = std::pair<unsigned long long, unsigned long long>;

// Of cuda_runtime_api.h: calls of other threads, as those that load samples, disturb nothing.
constexpr int THREAD_LOCAL = 1;

template <typename Function> Function *found(const char *name) {
  void *address = dlsym(RTLD_DEFAULT, name);
  TORCH_CHECK(address != nullptr, "this libtorch has no ", name);
  return reinterpret_cast<Function *>(address);
}

// The methods of at::cuda::CUDAGraph: functions whose first argument is the object.
struct Methods {
  void (*make)(void *, bool) = found<void(void *, bool)>("_ZN2at4cuda9CUDAGraphC1Eb");
  void (*end)(void *) = found<void(void *)>("_ZN2at4cuda9CUDAGraphD1Ev");
  void (*capture_begin)(void *, Pool, int) = found<void(void *, Pool, int)>(
      "_ZN2at4cuda9CUDAGraph13capture_beginESt4pairIyyE21cudaStreamCaptureMode");
  void (*capture_end)(void *) = found<void(void *)>("_ZN2at4cuda9CUDAGraph11capture_endEv");
  void (*replay)(void *) = found<void(void *)>("_ZN2at4cuda9CUDAGraph6replayEv");
  // A name for memory that one graph has to itself.
  Pool (*new_pool)() = found<Pool()>("_ZN2at4cuda17graph_pool_handleEv");
};

const Methods &methods() {
  static const Methods all;
  return all;
}

// The allocator of CUDA as far as it is called here: its methods have no names to be found by, so these
// are all up to those two, in the order of c10/cuda/CUDACachingAllocator.h of libtorch 2.11.
struct DeviceMemory : c10::DeviceAllocator {
  virtual void raw_alloc() = 0;
  virtual void raw_alloc_with_stream() = 0;
  virtual void raw_delete() = 0;
  virtual void init() = 0;
  virtual void getMemoryFraction() = 0;
  virtual void setMemoryFraction() = 0;
  virtual void getExpandableSegmentSizes() = 0;
  virtual void enable() = 0;
  virtual void isEnabled() = 0;
  virtual void cacheInfo() = 0;
  virtual void getBaseAllocation() = 0;
  virtual void recordStreamOfCuda() = 0;
  virtual void snapshot() = 0;
  virtual void beginAllocateToPool() = 0;
  virtual void endAllocateToPool(c10::DeviceIndex device, Pool pool) = 0;
  virtual void releasePool(c10::DeviceIndex device, Pool pool) = 0;
};

DeviceMemory &device_memory() {
  auto *there = static_cast<std::atomic<DeviceMemory *> *>(
      dlsym(RTLD_DEFAULT, "_ZN3c104cuda20CUDACachingAllocator9allocatorE"));
  TORCH_CHECK(there != nullptr, "this libtorch has no allocator of CUDA");
  return *there->load();
}

// Tells both allocators that a capture is over. Where one fails, libtorch 2.11 throws before it does
// that (pytorch/pytorch#180395), and the allocators wait for its end ever after: memory that two streams
// have used is not reused, and giving memory back ends in an assertion.
void end_capture_of_memory(c10::DeviceIndex device, Pool pool) {
  if (TORCH_VERSION_MAJOR != 2 || TORCH_VERSION_MINOR != 11) {
    return;
  }
  DeviceMemory &memory = device_memory();
  memory.endAllocateToPool(device, pool);
  memory.releasePool(device, pool);
  at::HostAllocator *host = at::getHostAllocator(c10::DeviceType::CUDA);
  host->end_allocate_to_pool(pool);
  host->release_pool(pool);
}

struct Graph {
  // Several times the size of a CUDAGraph of libtorch 2.11.
  alignas(64) unsigned char object[2048] = {};
  c10::DeviceIndex device;
  Pool pool = methods().new_pool();

  explicit Graph(c10::DeviceIndex index) : device(index) { methods().make(object, false); }
  Graph(const Graph &) = delete;
  Graph &operator=(const Graph &) = delete;
  // What is thrown then is of use to nobody.
  ~Graph() { std::free(lawn::guarded([&] { methods().end(object); })); }
};

struct Side {
  c10::impl::VirtualGuardImpl cuda{c10::DeviceType::CUDA};
  c10::Device device;
  // What was current before.
  c10::Device before = device;
  c10::Stream stream;

  explicit Side(c10::DeviceIndex index)
      : device(c10::DeviceType::CUDA, index), stream(cuda.getStreamFromGlobalPool(device)) {}
};

} // namespace

extern "C" {

// Whether everything is there by which graphs are called; nothing is captured.
char *lawn_has_graphs() {
  return lawn::guarded([] {
    methods();
    device_memory();
  });
}

// A stream of a device beside the one that is used.
char *lawn_side_stream(int device, void **side) {
  return lawn::guarded([&] {
    methods();
    *side = new Side(static_cast<c10::DeviceIndex>(device));
  });
}

void lawn_free_side_stream(void *side) { delete static_cast<Side *>(side); }

// Waits for all that was given to the device, and makes its side stream the current one of this
// thread, or, with `back`, its first stream. A capture begins on the stream of the current device.
char *lawn_use_side_stream(void *of, bool back) {
  return lawn::guarded([&] {
    auto *side = static_cast<Side *>(of);
    side->cuda.synchronizeDevice(side->device.index());
    if (back) {
      side->cuda.exchangeStream(side->cuda.getDefaultStream(side->device));
      side->cuda.setDevice(side->before);
    } else {
      side->before = side->cuda.exchangeDevice(side->device);
      side->cuda.exchangeStream(side->stream);
    }
  });
}

// From now on the current stream notes what it is given, in memory that is the graph's own.
char *lawn_capture_begin(void *side, void **graph) {
  return lawn::guarded([&] {
    // What the warm-ups have left is memory of this stream, which a graph cannot have: the allocator gives
    // nothing back as long as something is captured.
    c10::getDeviceAllocator(c10::DeviceType::CUDA)->emptyCache();
    auto made = std::make_unique<Graph>(static_cast<Side *>(side)->device.index());
    methods().capture_begin(made->object, made->pool, THREAD_LOCAL);
    *graph = made.release();
  });
}

char *lawn_capture_end(void *graph) {
  return lawn::guarded([&] {
    auto *noted = static_cast<Graph *>(graph);
    try {
      methods().capture_end(noted->object);
    } catch (...) {
      // What went wrong first is what is told.
      std::free(lawn::guarded([&] { end_capture_of_memory(noted->device, noted->pool); }));
      throw;
    }
  });
}

// In the order of the current stream.
char *lawn_replay(void *graph) {
  return lawn::guarded([&] { methods().replay(static_cast<Graph *>(graph)->object); });
}

void lawn_free_graph(void *graph) { delete static_cast<Graph *>(graph); }

// The gradient of a variable is this tensor from now on, or none.
char *lawn_set_gradient(at::Tensor *variable, at::Tensor *gradient) {
  return lawn::guarded([&] {
    variable->mutable_grad() = gradient == nullptr ? at::Tensor() : *gradient;
  });
}
}
