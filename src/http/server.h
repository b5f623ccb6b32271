#pragma once
// The front door: one port for HTTP/1.1 and HTTP/2, with or without TLS. A connection is told apart by its
// first bytes (HTTP/2 with prior knowledge) or, under TLS, by ALPN.
//
//   auto server = Server::start({.port = 8484}, router.handler());

#include "base/files.h"
#include "base/result.h"
#include "http/request.h"
#include "http/response.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace outcrop::http {

/// PEM files. They are looked at again when a connection comes, at most once a second, and read when they
/// changed; a pair that does not fit together is logged, and the one before it stays.
struct TlsOptions {
  Path certificate;  ///< the chain, the server's own first
  Path key;
};

struct Limits {
  std::size_t head_bytes = std::size_t{16} << 10;  ///< request line and headers; trailers likewise
  std::size_t headers = 100;
  std::size_t connections = 1024;           ///< more are closed at once
  std::size_t connections_per_address = 0;  ///< 0: no limit
  std::uint32_t streams = 100;              ///< open at a time in one HTTP/2 connection
  std::uint64_t reset_burst = 200;          ///< streams that a client may reset at once …
  std::uint64_t resets_per_second = 33;     ///< … and in the long run, before its connection is closed
  std::uint64_t control_burst = 1000;  ///< the same for frames that carry nothing (PING, SETTINGS, empty DATA)
  std::uint64_t controls_per_second = 100;
  std::size_t buffer_bytes = std::size_t{64} << 10;  ///< of a request's body and of an answer, each
};

struct Timeouts {
  std::chrono::milliseconds head{10'000};  ///< from the first byte of a request to the end of its headers
  std::chrono::milliseconds idle{60'000};  ///< between requests
  /// A body must come at this rate at least; a client is forgiven `body_grace` of standing still.
  std::uint64_t body_bytes_per_second = 1024;
  std::chrono::milliseconds body_grace{10'000};
  std::chrono::milliseconds write_stall{30'000};  ///< a client that takes nothing for so long is let go
};

/// One answered request, for access logs and metrics.
struct RequestSummary {
  const std::string& id;
  const std::string& method;
  const std::string& target;
  Version version;
  int status;                         ///< 0 when the client had gone before an answer began
  std::chrono::nanoseconds duration;  ///< until the handler returned
};

struct ServerOptions {
  std::string address = "127.0.0.1";  ///< an IPv4 or IPv6 address
  std::uint16_t port = 8484;          ///< 0: any free one
  std::optional<TlsOptions> tls{};
  std::size_t io_threads = 1;
  std::size_t workers = 64;            ///< handlers that run at a time
  std::size_t waiting_requests = 256;  ///< beyond these, 503
  Limits limits{};
  Timeouts timeouts{};
  /// The id of each request; a random UUID when empty. Called on I/O threads.
  std::function<std::string()> make_request_id{};
  /// Every answer carries the request's id under this name, unless the name is empty.
  std::string request_id_header = "x-amzn-RequestId";
  /// Called on the worker's thread after each handler.
  std::function<void(const RequestSummary&)> on_request{};
};

/// Thread-safe.
class Server {
 public:
  /// Listens when it returns. invalid_argument for an address or option that cannot be; io when the port is
  /// taken; errors of the certificate.
  static Result<std::unique_ptr<Server>> start(ServerOptions options, Handler handler);

  /// shutdown() with no time to wait.
  ~Server();

  std::uint16_t port() const noexcept;

  /// Takes no new connections or requests, lets running ones end (Connection: close, GOAWAY) for at most
  /// `patience`, then closes what is left and triggers its handlers' stop tokens. Returns when every handler
  /// has returned.
  void shutdown(std::chrono::milliseconds patience);

 private:
  class Impl;
  explicit Server(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

/// A random UUID (RFC 9562, version 4), as the ids of AWS are.
std::string random_request_id();

}  // namespace outcrop::http
