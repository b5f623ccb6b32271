#pragma once
// The handlers behind /healthz, /readyz and /metrics.

#include "http/metrics.h"
#include "http/response.h"
#include "http/server.h"

#include <functional>
#include <string>

namespace outcrop::http {

/// 200 "ok": the process answers.
Handler health_handler();

/// 200 "ready" while `why_not` gives an empty text; else 503 with the text.
Handler ready_handler(std::function<std::string()> why_not);

/// The registry's page. The registry must outlive the handler.
Handler metrics_handler(const MetricsRegistry& registry);

/// For ServerOptions::on_request: outcrop_http_requests_total{method,status,version} and
/// outcrop_http_request_duration_seconds{version}. Methods beyond the common ones count as "other", so that a
/// client cannot make series. The registry must outlive it.
Result<std::function<void(const RequestSummary&)>> request_metrics(MetricsRegistry& registry);

}  // namespace outcrop::http
