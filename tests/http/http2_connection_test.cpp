// HTTP/2 with the clients that people use, and with frames written by hand for what those would never send.
#include "http/programs.h"
#include "http/raw_client.h"

#include <atomic>
#include <fstream>
#include <thread>

#include <fmt/format.h>
#include <gmock/gmock.h>

namespace outcrop::http {
namespace {

using namespace std::chrono_literals;
using namespace std::string_literals;
using test::echo;
using test::has_program;
using test::output_of;
using test::RawClient;
using test::start;
using testing::HasSubstr;

enum FrameType : unsigned char {
  data = 0,
  headers = 1,
  rst_stream = 3,
  settings = 4,
  ping = 6,
  goaway = 7,
  continuation = 9
};
constexpr unsigned char kEndStream = 1;
constexpr unsigned char kEndHeaders = 4;

std::string frame(FrameType type, unsigned char flags, std::uint32_t stream, std::string_view payload) {
  std::string out;
  for (const int shift : {16, 8, 0}) out += static_cast<char>(payload.size() >> shift);
  out += static_cast<char>(type);
  out += static_cast<char>(flags);
  for (const int shift : {24, 16, 8, 0}) out += static_cast<char>(stream >> shift);
  return out.append(payload);
}

// HPACK from the static table: ":method: GET", ":scheme: http", ":path: /", ":authority: x".
const std::string kGetHead = "\x82\x86\x84\x41\x01x"s;
const std::string kHello = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"s + frame(settings, 0, 0, "");

/// Reads frames until one of `type` comes; its payload, or nothing at the end of the connection.
std::optional<std::string> read_frame(RawClient& client, std::string& held, FrameType type) {
  while (true) {
    while (held.size() >= 9) {
      const auto at = [&](std::size_t i) { return static_cast<unsigned char>(held[i]); };
      const std::size_t size = (std::size_t{at(0)} << 16) | (std::size_t{at(1)} << 8) | at(2);
      if (held.size() < 9 + size) break;
      const bool wanted = at(3) == type;
      std::string payload = held.substr(9, size);
      held.erase(0, 9 + size);
      if (wanted) return payload;
    }
    const std::string more = client.read_some();
    if (more.empty()) return std::nullopt;
    held += more;
  }
}

unsigned goaway_code(const std::string& payload) {
  return payload.size() < 8 ? 0 : static_cast<unsigned char>(payload[7]);
}

TEST(Http2Connection, AnswersCurlWithPriorKnowledge) {
  const auto server = start(echo);
  const std::string url = fmt::format("http://127.0.0.1:{}", server->port());
  const std::string answer =
      output_of("curl -s -i --http2-prior-knowledge -d hello '" + url + "/a%2Fb?c' -w '%{http_version}'");
  EXPECT_THAT(answer, testing::StartsWith("HTTP/2 200"));
  EXPECT_THAT(answer, HasSubstr("POST /a%2Fb?c [hello]"));
  EXPECT_THAT(answer, HasSubstr("x-amzn-requestid: "));
  EXPECT_THAT(output_of("curl -s --http1.1 '" + url + "/one'"), HasSubstr("GET /one []"));
}

TEST(Http2Connection, AnswersNodeWithStreamsSideBySide) {
  if (!has_program("node")) GTEST_SKIP() << "node is not installed";
  const auto server = start(echo);
  test::TemporaryFolder folder;
  std::ofstream(folder.path() / "client.js") << R"js(
    const client = require('http2').connect('http://127.0.0.1:' + process.argv[2]);
    let left = 200, good = 0;
    for (let i = 0; i < 200; i++) {
      const request = client.request({':method': 'POST', ':path': '/' + i});
      let text = '';
      request.on('data', (piece) => { text += piece; });
      request.on('end', () => {
        if (text === 'POST /' + i + ' [' + 'x'.repeat(i * 100) + ']') good++;
        if (--left === 0) { console.log('good', good); client.close(); }
      });
      request.end('x'.repeat(i * 100));
    })js";
  EXPECT_EQ(output_of(fmt::format("node '{}' {} 2>&1", (folder.path() / "client.js").string(), server->port())),
            "good 200\n");
}

TEST(Http2Connection, AnswersNghttp) {
  if (!has_program("nghttp")) GTEST_SKIP() << "nghttp2-client is not installed";
  const auto server = start(echo);
  EXPECT_THAT(output_of(fmt::format("nghttp -m 5 http://127.0.0.1:{}/n", server->port())),
              HasSubstr("GET /n []"));
}

TEST(Http2Connection, CarriesTrailersAndStreams) {
  const auto server = start([](Request&, ResponseWriter& response) {
    auto stream = response.stream(200);
    ASSERT_TRUE(stream);
    for (int i = 0; i < 100; ++i) ASSERT_TRUE(stream->write(std::string(10000, 'x')));
    ASSERT_TRUE(stream->finish({{"X-End", "yes"}}));
  });
  const std::string answer = output_of(fmt::format(
      "curl -s -i --http2-prior-knowledge http://127.0.0.1:{}/ | tr -d x | tail -n 2", server->port()));
  EXPECT_THAT(answer, HasSubstr("-end: yes"));
}

TEST(Http2Connection, TellsTheHandlerOfAReset) {
  std::atomic<bool> running{false};
  std::atomic<bool> stopped{false};
  const auto server = start([&](Request& request, ResponseWriter&) {
    running = true;
    while (!request.stop.stop_requested()) std::this_thread::sleep_for(1ms);
    stopped = true;
  });
  RawClient client(server->port());
  client.send(kHello + frame(headers, kEndStream | kEndHeaders, 1, kGetHead));
  while (!running) std::this_thread::sleep_for(1ms);
  client.send(frame(rst_stream, 0, 1, "\0\0\0\x08"s));
  const auto begin = std::chrono::steady_clock::now();
  while (!stopped && std::chrono::steady_clock::now() - begin < 2s) std::this_thread::sleep_for(1ms);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 100ms);
}

TEST(Http2Connection, EndsAConnectionOfRapidResets) {
  const auto server = start([](Request& request, ResponseWriter&) {
    while (!request.stop.stop_requested()) std::this_thread::sleep_for(1ms);
  });
  RawClient client(server->port());
  std::string frames = kHello;
  for (std::uint32_t stream = 1; stream < 2000; stream += 2) {
    frames += frame(headers, kEndStream | kEndHeaders, stream, kGetHead) +
              frame(rst_stream, 0, stream, "\0\0\0\x08"s);
  }
  client.send(frames);
  std::string held;
  const auto payload = read_frame(client, held, goaway);
  ASSERT_TRUE(payload);
  EXPECT_EQ(goaway_code(*payload), 11u);  // ENHANCE_YOUR_CALM
}

TEST(Http2Connection, EndsAConnectionOfEndlessContinuations) {
  const auto server = start(echo);
  RawClient client(server->port());
  std::string frames = kHello + frame(headers, kEndStream, 1, kGetHead);
  for (int i = 0; i < 100; ++i) frames += frame(continuation, 0, 1, "");
  client.send(frames);
  EXPECT_LT(client.read_to_end().size(), 1000u);
}

TEST(Http2Connection, EndsAConnectionOfPings) {
  const auto server = start(echo);
  RawClient client(server->port());
  std::string frames = kHello;
  for (int i = 0; i < 3000; ++i) frames += frame(ping, 0, 0, "12345678");
  client.send(frames);
  std::string held;
  const auto payload = read_frame(client, held, goaway);
  ASSERT_TRUE(payload);
  EXPECT_EQ(goaway_code(*payload), 11u);
}

TEST(Http2Connection, RefusesLargeHeadsAndEndsHopelessOnes) {
  const auto server = start(echo);
  const std::string url = fmt::format("http://127.0.0.1:{}/", server->port());
  const std::string large =
      "curl -s -o /dev/null -w '%{http_code}' --http2-prior-knowledge -H \"A: $(head -c 20000 /dev/zero | tr "
      "'\\0' a)\" ";
  EXPECT_EQ(output_of(large + url), "431");
  // A small block that refers to one long entry of the table again and again.
  RawClient client(server->port());
  std::string bomb =
      kGetHead + "\x40\x01" + "a" + "\x7f\xa1\x1e" + std::string(4000, 'b') + std::string(4000, '\xbe');
  client.send(kHello + frame(headers, kEndStream | kEndHeaders, 1, bomb));
  EXPECT_LT(client.read_to_end().size(), 1000u);
}

TEST(Http2Connection, LetsSlowClientsGo) {
  ServerOptions options;
  options.timeouts = {
      .head = 150ms, .idle = 150ms, .body_bytes_per_second = 1024, .body_grace = 150ms, .write_stall = 200ms};
  const auto server = start(echo, options);
  RawClient silent(server->port());
  silent.send(kHello);
  EXPECT_LT(silent.read_to_end().size(), 200u);  // GOAWAY
  RawClient body(server->port());
  body.send(kHello + frame(headers, kEndHeaders, 1, kGetHead) + frame(data, 0, 1, "abc"));
  std::string held;
  EXPECT_TRUE(read_frame(body, held, headers));  // 408
  RawClient head(server->port());
  head.send(kHello + frame(headers, kEndStream, 1, kGetHead));
  std::string other;
  EXPECT_TRUE(read_frame(head, other, goaway));
}

TEST(Http2Connection, LetsAStreamGoWhoseWindowStaysShut) {
  ServerOptions options;
  options.timeouts.write_stall = 200ms;
  options.timeouts.head = 400ms;
  const auto server = start(
      [](Request&, ResponseWriter& response) { (void)response.send(200, std::string(1 << 20, 'x')); }, options);
  RawClient client(server->port());
  client.send(kHello + frame(headers, kEndStream | kEndHeaders, 1, kGetHead));
  std::string held;
  EXPECT_TRUE(read_frame(client, held, rst_stream));
}

TEST(Http2Connection, HoldsUpASenderWhoseHandlerDoesNotRead) {
  std::atomic<bool> go{false};
  std::atomic<std::size_t> size{0};
  const auto server = start([&](Request& request, ResponseWriter& response) {
    while (!go && !request.stop.stop_requested()) std::this_thread::sleep_for(1ms);
    const auto body = request.body->read_all();
    size = body ? body->size() : 0;
    (void)response.send(200, "done");
  });
  test::TemporaryFolder folder;
  std::ofstream(folder.path() / "body") << std::string(1 << 20, 'b');
  std::jthread curl([&] {
    EXPECT_EQ(output_of(fmt::format("curl -s --http2-prior-knowledge -T '{}' http://127.0.0.1:{}/",
                                    (folder.path() / "body").string(), server->port())),
              "done");
  });
  std::this_thread::sleep_for(100ms);
  go = true;
  curl.join();
  EXPECT_EQ(size, std::size_t{1} << 20);
}

}  // namespace
}  // namespace outcrop::http
