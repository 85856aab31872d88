// The samples of an epoch, each computed by itself: what random/, data/ratings/sampler.rs and
// data/images/augment.rs compute, to the same bits, for a device.
//
// Nothing is included and no type is used but those of the language, in products of 64 bits at
// most, so that NVRTC compiles it as it is. Keys come from the host, one set an epoch.
#pragma once

#if defined(__CUDACC__)
#define LAWN_SAMPLES __host__ __device__ inline
#else
#define LAWN_SAMPLES inline
#endif

namespace lawn {
namespace samples {

typedef unsigned int u32;
typedef unsigned long long u64;

// The number at `place` of the sequence that `key` begins (SplitMix64).
LAWN_SAMPLES u64 at(u64 key, u64 place) {
  u64 z = key + (place + 1) * 0x9e3779b97f4a7c15ull;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
  return z ^ (z >> 31);
}

// floor(bits * bound / 2^64), for a bound up to 2^32.
LAWN_SAMPLES u64 below(u64 bits, u64 bound) {
  return ((bits >> 32) * bound + (((bits & 0xffffffffull) * bound) >> 32)) >> 32;
}

// Spreads each of 32 bits over all of them (the finalizer of MurmurHash3).
LAWN_SAMPLES u32 spread(u32 h) {
  h = (h ^ (h >> 16)) * 0x85ebca6bu;
  h = (h ^ (h >> 13)) * 0xc2b2ae35u;
  return h ^ (h >> 16);
}

// A permutation of 0 to len - 1: a Feistel network over sides[0] x sides[1] numbers.
struct Permutation {
  u64 len;
  u32 sides[2];
  u32 keys[8];
};

// What stands at a place below the length.
LAWN_SAMPLES u64 permuted(const Permutation &order, u64 place) {
  const u64 width = order.sides[1];
  u32 halves[2] = {(u32)(place / width), (u32)(place % width)};
  u64 number;
  do {
    for (u32 round = 0; round < 8; ++round) {
      const u32 side = order.sides[round % 2];
      const u32 bits = spread(halves[1 - round % 2] ^ order.keys[round]);
      const u32 sum = halves[round % 2] + (u32)(((u64)bits * side) >> 32);
      halves[round % 2] = sum < side ? sum : sum - side;
    }
    number = halves[0] * width + halves[1];
  } while (number >= order.len);
  return number;
}

// Train pairs, each as user * 2^32 + item, and what says whether one is among them: a bit for each
// pair, or where `bits` is null the items of each user, sorted, those of user u from starts[u] on.
struct Pairs {
  const u64 *pairs;
  u64 count;
  u64 items;
  const u64 *bits;
  const u64 *starts;
  const u32 *listed;
};

LAWN_SAMPLES bool has(const Pairs &train, u64 user, u64 item) {
  if (train.bits) {
    const u64 bit = user * train.items + item;
    return (train.bits[bit / 64] >> (bit % 64)) & 1;
  }
  u64 begin = train.starts[user], end = train.starts[user + 1];
  while (begin < end) {
    const u64 middle = begin + (end - begin) / 2;
    if (train.listed[middle] == item) {
      return true;
    }
    if (train.listed[middle] < item) {
      begin = middle + 1;
    } else {
      end = middle;
    }
  }
  return false;
}

struct Rating {
  u64 user;
  u64 item;
  bool is_positive;
};

// The sample at a place of an epoch whose negatives have this key.
LAWN_SAMPLES Rating rating(const Pairs &train, const Permutation &order, u64 key, u64 place) {
  const u64 number = permuted(order, place);
  const u64 pair = train.pairs[number % train.count];
  Rating sample = {pair >> 32, pair & 0xffffffffull, number < train.count};
  if (!sample.is_positive) {
    u64 bits = at(key, number);
    sample.item = below(bits, train.items);
    while (has(train, sample.user, sample.item)) {
      bits = at(bits, 0);
      sample.item = below(bits, train.items);
    }
  }
  return sample;
}

// Writes the sample that is `number` places after the first of a batch to its place there.
LAWN_SAMPLES void write(const Pairs &train, const Permutation &order, u64 key, u64 first, u64 number,
                        long long *users, long long *items, float *labels) {
  const Rating sample = rating(train, order, key, first + number);
  users[number] = (long long)sample.user;
  items[number] = (long long)sample.item;
  labels[number] = sample.is_positive ? 1.0f : 0.0f;
}

// Whether an image is turned left to right, and by how many pixels it then goes down and right.
struct Move {
  bool flip;
  int down;
  int right;
};

// That of the image at a place of an epoch whose augmentation has this key: by `most` at most.
LAWN_SAMPLES Move moved(u64 key, u64 place, u32 most) {
  const u64 span = 2 * (u64)most + 1;
  const u64 drawn = below(at(key, place), 2 * span * span);
  const Move move = {drawn % 2 == 1, (int)(drawn / 2 / span) - (int)most,
                     (int)(drawn / 2 % span) - (int)most};
  return move;
}

} // namespace samples
} // namespace lawn
