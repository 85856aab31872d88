// Sums into a tensor without a new one.

#include "guard.h"

using lawn::guarded;

extern "C" {

// self ← self + alpha · other
char *lawn_add(at::Tensor *self, at::Tensor *other, double alpha) {
  return guarded([&] { self->add_(*other, alpha); });
}

// self ← self + value · a · b
char *lawn_addcmul(at::Tensor *self, at::Tensor *a, at::Tensor *b, double value) {
  return guarded([&] { self->addcmul_(*a, *b, value); });
}
}
