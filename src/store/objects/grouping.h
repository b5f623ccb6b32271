#pragma once
// The part of S3's lists that all of them share: a prefix selects, a delimiter folds keys into common prefixes,
// a page ends after so many of both. Private to the object service.

#include "store/object_index.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace outcrop::store::objects {

/// The smallest text above every text that begins with `prefix`; nothing when there is none (only 0xff bytes).
std::optional<std::string> after_prefix(std::string_view prefix);

/// The smallest key above `key`.
inline std::string after_key(std::string_view key) {
  return std::string(key) + '\0';
}

/// Decides for one row after the other what becomes of it. The rows come in the order of their keys.
class Grouping {
 public:
  Grouping(std::string prefix, std::string delimiter, int max_items)
      : prefix_(std::move(prefix)), delimiter_(std::move(delimiter)), max_items_(max_items) {}

  /// Where the rows begin that can be on the page, for a marker that is the last item of the page before (or
  /// any text): a marker that is a common prefix has all its keys behind it.
  std::string start_after_marker(std::string_view marker) const;

  /// The first key of a list that begins at `from`.
  std::string start_at(std::string_view from) const;

  /// The common prefix of a key that was not folded yet, if it has one.
  std::optional<std::string> common_prefix(std::string_view key) const;

  /// `take` is called when the row itself is an item.
  template <class Take>
  ScanStep visit(const std::string& key, Take take) {
    if (!std::string_view(key).starts_with(prefix_)) return ScanStep::stop();
    if (items_ == max_items_) {
      truncated_ = true;
      return ScanStep::stop();
    }
    ++items_;
    std::optional<std::string> folded = common_prefix(key);
    if (!folded) {
      take();
      return ScanStep::next();
    }
    common_prefixes_.push_back(*folded);
    std::optional<std::string> behind = after_prefix(*folded);
    return behind ? ScanStep::seek(*std::move(behind)) : ScanStep::stop();
  }

  bool truncated() const noexcept { return truncated_; }
  std::vector<std::string> take_common_prefixes() { return std::move(common_prefixes_); }
  const std::vector<std::string>& common_prefixes() const noexcept { return common_prefixes_; }

 private:
  std::string prefix_;
  std::string delimiter_;
  int max_items_;
  int items_ = 0;
  bool truncated_ = false;
  std::vector<std::string> common_prefixes_;
};

}  // namespace outcrop::store::objects
