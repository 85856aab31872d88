// What a device computes of samples.h, computed on the host: tests hold the host's own to it.

#include "samples.h"
#include "shown.h"

#include <cstdint>

extern "C" {

void lawn_samples_permuted(const lawn::samples::Permutation *order, uint64_t first, uint64_t count,
                           uint64_t *numbers) {
  for (uint64_t n = 0; n < count; ++n) {
    numbers[n] = lawn::samples::permuted(*order, first + n);
  }
}

// As the kernel of samples.cu, its threads one after the other.
void lawn_samples_ratings(const lawn::samples::Pairs *train, const lawn::samples::Permutation *order,
                          uint64_t key, uint64_t first, uint64_t count, long long *users,
                          long long *items, float *labels) {
  for (uint64_t number = 0; number < count; ++number) {
    lawn::samples::write(*train, *order, key, first, number, users, items, labels);
  }
}

// As the kernel of shown.cu.
void lawn_samples_shown(const lawn::samples::Shown *of, float *values) {
  for (uint64_t number = 0; number < of->count * of->height * of->width; ++number) {
    lawn::samples::show(*of, number, values);
  }
}

void lawn_samples_moves(uint64_t key, uint64_t count, uint32_t most, int32_t *moves) {
  for (uint64_t n = 0; n < count; ++n) {
    const lawn::samples::Move move = lawn::samples::moved(key, n, most);
    moves[3 * n] = move.flip;
    moves[3 * n + 1] = move.down;
    moves[3 * n + 2] = move.right;
  }
}
}
