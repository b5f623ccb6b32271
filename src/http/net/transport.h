#pragma once
// A stream of bytes to a client: a socket, or TLS over one. Belongs to one I/O thread.

#include "http/net/asio.h"

#include <array>
#include <memory>
#include <string>

#include <boost/asio/generic/stream_protocol.hpp>

namespace boost::asio::ssl {
class context;
}

namespace outcrop::http {

using Socket = asio::generic::stream_protocol::socket;
/// What one write sends, in order; unused ones are empty.
using WriteBuffers = std::array<asio::const_buffer, 3>;

class Transport {
 public:
  virtual ~Transport() = default;
  /// For TLS the handshake. Whether it succeeded.
  virtual Task<bool> handshake() = 0;
  /// Whether the handshake settled on HTTP/2.
  virtual bool chose_http2() const = 0;
  virtual bool encrypted() const = 0;
  /// Bytes read; 0 at the end or on an error.
  virtual Task<std::size_t> read_some(asio::mutable_buffer out) = 0;
  /// Writes all of it; false on an error.
  virtual Task<bool> write(WriteBuffers buffers) = 0;
  /// Tells the client that nothing more is sent.
  virtual Task<void> shut_sending() = 0;
  /// Ends every operation that is under way. Idempotent.
  virtual void close() = 0;
  /// Counts bytes that the client has taken, for the write-stall timeout.
  virtual std::uint64_t bytes_written() const = 0;
};

std::unique_ptr<Transport> make_plain_transport(Socket socket);
std::unique_ptr<Transport> make_tls_transport(Socket socket, std::shared_ptr<asio::ssl::context> context);

}  // namespace outcrop::http
