#include "http/net/transport.h"

#include <boost/asio/ssl.hpp>
#include <sys/socket.h>

namespace outcrop::http {
namespace {

/// One write(2) or TLS record after the other, so that progress can be seen. What is left of `buffers` is in
/// front.
template <class Stream>
Task<bool> write_all(Stream& stream, WriteBuffers buffers, std::uint64_t& written) {
  std::size_t first = 0;
  while (true) {
    while (first < buffers.size() && buffers[first].size() == 0) ++first;
    if (first == buffers.size()) co_return true;
    const auto [error, count] = co_await stream.async_write_some(buffers, kNoThrow);
    if (error) co_return false;
    written += count;
    std::size_t left = count;
    for (asio::const_buffer& buffer : buffers) {
      const std::size_t n = std::min(left, buffer.size());
      buffer += n;
      left -= n;
    }
  }
}

void close_socket(Socket& socket) {
  ErrorCode ignored;
  socket.close(ignored);
}

class PlainTransport final : public Transport {
 public:
  explicit PlainTransport(Socket socket) : socket_(std::move(socket)) {}
  Task<bool> handshake() override { co_return true; }
  bool chose_http2() const override { return false; }
  bool encrypted() const override { return false; }
  Task<std::size_t> read_some(asio::mutable_buffer out) override {
    const auto [error, count] = co_await socket_.async_read_some(out, kNoThrow);
    co_return error ? 0 : count;
  }
  Task<bool> write(WriteBuffers buffers) override { return write_all(socket_, buffers, written_); }
  Task<void> shut_sending() override {
    ErrorCode ignored;
    socket_.shutdown(asio::socket_base::shutdown_send, ignored);
    co_return;
  }
  void close() override { close_socket(socket_); }
  std::uint64_t bytes_written() const override { return written_; }

 private:
  Socket socket_;
  std::uint64_t written_ = 0;
};

class TlsTransport final : public Transport {
 public:
  TlsTransport(Socket socket, std::shared_ptr<asio::ssl::context> context)
      : context_(std::move(context)), stream_(std::move(socket), *context_) {}
  Task<bool> handshake() override {
    const auto [error] = co_await stream_.async_handshake(asio::ssl::stream_base::server, kNoThrow);
    co_return !error;
  }
  bool chose_http2() const override {
    const unsigned char* name = nullptr;
    unsigned size = 0;
    ::SSL_get0_alpn_selected(const_cast<TlsTransport*>(this)->stream_.native_handle(), &name, &size);
    return size == 2 && name[0] == 'h' && name[1] == '2';
  }
  bool encrypted() const override { return true; }
  Task<std::size_t> read_some(asio::mutable_buffer out) override {
    const auto [error, count] = co_await stream_.async_read_some(out, kNoThrow);
    co_return error ? 0 : count;
  }
  Task<bool> write(WriteBuffers buffers) override { return write_all(stream_, buffers, written_); }
  // The close_notify goes out; the client's own is not waited for.
  Task<void> shut_sending() override {
    ::SSL_set_shutdown(stream_.native_handle(), SSL_RECEIVED_SHUTDOWN);
    co_await stream_.async_shutdown(kNoThrow);
    ErrorCode ignored;
    stream_.next_layer().shutdown(asio::socket_base::shutdown_send, ignored);
  }
  void close() override { close_socket(stream_.next_layer()); }
  std::uint64_t bytes_written() const override { return written_; }

 private:
  const std::shared_ptr<asio::ssl::context> context_;
  asio::ssl::stream<Socket> stream_;
  std::uint64_t written_ = 0;
};

}  // namespace

std::unique_ptr<Transport> make_plain_transport(Socket socket) {
  return std::make_unique<PlainTransport>(std::move(socket));
}

std::unique_ptr<Transport> make_tls_transport(Socket socket, std::shared_ptr<asio::ssl::context> context) {
  return std::make_unique<TlsTransport>(std::move(socket), std::move(context));
}

}  // namespace outcrop::http
