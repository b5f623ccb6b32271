#pragma once
// Points in time as the store keeps them, and the clock it reads. A database's own clock decides about leases;
// for SQLite that is this host's clock, or the one a test passes in.

#include <chrono>
#include <cstdint>
#include <functional>

namespace outcrop::store {

using Duration = std::chrono::milliseconds;
using Time = std::chrono::sys_time<Duration>;

/// Must be callable from several threads at once.
using Clock = std::function<Time()>;

/// The host's clock, cut to milliseconds.
Time system_time();

inline std::int64_t to_milliseconds(Time time) {
  return time.time_since_epoch().count();
}
inline Time from_milliseconds(std::int64_t value) {
  return Time(Duration(value));
}

}  // namespace outcrop::store
