#include "http/http2/connection.h"

#include <algorithm>
#include <vector>

#include <boost/asio/post.hpp>

namespace outcrop::http {
namespace {

constexpr std::size_t kReadPiece = std::size_t{64} << 10;
constexpr std::size_t kWritePiece = std::size_t{64} << 10;
// A client that does not take frames is not read further.
constexpr std::size_t kMaxBacklog = 256;
// The last word of a shutdown is said in tick().
constexpr std::chrono::milliseconds kDrainTick{25};

}  // namespace

std::shared_ptr<Protocol> make_http2(ConnectionParts parts) {
  return std::make_shared<Http2Connection>(std::move(parts));
}

Http2Connection::Http2Connection(ConnectionParts parts)
    : context_(parts.context),
      core_(parts.core),
      transport_(std::move(parts.transport)),
      remote_address_(std::move(parts.remote_address)),
      first_bytes_(std::move(parts.first_bytes)),
      writer_(*transport_, core_.options.timeouts.write_stall),
      output_(context_),
      space_(context_),
      watch_(context_) {}

std::function<void(std::int32_t)> Http2Connection::waker() {
  return [&context = context_, weak = weak_from_this()](std::int32_t stream) {
    asio::post(context, [weak, stream] {
      const auto self = weak.lock();
      if (!self || self->closed_) return;
      self->session_->on_wake(stream);
      self->output_.notify();
    });
  };
}

Task<void> Http2Connection::run() {
  const auto self = shared_from_this();
  session_ =
      std::make_unique<Http2Session>(core_, Http2Peer{remote_address_, transport_->encrypted()}, waker());
  asio::co_spawn(context_, keep_alive_during(self, write()), asio::detached);
  asio::co_spawn(context_, keep_alive_during(self, watch()), asio::detached);
  bool open = session_->receive(std::exchange(first_bytes_, {}), Clock::now());
  std::vector<char> piece(kReadPiece);
  while (open && !closed_) {
    output_.notify();
    if (session_->backlog() > kMaxBacklog) {
      co_await space_.wait();
      continue;
    }
    const std::size_t n = co_await transport_->read_some(asio::buffer(piece));
    if (n == 0) break;
    open = session_->receive({piece.data(), n}, Clock::now());
  }
  close();
}

Task<void> Http2Connection::write() {
  std::string frames;
  while (!closed_) {
    frames.clear();
    session_->produce(frames, kWritePiece);
    if (frames.empty()) {
      if (session_->finished()) break;
      co_await output_.wait();
      continue;
    }
    if (!co_await writer_.write(frames)) break;
    space_.notify();
  }
  if (!closed_) co_await writer_.shut_sending();
  close();
}

std::chrono::nanoseconds Http2Connection::tick_interval() const {
  const Timeouts& timeouts = core_.options.timeouts;
  const std::chrono::nanoseconds shortest =
      std::min({timeouts.head, timeouts.idle, timeouts.body_grace, timeouts.write_stall});
  return std::clamp<std::chrono::nanoseconds>(shortest / 4, std::chrono::milliseconds(10),
                                              std::chrono::seconds(1));
}

Task<void> Http2Connection::watch() {
  const std::chrono::nanoseconds interval = tick_interval();
  while (!closed_) {
    co_await watch_.wait(Clock::now() +
                         (draining_ ? std::min<std::chrono::nanoseconds>(interval, kDrainTick) : interval));
    if (closed_) co_return;
    session_->tick(Clock::now());
    output_.notify();
    if (writer_.stalled(Clock::now())) close();
  }
}

void Http2Connection::drain() {
  if (closed_ || !session_) return;
  draining_ = true;
  session_->drain(Clock::now());
  output_.notify();
  watch_.notify();
}

void Http2Connection::close() {
  if (std::exchange(closed_, true)) return;
  transport_->close();
  if (session_) session_->abandon_streams();
  for (Event* event : {&output_, &space_, &watch_}) event->notify();
}

}  // namespace outcrop::http
