// Preprocessed only: its last line becomes the version of libtorch.
#include <torch/version.h>
TORCH_VERSION
