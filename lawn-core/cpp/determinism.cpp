// What libtorch promises about the same operation done twice.

#include <ATen/Context.h>

extern "C" {

// The switches of libtorch that decide whether an operation gives the same bits each time.
void lawn_determinism(bool *algorithms, bool *cudnn, bool *benchmark) {
  const at::Context &context = at::globalContext();
  *algorithms = context.deterministicAlgorithms();
  *cudnn = context.deterministicCuDNN();
  *benchmark = context.benchmarkCuDNN();
}
}
