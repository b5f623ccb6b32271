#pragma once
// Patience with a client: how slowly a body may come, and how often something may happen.

#include "http/server.h"

#include <algorithm>
#include <chrono>
#include <cstdint>

namespace outcrop::http {

/// The time that a body may still be waited for. It begins at the grace, waiting uses it up, and bytes give it
/// back at the least rate, up to the grace again.
class BodyPace {
 public:
  explicit BodyPace(const Timeouts& timeouts)
      : grace_(timeouts.body_grace), left_(grace_), bytes_per_second_(timeouts.body_bytes_per_second) {}

  void received(std::size_t bytes) noexcept {
    const double seconds =
        static_cast<double>(bytes) / static_cast<double>(std::max<std::uint64_t>(bytes_per_second_, 1));
    const double capped = std::min(seconds, std::chrono::duration<double>(grace_).count());
    const auto gained =
        std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::duration<double>(capped));
    left_ = std::min<std::chrono::nanoseconds>(grace_, left_ + gained);
  }
  void waited(std::chrono::nanoseconds time) noexcept { left_ -= time; }
  std::chrono::nanoseconds left() const noexcept { return std::max(left_, std::chrono::nanoseconds(0)); }
  bool used_up() const noexcept { return left_ <= std::chrono::nanoseconds(0); }

 private:
  std::chrono::nanoseconds grace_;
  std::chrono::nanoseconds left_;
  std::uint64_t bytes_per_second_;
};

/// Allows `burst` events at once and `per_second` in the long run.
class TokenBucket {
 public:
  TokenBucket(std::uint64_t burst, std::uint64_t per_second)
      : burst_(static_cast<double>(burst)), per_second_(static_cast<double>(per_second)), tokens_(burst_) {}

  /// false when the allowance is used up.
  bool take(std::chrono::steady_clock::time_point now) noexcept {
    if (last_ != std::chrono::steady_clock::time_point{}) {
      tokens_ = std::min(burst_, tokens_ + per_second_ * std::chrono::duration<double>(now - last_).count());
    }
    last_ = now;
    if (tokens_ < 1.0) return false;
    tokens_ -= 1.0;
    return true;
  }

 private:
  double burst_;
  double per_second_;
  double tokens_;
  std::chrono::steady_clock::time_point last_{};
};

}  // namespace outcrop::http
