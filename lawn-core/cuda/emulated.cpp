// The same kernels for the CPU, block by block in an order that the caller chooses.
#include <vector>

#include "kernels.h"

namespace {

// The blocks from the first, from the last, or mixed up by a number.
std::vector<Index> order_of(Index blocks, Index order) {
  std::vector<Index> all(blocks);
  for (Index i = 0; i < blocks; ++i) {
    all[i] = order == 1 ? blocks - 1 - i : i;
  }
  unsigned long long state = order;
  for (Index i = blocks - 1; order > 1 && i > 0; --i) {
    state = state * 6364136223846793005ull + 1442695040888963407ull;
    const Index other = Index((state >> 33) % (unsigned long long)(i + 1));
    const Index kept = all[i];
    all[i] = all[other];
    all[other] = kept;
  }
  return all;
}

} // namespace

extern "C" {

// Kernels are counted as in `src/backend/cuda/launch.rs`.
void lawn_emulate(Index kernel, const Plan *plan, const Begin *begin, Index tensor, void *moment,
                  Index count, Index blocks, Index order) {
  backwards = order % 2 == 1;
  for (const Index block : order_of(blocks, order)) {
    switch (kernel) {
    case 0: begin_step(*plan, *begin); break;
    case 1: sum_block(*plan, block, blocks); break;
    case 2: before_block(*plan, block); break;
    case 3: update_block(*plan, block, blocks); break;
    case 4: after_block(*plan, block); break;
    case 5: move_block(*plan, block); break;
    case 6: release_block(*plan, tensor, moment, count, block); break;
    }
  }
}

// The bytes of each record, for the host to compare with its own.
void lawn_record_sizes(Index *sizes) {
  const Index all[] = {sizeof(Pointers), sizeof(Layout), sizeof(Numbers),  sizeof(Chunk),
                       sizeof(UnitBlock), sizeof(Sums),  sizeof(Products), sizeof(Square),
                       sizeof(Outcome),  sizeof(Memory), sizeof(Update),   sizeof(Decision),
                       sizeof(Begin),    sizeof(Plan),  sizeof(Tested)};
  for (Index i = 0; i < Index(sizeof all / sizeof *all); ++i) {
    sizes[i] = all[i];
  }
}

// Formats, for tests.
float lawn_widen(Index element, unsigned short bits) {
  return element == F16 ? widen(Half{bits}) : widen(Bfloat{bits});
}
unsigned short lawn_narrow(Index element, float x) {
  Half half;
  Bfloat bfloat;
  narrow(x, half);
  narrow(x, bfloat);
  return element == F16 ? half.bits : bfloat.bits;
}
}
