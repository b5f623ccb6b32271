#pragma once
// How a handler answers: a whole body, a part of a file, or a stream that it writes piece by piece.

#include "base/files.h"
#include "base/result.h"
#include "http/headers.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace outcrop::http {

struct Request;

/// The reason phrase: "Not Found" for 404; empty for a status without one.
std::string_view reason_phrase(int status) noexcept;

/// Where a response goes: a connection, or memory (RecordedResponse). Handlers use ResponseWriter.
class ResponseSink {
 public:
  virtual ~ResponseSink() = default;
  /// Status and headers, once, before any body. `length` where the body's size is known.
  virtual Status begin(int status, Headers headers, std::optional<std::uint64_t> length) = 0;
  /// begin(), a body and finish() in one.
  virtual Status send(int status, Headers headers, std::string body) = 0;
  virtual Status write(std::string_view bytes) = 0;
  virtual Status finish(Headers trailers) = 0;
  virtual bool closed() const = 0;
};

/// The body of a response while it is written. Any one thread may use it, until the handler returns.
class ResponseStream {
 public:
  explicit ResponseStream(ResponseSink& sink) : sink_(&sink) {}
  /// Blocks while the bounded buffer towards the client is full. cancelled when the client has gone;
  /// invalid_argument beyond a stated length.
  Status write(std::string_view bytes) { return sink_->write(bytes); }
  /// Ends the body. A stream that the handler leaves without finish() is cut off in a way that the client
  /// notices.
  Status finish(Headers trailers = {});
  /// Whether the client has gone.
  bool closed() const { return sink_->closed(); }

 private:
  ResponseSink* sink_;
};

/// A part of a file, which may be larger than memory.
struct FileRange {
  Path path;
  std::uint64_t offset = 0;
  std::optional<std::uint64_t> length = std::nullopt;  ///< to the end when absent
};

/// Given to each handler for its one answer. Not thread-safe. Connection, Transfer-Encoding and the like are
/// the connection's business: headers of these names are dropped. Date is always sent, Content-Length where it
/// is known. To HEAD the same calls send no body.
class ResponseWriter {
 public:
  explicit ResponseWriter(ResponseSink& sink) : sink_(&sink) {}

  /// What goes with the answer; set before it starts.
  Headers& headers() noexcept { return headers_; }

  /// A whole answer. Does not wait for the client. conflict when an answer has started; invalid_argument for a
  /// status outside 200..599 or a header that cannot be sent.
  Status send(int status, std::string body);
  /// The same with a Content-Type.
  Status send(int status, std::string_view content_type, std::string body);
  /// Streams a part of a file in pieces. not_found, io and invalid_argument (a range outside the file) before
  /// anything is sent; cancelled when the client goes.
  Status send_file(int status, const FileRange& range);
  /// Begins an answer that is written in pieces; with `length`, exactly so many bytes. The head is sent at
  /// once.
  Result<ResponseStream> stream(int status, std::optional<std::uint64_t> length = std::nullopt);

  bool started() const noexcept { return started_; }
  /// Whether the client has gone.
  bool closed() const { return sink_->closed(); }

 private:
  Status start(int status);
  ResponseSink* sink_;
  Headers headers_;
  bool started_ = false;
};

/// Answers one request in plain blocking code, on a worker thread, never on an I/O thread. One that returns
/// without an answer has a 500 sent for it.
using Handler = std::function<void(Request&, ResponseWriter&)>;

/// Keeps an answer in memory: to call a handler without a connection.
class RecordedResponse final : public ResponseSink {
 public:
  Status begin(int status, Headers headers, std::optional<std::uint64_t> length) override;
  Status send(int status, Headers headers, std::string body) override;
  Status write(std::string_view bytes) override;
  Status finish(Headers trailers) override;
  bool closed() const override { return client_gone; }

  int status = 0;
  Headers headers;
  std::string body;
  Headers trailers;
  bool finished = false;
  bool client_gone = false;  ///< set it to see a handler stop
};

}  // namespace outcrop::http
