#pragma once
// Several problems of one input, told together: a person fixes all of them at once.

#include "base/result.h"

#include <string>
#include <string_view>
#include <vector>

namespace outcrop::model {

/// Collects up to 100 lines and counts the rest.
class Problems {
 public:
  void add(std::string line);
  bool empty() const noexcept { return count_ == 0; }
  /// "HEAD: 3 problems" and one line each.
  tl::unexpected<Error> as_error(Code code, std::string_view head) const;

 private:
  static constexpr std::size_t kMost = 100;
  std::vector<std::string> lines_;
  std::size_t count_ = 0;
};

}  // namespace outcrop::model
