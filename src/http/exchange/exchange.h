#pragma once
// One request and its answer, between the connection (on its I/O thread) and the handler (on a worker thread).
// Two bounded buffers, one in each direction: the worker blocks on them, the connection never does. What the
// worker changes is announced to the connection by the wake function.

#include "base/result.h"
#include "http/body.h"
#include "http/exchange/byte_queue.h"
#include "http/headers.h"
#include "http/response.h"

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <stop_token>
#include <string>

namespace outcrop::http {

struct ResponseHead {
  int status = 0;
  Headers headers;
  std::optional<std::uint64_t> length;
};

struct ExchangeOptions {
  std::size_t buffer_bytes = std::size_t{64} << 10;  ///< of each direction
  std::optional<std::uint64_t> request_length{};     ///< Content-Length
  bool expects_continue = false;                     ///< the client waits for 100 before it sends the body
};

/// Thread-safe: each group of functions for its side. Lives as long as either side holds it.
class Exchange final : public ResponseSink {
 public:
  /// `wake` is called from worker threads, without a lock, and must not block.
  Exchange(ExchangeOptions options, std::function<void()> wake);

  // --- the worker's side ---
  Result<std::size_t> read_body(std::span<char> out);
  Status begin(int status, Headers headers, std::optional<std::uint64_t> length) override;
  Status send(int status, Headers headers, std::string body) override;
  Status write(std::string_view bytes) override;
  Status finish(Headers trailers) override;
  bool closed() const override;
  /// Nobody waits for the answer any more.
  bool abandoned() const;
  std::stop_token stop_token() const noexcept { return stop_.get_token(); }
  std::optional<std::uint64_t> request_length() const noexcept { return options_.request_length; }
  /// Stable once read_body() has given 0.
  const Headers& request_trailers() const noexcept { return request_trailers_; }
  /// The handler is done. An answer that it began and did not finish is cut off; whether it began one.
  bool handler_returned();
  /// The status for a request that the handler left without an answer: 500, or why the body failed.
  int status_of_silence() const;

  // --- the connection's side ---
  /// Called first when woken: later changes wake again.
  void woken();
  void push_body(std::string_view bytes);  ///< beyond the buffer's size too: stop when body_full()
  bool body_full() const;
  void end_body(Headers trailers);
  /// `status` is what the server answers itself when the handler does not answer. No effect on a body that has
  /// ended.
  void fail_body(Error error, int status);
  /// Bytes that the handler has read since the last call.
  std::size_t take_body_read();
  /// Whether to send 100 now; true once.
  bool take_continue();
  /// No answer can be delivered any more: the handler's reads and writes fail, and its stop token is triggered.
  void client_gone();
  /// Only triggers the stop token: what is still written is delivered if that is possible.
  void request_stop() { stop_.request_stop(); }

  bool has_head() const;
  std::optional<ResponseHead> take_head();  ///< once
  /// empty: more may come; finished: nothing is left and nothing comes; aborted: the answer must be cut off.
  enum class Output : std::uint8_t { ready, empty, finished, aborted };
  Output output() const;
  std::size_t take_output(std::span<char> out);
  std::string take_output(std::size_t max_bytes);
  Headers take_response_trailers();

 private:
  void wake(std::unique_lock<std::mutex>& lock);
  void after_output_taken();

  const ExchangeOptions options_;
  const std::function<void()> wake_;
  std::stop_source stop_;

  mutable std::mutex mu_;
  std::condition_variable changed_;  // the worker waits here
  // guarded by mu_
  ByteQueue body_;
  bool body_ended_ = false;
  std::optional<Error> body_error_;
  int body_status_ = 500;      // to answer with when the body failed
  std::size_t body_read_ = 0;  // since take_body_read()
  bool body_wanted_ = false;
  bool continue_taken_ = false;
  Headers request_trailers_;
  std::optional<ResponseHead> head_;
  bool begun_ = false;
  bool finished_ = false;
  bool aborted_ = false;
  bool gone_ = false;
  bool wake_pending_ = false;
  std::optional<std::uint64_t> output_left_;  // of a stated length
  ByteQueue output_;
  Headers response_trailers_;
};

/// The request's body by way of an exchange, with the route's limit.
class ExchangeBody final : public BodyReader {
 public:
  explicit ExchangeBody(std::shared_ptr<Exchange> exchange) : exchange_(std::move(exchange)) {}
  Result<std::size_t> read(std::span<char> out) override;
  std::optional<std::uint64_t> length() const override { return exchange_->request_length(); }
  void set_limit(std::uint64_t max_bytes) override { limit_ = max_bytes; }
  const Headers& trailers() const override { return exchange_->request_trailers(); }

 private:
  std::shared_ptr<Exchange> exchange_;
  std::uint64_t limit_ = kNoLimit;
  std::uint64_t read_ = 0;
};

}  // namespace outcrop::http
