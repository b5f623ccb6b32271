#include "http/raw_client.h"

#include <atomic>
#include <thread>
#include <vector>

#include <gmock/gmock.h>

namespace outcrop::http {
namespace {

using namespace std::string_literals;

using namespace std::chrono_literals;
using test::ask;
using test::echo;
using test::RawClient;
using test::start;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

constexpr std::string_view kGet = "GET /a?b=%2F HTTP/1.1\r\nHost: x\r\n\r\n";

TEST(Http1Connection, KeepsTheTargetAsSent) {
  const auto server = start(echo);
  const std::string answer = ask(*server, kGet);
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(answer, HasSubstr("GET /a?b=%2F []"));
  EXPECT_THAT(answer, HasSubstr("Date: "));
  EXPECT_THAT(answer, HasSubstr("x-amzn-RequestId: "));
}

TEST(Http1Connection, RefusesWhatTwoParsersCouldReadInTwoWays) {
  const auto server = start(echo);
  const std::vector<std::string> requests = {
      "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
      "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5, 5\r\n\r\nhello",
      "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: +5\r\n\r\nhello",
      "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\nhello",
      "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\nhello",
      "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      "POST / HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: x\r\nA : b\r\n\r\n",
      "GET / HTTP/1.1\nHost: x\n\n",
      "GET / HTTP/1.1\r\nHost: x\nA: b\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: x\rA: b\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: x\r\nA: b"s + '\0' + "c\r\n\r\n",
      "GET / HTTP/1.1\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
      "GET /a b HTTP/1.1\r\nHost: x\r\n\r\n",
      "GET a HTTP/1.1\r\nHost: x\r\n\r\n",
      "G(T / HTTP/1.1\r\nHost: x\r\n\r\n",
      "nonsense\r\n\r\n",
  };
  for (const std::string& request : requests) {
    const std::string answer = ask(*server, request + "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 400 ")) << request;
    EXPECT_THAT(answer, HasSubstr("Connection: close")) << request;
    EXPECT_THAT(answer, Not(HasSubstr("smuggled"))) << request;
  }
}

TEST(Http1Connection, RefusesMalformedChunks) {
  const auto server = start(echo);
  const std::string head = "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (const std::string& body :
       {std::string("g\r\nx\r\n0\r\n\r\n"), std::string("-1\r\nx\r\n0\r\n\r\n"),
        std::string("\r\nx\r\n0\r\n\r\n"), std::string("10000000000000000\r\nx\r\n0\r\n\r\n"),
        std::string("1\r\nxy\r\n0\r\n\r\n"), std::string("1\nx\r\n0\r\n\r\n"),
        "1;" + std::string(300, 'e') + "\r\nx\r\n0\r\n\r\n", std::string("0x1\r\nx\r\n0\r\n\r\n"),
        std::string("1;a\nb\r\nx\r\n0\r\n\r\n"), std::string("1 \r\nx\r\n0\r\n\r\n")}) {
    const std::string answer = ask(*server, head + body + "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 400 ")) << body;
    EXPECT_THAT(answer, Not(HasSubstr("/smuggled"))) << body;
  }
}

TEST(Http1Connection, ReadsChunksAndTrailers) {
  std::string trailer;
  const auto server = start([&](Request& request, ResponseWriter& response) {
    echo(request, response);
    trailer = request.body->trailers().get("X-Sum");
  });
  const std::string answer = ask(*server,
                                 "POST /c HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                                 "5;name=value\r\nhello\r\n6\r\n world\r\n0\r\nX-Sum: 7\r\n\r\n");
  EXPECT_THAT(answer, HasSubstr("POST /c [hello world]"));
  EXPECT_EQ(trailer, "7");
}

TEST(Http1Connection, StreamsInChunksWithTrailers) {
  const auto server = start([](Request&, ResponseWriter& response) {
    auto stream = response.stream(200);
    ASSERT_TRUE(stream);
    EXPECT_TRUE(stream->write("one"));
    EXPECT_TRUE(stream->write("two"));
    EXPECT_TRUE(stream->finish({{"X-End", "yes"}}));
  });
  const std::string answer = ask(*server, kGet);
  EXPECT_THAT(answer, HasSubstr("Transfer-Encoding: chunked\r\n"));
  EXPECT_THAT(answer, testing::EndsWith("0\r\nX-End: yes\r\n\r\n"));
}

TEST(Http1Connection, LimitsTheHead) {
  const auto server = start(echo);
  const std::string large = "GET / HTTP/1.1\r\nHost: x\r\nA: " + std::string(17000, 'a') + "\r\n\r\n";
  EXPECT_THAT(ask(*server, large), StartsWith("HTTP/1.1 431 "));
  std::string many = "GET / HTTP/1.1\r\nHost: x\r\n";
  for (int i = 0; i < 100; ++i) many += "A: b\r\n";
  EXPECT_THAT(ask(*server, many + "\r\n"), StartsWith("HTTP/1.1 431 "));
  EXPECT_THAT(ask(*server, "GET / HTTP/3.0\r\nHost: x\r\n\r\n"), StartsWith("HTTP/1.1 505 "));
}

TEST(Http1Connection, AnswersPipelinedRequestsInOrder) {
  const auto server = start(echo);
  std::string requests;
  for (int i = 0; i < 50; ++i) {
    requests += "POST /" + std::to_string(i) + " HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc";
  }
  RawClient client(server->port());
  client.send(requests);
  for (int i = 0; i < 50; ++i) {
    EXPECT_THAT(client.read_until("[abc]"), HasSubstr("POST /" + std::to_string(i) + " "));
  }
}

TEST(Http1Connection, ServesAThousandRequestsOnOneConnection) {
  const auto server = start(echo);
  RawClient client(server->port());
  for (int i = 0; i < 1000; ++i) {
    ASSERT_TRUE(client.send(kGet));
    ASSERT_THAT(client.read_until("[]"), StartsWith("HTTP/1.1 200")) << i;
  }
}

TEST(Http1Connection, AnswersAClientThatHasShutItsSendingSide) {
  const auto server = start([](Request& request, ResponseWriter& response) {
    std::this_thread::sleep_for(50ms);
    echo(request, response);
  });
  EXPECT_THAT(ask(*server, kGet), HasSubstr("GET /a"));
}

TEST(Http1Connection, AsksForTheBodyOnlyWhenTheHandlerReadsIt) {
  const auto server = start([](Request& request, ResponseWriter& response) {
    if (request.path() == "/read") return echo(request, response);
    (void)response.send(403, "no");
  });
  const std::string head = " HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n";
  RawClient reader(server->port());
  reader.send("POST /read" + head);
  EXPECT_EQ(reader.read_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  reader.send("abc");
  EXPECT_THAT(reader.read_until("[abc]"), StartsWith("HTTP/1.1 200"));
  RawClient refused(server->port());
  refused.send("POST /refuse" + head);
  const std::string answer = refused.read_to_end();
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 403"));
  EXPECT_THAT(answer, HasSubstr("Connection: close"));
}

TEST(Http1Connection, SendsNoBodyToHead) {
  const auto server = start(echo);
  RawClient client(server->port());
  client.send("HEAD /h HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(client.read_until("\r\n\r\n"), HasSubstr("Content-Length: 10\r\n"));
  client.send(kGet);
  EXPECT_THAT(client.read_until("[]"), StartsWith("HTTP/1.1 200"));
}

TEST(Http1Connection, ClosesAfterHttp10UnlessAskedNotTo) {
  const auto server = start(echo);
  RawClient client(server->port());
  client.send("GET / HTTP/1.0\r\n\r\n");
  EXPECT_THAT(client.read_to_end(), HasSubstr("Connection: close"));
  RawClient lasting(server->port());
  lasting.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_THAT(lasting.read_until("[]"), HasSubstr("Connection: keep-alive"));
  lasting.send(kGet);
  EXPECT_THAT(lasting.read_until("[]"), StartsWith("HTTP/1.1 200"));
}

TEST(Http1Connection, AcceptsAbsoluteTargetsAndEmptyLinesInFront) {
  const auto server = start(echo);
  EXPECT_THAT(ask(*server, "\r\nGET http://y/p?q HTTP/1.1\r\nHost: x\r\n\r\n"), HasSubstr("GET /p?q []"));
}

TEST(Http1Connection, LetsSlowClientsGo) {
  ServerOptions options;
  options.timeouts = {
      .head = 100ms, .idle = 100ms, .body_bytes_per_second = 1024, .body_grace = 100ms, .write_stall = 150ms};
  const auto server = start(echo, options);
  RawClient silent(server->port());
  EXPECT_EQ(silent.read_to_end(), "");
  RawClient head(server->port());
  head.send("GET / HTTP/1.1\r\nHo");
  EXPECT_THAT(head.read_to_end(), StartsWith("HTTP/1.1 408"));
  RawClient body(server->port());
  body.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc");
  EXPECT_THAT(body.read_to_end(), StartsWith("HTTP/1.1 408"));
  RawClient idle(server->port());
  idle.send(kGet);
  EXPECT_THAT(idle.read_to_end(), testing::EndsWith("[]"));
}

TEST(Http1Connection, LetsAClientGoThatDripsItsHead) {
  ServerOptions options;
  options.timeouts.head = 200ms;
  const auto server = start(echo, options);
  RawClient client(server->port());
  for (int i = 0; i < 20; ++i) {
    client.send("G");
    std::this_thread::sleep_for(20ms);
  }
  EXPECT_THAT(client.read_to_end(), StartsWith("HTTP/1.1 408"));
}

TEST(Http1Connection, LetsAClientGoThatTakesNothing) {
  ServerOptions options;
  options.timeouts.write_stall = 200ms;
  std::atomic<bool> cancelled{false};
  const auto server = start(
      [&](Request&, ResponseWriter& response) {
        auto stream = response.stream(200);
        ASSERT_TRUE(stream);
        const std::string piece(65536, 'x');
        while (stream->write(piece)) {
        }
        cancelled = true;
      },
      options);
  RawClient client(server->port(), /*receive_buffer=*/4096);
  client.send(kGet);
  for (int i = 0; i < 300 && !cancelled; ++i) std::this_thread::sleep_for(10ms);
  EXPECT_TRUE(cancelled);
}

TEST(Http1Connection, TellsTheHandlerThatTheClientHasGone) {
  std::atomic<bool> running{false};
  std::atomic<bool> stopped{false};
  const auto server = start([&](Request& request, ResponseWriter& response) {
    running = true;
    while (!request.stop.stop_requested()) std::this_thread::sleep_for(1ms);
    EXPECT_TRUE(response.closed());
    stopped = true;
  });
  RawClient client(server->port());
  client.send(kGet);
  while (!running) std::this_thread::sleep_for(1ms);
  client.close();
  const auto begin = std::chrono::steady_clock::now();
  while (!stopped && std::chrono::steady_clock::now() - begin < 2s) std::this_thread::sleep_for(1ms);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 100ms);
}

TEST(Http1Connection, CutsOffAnAnswerThatIsNotFinished) {
  const auto server = start([](Request&, ResponseWriter& response) {
    auto stream = response.stream(200);
    ASSERT_TRUE(stream);
    EXPECT_TRUE(stream->write("half"));
  });
  const std::string answer = ask(*server, kGet);
  EXPECT_THAT(answer, Not(testing::EndsWith("0\r\n\r\n")));
}

TEST(Http1Connection, Answers500ForAHandlerThatGivesNoAnswer) {
  const auto server = start([](Request& request, ResponseWriter&) {
    if (request.path() == "/throws") throw std::runtime_error("library");
  });
  EXPECT_THAT(ask(*server, kGet), StartsWith("HTTP/1.1 500"));
  EXPECT_THAT(ask(*server, "GET /throws HTTP/1.1\r\nHost: x\r\n\r\n"), StartsWith("HTTP/1.1 500"));
}

TEST(Http1Connection, KeepsTheConnectionWhenAHandlerIgnoresASmallBody) {
  const auto server = start(
      [](Request& request, ResponseWriter& response) { (void)response.send(200, "[" + request.target + "]"); });
  RawClient client(server->port());
  client.send("POST /1 HTTP/1.1\r\nHost: x\r\nContent-Length: 70000\r\n\r\n");
  EXPECT_THAT(client.read_until("[/1]"), StartsWith("HTTP/1.1 200"));
  client.send(std::string(70000, 'b') + "GET /2 HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(client.read_until("[/2]"), StartsWith("HTTP/1.1 200"));
}

}  // namespace
}  // namespace outcrop::http
