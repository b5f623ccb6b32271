#include "http/wire/http1_parser.h"

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace outcrop::http {
namespace {

constexpr Http1Limits kLimits{.head_bytes = 4096, .headers = 20};

struct Parsed {
  std::string body;
  std::string trailer;
  std::string refused;
  bool done = false;
};

/// The whole request, as a connection reads it when `piece` bytes arrive at a time.
Parsed parse(std::string_view input, std::size_t piece) {
  Http1Parser parser(kLimits);
  Parsed parsed;
  std::string held;
  bool in_body = false;
  while (!parser.done() || !in_body) {
    std::optional<Refusal> refusal;
    const std::size_t used =
        in_body ? parser.parse_body(held, parsed.body, refusal) : parser.parse_head(held, refusal);
    if (refusal) {
      parsed.refused = refusal->message;
      return parsed;
    }
    in_body = in_body || used > 0;
    held.erase(0, used);
    if (used > 0) continue;
    if (input.empty()) return parsed;
    held += input.substr(0, piece);
    input.remove_prefix(std::min(piece, input.size()));
  }
  parsed.done = true;
  parsed.trailer = std::string(parser.trailers().get("X-T"));
  return parsed;
}

constexpr std::string_view kHead = "PUT /b/k HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";

void expect_in_pieces_of_any_size(std::string_view chunks, std::string_view body, std::string_view trailer) {
  const std::string request = std::string(kHead) + std::string(chunks);
  for (std::size_t piece = 1; piece <= request.size(); ++piece) {
    SCOPED_TRACE(piece);
    const Parsed parsed = parse(request, piece);
    EXPECT_TRUE(parsed.done);
    EXPECT_EQ(parsed.body, body);
    EXPECT_EQ(parsed.trailer, trailer);
  }
}

TEST(Http1Parser, ReadsChunksInPiecesOfAnySize) {
  expect_in_pieces_of_any_size("5\r\nhello\r\n1;a=b\r\n!\r\n0\r\nX-T: 1\r\n\r\n", "hello!", "1");
}

// Beast asserts that the last chunk's line arrives with what follows it.
TEST(Http1Parser, ReadsAnEmptyChunkedBodyInPiecesOfAnySize) {
  expect_in_pieces_of_any_size("0\r\n\r\n", "", "");
}

TEST(Http1Parser, AsksForMoreOfAnUnfinishedChunkedBody) {
  for (const std::string_view body : {"0", "0\r\n", "0\r\n\r", "5\r\nhello", "5\r\nhello\r\n0\r\n"}) {
    const Parsed parsed = parse(std::string(kHead) + std::string(body), 1);
    EXPECT_FALSE(parsed.done) << body;
    EXPECT_EQ(parsed.refused, "") << body;
  }
}

TEST(Http1Parser, RefusesATrailerThatIsNone) {
  for (const std::size_t piece : {std::size_t{1}, std::size_t{7}, std::size_t{1000}}) {
    const Parsed parsed = parse(std::string(kHead) + "0\r\nhello\r\n#;\xFF\x01\n\r\n\r\n", piece);
    EXPECT_NE(parsed.refused, "") << piece;
  }
}

}  // namespace
}  // namespace outcrop::http
