#pragma once
// A connection from its first byte: the handshake, and finding out which protocol the client speaks.

#include "http/net/protocol.h"

#include <memory>
#include <string>
#include <string_view>

namespace outcrop::http {

/// The first bytes of an HTTP/2 client (RFC 9113, section 3.4).
inline constexpr std::string_view kHttp2Preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Belongs to the I/O thread of its context; drain() and close() are posted there.
class Session : public std::enable_shared_from_this<Session> {
 public:
  Session(asio::io_context& context, Core& core, std::unique_ptr<Transport> transport,
          std::string remote_address);
  Task<void> run();
  void drain();
  void close();

  asio::io_context& context() noexcept { return context_; }
  const std::string& remote_address() const noexcept { return remote_address_; }

 private:
  Task<std::shared_ptr<Protocol>> find_protocol();

  asio::io_context& context_;
  Core& core_;
  const std::shared_ptr<Transport> transport_;
  const std::string remote_address_;
  std::shared_ptr<Protocol> protocol_;
  bool draining_ = false;
};

}  // namespace outcrop::http
