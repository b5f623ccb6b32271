#include "http/metrics.h"

#include "http/health.h"
#include "http/request.h"

#include <cmath>
#include <limits>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace outcrop::http {
namespace {

/// What promtool check metrics and the text parser ask for: HELP and TYPE once and before the samples, families
/// together, each series once, samples that parse, histograms that rise to +Inf and agree with their count.
void check_page(const std::string& page) {
  static const std::regex kSample(
      R"re(([a-zA-Z_:][a-zA-Z0-9_:]*)(\{(?:[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*",?)*\})? (NaN|[+-]Inf|-?[0-9.]+(?:e[+-]?[0-9]+)?))re");
  ASSERT_TRUE(page.empty() || page.back() == '\n');
  std::set<std::string> families;
  std::set<std::string> series;
  std::map<std::string, double> last_bucket;
  std::string family;
  std::string kind;
  std::istringstream lines(page);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string mark, word;
    if (line.starts_with("# HELP ")) {
      words >> mark >> word >> family;
      EXPECT_TRUE(families.insert(family).second) << line;
      kind.clear();
      continue;
    }
    if (line.starts_with("# TYPE ")) {
      words >> mark >> word >> word >> kind;
      EXPECT_EQ(word, family) << line;
      continue;
    }
    std::smatch match;
    ASSERT_TRUE(std::regex_match(line, match, kSample)) << line;
    const std::string name = match[1];
    const std::string labels = match[2];
    ASSERT_FALSE(kind.empty()) << line;
    EXPECT_TRUE(series.insert(name + labels).second) << line;
    if (kind != "histogram") {
      EXPECT_EQ(name, family);
      EXPECT_TRUE(kind != "counter" || name.ends_with("_total")) << line;
      continue;
    }
    EXPECT_TRUE(name == family + "_bucket" || name == family + "_sum" || name == family + "_count") << line;
    if (name.ends_with("_sum")) continue;
    const std::string group = family + std::regex_replace(labels, std::regex(R"re(,?le="[^"]*"|[{}])re"), "");
    const double value = std::stod(match[3]);
    if (name.ends_with("_bucket")) {
      EXPECT_GE(value, last_bucket[group]) << line;
      last_bucket[group] = value;
    } else {
      EXPECT_EQ(value, last_bucket[group]) << line;
      EXPECT_TRUE(page.find("le=\"+Inf\"") != std::string::npos);
    }
  }
}

TEST(Metrics, PrintsAPageThatPrometheusReads) {
  MetricsRegistry registry;
  (*registry.counter("b_total", "Back\\slash and\nline.", {{"path", "a\"b\\c\nd"}, {"code", "200"}}))->add(3);
  (*registry.counter("b_total", "Back\\slash and\nline.", {{"path", "other"}, {"code", "200"}}))->add(1e20);
  (*registry.gauge("a_bytes", "A gauge."))->set(-std::numeric_limits<double>::infinity());
  (*registry.gauge("n", "Not a number."))->set(std::nan(""));
  Histogram* histogram = *registry.histogram("h_seconds", "A histogram.", {0.1, 1.0, 10.0}, {{"m", "x"}});
  for (const double value : {0.05, 0.1, 5.0, 100.0}) histogram->observe(value);
  ASSERT_TRUE(registry.histogram("h_seconds", "A histogram.", {0.1, 1.0, 10.0}, {{"m", "y"}}));
  const std::string page = registry.text();
  check_page(page);
  EXPECT_THAT(page, testing::StartsWith("# HELP a_bytes A gauge.\n# TYPE a_bytes gauge\na_bytes -Inf\n"));
  EXPECT_THAT(page, testing::HasSubstr("# HELP b_total Back\\\\slash and\\nline.\n"));
  EXPECT_THAT(page, testing::HasSubstr("b_total{code=\"200\",path=\"a\\\"b\\\\c\\nd\"} 3\n"));
  EXPECT_THAT(page, testing::HasSubstr("h_seconds_bucket{m=\"x\",le=\"0.1\"} 2\n"));
  EXPECT_THAT(page, testing::HasSubstr("h_seconds_bucket{m=\"x\",le=\"+Inf\"} 4\n"));
  EXPECT_THAT(page, testing::HasSubstr("h_seconds_count{m=\"x\"} 4\n"));
}

TEST(Metrics, GivesTheSameMetricForTheSameLabels) {
  MetricsRegistry registry;
  Counter* first = *registry.counter("c_total", "C.", {{"a", "1"}, {"b", "2"}});
  EXPECT_EQ(first, *registry.counter("c_total", "C.", {{"b", "2"}, {"a", "1"}}));
  EXPECT_NE(first, *registry.counter("c_total", "C.", {{"a", "2"}, {"b", "2"}}));
}

TEST(Metrics, RefusesNamesThatBreakTheRules) {
  MetricsRegistry registry;
  ASSERT_TRUE(registry.counter("c_total", "C."));
  EXPECT_EQ(registry.counter("requests", "R.").error().code, Code::invalid_argument);
  EXPECT_EQ(registry.gauge("1a", "G.").error().code, Code::invalid_argument);
  EXPECT_EQ(registry.gauge("a-b", "G.").error().code, Code::invalid_argument);
  EXPECT_EQ(registry.gauge("g", "G.", {{"__x", ""}}).error().code, Code::invalid_argument);
  EXPECT_EQ(registry.gauge("g", "G.", {{"a:b", ""}}).error().code, Code::invalid_argument);
  EXPECT_EQ(registry.gauge("g", "G.", {{"x", "1"}, {"x", "2"}}).error().code, Code::invalid_argument);
  EXPECT_EQ(registry.gauge("g", "G.", {{"x", "\xff"}}).error().code, Code::invalid_argument);
  EXPECT_EQ(registry.gauge("c_total", "C.").error().code, Code::conflict);
  EXPECT_EQ(registry.counter("c_total", "D.").error().code, Code::conflict);
  EXPECT_EQ(registry.histogram("h", "H.", {1, 1}).error().code, Code::invalid_argument);
  EXPECT_EQ(registry.histogram("h", "H.", {1}, {{"le", "2"}}).error().code, Code::invalid_argument);
}

TEST(Metrics, CountsRequestsWithoutSeriesOfTheClientsChoice) {
  MetricsRegistry registry;
  const auto count = request_metrics(registry);
  ASSERT_TRUE(count);
  const std::string id, target = "/";
  for (const std::string method : {"GET", "GET", "BREW", "STIR"}) {
    (*count)({id, method, target, Version::http_2, 200, std::chrono::milliseconds(20)});
  }
  check_page(registry.text());
  EXPECT_THAT(registry.text(),
              testing::HasSubstr(R"(requests_total{method="other",status="200",version="HTTP/2"} 2)"));
}

TEST(Health, AnswersHealthReadinessAndMetrics) {
  MetricsRegistry registry;
  std::string reason = "loading a model";
  const auto ask = [](const Handler& handler) {
    Request request;
    RecordedResponse recorded;
    ResponseWriter response(recorded);
    handler(request, response);
    return recorded;
  };
  EXPECT_EQ(ask(health_handler()).body, "ok\n");
  const Handler ready = ready_handler([&] { return reason; });
  EXPECT_EQ(ask(ready).status, 503);
  EXPECT_EQ(ask(ready).body, "loading a model\n");
  reason.clear();
  EXPECT_EQ(ask(ready).status, 200);
  EXPECT_EQ(ask(metrics_handler(registry)).headers.get("Content-Type"), MetricsRegistry::kContentType);
}

}  // namespace
}  // namespace outcrop::http
