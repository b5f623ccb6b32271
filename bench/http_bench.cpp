// http_bench [SECONDS] [CONNECTIONS]: requests a second of a handler that does nothing, over loopback, and the
// time of one request at a time. HTTP/1.1 keep-alive from our own client threads; HTTP/2 by h2load (Debian:
// nghttp2-client) where it is installed. Client and server share the machine.

#include "http/server.h"

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

namespace {

using namespace outcrop::http;
using Clock = std::chrono::steady_clock;

constexpr std::string_view kRequest = "GET /ping HTTP/1.1\r\nHost: bench\r\n\r\n";

int connect_to(std::uint16_t port) {
  const int descriptor = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const int on = 1;
  ::setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (::connect(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) std::exit(1);
  return descriptor;
}

/// One request and its answer, which ends in the body "ok".
void ask(int descriptor) {
  if (::send(descriptor, kRequest.data(), kRequest.size(), MSG_NOSIGNAL) < 0) std::exit(1);
  std::string answer;
  char piece[2048];
  while (!answer.ends_with("\r\n\r\nok")) {
    const ssize_t n = ::recv(descriptor, piece, sizeof piece, 0);
    if (n <= 0) std::exit(1);
    answer.append(piece, static_cast<std::size_t>(n));
  }
}

double requests_per_second(std::uint16_t port, int connections, double seconds) {
  std::atomic<long> count{0};
  const auto end = Clock::now() + std::chrono::duration<double>(seconds);
  std::vector<std::jthread> clients;
  for (int i = 0; i < connections; ++i) {
    clients.emplace_back([&] {
      const int descriptor = connect_to(port);
      long mine = 0;
      for (; Clock::now() < end; ++mine) ask(descriptor);
      ::close(descriptor);
      count += mine;
    });
  }
  clients.clear();
  return static_cast<double>(count) / seconds;
}

}  // namespace

int main(int argc, char** argv) {
  const double seconds = argc > 1 ? std::atof(argv[1]) : 3.0;
  const int connections = argc > 2 ? std::atoi(argv[2]) : 16;
  auto server = Server::start({.port = 0}, [](Request&, ResponseWriter& response) {
    (void)response.send(200, "ok");  // the client measures; it stops when an answer is missing
  });
  if (!server) {
    std::fprintf(stderr, "%s\n", server.error().message.c_str());
    return 1;
  }
  const std::uint16_t port = (*server)->port();
  requests_per_second(port, connections, 0.2);  // warm-up
  const double one = requests_per_second(port, 1, seconds);
  std::printf("http/1.1, 1 connection: %.0f requests/s, %.1f us a request\n", one, 1e6 / one);
  std::printf("http/1.1, %d connections: %.0f requests/s\n", connections,
              requests_per_second(port, connections, seconds));
  std::fflush(stdout);
  const std::string load = fmt::format(
      "h2load -D {} --warm-up-time=1 -c 4 -m 16 http://127.0.0.1:{}/ping 2>/dev/null | grep 'finished in'",
      seconds, port);
  std::printf("http/2, 4 connections of 16 streams (h2load): ");
  std::fflush(stdout);
  if (std::system(load.c_str()) != 0) std::printf("h2load is not installed (nghttp2-client)\n");
  return 0;
}
