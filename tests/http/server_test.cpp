#include "http/server.h"

#include "http/programs.h"
#include "http/raw_client.h"
#include "support/sanitizers.h"

#include <atomic>
#include <fstream>
#include <thread>

#include <fmt/format.h>
#include <gmock/gmock.h>

namespace outcrop::http {
namespace {

using namespace std::chrono_literals;
using test::echo;
using test::output_of;
using test::RawClient;
using test::start;
using testing::HasSubstr;
using testing::StartsWith;

constexpr std::string_view kGet = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";

std::int64_t resident_bytes() {
  std::ifstream statm("/proc/self/statm");
  std::int64_t total = 0;
  std::int64_t resident = 0;
  statm >> total >> resident;
  return resident * ::getpagesize();
}

TEST(Server, RefusesWhatItCannotBe) {
  EXPECT_EQ(Server::start({.address = "nowhere", .port = 0}, echo).error().code, Code::invalid_argument);
  EXPECT_EQ(Server::start({.port = 0, .workers = 0}, echo).error().code, Code::invalid_argument);
  const auto server = start(echo);
  EXPECT_EQ(Server::start({.port = server->port()}, echo).error().code, Code::io);
}

TEST(Server, NegotiatesTheProtocolUnderTls) {
  test::TemporaryFolder folder;
  test::make_certificate(folder.path(), "one");
  ServerOptions options;
  options.tls = TlsOptions{folder.path() / "certificate.pem", folder.path() / "key.pem"};
  const auto server = start(echo, options);
  const std::string curl =
      fmt::format("curl -s --cacert '{}' -w ' %{{http_version}}' -d hi https://127.0.0.1:{}/t",
                  options.tls->certificate.string(), server->port());
  EXPECT_EQ(output_of(curl + " --http2"), "POST /t [hi] 2");
  EXPECT_EQ(output_of(curl + " --http1.1"), "POST /t [hi] 1.1");
  EXPECT_EQ(output_of(curl + " --no-alpn"), "POST /t [hi] 1.1");
  EXPECT_NE(std::system((curl + " --tls-max 1.1 >/dev/null 2>&1").c_str()), 0);
}

TEST(Server, FollowsItsCertificateFiles) {
  test::TemporaryFolder folder;
  test::make_certificate(folder.path(), "one");
  ServerOptions options;
  options.tls = TlsOptions{folder.path() / "certificate.pem", folder.path() / "key.pem"};
  const auto server = start(echo, options);
  const std::string subject = fmt::format(
      "openssl s_client -connect 127.0.0.1:{} </dev/null 2>/dev/null | openssl x509 -noout -subject",
      server->port());
  EXPECT_THAT(output_of(subject), HasSubstr("one"));
  std::this_thread::sleep_for(1100ms);
  { std::ofstream(folder.path() / "certificate.pem") << "half written"; }
  EXPECT_THAT(output_of(subject), HasSubstr("one"));
  test::make_certificate(folder.path(), "two");
  std::this_thread::sleep_for(1100ms);
  EXPECT_THAT(output_of(subject), HasSubstr("two"));
}

TEST(Server, RefusesACertificateWithAnotherKey) {
  test::TemporaryFolder one;
  test::TemporaryFolder two;
  test::make_certificate(one.path(), "one");
  test::make_certificate(two.path(), "two");
  ServerOptions options{.port = 0};
  options.tls = TlsOptions{one.path() / "certificate.pem", two.path() / "key.pem"};
  EXPECT_EQ(Server::start(options, echo).error().code, Code::invalid_argument);
}

TEST(Server, StreamsTwoGibibytesThroughInFlatMemory) {
  if (outcrop::test::kSanitized) GTEST_SKIP() << "a sanitizer keeps freed memory for a while";
  constexpr std::uint64_t kBytes = std::uint64_t{2} << 30;
  const auto server = start([](Request& request, ResponseWriter& response) {
    auto stream = response.stream(200, request.body->length());
    ASSERT_TRUE(stream);
    std::vector<char> piece(65536);
    for (auto n = request.body->read(piece); n && *n > 0; n = request.body->read(piece)) {
      ASSERT_TRUE(stream->write({piece.data(), *n}));
    }
    ASSERT_TRUE(stream->finish());
  });
  RawClient client(server->port());
  const std::int64_t before = resident_bytes();
  std::atomic<std::int64_t> most{0};
  std::jthread sender([&] {
    client.send(fmt::format("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n", kBytes));
    const std::string piece(1 << 20, 'p');
    for (std::uint64_t sent = 0; sent < kBytes; sent += piece.size()) ASSERT_TRUE(client.send(piece));
  });
  std::uint64_t received = 0;
  client.read_until("\r\n\r\n");
  while (received < kBytes) {
    const std::string piece = client.read_some();
    if (piece.empty()) break;
    received += piece.size();
    most = std::max(most.load(), resident_bytes());
  }
  EXPECT_GE(received + 65536, kBytes);  // read_until() may have held some of it back
  EXPECT_LT(most - before, 64 << 20);
}

TEST(Server, StreamsAFileRange) {
  test::TemporaryFolder folder;
  std::ofstream(folder.path() / "file") << "0123456789";
  const auto server = start([&](Request&, ResponseWriter& response) {
    EXPECT_EQ(response.send_file(200, {folder.path() / "none"}).error().code, Code::not_found);
    EXPECT_EQ(response.send_file(200, {folder.path() / "file", 8, 3}).error().code, Code::invalid_argument);
    EXPECT_TRUE(response.send_file(206, {folder.path() / "file", 2, 5}));
  });
  const std::string answer = test::ask(*server, kGet);
  EXPECT_THAT(answer, HasSubstr("Content-Length: 5\r\n"));
  EXPECT_THAT(answer, testing::EndsWith("\r\n\r\n23456"));
}

TEST(Server, LetsRunningRequestsEndInShutdown) {
  std::atomic<bool> running{false};
  const auto server = start([&](Request& request, ResponseWriter& response) {
    running = true;
    std::this_thread::sleep_for(200ms);
    EXPECT_FALSE(request.stop.stop_requested());
    (void)response.send(200, "ended");
  });
  RawClient idle(server->port());
  RawClient busy(server->port());
  busy.send(kGet);
  while (!running) std::this_thread::sleep_for(1ms);
  std::string other;
  std::jthread curl([&, port = server->port()] {
    other = output_of(fmt::format("curl -s --http2-prior-knowledge http://127.0.0.1:{}/", port));
  });
  std::this_thread::sleep_for(100ms);
  const auto begin = std::chrono::steady_clock::now();
  server->shutdown(5s);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 3s);
  const std::string answer = busy.read_to_end();
  EXPECT_THAT(answer, testing::EndsWith("ended"));
  EXPECT_THAT(answer, HasSubstr("Connection: close"));
  EXPECT_EQ(idle.read_to_end(), "");
  curl.join();
  EXPECT_EQ(other, "ended");
}

TEST(Server, StopsWhatDoesNotEndInShutdown) {
  std::atomic<bool> running{false};
  const auto server = start([&](Request& request, ResponseWriter&) {
    running = true;
    while (!request.stop.stop_requested()) std::this_thread::sleep_for(1ms);
  });
  RawClient client(server->port());
  client.send(kGet);
  while (!running) std::this_thread::sleep_for(1ms);
  const auto begin = std::chrono::steady_clock::now();
  server->shutdown(100ms);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 2s);
}

TEST(Server, Answers503WhenAllWorkersAreBusy) {
  std::atomic<bool> go{false};
  ServerOptions options;
  options.workers = 1;
  options.waiting_requests = 1;
  const auto server = start(
      [&](Request&, ResponseWriter& response) {
        while (!go) std::this_thread::sleep_for(1ms);
        (void)response.send(200, "ok");
      },
      options);
  RawClient one(server->port());
  one.send(kGet);
  std::this_thread::sleep_for(50ms);
  RawClient two(server->port());
  two.send(kGet);
  std::this_thread::sleep_for(50ms);
  RawClient three(server->port());
  three.send(kGet);
  EXPECT_THAT(three.read_until("again\"}"), StartsWith("HTTP/1.1 503"));
  go = true;
  EXPECT_THAT(one.read_until("ok"), StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(two.read_until("ok"), StartsWith("HTTP/1.1 200"));
}

TEST(Server, LimitsConnectionsOfOneAddress) {
  ServerOptions options;
  options.limits.connections_per_address = 1;
  const auto server = start(echo, options);
  RawClient first(server->port());
  first.send(kGet);
  EXPECT_THAT(first.read_until("[]"), StartsWith("HTTP/1.1 200"));
  RawClient second(server->port());
  EXPECT_EQ(second.read_to_end(), "");
}

TEST(Server, UsesTheGivenIdsAndReportsRequests) {
  std::atomic<int> status{0};
  ServerOptions options;
  options.make_request_id = [] { return std::string("id-7"); };
  options.on_request = [&](const RequestSummary& summary) { status = summary.status; };
  {
    const auto server = start(echo, options);
    EXPECT_THAT(test::ask(*server, kGet), HasSubstr("x-amzn-RequestId: id-7\r\n"));
    EXPECT_THAT(test::ask(*server, "nonsense\r\n\r\n"), HasSubstr("x-amzn-RequestId: id-7\r\n"));
  }
  EXPECT_EQ(status, 200);
}

}  // namespace
}  // namespace outcrop::http
