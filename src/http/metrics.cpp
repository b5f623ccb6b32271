#include "http/metrics.h"

#include "base/check.h"
#include "base/text.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <variant>

#include <fmt/format.h>

namespace outcrop::http {
namespace {

using Metric = std::variant<std::unique_ptr<Counter>, std::unique_ptr<Gauge>, std::unique_ptr<Histogram>>;

struct Family {
  std::string kind;
  std::string help;
  std::vector<double> bounds;              // of a histogram
  std::map<std::string, Metric> by_label;  // by the labels as they are printed, without braces
};

bool is_letter(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

bool is_name(std::string_view text, bool colons) noexcept {
  if (text.empty() || (text.front() >= '0' && text.front() <= '9')) return false;
  return std::ranges::all_of(
      text, [colons](char c) { return is_letter(c) || (c >= '0' && c <= '9') || (colons && c == ':'); });
}

/// Backslash and line feed are escaped everywhere, quotes in label values only.
std::string escape(std::string_view text, bool quotes) {
  std::string out;
  for (const char c : text) {
    if (c == '\\') {
      out += "\\\\";
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '"' && quotes) {
      out += "\\\"";
    } else {
      out += c;
    }
  }
  return out;
}

std::string format_value(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  return fmt::format("{}", value);
}

/// `name="value",…` in the order of names, as Prometheus compares label sets.
Result<std::string> format_labels(std::string_view metric, std::string_view kind, Labels labels) {
  std::ranges::sort(labels);
  std::string out;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const auto& [name, value] = labels[i];
    const bool reserved = name.starts_with("__") || (kind == "histogram" && name == "le");
    const bool twice = i > 0 && labels[i - 1].first == name;
    if (!is_name(name, /*colons=*/false) || reserved || twice || valid_utf8_prefix(value) != value.size()) {
      return fail(Code::invalid_argument,
                  fmt::format("metric {}: label '{}' is malformed, reserved or named twice", metric, name));
    }
    out += fmt::format("{}{}=\"{}\"", i > 0 ? "," : "", name, escape(value, /*quotes=*/true));
  }
  return out;
}

void append_sample(std::string& out, std::string_view name, std::string_view labels, std::string_view value) {
  out += name;
  if (!labels.empty()) out += fmt::format("{{{}}}", labels);
  out += fmt::format(" {}\n", value);
}

void append_histogram(std::string& out, std::string_view name, std::string_view labels,
                      const Histogram& histogram) {
  const Histogram::Snapshot snapshot = histogram.snapshot();
  const std::string_view comma = labels.empty() ? "" : ",";
  for (std::size_t i = 0; i < snapshot.cumulative.size(); ++i) {
    const bool last = i == histogram.bounds().size();
    const std::string bound = last ? "+Inf" : format_value(histogram.bounds()[i]);
    append_sample(out, fmt::format("{}_bucket", name), fmt::format("{}{}le=\"{}\"", labels, comma, bound),
                  fmt::format("{}", snapshot.cumulative[i]));
  }
  append_sample(out, fmt::format("{}_sum", name), labels, format_value(snapshot.sum));
  append_sample(out, fmt::format("{}_count", name), labels, fmt::format("{}", snapshot.cumulative.back()));
}

}  // namespace

void Counter::add(double amount) {
  CHECK(amount >= 0.0, "a counter only grows");
  const std::lock_guard lock(mu_);
  value_ += amount;
}

double Counter::value() const {
  const std::lock_guard lock(mu_);
  return value_;
}

void Gauge::set(double value) {
  const std::lock_guard lock(mu_);
  value_ = value;
}

void Gauge::add(double amount) {
  const std::lock_guard lock(mu_);
  value_ += amount;
}

double Gauge::value() const {
  const std::lock_guard lock(mu_);
  return value_;
}

Histogram::Histogram(std::vector<double> bounds) : bounds_(std::move(bounds)), counts_(bounds_.size() + 1) {}

void Histogram::observe(double value) {
  const auto bucket = std::ranges::lower_bound(bounds_, value) - bounds_.begin();
  const std::lock_guard lock(mu_);
  ++counts_[static_cast<std::size_t>(bucket)];
  sum_ += value;
}

Histogram::Snapshot Histogram::snapshot() const {
  Snapshot snapshot;
  const std::lock_guard lock(mu_);
  std::uint64_t total = 0;
  for (const std::uint64_t count : counts_) snapshot.cumulative.push_back(total += count);
  snapshot.sum = sum_;
  return snapshot;
}

std::vector<double> latency_bounds() {
  return {0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0};
}

struct MetricsRegistry::Impl {
  mutable std::mutex mu;
  std::map<std::string, Family, std::less<>> families;  // guarded by mu

  template <class T, class Make>
  Result<T*> get(std::string_view name, std::string_view kind, std::string_view help,
                 const std::vector<double>& bounds, const Labels& labels, Make&& make) {
    if (!is_name(name, /*colons=*/true)) {
      return fail(Code::invalid_argument, fmt::format("'{}' is no name of a metric", name));
    }
    OUTCROP_TRY(const std::string printed, format_labels(name, kind, labels));
    const std::lock_guard lock(mu);
    Family& family =
        families.try_emplace(std::string(name), Family{std::string(kind), std::string(help), bounds, {}})
            .first->second;
    if (family.kind != kind || family.help != help || family.bounds != bounds) {
      return fail(Code::conflict, fmt::format("metric {} exists as a {} with another help text or other bounds",
                                              name, family.kind));
    }
    const auto [found, added] = family.by_label.try_emplace(printed);
    if (added) found->second = std::unique_ptr<T>(make());
    return std::get<std::unique_ptr<T>>(found->second).get();
  }
};

MetricsRegistry::MetricsRegistry() : impl_(std::make_unique<Impl>()) {}
MetricsRegistry::~MetricsRegistry() = default;

Result<Counter*> MetricsRegistry::counter(std::string_view name, std::string_view help, const Labels& labels) {
  if (!name.ends_with("_total")) {
    return fail(Code::invalid_argument, fmt::format("counter {}: a counter's name ends in _total", name));
  }
  return impl_->get<Counter>(name, "counter", help, {}, labels, [] { return std::make_unique<Counter>(); });
}

Result<Gauge*> MetricsRegistry::gauge(std::string_view name, std::string_view help, const Labels& labels) {
  return impl_->get<Gauge>(name, "gauge", help, {}, labels, [] { return std::make_unique<Gauge>(); });
}

Result<Histogram*> MetricsRegistry::histogram(std::string_view name, std::string_view help,
                                              std::vector<double> bounds, const Labels& labels) {
  const bool rising = std::ranges::adjacent_find(bounds, std::greater_equal<>()) == bounds.end();
  if (bounds.empty() || !rising || !std::ranges::all_of(bounds, [](double b) { return std::isfinite(b); })) {
    return fail(Code::invalid_argument, fmt::format("histogram {}: bounds are finite and rise", name));
  }
  return impl_->get<Histogram>(name, "histogram", help, bounds, labels,
                               [&] { return std::make_unique<Histogram>(bounds); });
}

std::string MetricsRegistry::text() const {
  const std::lock_guard lock(impl_->mu);
  std::string out;
  for (const auto& [name, family] : impl_->families) {
    out += fmt::format("# HELP {} {}\n# TYPE {} {}\n", name, escape(family.help, /*quotes=*/false), name,
                       family.kind);
    for (const auto& [labels, metric] : family.by_label) {
      if (const auto* counter = std::get_if<std::unique_ptr<Counter>>(&metric)) {
        append_sample(out, name, labels, format_value((*counter)->value()));
      } else if (const auto* gauge = std::get_if<std::unique_ptr<Gauge>>(&metric)) {
        append_sample(out, name, labels, format_value((*gauge)->value()));
      } else {
        append_histogram(out, name, labels, *std::get<std::unique_ptr<Histogram>>(metric));
      }
    }
  }
  return out;
}

}  // namespace outcrop::http
