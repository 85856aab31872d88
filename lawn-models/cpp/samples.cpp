// What a device computes of samples.h, computed on the host: tests hold the host's own to it.

#include "samples.h"

#include <cstdint>

extern "C" {

void lawn_samples_permuted(const lawn::samples::Permutation *order, uint64_t first, uint64_t count,
                           uint64_t *numbers) {
  for (uint64_t n = 0; n < count; ++n) {
    numbers[n] = lawn::samples::permuted(*order, first + n);
  }
}

void lawn_samples_ratings(const lawn::samples::Pairs *train, const lawn::samples::Permutation *order,
                          uint64_t key, uint64_t count, uint64_t *users, uint64_t *items,
                          bool *positive) {
  for (uint64_t n = 0; n < count; ++n) {
    const lawn::samples::Rating rating = lawn::samples::rating(*train, *order, key, n);
    users[n] = rating.user;
    items[n] = rating.item;
    positive[n] = rating.is_positive;
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
