#include "http/wire/http1_parser.h"

#include <algorithm>

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>
#include <fmt/format.h>

namespace outcrop::http {
namespace {

namespace beast_http = boost::beast::http;
using boost::beast::error_code;
using boost::beast::string_view;

constexpr std::size_t kMaxChunkExtension = 256;

std::string_view standard(string_view text) {
  return {text.data(), text.size()};
}

// Beast joins folded lines and would take some stray control characters; neither has a place in a request.
// `head` ends with the empty line.
const char* find_fault(std::string_view head) {
  for (std::size_t i = 0; i < head.size(); ++i) {
    const auto byte = static_cast<unsigned char>(head[i]);
    if (byte == '\n') {
      if (i == 0 || head[i - 1] != '\r') return "a line ends without a carriage return";
      const bool more = i + 1 < head.size();
      if (more && (head[i + 1] == ' ' || head[i + 1] == '\t')) return "a header is folded over two lines";
    } else if (byte == '\r') {
      if (i + 1 == head.size() || head[i + 1] != '\n') return "a carriage return stands alone";
    } else if ((byte < 0x20 && byte != '\t') || byte == 0x7f) {
      return "a control character";
    }
  }
  return nullptr;
}

/// Collects what Beast finds. Beast calls these in the order of the bytes.
class Collector final : public beast_http::basic_parser<true> {
 public:
  explicit Collector(const Http1Limits& limits) : max_headers_(limits.headers) {
    eager(true);
    header_limit(static_cast<std::uint32_t>(limits.head_bytes + 2));
    body_limit(boost::none);
  }

  Http1Head head;
  Headers trailers;
  std::string* body = nullptr;

 private:
  void on_request_impl(beast_http::verb, string_view method, string_view target, int version,
                       error_code&) override {
    head.method = standard(method);
    head.target = standard(target);
    head.version = version == 10 ? Version::http_1_0 : Version::http_1_1;
  }
  void on_response_impl(int, string_view, int, error_code&) override {}
  void on_field_impl(beast_http::field, string_view name, string_view value, error_code& error) override {
    Headers& fields = in_trailers_ ? trailers : head.headers;
    if (fields.size() == max_headers_) {
      error = beast_http::error::header_limit;
      return;
    }
    fields.add(standard(name), standard(value));
  }
  void on_header_impl(error_code&) override { in_trailers_ = true; }
  void on_body_init_impl(const boost::optional<std::uint64_t>&, error_code&) override {}
  std::size_t on_body_impl(string_view bytes, error_code&) override {
    if (body != nullptr) body->append(bytes.data(), bytes.size());
    return bytes.size();
  }
  void on_chunk_header_impl(std::uint64_t, string_view extensions, error_code& error) override {
    const bool printable = std::ranges::all_of(extensions, [](char c) { return c == '\t' || c >= 0x20; });
    if (extensions.size() > kMaxChunkExtension || !printable) error = beast_http::error::bad_chunk_extension;
  }
  std::size_t on_chunk_body_impl(std::uint64_t, string_view bytes, error_code& error) override {
    return on_body_impl(bytes, error);
  }
  void on_finish_impl(error_code&) override {}

  const std::size_t max_headers_;
  bool in_trailers_ = false;
};

/// "METHOD target HTTP/2.0": well-formed, but of a version that is not spoken here.
bool names_a_version(std::string_view head) {
  const std::string_view line = head.substr(0, head.find("\r\n"));
  const std::size_t last = line.rfind(' ');
  return std::ranges::count(line, ' ') == 2 && line.substr(last + 1).starts_with("HTTP/");
}

Refusal refusal_of(const error_code& error, std::string_view head) {
  using beast_http::error::bad_version;
  using beast_http::error::header_limit;
  if (error == header_limit) return {431, "the request's headers are larger or more than this server takes"};
  if (error == bad_version && names_a_version(head))
    return {505, "this server speaks HTTP/1.0, HTTP/1.1 and HTTP/2"};
  return {400, fmt::format("malformed request: {}", error.message())};
}

/// RFC 9112, section 6: what says where the body ends must say it in one way only.
std::optional<Refusal> check_framing(const Http1Head& head) {
  const std::size_t encodings = head.headers.count("Transfer-Encoding");
  const std::size_t lengths = head.headers.count("Content-Length");
  if (lengths > 1) return Refusal{400, "more than one Content-Length"};
  if (lengths == 1 && head.headers.get("Content-Length").find(',') != std::string_view::npos) {
    return Refusal{400, "Content-Length is a list"};
  }
  if (encodings == 0) return std::nullopt;
  if (lengths > 0) return Refusal{400, "both Content-Length and Transfer-Encoding"};
  if (head.version == Version::http_1_0) return Refusal{400, "Transfer-Encoding in HTTP/1.0"};
  if (encodings > 1 || !equal_ignoring_case(head.headers.get("Transfer-Encoding"), "chunked")) {
    return Refusal{400, "the only transfer encoding that this server takes is a single 'chunked'"};
  }
  return std::nullopt;
}

/// Host (RFC 9112, section 3.2) and the form of the target. Sets target and authority.
std::optional<Refusal> settle_target(Http1Head& head) {
  const std::size_t hosts = head.headers.count("Host");
  if (hosts > 1 || (hosts == 0 && head.version == Version::http_1_1)) {
    return Refusal{400, "a request has exactly one Host header"};
  }
  head.authority = head.headers.get("Host");
  if (head.authority.find_first_of(" \t,/@") != std::string::npos) return Refusal{400, "malformed Host header"};
  if (head.method == "CONNECT") return Refusal{501, "this server is no proxy"};
  if (head.target == "*" && head.method == "OPTIONS") return std::nullopt;
  const std::size_t scheme_end = head.target.find("://");
  if (head.target.front() != '/' && scheme_end != std::string::npos) {
    const std::size_t path = head.target.find_first_of("/?", scheme_end + 3);
    head.authority = head.target.substr(scheme_end + 3, path - (scheme_end + 3));
    head.target = path == std::string::npos ? "/" : head.target.substr(path);
    if (head.target.front() == '?') head.target.insert(0, "/");
  }
  if (head.target.front() != '/') return Refusal{400, "the request's target is no path"};
  if (head.target.find('#') != std::string::npos) return Refusal{400, "the request's target has a fragment"};
  return std::nullopt;
}

}  // namespace

struct Http1Parser::Impl {
  explicit Impl(const Http1Limits& limits_given) : limits(limits_given), collector(limits_given) {}
  Http1Limits limits;
  Collector collector;
  std::size_t searched = 0;  // of parse_head's input: no end of the head before it
};

Http1Parser::Http1Parser(const Http1Limits& limits) : impl_(std::make_unique<Impl>(limits)) {}
Http1Parser::~Http1Parser() = default;

Http1Head& Http1Parser::head() noexcept {
  return impl_->collector.head;
}

Headers& Http1Parser::trailers() noexcept {
  return impl_->collector.trailers;
}

bool Http1Parser::done() const noexcept {
  return impl_->collector.is_done();
}

std::size_t Http1Parser::parse_head(std::string_view input, std::optional<Refusal>& refusal) {
  std::size_t skipped = 0;
  while (input.substr(skipped, 2) == "\r\n" && skipped < 4) skipped += 2;
  const std::size_t end = input.find("\r\n\r\n", std::max(skipped, impl_->searched));
  const std::size_t size = (end == std::string_view::npos ? input.size() : end + 4) - skipped;
  if (size > impl_->limits.head_bytes) {
    refusal =
        Refusal{431, fmt::format("the request's headers have more than {} bytes", impl_->limits.head_bytes)};
    return 0;
  }
  if (end == std::string_view::npos) {
    impl_->searched = input.size() < 3 ? 0 : input.size() - 3;
    // A head whose lines end in bare line feeds would never end.
    const std::size_t feed = input.find('\n', skipped);
    if (feed != std::string_view::npos && (feed == 0 || input[feed - 1] != '\r')) {
      refusal = Refusal{400, "malformed request: a line ends without a carriage return"};
    }
    return 0;
  }
  const std::string_view bytes = input.substr(skipped, size);
  if (const char* fault = find_fault(bytes)) {
    refusal = Refusal{400, fmt::format("malformed request: {}", fault)};
    return 0;
  }
  error_code error;
  impl_->collector.put(boost::asio::buffer(bytes.data(), bytes.size()), error);
  // The head alone is never all of a chunked body: to need more is no error then.
  if (error && error != beast_http::error::need_more) {
    refusal = refusal_of(error, bytes);
    return 0;
  }
  Http1Head& found = head();
  refusal = check_framing(found);
  if (!refusal) refusal = settle_target(found);
  if (refusal) return 0;
  found.chunked = impl_->collector.chunked();
  if (const auto length = impl_->collector.content_length()) found.length = *length;
  found.keep_alive = impl_->collector.keep_alive();
  found.expects_continue = found.version == Version::http_1_1 && !done() &&
                           equal_ignoring_case(found.headers.get("Expect"), "100-continue");
  return skipped + size;
}

std::size_t Http1Parser::parse_body(std::string_view input, std::string& body,
                                    std::optional<Refusal>& refusal) {
  // Beast asserts that it is shown a last chunk's line together with what follows. No chunk ends before this.
  constexpr std::size_t kShortestEnd = std::string_view("0\r\n\r\n").size();
  if (head().chunked && input.size() < kShortestEnd) return 0;
  error_code error;
  impl_->collector.body = &body;
  const std::size_t used = impl_->collector.put(boost::asio::buffer(input.data(), input.size()), error);
  impl_->collector.body = nullptr;
  if (error && error != beast_http::error::need_more) refusal = refusal_of(error, {});
  if (refusal) return used;
  // A chunk's line or the trailers that are not whole yet: both are bounded.
  const std::string_view rest = input.substr(used);
  if (used == 0 && rest.size() > impl_->limits.head_bytes) {
    refusal = Refusal{400, "malformed request: a chunk's line or the trailers do not end"};
  }
  return used;
}

}  // namespace outcrop::http
