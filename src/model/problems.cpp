#include "model/problems.h"

#include <fmt/format.h>

namespace outcrop::model {

void Problems::add(std::string line) {
  if (count_++ < kMost) lines_.push_back(std::move(line));
}

tl::unexpected<Error> Problems::as_error(Code code, std::string_view head) const {
  if (count_ == 1) return fail(code, fmt::format("{}: {}", head, lines_.front()));
  std::string message = fmt::format("{}: {} problems", head, count_);
  for (const std::string& line : lines_) message += "\n  " + line;
  if (count_ > lines_.size()) message += fmt::format("\n  and {} more", count_ - lines_.size());
  return fail(code, std::move(message));
}

}  // namespace outcrop::model
