#include "store/time.h"

namespace outcrop::store {

Time system_time() {
  return std::chrono::floor<Duration>(std::chrono::system_clock::now());
}

}  // namespace outcrop::store
