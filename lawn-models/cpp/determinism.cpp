// The same operation with the same bits each time, on an accelerator.

#include "guard.h"

#include <ATen/Context.h>
#include <c10/util/Exception.h>

#include <cstdlib>
#include <mutex>
#include <set>
#include <string>

namespace {

// Keeps the names of operations that libtorch warns of, and passes every other warning on.
struct Collector : public c10::WarningHandler {
  void process(const c10::Warning &warning) override {
    const std::string &said = warning.msg();
    if (said.find("does not have a deterministic implementation") == std::string::npos) {
      c10::WarningHandler::process(warning);
      return;
    }
    std::lock_guard<std::mutex> lock(mutex);
    operations.insert(said.substr(0, said.find(' ')));
  }

  std::mutex mutex;
  std::set<std::string> operations;
};

struct Region {
  bool algorithms = at::globalContext().deterministicAlgorithms();
  bool warns = at::globalContext().deterministicAlgorithmsWarnOnly();
  bool filled = at::globalContext().deterministicFillUninitializedMemory();
  bool cudnn = at::globalContext().deterministicCuDNN();
  bool benchmark = at::globalContext().benchmarkCuDNN();
  c10::WarningHandler *handler = c10::WarningUtils::get_warning_handler();
  Collector collector;
};

void set(bool algorithms, bool warns, bool filled, bool cudnn, bool benchmark) {
  at::Context &context = at::globalContext();
  context.setDeterministicAlgorithms(algorithms, warns);
  context.setDeterministicFillUninitializedMemory(filled);
  context.setDeterministicCuDNN(cudnn);
  context.setBenchmarkCuDNN(benchmark);
}

} // namespace

extern "C" {

// Begins a region; the thread that does ends it. An operation that has no deterministic algorithm
// is computed by the one that it has, and is kept in mind.
void *lawn_begin_deterministic() {
  // Without it cuBLAS may split a product another way each time. It is read when cuBLAS is first
  // used, and what the user has set stays.
  setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8", 0);
  auto *region = new Region();
  set(true, true, false, true, false);
  c10::WarningUtils::set_warning_handler(&region->collector);
  return region;
}

// The names of the operations so far that have no deterministic algorithm, a line each, for the
// caller to free.
char *lawn_not_deterministic(void *of) {
  auto *region = static_cast<Region *>(of);
  std::lock_guard<std::mutex> lock(region->collector.mutex);
  std::string lines;
  for (const std::string &operation : region->collector.operations) {
    lines += operation + "\n";
  }
  return strdup(lines.c_str());
}

// Whether cuDNN times its algorithms for each new shape and takes the fastest; answers how it was.
bool lawn_measure_cudnn(bool measures) {
  at::Context &context = at::globalContext();
  const bool before = context.benchmarkCuDNN();
  context.setBenchmarkCuDNN(measures);
  return before;
}

void lawn_end_deterministic(void *of) {
  auto *region = static_cast<Region *>(of);
  c10::WarningUtils::set_warning_handler(region->handler);
  set(region->algorithms, region->warns, region->filled, region->cudnn, region->benchmark);
  delete region;
}
}
