#include "http/health.h"

#include "http/request.h"

#include <algorithm>
#include <array>

namespace outcrop::http {
namespace {

constexpr std::string_view kText = "text/plain; charset=utf-8";
constexpr std::array<std::string_view, 7> kMethods = {"GET",    "HEAD",  "POST",   "PUT",
                                                      "DELETE", "PATCH", "OPTIONS"};

constexpr std::string_view kRequests = "outcrop_http_requests_total";
constexpr std::string_view kRequestsHelp = "Requests that a handler has answered.";
constexpr std::string_view kDuration = "outcrop_http_request_duration_seconds";
constexpr std::string_view kDurationHelp =
    "Time from a request's start on a worker until its handler returned.";

void send_text(ResponseWriter& response, int status, std::string_view type, std::string text) {
  response.headers().set("Cache-Control", "no-store");
  // The client may have gone: then nobody is left to tell.
  (void)response.send(status, type, std::move(text));
}

}  // namespace

Handler health_handler() {
  return [](Request&, ResponseWriter& response) { send_text(response, 200, kText, "ok\n"); };
}

Handler ready_handler(std::function<std::string()> why_not) {
  return [why_not = std::move(why_not)](Request&, ResponseWriter& response) {
    std::string reason = why_not();
    const int status = reason.empty() ? 200 : 503;
    send_text(response, status, kText, (reason.empty() ? "ready" : std::move(reason)) + "\n");
  };
}

Handler metrics_handler(const MetricsRegistry& registry) {
  return [&registry](Request&, ResponseWriter& response) {
    send_text(response, 200, MetricsRegistry::kContentType, registry.text());
  };
}

Result<std::function<void(const RequestSummary&)>> request_metrics(MetricsRegistry& registry) {
  // Names and help are right if they are right once.
  OUTCROP_TRY(Histogram* const first,
              registry.histogram(kDuration, kDurationHelp, latency_bounds(),
                                 {{"version", std::string(to_string(Version::http_1_1))}}));
  (void)first;
  return std::function<void(const RequestSummary&)>([&registry](const RequestSummary& summary) {
    const bool common = std::ranges::find(kMethods, summary.method) != kMethods.end();
    const std::string version(to_string(summary.version));
    const auto requests = registry.counter(kRequests, kRequestsHelp,
                                           {{"method", common ? summary.method : "other"},
                                            {"status", std::to_string(summary.status)},
                                            {"version", version}});
    if (requests) (*requests)->add();
    const auto duration =
        registry.histogram(kDuration, kDurationHelp, latency_bounds(), {{"version", version}});
    if (duration) (*duration)->observe(std::chrono::duration<double>(summary.duration).count());
  });
}

}  // namespace outcrop::http
