#pragma once
// events.jsonl and metrics.csv of a run folder: appended line by line, cut back to a checkpoint's step on
// resume so that no step appears twice.

#include "base/files.h"
#include "base/result.h"
#include "json/json.h"

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace outcrop::train {

struct MetricsRow {
  std::int64_t step = 0;
  double epoch = 0.0;
  double loss = 0.0;  ///< nats per target token
  double learning_rate = 0.0;
  double gradient_norm = 0.0;
  double tokens_per_second = 0.0;
};

inline constexpr std::string_view kMetricsHeader =
    "step,epoch,loss,perplexity,learning_rate,gradient_norm,tokens_per_second\n";

/// Not thread-safe. A crash can cut at most the last line of each file; reading and resuming skip it.
class RunLog {
 public:
  /// Empties both files.
  static Result<RunLog> start(const Path& folder);
  /// Keeps the lines of steps up to `step`, drops later and broken ones.
  static Result<RunLog> resume(const Path& folder, std::int64_t step);

  /// {"time": …, "event": name, "step": step, fields…}
  Status event(std::string_view name, std::int64_t step, std::vector<std::pair<std::string, Json>> fields = {});
  Status metrics(const MetricsRow& row);
  /// Both files are on disk at return.
  Status sync();

 private:
  RunLog(AppendFile events, AppendFile metrics) : events_(std::move(events)), metrics_(std::move(metrics)) {}
  AppendFile events_;
  AppendFile metrics_;
};

/// The rows of metrics.csv up to `step`, broken lines left out; empty when there is no file.
std::vector<MetricsRow> read_metrics(const Path& folder, std::int64_t step);

}  // namespace outcrop::train
