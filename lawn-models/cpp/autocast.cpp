// The switches of autocast, which tch has for CUDA and f16 alone.

#include <ATen/autocast_mode.h>

namespace {

at::DeviceType device_type(bool cuda) { return cuda ? at::kCUDA : at::kCPU; }

} // namespace

extern "C" {

// Whether autocast is on for a type of device in this thread, and the kind that it casts to.
void lawn_autocast(bool cuda, bool *enabled, int *kind) {
  *enabled = at::autocast::is_autocast_enabled(device_type(cuda));
  *kind = static_cast<int>(at::autocast::get_autocast_dtype(device_type(cuda)));
}

void lawn_set_autocast(bool cuda, bool enabled, int kind) {
  at::autocast::set_autocast_dtype(device_type(cuda), static_cast<at::ScalarType>(kind));
  at::autocast::set_autocast_enabled(device_type(cuda), enabled);
}

// A region begins: copies of weights in the kind cast to are kept until the outermost ends.
void lawn_autocast_begin() { at::autocast::increment_nesting(); }

void lawn_autocast_end() {
  if (at::autocast::decrement_nesting() == 0) {
    at::autocast::clear_cache();
  }
}
}
