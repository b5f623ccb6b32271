#pragma once
// A request as its handler sees it, the same for HTTP/1.1 and HTTP/2.

#include "http/body.h"
#include "http/headers.h"

#include <cstdint>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace outcrop::http {

enum class Version : std::uint8_t { http_1_0, http_1_1, http_2 };
std::string_view to_string(Version version) noexcept;

/// Belongs to the thread that runs the handler, and ends with it.
struct Request {
  std::string method;  ///< as sent: methods are case-sensitive
  /// Path and query as sent, undecoded: signatures cover these bytes. Begins with '/', or is "*" (OPTIONS).
  std::string target;
  Version version = Version::http_1_1;
  /// Host, or :authority of HTTP/2 (which no client repeats as Host; a signature then covers ":authority").
  std::string authority;
  Headers headers;
  std::unique_ptr<BodyReader> body = std::make_unique<MemoryBody>(std::string());
  std::string id;              ///< unique; from ServerOptions::make_request_id
  std::string remote_address;  ///< "127.0.0.1", without the port
  bool encrypted = false;      ///< whether it came by TLS
  /// Triggered when the client has gone or the server gives up waiting in shutdown. A client that only shuts
  /// its sending side counts as gone too, but what the handler then writes is still sent to it.
  std::stop_token stop;
  /// What the router found for the {names} of the pattern, decoded, in order.
  std::vector<std::pair<std::string, std::string>> path_parameters;

  std::string_view path() const noexcept;   ///< undecoded
  std::string_view query() const noexcept;  ///< undecoded, without '?'
  /// The value of a {name}; empty when the pattern has none.
  std::string_view path_parameter(std::string_view name) const noexcept;
};

}  // namespace outcrop::http
