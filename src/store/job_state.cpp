#include "store/jobs.h"

#include <algorithm>
#include <array>

namespace outcrop::store {
namespace {

struct Name {
  JobState state;
  std::string_view text;
};

constexpr std::array kNames = {
    Name{JobState::queued, "queued"},     Name{JobState::running, "running"},
    Name{JobState::stopping, "stopping"}, Name{JobState::succeeded, "succeeded"},
    Name{JobState::failed, "failed"},     Name{JobState::stopped, "stopped"},
};

}  // namespace

std::string_view to_string(JobState state) noexcept {
  return std::ranges::find(kNames, state, &Name::state)->text;
}

std::optional<JobState> parse_job_state(std::string_view text) noexcept {
  const auto* const found = std::ranges::find(kNames, text, &Name::text);
  if (found == kNames.end()) return std::nullopt;
  return found->state;
}

}  // namespace outcrop::store
