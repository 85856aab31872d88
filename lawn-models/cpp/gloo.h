// What libtorch's header of ProcessGroupGloo takes of Gloo, whose own headers no wheel has. These
// types are only pointed to from here.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace gloo {

class Context {
public:
  void setTimeout(std::chrono::milliseconds timeout);
};

namespace rendezvous {
class Store {
public:
  virtual ~Store() = default;
  virtual void set(const std::string &key, const std::vector<char> &value) = 0;
  virtual std::vector<char> get(const std::string &key) = 0;
  virtual void wait(const std::vector<std::string> &keys) = 0;
  virtual void wait(const std::vector<std::string> &keys,
                    const std::chrono::milliseconds &timeout) = 0;
};
} // namespace rendezvous

namespace transport {
class Device;
class UnboundBuffer {
public:
  virtual ~UnboundBuffer() = default;
};
} // namespace transport

} // namespace gloo
