// What autograd is told of writes.

#include "guard.h"

using lawn::guarded;

extern "C" {

// Tells autograd that each tensor was written to, as an operation in place does. Views that
// share its memory are told with it.
char *lawn_bump_versions(at::Tensor **tensors, size_t count) {
  return guarded([&] {
    for (size_t i = 0; i < count; ++i) {
      tensors[i]->unsafeGetTensorImpl()->bump_version();
    }
  });
}
}
