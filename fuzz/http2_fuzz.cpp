// Bytes of strangers as HTTP/2 frames, into a session with real streams, exchanges and handlers.
//
// The first byte is the size of the pieces in which the rest arrives, after a proper preface.

#include "base/check.h"
#include "http/exchange/core.h"
#include "http/http2/session.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>

namespace {

using namespace outcrop;
using namespace outcrop::http;

constexpr std::string_view kPreface("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0", 33);

void handle(Request& request, ResponseWriter& response) {
  CHECK(request.method != "", "a request without a method");
  request.body->set_limit(1 << 16);
  const auto body = request.body->read_all();
  (void)response.send(body ? 200 : 400, body ? *body : body.error().message);  // the client may be gone
}

Core& core() {
  static Core one(ServerOptions{.workers = 2, .waiting_requests = 8}, handle);
  return one;
}

/// Streams that workers have news of.
struct Wakes {
  std::mutex mutex;
  std::set<std::int32_t> streams;  // guarded by mutex
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::size_t piece = std::size_t{data[0]} + 1;
  std::string input(kPreface);
  input.append(reinterpret_cast<const char*>(data) + 1, size - 1);
  // Workers may hold on to an exchange for a moment longer than the session lives.
  const auto wakes = std::make_shared<Wakes>();
  Http2Session session(core(), {"192.0.2.1", false}, [wakes](std::int32_t stream) {
    const std::lock_guard lock(wakes->mutex);
    wakes->streams.insert(stream);
  });
  auto now = std::chrono::steady_clock::now();
  for (std::string_view rest = input; !rest.empty();) {
    const bool open = session.receive(rest.substr(0, piece), now);
    rest.remove_prefix(std::min(piece, rest.size()));
    std::set<std::int32_t> streams;
    {
      const std::lock_guard lock(wakes->mutex);
      streams.swap(wakes->streams);
    }
    for (const std::int32_t stream : streams) session.on_wake(stream);
    std::string out;
    session.produce(out, 1 << 16);
    now += std::chrono::milliseconds(200);
    session.tick(now);
    if (!open || session.finished()) break;
  }
  return 0;
}
