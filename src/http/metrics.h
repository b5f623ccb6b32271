#pragma once
// Counters, gauges and histograms, and their page in Prometheus' text format (version 0.0.4). Create each once
// and keep the reference; changing one is a lock and an addition.

#include "base/result.h"

#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace outcrop::http {

using Labels = std::vector<std::pair<std::string, std::string>>;

/// Only grows. Thread-safe.
class Counter {
 public:
  void add(double amount = 1.0);  ///< a negative amount is a bug
  double value() const;

 private:
  mutable std::mutex mu_;
  double value_ = 0.0;  // guarded by mu_
};

/// Thread-safe.
class Gauge {
 public:
  void set(double value);
  void add(double amount);
  double value() const;

 private:
  mutable std::mutex mu_;
  double value_ = 0.0;  // guarded by mu_
};

/// Counts observations by upper bounds. Thread-safe.
class Histogram {
 public:
  /// Bounds in rising order; +Inf is added.
  explicit Histogram(std::vector<double> bounds);
  void observe(double value);

  struct Snapshot {
    std::vector<std::uint64_t> cumulative;  ///< one for each bound, then for +Inf
    double sum = 0.0;
  };
  Snapshot snapshot() const;
  std::span<const double> bounds() const noexcept { return bounds_; }

 private:
  const std::vector<double> bounds_;
  mutable std::mutex mu_;
  std::vector<std::uint64_t> counts_;  // guarded by mu_
  double sum_ = 0.0;                   // guarded by mu_
};

/// 5 ms to 10 s, for durations in seconds.
std::vector<double> latency_bounds();

/// Owns the metrics; references stay valid as long as it lives. Thread-safe.
/// Names follow Prometheus: [a-zA-Z_:][a-zA-Z0-9_:]*, base units, counters end in _total. One name has one kind
/// and one help text; asking again with the same labels gives the same metric. invalid_argument for a name or
/// label that breaks the rules, conflict when the name has another kind, help or bounds.
class MetricsRegistry {
 public:
  MetricsRegistry();
  ~MetricsRegistry();

  Result<Counter*> counter(std::string_view name, std::string_view help, const Labels& labels = {});
  Result<Gauge*> gauge(std::string_view name, std::string_view help, const Labels& labels = {});
  Result<Histogram*> histogram(std::string_view name, std::string_view help, std::vector<double> bounds,
                               const Labels& labels = {});

  /// The whole page, families and series in the order of their names.
  std::string text() const;

  static constexpr std::string_view kContentType = "text/plain; version=0.0.4; charset=utf-8";

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace outcrop::http
