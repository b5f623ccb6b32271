#include "train/run_log.h"

#include <charconv>
#include <chrono>
#include <cmath>
#include <ctime>
#include <optional>

#include <fmt/format.h>

namespace outcrop::train {
namespace {

constexpr std::string_view kEventsName = "events.jsonl";
constexpr std::string_view kMetricsName = "metrics.csv";

std::string timestamp() {
  const auto now = std::chrono::system_clock::now();
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count();
  const auto seconds = static_cast<std::time_t>(ms / 1000);
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", utc.tm_year + 1900, utc.tm_mon + 1,
                     utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec, ms % 1000);
}

/// Calls keep on every whole line (newline left out) and returns those it keeps.
template <class Keep>
std::string filter_lines(std::string_view text, Keep&& keep) {
  std::string kept;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    if (end == std::string_view::npos) break;  // cut by a crash
    if (keep(text.substr(0, end))) kept += text.substr(0, end + 1);
    text.remove_prefix(end + 1);
  }
  return kept;
}

std::optional<MetricsRow> parse_metrics(std::string_view line) {
  double values[7] = {};
  for (std::size_t i = 0; i < 7; ++i) {
    const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), values[i]);
    if (error != std::errc{}) return std::nullopt;
    line.remove_prefix(static_cast<std::size_t>(end - line.data()));
    if (i == 6) break;
    if (line.empty() || line.front() != ',') return std::nullopt;
    line.remove_prefix(1);
  }
  if (!line.empty()) return std::nullopt;
  return MetricsRow{
      static_cast<std::int64_t>(values[0]), values[1], values[2], values[4], values[5], values[6]};
}

Result<std::string> read_if_there(const Path& path) {
  auto text = read_file(path);
  if (!text && text.error().code == Code::not_found) return std::string();
  return text;
}

}  // namespace

Result<RunLog> RunLog::start(const Path& folder) {
  OUTCROP_CHECK_OK(write_file_atomic(folder / kEventsName, ""));
  OUTCROP_CHECK_OK(write_file_atomic(folder / kMetricsName, kMetricsHeader));
  OUTCROP_TRY(AppendFile events, AppendFile::open(folder / kEventsName));
  OUTCROP_TRY(AppendFile metrics, AppendFile::open(folder / kMetricsName));
  return RunLog(std::move(events), std::move(metrics));
}

Result<RunLog> RunLog::resume(const Path& folder, std::int64_t step) {
  OUTCROP_TRY(const std::string events, read_if_there(folder / kEventsName));
  OUTCROP_TRY(const std::string metrics, read_if_there(folder / kMetricsName));
  const std::string kept_events = filter_lines(events, [&](std::string_view line) {
    const auto event = Json::parse(line);
    return event && (*event)["step"].as_int().value_or(step + 1) <= step;
  });
  const std::string kept_metrics = filter_lines(metrics, [&](std::string_view line) {
    const auto row = parse_metrics(line);
    return row && row->step <= step;
  });
  OUTCROP_CHECK_OK(write_file_atomic(folder / kEventsName, kept_events));
  OUTCROP_CHECK_OK(write_file_atomic(folder / kMetricsName, std::string(kMetricsHeader) + kept_metrics));
  OUTCROP_TRY(AppendFile event_file, AppendFile::open(folder / kEventsName));
  OUTCROP_TRY(AppendFile metrics_file, AppendFile::open(folder / kMetricsName));
  return RunLog(std::move(event_file), std::move(metrics_file));
}

Status RunLog::event(std::string_view name, std::int64_t step,
                     std::vector<std::pair<std::string, Json>> fields) {
  Json line = Json::object({{"time", timestamp()}, {"event", name}, {"step", step}});
  for (auto& [key, value] : fields) line.set(key, std::move(value));
  return events_.append(line.dump() + '\n');
}

Status RunLog::metrics(const MetricsRow& row) {
  return metrics_.append(fmt::format("{},{:.6g},{},{:.6g},{:.6g},{:.6g},{:.6g}\n", row.step, row.epoch,
                                     row.loss, std::exp(row.loss), row.learning_rate, row.gradient_norm,
                                     row.tokens_per_second));
}

Status RunLog::sync() {
  OUTCROP_CHECK_OK(events_.sync());
  return metrics_.sync();
}

std::vector<MetricsRow> read_metrics(const Path& folder, std::int64_t step) {
  std::vector<MetricsRow> rows;
  const auto text = read_file(folder / kMetricsName);
  if (!text) return rows;
  filter_lines(*text, [&](std::string_view line) {
    if (const auto row = parse_metrics(line); row && row->step <= step) rows.push_back(*row);
    return false;
  });
  return rows;
}

}  // namespace outcrop::train
