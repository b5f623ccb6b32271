#include "infer/stop_filter.h"

#include "base/text.h"

#include <algorithm>

#include <fmt/format.h>

namespace outcrop::infer {

Status check_stop_sequences(std::span<const std::string> stop) {
  for (std::size_t i = 0; i < stop.size(); ++i) {
    if (stop[i].empty()) return fail(Code::invalid_argument, fmt::format("stop sequence {} is empty", i + 1));
    if (valid_utf8_prefix(stop[i]) != stop[i].size()) {
      return fail(Code::invalid_argument, fmt::format("stop sequence {} is not UTF-8", i + 1));
    }
  }
  return {};
}

/// Length of the longest end of held_ that begins a stop sequence without completing it.
std::size_t StopFilter::held_suffix() const noexcept {
  std::size_t longest = 0;
  for (const std::string& stop : stop_) {
    const std::string_view sequence = stop;
    for (std::size_t n = std::min(sequence.size() - 1, held_.size()); n > longest; --n) {
      if (std::string_view(held_).ends_with(sequence.substr(0, n))) longest = n;
    }
  }
  return longest;
}

std::string StopFilter::push(std::string_view text) {
  if (stopped_) return {};
  held_.append(text);
  // The sequence that is completed first wins, so that the cut does not depend on how the text arrives.
  std::size_t begin = 0;
  std::size_t end = std::string::npos;
  for (const std::string& stop : stop_) {
    const std::size_t at = held_.find(stop);
    if (at == std::string::npos || at + stop.size() > end) continue;
    if (at + stop.size() < end || at < begin) begin = at;
    end = at + stop.size();
  }
  if (end != std::string::npos) {
    stopped_ = true;
    std::string out = held_.substr(0, begin);
    held_.clear();
    return out;
  }
  const std::size_t certain = held_.size() - held_suffix();
  std::string out = held_.substr(0, certain);
  held_.erase(0, certain);
  return out;
}

std::string StopFilter::finish() {
  std::string out;
  out.swap(held_);
  return out;
}

}  // namespace outcrop::infer
