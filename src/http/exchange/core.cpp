#include "http/exchange/core.h"

#include "base/log.h"
#include "base/text.h"

#include <array>
#include <chrono>
#include <ctime>
#include <exception>

#include <fmt/format.h>
#include <sys/random.h>

namespace outcrop::http {
namespace {

/// Remembers the status of the answer on its way to the exchange.
class StatusRecorder final : public ResponseSink {
 public:
  explicit StatusRecorder(Exchange& exchange) : exchange_(exchange) {}
  Status begin(int new_status, Headers headers, std::optional<std::uint64_t> length) override {
    status = new_status;
    return exchange_.begin(new_status, std::move(headers), length);
  }
  Status send(int new_status, Headers headers, std::string body) override {
    status = new_status;
    return exchange_.send(new_status, std::move(headers), std::move(body));
  }
  Status write(std::string_view bytes) override { return exchange_.write(bytes); }
  Status finish(Headers trailers) override { return exchange_.finish(std::move(trailers)); }
  bool closed() const override { return exchange_.closed(); }

  int status = 0;

 private:
  Exchange& exchange_;
};

constexpr std::array<std::string_view, 7> kConnectionHeaders = {
    "Connection", "Transfer-Encoding", "Content-Length", "Keep-Alive", "Upgrade", "Proxy-Connection", "Date"};

}  // namespace

std::string_view http_date() {
  constexpr std::array<std::string_view, 7> kDays = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                        "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  thread_local std::time_t formatted = 0;
  thread_local std::string text;
  const std::time_t now = std::time(nullptr);
  if (now == formatted && !text.empty()) return text;
  std::tm utc{};
  gmtime_r(&now, &utc);
  text = fmt::format("{}, {:02} {} {:04} {:02}:{:02}:{:02} GMT", kDays[static_cast<std::size_t>(utc.tm_wday)],
                     utc.tm_mday, kMonths[static_cast<std::size_t>(utc.tm_mon)], utc.tm_year + 1900,
                     utc.tm_hour, utc.tm_min, utc.tm_sec);
  formatted = now;
  return text;
}

std::string random_request_id() {
  std::array<unsigned char, 16> bytes{};
  // At most 256 bytes never come short and never block once the system has started.
  if (::getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) return "";
  bytes[6] = static_cast<unsigned char>((bytes[6] & 0x0f) | 0x40);
  bytes[8] = static_cast<unsigned char>((bytes[8] & 0x3f) | 0x80);
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string id;
  id.reserve(36);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) id += '-';
    id += kDigits[bytes[i] >> 4];
    id += kDigits[bytes[i] & 0x0f];
  }
  return id;
}

void send_error(Exchange& exchange, int status, std::string_view message) {
  Headers headers{{"Content-Type", "application/json"}};
  if (status == 503) headers.add("Retry-After", "1");
  // The client may have gone: then nobody is left to tell.
  (void)exchange.send(status, std::move(headers), fmt::format("{{\"message\":{}}}", json_quote(message)));
}

Core::Core(ServerOptions server_options, Handler handler)
    : options(std::move(server_options)),
      handler_(std::move(handler)),
      workers_(options.workers, options.waiting_requests) {}

std::string Core::make_request_id() const {
  return options.make_request_id ? options.make_request_id() : random_request_id();
}

void Core::complete(ResponseHead& head, const std::string& request_id) const {
  for (const std::string_view name : kConnectionHeaders) head.headers.remove(name);
  head.headers.add("Date", http_date());
  const std::string& name = options.request_id_header;
  if (!name.empty() && !head.headers.contains(name)) head.headers.add(name, request_id);
}

void Core::submit(std::shared_ptr<Exchange> exchange, Request request) {
  Exchange& held = *exchange;
  // std::function wants to be copyable, a Request is not.
  auto shared = std::make_shared<Request>(std::move(request));
  const bool taken = workers_.try_submit([this, exchange = std::move(exchange), shared = std::move(shared)] {
    if (!exchange->abandoned()) run(*exchange, *shared);
  });
  if (!taken) send_error(held, 503, "too many requests are being answered; try again");
}

void Core::run(Exchange& exchange, Request& request) const {
  const log::Scope scope({"request", request.id});
  const auto start = std::chrono::steady_clock::now();
  StatusRecorder recorder(exchange);
  try {
    ResponseWriter writer(recorder);
    handler_(request, writer);
  } catch (const std::exception& error) {
    log::error("a handler threw", {{"method", request.method}, {"what", error.what()}});
  }
  if (!exchange.handler_returned()) {
    recorder.status = exchange.status_of_silence();
    send_error(exchange, recorder.status,
               recorder.status == 500 ? "the server could not answer this request"
                                      : "the request's body was not whole");
  }
  if (options.on_request) {
    options.on_request({request.id, request.method, request.target, request.version, recorder.status,
                        std::chrono::steady_clock::now() - start});
  }
}

}  // namespace outcrop::http
