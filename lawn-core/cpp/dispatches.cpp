// A count of the operations that are dispatched. Only tests call it, so that only they link it.

#include <map>
#include <memory>
#include <string>

#include <ATen/record_function.h>

namespace {

thread_local int depth = 0;
thread_local std::string outermost;
thread_local std::map<std::string, size_t> counts;
thread_local at::CallbackHandle handle = 0;

std::unique_ptr<at::ObserverContext> entered(const at::RecordFunction &function) {
  std::string name = function.name();
  if (depth == 0) {
    outermost = name;
  } else {
    name = outermost + "/" + name;
  }
  counts[name] += 1;
  depth += 1;
  return nullptr;
}

void left(const at::RecordFunction &, at::ObserverContext *) { depth -= 1; }

} // namespace

extern "C" {

// Starts to count the operations that this thread dispatches.
void lawn_operations_start() {
  depth = 0;
  counts.clear();
  handle = at::addThreadLocalCallback(
      at::RecordFunctionCallback(&entered, &left).scopes({at::RecordScope::FUNCTION}));
}

// Stops, and tells how often each operation was dispatched. One within another
// is told as "outermost/own name".
void lawn_operations_stop(void *context, void (*tell)(void *, const char *, size_t)) {
  at::removeCallback(handle);
  for (const auto &[name, count] : counts) {
    tell(context, name.c_str(), count);
  }
}
}
