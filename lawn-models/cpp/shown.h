// The pixels of a batch of images, each computed by itself: what data/images/table.rs computes, to the
// same bits, for a device. As samples.h, it is compiled by NVRTC as it is.
#pragma once

#include "samples.h"

namespace lawn {
namespace samples {

// Images as bytes, [images, height, width, 3]; the value of each byte of each channel, [3, 256]; and of
// each view its image, whether it is turned left to right, and by how many pixels it then goes down and
// right, [4, views].
struct Shown {
  const unsigned char *bytes;
  const float *table;
  const long long *views;
  u64 count;
  u64 height;
  u64 width;
};

// Writes the pixel of this number, of all pixels of all views, to [views, 3, height, width].
LAWN_SAMPLES void show(const Shown &of, u64 number, float *values) {
  const long long height = (long long)of.height, width = (long long)of.width;
  const long long area = height * width;
  const long long view = (long long)number / area, place = (long long)number % area;
  const long long row = place / width - of.views[2 * of.count + view];
  long long column = place % width - of.views[3 * of.count + view];
  const bool inside = row >= 0 && row < height && column >= 0 && column < width;
  if (of.views[of.count + view]) {
    column = width - 1 - column;
  }
  const unsigned char *pixel =
      inside ? of.bytes + 3 * ((of.views[view] * height + row) * width + column) : of.bytes;
  for (long long channel = 0; channel < 3; ++channel) {
    const float value = of.table[256 * channel + pixel[channel]];
    values[(3 * view + channel) * area + place] = inside ? value : 0.0f;
  }
}

} // namespace samples
} // namespace lawn
