#pragma once
// An HTTP/1.1 connection (RFC 9112). Four coroutines on one I/O thread: run() reads requests in order, fill()
// brings bytes from the socket and sees the client leave, answer() writes what workers produce, watch() minds
// stalled clients. No read is ever cancelled, so that nothing of a pipelined request is lost.

#include "http/exchange/byte_queue.h"
#include "http/exchange/core.h"
#include "http/net/protocol.h"
#include "http/wire/http1_parser.h"
#include "http/wire/pace.h"

#include <memory>
#include <optional>
#include <string>

namespace outcrop::http {

class Http1Connection final : public Protocol, public std::enable_shared_from_this<Http1Connection> {
 public:
  explicit Http1Connection(ConnectionParts parts);
  Task<void> run() override;
  void drain() override;
  void close() override;

 private:
  /// How an answer's end is told to the client.
  enum class Framing : std::uint8_t { no_body, length, chunked, until_close };

  Task<void> fill();
  Task<void> answer();
  Task<void> watch();

  Task<bool> serve_one();
  Task<bool> read_head(Http1Parser& parser, std::optional<Refusal>& refusal);
  Task<void> read_body(Http1Parser& parser);
  Task<bool> wait_for_body(BodyPace& pace);
  bool take_body(Http1Parser& parser, BodyPace& pace);
  bool give_up_body() const;
  void fail_body(Error error, int status);
  Task<void> until_answered();
  Task<void> refuse(Refusal refusal);
  Task<void> linger();

  void begin_exchange(const Http1Head& head, bool whole);
  Request make_request(Http1Head& head);
  Task<bool> write_answer(Exchange& exchange);
  Framing settle_framing(ResponseHead& head);
  Task<bool> write_body(Exchange& exchange, Framing framing, std::string front);
  std::function<void()> waker();

  asio::io_context& context_;
  Core& core_;
  const std::shared_ptr<Transport> transport_;
  const std::string remote_address_;
  WatchedWriter writer_;
  Event input_;   // run() waits: bytes, the client's end, news of the exchange
  Event output_;  // answer() waits
  Event space_;   // fill() waits
  Event watch_;   // watch() waits

  ByteQueue received_;
  bool at_end_ = false;  // the client sends nothing more
  bool closed_ = false;
  bool draining_ = false;
  bool first_ = true;         // no request has been served yet
  bool must_linger_ = false;  // bytes of the client may be unread when the connection closes

  // of the request that is being answered
  std::shared_ptr<Exchange> exchange_;
  std::string request_id_;
  Version version_ = Version::http_1_1;
  bool to_head_ = false;  // the answer has no body, whatever its headers say
  bool keep_alive_ = true;
  bool waits_for_continue_ = false;
  bool body_whole_ = true;
  bool answered_ = false;
  std::size_t discarded_ = 0;  // of a body that came after the answer
};

}  // namespace outcrop::http
