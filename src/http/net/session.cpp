#include "http/net/session.h"

#include "http/exchange/core.h"

namespace outcrop::http {

Session::Session(asio::io_context& context, Core& core, std::unique_ptr<Transport> transport,
                 std::string remote_address)
    : context_(context),
      core_(core),
      transport_(std::move(transport)),
      remote_address_(std::move(remote_address)) {}

Task<void> Session::run() {
  const auto self = shared_from_this();
  asio::steady_timer patience(context_, core_.options.timeouts.head);
  patience.async_wait([transport = transport_](ErrorCode cancelled) {
    if (!cancelled) transport->close();
  });
  const std::shared_ptr<Protocol> protocol = co_await find_protocol();
  patience.cancel();
  if (protocol) {
    protocol_ = protocol;
    if (draining_) protocol_->drain();
    co_await protocol_->run();
  }
  transport_->close();
}

Task<std::shared_ptr<Protocol>> Session::find_protocol() {
  if (!co_await transport_->handshake()) co_return nullptr;
  std::string first;
  if (!transport_->chose_http2()) {
    while (first.size() < kHttp2Preface.size() && kHttp2Preface.starts_with(first)) {
      std::array<char, 1024> piece;
      const std::size_t n = co_await transport_->read_some(asio::buffer(piece));
      if (n == 0) co_return nullptr;
      first.append(piece.data(), n);
    }
  }
  const bool http2 = transport_->chose_http2() || first.starts_with(kHttp2Preface);
  ConnectionParts parts{context_, core_, transport_, remote_address_, std::move(first)};
  co_return http2 ? make_http2(std::move(parts)) : make_http1(std::move(parts));
}

void Session::drain() {
  draining_ = true;
  if (protocol_) {
    protocol_->drain();
  } else {
    transport_->close();  // no request has come yet
  }
}

void Session::close() {
  if (protocol_) {
    protocol_->close();
  } else {
    transport_->close();
  }
}

}  // namespace outcrop::http
