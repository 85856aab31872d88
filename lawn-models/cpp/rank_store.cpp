// Words that the ranks of a trial leave for each other, by c10d's TCPStore.

#include "guard.h"

#include <cstdlib>
#include <thread>

#include <c10/util/Logging.h>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

namespace lawn {

struct RankStore {
  c10::intrusive_ptr<c10d::Store> store;
};

inline c10::intrusive_ptr<c10d::Store> &store_of(void *store) {
  return static_cast<RankStore *>(store)->store;
}

// What c10d warns of comes back as an error, and its warnings are pages of calls. They are for whoever
// asks for them by torch's own variable.
inline void keep_c10d_quiet() {
  if (!std::getenv("TORCH_CPP_LOG_LEVEL")) {
    FLAGS_caffe2_log_level = c10::GLOG_ERROR;
  }
}

} // namespace lawn

extern "C" {

// A connection to the store at an address. Whoever has a socket that listens there gives it, and
// keeps the store until the connection is closed; others give -1. Keys begin with the prefix.
char *lawn_rank_store_open(const char *host, uint16_t port, int socket, const char *prefix,
                           int64_t timeout_ms, void **opened) {
  return lawn::guarded([&] {
    lawn::keep_c10d_quiet();
    c10d::TCPStoreOptions options;
    options.port = port;
    options.isServer = socket >= 0;
    options.waitWorkers = false;
    options.timeout = std::chrono::milliseconds(timeout_ms);
    if (socket >= 0) {
      options.masterListenFd = socket;
    }
    auto store = c10::make_intrusive<c10d::TCPStore>(host, options);
    auto prefixed = c10::make_intrusive<c10d::PrefixStore>(prefix, store);
    prefixed->setTimeout(options.timeout);
    *opened = new lawn::RankStore{prefixed};
  });
}

char *lawn_rank_store_set(void *store, const char *key, const char *value, int64_t length) {
  return lawn::guarded([&] {
    lawn::store_of(store)->set(key, std::vector<uint8_t>(value, value + length));
  });
}

// Adds to the number of a key, which is 0 before, and gives the sum.
char *lawn_rank_store_add(void *store, const char *key, int64_t amount, int64_t *sum) {
  return lawn::guarded([&] { *sum = lawn::store_of(store)->add(key, amount); });
}

// The value of a key, for the caller to free, once there is one; null after the timeout.
char *lawn_rank_store_get(void *store, const char *key, int64_t timeout_ms, char **value,
                          int64_t *length) {
  return lawn::guarded([&] {
    auto &opened = lawn::store_of(store);
    *value = nullptr;
    *length = 0;
    // Not the store's own `wait`, which writes a warning each time that its time is up.
    const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(timeout_ms);
    while (!opened->check({key})) {
      if (std::chrono::steady_clock::now() >= end) {
        return;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    const auto found = opened->get(key);
    *value = static_cast<char *>(malloc(found.size() + 1));
    std::copy(found.begin(), found.end(), *value);
    *length = static_cast<int64_t>(found.size());
  });
}

void lawn_rank_store_close(void *store) { delete static_cast<lawn::RankStore *>(store); }
}
