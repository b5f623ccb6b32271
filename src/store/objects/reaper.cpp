#include "store/objects/reaper.h"

#include "base/log.h"

namespace outcrop::store::objects {

Reaper::Ticket Reaper::enter() {
  const std::lock_guard lock(mu_);
  const std::uint64_t number = next_++;
  tickets_.insert(number);
  return Ticket(this, number);
}

void Reaper::bury(const std::vector<std::string>& blobs) {
  if (blobs.empty()) return;
  std::vector<std::string> ready;
  {
    const std::lock_guard lock(mu_);
    buried_.emplace(next_++, blobs);
    ready = take_unprotected();
  }
  remove(ready);
}

void Reaper::leave(std::uint64_t number) {
  std::vector<std::string> ready;
  {
    const std::lock_guard lock(mu_);
    tickets_.erase(number);
    ready = take_unprotected();
  }
  remove(ready);
}

std::vector<std::string> Reaper::take_unprotected() {
  std::vector<std::string> ready;
  while (!buried_.empty() && (tickets_.empty() || buried_.begin()->first < *tickets_.begin())) {
    auto& blobs = buried_.begin()->second;
    ready.insert(ready.end(), std::make_move_iterator(blobs.begin()), std::make_move_iterator(blobs.end()));
    buried_.erase(buried_.begin());
  }
  return ready;
}

void Reaper::remove(const std::vector<std::string>& blobs) {
  for (const std::string& blob : blobs) {
    // It stays an orphan, which the next start clears.
    if (const Status removed = blobs_.remove(blob); !removed) {
      log::warning("blob not removed", {{"reason", removed.error().message}});
    }
  }
}

}  // namespace outcrop::store::objects
