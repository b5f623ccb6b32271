#pragma once
// HTTP/1.1 requests from bytes (RFC 9112), stricter than the grammar's leniences: what two parsers could read
// in two ways is refused. Beast parses; the rules that it does not hold are added here. No input or output of
// its own.

#include "http/headers.h"
#include "http/request.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace outcrop::http {

struct Http1Head {
  std::string method;
  std::string target;  ///< origin-form or "*"; of an absolute-form, what follows the authority
  std::string authority;
  Version version = Version::http_1_1;
  Headers headers;
  std::optional<std::uint64_t> length;  ///< Content-Length
  bool chunked = false;
  bool keep_alive = true;
  bool expects_continue = false;
};

/// Why a request is refused: a status and a sentence for the client.
struct Refusal {
  int status = 0;
  std::string message;
};

struct Http1Limits {
  std::size_t head_bytes = std::size_t{16} << 10;
  std::size_t headers = 100;
};

/// One request. Not thread-safe.
class Http1Parser {
 public:
  explicit Http1Parser(const Http1Limits& limits);
  ~Http1Parser();

  /// Bytes of `input` that make up the whole head, 0 when more are needed, or why it is refused. Empty lines in
  /// front are skipped (RFC 9112, section 2.2). `input` is everything that has come since the last request.
  std::size_t parse_head(std::string_view input, std::optional<Refusal>& refusal);
  Http1Head& head() noexcept;

  /// Bytes of `input` used up; what they hold of the body is appended to `body`. 0 means that more are needed.
  std::size_t parse_body(std::string_view input, std::string& body, std::optional<Refusal>& refusal);
  /// Whether head and body have come whole.
  bool done() const noexcept;
  Headers& trailers() noexcept;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace outcrop::http
