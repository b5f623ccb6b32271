#include "http/http1/connection.h"

#include "http/wire/http1_writer.h"

#include <boost/asio/post.hpp>

namespace outcrop::http {
namespace {

constexpr std::size_t kReadAhead = std::size_t{64} << 10;
constexpr std::size_t kReadPiece = std::size_t{16} << 10;
constexpr std::size_t kWritePiece = std::size_t{64} << 10;
// A body that nobody wants is read this far, to keep the connection; more is cheaper to cut off.
constexpr std::size_t kDiscard = std::size_t{256} << 10;
constexpr std::chrono::seconds kLinger{2};

}  // namespace

std::shared_ptr<Protocol> make_http1(ConnectionParts parts) {
  return std::make_shared<Http1Connection>(std::move(parts));
}

Http1Connection::Http1Connection(ConnectionParts parts)
    : context_(parts.context),
      core_(parts.core),
      transport_(std::move(parts.transport)),
      remote_address_(std::move(parts.remote_address)),
      writer_(*transport_, core_.options.timeouts.write_stall),
      input_(context_),
      output_(context_),
      space_(context_),
      watch_(context_) {
  received_.append(std::move(parts.first_bytes));
}

Task<void> Http1Connection::run() {
  const auto self = shared_from_this();
  asio::co_spawn(context_, keep_alive_during(self, fill()), asio::detached);
  asio::co_spawn(context_, keep_alive_during(self, answer()), asio::detached);
  asio::co_spawn(context_, keep_alive_during(self, watch()), asio::detached);
  while (co_await serve_one()) first_ = false;
  if (!closed_) co_await linger();
  close();
}

void Http1Connection::drain() {
  draining_ = true;
  input_.notify();
}

void Http1Connection::close() {
  if (std::exchange(closed_, true)) return;
  transport_->close();
  if (exchange_ && !answered_) exchange_->client_gone();
  for (Event* event : {&input_, &output_, &space_, &watch_}) event->notify();
}

Task<void> Http1Connection::fill() {
  while (!closed_) {
    if (received_.size() >= kReadAhead) {
      co_await space_.wait();
      continue;
    }
    const std::span<char> room = received_.prepare(kReadPiece);
    const std::size_t n = co_await transport_->read_some(asio::buffer(room.data(), room.size()));
    received_.commit(n);
    at_end_ = n == 0;
    input_.notify();
    if (at_end_) co_return;
  }
}

Task<void> Http1Connection::watch() {
  while (!closed_) {
    co_await watch_.wait(Clock::now() + writer_.interval());
    if (writer_.stalled(Clock::now())) close();
  }
}

// --- requests ---

Task<bool> Http1Connection::serve_one() {
  const Limits& limits = core_.options.limits;
  Http1Parser parser({.head_bytes = limits.head_bytes, .headers = limits.headers});
  std::optional<Refusal> refusal;
  if (!co_await read_head(parser, refusal)) {
    if (refusal && !closed_) co_await refuse(*std::move(refusal));
    co_return false;
  }
  begin_exchange(parser.head(), parser.done());
  core_.submit(exchange_, make_request(parser.head()));
  if (!parser.done()) co_await read_body(parser);
  if (parser.done()) exchange_->end_body(std::move(parser.trailers()));
  co_await until_answered();
  // A handler may still be reading what does not come any more.
  exchange_->fail_body({Code::cancelled, "the answer was sent before the body had come"}, 400);
  exchange_.reset();
  if (!body_whole_) must_linger_ = true;
  co_return keep_alive_&& body_whole_ && !closed_;
}

Task<bool> Http1Connection::read_head(Http1Parser& parser, std::optional<Refusal>& refusal) {
  const Timeouts& timeouts = core_.options.timeouts;
  Clock::time_point deadline = Clock::now() + (first_ ? timeouts.head : timeouts.idle);
  bool begun = false;
  while (!closed_) {
    if (!received_.empty()) {
      if (!std::exchange(begun, true)) deadline = Clock::now() + timeouts.head;
      const std::size_t used = parser.parse_head(received_.view(), refusal);
      if (refusal) co_return false;
      if (used > 0) {
        received_.consume(used);
        space_.notify();
        co_return true;
      }
    }
    if (at_end_ || (draining_ && !begun)) co_return false;
    if (!co_await input_.wait(deadline)) {
      if (begun) refusal = Refusal{408, "the request's headers took too long"};
      co_return false;
    }
  }
  co_return false;
}

void Http1Connection::begin_exchange(const Http1Head& head, bool whole) {
  request_id_ = core_.make_request_id();
  version_ = head.version;
  to_head_ = head.method == "HEAD";
  keep_alive_ = head.keep_alive;
  waits_for_continue_ = head.expects_continue;
  body_whole_ = whole;
  answered_ = false;
  discarded_ = 0;
  exchange_ = std::make_shared<Exchange>(ExchangeOptions{.buffer_bytes = core_.options.limits.buffer_bytes,
                                                         .request_length = head.length,
                                                         .expects_continue = head.expects_continue},
                                         waker());
  output_.notify();
}

// The worker's news come by way of the I/O thread.
std::function<void()> Http1Connection::waker() {
  return [&context = context_, weak = weak_from_this()] {
    asio::post(context, [weak] {
      const auto self = weak.lock();
      if (!self) return;
      if (self->exchange_) self->exchange_->woken();
      self->input_.notify();
      self->output_.notify();
    });
  };
}

Request Http1Connection::make_request(Http1Head& head) {
  Request request;
  request.method = std::move(head.method);
  request.target = std::move(head.target);
  request.version = head.version;
  request.authority = std::move(head.authority);
  request.headers = std::move(head.headers);
  request.body = std::make_unique<ExchangeBody>(exchange_);
  request.id = request_id_;
  request.remote_address = remote_address_;
  request.encrypted = transport_->encrypted();
  request.stop = exchange_->stop_token();
  return request;
}

Task<void> Http1Connection::read_body(Http1Parser& parser) {
  BodyPace pace(core_.options.timeouts);
  while (!closed_ && !give_up_body()) {
    if (!answered_ && exchange_->body_full()) {
      co_await input_.wait();
      continue;
    }
    const bool progress = take_body(parser, pace);
    if (parser.done()) {
      body_whole_ = true;
      co_return;
    }
    // Malformed: what follows cannot be told apart. Or nobody waits for the rest.
    if (must_linger_ || (!keep_alive_ && answered_)) co_return;
    if (progress) continue;
    if (at_end_) {
      fail_body({Code::cancelled, "the client left in the middle of the body"}, 400);
      co_return;
    }
    if (!co_await wait_for_body(pace)) {
      fail_body({Code::cancelled, "the body came too slowly"}, 408);
      co_return;
    }
  }
}

/// Whether the rest of the body is not worth reading: the answer is out and the client still waits for
/// permission, or has more to send than a new connection costs.
bool Http1Connection::give_up_body() const {
  return answered_ && (waits_for_continue_ || discarded_ > kDiscard);
}

/// Parses what has come. false when there is nothing to parse, or not enough.
bool Http1Connection::take_body(Http1Parser& parser, BodyPace& pace) {
  if (received_.empty()) return false;
  std::string piece;
  std::optional<Refusal> refusal;
  const std::size_t used = parser.parse_body(received_.view(), piece, refusal);
  received_.consume(used);
  waits_for_continue_ = false;  // a client that sends waits no longer
  if (used > 0) space_.notify();
  if (!piece.empty()) {
    pace.received(piece.size());
    if (answered_) {
      discarded_ += piece.size();
    } else {
      exchange_->push_body(piece);
    }
  }
  if (refusal) {
    fail_body({Code::invalid_argument, refusal->message}, refusal->status);
    return false;
  }
  return used > 0;
}

/// false when the client is too slow. A client that waits for 100 is not, nor is one whose handler does not
/// read.
Task<bool> Http1Connection::wait_for_body(BodyPace& pace) {
  if (waits_for_continue_) {
    co_await input_.wait();
    co_return true;
  }
  const Clock::time_point start = Clock::now();
  const bool news = co_await input_.wait(start + pace.left());
  pace.waited(Clock::now() - start);
  co_return news || !pace.used_up();
}

void Http1Connection::fail_body(Error error, int status) {
  keep_alive_ = false;
  must_linger_ = true;
  exchange_->fail_body(std::move(error), status);
}

Task<void> Http1Connection::until_answered() {
  while (!closed_ && !answered_) {
    if (at_end_ && received_.empty()) exchange_->request_stop();
    co_await input_.wait();
  }
}

Task<void> Http1Connection::refuse(Refusal refusal) {
  Http1Head head;
  head.keep_alive = false;
  begin_exchange(head, /*whole=*/true);
  must_linger_ = true;
  send_error(*exchange_, refusal.status, refusal.message);
  while (!closed_ && !answered_) co_await input_.wait();
  exchange_.reset();
}

/// Closing with unread bytes makes the system throw away what the client has not read yet: the answer. So the
/// sending side is shut first, and the client's bytes are read for a moment.
Task<void> Http1Connection::linger() {
  co_await writer_.shut_sending();
  if (!must_linger_) co_return;
  const Clock::time_point deadline = Clock::now() + kLinger;
  while (!closed_ && !draining_ && Clock::now() < deadline) {
    received_.clear();
    space_.notify();
    if (!co_await input_.wait(deadline)) co_return;
    if (at_end_ && received_.empty()) co_return;
  }
}

// --- answers ---

Task<void> Http1Connection::answer() {
  constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
  while (!closed_) {
    const std::shared_ptr<Exchange> exchange = answered_ ? nullptr : exchange_;
    if (exchange && exchange->take_continue() && waits_for_continue_) {
      if (!co_await writer_.write(kContinue)) close();
      waits_for_continue_ = false;
      input_.notify();
    } else if (exchange && exchange->has_head()) {
      const bool written = co_await write_answer(*exchange);
      if (!written) close();
      answered_ = true;
      input_.notify();
    } else {
      co_await output_.wait();
    }
  }
}

Http1Connection::Framing Http1Connection::settle_framing(ResponseHead& head) {
  Framing framing = Framing::length;
  if (head.status == 204 || head.status == 304) {
    framing = Framing::no_body;
  } else if (head.length) {
    head.headers.add("Content-Length", std::to_string(*head.length));
  } else if (version_ == Version::http_1_1) {
    head.headers.add("Transfer-Encoding", "chunked");
    framing = Framing::chunked;
  } else {
    framing = Framing::until_close;
    keep_alive_ = false;
  }
  if (draining_ || waits_for_continue_) keep_alive_ = false;
  if (!keep_alive_) {
    head.headers.add("Connection", "close");
  } else if (version_ == Version::http_1_0) {
    head.headers.add("Connection", "keep-alive");
  }
  return to_head_ ? Framing::no_body : framing;
}

Task<bool> Http1Connection::write_answer(Exchange& exchange) {
  ResponseHead head = exchange.take_head().value_or(ResponseHead{});
  core_.complete(head, request_id_);
  const Framing framing = settle_framing(head);
  return write_body(exchange, framing, format_head(head.status, head.headers));
}

/// `front` is what goes out first: the head, with the first piece of the body if that is there already.
Task<bool> Http1Connection::write_body(Exchange& exchange, Framing framing, std::string front) {
  while (!closed_) {
    switch (exchange.output()) {
      case Exchange::Output::aborted:
        // The client has to see an answer that breaks off: what there is, then no proper end.
        if (!front.empty()) co_await writer_.write(front);
        co_return false;
      case Exchange::Output::empty:
        if (!front.empty() && !co_await writer_.write(front)) co_return false;
        front.clear();
        if (exchange.output() == Exchange::Output::empty) co_await output_.wait();
        break;
      case Exchange::Output::ready: {
        const std::string piece = exchange.take_output(kWritePiece);
        if (framing == Framing::no_body) break;
        if (framing == Framing::chunked) front += format_chunk_line(piece.size());
        const std::string_view end = framing == Framing::chunked ? "\r\n" : "";
        if (!co_await writer_.write(front, piece, end)) co_return false;
        front.clear();
        break;
      }
      case Exchange::Output::finished:
        if (framing == Framing::chunked) front += format_last_chunk(exchange.take_response_trailers());
        if (!front.empty() && !co_await writer_.write(front)) co_return false;
        co_return true;
    }
  }
  co_return false;
}

}  // namespace outcrop::http
