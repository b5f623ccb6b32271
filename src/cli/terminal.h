#pragma once
// What a person sees: progress on standard error, tables and JSON on standard output.

#include "base/result.h"
#include "json/json.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace outcrop::cli {

/// Columns that a text takes, one a character: close enough for names, numbers and bars.
std::size_t display_width(std::string_view text) noexcept;

/// "training  42% [########----------]  loss 1.23, 4 min left" in at most `width` columns: the bar shrinks and
/// goes, then the details are cut. `fraction` from 0 to 1.
std::string render_progress(std::string_view label, double fraction, std::string_view details,
                            std::size_t width);

/// One line that is redrawn where standard error is a terminal. Elsewhere only notes are written: a log or a
/// program that reads along has no use for progress.
class ProgressLine {
 public:
  enum class Mode : std::uint8_t { silent, notes_only, redrawn };
  /// redrawn on a terminal, notes_only elsewhere; silent when quiet.
  static Mode mode_for(bool quiet);

  explicit ProgressLine(Mode mode) : mode_(mode) {}
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;
  ~ProgressLine() { clear(); }

  void update(std::string_view label, double fraction, std::string_view details);
  /// A whole line that stays, above the progress.
  void note(std::string_view text);
  /// Takes the redrawn line away.
  void clear();

 private:
  Mode mode_;
  bool shown_ = false;
  std::string last_label_;
  std::chrono::steady_clock::time_point last_{};
};

/// Left-aligned columns, numbers (columns named in `right`) right-aligned; two spaces between.
class Table {
 public:
  explicit Table(std::vector<std::string> header, std::vector<std::size_t> right = {})
      : right_(std::move(right)), rows_{std::move(header)} {}
  void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
  std::string render() const;

 private:
  std::vector<std::size_t> right_;
  std::vector<std::vector<std::string>> rows_;
};

/// "name:  value" lines with the values in one column.
std::string render_fields(const std::vector<std::pair<std::string, std::string>>& fields,
                          std::string_view indent = "");

/// To standard output. A reader that went away or a full disk shows in flush_output().
void print(std::string_view text);
void print_json_line(const Json& json);      ///< one event
void print_json_document(const Json& json);  ///< indented
/// io when something could not be written.
Status flush_output();

}  // namespace outcrop::cli
