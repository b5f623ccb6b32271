#pragma once
// A blocking HTTP client over libcurl: for object stores and webhooks. Requests go out as they are given: no
// header of its own but Host, User-Agent and the body's length, and the path is left alone, so that a signature
// holds.

#include "base/files.h"
#include "base/result.h"
#include "http/headers.h"

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>

namespace outcrop::http {

struct ClientRequest {
  std::string method = "GET";
  std::string url;  ///< http or https
  Headers headers{};
  std::string body{};
  /// In place of `body`: gives the next bytes, 0 at the end. Without `source_length` the body is sent in
  /// chunks.
  std::function<Result<std::size_t>(std::span<char> out)> source{};
  std::optional<std::uint64_t> source_length{};
  /// In place of ClientResponse::body: takes the answer's bytes as they come, whatever its status.
  std::function<Status(std::string_view bytes)> sink{};
  std::uint64_t max_body_bytes = std::uint64_t{64} << 20;  ///< of ClientResponse::body; more is quota_exceeded
  std::chrono::milliseconds connect_timeout{10'000};
  std::chrono::milliseconds total_timeout{0};  ///< 0: none
  std::chrono::seconds stall_timeout{60};      ///< below 1 byte a second for so long
  std::size_t max_redirects = 0;               ///< never to another scheme
  std::stop_token stop{};
};

struct ClientResponse {
  int status = 0;
  Headers headers;  ///< of the last answer, after redirects
  std::string body;
};

struct ClientOptions {
  Path ca_file{};  ///< certificates to trust instead of the system's
};

/// Keeps its connections open between requests. Not thread-safe: one for each thread.
class Client {
 public:
  explicit Client(ClientOptions options = {});
  Client(Client&&) noexcept;
  Client& operator=(Client&&) noexcept;
  ~Client();

  /// Any status is an answer, not an error. invalid_argument for a URL or header that cannot be sent,
  /// unavailable when the server cannot be reached or is too slow, permission_denied when its certificate does
  /// not hold, cancelled by `stop` (seen within about a second), else io; errors of source and sink as they
  /// are.
  Result<ClientResponse> send(const ClientRequest& request);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace outcrop::http
