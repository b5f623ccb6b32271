#include "http/metrics.h"

#include "http/health.h"
#include "http/request.h"

#include <cmath>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace outcrop::http {
namespace {

struct Sample {
  std::string name;
  std::vector<std::pair<std::string, std::string>> labels;
  double value = 0.0;

  /// The series without one label.
  std::string without(std::string_view label) const {
    std::string text;
    for (const auto& [key, of] : labels) {
      if (key != label) text += key + '=' + of + ',';
    }
    return text;
  }
};

/// Takes [a-zA-Z_][a-zA-Z0-9_]* (and ':' in names of metrics) off the front; empty if there is none.
std::string take_name(std::string_view& text, std::string_view also) {
  const auto fits = [&](char c, bool first) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
    return letter || also.find(c) != std::string_view::npos || (!first && c >= '0' && c <= '9');
  };
  std::size_t end = 0;
  while (end < text.size() && fits(text[end], end == 0)) ++end;
  const std::string name(text.substr(0, end));
  text.remove_prefix(end);
  return name;
}

bool take(std::string_view& text, std::string_view word) {
  if (!text.starts_with(word)) return false;
  text.remove_prefix(word.size());
  return true;
}

/// A label's value in quotes, where only \\, \" and \n are escaped.
std::optional<std::string> take_quoted(std::string_view& text) {
  if (!take(text, "\"")) return std::nullopt;
  std::string value;
  while (!text.empty() && text.front() != '"') {
    if (text.front() == '\\') {
      if (text.size() < 2 || std::string_view("\\\"n").find(text[1]) == std::string_view::npos)
        return std::nullopt;
      value += text.front();
      text.remove_prefix(1);
    }
    value += text.front();
    text.remove_prefix(1);
  }
  return take(text, "\"") ? std::optional(value) : std::nullopt;
}

/// NAME{LABEL="VALUE",…} NUMBER, as the text format of Prometheus has it.
std::optional<Sample> parse_sample(std::string_view line) {
  Sample sample;
  sample.name = take_name(line, ":");
  if (sample.name.empty()) return std::nullopt;
  if (take(line, "{")) {
    while (!take(line, "}")) {
      std::string label = take_name(line, "");
      if (label.empty() || !take(line, "=")) return std::nullopt;
      std::optional<std::string> value = take_quoted(line);
      if (!value || (!take(line, ",") && !line.starts_with('}'))) return std::nullopt;
      sample.labels.emplace_back(std::move(label), *std::move(value));
    }
  }
  if (!take(line, " ") || line.empty()) return std::nullopt;
  if (line.find_first_not_of("0123456789.e+-NaInf") != std::string_view::npos) return std::nullopt;
  const std::string number(line);
  std::size_t used = 0;
  sample.value = std::stod(number, &used);
  return used == number.size() ? std::optional(sample) : std::nullopt;
}

/// What promtool check metrics and the text parser ask for: HELP and TYPE once and before the samples, families
/// together, each series once, samples that parse, histograms that rise to +Inf and agree with their count.
void check_page(const std::string& page) {
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
    const std::optional<Sample> sample = parse_sample(line);
    ASSERT_TRUE(sample) << line;
    const std::string& name = sample->name;
    ASSERT_FALSE(kind.empty()) << line;
    EXPECT_TRUE(series.insert(name + '{' + sample->without("")).second) << line;
    if (kind != "histogram") {
      EXPECT_EQ(name, family);
      EXPECT_TRUE(kind != "counter" || name.ends_with("_total")) << line;
      continue;
    }
    EXPECT_TRUE(name == family + "_bucket" || name == family + "_sum" || name == family + "_count") << line;
    if (name.ends_with("_sum")) continue;
    const std::string group = family + '{' + sample->without("le");
    const double value = sample->value;
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
