#include "http/client.h"

#include "http/event_stream_writer.h"
#include "http/programs.h"
#include "http/raw_client.h"

#include <algorithm>
#include <thread>

#include <fmt/format.h>
#include <gmock/gmock.h>

namespace outcrop::http {
namespace {

using namespace std::chrono_literals;
using test::start;

std::string url_of(const Server& server, std::string_view target) {
  return fmt::format("http://127.0.0.1:{}{}", server.port(), target);
}

void show(Request& request, ResponseWriter& response) {
  std::string text = request.method + " " + request.target + "\n";
  for (const Header& field : request.headers) text += field.name + "=" + field.value + "\n";
  const auto body = request.body->read_all();
  (void)response.send(200, text + (body ? *body : body.error().message));
}

TEST(Client, SendsARequestAsItIsGiven) {
  const auto server = start(show);
  Client client;
  const auto answer = client.send({.method = "PUT",
                                   .url = url_of(*server, "/a/../b%2f?x=%7e"),
                                   .headers = {{"X-A", "1"}, {"X-Empty", ""}},
                                   .body = "hello"});
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->status, 200);
  EXPECT_THAT(answer->body, testing::StartsWith("PUT /a/../b%2f?x=%7e\n"));
  EXPECT_THAT(answer->body, testing::HasSubstr("X-A=1\nX-Empty=\n"));
  EXPECT_THAT(answer->body, testing::HasSubstr("Content-Length=5\n"));
  EXPECT_THAT(answer->body, testing::Not(testing::HasSubstr("Expect")));
  EXPECT_THAT(answer->body, testing::EndsWith("\nhello"));
  EXPECT_TRUE(answer->headers.contains("date"));
}

TEST(Client, StreamsBothWays) {
  const auto server = start([](Request& request, ResponseWriter& response) {
    auto stream = response.stream(200);
    std::vector<char> piece(5000);
    for (auto n = request.body->read(piece); n && *n > 0; n = request.body->read(piece)) {
      ASSERT_TRUE(stream->write({piece.data(), *n}));
    }
    (void)stream->finish();  // fails for the request that its source breaks off
  });
  constexpr std::size_t kBytes = 10 << 20;
  std::size_t sent = 0;
  std::size_t received = 0;
  Client client;
  ClientRequest request{.method = "POST", .url = url_of(*server, "/")};
  request.source = [&](std::span<char> out) -> Result<std::size_t> {
    const std::size_t n = std::min(out.size(), kBytes - sent);
    std::fill_n(out.begin(), n, 'z');
    sent += n;
    return n;
  };
  request.sink = [&](std::string_view bytes) -> Status {
    received += bytes.size();
    return {};
  };
  const auto answer = client.send(request);
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(received, kBytes);
  request.source = [](std::span<char>) -> Result<std::size_t> {
    return fail(Code::corrupt_data, "bad source");
  };
  EXPECT_EQ(client.send(request).error().code, Code::corrupt_data);
}

TEST(Client, LimitsTheAnswerAndTheTime) {
  const auto server = start([](Request& request, ResponseWriter& response) {
    if (request.path() == "/slow") std::this_thread::sleep_for(600ms);
    (void)response.send(200, std::string(1000, 'x'));
  });
  Client client;
  EXPECT_EQ(client.send({.url = url_of(*server, "/"), .max_body_bytes = 999}).error().code,
            Code::quota_exceeded);
  EXPECT_EQ(client.send({.url = url_of(*server, "/"), .max_body_bytes = 1000})->body.size(), 1000u);
  EXPECT_EQ(client.send({.url = url_of(*server, "/slow"), .total_timeout = 100ms}).error().code,
            Code::unavailable);
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(client.send({.url = url_of(*server, "/"), .stop = stop.get_token()}).error().code, Code::cancelled);
}

TEST(Client, RefusesOtherSchemesAlsoInRedirects) {
  const auto server = start([](Request& request, ResponseWriter& response) {
    if (request.path() == "/end") return (void)response.send(200, "end");
    const std::string to(request.query());
    response.headers().set("Location", to);
    (void)response.send(302, "");
  });
  Client client;
  EXPECT_EQ(client.send({.url = "file:///etc/passwd"}).error().code, Code::invalid_argument);
  EXPECT_EQ(client.send({.url = url_of(*server, "/?file:///etc/passwd"), .max_redirects = 3}).error().code,
            Code::invalid_argument);
  EXPECT_EQ(client.send({.url = url_of(*server, "/?/end"), .max_redirects = 3})->body, "end");
  EXPECT_EQ(client.send({.url = url_of(*server, "/?/end")})->status, 302);
  EXPECT_EQ(client.send({.url = url_of(*server, "/"), .headers = {{"A", "b\r\nC: d"}}}).error().code,
            Code::invalid_argument);
}

TEST(Client, ChecksTheServersCertificate) {
  test::TemporaryFolder folder;
  test::make_certificate(folder.path(), "one");
  ServerOptions options;
  options.tls = TlsOptions{folder.path() / "certificate.pem", folder.path() / "key.pem"};
  const auto server = start(show, options);
  const std::string url = fmt::format("https://127.0.0.1:{}/", server->port());
  EXPECT_EQ(Client().send({.url = url}).error().code, Code::permission_denied);
  EXPECT_EQ(Client({.ca_file = folder.path() / "certificate.pem"}).send({.url = url})->status, 200);
}

TEST(EventStreamWriter, WritesEventsAsBrowsersReadThem) {
  RecordedResponse recorded;
  ResponseWriter response(recorded);
  auto events = EventStreamWriter::begin(response);
  ASSERT_TRUE(events);
  EXPECT_TRUE(events->send({.data = "one\ntwo\r\nthree\r"}));
  EXPECT_TRUE(events->send({.data = "", .event = "end", .id = "7", .retry = 1500ms}));
  EXPECT_TRUE(events->keep_alive());
  EXPECT_EQ(events->send({.data = "", .event = "a\nb"}).error().code, Code::invalid_argument);
  EXPECT_TRUE(events->finish());
  EXPECT_EQ(recorded.headers.get("Content-Type"), "text/event-stream");
  EXPECT_EQ(recorded.body,
            "data: one\ndata: two\ndata: three\ndata: \n\n"
            "event: end\nid: 7\nretry: 1500\ndata: \n\n"
            ":\n\n");
}

}  // namespace
}  // namespace outcrop::http
