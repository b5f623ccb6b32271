#pragma once
// The body of a request as its handler sees it: a stream that is read in a blocking way.

#include "base/result.h"
#include "http/headers.h"

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>

namespace outcrop::http {

inline constexpr std::uint64_t kNoLimit = std::numeric_limits<std::uint64_t>::max();

/// Used by one thread at a time. Behind it stands a bounded buffer: a client that sends faster than the handler
/// reads is held up, so a body of any size costs the same memory.
class BodyReader {
 public:
  virtual ~BodyReader() = default;

  /// Some bytes, as soon as there are any; 0 at the end. Blocks. cancelled when the client has gone or was too
  /// slow, invalid_argument when it sent a malformed body, quota_exceeded beyond the limit (before the first
  /// byte where Content-Length says so; the handler chooses the status: 413 or 400).
  virtual Result<std::size_t> read(std::span<char> out) = 0;

  /// Content-Length, where the client sent one.
  virtual std::optional<std::uint64_t> length() const = 0;

  /// Bytes that read() gives at most; kNoLimit at first. The router sets the route's.
  virtual void set_limit(std::uint64_t max_bytes) = 0;

  /// The fields behind a chunked body or an HTTP/2 stream. Whole after read() has given 0.
  virtual const Headers& trailers() const = 0;

  /// What is left of the body, at once. Errors as of read().
  Result<std::string> read_all();
};

/// A body that is there already: for requests that no connection made.
class MemoryBody final : public BodyReader {
 public:
  explicit MemoryBody(std::string bytes, Headers trailers = {})
      : bytes_(std::move(bytes)), trailers_(std::move(trailers)) {}
  Result<std::size_t> read(std::span<char> out) override;
  std::optional<std::uint64_t> length() const override { return bytes_.size(); }
  void set_limit(std::uint64_t max_bytes) override { limit_ = max_bytes; }
  const Headers& trailers() const override { return trailers_; }

 private:
  std::string bytes_;
  std::size_t read_ = 0;
  std::uint64_t limit_ = kNoLimit;
  Headers trailers_;
};

}  // namespace outcrop::http
