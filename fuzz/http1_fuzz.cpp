// Bytes of strangers as HTTP/1.1, whole and in pieces: the parser may refuse them, but never shows more than
// was sent, a target that is no path, or two ways to tell the end of a body.
//
// The first byte is the size of the pieces in which the rest arrives.

#include "base/check.h"
#include "http/exchange/byte_queue.h"
#include "http/wire/http1_parser.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace {

using namespace outcrop::http;

constexpr Http1Limits kLimits{.head_bytes = 4096, .headers = 20};

/// Everything that the requests of a connection say, and how it ends.
std::string read_connection(std::string_view input, std::size_t piece) {
  std::string seen;
  std::string held;
  auto parser = std::make_unique<Http1Parser>(kLimits);
  bool in_body = false;
  while (true) {
    std::optional<Refusal> refusal;
    std::size_t used = 0;
    if (!in_body) {
      used = parser->parse_head(held, refusal);
      CHECK(used <= held.size(), "the parser used more than there is");
      if (used > 0) {
        const Http1Head& head = parser->head();
        CHECK(head.target == "*" || head.target.starts_with('/'), "a target that is no path");
        CHECK(!(head.chunked && head.length), "two ways to tell the end of the body");
        CHECK(head.headers.size() <= kLimits.headers, "more headers than allowed");
        seen += head.method + ' ' + head.target + '\n';
        for (const Header& field : head.headers) seen += field.name + ':' + field.value + '\n';
        in_body = true;
      }
    } else if (!parser->done()) {
      std::string body;
      used = parser->parse_body(held, body, refusal);
      CHECK(used <= held.size() && body.size() <= used, "the parser used more than there is");
      seen += body;
    }
    held.erase(0, used);
    if (refusal) return seen + "refused";
    if (in_body && parser->done()) {
      seen += "\nend\n";
      parser = std::make_unique<Http1Parser>(kLimits);
      in_body = false;
      continue;
    }
    if (used > 0) continue;
    if (input.empty()) return seen;
    held += input.substr(0, piece);
    input.remove_prefix(std::min(piece, input.size()));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view input(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::size_t piece = std::size_t{data[0]} + 1;
  (void)read_connection(input, input.size() + 1);
  CHECK(read_connection(input, piece).size() <= 2 * size + 64 * 1024, "more was seen than sent");
  return 0;
}
