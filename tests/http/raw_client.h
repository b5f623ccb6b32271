#pragma once
// A socket that says exactly what a test wants said, and a server to say it to.

#include "http/server.h"

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

namespace outcrop::http::test {

/// Closes on destruction. A read waits 5 s at most.
class RawClient {
 public:
  explicit RawClient(std::uint16_t port, int receive_buffer = 0)
      : descriptor_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const timeval patience{.tv_sec = 5, .tv_usec = 0};
    ::setsockopt(descriptor_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    const int on = 1;
    ::setsockopt(descriptor_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (receive_buffer > 0) {
      ::setsockopt(descriptor_, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
    }
    EXPECT_EQ(::connect(descriptor_, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  }
  ~RawClient() { close(); }
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;

  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t n = ::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(n));
    }
    return true;
  }
  void shut_sending() { ::shutdown(descriptor_, SHUT_WR); }
  void close() {
    if (descriptor_ >= 0) ::close(std::exchange(descriptor_, -1));
  }

  /// Some bytes; empty at the end, after 5 s, or on an error.
  std::string read_some() {
    char piece[65536];
    const ssize_t n = ::recv(descriptor_, piece, sizeof piece, 0);
    return n > 0 ? std::string(piece, static_cast<std::size_t>(n)) : std::string();
  }
  /// Until `ending` has come; what came before the connection ended otherwise.
  std::string read_until(std::string_view ending) {
    while (true) {
      if (const std::size_t at = held_.find(ending); at != std::string::npos) {
        std::string taken = held_.substr(0, at + ending.size());
        held_.erase(0, taken.size());
        return taken;
      }
      const std::string more = read_some();
      if (more.empty()) return std::exchange(held_, {});
      held_ += more;
    }
  }
  /// Everything up to the end of the connection.
  std::string read_to_end() {
    std::string all = std::exchange(held_, {});
    for (std::string more = read_some(); !more.empty(); more = read_some()) all += more;
    return all;
  }

 private:
  int descriptor_;
  std::string held_;
};

inline std::unique_ptr<Server> start(Handler handler, ServerOptions options = {}) {
  options.port = 0;
  auto server = Server::start(std::move(options), std::move(handler));
  EXPECT_TRUE(server) << (server ? "" : server.error().message);
  return server ? *std::move(server) : nullptr;
}

/// Answers with method, target and body; 400 or what the error asks for when the body fails.
inline void echo(Request& request, ResponseWriter& response) {
  const auto body = request.body->read_all();
  if (!body) {
    const int status = body.error().code == Code::quota_exceeded ? 413
                       : body.error().code == Code::cancelled    ? 408
                                                                 : 400;
    (void)response.send(status, body.error().message);
    return;
  }
  (void)response.send(200, request.method + " " + request.target + " [" + *body + "]");
}

/// The answer to one request on a connection of its own.
inline std::string ask(const Server& server, std::string_view request) {
  RawClient client(server.port());
  client.send(request);
  client.shut_sending();
  return client.read_to_end();
}

}  // namespace outcrop::http::test
