#pragma once
// Lets text through as it grows, except for what is, or may still become, a stop sequence.

#include "base/result.h"

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace outcrop::infer {

/// invalid_argument for an empty stop sequence and for one that is not UTF-8.
Status check_stop_sequences(std::span<const std::string> stop);

/// Fed with whole UTF-8 characters it emits whole ones. One text each; not thread-safe.
class StopFilter {
 public:
  explicit StopFilter(std::vector<std::string> stop) : stop_(std::move(stop)) {}

  /// The text that is certain now. The stop sequence completed first ends the text (of two that are completed
  /// by the same character, the longer); nothing comes out after it.
  std::string push(std::string_view text);
  /// What was held back, once no more text comes.
  std::string finish();
  bool stopped() const noexcept { return stopped_; }

 private:
  std::size_t held_suffix() const noexcept;

  std::vector<std::string> stop_;
  std::string held_;  ///< may be the beginning of a stop sequence
  bool stopped_ = false;
};

}  // namespace outcrop::infer
